//! Connections to one upstream. The connection used last is used first, so that the others may rest and end.

use super::{UpstreamError, short::Line};
use crate::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

/// Bounds of the connections to each upstream, besides how many there may be ([`Upstream::max_connections`]).
///
/// [`Upstream::max_connections`]: doorward_core::policy::Upstream::max_connections
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many of them may rest.
    pub max_idle: usize,
    /// How long one may rest. Shorter than what upstreams allow, or a request would meet a closing connection.
    pub idle_timeout: Duration,
    /// The largest body that is read whole, where a rule sets parameters in it.
    pub max_rewritten_body: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_idle: 512, idle_timeout: Duration::from_secs(4), max_rewritten_body: 1024 * 1024 }
    }
}

/// The connections.
pub(super) struct Pool {
    authority: Box<str>,
    address: Box<str>,
    max_connections: usize,
    settings: Settings,
    resting: Mutex<Vec<Resting>>,
    /// Those of the short road, with the time since when they rest.
    lines: Mutex<Vec<(Line, Instant)>>,
    /// Whether somebody looks after `lines`.
    tended: AtomicBool,
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
    /// For the upstream of this authority, to be found at `address`, with so many connections.
    pub(super) fn new(authority: &str, address: &str, max_connections: usize, settings: Settings) -> Self {
        Self {
            authority: authority.into(),
            address: address.into(),
            max_connections,
            settings,
            resting: Mutex::default(),
            lines: Mutex::default(),
            tended: AtomicBool::new(false),
            open: Arc::default(),
        }
    }

    pub(super) fn is_for(&self, authority: &str, max_connections: usize) -> bool {
        *self.authority == *authority && self.max_connections == max_connections
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
        let (stream, counted) = self.dial(connect_timeout).await?;
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

    /// A place for one more connection. Where all are taken, one that rests for the other road makes room.
    fn room(&self) -> Option<Counted> {
        if let Some(counted) = Counted::new(&self.open, self.max_connections) {
            return Some(counted);
        }
        if let Some(rested) = lock(&self.lines).pop() {
            drop(rested);
            return Counted::new(&self.open, self.max_connections);
        }
        let mut resting = lock(&self.resting);
        let at = resting.iter().position(|one| one.sender.is_ready())?;
        drop(resting.remove(at));
        // Its task leaves the count a moment later.
        Some(Counted::one_more(&self.open))
    }

    async fn dial(&self, connect_timeout: Duration) -> Result<(TcpStream, Counted), UpstreamError> {
        let counted = self.room().ok_or(UpstreamError::Overloaded)?;
        let stream = match timeout(connect_timeout, TcpStream::connect(&*self.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(UpstreamError::Unreachable(error.to_string())),
            Err(_) => return Err(UpstreamError::TimedOut("connecting")),
        };
        // A socket that is gone already has nothing to delay.
        let _ = stream.set_nodelay(true);
        Ok((stream, counted))
    }

    /// A connection for the short road, newly opened.
    pub(super) async fn open_line(&self, connect_timeout: Duration) -> Result<Line, UpstreamError> {
        let (stream, counted) = self.dial(connect_timeout).await?;
        Ok(Line::new(stream, counted))
    }

    /// The newest line that rests and is still good.
    pub(super) fn take_line(&self, now: Instant) -> Option<Line> {
        let mut lines = lock(&self.lines);
        while let Some((line, since)) = lines.pop() {
            if now.duration_since(since) < self.settings.idle_timeout && line.is_at_rest() {
                return Some(line);
            }
        }
        None
    }

    /// Gives a line back, whose answer was read to its end. It rests since `since`, or a little later.
    pub(super) fn put_line(self: &Arc<Self>, line: Line, since: Instant) {
        let mut lines = lock(&self.lines);
        if lines.len() < self.settings.max_idle {
            lines.push((line, since));
        }
        drop(lines);
        if !self.tended.load(SeqCst) && !self.tended.swap(true, SeqCst) {
            tokio::spawn(tend(Arc::downgrade(self), self.settings.idle_timeout));
        }
    }

    /// Closes lines that rested for too long or were closed from afar; whether none is left to look after.
    fn sweep(&self) -> bool {
        let mut lines = lock(&self.lines);
        let now = Instant::now();
        lines.retain(|(line, since)| now.duration_since(*since) < self.settings.idle_timeout && line.is_at_rest());
        // Under the lock: who puts a line in afterwards sees that nobody tends it.
        self.tended.store(!lines.is_empty(), SeqCst);
        lines.is_empty()
    }
}

/// Looks after the resting lines of a pool, which have no task of their own, until there are none.
async fn tend(pool: Weak<Pool>, idle_timeout: Duration) {
    loop {
        tokio::time::sleep(idle_timeout).await;
        if pool.upgrade().is_none_or(|pool| pool.sweep()) {
            return;
        }
    }
}

/// A connection in the count.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let counted = Self(Arc::clone(open));
        (open.fetch_add(1, Relaxed) < most).then_some(counted)
    }

    fn one_more(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Relaxed);
        Self(Arc::clone(open))
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
