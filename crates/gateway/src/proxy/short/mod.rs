//! The short road: requests that only read and have no body, on connections that whoever asks writes and reads itself.
//!
//! Most requests are of this kind, and the way through a client library costs them more than everything that is decided
//! about them: a task for the connection, channels to it and back, a copy of the request in case that it must be sent
//! again. Here the head is text, written at once and kept until the answer has begun. What has a body or switches
//! protocols takes the other road.

mod body;
mod head;

pub(super) use body::Coming;
pub(super) use head::{Framing, Reply};

use super::{QUICK, UpstreamError, pool::Counted, slowly};
use crate::Admitted;
use bytes::BytesMut;
use http::Method;
use http_body::Body as _;
use std::{
    future::{Future, poll_fn},
    io::ErrorKind,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, Sleep},
};
use tokio_util::sync::CancellationToken;

/// The longest head of an answer, and how much is read at once while it comes.
const MAX_HEAD: usize = 64 * 1024;
const PIECE: usize = 8 * 1024;

/// Whether a request may take this road: it may be repeated (RFC 9110, 9.2.2), has no body, and stays HTTP.
pub(super) fn is_for(admitted: &Admitted) -> bool {
    matches!(admitted.method, Method::GET | Method::HEAD | Method::OPTIONS)
        && admitted.body.is_end_stream()
        && admitted.on_upgrade.is_none()
}

/// Why a connection gave no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It ended before anything came.
    Closed,
    /// What came is no answer, or not a whole one.
    Broken(String),
}

impl From<Lost> for UpstreamError {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Closed => UpstreamError::Broken("it closed the connection without an answer".to_owned()),
            Lost::Broken(what) => UpstreamError::Broken(what),
        }
    }
}

/// A connection of the short road.
pub(super) struct Line {
    stream: TcpStream,
    /// What came and was not used yet.
    read: BytesMut,
    /// One timer for all requests of the connection: moving it is cheap, making it is not.
    timer: Pin<Box<Sleep>>,
    _counted: Counted,
}

impl Line {
    pub(super) fn new(stream: TcpStream, counted: Counted) -> Self {
        Self { stream, read: BytesMut::new(), timer: Box::pin(tokio::time::sleep(Duration::ZERO)), _counted: counted }
    }

    /// Whether nothing came since the last answer, not even the end.
    pub(super) fn is_at_rest(&self) -> bool {
        self.read.is_empty() && matches!(self.stream.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Sends the head of a request and waits for the head of its answer, no longer than `patience` after `began` and no
    /// longer than the session lasts.
    pub(super) async fn ask(
        &mut self,
        head: &[u8],
        of_head: bool,
        began: Instant,
        patience: Duration,
        ended: Option<&CancellationToken>,
    ) -> Result<Result<Reply, Lost>, UpstreamError> {
        let Self { stream, read, timer, .. } = self;
        // Most answers come before anybody has to look at the session.
        timer.as_mut().reset(began + if ended.is_some() { patience.min(QUICK) } else { patience });
        let mut asked = pin!(ask(stream, read, head, of_head));
        let quick = poll_fn(|cx| match asked.as_mut().poll(cx) {
            Poll::Ready(answered) => Poll::Ready(Some(answered)),
            Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
        });
        match quick.await {
            Some(answered) => Ok(answered),
            // Boxed, as all that is rare and large: the future of a proxied request stays small.
            None => Box::pin(slowly(asked, began + patience, ended)).await,
        }
    }
}

async fn ask(stream: &mut TcpStream, read: &mut BytesMut, mut head: &[u8], of_head: bool) -> Result<Reply, Lost> {
    if stream.write_all_buf(&mut head).await.is_err() {
        return Err(Lost::Closed);
    }
    let mut tried = false;
    loop {
        if read.capacity() - read.len() < PIECE {
            read.reserve(PIECE);
        }
        let had = read.len();
        match stream.read_buf(read).await {
            Ok(0) if read.is_empty() => return Err(Lost::Closed),
            Ok(0) => return Err(Lost::Broken("it closed the connection within the head of an answer".to_owned())),
            Ok(_) => {}
            Err(_) if read.is_empty() => return Err(Lost::Closed),
            Err(error) => return Err(Lost::Broken(error.to_string())),
        }
        // One that comes in many pieces is parsed once it is whole, not with each of them.
        if tried && !head::may_end_after(read, had) {
            if read.len() > MAX_HEAD {
                return Err(Lost::Broken("the head of its answer is too large".to_owned()));
            }
            continue;
        }
        tried = true;
        if let Some(reply) = head::take(read, of_head)? {
            return Ok(reply);
        }
        if read.len() > MAX_HEAD {
            return Err(Lost::Broken("the head of its answer is too large".to_owned()));
        }
    }
}

#[cfg(test)]
mod tests;
