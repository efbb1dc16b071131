//! Token revocation (RFC 7009): a client ends a token of its own before its time.

use crate::{
    ErrorCode, OAuthError, Provider,
    rfc6749::client::{Caller, authenticate},
    rfc9068::judge::{self, NotActive},
};
use doorward_core::ports::{Client, TokenKey};
use doorward_crypto::sha256;
use std::sync::Arc;

/// Who asked, and what came of it.
#[derive(Debug)]
pub struct Revocation {
    /// The client, once it proved itself.
    pub client: Option<Client>,
    /// What ended, in one word; `None` where nothing did, because there is no such token (section 2.2).
    pub result: Result<Option<&'static str>, OAuthError>,
}

/// Ends a token. A refresh token ends all that it rests on (section 2.1): the access tokens of the same consent, too.
pub async fn revoke(provider: &Provider<'_>, caller: Caller<'_>) -> Revocation {
    match authenticate(provider, caller).await {
        Ok(client) => {
            let result = end(provider, caller, &client).await;
            Revocation { client: Some(client), result }
        }
        Err(error) => Revocation { client: None, result: Err(error) },
    }
}

async fn end(provider: &Provider<'_>, caller: Caller<'_>, client: &Client) -> Result<Option<&'static str>, OAuthError> {
    let missing = || OAuthError::new(ErrorCode::InvalidRequest, "token is missing");
    let token = caller.params.get("token").ok_or_else(missing)?;
    let store = provider.store();
    // `token_type_hint` is only a hint: both kinds are looked for in any case.
    if let Some(found) = store.grants().refresh_token(&TokenKey(sha256(token.as_bytes()))).await? {
        is_its(client, &found.authorization.client)?;
        store.grants().end_authorization(&found.authorization.id).await?;
        provider.auth.apply_changes().await?;
        return Ok(Some("refresh token"));
    }
    let settings = provider.settings;
    let places: Vec<Arc<str>> = std::iter::once(settings.usual_audience()).chain(&settings.resources).cloned().collect();
    let claims = match judge::verify(provider, token, &places).await {
        Ok(claims) => claims,
        // Section 2.2: there is nothing left to do.
        Err(NotActive::Refused(_)) => return Ok(None),
        Err(NotActive::Unavailable(error)) => return Err(error.into()),
    };
    is_its(client, claims.text("client_id").unwrap_or_default())?;
    let Some(jti) = claims.text("jti") else { return Ok(None) };
    store.revoke_access_token(&judge::key(jti), claims.expires).await?;
    provider.auth.apply_changes().await?;
    Ok(Some("access token"))
}

/// Section 2.1: a token of another client is refused.
fn is_its(client: &Client, owner: &str) -> Result<(), OAuthError> {
    if *client.id == *owner {
        return Ok(());
    }
    Err(OAuthError::new(ErrorCode::UnauthorizedClient, "The token was issued to another client."))
}
