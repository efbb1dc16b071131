//! Proofs of possession (RFC 9449 4.2): tokens that bring their own key and prove that their sender has it. They prove nothing
//! else: who the key belongs to is somebody else's question.

use super::{BadToken, LONGEST, VerifyingKey, compact, token::short};
use doorward_core::{
    Time,
    json::{self, Names},
};
use serde_json::{Map, Value};
use std::{fmt, sync::Arc};

/// Members of a header that would make the proof mean something else, or bring another key along.
const REFUSED: [&str; 8] = ["crit", "b64", "zip", "enc", "cty", "jku", "x5u", "x5c"];

/// A proof whose signature is right.
pub struct Proof {
    /// When it says that it was made (`iat`, RFC 7519 4.1.6).
    pub issued: Time,
    /// The thumbprint (RFC 7638) of the key that it proves.
    pub thumbprint: Arc<str>,
    claims: Map<String, Value>,
}

/// Without what it says.
impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

impl Proof {
    /// Reads a proof of this type, and verifies that the key in it signed it.
    ///
    /// # Errors
    /// What is wrong first. A key with private parts, a symmetric one, and one of another algorithm are malformed.
    pub fn read(text: &str, typ: &str) -> Result<Self, BadToken> {
        let parts = compact::split(text, LONGEST).ok_or(BadToken::Malformed)?;
        let object = |part| compact::decode(part).and_then(|bytes| json::object(&bytes, Names::Exact)).ok_or(BadToken::Malformed);
        let header = object(parts.header)?;
        if REFUSED.iter().any(|name| header.contains_key(*name)) {
            return Err(BadToken::Malformed);
        }
        if !header.get("typ").and_then(Value::as_str).is_some_and(|own| short(own).eq_ignore_ascii_case(typ)) {
            return Err(BadToken::Type);
        }
        let jwk = header.get("jwk").and_then(Value::as_object).ok_or(BadToken::Malformed)?;
        let key = VerifyingKey::from_members(jwk).map_err(|_| BadToken::Malformed)?;
        if header.get("alg").and_then(Value::as_str) != Some(key.algorithm().as_str()) {
            return Err(BadToken::Algorithm);
        }
        let signature = compact::decode(parts.signature).ok_or(BadToken::Malformed)?;
        if !key.verifies(parts.signed.as_bytes(), &signature) {
            return Err(BadToken::Signature);
        }
        let claims = object(parts.payload)?;
        // Whole seconds: nobody needs more, and another type is no date.
        let issued = claims.get("iat").and_then(Value::as_u64).filter(|seconds| *seconds < u64::from(u32::MAX) * 2);
        let issued = Time(issued.ok_or(BadToken::Claims)? * 1000);
        let thumbprint = key.thumbprint().ok_or(BadToken::Malformed)?.into();
        Ok(Self { issued, thumbprint, claims })
    }

    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }
}
