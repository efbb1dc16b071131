//! Parameters of a request: a query, or a form (RFC 6749 3.1, 3.2, appendix B).

use crate::rfc8707;
use std::fmt;

/// How many parameters are read, and how long all of them may be together, in bytes.
const MOST: usize = 64;
const LONGEST: usize = 65_536;

/// The parameters of a request, each of which was sent once. They hold secrets, so they are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

/// Only their names.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The parameters cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadParameters {
    /// RFC 6749 3.1 and 3.2: request parameters must not be included more than once.
    #[error("the parameter {0} is sent more than once")]
    Repeated(String),
    /// Not UTF-8 (RFC 6749 appendix B), or with characters that no parameter has.
    #[error("the parameters are not text in UTF-8")]
    NotText,
    /// So many, or so long, that nobody means it.
    #[error("the parameters are too many or too long")]
    TooMany,
}

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`. A parameter without a value counts as left out (RFC 6749 3.1).
    ///
    /// # Errors
    /// When one is repeated, or it is no text. `resource` alone may be repeated (RFC 8707 2).
    pub fn parse(text: &str) -> Result<Self, BadParameters> {
        if text.len() > LONGEST {
            return Err(BadParameters::TooMany);
        }
        let mut all: Vec<(String, String)> = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            // Replacement characters stand for bytes that are no UTF-8, and NUL for somebody who wants to be cut short.
            if [&name, &value].iter().any(|part| part.contains(['\u{fffd}', '\0'])) {
                return Err(BadParameters::NotText);
            }
            if *name != *rfc8707::PARAMETER && seen.iter().any(|own| *own == *name) {
                return Err(BadParameters::Repeated(name.chars().take(64).collect()));
            }
            if seen.len() == MOST {
                return Err(BadParameters::TooMany);
            }
            seen.push(name.to_string());
            if !value.is_empty() {
                all.push((name.into_owned(), value.into_owned()));
            }
        }
        Ok(Self(all))
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    /// All values of the one parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| &**value)
    }

    /// The same without those that `drop` names.
    #[must_use]
    pub fn without(&self, drop: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| !drop.contains(&&**name)).cloned().collect())
    }

    /// The same, in which this parameter has this value.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut with = self.without(&[name]);
        with.0.push((name.to_owned(), value.to_owned()));
        with
    }

    /// As a query or form again.
    pub fn encode(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{BadParameters, Parameters};
    use proptest::prelude::*;

    #[test]
    fn refuses_a_repeated_parameter() {
        let repeated = |name: &str| Err(BadParameters::Repeated(name.into()));
        assert_eq!(Parameters::parse("client_id=a&client_id=a"), repeated("client_id"));
        assert_eq!(Parameters::parse("state=&state=x"), repeated("state"));
        assert_eq!(Parameters::parse("redirect_uri=https://a&redirect%5furi=https://b"), repeated("redirect_uri"));
        let several = Parameters::parse("resource=https://a.example&resource=https://b.example").unwrap();
        assert_eq!(several.all("resource").collect::<Vec<_>>(), ["https://a.example", "https://b.example"]);
    }

    #[test]
    fn a_parameter_without_a_value_is_left_out() {
        let read = Parameters::parse("state=&scope&client_id=a+b%26").unwrap();
        assert_eq!((read.get("state"), read.get("scope"), read.get("client_id")), (None, None, Some("a b&")));
    }

    #[test]
    fn refuses_what_is_no_text_and_what_is_too_much() {
        assert_eq!(Parameters::parse("state=%ff"), Err(BadParameters::NotText));
        assert_eq!(Parameters::parse("client_id=a%00b"), Err(BadParameters::NotText));
        let many: String = (0..65).map(|n| format!("p{n}=1&")).collect();
        assert_eq!(Parameters::parse(&many), Err(BadParameters::TooMany));
        assert_eq!(Parameters::parse(&"a".repeat(70_000)), Err(BadParameters::TooMany));
    }

    #[test]
    fn values_are_never_shown() {
        let shown = format!("{:?}", Parameters::parse("code=hush&client_secret=hush").unwrap());
        assert!(shown.contains("client_secret") && !shown.contains("hush"), "{shown}");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_again(values in prop::collection::vec("[^\u{0}\u{fffd}]{1,20}", 0..8)) {
            let all = values.into_iter().enumerate().map(|(n, value)| (format!("p{n}"), value)).collect();
            let all = Parameters(all);
            prop_assert_eq!(Parameters::parse(&all.encode()), Ok(all));
        }
    }
}
