//! One connection: its first bytes, its protocol, its requests, its end.

use super::{Connection, End, Handler, Limits, io::Socket, proxy_protocol};
use crate::{Body, record::Recorder};
use bytes::BytesMut;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ipnet::IpNet;
use std::{
    convert::Infallible,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

/// What every HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What all connections of a listener share.
pub(super) struct Server<H> {
    limits: Limits,
    announcers: Option<Vec<IpNet>>,
    handler: Arc<H>,
    recorder: Arc<dyn Recorder>,
    http1: hyper::server::conn::http1::Builder,
    http2: hyper::server::conn::http2::Builder<TokioExecutor>,
}

impl<H: Handler> Server<H> {
    pub(super) fn new(limits: Limits, announcers: Option<Vec<IpNet>>, handler: Arc<H>, recorder: Arc<dyn Recorder>) -> Self {
        let mut http1 = hyper::server::conn::http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_header_size(limits.max_head)
            // The smallest buffer that the parser allows; a head within it may still be too large.
            .max_buf_size(limits.max_head.max(8192) + 1024);
        if limits.max_headers != 100 {
            http1.max_headers(limits.max_headers);
        }
        let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.max_streams)
            // Rapid Reset (CVE-2023-44487) and its kin end the connection after so many.
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(64)
            .max_header_list_size(u32::try_from(limits.max_head).unwrap_or(u32::MAX))
            .max_send_buf_size(256 * 1024)
            .keep_alive_interval(Some(Duration::from_secs(20)))
            .keep_alive_timeout(Duration::from_secs(20));
        Self { limits, announcers, handler, recorder, http1, http2 }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(&self, mut stream: TcpStream, peer: SocketAddr, end: End) {
        let _open = Open::new(&*self.recorder);
        let begun = timeout(self.limits.head_timeout, self.begin(&mut stream, peer));
        let begun = tokio::select! {
            biased;
            begun = begun => begun,
            // Nothing was asked yet.
            () = end.stop.cancelled() => Ok(Ok(None)),
        };
        match begun {
            Ok(Ok(Some((first, announced)))) => self.converse(stream, first, Connection { peer, announced }, end).await,
            // The peer hung up without a word, or said nothing for too long.
            Ok(Ok(None)) | Err(_) => {}
            Ok(Err(detail)) => self.recorder.parser_refusal(peer.ip(), detail),
        }
    }

    /// Reads the PROXY header where one is due, then so much that the protocol is known.
    async fn begin(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
    ) -> Result<Option<(BytesMut, Option<SocketAddr>)>, &'static str> {
        let mut buffer = BytesMut::with_capacity(1024);
        let trusted = |networks: &Vec<IpNet>| networks.iter().any(|network| network.contains(&peer.ip().to_canonical()));
        let announced =
            if self.announcers.as_ref().is_some_and(trusted) { proxy_protocol::read(stream, &mut buffer).await? } else { None };
        while is_undecided(&buffer) {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
        }
        Ok(Some((buffer, announced)))
    }

    async fn converse(&self, stream: TcpStream, first: BytesMut, connection: Connection, end: End) {
        let is_http2 = first.starts_with(PREFACE);
        let io = TokioIo::new(Socket::new(stream, first.freeze(), self.limits.write_timeout));
        let activity = Arc::new(Activity::default());
        let service = service_fn(|request| {
            let (handler, recorder, activity) = (&self.handler, &self.recorder, Arc::clone(&activity));
            let (handler, recorder) = (Arc::clone(handler), Arc::clone(recorder));
            // The whole way of a request is a large future: boxed, it is not copied from place to place.
            Box::pin(async move {
                let _busy = activity.begin();
                Ok::<_, Infallible>(answer(&*handler, &*recorder, request, connection).await)
            })
        });
        let ended = if is_http2 {
            let mut conversation = pin!(self.http2.serve_connection(io, service));
            tokio::select! {
                biased;
                ended = conversation.as_mut() => ended,
                () = async { tokio::select! { () = end.stop.cancelled() => {}, () = activity.rest(self.limits.idle_timeout) => {} } } => {
                    conversation.as_mut().graceful_shutdown();
                    tokio::select! { biased; ended = conversation => ended, () = end.cut.cancelled() => return }
                }
            }
        } else {
            let mut conversation = pin!(self.http1.serve_connection(io, service).with_upgrades());
            tokio::select! {
                biased;
                ended = conversation.as_mut() => ended,
                () = end.stop.cancelled() => {
                    conversation.as_mut().graceful_shutdown();
                    tokio::select! { biased; ended = conversation => ended, () = end.cut.cancelled() => return }
                }
            }
        };
        if let Err(error) = ended
            && (error.is_parse() || (is_http2 && !error.is_closed() && !error.is_incomplete_message()))
        {
            self.recorder.parser_refusal(connection.peer.ip(), &error.to_string());
        }
    }
}

/// Whether the first bytes may still become the preface of HTTP/2.
fn is_undecided(first: &[u8]) -> bool {
    first.len() < PREFACE.len() && PREFACE.starts_with(first)
}

/// Asks the handler. A panic in there is an answer too, and the process lives on.
async fn answer<H: Handler>(
    handler: &H,
    recorder: &dyn Recorder,
    request: Request<Incoming>,
    connection: Connection,
) -> Response<Body> {
    let is_head = request.method() == Method::HEAD;
    match AssertUnwindSafe(handler.handle(request, connection)).catch_unwind().await {
        Ok(mut response) => {
            // A POST may stand for a HEAD; who sent it waits for as much as the length says.
            if !is_head && response.status() != StatusCode::NOT_MODIFIED && matches!(response.body(), Body::Empty) {
                forget_length(response.headers_mut());
            }
            response
        }
        Err(_) => {
            recorder.panicked(connection.peer.ip());
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
    }
}

/// An answer without a body is 0 bytes long, whatever the length says that another method would get.
fn forget_length(headers: &mut HeaderMap) {
    if headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0") {
        headers.remove(header::CONTENT_LENGTH);
    }
}

/// A connection that is recorded as open until this goes, however it ends.
struct Open<'r>(&'r dyn Recorder);

impl<'r> Open<'r> {
    fn new(recorder: &'r dyn Recorder) -> Self {
        recorder.connection(true);
        Self(recorder)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connection(false);
    }
}

/// How many requests a connection has in flight, and how many it ever had.
#[derive(Default)]
struct Activity {
    in_flight: AtomicUsize,
    begun: AtomicU64,
}

/// A request in flight.
struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

impl Activity {
    fn begin(self: &Arc<Self>) -> Busy {
        self.in_flight.fetch_add(1, Relaxed);
        self.begun.fetch_add(1, Relaxed);
        Busy(Arc::clone(self))
    }

    /// Returns once nothing was in flight and nothing began for `idle`.
    async fn rest(&self, idle: Duration) {
        let mut seen = u64::MAX;
        loop {
            let begun = self.begun.load(Relaxed);
            if begun == seen && self.in_flight.load(Relaxed) == 0 {
                return;
            }
            seen = begun;
            tokio::time::sleep(idle).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_http2_by_its_whole_preface() {
        assert!(is_undecided(b""));
        assert!(is_undecided(b"PR"));
        assert!(is_undecided(b"PRI * HTTP/2.0\r\n"));
        assert!(!is_undecided(PREFACE));
        assert!(!is_undecided(b"PROPFIND"));
        assert!(!is_undecided(b"G"));
    }
}
