//! Keys that verify.

use super::{Algorithm, BadKey, SHORTEST_SECRET, compact::encode};
use crate::digest::sha256;
use aws_lc_rs::{
    hmac,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA256,
    },
};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};

/// How long a coordinate of P-256 is, a point of Ed25519 and a hash, in bytes.
const COORDINATE: usize = 32;
/// How long a coordinate of P-384 is, in bytes.
const LONG_COORDINATE: usize = 48;
/// The bits that the modulus of an RSA key may have.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// The y coordinates of the points of low order on Ed25519, without the bit for the sign, canonical and not. With such a key
/// somebody without any secret can make signatures for everything.
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// A key that verifies with the one algorithm that it has.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Option<Arc<str>>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(Arc<hmac::Key>),
    Public(ParsedPublicKey, Public),
}

/// The public parts as a JWK writes them.
#[derive(Clone)]
enum Public {
    Ed25519 { x: String },
    P256 { x: String, y: String },
    P384 { x: String, y: String },
    Rsa { n: String, e: String, pss: bool },
}

/// Without the key.
impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("VerifyingKey");
        text.field("kid", &self.kid).field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

impl VerifyingKey {
    /// HS256 with this secret, byte for byte. It has no name, and neither have its tokens (ibexa-rest 3.2).
    ///
    /// # Errors
    /// When it is too short, or a key in PEM: such a text is public more often than not.
    pub fn secret(secret: &[u8]) -> Result<Self, BadKey> {
        hmac_key(secret).map(|key| Self { kid: None, material: Material::Secret(Arc::new(key)) })
    }

    /// Ed25519 by its point.
    pub(crate) fn ed25519(point: &[u8]) -> Result<Self, BadKey> {
        if point.len() != COORDINATE {
            return Err(BadKey::Unsound("`x` of Ed25519 has 32 bytes"));
        }
        let text: String = (0..COORDINATE).map(|at| format!("{:02x}", y_at(point, at))).collect();
        if LOW_ORDER.contains(&text.as_str()) {
            return Err(BadKey::Unsound("its point is of low order"));
        }
        let key = ParsedPublicKey::new(&ED25519, point).map_err(|_| BadKey::Unsound("`x` is no point of Ed25519"))?;
        Ok(Self::public(key, Public::Ed25519 { x: encode(point) }))
    }

    /// P-256 by its coordinates.
    pub(super) fn p256(x: &[u8], y: &[u8]) -> Result<Self, BadKey> {
        if x.len() != COORDINATE || y.len() != COORDINATE {
            return Err(BadKey::Unsound("`x` and `y` of P-256 have 32 bytes each"));
        }
        // SEC 1, 2.3.3: the uncompressed form.
        let point = [&[4], x, y].concat();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .map_err(|_| BadKey::Unsound("`x` and `y` are no point of P-256"))?;
        Ok(Self::public(key, Public::P256 { x: encode(x), y: encode(y) }))
    }

    /// P-384 by its coordinates.
    pub(super) fn p384(x: &[u8], y: &[u8]) -> Result<Self, BadKey> {
        if x.len() != LONG_COORDINATE || y.len() != LONG_COORDINATE {
            return Err(BadKey::Unsound("`x` and `y` of P-384 have 48 bytes each"));
        }
        let point = [&[4], x, y].concat();
        let key = ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
            .map_err(|_| BadKey::Unsound("`x` and `y` are no point of P-384"))?;
        Ok(Self::public(key, Public::P384 { x: encode(x), y: encode(y) }))
    }

    /// RSA by modulus and exponent: with PSS, or with PKCS #1 v1.5.
    pub(super) fn rsa(n: &[u8], e: &[u8], pss: bool) -> Result<Self, BadKey> {
        if n.first().is_none_or(|first| *first == 0) || e.first().is_none_or(|first| *first == 0) {
            return Err(BadKey::Unsound("`n` and `e` are written without leading zeros"));
        }
        if !RSA_BITS.contains(&bits(n)) {
            return Err(BadKey::Unsound("an RSA key has 2048 to 8192 bits"));
        }
        if n.last().is_none_or(|last| last % 2 == 0) {
            return Err(BadKey::Unsound("`n` is no product of two primes"));
        }
        if bits(e) < 2 || bits(e) > 33 || e.last().is_none_or(|last| last % 2 == 0) {
            return Err(BadKey::Unsound("`e` is an odd number from 3 on, of at most 33 bits"));
        }
        let key = PublicKeyComponents { n, e }
            .to_parsed_public_key(if pss { &RSA_PSS_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA256 })
            .map_err(|_| BadKey::Unsound("`n` and `e` are no RSA key"))?;
        Ok(Self::public(key, Public::Rsa { n: encode(n), e: encode(e), pss }))
    }

    fn public(key: ParsedPublicKey, parts: Public) -> Self {
        Self { kid: None, material: Material::Public(key, parts) }
    }

    /// The same key with a name.
    pub(crate) fn named(self, kid: Option<Arc<str>>) -> Self {
        Self { kid, ..self }
    }

    /// The key's name, where it has one.
    pub fn kid(&self) -> Option<&Arc<str>> {
        self.kid.as_ref()
    }

    /// The one algorithm that it verifies with.
    pub fn algorithm(&self) -> Algorithm {
        match &self.material {
            Material::Secret(_) => Algorithm::Hs256,
            Material::Public(_, Public::Ed25519 { .. }) => Algorithm::EdDsa,
            Material::Public(_, Public::P256 { .. }) => Algorithm::Es256,
            Material::Public(_, Public::P384 { .. }) => Algorithm::Es384,
            Material::Public(_, Public::Rsa { pss: true, .. }) => Algorithm::Ps256,
            Material::Public(_, Public::Rsa { pss: false, .. }) => Algorithm::Rs256,
        }
    }

    /// Whether `signature` is one of `text` by this key.
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Secret(key) => hmac::verify(key, text, signature).is_ok(),
            Material::Public(key, _) => key.verify_sig(text, signature).is_ok(),
        }
    }

    /// The key as a JWK (RFC 7517 4). `None` for a secret: there is nothing of it to publish.
    pub fn jwk(&self) -> Option<Value> {
        let Material::Public(_, parts) = &self.material else { return None };
        let mut jwk = match parts {
            Public::Ed25519 { x } => json!({ "kty": "OKP", "crv": "Ed25519", "x": x }),
            Public::P256 { x, y } => json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }),
            Public::P384 { x, y } => json!({ "kty": "EC", "crv": "P-384", "x": x, "y": y }),
            Public::Rsa { n, e, .. } => json!({ "kty": "RSA", "n": n, "e": e }),
        };
        let members = jwk.as_object_mut()?;
        members.insert("use".into(), "sig".into());
        members.insert("alg".into(), self.algorithm().as_str().into());
        if let Some(kid) = &self.kid {
            members.insert("kid".into(), (**kid).into());
        }
        Some(jwk)
    }

    /// SHA-256 over the required members in lexical order (RFC 7638 3). `None` for a secret.
    pub fn thumbprint(&self) -> Option<String> {
        let Material::Public(_, parts) = &self.material else { return None };
        let text = match parts {
            Public::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
            Public::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Public::P384 { x, y } => format!(r#"{{"crv":"P-384","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Public::Rsa { n, e, .. } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        Some(encode(sha256(text.as_bytes())))
    }
}

/// A key for HMAC.
pub(super) fn hmac_key(secret: &[u8]) -> Result<hmac::Key, BadKey> {
    if secret.len() < SHORTEST_SECRET {
        return Err(BadKey::Unsound("a secret for HS256 has 32 bytes at least"));
    }
    if secret.windows(11).any(|window| window == b"-----BEGIN ") {
        return Err(BadKey::Unsound("a key in PEM is no secret for HS256"));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, secret))
}

/// A byte of a point without the bit that holds the sign.
fn y_at(point: &[u8], at: usize) -> u8 {
    let byte = point.get(at).copied().unwrap_or_default();
    if at + 1 == COORDINATE { byte & 0x7f } else { byte }
}

/// How many bits a number without leading zero bytes has.
fn bits(number: &[u8]) -> usize {
    let leading = number.first().map_or(8, |byte| byte.leading_zeros());
    number.len() * 8 - usize::try_from(leading).unwrap_or_default().min(number.len() * 8)
}
