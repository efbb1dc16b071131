//! Reading a token: first its form, then its key and signature, then its claims.

use super::{BadToken, Claims, LONGEST, TYPE, VerifyingKey, compact};
use doorward_core::{
    Time,
    json::{self, Names},
};
use serde_json::Value;
use std::{fmt, sync::Arc, time::Duration};

/// The longest `kid` that is looked at, in bytes.
const LONGEST_KID: usize = 256;
/// Members of a header that would make the token mean something else, or bring a key along.
const REFUSED: [&str; 9] = ["crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5u", "x5c"];

/// What a token must say to count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    /// `iss`, exactly. `None`: there must be none.
    pub issuer: Option<&'a str>,
    /// One of them must be in `aud`. Empty: there must be none.
    pub audience: &'a [Arc<str>],
    /// By how much clocks may differ.
    pub leeway: Duration,
    /// What `typ` may be besides `JWT` and nothing, without `application/`.
    pub types: &'a [&'a str],
    /// Whether `typ` must be one of `types`: then neither `JWT` nor nothing will do.
    pub typed: bool,
}

/// A token that has the form of one. Nothing that it says may be believed yet.
pub struct Unverified<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    header: Header,
    claims: Claims,
}

/// A token that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// What it says.
    pub claims: Claims,
    /// The `kid` of the key that signed it, where the key has one.
    pub kid: Option<Arc<str>>,
    /// The thumbprint of that key ([`VerifyingKey::thumbprint`]); `None` for a secret.
    pub thumbprint: Option<Arc<str>>,
}

struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
}

/// Nothing of what it says.
impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").finish_non_exhaustive()
    }
}

impl<'t> Unverified<'t> {
    /// Reads the form of a token.
    ///
    /// # Errors
    /// [`BadToken::Malformed`], or [`BadToken::Claims`] for registered claims of wrong types and a missing `exp`.
    pub fn parse(token: &'t str) -> Result<Self, BadToken> {
        let parts = compact::split(token, LONGEST).ok_or(BadToken::Malformed)?;
        let object = |part| compact::decode(part).and_then(|bytes| json::object(&bytes, Names::Exact)).ok_or(BadToken::Malformed);
        let header = Header::read(object(parts.header)?)?;
        let claims = Claims::read(object(parts.payload)?)?;
        let signature = compact::decode(parts.signature).ok_or(BadToken::Malformed)?;
        Ok(Self { signed: parts.signed, signature, header, claims })
    }

    /// The issuer that it names: good for finding out whose keys to ask, and for nothing else.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.text("iss")
    }

    /// The audience that it names first: good for finding out whom to ask, and for nothing else.
    pub fn audience(&self) -> Option<&str> {
        match self.claims.get("aud")? {
            Value::Array(list) => list.first()?.as_str(),
            one => one.as_str(),
        }
    }

    /// Whether `typ` says that it is of this type, and not nothing: for tokens that must never be taken for others.
    pub fn is_typed(&self, typ: &str) -> bool {
        self.header.typ.as_deref().is_some_and(|own| short(own).eq_ignore_ascii_case(typ))
    }

    /// Whether it says of itself that it has ended: good for the text of a refusal, and for nothing else.
    pub fn says_ended(&self, leeway: Duration, now: Time) -> bool {
        self.claims.ended(leeway, now)
    }

    /// Checks type, algorithm, signature and claims, in this order.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn verify<'k>(
        self,
        keys: impl IntoIterator<Item = &'k VerifyingKey>,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<Verified, BadToken> {
        if !self.header.fits(rules) {
            return Err(BadToken::Type);
        }
        let key = choose(keys, self.header.kid.as_deref()).ok_or(BadToken::UnknownKey)?;
        if self.header.alg != key.algorithm().as_str() {
            return Err(BadToken::Algorithm);
        }
        if !key.verifies(self.signed.as_bytes(), &self.signature) {
            return Err(BadToken::Signature);
        }
        self.claims.check(rules, now)?;
        Ok(Verified { claims: self.claims, kid: key.kid().cloned(), thumbprint: key.thumbprint().map(Into::into) })
    }
}

/// The key that a token calls for. One without a name stands for tokens without one; and where there is only one key at
/// all, names decide only if both have one.
fn choose<'k>(keys: impl IntoIterator<Item = &'k VerifyingKey>, kid: Option<&str>) -> Option<&'k VerifyingKey> {
    let mut exact = None;
    let (mut all, mut fitting) = (0, 0);
    let mut last = None;
    for key in keys {
        if key.kid().map(|kid| &**kid) == kid {
            exact = Some(key);
            fitting += 1;
        }
        all += 1;
        last = Some(key);
    }
    if fitting > 0 {
        return exact.filter(|_| fitting == 1);
    }
    last.filter(|only| all == 1 && (kid.is_none() || only.kid().is_none()))
}

impl Header {
    fn read(members: serde_json::Map<String, Value>) -> Result<Self, BadToken> {
        if REFUSED.iter().any(|name| members.contains_key(*name)) {
            return Err(BadToken::Malformed);
        }
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(BadToken::Malformed),
        };
        let header = Self { alg: text("alg")?.ok_or(BadToken::Malformed)?, kid: text("kid")?, typ: text("typ")? };
        match &header.kid {
            Some(kid) if kid.len() > LONGEST_KID => Err(BadToken::Malformed),
            _ => Ok(header),
        }
    }

    /// RFC 7515 4.1.9: a media type whose `application/` may be left out; upper and lower case are the same.
    fn fits(&self, rules: &Rules<'_>) -> bool {
        let Some(typ) = self.typ.as_deref() else { return !rules.typed };
        let short = short(typ);
        let plain = if rules.typed { None } else { Some(&TYPE) };
        plain.into_iter().chain(rules.types).any(|allowed| allowed.eq_ignore_ascii_case(short))
    }
}

/// A type without `application/`.
pub(super) fn short(typ: &str) -> &str {
    let prefix = "application/";
    match typ.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => typ.get(prefix.len()..).unwrap_or_default(),
        _ => typ,
    }
}
