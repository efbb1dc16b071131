//! What all grants share by which a client acts for a person.

use crate::{
    ErrorCode, OAuthError, Provider, oidc,
    rfc6749::{
        Scopes,
        client::Caller,
        token::{Issued, Tokens},
    },
    rfc8707,
    rfc9068::{self, Draft},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_auth::{Grounded, Groundless, Grounds};
use doorward_core::ports::{Authorization, Client, Grant, TokenKey};
use doorward_crypto::{random, sha256};
use std::{net::IpAddr, sync::Arc};

/// A new secret: 256 bits in base64url.
pub fn secret(provider: &Provider<'_>) -> String {
    URL_SAFE_NO_PAD.encode(random::<32>(provider.auth.entropy()))
}

/// What is stored in place of a secret.
pub fn key(secret: &str) -> TokenKey {
    TokenKey(sha256(secret.as_bytes()))
}

/// A parameter that must be there.
pub(super) fn required<'a>(caller: Caller<'a>, name: &'static str) -> Result<&'a str, OAuthError> {
    caller.params.get(name).ok_or_else(|| OAuthError::new(ErrorCode::InvalidRequest, format!("{name} is missing")))
}

/// `invalid_grant` (RFC 6749 5.2). The client learns nothing of why.
pub(super) fn no_grant(why: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, "It is none that counts, or none any more.").because(why)
}

/// What the refresh tokens of a public client are bound to, where it showed a key (RFC 9449 5) or a certificate (RFC 8705 4):
/// others prove who they are.
pub(super) fn binding(client: &Client, caller: Caller<'_>) -> Option<Arc<str>> {
    caller.binding().filter(|_| client.is_public())
}

/// A first refresh token, for clients that may use one.
pub(super) fn first_refresh(provider: &Provider<'_>, client: &Client) -> Option<String> {
    client.may(Grant::RefreshToken).then(|| secret(provider))
}

/// Ends an authorization, and lets this node know at once.
pub(super) async fn end(provider: &Provider<'_>, authorization: &Authorization) -> Result<(), OAuthError> {
    provider.store().grants().end_authorization(&authorization.id).await?;
    provider.auth.apply_changes().await?;
    Ok(())
}

/// Whether the person may still have tokens. What ended for good ends the authorization, too.
///
/// # Errors
/// When it may not, or nobody can say.
pub(super) async fn grounds(
    provider: &Provider<'_>,
    authorization: &Authorization,
    address: IpAddr,
) -> Result<Grounded, OAuthError> {
    let Authorization { kind, account: id, account_version: version, created: proved, .. } = *authorization;
    match provider.auth.may_have_tokens(&Grounds { kind, id, version, proved }, address).await {
        Ok(grounded) if session_lives(provider, authorization).await? => Ok(grounded),
        Ok(_) => {
            end(provider, authorization).await?;
            Err(no_grant("its session ended"))
        }
        Err(Groundless::Ended(why)) => {
            end(provider, authorization).await?;
            Err(no_grant(why))
        }
        Err(Groundless::Locked) => Err(no_grant("the account is locked")),
        Err(Groundless::Unavailable(error)) => Err(error.into()),
    }
}

/// Whether the session that it is bound to is neither idle for too long nor too old.
async fn session_lives(provider: &Provider<'_>, authorization: &Authorization) -> Result<bool, OAuthError> {
    match &authorization.session {
        None => Ok(true),
        Some(key) => Ok(provider.auth.session_lives(key).await?),
    }
}

/// Scopes and audience of a request for tokens: what was allowed, or less (RFC 6749 6, RFC 8707 2.2).
///
/// # Errors
/// When it names more.
pub(super) fn check(
    provider: &Provider<'_>,
    client: &Client,
    caller: Caller<'_>,
    authorization: &Authorization,
) -> Result<(Scopes, Vec<Arc<str>>), OAuthError> {
    let allowed: Scopes = authorization.scopes.iter().cloned().collect();
    // What the client may no longer have, it has no longer.
    let allowed = allowed.filtered(|name| provider.settings.grants(client, name));
    let more = || OAuthError::new(ErrorCode::InvalidScope, "That is more than was allowed.");
    let scopes = match caller.params.get("scope") {
        None => allowed,
        Some(text) => Scopes::parse(text).ok().filter(|asked| allowed.covers(asked)).ok_or_else(more)?,
    };
    let target = |text: String| OAuthError::new(ErrorCode::InvalidTarget, text);
    let named = rfc8707::parse(caller.params.all(rfc8707::PARAMETER)).map_err(|bad| target(bad.to_string()))?;
    let granted = rfc8707::audience(provider, &authorization.resources)?;
    if named.iter().any(|name| !granted.contains(name)) {
        return Err(target("That is a resource that was not allowed.".to_owned()));
    }
    Ok((scopes, if named.is_empty() { granted } else { named }))
}

/// What tokens are made of.
pub(super) struct Issue<'a> {
    pub(super) authorization: &'a Authorization,
    pub(super) grounded: Grounded,
    pub(super) nonce: Option<&'a str>,
    pub(super) refresh: Option<String>,
}

/// Tokens for a client that acts for a person.
///
/// # Errors
/// When the request names more than was allowed, or no key can be had.
pub(super) async fn issue(
    provider: &Provider<'_>,
    client: &Client,
    caller: Caller<'_>,
    Issue { authorization, grounded, nonce, refresh }: Issue<'_>,
) -> Result<Issued, OAuthError> {
    let (scopes, audience) = check(provider, client, caller, authorization)?;
    let account = &grounded.account.account;
    let dated = provider.dated(client).await?.max(grounded.dated);
    let draft = Draft {
        client,
        account: Some(account),
        authenticated: Some(authorization.authenticated),
        scopes: &scopes,
        audience: &audience,
        confirmation: caller.confirmation,
        authorization: Some(&authorization.id),
        dated,
    };
    let access = rfc9068::issue(provider, draft).await?;
    let mut tokens = Tokens::new(&access, &scopes);
    if scopes.has(oidc::OPENID) {
        let said = oidc::id_token::Said { client, account, authorization, nonce, dated, access_token: &access.token };
        tokens.id_token = Some(oidc::id_token::issue(provider, &said).await?);
    }
    tokens.refresh_token = refresh;
    Ok(Issued { tokens, account: Some(Arc::clone(account)) })
}
