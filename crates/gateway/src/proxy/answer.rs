//! What comes back from an upstream: its head without what is not for the client, its body as it comes.

use super::pool::Lease;
use crate::admit;
use crate::{
    admit::{Announced, names},
    body::BodyError,
    patience::Patience,
};
use bytes::Bytes;
use doorward_core::Policy;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// Cleans the head of an answer. Returns the trailer fields that may follow.
pub(super) fn clean(headers: &mut HeaderMap, policy: &Policy, known: bool) -> Vec<HeaderName> {
    let announced = names::announced_trailers(headers);
    names::remove_hop_by_hop_and(headers, |name| {
        names::is_ours(name.as_str()) || known && (*name == SURROGATE_CONTROL || *name == CDN_CACHE_CONTROL)
    });
    if let Some(trailer) = names::announce(&announced) {
        headers.insert(header::TRAILER, trailer);
    }
    if headers.contains_key(header::SET_COOKIE) {
        drop_our_cookies(headers, policy);
    }
    if known {
        keep_private(headers);
    }
    announced
}

/// An upstream sets no session cookie of ours, and deletes none.
fn drop_our_cookies(headers: &mut HeaderMap, policy: &Policy) {
    let is_ours = |cookie: &HeaderValue| {
        let bytes = cookie.as_bytes();
        let end = bytes.iter().position(|b| matches!(b, b'=' | b';')).unwrap_or(bytes.len());
        admit::is_ours(bytes.get(..end).unwrap_or_default().trim_ascii(), policy)
    };
    if headers.get_all(header::SET_COOKIE).iter().any(is_ours) {
        let kept: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().filter(|c| !is_ours(c)).cloned().collect();
        headers.remove(header::SET_COOKIE);
        for cookie in kept {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}

/// No shared cache keeps what was answered to somebody we know. `private` and `no-store` already say so.
fn keep_private(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
        return;
    }
    let says = |word: &str| names::tokens(headers, &header::CACHE_CONTROL).any(|d| d.eq_ignore_ascii_case(word));
    if says("private") || says("no-store") {
        return;
    }
    let shared = |directive: &&str| {
        let word = directive.split('=').next().unwrap_or_default().trim();
        !["public", "s-maxage"].iter().any(|w| word.eq_ignore_ascii_case(w))
    };
    let kept: Vec<&str> = names::tokens(headers, &header::CACHE_CONTROL).filter(shared).collect();
    let text = ["private"].into_iter().chain(kept).collect::<Vec<_>>().join(", ");
    let value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("private"));
    headers.insert(header::CACHE_CONTROL, value);
}

/// Resolves when the session behind an answer has ended.
type Ended = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Why an answer broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The upstream sent nothing for too long.
    #[error("the upstream's answer rested for too long")]
    TooSlow,
    /// The session that may read it ended.
    #[error("the session ended")]
    SessionEnded,
}

/// The body of an answer. If it breaks off, the connection behind it ends.
pub(super) struct Answer<B> {
    body: Option<B>,
    announced: Vec<HeaderName>,
    patience: Patience,
    ended: Option<Ended>,
    /// Longer than [`LONG`], or of unknown length.
    long: bool,
}

/// Answers longer than this look at their session with each piece, as those of unknown length do.
const LONG: u64 = 1024 * 1024;

impl<B: HttpBody<Data = Bytes, Error: Into<BodyError>> + Unpin> Answer<B> {
    pub(super) fn new(body: B, announced: Vec<HeaderName>, timeout: Duration, session: Option<&CancellationToken>) -> Self {
        let long = body.size_hint().exact().is_none_or(|length| length > LONG);
        let ended = session.map(|session| Box::pin(session.clone().cancelled_owned()) as Ended);
        Self { body: Some(body), announced, patience: Patience::new(timeout), ended, long }
    }

    /// Whether the session behind the answer has ended; then the connection goes too.
    fn has_ended(&mut self, cx: &mut Context<'_>) -> bool {
        let ended = self.ended.as_mut().is_some_and(|ended| ended.as_mut().poll(cx).is_ready());
        if ended {
            self.ended = None;
            self.body = None;
        }
        ended
    }
}

impl<B: HttpBody<Data = Bytes, Error: Into<BodyError>> + Unpin> HttpBody for Answer<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.long && this.has_ended(cx) {
            return Poll::Ready(Some(Err(Broken::SessionEnded.into())));
        }
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        match Pin::new(body).poll_frame(cx) {
            // What is short and there already costs no look at the session; what must be waited for does.
            Poll::Pending if this.has_ended(cx) => Poll::Ready(Some(Err(Broken::SessionEnded.into()))),
            Poll::Pending => this.patience.poll_end(cx).map(|()| {
                this.body = None;
                Some(Err(Broken::TooSlow.into()))
            }),
            Poll::Ready(Some(Ok(frame))) => {
                this.patience.moved();
                Poll::Ready(Some(Ok(frame.map_trailers_announced(&this.announced))))
            }
            Poll::Ready(Some(Err(error))) => {
                this.body = None;
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

/// A body that gives the connection back at its end; whoever drops it before ends the connection.
pub(super) struct Leased {
    body: Incoming,
    lease: Option<Lease>,
}

impl Leased {
    pub(super) fn new(body: Incoming, lease: Lease) -> Self {
        Self { body, lease: Some(lease) }
    }
}

impl HttpBody for Leased {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        let over = match &frame {
            Some(Ok(_)) => this.body.is_end_stream(),
            Some(Err(_)) => false,
            None => true,
        };
        if over && let Some(lease) = this.lease.take() {
            lease.release();
        }
        Poll::Ready(frame)
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

    fn cache_control(lines: &[&'static str]) -> String {
        let mut headers: HeaderMap = lines.iter().map(|line| (header::CACHE_CONTROL, HeaderValue::from_static(line))).collect();
        keep_private(&mut headers);
        let mut all = headers.get_all(header::CACHE_CONTROL).iter().map(|v| v.to_str().unwrap());
        all.by_ref().collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn answers_to_somebody_are_private() {
        let cases: [(&[&'static str], &str); 8] = [
            (&[], "private"),
            (&["max-age=60"], "private, max-age=60"),
            (&["public, max-age=60"], "private, max-age=60"),
            (&["Public", "S-MaxAge=9"], "private"),
            (&["no-store"], "no-store"),
            (&["private, max-age=1"], "private, max-age=1"),
            (&["private=\"set-cookie\""], "private, private=\"set-cookie\""),
            (&["no-cache"], "private, no-cache"),
        ];
        for (lines, expected) in cases {
            assert_eq!(cache_control(lines), expected, "{lines:?}");
        }
    }
}
