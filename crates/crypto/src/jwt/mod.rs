//! JSON Web Tokens in JWS compact form (RFC 7515, 7519), read as RFC 8725 wants it.
//!
//! - The algorithm belongs to the key. What a token says of it is only compared, so neither `none` nor a public key taken
//!   for an HMAC secret ever comes into question.
//! - A token is parsed once. [`Unverified`] shows no claim; [`Unverified::verify`] turns it into [`Claims`].
//! - A claim of the wrong JSON type makes the token invalid, never the claim absent. So does a member that stands twice.
//! - Keys come from those who call, never from the token: `jwk`, `jku`, `x5u` and `x5c` are refused.

mod claims;
pub(crate) mod compact;
mod jwk;
mod pem;
mod proof;
mod signing;
mod token;
mod verifying;

pub use claims::Claims;
pub use jwk::{KeySet, MOST_KEYS, set};
pub use pem::pkcs8_of_pem;
pub use proof::Proof;
pub use signing::SigningKey;
pub use token::{Rules, Unverified, Verified};
pub use verifying::VerifyingKey;

/// The longest token that is looked at, in bytes.
pub const LONGEST: usize = 8192;
/// The shortest secret for HS256, in bytes (RFC 7518 3.2).
pub const SHORTEST_SECRET: usize = 32;
/// `typ` of a token that is a credential (RFC 7519 5.1).
pub const TYPE: &str = "JWT";

/// What a key does. There is one algorithm for each kind of key, and two for RSA: which one, the key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA with P-256 and SHA-256 (RFC 7518 3.4).
    Es256,
    /// ECDSA with P-384 and SHA-384 (RFC 7518 3.4). It is verified, and nothing is signed with it here.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and 2048 bits or more (RFC 7518 3.3).
    Rs256,
    /// RSASSA-PSS with SHA-256 and 2048 bits or more (RFC 7518 3.5). It is verified, and nothing is signed with it here.
    Ps256,
    /// HMAC with SHA-256 (RFC 7518 3.2): whoever verifies can sign, too.
    Hs256,
}

impl Algorithm {
    /// Those of public keys, the preferred one first.
    pub const PUBLIC: [Algorithm; 5] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256, Algorithm::Rs256];
    /// Those that tokens are signed with here.
    pub const OURS: [Algorithm; 4] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256, Algorithm::Hs256];

    /// Its name in `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
            Algorithm::Hs256 => "HS256",
        }
    }

    /// The algorithm of this name, letter for letter.
    pub fn parse(name: &str) -> Option<Self> {
        Self::PUBLIC.into_iter().chain([Algorithm::Hs256]).find(|algorithm| algorithm.as_str() == name)
    }
}

/// Why a token is none. The text is for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub enum BadToken {
    /// It has not the form of one of ours.
    Malformed,
    /// No key has its `kid`.
    UnknownKey,
    /// Its `alg` is not the key's.
    Algorithm,
    /// The signature is another one.
    Signature,
    /// Its `typ` says that it is for something else.
    Type,
    /// A claim is missing, of the wrong type, or one that is never ours.
    Claims,
    /// `iss` is missing or another one.
    Issuer,
    /// `aud` is missing or another one.
    Audience,
    /// It was issued in the future, or counts only later.
    Early,
    /// It has ended.
    Expired,
}

impl BadToken {
    /// What is wrong, in words.
    pub fn text(self) -> &'static str {
        match self {
            BadToken::Malformed => "it is no token of ours",
            BadToken::UnknownKey => "no key of ours signed it",
            BadToken::Algorithm => "it names another algorithm than its key has",
            BadToken::Signature => "its signature is wrong",
            BadToken::Type => "it is a token of another type",
            BadToken::Claims => "its claims are not those of a token of ours",
            BadToken::Issuer => "another issuer made it",
            BadToken::Audience => "it is for another audience",
            BadToken::Early => "it was issued in the future",
            BadToken::Expired => "it has expired",
        }
    }
}

/// Why a key is none that we use. It says nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not the JSON that a key or a set of keys is, or with a member that stands twice.
    #[error("this is no JWK set: {0}")]
    NotJson(&'static str),
    /// It holds private or secret parts.
    #[error("the key holds private parts: publish the public ones only")]
    Private,
    /// It is for something that we do not do.
    #[error("the key is of no use here: {0}")]
    Unsupported(&'static str),
    /// It is broken or too weak.
    #[error("the key is unsound: {0}")]
    Unsound(&'static str),
    /// Two keys of a set have the same `kid`.
    #[error("two keys have the same `kid`")]
    Twice,
}

#[cfg(test)]
mod tests;
