//! Connections to one upstream. The connection used last is used first, so that the others may rest and end.

use super::UpstreamError;
use crate::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

/// Bounds of the connections to each upstream.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connections to one upstream at a time; what would need another one is refused with 503.
    pub max_connections: usize,
    /// How many of them may rest.
    pub max_idle: usize,
    /// How long one may rest. Shorter than what upstreams allow, or a request would meet a closing connection.
    pub idle_timeout: Duration,
    /// The largest body that is read whole, where a rule sets parameters in it.
    pub max_rewritten_body: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_connections: 4096, max_idle: 512, idle_timeout: Duration::from_secs(4), max_rewritten_body: 1024 * 1024 }
    }
}

/// The connections.
pub(super) struct Pool {
    authority: Box<str>,
    address: Box<str>,
    settings: Settings,
    resting: Mutex<Vec<Resting>>,
    open: Arc<AtomicUsize>,
}

struct Resting {
    sender: SendRequest<Body>,
    since: Instant,
}

/// A connection that is ours for one request.
pub(super) struct Lease {
    pub(super) sender: SendRequest<Body>,
    /// Whether it rested before: then it may have died unnoticed.
    pub(super) used: bool,
    pool: Arc<Pool>,
}

impl Lease {
    /// Gives the connection back.
    pub(super) fn release(self) {
        if !self.sender.is_closed() {
            let pool = self.pool;
            let mut resting = lock(&pool.resting);
            if resting.len() < pool.settings.max_idle {
                resting.push(Resting { sender: self.sender, since: Instant::now() });
            }
        }
    }
}

impl Pool {
    /// For the upstream of this authority, to be found at `address`.
    pub(super) fn new(authority: &str, address: &str, settings: Settings) -> Self {
        Self { authority: authority.into(), address: address.into(), settings, resting: Mutex::default(), open: Arc::default() }
    }

    pub(super) fn is_for(&self, authority: &str) -> bool {
        *self.authority == *authority
    }

    pub(super) fn is_unused(&self) -> bool {
        self.open.load(Relaxed) == 0
    }

    /// A connection that rests, or a new one.
    pub(super) async fn lease(self: &Arc<Self>, connect_timeout: Duration) -> Result<Lease, UpstreamError> {
        match self.take() {
            Some(sender) => Ok(Lease { sender, used: true, pool: Arc::clone(self) }),
            None => Box::pin(self.connect(connect_timeout)).await,
        }
    }

    /// The newest resting connection that is ready; dead and stale ones go.
    fn take(&self) -> Option<SendRequest<Body>> {
        let mut resting = lock(&self.resting);
        let now = Instant::now();
        if resting.first().is_some_and(|oldest| self.is_over(oldest, now)) {
            resting.retain(|one| !self.is_over(one, now));
        }
        // One whose answer was just read to its end, or whose request still streams, is not ready yet.
        let at = resting.iter().rposition(|one| one.sender.is_ready())?;
        Some(resting.remove(at).sender)
    }

    fn is_over(&self, one: &Resting, now: Instant) -> bool {
        one.sender.is_closed() || now.duration_since(one.since) >= self.settings.idle_timeout
    }

    /// A new connection.
    pub(super) async fn connect(self: &Arc<Self>, connect_timeout: Duration) -> Result<Lease, UpstreamError> {
        let counted = Counted::new(&self.open, self.settings.max_connections).ok_or(UpstreamError::Overloaded)?;
        let stream = match timeout(connect_timeout, TcpStream::connect(&*self.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(UpstreamError::Unreachable(error.to_string())),
            Err(_) => return Err(UpstreamError::TimedOut("connecting")),
        };
        // A socket that is gone already has nothing to delay.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::Builder::new()
            .max_header_size(64 * 1024)
            .handshake::<_, Body>(TokioIo::new(stream))
            .await
            .map_err(|error| UpstreamError::Broken(error.to_string()))?;
        tokio::spawn(async move {
            // Whoever waits for an answer hears of the error; with nobody waiting there is nothing to say.
            let _ = connection.with_upgrades().await;
            drop(counted);
        });
        Ok(Lease { sender, used: false, pool: Arc::clone(self) })
    }
}

/// A connection in the count.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let counted = Self(Arc::clone(open));
        (open.fetch_add(1, Relaxed) < most).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
