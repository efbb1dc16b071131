//! Bearer tokens of people and programs (magento-webapi 6.4, 6.5): opaque ones, and signed ones in JWS compact form.
//!
//! What a signed token may be is narrow: three parts, a header of `kid` and `alg` (`typ` may say `JWT`), the algorithm that
//! the *key* has, and four claims of the right types. Anything else that JOSE knows is refused, not skipped: `crit`, `cty`,
//! other serializations, members that stand twice.

pub use crate::jwt::BadToken;
use crate::{
    digest::random,
    jwt::compact::{self, Parts},
};
use aws_lc_rs::hmac;
use doorward_core::{Kind, Time, ports::Entropy};
use serde::{Deserialize, de::IgnoredAny};
use std::{fmt, sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// The longest token that is looked at, in bytes.
pub const LONGEST: usize = 4096;
/// How many characters an opaque token has.
pub const OPAQUE_LENGTH: usize = 32;
/// How far in the future a token may have been issued, as clocks differ.
const AHEAD: Duration = Duration::from_secs(60);
/// The length to which Magento pads a key, in bytes.
const PADDED: usize = 2048;
const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A new opaque token: 32 characters `0-9a-z`, 165 bits.
pub fn opaque(entropy: &dyn Entropy) -> String {
    let mut token = String::with_capacity(OPAQUE_LENGTH);
    while token.len() < OPAQUE_LENGTH {
        let bytes: Zeroizing<[u8; 64]> = Zeroizing::new(random(entropy));
        // 252 is a multiple of 36: beyond it some characters would come more often.
        let fair = bytes.iter().filter(|byte| **byte < 252).filter_map(|byte| ALPHABET.get(usize::from(byte % 36)));
        token.extend(fair.take(OPAQUE_LENGTH - token.len()).map(|byte| char::from(*byte)));
    }
    token
}

/// Whether `token` may be an opaque one; what may not is never looked up.
pub fn is_opaque(token: &str) -> bool {
    token.len() == OPAQUE_LENGTH && token.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

/// The algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 3] = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];

    /// Its name in `alg` (RFC 7518 3.1).
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "HS256",
            Algorithm::Hs384 => "HS384",
            Algorithm::Hs512 => "HS512",
        }
    }

    /// The algorithm of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Algorithm::Hs256 => hmac::HMAC_SHA256,
            Algorithm::Hs384 => hmac::HMAC_SHA384,
            Algorithm::Hs512 => hmac::HMAC_SHA512,
        }
    }
}

/// A key that signs and verifies.
#[derive(Clone)]
pub struct TokenSigner {
    kid: Arc<str>,
    algorithm: Algorithm,
    key: hmac::Key,
}

/// Without the key.
impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// What a signed token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserClaims {
    /// The kind of account: customer or admin.
    pub kind: Kind,
    /// The account's id.
    pub uid: u64,
    /// When it was issued, in seconds.
    pub iat: u64,
    /// When it ends, in seconds.
    pub exp: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    kid: String,
    alg: String,
    typ: Option<String>,
}

/// Members that are named here cannot stand twice; claims of other purposes make it a token for somebody else.
#[derive(Deserialize)]
struct Payload {
    uid: u64,
    utypid: u64,
    iat: u64,
    exp: u64,
    nbf: Option<IgnoredAny>,
    aud: Option<IgnoredAny>,
    iss: Option<IgnoredAny>,
}

impl TokenSigner {
    /// A key by the text of a Magento `crypt/key`, or one of our own of the same kind: padded with `&` on both sides to 2048
    /// bytes, of which the left gets the smaller half (magento-webapi 6.5).
    pub fn padded(kid: &str, secret: &[u8], algorithm: Algorithm) -> Self {
        let missing = PADDED.saturating_sub(secret.len());
        let mut key = Zeroizing::new(vec![b'&'; missing / 2]);
        key.extend_from_slice(secret);
        key.extend(std::iter::repeat_n(b'&', missing - missing / 2));
        Self { kid: kid.into(), algorithm, key: hmac::Key::new(algorithm.hmac(), &key) }
    }

    /// Its `kid`.
    pub fn kid(&self) -> &Arc<str> {
        &self.kid
    }

    /// Signs claims. `None` for a kind that has no signed tokens.
    pub fn sign(&self, claims: &UserClaims) -> Option<String> {
        let utypid = match claims.kind {
            Kind::Admin => 2,
            Kind::Customer => 3,
            Kind::Integration => return None,
        };
        let UserClaims { uid, iat, exp, .. } = claims;
        let kid = serde_json::Value::from(&*self.kid);
        let header = compact::encode(format!("{{\"kid\":{kid},\"alg\":\"{}\"}}", self.algorithm.as_str()));
        let payload = format!("{{\"uid\":{uid},\"utypid\":{utypid},\"iat\":{iat},\"exp\":{exp}}}");
        Some(compact::join(&header, payload.as_bytes(), |text| hmac::sign(&self.key, text).as_ref().to_vec()))
    }
}

/// The `kid` of a token, before anything about it is believed.
///
/// # Errors
/// When it has not the form of a token.
pub fn kid(token: &str) -> Result<String, BadToken> {
    Ok(header(parts(token)?.header)?.kid)
}

/// Reads a signed token by the key of its `kid`.
///
/// # Errors
/// When it is none that counts at `now`.
pub fn verify<'k>(
    token: &str,
    keys: impl IntoIterator<Item = &'k TokenSigner>,
    now: Time,
) -> Result<(UserClaims, &'k TokenSigner), BadToken> {
    let parts = parts(token)?;
    let header = header(parts.header)?;
    let key = keys.into_iter().find(|key| *key.kid == *header.kid).ok_or(BadToken::UnknownKey)?;
    if header.alg != key.algorithm.as_str() {
        return Err(BadToken::Algorithm);
    }
    let tag = compact::decode(parts.signature).ok_or(BadToken::Malformed)?;
    hmac::verify(&key.key, parts.signed.as_bytes(), &tag).map_err(|_| BadToken::Signature)?;
    let claims = claims(parts.payload)?;
    if Time(claims.iat.saturating_mul(1000)) > now + AHEAD {
        return Err(BadToken::Early);
    }
    if claims.exp.saturating_mul(1000) <= now.0 {
        return Err(BadToken::Expired);
    }
    Ok((claims, key))
}

fn parts(token: &str) -> Result<Parts<'_>, BadToken> {
    compact::split(token, LONGEST).ok_or(BadToken::Malformed)
}

fn header(part: &str) -> Result<Header, BadToken> {
    let header: Header = object(part).ok_or(BadToken::Malformed)?;
    match header.typ.as_deref() {
        None => Ok(header),
        Some(typ) if typ.eq_ignore_ascii_case("jwt") => Ok(header),
        Some(_) => Err(BadToken::Malformed),
    }
}

fn claims(part: &str) -> Result<UserClaims, BadToken> {
    let payload: Payload = object(part).ok_or(BadToken::Claims)?;
    let Payload { uid, utypid, iat, exp, nbf: None, aud: None, iss: None } = payload else { return Err(BadToken::Claims) };
    let kind = match utypid {
        2 => Kind::Admin,
        3 => Kind::Customer,
        _ => return Err(BadToken::Claims),
    };
    if uid == 0 || iat == 0 || exp == 0 {
        return Err(BadToken::Claims);
    }
    Ok(UserClaims { kind, uid, iat, exp })
}

/// A JSON object. A list would do for the library where a struct is wanted, and does not for us.
fn object<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    let bytes = compact::decode(part)?;
    if bytes.first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests;
