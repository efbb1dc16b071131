//! Keys that sign.

use super::{Algorithm, BadKey, TYPE, VerifyingKey, compact, verifying::hmac_key};
use crate::digest::random;
use aws_lc_rs::{
    encoding::AsDer as _,
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256},
};
use doorward_core::ports::Entropy;
use serde::Serialize;
use std::{fmt, sync::Arc};
use zeroize::{Zeroize, Zeroizing};

const BROKEN: BadKey = BadKey::Unsound("it cannot be used");

/// A key that signs tokens.
pub struct SigningKey {
    pair: Pair,
    verifying: VerifyingKey,
    /// The header is the same for every token of a key and type, so it is encoded once.
    header: String,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
    Secret(Box<hmac::Key>),
}

/// Without the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("verifying", &self.verifying).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new private key as PKCS#8. RSA keys have 2048 bits and take their randomness from the library itself, which is the
    /// system's; so do P-256 keys. It takes a moment for RSA: not for a thread that serves.
    ///
    /// # Errors
    /// For HS256, whose secret somebody else gives, and what is only verified; else when the library fails.
    pub fn generate(algorithm: Algorithm, entropy: &dyn Entropy) -> Result<Zeroizing<Vec<u8>>, BadKey> {
        let document = match algorithm {
            Algorithm::EdDsa => {
                let mut seed: [u8; 32] = random(entropy);
                let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
                seed.zeroize();
                pair.map_err(|_| BROKEN)?.to_pkcs8().map_err(|_| BROKEN)?.as_ref().to_vec()
            }
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map_err(|_| BROKEN)?
                .as_ref()
                .to_vec(),
            Algorithm::Rs256 => {
                RsaKeyPair::generate(KeySize::Rsa2048).and_then(|pair| pair.as_der()).map_err(|_| BROKEN)?.as_ref().to_vec()
            }
            Algorithm::Es384 | Algorithm::Ps256 => return Err(BadKey::Unsupported("ES384 and PS256 are verified only")),
            Algorithm::Hs256 => return Err(BadKey::Unsupported("the secret of HS256 is given, not made")),
        };
        Ok(Zeroizing::new(document))
    }

    /// A private key in PKCS#8: Ed25519, P-256, or RSA of 2048 bits or more. Its name is its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// For every other kind of key, and for what is none.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, BadKey> {
        let (pair, verifying) = if let Ok(pair) = Ed25519KeyPair::from_pkcs8(pkcs8) {
            let verifying = VerifyingKey::ed25519(pair.public_key().as_ref())?;
            (Pair::Ed25519(pair), verifying)
        } else if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8) {
            let verifying = match pair.public_key().as_ref() {
                [4, point @ ..] if point.len() == 64 => {
                    let (x, y) = point.split_at(32);
                    VerifyingKey::p256(x, y)?
                }
                _ => return Err(BROKEN),
            };
            (Pair::P256(pair), verifying)
        } else if let Ok(pair) = RsaKeyPair::from_pkcs8(pkcs8) {
            let key = pair.public_key();
            let n = key.modulus().big_endian_without_leading_zero().to_vec();
            let e = key.exponent().big_endian_without_leading_zero().to_vec();
            (Pair::Rsa(Box::new(pair)), VerifyingKey::rsa(&n, &e, false)?)
        } else {
            return Err(BadKey::Unsupported("it is no private key of Ed25519, P-256 or RSA (2048 bits or more) in PKCS#8"));
        };
        let kid = verifying.thumbprint().map(Arc::from);
        Ok(Self::new(pair, verifying.named(kid)))
    }

    /// HS256 with this secret, byte for byte. It has no name, and neither have its tokens (ibexa-rest 3.2).
    ///
    /// # Errors
    /// As [`VerifyingKey::secret`].
    pub fn secret(secret: &[u8]) -> Result<Self, BadKey> {
        Ok(Self::new(Pair::Secret(Box::new(hmac_key(secret)?)), VerifyingKey::secret(secret)?))
    }

    fn new(pair: Pair, verifying: VerifyingKey) -> Self {
        let header = header(TYPE, &verifying);
        Self { pair, verifying, header }
    }

    /// What verifies its tokens.
    pub fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// A token that says this. RSA and P-256 take longer than the others: 1 ms at worst.
    ///
    /// # Errors
    /// When the claims cannot be written as JSON, or the library fails.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, BadKey> {
        self.signed(&self.header, claims)
    }

    /// A token of another type, such as `at+jwt` (RFC 9068 2.1).
    ///
    /// # Errors
    /// As [`SigningKey::sign`].
    pub fn sign_typed(&self, typ: &'static str, claims: &impl Serialize) -> Result<String, BadKey> {
        self.signed(&header(typ, &self.verifying), claims)
    }

    /// A token under this header, such as one that brings its key along (RFC 9449 4.2). Nothing of it is looked at.
    ///
    /// # Errors
    /// As [`SigningKey::sign`].
    pub fn sign_under(&self, header: &impl Serialize, claims: &impl Serialize) -> Result<String, BadKey> {
        let header = serde_json::to_vec(header).map_err(|_| BadKey::NotJson("a header that is none"))?;
        self.signed(&compact::encode(header), claims)
    }

    fn signed(&self, header: &str, claims: &impl Serialize) -> Result<String, BadKey> {
        let payload = serde_json::to_vec(claims).map_err(|_| BadKey::NotJson("claims that are none"))?;
        let mut token = compact::unsigned(header, &payload);
        let signature = self.signature(token.as_bytes())?;
        compact::push(&mut token, &signature);
        Ok(token)
    }

    pub(super) fn signature(&self, text: &[u8]) -> Result<Vec<u8>, BadKey> {
        let rng = SystemRandom::new();
        Ok(match &self.pair {
            Pair::Ed25519(pair) => pair.try_sign(text).map_err(|_| BROKEN)?.as_ref().to_vec(),
            Pair::P256(pair) => pair.sign(&rng, text).map_err(|_| BROKEN)?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, text, &mut signature).map_err(|_| BROKEN)?;
                signature
            }
            Pair::Secret(key) => hmac::sign(key, text).as_ref().to_vec(),
        })
    }
}

/// The encoded header, in the order of ibexa-rest 3.2. A name is a thumbprint, so it needs no escaping.
fn header(typ: &'static str, verifying: &VerifyingKey) -> String {
    let alg = verifying.algorithm().as_str();
    let kid = verifying.kid().map(|kid| format!(r#","kid":"{kid}""#)).unwrap_or_default();
    compact::encode(format!(r#"{{"typ":"{typ}","alg":"{alg}"{kid}}}"#))
}
