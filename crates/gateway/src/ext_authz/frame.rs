//! One message of gRPC in a body, and what is answered: "gRPC over HTTP2", the document of the protocol.

use crate::{Body, body::BodyError};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header::CONTENT_TYPE};
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use prost::Message;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// A message is at most this large: twice the head of a request, as Envoy may say each header twice, and no body.
const LARGEST: usize = 256 << 10;

/// A flag and a length stand before each message.
const PREFIX: usize = 5;

/// How a call failed, in the words of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// The message is none.
    InvalidArgument,
    /// Whoever asks may not.
    PermissionDenied,
    /// The message is too large.
    ResourceExhausted,
    /// There is no such method.
    Unimplemented,
}

impl Failed {
    fn code(self) -> &'static str {
        match self {
            Failed::InvalidArgument => "3",
            Failed::PermissionDenied => "7",
            Failed::ResourceExhausted => "8",
            Failed::Unimplemented => "12",
        }
    }
}

/// The one message of a body.
pub(super) async fn read<M: Message + Default>(body: Body) -> Result<M, Failed> {
    let whole = Limited::new(body, LARGEST).collect().await;
    let bytes = whole
        .map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() { Failed::ResourceExhausted } else { Failed::InvalidArgument }
        })?
        .to_bytes();
    let (prefix, message) = bytes.split_at_checked(PREFIX).ok_or(Failed::InvalidArgument)?;
    let &[compressed, a, b, c, d] = prefix else { return Err(Failed::InvalidArgument) };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).map_err(|_| Failed::ResourceExhausted)?;
    // No compression was agreed on.
    if compressed != 0 {
        return Err(Failed::Unimplemented);
    }
    if length != message.len() {
        return Err(Failed::InvalidArgument);
    }
    M::decode(message).map_err(|_| Failed::InvalidArgument)
}

/// An answer that is a message.
pub(super) fn answer(message: &impl Message) -> Response<Body> {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    bytes.put_slice(&message.encode_to_vec());
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Answer { message: Some(bytes.freeze()), trailers: Some(trailers) };
    grpc(Body::Boxed(Box::pin(body)))
}

/// An answer that says how the call failed, and nothing else.
pub(super) fn failed(how: Failed, why: &'static str) -> Response<Body> {
    let mut response = grpc(Body::Empty);
    response.headers_mut().insert("grpc-status", HeaderValue::from_static(how.code()));
    response.headers_mut().insert("grpc-message", HeaderValue::from_static(why));
    response
}

fn grpc(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// A message, then the trailers.
struct Answer {
    message: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = self.message.take().map(Frame::data).or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }
}
