//! Bodies of others, in the one form that the gateway passes on.

use bytes::{Buf, Bytes};
use doorward_gateway::{Body, body::BodyError};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The body of somebody else, streaming through.
pub(crate) fn foreign<B>(body: B) -> Body
where
    B: HttpBody + Send + 'static,
    B::Error: Into<BoxError>,
{
    if body.is_end_stream() { Body::Empty } else { Body::Boxed(Box::pin(Foreign::new(body))) }
}

/// The same for an answer, which ends with the session behind it.
pub(crate) fn answer<B>(body: B, session: Option<CancellationToken>) -> Body
where
    B: HttpBody + Send + 'static,
    B::Error: Into<BoxError>,
{
    match session {
        Some(session) if !body.is_end_stream() => {
            let ended = Box::pin(session.clone().cancelled_owned());
            Body::Boxed(Box::pin(Bound { body: Foreign::new(body), session, ended }))
        }
        _ => foreign(body),
    }
}

/// Ends when the session behind a request does. The layer puts it among the extensions of a request whose caller has a
/// session (or another credential that can be revoked). Bodies of answers end by themselves; a service that keeps a
/// connection for longer, such as a WebSocket, has to end with it.
///
/// ```
/// # use doorward_tower::{Body, SessionEnd};
/// # async fn serve(request: http::Request<Body>, websocket: impl Future<Output = ()>) {
/// let ended = request.extensions().get::<SessionEnd>().cloned();
/// tokio::select! {
///     () = websocket => {}
///     () = async { match ended { Some(ended) => ended.wait().await, None => std::future::pending().await } } => {}
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SessionEnd(pub(crate) CancellationToken);

impl SessionEnd {
    /// Until the session has ended.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }

    /// Whether it has.
    pub fn has_come(&self) -> bool {
        self.0.is_cancelled()
    }
}

type BoxError = BodyError;

/// A body that can be shared between threads, which its owner alone reads: the lock is never waited for.
struct Foreign<B>(Mutex<Pin<Box<B>>>);

impl<B> Foreign<B> {
    fn new(body: B) -> Self {
        Self(Mutex::new(Box::pin(body)))
    }

    fn look(&self) -> MutexGuard<'_, Pin<Box<B>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> HttpBody for Foreign<B>
where
    B: HttpBody + Send,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let frame = ready!(body.as_mut().poll_frame(cx));
        Poll::Ready(frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))),
            Err(error) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.look().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.look().size_hint()
    }
}

/// A body that ends with a session.
struct Bound<B> {
    body: Foreign<B>,
    session: CancellationToken,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Why an answer breaks off.
#[derive(Debug, thiserror::Error)]
#[error("the session ended")]
struct Ended;

impl<B> HttpBody for Bound<B>
where
    B: HttpBody + Send,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.session.is_cancelled() {
            return Poll::Ready(Some(Err(Ended.into())));
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            // Whoever waits is told of the end.
            Poll::Pending => this.ended.as_mut().poll(cx).map(|()| Some(Err(Ended.into()))),
            ready => ready,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::{BodyExt, Empty, Full, StreamBody};
    use std::{collections::VecDeque, convert::Infallible, io::Cursor};

    #[tokio::test]
    async fn data_of_any_kind_and_trailers_pass() {
        let trailers = http::HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("x"))]);
        let frames = [Frame::data(VecDeque::from(b"ab".to_vec())), Frame::trailers(trailers.clone())];
        let collected = foreign(StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)))).collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), "ab");
    }

    #[test]
    fn what_has_ended_is_no_body_and_lengths_are_kept() {
        assert!(matches!(foreign(Empty::<Bytes>::new()), Body::Empty));
        assert_eq!(foreign(Full::new(Cursor::new("abc"))).size_hint().exact(), Some(3));
    }

    #[tokio::test]
    async fn an_answer_ends_with_its_session_even_while_nothing_comes() {
        let session = CancellationToken::new();
        let endless = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let mut body = answer(endless, Some(session.clone()));
        let reading = tokio::spawn(async move { body.frame().await });
        session.cancel();
        let error = reading.await.unwrap().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the session ended");
    }

    #[tokio::test]
    async fn an_answer_that_never_lets_wait_ends_with_its_session_too() {
        let session = CancellationToken::new();
        let endless = StreamBody::new(stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))));
        let mut body = answer(endless, Some(session.clone()));
        assert!(body.frame().await.unwrap().is_ok());
        session.cancel();
        assert!(body.frame().await.unwrap().is_err());
    }
}
