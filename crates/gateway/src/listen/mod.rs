//! Listen: connections, their limits and their end.

mod connection;
mod io;
mod proxy_protocol;

use crate::{Body, record::Recorder};
use doorward_tls::{Handshake, Terminator};
use http::{Request, Response};
use hyper::body::Incoming;
use ipnet::IpNet;
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What is known of a connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Who is at the other end of the socket.
    pub peer: SocketAddr,
    /// The client's address by the PROXY protocol, where a trusted peer spoke it.
    pub announced: Option<SocketAddr>,
    /// What the TLS handshake came to, where we speak TLS.
    pub tls: Option<Arc<Handshake>>,
}

impl Connection {
    /// One without TLS and without a word of who is behind it.
    pub fn plain(peer: SocketAddr) -> Self {
        Self { peer, announced: None, tls: None }
    }
}

/// Whoever answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request; every failure is an answer too.
    fn handle(&self, request: Request<Incoming>, connection: Connection) -> impl Future<Output = Response<Body>> + Send;

    /// Whether TLS clients that ask for this host are asked for a certificate.
    fn asks_certificate(&self, host: &str) -> bool {
        let _ = host;
        false
    }
}

/// Bounds of one listener.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; further ones wait in the system's queue.
    pub max_connections: usize,
    /// How long a head may take, counted from the opening of the connection or the end of the answer before. It is
    /// the idle time of kept connections, too.
    pub head_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// The largest head in bytes.
    pub max_head: usize,
    /// The most headers of a request.
    pub max_headers: usize,
    /// How long a peer may refuse to read an answer.
    pub write_timeout: Duration,
    /// How long an HTTP/2 connection may stay without a request.
    pub idle_timeout: Duration,
    /// The most streams of an HTTP/2 connection at a time.
    pub max_streams: u32,
    /// How long requests in flight may take once the listener stops.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            head_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            max_head: 32 * 1024,
            max_headers: 100,
            write_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(75),
            max_streams: 128,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// How a connection learns that it is over: first it is to stop, later, if it still lasts, it is cut.
struct End {
    stop: CancellationToken,
    cut: CancellationToken,
}

/// A bound socket that accepts connections.
pub struct Listener {
    socket: TcpListener,
    limits: Limits,
    /// Networks whose connections begin with a PROXY header; `None` when that protocol is not spoken.
    announcers: Option<Vec<IpNet>>,
    terminator: Option<Arc<Terminator>>,
}

impl Listener {
    /// Binds `address`; port 0 picks one.
    pub async fn bind(address: SocketAddr, limits: Limits) -> std::io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await?, limits, announcers: None, terminator: None })
    }

    /// Connections from `trusted` must begin with a PROXY header (version 1 or 2); others have none.
    #[must_use]
    pub fn with_proxy_protocol(mut self, trusted: Vec<IpNet>) -> Self {
        self.announcers = Some(trusted);
        self
    }

    /// Connections speak TLS, after the PROXY header where there is one.
    #[must_use]
    pub fn with_tls(mut self, terminator: Arc<Terminator>) -> Self {
        self.terminator = Some(terminator);
        self
    }

    /// The address that was bound.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop`, then drains: nothing is accepted any more, idle connections close, requests in flight
    /// finish within the drain timeout, and what is left is cut.
    pub async fn serve<H: Handler>(self, handler: Arc<H>, recorder: Arc<dyn Recorder>, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.limits.max_connections));
        let tasks = TaskTracker::new();
        let cut = CancellationToken::new();
        let (announcers, terminator) = (self.announcers.clone(), self.terminator.clone());
        let server = Arc::new(connection::Server::new(self.limits.clone(), announcers, terminator, handler, recorder));
        loop {
            let place = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                place = Arc::clone(&places).acquire_owned() => place,
            };
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            };
            // A socket that is gone already has nothing to delay.
            let _ = stream.set_nodelay(true);
            let (server, end) = (Arc::clone(&server), End { stop: stop.clone(), cut: cut.clone() });
            tasks.spawn(async move {
                server.serve(stream, peer, end).await;
                drop(place);
            });
        }
        drop(self.socket);
        tasks.close();
        if tokio::time::timeout(self.limits.drain_timeout, tasks.wait()).await.is_err() {
            cut.cancel();
            tasks.wait().await;
        }
    }
}

/// A peer that hung up early is no reason to wait; running out of file descriptors is.
async fn pause_after(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!(%error, "cannot accept connections");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
