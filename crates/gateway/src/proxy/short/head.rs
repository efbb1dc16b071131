//! The head of an answer, from text.

use super::Lost;
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header, response};
use std::mem::MaybeUninit;

/// The most headers of an answer.
const MAX_HEADERS: usize = 100;

/// How the end of an answer's body is known (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Everything up to the end of the connection.
    UntilClose,
}

/// An answer whose head has come.
#[derive(Debug)]
pub(in crate::proxy) struct Reply {
    pub(in crate::proxy) parts: response::Parts,
    pub(in crate::proxy) framing: Framing,
    /// The body, where it came whole with the head.
    pub(in crate::proxy) whole: Option<Bytes>,
    /// Whether the connection may be used again after the body.
    pub(in crate::proxy) keeps: bool,
}

/// Takes the head of a final answer from what was read, and the body where it is there and not chunked. `None` says that more
/// must be read. Provisional answers are passed over. `of_head` says that HEAD was asked.
pub(super) fn take(read: &mut BytesMut, of_head: bool) -> Result<Option<Reply>, Lost> {
    loop {
        // Headers and a short body share one copy; the buffer stays the connection's.
        let text = Bytes::copy_from_slice(read);
        let Some((mut parts, length)) = parse(&text)? else {
            return Ok(None);
        };
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(broken("it switched protocols without being asked"));
        }
        if parts.status.is_informational() {
            read.advance(length);
            continue;
        }
        let (framing, keeps) = framing(&mut parts, of_head)?;
        let whole = match framing {
            Framing::Length(body) => usize::try_from(body)
                .ok()
                .and_then(|body| length.checked_add(body))
                .filter(|end| *end <= text.len())
                .map(|end| (text.slice(length..end), end)),
            _ => None,
        };
        let (whole, used) = whole.map_or((None, length), |(body, end)| (Some(body), end));
        if used == read.len() {
            read.clear();
        } else {
            read.advance(used);
        }
        return Ok(Some(Reply { parts, framing, whole, keeps }));
    }
}

/// Whether the head may end in what came after the first `had` bytes.
pub(super) fn may_end_after(read: &[u8], had: usize) -> bool {
    let tail = read.get(had.saturating_sub(3)..).unwrap_or_default();
    tail.windows(2).any(|pair| pair == b"\n\n") || tail.windows(3).any(|three| three == b"\n\r\n")
}

fn broken(what: &str) -> Lost {
    Lost::Broken(what.to_owned())
}

/// Status and headers, and how long the head is; nothing while it is not whole.
fn parse(text: &Bytes) -> Result<Option<(response::Parts, usize)>, Lost> {
    let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut answer, text, &mut lines);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        // The parser's words name what kind of thing is wrong, not what was sent.
        Err(error) => return Err(Lost::Broken(error.to_string())),
    };
    let mut parts = Response::new(()).into_parts().0;
    parts.status = answer.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or_else(|| broken("an impossible status"))?;
    parts.version = if answer.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    parts.headers = HeaderMap::with_capacity(answer.headers.len() + 2);
    for line in answer.headers.iter() {
        // The most common one, which changes nothing and nominates nothing that would stay.
        if line.name.eq_ignore_ascii_case("connection") && line.value.eq_ignore_ascii_case(b"keep-alive") {
            continue;
        }
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| broken("an impossible header name"))?;
        let value =
            HeaderValue::from_maybe_shared(text.slice_ref(line.value)).map_err(|_| broken("an impossible header value"))?;
        parts.headers.append(name, value);
    }
    Ok(Some((parts, length)))
}

/// How long the body is, and whether the connection may be used after it. `Content-Length` goes where it says nothing.
fn framing(parts: &mut response::Parts, of_head: bool) -> Result<(Framing, bool), Lost> {
    let headers = &mut parts.headers;
    let closes = headers.get_all(header::CONNECTION).iter().any(says_close) || parts.version != Version::HTTP_11;
    let length = content_length(headers)?;
    let coded = headers.contains_key(header::TRANSFER_ENCODING);
    if coded {
        let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
        let chunked = codings.next().is_some_and(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
        // An old peer's codings cannot be trusted (RFC 9112, 6.1).
        if !chunked || codings.next().is_some() || parts.version != Version::HTTP_11 {
            return Err(broken("a transfer coding other than chunked"));
        }
        headers.remove(header::CONTENT_LENGTH);
    }
    // Both together smell of smuggling: what follows on this connection is not believed.
    let keeps = !(closes || coded && length.is_some());
    Ok(match length {
        _ if of_head || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => (Framing::Length(0), keeps),
        _ if coded => (Framing::Chunked, keeps),
        Some(length) => (Framing::Length(length), keeps),
        None => (Framing::UntilClose, false),
    })
}

fn says_close(value: &HeaderValue) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// The one length that the headers give, if any. Several must be equal (RFC 9112, 6.3).
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Lost> {
    let mut length = None;
    for value in headers.get_all(header::CONTENT_LENGTH) {
        for text in value.as_bytes().split(|byte| *byte == b',') {
            let this = decimal(text.trim_ascii()).ok_or_else(|| broken("a Content-Length that is no number"))?;
            if length.is_some_and(|other| other != this) {
                return Err(broken("two different lengths"));
            }
            length = Some(this);
        }
    }
    Ok(length)
}

fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
