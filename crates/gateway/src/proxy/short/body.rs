//! The body of an answer that did not come whole with its head: read when it is asked for.

use super::{Framing, Line};
use crate::{body::BodyError, proxy::pool::Pool};
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{io::AsyncReadExt, time::Instant};

/// How much is read at once, at most.
const PIECE: usize = 64 * 1024;
/// The longest line of a chunk, its extensions included; how many bytes of extensions an answer may have; how long
/// its trailers may be, and how many.
const MAX_LINE: usize = 4 * 1024;
const MAX_EXTENSIONS: usize = 16 * 1024;
const MAX_TRAILERS: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::proxy) enum Malformed {
    #[error("the upstream closed the connection within an answer")]
    Incomplete,
    #[error("a chunk of the upstream's answer is malformed")]
    Chunk,
    #[error("the trailers of the upstream's answer are malformed")]
    Trailers,
}

/// Where the reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// So many bytes are to come.
    Length(u64),
    /// Everything to the end of the connection.
    Close,
    /// Before the line of a chunk.
    Size,
    /// Within a chunk of which so much is to come.
    Chunk(u64),
    /// Before the line end after a chunk.
    ChunkEnd,
    /// After the last chunk.
    Trailers,
    Done,
}

/// The body. At its end the connection goes back; whoever drops it before ends the connection.
pub(in crate::proxy) struct Coming {
    line: Option<Line>,
    pool: Arc<Pool>,
    keeps: bool,
    decoder: Decoder,
    /// Why it broke off, until somebody is told.
    broken: Option<BodyError>,
}

/// Finds the frames of a body in what was read.
pub(super) struct Decoder {
    at: At,
    extensions: usize,
}

impl Coming {
    pub(in crate::proxy) fn new(line: Line, pool: Arc<Pool>, framing: Framing, keeps: bool) -> Self {
        Self { line: Some(line), pool, keeps, decoder: Decoder::new(framing), broken: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(line) = &mut self.line else {
            return Poll::Ready(None);
        };
        loop {
            match self.decoder.next(&mut line.read) {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) if self.decoder.at == At::Done => return Poll::Ready(None),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
            match ready!(read_more(line, cx)) {
                Ok(0) if self.decoder.at == At::Close => {
                    self.decoder.at = At::Done;
                    return Poll::Ready(None);
                }
                Ok(0) => return Poll::Ready(Some(Err(Malformed::Incomplete.into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = ready!(this.poll(cx));
        if let Some(Err(error)) = frame {
            this.line = None;
            // Told with the next look: at an error whoever writes to the client stops, and what came before would be lost.
            this.broken = Some(error);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.decoder.at == At::Done
            && let Some(line) = this.line.take()
            && this.keeps
        {
            this.pool.put_line(line, Instant::now());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.line.is_none() && self.broken.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.decoder.at {
            At::Length(length) => SizeHint::with_exact(length),
            At::Done => SizeHint::with_exact(0),
            _ => SizeHint::new(),
        }
    }
}

fn read_more(line: &mut Line, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
    line.read.reserve(PIECE);
    pin!(line.stream.read_buf(&mut line.read)).poll(cx)
}

impl Decoder {
    pub(super) fn new(framing: Framing) -> Self {
        let at = match framing {
            Framing::Length(length) => At::Length(length),
            Framing::Chunked => At::Size,
            Framing::UntilClose => At::Close,
        };
        Self { at, extensions: 0 }
    }

    #[cfg(test)]
    pub(super) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// The next frame in what was read. Nothing: at the end, or when more must be read.
    pub(super) fn next(&mut self, read: &mut BytesMut) -> Result<Option<Frame<Bytes>>, Malformed> {
        loop {
            match self.at {
                At::Done => return Ok(None),
                At::Length(0) => self.at = At::Done,
                At::Chunk(0) => self.at = At::ChunkEnd,
                _ if read.is_empty() => return Ok(None),
                At::Close => return Ok(Some(Frame::data(read.split().freeze()))),
                At::Length(left) => {
                    let data = some(read, left);
                    let left = left - data.len() as u64;
                    self.at = if left == 0 { At::Done } else { At::Length(left) };
                    return Ok(Some(Frame::data(data)));
                }
                At::Chunk(left) => {
                    let data = some(read, left);
                    self.at = At::Chunk(left - data.len() as u64);
                    return Ok(Some(Frame::data(data)));
                }
                At::ChunkEnd => match read.get(..2) {
                    None if matches!(**read, [b'\r']) => return Ok(None),
                    Some(b"\r\n") => {
                        read.advance(2);
                        self.at = At::Size;
                    }
                    _ => return Err(Malformed::Chunk),
                },
                At::Size => match self.size(read)? {
                    None => return Ok(None),
                    Some(0) => self.at = At::Trailers,
                    Some(size) => self.at = At::Chunk(size),
                },
                At::Trailers => {
                    let Some(fields) = trailers(read)? else {
                        return Ok(None);
                    };
                    self.at = At::Done;
                    return Ok((!fields.is_empty()).then(|| Frame::trailers(fields)));
                }
            }
        }
    }

    /// The line of a chunk: digits, then perhaps extensions, which nobody reads.
    fn size(&mut self, read: &mut BytesMut) -> Result<Option<u64>, Malformed> {
        let Some(end) = read.iter().take(MAX_LINE).position(|byte| *byte == b'\n') else {
            return if read.len() < MAX_LINE { Ok(None) } else { Err(Malformed::Chunk) };
        };
        let line = read.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Malformed::Chunk)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (digits, rest) = line.split_at_checked(digits).ok_or(Malformed::Chunk)?;
        let rest = rest.trim_ascii_start();
        // No number of bytes that we could ever see needs more digits.
        if !matches!(digits.len(), 1..=15) || !matches!(rest.first(), None | Some(b';')) || rest.contains(&b'\r') {
            return Err(Malformed::Chunk);
        }
        self.extensions += rest.len();
        if self.extensions > MAX_EXTENSIONS {
            return Err(Malformed::Chunk);
        }
        let text = std::str::from_utf8(digits).map_err(|_| Malformed::Chunk)?;
        let size = u64::from_str_radix(text, 16).map_err(|_| Malformed::Chunk)?;
        read.advance(end + 1);
        Ok(Some(size))
    }
}

/// At most `most` of what was read.
fn some(read: &mut BytesMut, most: u64) -> Bytes {
    let take = usize::try_from(most).map_or(read.len(), |most| most.min(read.len()));
    read.split_to(take).freeze()
}

/// The trailer section up to its empty line; nothing while it is not whole.
fn trailers(read: &mut BytesMut) -> Result<Option<HeaderMap>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let (length, fields) = match httparse::parse_headers(read, &mut fields) {
        Ok(httparse::Status::Complete(parsed)) => parsed,
        Ok(httparse::Status::Partial) if read.len() < MAX_TRAILERS => return Ok(None),
        Ok(httparse::Status::Partial) | Err(_) => return Err(Malformed::Trailers),
    };
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Malformed::Trailers)?;
        map.append(name, HeaderValue::from_bytes(field.value).map_err(|_| Malformed::Trailers)?);
    }
    read.advance(length);
    Ok(Some(map))
}
