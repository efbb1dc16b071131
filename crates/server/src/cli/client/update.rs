//! `doorward client update`.

use super::{
    details::{self, Details},
    settings,
    show::{describe, find},
};
use crate::cli::{context::Context, terminal::Failure, text::new_name};
use doorward_core::ports::{ClientChange, Grant};
use std::sync::Arc;

/// What is turned on or off.
pub(super) struct Turned {
    pub(super) enabled: Option<bool>,
    pub(super) end_tokens: bool,
    pub(super) unbound: bool,
}

pub(super) async fn update(
    context: &mut Context<'_>,
    id: &str,
    details: Details,
    Turned { enabled, end_tokens, unbound }: Turned,
) -> Result<(), Failure> {
    let settings = settings(context)?;
    let client = find(context, id).await?;
    if let Some(name) = &details.name {
        new_name("client's name", name)?;
    }
    let grants: Vec<Grant> = details.grants.iter().copied().map(Grant::from).collect();
    let given = |list: Vec<Arc<str>>| Some(list).filter(|list| !list.is_empty());
    let change = ClientChange {
        name: details.name.as_deref().map(Arc::from),
        redirect_uris: given(details::uris(&details.redirect_uris)?),
        post_logout_redirect_uris: given(details::uris(&details.post_logout_redirect_uris)?),
        grants: Some(grants).filter(|grants| !grants.is_empty()),
        scopes: given(details::scopes(&settings, &details.scopes)?),
        resources: given(details::resources(&settings, &details.resources)?),
        jwks: details::jwks(&details)?,
        certificate: details::certificate(&details)?,
        certificate_bound: if unbound { Some(false) } else { details.certificate_bound.then_some(true) },
        enabled,
        end_tokens,
        secret: None,
    };
    let mut after = client;
    after.redirect_uris = change.redirect_uris.clone().unwrap_or(after.redirect_uris);
    after.grants = change.grants.clone().unwrap_or(after.grants);
    after.resources = change.resources.clone().unwrap_or(after.resources);
    after.certificate = change.certificate.clone().or(after.certificate);
    after.certificate_bound = change.certificate_bound.unwrap_or(after.certificate_bound);
    after.jwks = change.jwks.clone().or(after.jwks);
    details::sound(&settings, &after)?;
    let client = context.store.change_client(id, change, context.clock.now()).await?;
    context.changed().await?;
    context.terminal.say(format_args!("changed the client {id}"), &describe(&client))
}
