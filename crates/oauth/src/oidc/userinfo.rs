//! Who somebody is, for a client that shows its access token (OpenID Connect Core 5.3).

use super::{EMAIL, OPENID, PROFILE};
use crate::{
    Provider,
    rfc6749::Scopes,
    rfc9068::{self, TYPE},
};
use doorward_core::ports::{StoreError, TokenKey};
use doorward_crypto::{
    jwt::{Rules, Unverified, Verified},
    sha256,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Why nothing is said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The token is none that counts (RFC 6750 3.1, `invalid_token`).
    #[error("{0}")]
    Token(&'static str),
    /// It is none of OpenID Connect (RFC 6750 3.1, `insufficient_scope`).
    #[error("the scope openid was not allowed")]
    Scope,
    /// It cannot be known.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

/// What a client may know of the person whose access token it shows: `sub`, and what its scopes say (Core 5.4).
///
/// # Errors
/// When the token is none of ours for this place, or what it rests on has ended.
pub async fn claims(provider: &Provider<'_>, token: &str) -> Result<Value, Refused> {
    let Verified { claims, .. } = verify(provider, token).await?;
    let text = |name: &str| claims.text(name).ok_or(Refused::Token("a claim is missing"));
    let key = TokenKey(sha256(text("jti")?.as_bytes()));
    if provider.store().access_token_is_revoked(&key).await? {
        return Err(Refused::Token("it was revoked"));
    }
    // RFC 9449 7.1: a token that is bound to a key is no bearer token.
    if claims.get("cnf").is_some() {
        return Err(Refused::Token("it is bound to a key"));
    }
    let (now, issued) = (provider.now(), claims.issued.ok_or(Refused::Token("a claim is missing"))?);
    let client = provider.store().client(text("client_id")?).await?;
    if !client.is_some_and(|client| client.upholds(issued)) {
        return Err(Refused::Token("its client is gone or disabled, or its tokens were ended"));
    }
    let authorization = provider.store().grants().authorization(text("grant_id")?, now).await?;
    let authorization = authorization.ok_or(Refused::Token("what it rests on has ended"))?;
    if let Some(session) = &authorization.session
        && !provider.auth.session_lives(session).await?
    {
        return Err(Refused::Token("its session ended"));
    }
    let scopes = Scopes::parse(text("scope")?).map_err(|_| Refused::Scope)?;
    if !scopes.has(OPENID) {
        return Err(Refused::Scope);
    }
    let record = provider.store().account(authorization.kind, authorization.account).await?;
    let record = record.filter(|record| rfc9068::subject(&record.account) == text("sub").unwrap_or_default());
    let record = record.ok_or(Refused::Token("its account is gone"))?;
    let mut said = Map::new();
    said.insert("sub".into(), rfc9068::subject(&record.account).into());
    if scopes.has(PROFILE) {
        said.insert("preferred_username".into(), json!(record.account.login));
        said.insert("updated_at".into(), record.updated.seconds().into());
    }
    if let Some(email) = record.email.filter(|_| scopes.has(EMAIL)) {
        said.insert("email".into(), json!(email));
        said.insert("email_verified".into(), record.confirmed.into());
    }
    Ok(Value::Object(said))
}

/// An access token of ours, for ourselves: it says so in `typ`, which no other token does (RFC 9068 4).
async fn verify(provider: &Provider<'_>, token: &str) -> Result<Verified, Refused> {
    let tokens = provider.auth.tokens();
    let audience = [Arc::clone(provider.settings.usual_audience())];
    let rules = Rules { issuer: Some(&provider.settings.issuer), audience: &audience, types: &[TYPE], ..Rules::default() };
    let read = || {
        let read = Unverified::parse(token).map_err(|bad| bad.text())?;
        if !read.is_typed(TYPE) {
            return Err("it is no access token");
        }
        let keys = tokens.oauth_keys();
        read.verify(keys.iter().map(|key| key.verifying()), &rules, provider.now()).map_err(|bad| bad.text())
    };
    match read() {
        // Another node may have made its key just now.
        Err(_) if tokens.reload_oauth_keys().await? => read().map_err(Refused::Token),
        other => other.map_err(Refused::Token),
    }
}
