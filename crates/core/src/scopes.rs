//! Scopes: how far a credential reaches that was given to somebody else (RFC 6749 3.3).
//!
//! An access token is a part of what somebody may do, handed to a program. A route can demand that the part is the right one.
//! Whoever came in person holds everything that is theirs, so nothing is asked of a session, a Basic pair, or a certificate.
//! A guest holds nothing: where a scope is demanded nobody passes who leaves the token away.

use crate::{Identity, Offer};
use std::sync::Arc;

/// The longest name of a scope, in bytes.
const LONGEST: usize = 100;

/// How far a caller's credential reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// Nowhere: nobody is known.
    Guest,
    /// As far as the account itself.
    Whole,
    /// As far as these scopes.
    Scopes(&'a [Arc<str>]),
}

impl<'a> Reach<'a> {
    /// That of a caller who was made this identity of by the decision.
    pub fn of(identity: &Identity, offer: &'a Offer) -> Self {
        match (identity, offer) {
            (Identity::Known(_), Offer::Verified(evidence)) => evidence.scopes.as_deref().map_or(Reach::Whole, Reach::Scopes),
            _ => Reach::Guest,
        }
    }

    /// The first of the scopes demanded that it does not reach. Names are compared byte by byte (RFC 6749 3.3).
    pub fn lacking(self, demanded: &[Arc<str>]) -> Option<&Arc<str>> {
        match self {
            Reach::Guest => demanded.first(),
            Reach::Whole => None,
            Reach::Scopes(held) => demanded.iter().find(|scope| !held.contains(scope)),
        }
    }
}

/// Whether a text is the name of a scope (RFC 6749 3.3): printable ASCII without spaces, quotes and backslashes.
pub fn is_scope(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_nothing_in_it_that_ends_a_quoted_text() {
        for good in ["a", "orders:read", "https://example.com/read", "A+b/c~!#[]"] {
            assert!(is_scope(good), "{good}");
        }
        for bad in ["", "a b", "a\"", "a\\", "\u{e4}", "a\n", "\u{7f}", &"a".repeat(LONGEST + 1)] {
            assert!(!is_scope(bad), "{bad:?}");
        }
    }

    #[test]
    fn scopes_are_told_apart_by_case() {
        let scopes = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<Arc<str>>>();
        let (held, demanded) = (scopes(&["a", "b"]), scopes(&["b", "A", "c"]));
        assert_eq!(Reach::Scopes(&held).lacking(&demanded).map(|scope| &**scope), Some("A"));
        assert_eq!(Reach::Scopes(&held).lacking(&held), None);
        assert_eq!(Reach::Scopes(&[]).lacking(&[]), None);
        assert_eq!(Reach::Whole.lacking(&demanded), None);
        assert_eq!(Reach::Guest.lacking(&demanded).map(|scope| &**scope), Some("b"));
        assert_eq!(Reach::Guest.lacking(&[]), None);
    }
}
