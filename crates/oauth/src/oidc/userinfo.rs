//! Who somebody is, for a client that shows its access token (OpenID Connect Core 5.3).

use super::{EMAIL, OPENID, PROFILE};
use crate::{
    Provider,
    rfc9068::{
        self,
        judge::{self, Judged, NotActive},
    },
    rfc9449::{Asks, Nonces, Sent, Unproved, prove},
};
use doorward_core::ports::StoreError;
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
    /// What it is bound to was not shown (RFC 9449 7.1).
    #[error("{0}")]
    Proof(&'static str),
    /// The same, for want of a nonce (RFC 9449 9).
    #[error("the proof has no nonce that was given lately")]
    Nonce,
    /// It cannot be known.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl From<NotActive> for Refused {
    fn from(error: NotActive) -> Self {
        match error {
            NotActive::Refused(why) => Refused::Token(why),
            NotActive::Unavailable(error) => Refused::Unavailable(error),
        }
    }
}

impl From<Unproved> for Refused {
    fn from(error: Unproved) -> Self {
        match error {
            Unproved::Token(why) => Refused::Token(why),
            Unproved::Proof(why) => Refused::Proof(why),
            Unproved::Nonce => Refused::Nonce,
            Unproved::Unavailable(error) => Refused::Unavailable(error),
        }
    }
}

/// What a client may know of the person whose access token it shows: `sub`, and what its scopes say (Core 5.4).
///
/// # Errors
/// When the token is none of ours for this place, or what it rests on has ended, or what it is bound to is not shown.
pub async fn claims(provider: &Provider<'_>, sent: &Sent<'_>) -> Result<Value, Refused> {
    let audience = [Arc::clone(provider.settings.usual_audience())];
    let Judged { claims, scopes, person, .. } = judge::judge(provider, sent.token, &audience).await?;
    let bound = rfc9068::bound(&claims).map_err(Refused::Token)?;
    let nonces = provider.settings.dpop_nonce.then(|| Nonces::of(provider.auth.nonce_key()));
    prove(sent, &bound, &Asks { demand: None, nonces, once: Some(provider.store()), now: provider.now() }).await?;
    let (_, record) = person.ok_or(Refused::Token("the client has it for itself"))?;
    if !scopes.has(OPENID) {
        return Err(Refused::Scope);
    }
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
