//! Whether whoever sends a token has what it is bound to: a key (RFC 9449 7), a certificate (RFC 8705 3), or both.

use super::{Request, Shown, carried, nonce::Nonces, read, spend};
use doorward_core::{
    Time,
    ports::{Store, StoreError},
    possession::{Bound, Demand},
};
use doorward_crypto::same;
use http::{HeaderMap, HeaderValue};
use std::sync::Arc;

/// How a token is sent in `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has it may use it (RFC 6750 2.1).
    Bearer,
    /// With a proof (RFC 9449 7.1).
    Dpop,
}

impl Scheme {
    /// The scheme and the token of a header's text: one space between, and no other.
    pub fn split(line: &str) -> Option<(Self, &str)> {
        let (word, token) = line.split_once(' ')?;
        let scheme =
            [("bearer", Scheme::Bearer), ("dpop", Scheme::Dpop)].into_iter().find(|(own, _)| word.eq_ignore_ascii_case(own));
        let (_, scheme) = scheme?;
        (!token.is_empty() && !token.contains(' ')).then_some((scheme, token))
    }
}

/// A token as it was sent: a secret, as its headers are.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    /// How.
    pub scheme: Scheme,
    /// The token.
    pub token: &'a str,
    /// The headers of its request.
    pub headers: &'a HeaderMap,
    /// The method of its request.
    pub method: &'a str,
    /// The URL of its request, as clients write it; `None`: nobody knows.
    pub url: Option<&'a str>,
    /// The SHA-256 of the client's certificate, which is good; or what is wrong with it; `None` where there is none.
    pub certificate: Option<&'a Result<Arc<str>, &'static str>>,
}

/// What is asked for besides what the token itself says, and who remembers.
#[derive(Clone, Copy)]
pub struct Asks<'a> {
    /// To what it has to be bound.
    pub demand: Option<Demand>,
    /// Proofs need one of these nonces.
    pub nonces: Option<Nonces<'a>>,
    /// Where proofs are used up; `None` looks at one without using it up.
    pub once: Option<&'a dyn Store>,
    /// Now.
    pub now: Time,
}

/// Whoever sent the token did not show what it is bound to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// The token does not count as it was sent (RFC 6750 3.1, `invalid_token`).
    #[error("{0}")]
    Token(&'static str),
    /// The proof does not count (RFC 9449 7.1, `invalid_dpop_proof`).
    #[error("{0}")]
    Proof(&'static str),
    /// The proof lacks a nonce that was given lately (RFC 9449 9, `use_dpop_nonce`).
    #[error("the proof has no nonce that was given lately")]
    Nonce,
    /// It cannot be known.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

/// Asks for a proof of everything that a token is bound to. What comes back is a nonce that its client is to use from now on,
/// where the one that it used will soon be too old.
///
/// # Errors
/// When something is not shown, or was not made for this request, or nobody can say.
pub async fn prove(sent: &Sent<'_>, bound: &Bound, asks: &Asks<'_>) -> Result<Option<String>, Unproved> {
    if asks.demand.is_some_and(|demand| !demand.is_met(bound)) {
        return Err(Unproved::Token("it is bound to nothing that the firewall demands"));
    }
    if let Some(wanted) = &bound.certificate {
        certificate(wanted, sent.certificate)?;
    }
    let proof = carried(sent.headers).map_err(Unproved::Proof)?;
    match (&bound.key, sent.scheme, proof) {
        (None, Scheme::Bearer, None) => Ok(None),
        (None, Scheme::Bearer, Some(_)) => Err(Unproved::Token("a proof came along, and it is bound to no key")),
        // RFC 9449 7.1: whoever means to prove something must not believe to have done so.
        (None, Scheme::Dpop, _) => Err(Unproved::Token("it was sent with a proof, and is bound to no key")),
        // RFC 9449 7.2: else whoever stole it would send it so.
        (Some(_), Scheme::Bearer, _) => Err(Unproved::Token("it is bound to a key, and was sent as a bearer token")),
        (Some(_), Scheme::Dpop, None) => Err(Unproved::Proof("there is no proof")),
        (Some(key), Scheme::Dpop, Some(proof)) => by_key(sent, key, proof, asks).await,
    }
}

/// RFC 8705 3: "the protected resource MUST obtain ... the client certificate used for mutual TLS and MUST verify that the
/// certificate matches the certificate associated with the access token".
fn certificate(wanted: &str, shown: Option<&Result<Arc<str>, &'static str>>) -> Result<(), Unproved> {
    match shown {
        None => Err(Unproved::Token("it is bound to a certificate, and none was shown")),
        Some(Err(why)) => Err(Unproved::Token(why)),
        Some(Ok(own)) if same(own.as_bytes(), wanted.as_bytes()) => Ok(()),
        Some(Ok(_)) => Err(Unproved::Token("it is bound to another certificate")),
    }
}

async fn by_key(sent: &Sent<'_>, key: &str, proof: &str, asks: &Asks<'_>) -> Result<Option<String>, Unproved> {
    let url = sent.url.ok_or(Unproved::Proof("nobody knows by which URL the request came"))?;
    let request = Request { method: sent.method, url, access_token: Some(sent.token) };
    let shown = read(proof, &request, asks.now).map_err(Unproved::Proof)?;
    // Section 7.1: "the public key to which the access token is bound matches the public key from the DPoP proof".
    if !same(shown.thumbprint.as_bytes(), key.as_bytes()) {
        return Err(Unproved::Proof("it is bound to another key"));
    }
    let next = fresh(&shown, asks.nonces, asks.now)?;
    if let Some(store) = asks.once
        && !spend(store, &shown, asks.now).await?
    {
        return Err(Unproved::Proof("the proof was used before"));
    }
    Ok(next)
}

/// Whether a proof has a nonce that counts, where nonces are asked for; the next one, where another one took its place.
///
/// # Errors
/// [`Unproved::Nonce`].
pub(super) fn fresh(shown: &Shown, nonces: Option<Nonces<'_>>, now: Time) -> Result<Option<String>, Unproved> {
    let Some(nonces) = nonces else { return Ok(None) };
    let nonce = shown.nonce.as_deref().filter(|nonce| nonces.takes(nonce, now)).ok_or(Unproved::Nonce)?;
    let current = nonces.current(now);
    Ok((*nonce != *current).then_some(current))
}

/// `DPoP` for `WWW-Authenticate` (section 7.1), with an error where there is one.
pub fn challenge(error: Option<&str>) -> HeaderValue {
    let algorithms = super::ALGORITHMS.join(" ");
    let error = error.map(|error| format!("error=\"{error}\", ")).unwrap_or_default();
    let value = HeaderValue::try_from(format!("DPoP {error}algs=\"{algorithms}\""));
    value.unwrap_or_else(|_| HeaderValue::from_static("DPoP"))
}
