//! Public keys as JSON (RFC 7517): reading what others publish, and writing ours.

use super::{Algorithm, BadKey, VerifyingKey, compact::decode};
use doorward_core::json::{Names, object};
use serde_json::{Map, Value, json};

/// How many keys a set may have.
pub const MOST_KEYS: usize = 100;
/// Members that hold what nobody publishes (RFC 7518 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The keys of a set that we can use, and what is wrong with the others.
#[derive(Debug)]
pub struct KeySet {
    /// Those that verify.
    pub keys: Vec<VerifyingKey>,
    /// The others by their place in the set, which count for nothing (RFC 7517 5).
    pub others: Vec<(usize, BadKey)>,
}

impl KeySet {
    /// Reads a JWK set.
    ///
    /// # Errors
    /// When it is none, too large, holds a private or secret part, or two keys of the same name.
    pub fn parse(json: &[u8]) -> Result<Self, BadKey> {
        let members = object(json, Names::Exact).ok_or(BadKey::NotJson("an object in which nothing stands twice is wanted"))?;
        let Some(Value::Array(list)) = members.get("keys") else {
            return Err(BadKey::NotJson("the list `keys` is missing"));
        };
        if list.len() > MOST_KEYS {
            return Err(BadKey::NotJson("there are more than 100 keys"));
        }
        let mut set = Self { keys: Vec::new(), others: Vec::new() };
        for (place, value) in list.iter().enumerate() {
            let key = value.as_object().ok_or(BadKey::NotJson("a key is an object")).and_then(VerifyingKey::from_members);
            match key {
                Ok(key) => set.add(key)?,
                Err(why @ (BadKey::Private | BadKey::NotJson(_))) => return Err(why),
                Err(why) => set.others.push((place, why)),
            }
        }
        Ok(set)
    }

    fn add(&mut self, key: VerifyingKey) -> Result<(), BadKey> {
        if key.kid().is_some() && self.keys.iter().any(|other| other.kid() == key.kid()) {
            return Err(BadKey::Twice);
        }
        self.keys.push(key);
        Ok(())
    }
}

/// A JWK set of these keys. Secrets are left out.
pub fn set<'k>(keys: impl IntoIterator<Item = &'k VerifyingKey>) -> Value {
    let keys: Vec<Value> = keys.into_iter().filter_map(VerifyingKey::jwk).collect();
    json!({ "keys": keys })
}

impl VerifyingKey {
    /// Reads one public key.
    ///
    /// # Errors
    /// When it is none, or one for another use, or unsound.
    pub fn from_jwk(json: &[u8]) -> Result<Self, BadKey> {
        let members = object(json, Names::Exact).ok_or(BadKey::NotJson("an object in which nothing stands twice is wanted"))?;
        Self::from_members(&members)
    }

    pub(super) fn from_members(members: &Map<String, Value>) -> Result<Self, BadKey> {
        if PRIVATE.iter().any(|name| members.contains_key(*name)) {
            return Err(BadKey::Private);
        }
        may_verify(members)?;
        let kid = text(members, "kid")?;
        let key = match (required(members, "kty")?, text(members, "crv")?) {
            ("OKP", Some("Ed25519")) => Self::ed25519(&bytes(members, "x")?)?,
            ("EC", Some("P-256")) => Self::p256(&bytes(members, "x")?, &bytes(members, "y")?)?,
            ("EC", Some("P-384")) => Self::p384(&bytes(members, "x")?, &bytes(members, "y")?)?,
            // Which of the two it is for, an RSA key says itself (RFC 7517 4.4); silence is the older one.
            ("RSA", None) => {
                let pss = text(members, "alg")? == Some(Algorithm::Ps256.as_str());
                Self::rsa(&bytes(members, "n")?, &bytes(members, "e")?, pss)?
            }
            ("OKP" | "EC", None) => return Err(BadKey::Unsound("`crv` is missing")),
            ("RSA", Some(_)) => return Err(BadKey::Unsound("an RSA key has no `crv`")),
            ("oct", _) => return Err(BadKey::Private),
            _ => return Err(BadKey::Unsupported("keys are of RSA, P-256, P-384 or Ed25519")),
        };
        fits(&key, text(members, "alg")?)?;
        Ok(key.named(kid.map(Into::into)))
    }
}

/// RFC 7517 4.2, 4.3: what the key is for.
fn may_verify(members: &Map<String, Value>) -> Result<(), BadKey> {
    if text(members, "use")?.is_some_and(|usage| usage != "sig") {
        return Err(BadKey::Unsupported("its `use` is not `sig`"));
    }
    let list = match members.get("key_ops") {
        None => return Ok(()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(BadKey::Unsound("`key_ops` is a list")),
    };
    match list.as_slice() {
        [Value::String(one)] if one == "verify" => Ok(()),
        _ => Err(BadKey::Unsupported("its `key_ops` are not `verify` alone")),
    }
}

/// RFC 7517 4.4: the algorithm that the key names must be the one that its kind has here.
fn fits(key: &VerifyingKey, alg: Option<&str>) -> Result<(), BadKey> {
    match alg {
        None => Ok(()),
        Some(name) if name == key.algorithm().as_str() => Ok(()),
        Some(name) if Algorithm::parse(name).is_some() => Err(BadKey::Unsound("its `alg` does not go with its `kty`")),
        Some(_) => Err(BadKey::Unsupported("algorithms are EdDSA, ES256, ES384, PS256 and RS256")),
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, BadKey> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(BadKey::Unsound("a member that is text has another type")),
    }
}

fn required<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, BadKey> {
    text(members, name)?.ok_or(BadKey::Unsound("a member that a key must have is missing"))
}

fn bytes(members: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, BadKey> {
    decode(required(members, name)?).ok_or(BadKey::Unsound("a number is not in base64url without padding"))
}
