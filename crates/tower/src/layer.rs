//! The layer, and the service that it makes of another.

use crate::{Doorward, Identity, Permit, SessionEnd, body, connection};
use doorward_core::{Reason, Refusal, policy::Upstream};
use doorward_gateway::{Answering, Body, Onward, Passed, Service as Within, body::BodyError};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as HttpBody;
use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Protects services: see [`Doorward::layer`].
#[derive(Clone, Debug)]
pub struct DoorwardLayer {
    doorward: Doorward,
    upstream: Arc<Upstream>,
    peer: Option<SocketAddr>,
}

impl DoorwardLayer {
    pub(crate) fn new(doorward: Doorward) -> Self {
        Self { doorward, upstream: Arc::new(Upstream::within("service".into())), peer: None }
    }

    /// What the service is called: the `aud` of assertions, and the upstream in events. An `[[upstream]]` of the
    /// configuration whose path covers a request is what it is called for that request. [default: `service`]
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        Arc::make_mut(&mut self.upstream).name = name.into();
        self
    }

    /// Hands credentials on to the service, as `credentials = "pass"` of an `[[upstream]]` does. [default: they are removed]
    #[must_use]
    pub fn pass_credentials(mut self) -> Self {
        Arc::make_mut(&mut self.upstream).pass_credentials = true;
        self
    }

    /// Who is at the other end of each connection of which nobody says so, such as those of a Unix socket. Where neither
    /// this nor an extension says it, a request is refused.
    #[must_use]
    pub fn fixed_peer(mut self, peer: SocketAddr) -> Self {
        self.peer = Some(peer);
        self
    }
}

impl<S> Layer<S> for DoorwardLayer {
    type Service = DoorwardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DoorwardService { inner, layer: self.clone() }
    }
}

/// A service behind Doorward: made by [`DoorwardLayer`].
///
/// It is always ready: the service inside is asked for its turn once a request may pass, so that those that may not take
/// nobody's place. Errors of the service inside are its own, and are handed out as they are.
#[derive(Clone, Debug)]
pub struct DoorwardService<S> {
    inner: S,
    layer: DoorwardLayer,
}

impl<S, B, R> Service<Request<B>> for DoorwardService<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: HttpBody + Send + 'static,
    B::Error: Into<BodyError>,
    R: HttpBody + Send + 'static,
    R::Error: Into<BodyError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (inner, layer) = (self.inner.clone(), self.layer.clone());
        Box::pin(async move { layer.serve(inner, request).await })
    }
}

impl DoorwardLayer {
    async fn serve<S, B, R>(&self, inner: S, request: Request<B>) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<R>> + Send,
        S::Future: Send,
        S::Error: Send,
        B: HttpBody + Send + 'static,
        B::Error: Into<BodyError>,
        R: HttpBody + Send + 'static,
        R::Error: Into<BodyError>,
    {
        let (mut parts, body) = request.into_parts();
        let Some(connection) = connection::of(&parts, self.peer, self.doorward.trust()) else {
            return Ok(nobody_said());
        };
        let chosen = connection::chosen(&mut parts);
        let mut failed = None;
        let answer = {
            let failed = &mut failed;
            let call = move |mut passed: Passed| -> Answering<'_> {
                Box::pin(async move {
                    if let Some(chosen) = chosen {
                        let Some(target) = chosen.target(passed.request.method(), passed.request.uri()) else {
                            return another_handler(&passed.permit);
                        };
                        *passed.request.uri_mut() = target;
                    }
                    match self.ask(inner, passed).await {
                        Ok(response) => response,
                        Err(error) => {
                            *failed = Some(error);
                            bare(StatusCode::INTERNAL_SERVER_ERROR)
                        }
                    }
                })
            };
            let onward = Onward::Service(Within { upstream: &self.upstream, call: Box::new(call) });
            self.doorward.gateway().handle_parts(parts, body::foreign(body), &connection, onward).await
        };
        failed.map_or(Ok(answer), Err)
    }

    /// Asks the service inside, once it has room.
    async fn ask<S, R>(&self, mut inner: S, passed: Passed) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<R>>,
        R: HttpBody + Send + 'static,
        R::Error: Into<BodyError>,
    {
        let Passed { permit, mut request, session } = passed;
        let extensions = request.extensions_mut();
        extensions.insert(Identity(permit.identity().clone()));
        extensions.insert(Permit(permit));
        extensions.insert(Judge(self.doorward.clone()));
        if let Some(session) = &session {
            extensions.insert(SessionEnd(session.clone()));
        }
        poll_fn(|cx| inner.poll_ready(cx)).await?;
        let response = inner.call(request).await?;
        Ok(response.map(|body| body::answer(body, session)))
    }
}

/// Who let a request pass, for extractors that ask once more.
#[derive(Clone)]
#[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "extractors alone read it"))]
pub(crate) struct Judge(pub(crate) Doorward);

/// Without the peer's address nothing can be judged: limits, networks and logs are about it.
fn nobody_said() -> Response<Body> {
    tracing::error!(
        "a request was refused because nobody said where it came from: put doorward_tower::Peer (or axum's ConnectInfo, \
         by into_make_service_with_connect_info and the feature \"axum\") among its extensions, or give the layer a fixed_peer"
    );
    bare(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The handler was chosen by the request as it was sent, and the permit is for another method or path. Where the door stands
/// outside of the router there is no such thing.
fn another_handler(permit: &doorward_core::Permit) -> Response<Body> {
    let why = "the router chose a handler before the request was judged, and its method or path is another one since: protect the \
               router as a whole";
    let mut response = bare(StatusCode::FORBIDDEN);
    response.extensions_mut().insert(Refusal::new(Reason::Unenforceable(why), permit.identity().account().is_some()));
    response
}

fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{status}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
