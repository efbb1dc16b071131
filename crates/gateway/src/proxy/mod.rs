//! Proxy: the way to an upstream and back. A permit is the only key.

mod answer;
mod cart;
pub mod enrich;
mod error;
mod faces;
mod lent;
mod outgoing;
mod pool;
mod short;
mod tunnel;
mod whose;

pub use answer::Broken;
pub use error::UpstreamError;
pub(crate) use faces::{clean_answer, tell};
pub(crate) use lent::lend;
pub use pool::Settings;
pub(crate) use whose::{Asker, Told};

use crate::{Admitted, Body, admit::names, body::BodyError};
use answer::{Answer, Leased};
use bytes::Bytes;
use doorward_core::{Permit, Policy, policy::Upstream};
use error::{explain, is_end_of_connection, no_target};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, response};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use outgoing::Introduced;
use pool::{Lease, Pool};
use short::{Coming, Lost, Reply};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tunnel::Tunnel;

/// An answer that takes longer than this is waited for together with the end of its session.
const QUICK: Duration = Duration::from_millis(500);

/// What only the caller can say of the request that goes out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The signed assertion.
    pub assertion: HeaderValue,
    /// The `Authorization` that the upstream takes for the caller's, where it has one from us.
    pub token: Option<HeaderValue>,
}

/// The way to all upstreams.
pub struct Proxy {
    settings: Settings,
    pools: RwLock<Vec<Arc<Pool>>>,
    tunnels: Arc<AtomicUsize>,
    closing: CancellationToken,
}

impl Proxy {
    /// Without connections yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, pools: RwLock::default(), tunnels: Arc::default(), closing: CancellationToken::new() }
    }

    /// How many upgraded connections there are now.
    pub fn tunnels(&self) -> usize {
        self.tunnels.load(Relaxed)
    }

    /// Ends all upgraded connections, now and from now on: the last step of a drain.
    pub fn close_tunnels(&self) {
        self.closing.cancel();
    }

    /// Sends a permitted request and returns the answer while its body still streams. `session` is cancelled when the
    /// session behind the permit ends; tunnels and long answers end with it.
    pub async fn forward(
        &self,
        permit: &Permit,
        mut admitted: Box<Admitted>,
        policy: &Policy,
        upstream: &Upstream,
        outgoing: Outgoing,
        session: Option<&CancellationToken>,
    ) -> Result<Response<Body>, UpstreamError> {
        if !permit.parameters().is_empty() {
            Box::pin(self.enrich(permit, &mut admitted, policy, upstream, &outgoing, session)).await?;
        }
        let known = permit.identity().account().is_some();
        let returning = Returning { policy, upstream, known, session };
        if short::is_for(&admitted) {
            let head = outgoing::text(&admitted, permit, policy, upstream, &outgoing).ok_or_else(no_target)?;
            let of_head = admitted.method == Method::HEAD;
            drop(admitted);
            self.fetch(&head, of_head, returning).await
        } else {
            let (request, on_upgrade) = outgoing_request(permit, *admitted, policy, upstream, outgoing)?;
            Box::pin(self.exchange(request, on_upgrade, returning)).await
        }
    }

    /// Sets the parameters that the permit demands; the cart among them is asked for.
    async fn enrich(
        &self,
        permit: &Permit,
        admitted: &mut Admitted,
        policy: &Policy,
        upstream: &Upstream,
        outgoing: &Outgoing,
        session: Option<&CancellationToken>,
    ) -> Result<(), UpstreamError> {
        let cart = match &upstream.cart {
            Some(source) if enrich::needs_cart(permit) => {
                let head = cart::asking(permit, admitted, policy, upstream, outgoing, &source.path).ok_or_else(no_target)?;
                let answer = self.fetch(&head, false, Returning { policy, upstream, known: true, session }).await?;
                Some(cart::read(answer, &source.field).await?)
            }
            _ => None,
        };
        enrich::carry_out(permit, cart, admitted, self.settings.max_rewritten_body).await
    }

    /// The short road. A connection that rested may have ended unnoticed: then the request, which only reads, is sent once
    /// more on a new one (RFC 9110, 9.2.2).
    async fn fetch(&self, head: &[u8], of_head: bool, returning: Returning<'_>) -> Result<Response<Body>, UpstreamError> {
        let upstream = returning.upstream;
        let pool = self.pool(upstream)?;
        // The clock is read once where all goes well.
        let mut began = Instant::now();
        let rested = pool.take_line(began);
        let mut used = rested.is_some();
        let mut line = match rested {
            Some(line) => line,
            None => {
                let opened = Box::pin(pool.open_line(upstream.connect_timeout)).await?;
                began = Instant::now();
                opened
            }
        };
        let reply = loop {
            match line.ask(head, of_head, began, upstream.response_timeout, returning.session).await? {
                Ok(reply) => break reply,
                Err(Lost::Closed) if used => {
                    used = false;
                    line = Box::pin(pool.open_line(upstream.connect_timeout)).await?;
                }
                Err(lost) => return Err(lost.into()),
            }
        };
        let Reply { mut parts, framing, whole, keeps } = reply;
        let announced = returning.clean(&mut parts);
        let body = match whole {
            Some(whole) => {
                if keeps {
                    pool.put_line(line, began);
                }
                Body::from(whole)
            }
            None => returning.body(Coming::new(line, pool, framing, keeps), announced),
        };
        Ok(Response::from_parts(parts, body))
    }

    /// The road of everything else, through the HTTP library.
    async fn exchange(
        &self,
        request: Request<Body>,
        on_upgrade: Option<OnUpgrade>,
        returning: Returning<'_>,
    ) -> Result<Response<Body>, UpstreamError> {
        let head = *request.method() == Method::HEAD;
        let (response, lease) = self.send(request, returning.upstream, returning.session).await?;
        let (mut parts, body) = response.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(parts, on_upgrade, &returning);
        }
        check_framing(&mut parts, &body, head)?;
        let announced = returning.clean(&mut parts);
        let body = if body.is_end_stream() {
            lease.release();
            Body::Empty
        } else {
            returning.body(Leased::new(body, lease), announced)
        };
        Ok(Response::from_parts(parts, body))
    }

    /// Sends the request on a connection that rested or a new one. What met the end of a connection that rested is sent
    /// once more on a new one: without a body, and only if it never left or may be repeated (RFC 9110, 9.2.2).
    async fn send(
        &self,
        mut request: Request<Body>,
        upstream: &Upstream,
        session: Option<&CancellationToken>,
    ) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        let pool = self.pool(upstream)?;
        let mut lease = pool.lease(upstream.connect_timeout).await?;
        let deadline = Instant::now() + upstream.response_timeout;
        loop {
            let repeated = if lease.used { repeatable(&request) } else { None };
            let answered = lease.sender.try_send_request(request);
            match patiently(answered, deadline, session).await? {
                Ok(response) => return Ok((response, lease)),
                Err(mut failed) => {
                    let unsent = failed.take_message().filter(|unsent| lease.used && unsent.body().is_end_stream());
                    let error = failed.into_error();
                    request = match unsent.or(repeated.filter(|_| is_end_of_connection(&error))) {
                        Some(again) => again,
                        None => return Err(explain(&error)),
                    };
                    lease = Box::pin(pool.connect(upstream.connect_timeout)).await?;
                }
            }
        }
    }

    /// The connections to an upstream.
    fn pool(&self, upstream: &Upstream) -> Result<Arc<Pool>, UpstreamError> {
        let authority = upstream
            .base
            .strip_prefix("http://")
            .ok_or_else(|| UpstreamError::Unreachable("only http:// upstreams can be spoken to".to_owned()))?;
        let known = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = known.iter().find(|pool| pool.is_for(authority, upstream.max_connections)) {
            return Ok(Arc::clone(pool));
        }
        drop(known);
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.iter().find(|pool| pool.is_for(authority, upstream.max_connections)) {
            return Ok(Arc::clone(pool));
        }
        // Upstreams of an older policy go once nothing uses them.
        pools.retain(|pool| !pool.is_unused());
        let address = if has_port(authority) { authority.to_owned() } else { format!("{authority}:80") };
        let pool = Arc::new(Pool::new(authority, &address, upstream.max_connections, self.settings.clone()));
        pools.push(Arc::clone(&pool));
        Ok(pool)
    }

    /// Both sides switch protocols, if the client asked for that.
    fn switch(
        &self,
        mut parts: response::Parts,
        on_upgrade: Option<OnUpgrade>,
        returning: &Returning<'_>,
    ) -> Result<Response<Body>, UpstreamError> {
        let refused = || UpstreamError::Broken("it switched protocols without being asked".to_owned());
        let client = on_upgrade.ok_or_else(refused)?;
        let protocol = parts.headers.get(header::UPGRADE).cloned().ok_or_else(refused)?;
        let theirs = parts.extensions.remove::<OnUpgrade>().ok_or_else(refused)?;
        returning.clean(&mut parts);
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, protocol);
        let tunnel = Tunnel {
            client,
            upstream: theirs,
            idle_timeout: returning.upstream.idle_timeout,
            session: returning.session.cloned(),
            closing: self.closing.clone(),
        };
        tokio::spawn(tunnel.run(Arc::clone(&self.tunnels)));
        Ok(Response::from_parts(parts, Body::Empty))
    }
}

/// What is needed on the way back.
#[derive(Clone, Copy)]
struct Returning<'r> {
    policy: &'r Policy,
    upstream: &'r Upstream,
    /// Whether the caller is somebody.
    known: bool,
    session: Option<&'r CancellationToken>,
}

impl Returning<'_> {
    /// Brings the head of an answer into the form that the client gets. Returns the trailer fields that may follow.
    fn clean(&self, parts: &mut response::Parts) -> Vec<HeaderName> {
        parts.extensions.clear();
        parts.version = http::Version::HTTP_11;
        answer::clean(&mut parts.headers, self.policy, self.known)
    }

    /// A body that streams, as long as the session and patience last.
    fn body<B>(&self, body: B, announced: Vec<HeaderName>) -> Body
    where
        B: http_body::Body<Data = Bytes, Error: Into<BodyError>> + Unpin + Send + Sync + 'static,
    {
        Body::Boxed(Box::pin(Answer::new(body, announced, self.upstream.idle_timeout, self.session)))
    }
}

/// The request as the upstream receives it, and where the client's connection can be taken over.
fn outgoing_request(
    permit: &Permit,
    admitted: Admitted,
    policy: &Policy,
    upstream: &Upstream,
    outgoing: Outgoing,
) -> Result<(Request<Body>, Option<OnUpgrade>), UpstreamError> {
    let uri = outgoing::target(&admitted.path, admitted.query.as_deref()).ok_or_else(no_target)?;
    let mut admitted = admitted;
    let mut headers = std::mem::take(&mut admitted.headers);
    outgoing::strip_credentials(&mut headers, policy, upstream);
    if let Some(token) = outgoing.token {
        headers.insert(header::AUTHORIZATION, token);
    }
    outgoing::introduce(&mut headers, &Introduced::of(&admitted), permit, &outgoing.assertion);
    let connection = match (&admitted.on_upgrade, headers.contains_key(header::TE)) {
        (Some(_), _) => Some("upgrade"),
        (None, true) => Some("te"),
        (None, false) => None,
    };
    if let Some(connection) = connection {
        headers.insert(header::CONNECTION, HeaderValue::from_static(connection));
    }
    frame(&mut headers, &admitted.body);
    let mut request = Request::new(admitted.body);
    *request.method_mut() = admitted.method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok((request, admitted.on_upgrade))
}

/// One length or chunks, by what the body is: never what a header said beside it.
fn frame(headers: &mut HeaderMap, body: &Body) {
    headers.remove(header::TRANSFER_ENCODING);
    match body.size_hint().exact() {
        // No body and no word of one: neither do we add one.
        Some(0) if !headers.contains_key(header::CONTENT_LENGTH) => {}
        Some(length) => {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        None => {
            headers.remove(header::CONTENT_LENGTH);
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

/// An answer with codings that we would have to hide, or with two lengths, is none.
fn check_framing(parts: &mut response::Parts, body: &Incoming, head: bool) -> Result<(), UpstreamError> {
    let bodiless = head || parts.status == StatusCode::NO_CONTENT || parts.status == StatusCode::NOT_MODIFIED;
    if parts.headers.contains_key(header::TRANSFER_ENCODING) {
        let codings: Vec<&str> = names::tokens(&parts.headers, &header::TRANSFER_ENCODING).collect();
        if !matches!(*codings, [coding] if coding.eq_ignore_ascii_case("chunked")) {
            return Err(UpstreamError::Broken("a transfer coding other than chunked".to_owned()));
        }
        parts.headers.remove(header::CONTENT_LENGTH);
    } else if !bodiless && body.size_hint().exact().is_none() {
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    Ok(())
}

/// Waits for an answer: at first for it alone, then also for the end of the session.
async fn patiently<F: Future>(
    answer: F,
    deadline: Instant,
    session: Option<&CancellationToken>,
) -> Result<F::Output, UpstreamError> {
    let mut answer = pin!(answer);
    if session.is_some()
        && let Ok(answered) = timeout_at(deadline.min(Instant::now() + QUICK), answer.as_mut()).await
    {
        return Ok(answered);
    }
    slowly(answer, deadline, session).await
}

/// Waits for an answer together with the end of the session.
async fn slowly<F: Future>(
    answer: Pin<&mut F>,
    deadline: Instant,
    session: Option<&CancellationToken>,
) -> Result<F::Output, UpstreamError> {
    let answer = timeout_at(deadline, answer);
    let answered = match session {
        None => answer.await,
        Some(session) => tokio::select! {
            biased;
            () = session.cancelled() => return Err(UpstreamError::Ended),
            answered = answer => answered,
        },
    };
    answered.map_err(|_| UpstreamError::TimedOut("answering"))
}

/// A copy of a request that changes nothing and has no body.
fn repeatable(request: &Request<Body>) -> Option<Request<Body>> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    (safe && request.body().is_end_stream()).then(|| {
        let mut copy = Request::new(Body::Empty);
        copy.method_mut().clone_from(request.method());
        copy.uri_mut().clone_from(request.uri());
        copy.headers_mut().clone_from(request.headers());
        copy
    })
}

/// Whether an authority names its port.
fn has_port(authority: &str) -> bool {
    authority.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
        && !authority.ends_with(']')
}
