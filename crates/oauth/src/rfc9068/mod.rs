//! Access tokens as JSON Web Tokens (RFC 9068).

pub mod judge;
mod resource;

pub use resource::{PROFILE, bound};

use crate::{OAuthError, Provider, rfc6749::Scopes};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    Account, Time,
    ports::{Client, StoreError},
};
use doorward_crypto::random;
use serde::Serialize;
use std::{sync::Arc, time::Duration};

/// `typ` of an access token (section 2.1): it is never taken for another kind of token.
pub const TYPE: &str = "at+jwt";

/// What an access token is to say.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// To whom it is issued.
    pub client: &'a Client,
    /// For whom the client acts; `None` is for itself.
    pub account: Option<&'a Account>,
    /// When that account proved who it is (section 2.2.1).
    pub authenticated: Option<Time>,
    /// What it is good for.
    pub scopes: &'a Scopes,
    /// Where ([`crate::rfc8707::audience`]).
    pub audience: &'a [Arc<str>],
    /// By what its holder proves to be the one that it was issued to.
    pub confirmation: Option<&'a Confirmation>,
    /// What a person allowed, with which it ends ([`doorward_core::ports::Authorization`]).
    pub authorization: Option<&'a str>,
    /// When it is issued: [`Provider::dated`] and, for an account, [`doorward_auth::Grounded::dated`], the later one.
    pub dated: Time,
}

/// `cnf` (RFC 7800 3.1): the key that must come along with the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Confirmation {
    /// The thumbprint of a key that proves possession (RFC 9449 6.1).
    #[serde(rename = "jkt")]
    Key(Arc<str>),
    /// The SHA-256 of a certificate (RFC 8705 3.1).
    #[serde(rename = "x5t#S256")]
    Certificate(Arc<str>),
}

/// An access token that was made.
pub struct AccessToken {
    /// The token. A secret.
    pub token: String,
    /// Its `jti`.
    pub id: String,
    /// How long it lasts.
    pub lifetime: Duration,
    /// When it ends.
    pub expires: Time,
    /// Whether its holder has to prove that it has a key.
    pub bound: bool,
}

/// The claims of section 2.2, in its order.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    exp: u64,
    aud: Audience<'a>,
    sub: &'a str,
    client_id: &'a str,
    iat: u64,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<&'a Confirmation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(&'a str),
    Many(&'a [Arc<str>]),
}

/// The `sub` of an account: `customer/42`, as upstreams read it. No client has an id like it, so a token of a client for itself
/// is never taken for one of a person (section 5).
pub fn subject(account: &Account) -> String {
    format!("{}/{}", account.kind.as_str(), account.id)
}

/// A new access token.
///
/// # Errors
/// When no key can be had.
pub async fn issue(provider: &Provider<'_>, draft: Draft<'_>) -> Result<AccessToken, OAuthError> {
    let settings = provider.settings;
    let id = URL_SAFE_NO_PAD.encode(random::<16>(provider.auth.entropy()));
    let iat = draft.dated.seconds();
    let exp = iat.saturating_add(settings.access_token_lifetime.as_secs());
    // Section 2.2: where no person is involved, `sub` is the client.
    let sub = draft.account.map_or_else(|| draft.client.id.to_string(), subject);
    let claims = Claims {
        iss: &settings.issuer,
        exp,
        aud: match draft.audience {
            [one] => Audience::One(one),
            many => Audience::Many(many),
        },
        sub: &sub,
        client_id: &draft.client.id,
        iat,
        jti: &id,
        auth_time: draft.authenticated.map(Time::seconds),
        scope: draft.scopes.to_string(),
        cnf: draft.confirmation,
        grant_id: draft.authorization,
    };
    let bound = matches!(draft.confirmation, Some(Confirmation::Key(_)));
    let signer = provider.auth.tokens().oauth_signer().await?;
    let token = signer.sign_typed(TYPE, &claims).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(AccessToken { token, id, lifetime: settings.access_token_lifetime, expires: Time(exp.saturating_mul(1000)), bound })
}
