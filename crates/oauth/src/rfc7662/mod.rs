//! Token introspection (RFC 7662): whether a token counts, for whoever may know.
//!
//! A client may ask about its own tokens, and a service about those that are for it (`doorward client add --resource`). Of all
//! others it learns nothing, not even whether they are tokens (section 2.2, 4).

use crate::{
    ErrorCode, OAuthError, Provider,
    rfc6749::{
        Scopes,
        client::{Caller, authenticate},
    },
    rfc9068::{
        self,
        judge::{self, Judged, NotActive},
    },
};
use doorward_core::ports::{Client, Grant, TokenKey};
use doorward_crypto::sha256;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What is said of a token: never more than `{"active": false}` of one that does not count.
///
/// # Errors
/// When the caller does not prove that it is a confidential client, or nobody can say.
pub async fn introspect(provider: &Provider<'_>, caller: Caller<'_>) -> Result<Value, OAuthError> {
    let client = authenticate(provider, caller).await?;
    if client.is_public() {
        // Section 2.1: whoever asks proves who it is.
        return Err(OAuthError::client("a public client may not ask"));
    }
    let missing = || OAuthError::new(ErrorCode::InvalidRequest, "token is missing");
    let token = caller.params.get("token").ok_or_else(missing)?;
    let said = match access(provider, &client, token).await? {
        Some(said) => Some(said),
        None => refresh(provider, &client, token, caller).await?,
    };
    Ok(said.unwrap_or_else(|| json!({ "active": false })))
}

/// Every place that a token of ours may be for.
fn places(provider: &Provider<'_>) -> Vec<Arc<str>> {
    let settings = provider.settings;
    std::iter::once(settings.usual_audience()).chain(&settings.resources).cloned().collect()
}

async fn access(provider: &Provider<'_>, client: &Client, token: &str) -> Result<Option<Value>, OAuthError> {
    let Judged { claims, client: owner, scopes, person, .. } = match judge::judge(provider, token, &places(provider)).await {
        Ok(judged) => judged,
        Err(NotActive::Refused(_)) => return Ok(None),
        Err(NotActive::Unavailable(error)) => return Err(error.into()),
    };
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        other => other.and_then(Value::as_str).into_iter().collect(),
    };
    let serves = audience.iter().any(|place| client.resources.iter().any(|own| **own == **place));
    if owner.id != client.id && !serves {
        return Ok(None);
    }
    let mut said = Map::new();
    said.insert("active".into(), true.into());
    said.insert(
        "token_type".into(),
        if claims.get("cnf").and_then(|cnf| cnf.get("jkt")).is_some() { "DPoP" } else { "Bearer" }.into(),
    );
    said.insert("scope".into(), scopes.to_string().into());
    if let Some((_, record)) = &person {
        said.insert("username".into(), (*record.account.login).into());
    }
    for name in ["client_id", "sub", "aud", "iss", "exp", "iat", "jti", "auth_time", "cnf"] {
        if let Some(value) = claims.get(name) {
            said.insert(name.into(), value.clone());
        }
    }
    Ok(Some(Value::Object(said)))
}

/// A refresh token is its client's alone.
async fn refresh(provider: &Provider<'_>, client: &Client, token: &str, caller: Caller<'_>) -> Result<Option<Value>, OAuthError> {
    let found = provider.store().grants().refresh_token(&TokenKey(sha256(token.as_bytes()))).await?;
    let Some(found) = found.filter(|found| !found.used && found.authorization.client == client.id) else { return Ok(None) };
    let authorization = found.authorization;
    if !client.may(Grant::RefreshToken) || !authorization.is_upheld_by(client) {
        return Ok(None);
    }
    let alive = provider.store().grants().authorization(&authorization.id, provider.now()).await?.is_some();
    let grounds = doorward_auth::Grounds {
        kind: authorization.kind,
        id: authorization.account,
        version: authorization.account_version,
        proved: authorization.created,
    };
    let grounded = match provider.auth.may_have_tokens(&grounds, caller.address).await {
        Ok(grounded) if alive => grounded,
        Ok(_) | Err(doorward_auth::Groundless::Ended(_) | doorward_auth::Groundless::Locked) => return Ok(None),
        Err(doorward_auth::Groundless::Unavailable(error)) => return Err(error.into()),
    };
    if let Some(session) = &authorization.session
        && !provider.auth.session_lives(session).await?
    {
        return Ok(None);
    }
    let allowed: Scopes = authorization.scopes.iter().cloned().collect();
    let scopes = allowed.filtered(|scope| provider.settings.grants(client, scope));
    Ok(Some(json!({
        "active": true,
        "token_type": "refresh_token",
        "scope": scopes.to_string(),
        "client_id": client.id,
        "username": grounded.account.account.login,
        "sub": rfc9068::subject(&grounded.account.account),
        "iss": provider.settings.issuer,
        "exp": authorization.expires.seconds(),
    })))
}

#[cfg(test)]
mod tests;
