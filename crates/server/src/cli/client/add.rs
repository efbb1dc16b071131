//! `doorward client add`.

use super::{
    details::{self, Details},
    secret::{secret, tell},
    settings,
};
use crate::cli::{context::Context, terminal::Failure, text::new_name};
use doorward_core::ports::{Client, ClientMethod};
use doorward_oauth::rfc6749::client::hash_secret;

pub(super) async fn add(
    context: &mut Context<'_>,
    id: &str,
    details: Details,
    method: ClientMethod,
    secret_stdin: bool,
) -> Result<(), Failure> {
    let settings = settings(context)?;
    if !Client::is_id(id) {
        return Err(Failure::usage(
            "a client's id has 1 to 128 letters, digits, `-`, `_` and `.`, and begins with a letter or a digit",
        ));
    }
    let name = details.name.clone().unwrap_or_else(|| id.to_owned());
    new_name("client's name", &name)?;
    let grants = details::usual_grants(&details, method);
    let scopes = match details::scopes(&settings, &details.scopes)? {
        scopes if scopes.is_empty() => settings.default_scopes.clone(),
        scopes => scopes,
    };
    let secret = if method.is_by_secret() { Some(secret(context, secret_stdin)?) } else { None };
    let now = context.clock.now();
    let client = Client {
        id: id.into(),
        name: name.into(),
        method,
        secret: secret.as_ref().map(|secret| hash_secret(&secret.text).into()),
        jwks: details::jwks(&details)?,
        certificate: details::certificate(&details)?,
        certificate_bound: details.certificate_bound,
        redirect_uris: details::uris(&details.redirect_uris)?,
        post_logout_redirect_uris: details::uris(&details.post_logout_redirect_uris)?,
        grants,
        scopes,
        resources: details::resources(&settings, &details.resources)?,
        registered: None,
        enabled: true,
        tokens_not_before: now,
        created: now,
        updated: now,
    };
    details::sound(&settings, &client)?;
    context.store.add_client(&client).await?;
    context.changed().await?;
    tell(context, format!("added the client {id}"), &client, secret)
}
