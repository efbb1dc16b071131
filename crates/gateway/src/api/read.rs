//! Reading bodies and headers with bounds.

use crate::{Body, admit::Cut};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::AsHeaderName};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::time::Duration;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// 413: it is larger than allowed.
    TooLarge,
    /// 408: it takes too long.
    TooSlow,
    /// 400: it broke off.
    Broken,
}

impl Unread {
    /// The status and the words for the caller.
    pub(crate) fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large."),
            Unread::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The request body takes too long."),
            Unread::Broken => (StatusCode::BAD_REQUEST, "The request body broke off."),
        }
    }
}

/// How long a body for ourselves may take in all: one byte now and then keeps no connection busy for long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The whole body, if it is no larger than `limit` bytes.
pub(crate) async fn body(body: Body, limit: usize) -> Result<Bytes, Unread> {
    within(PATIENCE, body, limit).await
}

async fn within(patience: Duration, body: Body, limit: usize) -> Result<Bytes, Unread> {
    let read = Limited::new(body, limit).collect();
    let error = match tokio::time::timeout(patience, read).await {
        Ok(Ok(collected)) => return Ok(collected.to_bytes()),
        Ok(Err(error)) => error,
        Err(_) => return Err(Unread::TooSlow),
    };
    Err(match error.downcast_ref::<Cut>() {
        Some(Cut::TooLarge) => Unread::TooLarge,
        Some(Cut::TooSlow) => Unread::TooSlow,
        None if error.is::<LengthLimitError>() => Unread::TooLarge,
        None => Unread::Broken,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::BodyError;
    use http_body::Frame;
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    /// A byte now and then, without end.
    struct Drip(Pin<Box<tokio::time::Sleep>>);

    impl http_body::Body for Drip {
        type Data = Bytes;
        type Error = BodyError;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            std::task::ready!(self.0.as_mut().poll(cx));
            self.0.set(tokio::time::sleep(Duration::from_millis(1)));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    fn drip() -> Body {
        Body::Boxed(Box::pin(Drip(Box::pin(tokio::time::sleep(Duration::ZERO)))))
    }

    #[tokio::test]
    async fn a_body_that_drips_is_given_up() {
        assert_eq!(within(Duration::from_millis(50), drip(), usize::MAX).await, Err(Unread::TooSlow));
        assert_eq!(body(drip(), 3).await, Err(Unread::TooLarge));
        assert_eq!(body(Body::from("abc".to_owned()), 3).await, Ok(Bytes::from_static(b"abc")));
    }
}
