//! Resource Indicators (RFC 8707): for whom the access token shall be.

use crate::{ErrorCode, OAuthError, Provider};
use std::sync::Arc;
use url::Url;

/// The parameter, which may be sent several times (RFC 8707 2).
pub const PARAMETER: &str = "resource";
/// How many one request may name, and how long each may be.
const MOST: usize = 8;
const LONGEST: usize = 512;

/// `invalid_target` (RFC 8707 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("resource must be an absolute URI without a fragment, and there may be {MOST} of them")]
pub struct BadResource;

/// Reads what a request names: absolute URIs without a fragment (RFC 8707 2), each once.
///
/// # Errors
/// When one is none.
pub fn parse<'a>(values: impl Iterator<Item = &'a str>) -> Result<Vec<Arc<str>>, BadResource> {
    let mut all: Vec<Arc<str>> = Vec::new();
    for value in values {
        let sound = value.len() <= LONGEST && !value.contains('#') && value.bytes().all(|b| matches!(b, 0x21..=0x7e));
        if !sound || Url::parse(value).is_err() {
            return Err(BadResource);
        }
        if !all.iter().any(|own| **own == *value) {
            all.push(value.into());
        }
    }
    if all.len() > MOST { Err(BadResource) } else { Ok(all) }
}

/// The `aud` of a token for which these resources were named; without any it is the usual one.
///
/// # Errors
/// `invalid_target` (RFC 8707 2) for one that the configuration does not know.
pub fn audience(provider: &Provider<'_>, named: &[Arc<str>]) -> Result<Vec<Arc<str>>, OAuthError> {
    let settings = provider.settings;
    let usual = settings.usual_audience();
    if named.is_empty() {
        return Ok(vec![Arc::clone(usual)]);
    }
    let known = |name: &Arc<str>| std::iter::once(usual).chain(&settings.resources).find(|one| *one == name).cloned();
    let unknown = || OAuthError::new(ErrorCode::InvalidTarget, "There is no such resource.");
    named.iter().map(|name| known(name).ok_or_else(unknown)).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_resource_is_an_absolute_uri_without_a_fragment() {
        let read = parse(["https://api.example.com/", "urn:x:y", "https://api.example.com/"].into_iter()).unwrap();
        assert_eq!(read.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["https://api.example.com/", "urn:x:y"]);
        for bad in ["api", "/x", "https://a.example/#x", "https://a.example/#", "https://a example/", ""] {
            assert!(parse([bad].into_iter()).is_err(), "{bad}");
        }
        let many: Vec<String> = (0..9).map(|n| format!("urn:x:{n}")).collect();
        assert!(parse(many.iter().map(|text| &**text)).is_err());
    }
}
