//! Connections that a service within this program takes over, such as WebSockets.
//!
//! The service gets one of our making instead of the client's, and a [`Tunnel`] lies between both: so it ends with its session
//! as those to upstreams do, whatever the service does. There is no way to make an [`OnUpgrade`] but to have one upgraded, so
//! HTTP is spoken once with ourselves.

use super::{Proxy, tunnel::Tunnel};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::{body::Incoming, client, server, service::service_fn, upgrade, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// How much may be on the way in each direction.
const ROOM: usize = 64 * 1024;
/// A service looks itself after connections on which nothing moves.
const NEVER: Duration = Duration::MAX;

/// A connection that a service may take over. Dropped, it is none.
pub(crate) struct Lent {
    /// Says that it is to become something else.
    switch: oneshot::Sender<()>,
    /// Our end of it, once it has.
    ours: oneshot::Receiver<OnUpgrade>,
}

/// Makes one, and what the service takes it over by.
pub(crate) async fn lend() -> Option<(OnUpgrade, Lent)> {
    let (near, far) = tokio::io::duplex(ROOM);
    let (give, given) = oneshot::channel();
    let (switch, switched) = oneshot::channel();
    let (find, ours) = oneshot::channel();
    tokio::spawn(async move {
        // Whatever goes wrong, the service hears that there is no connection to take over.
        tokio::join!(offer(far, give, switched), ask(near, find));
    });
    Some((given.await.ok()?, Lent { switch, ours }))
}

/// The service's end: hands out what it is taken over by, and becomes something else once that is said.
async fn offer(io: impl Stream, give: oneshot::Sender<OnUpgrade>, switched: oneshot::Receiver<()>) {
    let once = Mutex::new(Some((give, switched)));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let parts = once.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            let (give, switched) = parts.ok_or_else(gone)?;
            give.send(upgrade::on(&mut request)).map_err(|_| gone())?;
            switched.await.map_err(|_| gone())?;
            let mut response = Response::new(Empty::<Bytes>::new());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            become_another(response.headers_mut());
            Ok::<_, io::Error>(response)
        }
    });
    let _ = server::conn::http1::Builder::new().serve_connection(TokioIo::new(io), service).with_upgrades().await;
}

/// Our end.
async fn ask(io: impl Stream, find: oneshot::Sender<OnUpgrade>) {
    let Ok((mut sender, connection)) = client::conn::http1::handshake(TokioIo::new(io)).await else { return };
    let mut request = Request::new(Empty::<Bytes>::new());
    become_another(request.headers_mut());
    let answered = async move {
        if let Ok(mut response) = sender.send_request(request).await
            && response.status() == StatusCode::SWITCHING_PROTOCOLS
        {
            // Whoever waits for it may be gone.
            let _ = find.send(upgrade::on(&mut response));
        }
    };
    let _ = tokio::join!(connection.with_upgrades(), answered);
}

fn become_another(headers: &mut http::HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("doorward"));
}

fn gone() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static {}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static> Stream for S {}

impl Proxy {
    /// Lays a tunnel from a client to the service that took the connection over. It ends with `session`.
    pub(crate) fn connect(&self, client: OnUpgrade, lent: Lent, session: Option<CancellationToken>) {
        let (closing, count) = (self.closing.clone(), Arc::clone(&self.tunnels));
        tokio::spawn(async move {
            let Lent { switch, ours } = lent;
            if switch.send(()).is_ok()
                && let Ok(service) = ours.await
            {
                Tunnel { client, upstream: service, idle_timeout: NEVER, session, closing }.run(count).await;
            }
        });
    }
}
