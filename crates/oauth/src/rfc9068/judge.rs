//! Whether an access token of ours counts: what it says, and everything that could have ended it before its time (section 4).

use super::TYPE;
use crate::{Provider, rfc6749::Scopes};
use doorward_auth::{Groundless, Grounds};
use doorward_core::{
    Time,
    ports::{AccountRecord, Authorization, Client, Grant, StoreError, TokenKey},
};
use doorward_crypto::{
    jwt::{Claims, Rules, Unverified, Verified},
    sha256,
};
use std::sync::Arc;

/// A token that counts now.
#[derive(Debug)]
pub struct Judged {
    /// What it says.
    pub claims: Claims,
    /// To whom it was issued.
    pub client: Client,
    /// What it is good for, as far as the client may still have that, and there is still such a scope.
    pub scopes: Scopes,
    /// When it was issued.
    pub issued: Time,
    /// For whom the client acts; `None` is for itself.
    pub person: Option<(Authorization, AccountRecord)>,
    /// By what it is ended before its time ([`doorward_core::ports::ClientStore::revoke_access_token`]).
    pub key: TokenKey,
}

/// A token that does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotActive {
    /// It is none, or none any more; the text is for the operator.
    #[error("{0}")]
    Refused(&'static str),
    /// It cannot be known.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

/// Whether a token is an access token of ours for one of these places, signed, not ended, and for how much.
///
/// # Errors
/// When it does not count, or nobody can say.
pub async fn judge(provider: &Provider<'_>, token: &str, audience: &[Arc<str>]) -> Result<Judged, NotActive> {
    let (store, now) = (provider.store(), provider.now());
    let claims = verify(provider, token, audience).await?;
    let text = |name: &str| claims.text(name).ok_or(NotActive::Refused("a claim is missing"));
    let issued = claims.issued.ok_or(NotActive::Refused("a claim is missing"))?;
    let key = key(text("jti")?);
    let scopes = Scopes::parse(text("scope")?).map_err(|_| NotActive::Refused("its scope is none"))?;
    if store.access_token_is_revoked(&key).await? {
        return Err(NotActive::Refused("it was revoked"));
    }
    let client = store.client(text("client_id")?).await?.filter(|client| client.upholds(issued));
    let client = client.ok_or(NotActive::Refused("its client is gone or disabled, or its tokens were ended"))?;
    // What the client may no longer have, it has no longer.
    let scopes = scopes.filtered(|scope| provider.settings.grants(&client, scope));
    let sub = text("sub")?;
    let person = match claims.get("grant_id").map(|id| id.as_str()) {
        None if *sub == *client.id && client.may(Grant::ClientCredentials) => None,
        None if *sub == *client.id => return Err(NotActive::Refused("its client may no longer act for itself")),
        Some(Some(id)) => {
            let authorization = store.grants().authorization(id, now).await?;
            let authorization = authorization.ok_or(NotActive::Refused("what it rests on has ended"))?;
            let record = person(provider, &authorization, issued).await?;
            if super::subject(&record.account) != sub || authorization.client != client.id {
                return Err(NotActive::Refused("it rests on somebody else"));
            }
            if !authorization.is_upheld_by(&client) {
                return Err(NotActive::Refused("its client may no longer act for people in this way"));
            }
            Some((authorization, record))
        }
        None | Some(None) => return Err(NotActive::Refused("it rests on nothing")),
    };
    Ok(Judged { claims, client, scopes, issued, person, key })
}

/// The key of the token with this `jti`.
pub fn key(jti: &str) -> TokenKey {
    TokenKey(sha256(jti.as_bytes()))
}

/// An access token by its signature and what it says: `typ` is `at+jwt`, which no other token of ours has (section 4).
///
/// # Errors
/// When it is none, or nobody can say.
pub async fn verify(provider: &Provider<'_>, token: &str, audience: &[Arc<str>]) -> Result<Claims, NotActive> {
    let tokens = provider.auth.tokens();
    let rules = Rules { issuer: Some(&provider.settings.issuer), audience, types: &[TYPE], ..Rules::default() };
    let read = || {
        let read = Unverified::parse(token).map_err(|bad| bad.text())?;
        if !read.is_typed(TYPE) {
            return Err("it is no access token");
        }
        let keys = tokens.oauth_keys();
        let verified = read.verify(keys.iter().map(|key| key.verifying()), &rules, provider.now());
        verified.map(|Verified { claims, .. }| claims).map_err(|bad| bad.text())
    };
    match read() {
        // Another node may have made its key just now.
        Err(_) if tokens.reload_oauth_keys().await? => read().map_err(NotActive::Refused),
        other => other.map_err(NotActive::Refused),
    }
}

/// Whether the person is still who allowed it, and has not ended it.
async fn person(provider: &Provider<'_>, authorization: &Authorization, issued: Time) -> Result<AccountRecord, NotActive> {
    if let Some(session) = &authorization.session
        && !provider.auth.session_lives(session).await?
    {
        return Err(NotActive::Refused("its session ended"));
    }
    let &Authorization { kind, account: id, account_version: version, created: proved, .. } = authorization;
    match provider.auth.still_proved(&Grounds { kind, id, version, proved }).await {
        Ok(record) if issued.seconds() > record.tokens_not_before.seconds() => Ok(record),
        Ok(_) => Err(NotActive::Refused("its account's tokens were ended")),
        Err(Groundless::Ended(why)) => Err(NotActive::Refused(why)),
        Err(Groundless::Locked) => Err(NotActive::Refused("its account is locked")),
        Err(Groundless::Unavailable(error)) => Err(error.into()),
    }
}
