//! The ID token (OpenID Connect Core 3.1.3.7), and the logout token (Back-Channel Logout 1.0, 2.4 and 2.6): both are signed by the
//! provider for us, and neither is ever taken for the other.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::Time;
use doorward_crypto::{
    jwt::{BadToken, Claims, Rules, Unverified, VerifyingKey},
    same, sha256, sha384, sha512,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// By how much clocks may differ.
const LEEWAY: Duration = Duration::from_secs(60);
/// The longest subject (Core 2), in bytes.
const LONGEST_SUBJECT: usize = 255;
/// The longest session id and token id that are looked at, in bytes.
const LONGEST_ID: usize = 255;
/// What a logout token is about (Back-Channel Logout 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// `typ` of a logout token. It is demanded, so that no other token counts as one (ASVS 10.5.5).
const LOGOUT: &str = "logout+jwt";

/// Whose tokens count, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Party<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a Arc<str>,
    /// Whom an ID token may name besides us.
    pub(super) also: &'a [Arc<str>],
}

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// What every token must be.
    Token(BadToken),
    /// What this one must be besides.
    Claim(&'static str),
}

impl Flaw {
    pub(super) fn text(self) -> &'static str {
        match self {
            Flaw::Token(BadToken::Malformed) => "it is no signed token that we read",
            Flaw::Token(BadToken::UnknownKey) => "no key of the provider signed it",
            Flaw::Token(bad) => bad.text(),
            Flaw::Claim(why) => why,
        }
    }
}

/// What must go with an ID token.
pub(super) struct Bound<'a> {
    pub(super) nonce: &'a str,
    pub(super) access_token: &'a str,
}

/// The claims of an ID token that counts for us, now, in this very journey.
pub(super) fn verify<'k>(
    token: &str,
    keys: impl IntoIterator<Item = &'k VerifyingKey>,
    party: Party<'_>,
    bound: &Bound<'_>,
    now: Time,
) -> Result<Claims, Flaw> {
    let claims = signed(token, keys, party, &Rules::default(), now)?;
    let flaw = |why| Err(Flaw::Claim(why));
    for name in audiences(&claims) {
        if *name != **party.client && !party.also.iter().any(|also| **also == *name) {
            return flaw("it is for others, too, whom nobody trusts here");
        }
    }
    match claims.get("azp") {
        None if audiences(&claims).count() > 1 => return flaw("it is for several, and does not say whose it is (`azp`)"),
        None => {}
        Some(Value::String(azp)) if **azp == **party.client => {}
        Some(_) => return flaw("it was made for another client (`azp`)"),
    }
    if claims.issued.is_none() {
        return flaw("it does not say when it was issued (`iat`)");
    }
    // Core 3.1.2.1: the answer is to the question that this browser asked.
    match claims.text("nonce") {
        Some(nonce) if same(nonce.as_bytes(), bound.nonce.as_bytes()) => {}
        _ => return flaw("its `nonce` is not that of this sign-in"),
    }
    if claims.get("events").is_some() {
        return flaw("it is a token about events");
    }
    if let Some(hash) = claims.get("at_hash")
        && !hash.as_str().is_some_and(|hash| is_hash_of(hash, bound.access_token))
    {
        return flaw("its `at_hash` is not that of the access token");
    }
    match claims.text("sub") {
        Some(sub) if is_subject(sub) => Ok(claims),
        _ => flaw("its `sub` is none"),
    }
}

/// A logout token that counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Logout {
    pub(super) subject: Option<Arc<str>>,
    pub(super) sid: Option<Arc<str>>,
    /// It is good for one use, and must be remembered until then.
    pub(super) once: ([u8; 32], Time),
}

/// What a logout token says.
pub(super) fn verify_logout<'k>(
    token: &str,
    keys: impl IntoIterator<Item = &'k VerifyingKey>,
    party: Party<'_>,
    now: Time,
) -> Result<Logout, Flaw> {
    let flaw = |why| Err(Flaw::Claim(why));
    // Before its signature: it only says what it is to be taken for.
    if !Unverified::parse(token).map_err(Flaw::Token)?.is_typed(LOGOUT) {
        return Err(Flaw::Token(BadToken::Type));
    }
    let rules = Rules { types: &[LOGOUT], ..Rules::default() };
    let claims = signed(token, keys, party, &rules, now)?;
    if claims.issued.is_none() {
        return flaw("it does not say when it was issued (`iat`)");
    }
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return flaw("it says nothing of a logout (`events`)");
    }
    if claims.get("nonce").is_some() {
        return flaw("it has a `nonce`, which no logout token has");
    }
    let Some(id) = claims.text("jti").filter(|id| !id.is_empty() && id.len() <= LONGEST_ID) else {
        return flaw("it has no `jti`");
    };
    let sid = match claims.get("sid") {
        None => None,
        Some(Value::String(sid)) if !sid.is_empty() && sid.len() <= LONGEST_ID => Some(Arc::from(sid.as_str())),
        Some(_) => return flaw("its `sid` is none"),
    };
    let subject = match claims.text("sub") {
        None => None,
        Some(sub) if is_subject(sub) => Some(Arc::from(sub)),
        Some(_) => return flaw("its `sub` is none"),
    };
    if sid.is_none() && subject.is_none() {
        return flaw("it names neither a `sub` nor a `sid`");
    }
    let key = sha256(format!("doorward logout\0{}\0{}\0{id}", party.issuer, party.client).as_bytes());
    Ok(Logout { subject, sid, once: (key, claims.expires + LEEWAY + Duration::from_secs(1)) })
}

/// Signed by one of the keys, by the issuer, for us, and now. The algorithm is the key's, so neither `none` nor HMAC with a
/// public key is ever looked at.
fn signed<'k>(
    token: &str,
    keys: impl IntoIterator<Item = &'k VerifyingKey>,
    party: Party<'_>,
    rules: &Rules<'_>,
    now: Time,
) -> Result<Claims, Flaw> {
    let audience = [Arc::clone(party.client)];
    let rules = Rules { issuer: Some(party.issuer), audience: &audience, leeway: LEEWAY, ..*rules };
    let read = Unverified::parse(token).and_then(|token| token.verify(keys, &rules, now));
    read.map(|verified| verified.claims).map_err(Flaw::Token)
}

fn audiences(claims: &Claims) -> impl Iterator<Item = &str> {
    let (one, many) = match claims.get("aud") {
        Some(Value::Array(list)) => (None, list.as_slice()),
        other => (other, &[][..]),
    };
    one.into_iter().chain(many).filter_map(Value::as_str)
}

/// Core 2: 255 ASCII characters at most.
fn is_subject(sub: &str) -> bool {
    !sub.is_empty() && sub.len() <= LONGEST_SUBJECT && sub.bytes().all(|b| matches!(b, b' '..=b'~'))
}

/// Core 3.1.3.6: the left half of the hash that goes with the signature, which is SHA-512 for Ed25519 and SHA-384 for ES384.
fn is_hash_of(hash: &str, access_token: &str) -> bool {
    let Ok(hash) = URL_SAFE_NO_PAD.decode(hash) else { return false };
    let token = access_token.as_bytes();
    let halves = [&sha256(token)[..16], &sha384(token)[..24], &sha512(token)[..32]];
    halves.iter().any(|half| same(&hash, half))
}
