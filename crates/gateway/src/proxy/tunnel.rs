//! Upgraded connections: bytes both ways until one side, the session or patience ends.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

/// One tunnel, before both sides have switched.
pub(super) struct Tunnel {
    pub(super) client: OnUpgrade,
    pub(super) upstream: OnUpgrade,
    pub(super) idle_timeout: Duration,
    pub(super) session: Option<CancellationToken>,
    pub(super) closing: CancellationToken,
}

impl Tunnel {
    /// Carries bytes to the end of the tunnel.
    pub(super) async fn run(self, count: Arc<AtomicUsize>) {
        let _counted = Counted::new(count);
        let ended = async move {
            match self.session {
                Some(session) => session.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let moved = Arc::new(AtomicBool::new(true));
        let carried = async {
            let (Ok(client), Ok(upstream)) = tokio::join!(self.client, self.upstream) else {
                return;
            };
            let mut client = Watched { io: TokioIo::new(client), moved: Arc::clone(&moved) };
            let mut upstream = Watched { io: TokioIo::new(upstream), moved: Arc::clone(&moved) };
            // Either side may break off; there is nobody left to tell.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
        };
        tokio::select! {
            biased;
            () = ended => {}
            () = self.closing.cancelled() => {}
            () = carried => {}
            () = rest(&moved, self.idle_timeout) => {}
        }
    }
}

/// Returns once nothing moved for a whole `idle`.
async fn rest(moved: &AtomicBool, idle: Duration) {
    while moved.swap(false, Relaxed) {
        tokio::time::sleep(idle).await;
    }
}

struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Notes that something was read.
struct Watched<T> {
    io: T,
    moved: Arc<AtomicBool>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if polled.is_ready() {
            self.moved.store(true, Relaxed);
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
