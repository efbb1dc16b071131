//! Proof Key for Code Exchange (RFC 7636), with `S256` only (RFC 9700 2.1.1): `plain` protects from nobody who reads the
//! request.

use std::ops::RangeInclusive;

/// How long a verifier is (RFC 7636 4.1), in bytes.
const VERIFIER: RangeInclusive<usize> = 43..=128;

/// What the client must have known when it asked for the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier<'a>(&'a str);

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

#[cfg(test)]
mod tests {
    use super::Verifier;

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        // RFC 7636, appendix B.
        assert!(Verifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").is_some());
        assert!(Verifier::parse(&"a".repeat(42)).is_none());
        assert!(Verifier::parse(&"a".repeat(128)).is_some());
        assert!(Verifier::parse(&"a".repeat(129)).is_none());
        assert!(Verifier::parse(&"a+".repeat(30)).is_none());
    }
}
