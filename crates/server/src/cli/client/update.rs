//! `doorward client update`.

use super::{
    details::{self, Details},
    settings,
    show::{describe, find},
};
use crate::cli::{context::Context, terminal::Failure, text::new_name};
use doorward_core::ports::{ClientChange, Grant};
use std::sync::Arc;

pub(super) async fn update(
    context: &mut Context<'_>,
    id: &str,
    details: Details,
    enabled: Option<bool>,
    end_tokens: bool,
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
        enabled,
        end_tokens,
        ..ClientChange::default()
    };
    let mut after = client;
    after.redirect_uris = change.redirect_uris.clone().unwrap_or(after.redirect_uris);
    after.grants = change.grants.clone().unwrap_or(after.grants);
    after.resources = change.resources.clone().unwrap_or(after.resources);
    after.jwks = change.jwks.clone().or(after.jwks);
    details::sound(&after)?;
    let client = context.store.change_client(id, change, context.clock.now()).await?;
    context.changed().await?;
    context.terminal.say(format_args!("changed the client {id}"), &describe(&client))
}
