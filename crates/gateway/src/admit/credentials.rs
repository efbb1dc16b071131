//! What a request says in headers of who it is or should be; whether it is true is asked later.

use super::{Wrong, once, wrong};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Whether `Authorization` carries a token (Bearer, DPoP) and Basic, sound or not.
pub(super) fn authorization(headers: &HeaderMap) -> Result<(bool, bool), Wrong> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Ok((false, false));
    };
    if lines.next().is_some() {
        return Err(wrong("authorization", "Authorization is repeated"));
    }
    Ok((has_scheme(line, b"bearer") || has_scheme(line, b"dpop"), has_scheme(line, b"basic")))
}

/// Whether an `Authorization` names the scheme, however malformed the rest is.
pub(crate) fn has_scheme(value: &HeaderValue, scheme: &[u8]) -> bool {
    let word = value.as_bytes().trim_ascii_start();
    let end = word.iter().position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'-' | b'_')).unwrap_or(word.len());
    word.get(..end).is_some_and(|word| word.eq_ignore_ascii_case(scheme))
}

/// `X-Expected-User`, unless empty or `0` (ibexa-rest 7).
pub(super) fn expected_user(headers: &HeaderMap) -> Result<Option<String>, Wrong> {
    const NAME: HeaderName = HeaderName::from_static("x-expected-user");
    if !headers.contains_key(NAME) {
        return Ok(None);
    }
    let value = once(headers, NAME).ok_or_else(|| wrong("expected_user", "X-Expected-User is repeated"))?;
    let login = String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok((!login.is_empty() && login != "0").then_some(login))
}
