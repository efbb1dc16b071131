//! The second listener: health, metrics and the assertion keys. It knows no sessions, so everything else is 404.

use crate::telemetry::{Sample, Telemetry};
use bytes::Bytes;
use doorward_core::ports::Store;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

/// Connections at once; probes and scrapers are few.
const CONNECTIONS: usize = 64;
/// How long a head may take, and how long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the endpoints show.
pub(crate) struct Operations {
    telemetry: Arc<Telemetry>,
    store: Arc<dyn Store>,
    draining: AtomicBool,
    sample: Box<dyn Fn() -> Sample + Send + Sync>,
    assertion_keys: Box<dyn Fn() -> String + Send + Sync>,
}

impl Operations {
    /// `sample` knows what is live now (`store_up` and `log_drops` are filled in here); `assertion_keys` is a JWK set.
    pub(crate) fn new(
        telemetry: Arc<Telemetry>,
        store: Arc<dyn Store>,
        sample: impl Fn() -> Sample + Send + Sync + 'static,
        assertion_keys: impl Fn() -> String + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            telemetry,
            store,
            draining: AtomicBool::new(false),
            sample: Box::new(sample),
            assertion_keys: Box::new(assertion_keys),
        })
    }

    /// From now on the server is not ready: load balancers should look elsewhere.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let operations = Arc::clone(&self);
                    tokio::spawn(async move {
                        operations.converse(stream).await;
                        drop(place);
                    });
                }
                // Out of file descriptors, most likely: trying again at once would only burn the processor.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(|request| {
            let operations = Arc::clone(&self);
            async move { Ok::<_, Infallible>(operations.answer(&request).await) }
        });
        // A peer that breaks off or talks nonsense is no event here.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !["/healthz", "/readyz", "/metrics", "/assertion-keys"].contains(&path) {
            return reply(StatusCode::NOT_FOUND, TEXT, "not found\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/healthz" => reply(StatusCode::OK, TEXT, "ok\n"),
            "/readyz" => match self.ready().await {
                Ok(()) => reply(StatusCode::OK, TEXT, "ready\n"),
                Err(why) => reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready: {why}\n")),
            },
            "/metrics" => self.metrics().await,
            _ => reply(StatusCode::OK, "application/jwk-set+json", (self.assertion_keys)()),
        }
    }

    async fn ready(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Relaxed) {
            return Err("draining".to_owned());
        }
        match timeout(PATIENCE, self.store.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the store does not answer".to_owned()),
        }
    }

    async fn metrics(&self) -> Response<Full<Bytes>> {
        let store_up = matches!(timeout(PATIENCE, self.store.ping()).await, Ok(Ok(())));
        let sample = Sample { store_up, log_drops: self.telemetry.dropped(), ..(self.sample)() };
        match self.telemetry.metrics().text(sample) {
            Ok(text) => reply(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text),
            Err(_) => reply(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "metrics cannot be written\n"),
        }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

fn reply(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
