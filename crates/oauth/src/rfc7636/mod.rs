//! Proof Key for Code Exchange (RFC 7636), with `S256` only (RFC 9700 2.1.1): `plain` protects from nobody who reads the
//! request.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_crypto::{same, sha256};
use std::{fmt, ops::RangeInclusive};

/// How long a verifier is (RFC 7636 4.1), in bytes.
const VERIFIER: RangeInclusive<usize> = 43..=128;
/// The only transformation that is taken (RFC 7636 4.2).
pub const METHOD: &str = "S256";

/// What the client must have known when it asked for the code.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier<'a>(&'a str);

/// It is a secret.
impl fmt::Debug for Verifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

impl<'a> Verifier<'a> {
    /// 43 to 128 unreserved characters (RFC 7636 4.1), or none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        (VERIFIER.contains(&text.len()) && text.bytes().all(unreserved)).then_some(Self(text))
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        self.0
    }
}

/// What a client shows of its verifier when it asks for a code: its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

/// Why a challenge is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadChallenge {
    /// There is none: it is demanded of every client (RFC 9700 2.1.1).
    #[error("code_challenge is missing")]
    Missing,
    /// RFC 7636 4.3: without a method it would be `plain`.
    #[error("code_challenge_method must be S256")]
    Method,
    /// It is no SHA-256 in base64url (RFC 7636 4.2).
    #[error("code_challenge is not the SHA-256 of a verifier in base64url without padding")]
    Form,
}

impl Challenge {
    /// Reads `code_challenge` and `code_challenge_method` of a request.
    ///
    /// # Errors
    /// When it is missing, or says anything but S256.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, BadChallenge> {
        let text = challenge.ok_or(BadChallenge::Missing)?;
        if method != Some(METHOD) {
            return Err(BadChallenge::Method);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadChallenge::Form)?;
        bytes.try_into().map(Self).map_err(|_| BadChallenge::Form)
    }

    /// As it is remembered.
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// As it was remembered.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Whether this is what the verifier gives (RFC 7636 4.6), in constant time.
    pub fn verify(&self, verifier: &Verifier<'_>) -> bool {
        same(&self.0, &sha256(verifier.as_str().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::{BadChallenge, Challenge, Verifier};

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        assert!(Verifier::parse(VERIFIER).is_some());
        assert!(Verifier::parse(&"a".repeat(42)).is_none());
        assert!(Verifier::parse(&"a".repeat(128)).is_some());
        assert!(Verifier::parse(&"a".repeat(129)).is_none());
        assert!(Verifier::parse(&"a+".repeat(30)).is_none());
    }

    #[test]
    fn the_published_verifier_fits_its_challenge_and_no_other_does() {
        let challenge = Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
        assert!(challenge.verify(&Verifier::parse(VERIFIER).unwrap()));
        assert!(!challenge.verify(&Verifier::parse(&"a".repeat(43)).unwrap()));
        // What `plain` would take.
        assert!(!challenge.verify(&Verifier::parse(CHALLENGE).unwrap()));
        assert_eq!(Challenge::from_bytes(challenge.bytes()), challenge);
    }

    #[test]
    fn a_downgrade_to_plain_or_to_nothing_is_refused() {
        for (challenge, method, why) in [
            (None, None, BadChallenge::Missing),
            (None, Some("S256"), BadChallenge::Missing),
            (Some(CHALLENGE), None, BadChallenge::Method),
            (Some(CHALLENGE), Some("plain"), BadChallenge::Method),
            (Some(CHALLENGE), Some("s256"), BadChallenge::Method),
            (Some(VERIFIER), Some("plain"), BadChallenge::Method),
            (Some(""), Some("S256"), BadChallenge::Form),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="), Some("S256"), BadChallenge::Form),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw"), Some("S256"), BadChallenge::Form),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), Some("S256"), BadChallenge::Form),
        ] {
            assert_eq!(Challenge::parse(challenge, method), Err(why), "{challenge:?} {method:?}");
        }
    }

    #[test]
    fn a_verifier_is_never_shown() {
        assert_eq!(format!("{:?}", Verifier::parse(VERIFIER).unwrap()), "Verifier");
    }
}
