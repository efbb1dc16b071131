//! One connection: its first bytes, its protocol, its requests, its end.

use super::{Connection, End, Handler, Limits, io::Socket, proxy_protocol};
use crate::{Body, admit::certificate::asks, record::Recorder};
use bytes::BytesMut;
use doorward_tls::{Handshake, HandshakeError, Terminator, TlsStream};
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
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

/// What every HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What all connections of a listener share.
pub(super) struct Server<H> {
    limits: Limits,
    announcers: Option<Vec<IpNet>>,
    terminator: Option<Arc<Terminator>>,
    handler: Arc<H>,
    recorder: Arc<dyn Recorder>,
    http1: hyper::server::conn::http1::Builder,
    http2: hyper::server::conn::http2::Builder<TokioExecutor>,
}

impl<H: Handler> Server<H> {
    pub(super) fn new(
        limits: Limits,
        announcers: Option<Vec<IpNet>>,
        terminator: Option<Arc<Terminator>>,
        handler: Arc<H>,
        recorder: Arc<dyn Recorder>,
    ) -> Self {
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
        Self { limits, announcers, terminator, handler, recorder, http1, http2 }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(&self, stream: TcpStream, peer: SocketAddr, end: End) {
        let _open = Open::new(&*self.recorder);
        match &self.terminator {
            None => self.serve_plain(stream, peer, end).await,
            // Boxed, once for each connection, so that what it takes does not make those without TLS larger.
            Some(terminator) => Box::pin(self.serve_tls(terminator, stream, peer, end)).await,
        }
    }

    async fn serve_plain(&self, mut stream: TcpStream, peer: SocketAddr, end: End) {
        let mut buffer = BytesMut::with_capacity(1024);
        let begin = async {
            let announced = self.announced(&mut stream, &mut buffer, peer).await?;
            Ok(begin(&mut stream, &mut buffer).await.then_some(announced))
        };
        match until(&end, timeout(self.limits.head_timeout, begin)).await {
            Some(Ok(Ok(Some(announced)))) => {
                let is_http2 = buffer.starts_with(PREFACE);
                let io = Socket::new(stream, buffer.freeze(), self.limits.write_timeout);
                self.converse(io, is_http2, Connection { peer, announced, tls: None }, end).await;
            }
            // The peer hung up without a word, or said nothing for too long, or nothing was asked yet.
            Some(Ok(Ok(None)) | Err(_)) | None => {}
            Some(Ok(Err(detail))) => self.recorder.parser_refusal(peer.ip(), detail),
        }
    }

    async fn serve_tls(&self, terminator: &Terminator, stream: TcpStream, peer: SocketAddr, end: End) {
        let shaken = timeout(self.limits.handshake_timeout, self.shake_hands(terminator, stream, peer));
        let (mut stream, announced, handshake) = match until(&end, shaken).await {
            Some(Ok(Ok(Some(shaken)))) => shaken,
            Some(Ok(Ok(None))) | None => return,
            Some(Ok(Err(detail))) => return self.recorder.parser_refusal(peer.ip(), detail),
            Some(Err(_)) => return self.recorder.handshake_failed(peer.ip(), "it took too long"),
        };
        let mut buffer = BytesMut::with_capacity(1024);
        if let Some(Ok(true)) = until(&end, timeout(self.limits.head_timeout, begin(&mut stream, &mut buffer))).await {
            let io = Socket::new(stream, buffer.freeze(), self.limits.write_timeout);
            let connection = Connection { peer, announced, tls: Some(Arc::new(handshake)) };
            // Over TLS both sides have said what they speak (RFC 9113, 3.2): no bytes make HTTP/2 of anything else.
            let is_http2 = connection.tls.as_ref().is_some_and(|handshake| handshake.http2);
            self.converse(io, is_http2, connection, end).await;
        }
    }

    /// The PROXY header where one is due, then the handshake; nothing when the peer hung up or was told what is wrong.
    async fn shake_hands(
        &self,
        terminator: &Terminator,
        mut stream: TcpStream,
        peer: SocketAddr,
    ) -> Result<Option<Shaken>, &'static str> {
        let mut buffer = BytesMut::new();
        let announced = self.announced(&mut stream, &mut buffer, peer).await?;
        let local = stream.local_addr().ok().map(|address| address.ip());
        let io = Socket::new(stream, buffer.freeze(), self.limits.write_timeout);
        // Clients behind a balancer do not wait for each other.
        let address = announced.map_or(peer.ip(), |announced| announced.ip());
        match terminator.accept(io, address, |name| asks(&*self.handler, name, local)).await {
            Ok((stream, handshake)) => Ok(Some((stream, announced, handshake))),
            Err(HandshakeError::Gone) => Ok(None),
            Err(HandshakeError::Failed(detail)) => {
                self.recorder.handshake_failed(peer.ip(), &detail);
                Ok(None)
            }
        }
    }

    /// Reads the PROXY header where one is due.
    async fn announced(
        &self,
        stream: &mut TcpStream,
        buffer: &mut BytesMut,
        peer: SocketAddr,
    ) -> Result<Option<SocketAddr>, &'static str> {
        let trusted = |networks: &Vec<IpNet>| networks.iter().any(|network| network.contains(&peer.ip().to_canonical()));
        if self.announcers.as_ref().is_some_and(trusted) { proxy_protocol::read(stream, buffer).await } else { Ok(None) }
    }

    async fn converse<S>(&self, io: Socket<S>, is_http2: bool, connection: Connection, end: End)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = connection.peer.ip();
        let io = TokioIo::new(io);
        let activity = Arc::new(Activity::default());
        let service = service_fn(|request| {
            let (handler, recorder, activity) = (&self.handler, &self.recorder, Arc::clone(&activity));
            let (handler, recorder, connection) = (Arc::clone(handler), Arc::clone(recorder), connection.clone());
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
            self.recorder.parser_refusal(peer, &error.to_string());
        }
    }
}

/// A connection after its handshake.
type Shaken = (TlsStream<Socket<TcpStream>>, Option<SocketAddr>, Handshake);

/// What comes of `future`, unless the end comes first.
async fn until<T>(end: &End, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = end.stop.cancelled() => None,
    }
}

/// Reads so much that the protocol is known; whether anything came.
async fn begin<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut) -> bool {
    while is_undecided(buffer) {
        match stream.read_buf(buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    true
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
    let peer = connection.peer.ip();
    match AssertUnwindSafe(handler.handle(request, connection)).catch_unwind().await {
        Ok(mut response) => {
            // A POST may stand for a HEAD; who sent it waits for as much as the length says.
            if !is_head && response.status() != StatusCode::NOT_MODIFIED && matches!(response.body(), Body::Empty) {
                forget_length(response.headers_mut());
            }
            response
        }
        Err(_) => {
            recorder.panicked(peer);
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
