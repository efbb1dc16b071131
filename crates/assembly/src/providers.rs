//! OpenID providers at which people sign in, as the configuration names them.

use doorward_auth::Mapping;
use doorward_config::{
    Settings,
    settings::{LinkBy, Provider},
};
use doorward_core::ports::Fetch;
use doorward_oauth::client::{ProviderSettings, RoleMap, Secret};
use doorward_tls::Authorities;
use std::sync::Arc;

/// How they are asked; `fetch` gives whoever asks one.
pub fn settings(settings: &Settings, fetch: impl Fn(Option<&Authorities>) -> Arc<dyn Fetch>) -> Vec<ProviderSettings> {
    let one = |provider: &Provider| ProviderSettings {
        name: Arc::clone(&provider.name),
        issuer: Arc::clone(&provider.issuer),
        client: Arc::clone(&provider.client_id),
        secret: provider.client_secret.as_ref().and_then(|secrets| secrets.0.first()).map(|secret| Secret::new(secret)),
        scopes: provider.scopes.clone(),
        also: provider.audience.clone(),
        mapping: match &provider.link {
            LinkBy::Subject => Mapping::Subject,
            LinkBy::Email => Mapping::Email,
            LinkBy::Create(prefix) => Mapping::Create(Arc::clone(prefix)),
        },
        roles: provider.roles_claim.clone().map(|claim| RoleMap { claim, roles: provider.roles.clone() }),
        fetch: fetch(provider.authorities.as_ref()),
    };
    settings.providers.iter().map(one).collect()
}
