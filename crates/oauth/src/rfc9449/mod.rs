//! Demonstrating proof of possession (RFC 9449): whoever uses a token shows that it has the key to which the token is bound, so a
//! token that was stolen is worth nothing.

mod nonce;
mod possession;

pub use nonce::{HEADER as NONCE_HEADER, Nonces};
pub use possession::{Asks, Scheme, Sent, Unproved, challenge, prove};

use crate::{ErrorCode, OAuthError, Provider};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    Time,
    canonical::{self, EncodedSlash},
    ports::{SpentUse, Store, StoreError},
};
use doorward_crypto::{jwt::Proof, same, sha256};
use http::HeaderMap;
use std::{sync::Arc, time::Duration};
use url::Url;

/// The header that carries a proof (section 4.1).
pub const HEADER: &str = "dpop";
/// `typ` of a proof (section 4.2).
pub const TYPE: &str = "dpop+jwt";
/// What proofs may be signed with.
pub const ALGORITHMS: [&str; 4] = ["EdDSA", "ES256", "ES384", "RS256"];
/// How old a proof may be (section 11.1: seconds or minutes).
const OLDEST: Duration = Duration::from_secs(60);
/// By how much the clock of its sender may be ahead.
const AHEAD: Duration = Duration::from_secs(10);
/// How long a `jti` may be, in bytes.
const LONGEST_JTI: usize = 256;

/// The request that a proof must be for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its URL, as clients write it. Query and fragment do not matter (section 4.3).
    pub url: &'a str,
    /// The access token that comes along, if one does.
    pub access_token: Option<&'a str>,
}

/// What a proof showed. It counts once [`spend`] says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The thumbprint of the key (RFC 7638): `jkt`.
    pub thumbprint: Arc<str>,
    /// What we gave its sender to put there, perhaps (section 8).
    pub nonce: Option<Arc<str>>,
    /// What of it may be used once.
    key: [u8; 32],
    /// Until when it could be used again.
    until: Time,
}

/// The one proof that a request carries; `None` without any.
///
/// # Errors
/// Where there is more than one (section 4.3).
pub fn carried(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut lines = headers.get_all(HEADER).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => line.to_str().map(Some).map_err(|_| "the proof is no text"),
        (Some(_), Some(_)) => Err("there is more than one proof"),
    }
}

/// What a proof shows for this request, at this time (section 4.3). It is pure: nothing is remembered.
///
/// # Errors
/// What is wrong; the text says nothing of what was sent.
pub fn read(proof: &str, request: &Request<'_>, now: Time) -> Result<Shown, &'static str> {
    let proof = Proof::read(proof, TYPE).map_err(|bad| bad.text())?;
    if proof.text("htm") != Some(request.method) {
        return Err("the proof is for another method");
    }
    let (for_url, ours) = (proof.text("htu").and_then(place), place(request.url));
    if for_url.is_none() || for_url != ours {
        return Err("the proof is for another URL");
    }
    if proof.issued > now + AHEAD || proof.issued + OLDEST < now {
        return Err("the proof was not made just now");
    }
    if let Some(token) = request.access_token {
        let hash = URL_SAFE_NO_PAD.encode(sha256(token.as_bytes()));
        if !proof.text("ath").is_some_and(|said| same(said.as_bytes(), hash.as_bytes())) {
            return Err("the proof is for another access token");
        }
    }
    let jti = proof.text("jti").filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI).ok_or("the proof has no `jti`")?;
    let key = sha256(format!("{}\0{jti}", proof.thumbprint).as_bytes());
    let nonce = proof.text("nonce").map(Arc::from);
    Ok(Shown { thumbprint: Arc::clone(&proof.thumbprint), nonce, key, until: proof.issued + OLDEST + AHEAD })
}

/// Uses a proof up; whether this was the first time (section 11.1).
///
/// # Errors
/// When nobody can say.
pub async fn spend(store: &dyn Store, shown: &Shown, now: Time) -> Result<bool, StoreError> {
    store.spend(SpentUse::DpopProof, &shown.key, shown.until, now).await
}

/// The thumbprint of the key to which a POST to this endpoint of the authorization server binds what comes of it; `None` where
/// it shows no proof.
///
/// # Errors
/// `invalid_dpop_proof` (section 5).
pub async fn binding(provider: &Provider<'_>, headers: &HeaderMap, url: &str) -> Result<Option<Arc<str>>, OAuthError> {
    let invalid = |why: &'static str| OAuthError::new(ErrorCode::InvalidDpopProof, "The DPoP proof does not count.").because(why);
    let Some(proof) = carried(headers).map_err(invalid)? else { return Ok(None) };
    let request = Request { method: "POST", url, access_token: None };
    let shown = read(proof, &request, provider.now()).map_err(invalid)?;
    let nonces = provider.settings.dpop_nonce.then(|| Nonces::of(provider.auth.nonce_key()));
    // Section 8: "use_dpop_nonce".
    if possession::fresh(&shown, nonces, provider.now()).is_err() {
        return Err(OAuthError::new(ErrorCode::UseDpopNonce, "The DPoP proof needs the nonce of DPoP-Nonce."));
    }
    match spend(provider.store(), &shown, provider.now()).await? {
        true => Ok(Some(shown.thumbprint)),
        false => Err(invalid("the proof was used before")),
    }
}

/// Scheme, authority and path, in the one form that a URL has (RFC 3986 6.2.2, 6.2.3).
fn place(text: &str) -> Option<String> {
    let mut url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = canonical::path(url.path(), EncodedSlash::Keep).ok()?.into_owned();
    url.set_path(&path);
    Some(url.into())
}

#[cfg(test)]
mod tests;
