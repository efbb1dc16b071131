//! Cross-origin sharing: the pages of which other origins may read our answers (Fetch, 3.3; ibexa-rest 7).

use crate::{Source, canonical};
use http::Method;
use regex::Regex;
use std::{sync::Arc, time::Duration};

/// The rules, in the order in which they are asked; the first one for a path speaks.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    /// The last one may be for every path.
    pub rules: Vec<Arc<CorsRule>>,
}

/// What pages of other origins may do with some paths.
#[derive(Clone, Debug)]
pub struct CorsRule {
    /// Regex on the canonical path; `None` is every path.
    pub path: Option<Regex>,
    /// Origins (`scheme://host[:port]`).
    pub origins: Vec<Arc<str>>,
    /// Patterns of origins, anchored on both ends.
    pub patterns: Vec<Regex>,
    /// Whether every origin may read; never together with `credentials`.
    pub any: bool,
    /// Whether their pages may send what a browser sends by itself.
    pub credentials: bool,
    /// The methods of their requests; `None` are those of the path's route rules.
    pub methods: Option<Vec<Method>>,
    /// Headers of their requests, in lower case.
    pub headers: Vec<Arc<str>>,
    /// Headers of our answers that they may read, in lower case.
    pub expose: Vec<Arc<str>>,
    /// How long browsers remember what a preflight said.
    pub max_age: Duration,
    /// Whether pages on the public internet may ask, where we are on a private network.
    pub private_network: bool,
    /// Where it was written.
    pub source: Source,
}

impl Cors {
    /// The rule for a canonical path.
    pub fn rule(&self, path: &str) -> Option<&Arc<CorsRule>> {
        self.rules.iter().find(|rule| rule.path.as_ref().is_none_or(|pattern| pattern.is_match(path)))
    }
}

impl CorsRule {
    /// Whether pages of this origin may read our answers. `null`, and what is no origin as browsers write it, never may.
    pub fn allows(&self, origin: &str) -> bool {
        let listed = self.origins.iter().any(|own| **own == *origin);
        listed || (self.any || self.patterns.iter().any(|pattern| pattern.is_match(origin))) && is_origin(origin)
    }
}

/// Whether a text is the origin of a web page, exactly as browsers write it (RFC 6454, 6.2).
pub fn is_origin(text: &str) -> bool {
    let (usual, authority) = match text.split_once("://") {
        Some(("https", authority)) => (443, authority),
        Some(("http", authority)) => (80, authority),
        _ => return false,
    };
    canonical::host(authority).is_ok_and(|own| own.port != Some(usual) && own.text() == *authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_origins_as_browsers_write_them() {
        for text in ["https://app.example.com", "http://localhost:3000", "https://[::1]:8443", "http://127.0.0.1"] {
            assert!(is_origin(text), "{text}");
        }
        for text in [
            "",
            "null",
            "*",
            "https://",
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://APP.example.com",
            "https://app.example.com.",
            "https://user@app.example.com",
            "https://app.example.com https://other.example",
            "ftp://app.example.com",
            "HTTPS://app.example.com",
            "app.example.com",
        ] {
            assert!(!is_origin(text), "{text}");
        }
    }

    #[test]
    fn only_origins_match_patterns() {
        let rule = CorsRule {
            path: None,
            origins: vec!["https://app.example.com".into()],
            patterns: vec![Regex::new(r"\A(?:https://.*\.example\.org)\z").unwrap()],
            any: false,
            credentials: true,
            methods: None,
            headers: Vec::new(),
            expose: Vec::new(),
            max_age: Duration::from_secs(60),
            private_network: false,
            source: Source::new("test.toml", 1),
        };
        assert!(rule.allows("https://app.example.com") && rule.allows("https://a.example.org"));
        for origin in ["null", "https://app.example.com.evil.test", "https://evil.test/.example.org", "https://e@.example.org"] {
            assert!(!rule.allows(origin), "{origin}");
            assert_eq!(CorsRule { any: true, ..rule.clone() }.allows(origin), is_origin(origin), "{origin}");
        }
    }
}
