//! ID tokens (OpenID Connect Core 2): who signed in, when and how, for one client.

use crate::{OAuthError, Provider, rfc9068};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    Account, Time,
    ports::{Authorization, Client, StoreError},
};
use doorward_crypto::{
    jwt::{Algorithm, Rules, Unverified},
    sha256, sha384, sha512,
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

/// How long a client may take to look at it.
const LIFETIME: Duration = Duration::from_secs(600);
/// `acr` of whoever proved something at sign-in, by whatever means (ISO/IEC 29115 level 1).
pub const ACR: &str = "1";
/// Tokens that a client shows to say whom it means may be as old as anything.
const ANY_AGE: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// What an ID token is to say.
pub(crate) struct Said<'a> {
    pub(crate) client: &'a Client,
    pub(crate) account: &'a Account,
    pub(crate) authorization: &'a Authorization,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) dated: Time,
    pub(crate) access_token: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    exp: u64,
    iat: u64,
    auth_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    acr: &'static str,
    amr: &'a [Arc<str>],
    at_hash: String,
    sid: &'a str,
}

/// Whom a client means by an ID token that it shows again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// `sub`.
    pub subject: Arc<str>,
    /// `sid`, where it has one.
    pub sid: Option<Arc<str>>,
    /// `aud`: the client that it was issued to.
    pub client: Arc<str>,
}

/// A new ID token.
pub(crate) async fn issue(provider: &Provider<'_>, said: &Said<'_>) -> Result<String, OAuthError> {
    let signer = provider.auth.tokens().oauth_signer().await?;
    let iat = said.dated.seconds();
    let claims = Claims {
        iss: &provider.settings.issuer,
        sub: rfc9068::subject(said.account),
        aud: &said.client.id,
        exp: iat.saturating_add(LIFETIME.as_secs()),
        iat,
        auth_time: said.authorization.authenticated.seconds(),
        nonce: said.nonce,
        acr: ACR,
        amr: &said.authorization.factors,
        at_hash: at_hash(signer.verifying().algorithm(), said.access_token),
        sid: &said.authorization.sid,
    };
    Ok(signer.sign(&claims).map_err(|error| StoreError::Unavailable(error.to_string()))?)
}

/// Reads an ID token of ours that a client shows again (Core 3.1.2.1, `id_token_hint`). Its age does not matter; everything else
/// does: nobody is taken for somebody because of a text that anyone could write (CVE-2026-16093). `None` where it is none.
pub fn hint(provider: &Provider<'_>, text: &str) -> Option<Hint> {
    let read = Unverified::parse(text).ok()?;
    let client: Arc<str> = read.audience()?.into();
    let keys = provider.auth.tokens().oauth_keys();
    let audience = [Arc::clone(&client)];
    let rules = Rules { issuer: Some(&provider.settings.issuer), audience: &audience, leeway: ANY_AGE, ..Rules::default() };
    let verified = read.verify(keys.iter().map(|key| key.verifying()), &rules, provider.now()).ok()?;
    let text = |name: &str| verified.claims.text(name).map(Arc::from);
    Some(Hint { subject: text("sub")?, sid: text("sid"), client })
}

/// Core 3.1.3.6: the left half of the hash that belongs to the algorithm. For Ed25519 that is SHA-512.
fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    match algorithm {
        Algorithm::EdDsa => URL_SAFE_NO_PAD.encode(&sha512(access_token.as_bytes())[..32]),
        Algorithm::Es384 => URL_SAFE_NO_PAD.encode(&sha384(access_token.as_bytes())[..24]),
        Algorithm::Es256 | Algorithm::Ps256 | Algorithm::Rs256 | Algorithm::Hs256 => {
            URL_SAFE_NO_PAD.encode(&sha256(access_token.as_bytes())[..16])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::at_hash;
    use doorward_crypto::jwt::Algorithm;

    #[test]
    fn the_hash_of_an_access_token_is_that_of_the_standard() {
        // OpenID Connect Core, appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(Algorithm::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(at_hash(Algorithm::EdDsa, token).len(), 43);
    }
}
