//! Scopes (RFC 6749 3.3).

use std::{fmt, sync::Arc};

/// How many scopes one request may name.
const MOST: usize = 64;

/// Scopes, each once, in the order in which they were named first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Arc<str>>);

/// A scope that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is one or more printable ASCII characters without quotes and backslashes, and there may be {MOST} of them")]
pub struct BadScope;

impl Scopes {
    /// Scopes with a single space between them. Nothing at all is no scope.
    ///
    /// # Errors
    /// When one of them has a character that RFC 6749 3.3 does not allow, or there are too many.
    pub fn parse(text: &str) -> Result<Self, BadScope> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut all = Self::default();
        for name in text.split(' ') {
            if name.is_empty() || !name.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) || all.0.len() == MOST {
                return Err(BadScope);
            }
            all.add(name.into());
        }
        Ok(all)
    }

    /// Whether it is among them.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|own| **own == *name)
    }

    /// Whether all of the others are among these.
    pub fn covers(&self, others: &Scopes) -> bool {
        others.iter().all(|name| self.has(name))
    }

    /// These and the others.
    #[must_use]
    pub fn with(mut self, others: &Scopes) -> Self {
        others.0.iter().for_each(|name| self.add(Arc::clone(name)));
        self
    }

    /// Those that `keep` wants.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        self.0.iter().filter(|name| keep(name)).cloned().collect()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As they are stored.
    pub fn names(&self) -> &[Arc<str>] {
        &self.0
    }

    fn add(&mut self, name: Arc<str>) {
        if !self.has(&name) {
            self.0.push(name);
        }
    }
}

impl FromIterator<Arc<str>> for Scopes {
    fn from_iter<I: IntoIterator<Item = Arc<str>>>(names: I) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|name| all.add(name));
        all
    }
}

/// As `scope` says them.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::Scopes;

    #[test]
    fn a_scope_is_printable_and_has_no_quotes() {
        let scopes = Scopes::parse("openid orders:read openid https://a.example/!x").unwrap();
        assert_eq!(scopes.to_string(), "openid orders:read https://a.example/!x");
        assert!(Scopes::parse("").unwrap().is_empty());
        for bad in [" ", "a  b", " a", "a ", "a\"b", "a\\b", "a\tb", "ä", "a\nb"] {
            assert!(Scopes::parse(bad).is_err(), "{bad:?}");
        }
        let many: Vec<String> = (0..65).map(|n| n.to_string()).collect();
        assert!(Scopes::parse(&many.join(" ")).is_err());
    }

    #[test]
    fn case_matters_and_order_does_not() {
        let all = Scopes::parse("a b c").unwrap();
        assert!(all.covers(&Scopes::parse("c a").unwrap()) && all.covers(&Scopes::default()));
        assert!(!all.covers(&Scopes::parse("A").unwrap()));
        assert_eq!(all.filtered(|name| name != "b").with(&Scopes::parse("a d").unwrap()).to_string(), "a c d");
    }
}
