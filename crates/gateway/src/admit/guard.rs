//! The body of a request: not larger than allowed, not slower than allowed, with the trailers it announced.

use crate::{Body, admit::names::may_trail, body::BodyError, patience::Patience};
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// Why the body of a request was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// More bytes than allowed (413).
    #[error("the body is larger than allowed")]
    TooLarge,
    /// Nothing came for too long (408).
    #[error("the body rested for too long")]
    TooSlow,
}

/// Guards a body that still has to come.
pub(crate) struct Guarded {
    inner: Body,
    left: u64,
    patience: Patience,
    announced: Vec<HeaderName>,
}

impl Guarded {
    /// At most `limit` bytes, at most `timeout` between two of them, no trailers but the `announced`.
    pub(crate) fn new(inner: Body, limit: u64, timeout: Duration, announced: Vec<HeaderName>) -> Self {
        Self { inner, left: limit, patience: Patience::new(timeout), announced }
    }
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            return this.patience.poll_end(cx).map(|()| Some(Err(Cut::TooSlow.into())));
        };
        this.patience.moved();
        let Some(Ok(frame)) = frame else {
            return Poll::Ready(frame);
        };
        if let Some(data) = frame.data_ref() {
            match this.left.checked_sub(data.len() as u64) {
                Some(left) => this.left = left,
                None => return Poll::Ready(Some(Err(Cut::TooLarge.into()))),
            }
        }
        Poll::Ready(Some(Ok(frame.map_trailers_announced(&this.announced))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Trailers without those that were not announced or may not trail.
pub(crate) trait Announced {
    /// The same frame with fewer trailers.
    fn map_trailers_announced(self, announced: &[HeaderName]) -> Self;
}

impl Announced for Frame<Bytes> {
    fn map_trailers_announced(self, announced: &[HeaderName]) -> Self {
        match self.into_trailers() {
            Ok(trailers) => Frame::trailers(only(&trailers, announced)),
            Err(frame) => frame,
        }
    }
}

fn only(trailers: &HeaderMap, announced: &[HeaderName]) -> HeaderMap {
    let passes = |name: &HeaderName| announced.contains(name) && may_trail(name);
    trailers.iter().filter(|(name, _)| passes(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn cuts_a_body_that_is_too_large() {
        let body = Guarded::new(Body::from("12345".to_owned()), 4, Duration::from_secs(9), Vec::new());
        let error = body.collect().await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Cut::TooLarge));
        let body = Guarded::new(Body::from("1234".to_owned()), 4, Duration::from_secs(9), Vec::new());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "1234");
    }

    struct Never;
    impl HttpBody for Never {
        type Data = Bytes;
        type Error = BodyError;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn cuts_a_body_that_rests_for_too_long() {
        let body = Guarded::new(Body::Boxed(Box::pin(Never)), 4, Duration::from_millis(10), Vec::new());
        assert_eq!(body.collect().await.unwrap_err().downcast_ref(), Some(&Cut::TooSlow));
    }
}
