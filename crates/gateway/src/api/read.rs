//! Reading bodies and headers with bounds.

use crate::Body;
use bytes::Bytes;
use http::{HeaderMap, header::AsHeaderName};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// 413: it is larger than allowed.
    TooLarge,
    /// 400: it broke off.
    Broken,
}

/// The whole body, if it is no larger than `limit` bytes.
pub(crate) async fn body(body: Body, limit: usize) -> Result<Bytes, Unread> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Err(_) => Err(Unread::Broken),
    }
}

/// The text of a header that was sent exactly once.
pub(crate) fn header(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// `X-CSRF-Token`, if it was sent exactly once.
pub(crate) fn csrf_token(headers: &HeaderMap) -> Option<&str> {
    header(headers, "x-csrf-token")
}
