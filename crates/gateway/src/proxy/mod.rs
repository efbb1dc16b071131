//! Proxy: the way to an upstream and back. A permit is the only key.

mod answer;
pub mod enrich;
mod outgoing;
mod pool;
mod tunnel;

pub use answer::Broken;
pub use pool::Settings;

use crate::{
    Admitted, Body,
    admit::{Cut, names},
};
use answer::Answer;
use doorward_core::{Permit, Policy, Reason, policy::Upstream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, response};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use outgoing::Introduced;
use pool::{Lease, Pool};
use std::{
    borrow::Cow,
    error::Error,
    future::Future,
    pin::Pin,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tunnel::Tunnel;

/// Resolves when the session that a request was permitted by has ended.
pub type Ended = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// An answer that takes longer than this is waited for together with the end of its session.
const QUICK: Duration = Duration::from_millis(500);

/// What only the caller can say of the request that goes out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The signed assertion.
    pub assertion: HeaderValue,
}

/// Why there is no answer of the upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// 502: it could not be reached.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// 502: it answered nonsense or broke off.
    #[error("the upstream broke off: {0}")]
    Broken(String),
    /// 504: it took too long.
    #[error("the upstream took too long: {0}")]
    TimedOut(&'static str),
    /// 503: all connections that it may have are in use.
    #[error("all connections to the upstream are in use")]
    Overloaded,
    /// 401: the session ended while the upstream was at work.
    #[error("the session ended")]
    Ended,
    /// 4xx: the body of the request is not what it should be. The text is for the operator.
    #[error("the request's body: {2}")]
    Request(StatusCode, &'static str, Cow<'static, str>),
    /// 400: what the permit demands cannot be set.
    #[error("the permit cannot be carried out")]
    Refused(Reason),
}

impl UpstreamError {
    /// The status that the caller gets.
    pub fn status(&self) -> StatusCode {
        match self {
            UpstreamError::Unreachable(_) | UpstreamError::Broken(_) => StatusCode::BAD_GATEWAY,
            UpstreamError::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            UpstreamError::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            UpstreamError::Ended => StatusCode::UNAUTHORIZED,
            UpstreamError::Request(status, ..) => *status,
            UpstreamError::Refused(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// One word for logs and metrics; stable.
    pub fn code(&self) -> &'static str {
        match self {
            UpstreamError::Unreachable(_) => "upstream_unreachable",
            UpstreamError::Broken(_) => "upstream_broken",
            UpstreamError::TimedOut(_) => "upstream_timed_out",
            UpstreamError::Overloaded => "upstream_overloaded",
            UpstreamError::Ended => "session_ended",
            UpstreamError::Request(_, code, _) => code,
            UpstreamError::Refused(reason) => reason.code(),
        }
    }
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

    /// Sends a permitted request and returns the answer while its body still streams. `ended` resolves when the
    /// session behind the permit ends; tunnels and long answers end with it.
    pub async fn forward<E>(
        &self,
        permit: &Permit,
        mut admitted: Box<Admitted>,
        policy: &Policy,
        upstream: &Upstream,
        outgoing: Outgoing,
        ended: Option<E>,
    ) -> Result<Response<Body>, UpstreamError>
    where
        E: Future<Output = ()> + Send + Sync + 'static,
    {
        if !permit.parameters().is_empty() {
            Box::pin(enrich::carry_out(permit, &mut admitted, self.settings.max_rewritten_body)).await?;
        }
        let mut ended = ended.map(|ended| Box::pin(ended) as Ended);
        let known = permit.identity().account().is_some();
        let (request, on_upgrade) = outgoing_request(permit, *admitted, policy, upstream, outgoing)?;
        let head = *request.method() == Method::HEAD;
        let (response, lease) = self.exchange(request, upstream, &mut ended).await?;
        let (mut parts, body) = response.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(parts, on_upgrade, policy, upstream, known, ended);
        }
        check_framing(&mut parts, &body, head)?;
        let announced = answer::clean(&mut parts.headers, &policy.directories, known);
        parts.extensions.clear();
        parts.version = http::Version::HTTP_11;
        let body = if body.is_end_stream() {
            lease.release();
            Body::Empty
        } else {
            Body::Boxed(Box::pin(Answer::new(body, lease, announced, upstream.idle_timeout, ended)))
        };
        Ok(Response::from_parts(parts, body))
    }

    /// Sends the request on a connection that rested or a new one. What met the end of a connection that rested is sent
    /// once more on a new one: without a body, and only if it never left or may be repeated (RFC 9110, 9.2.2).
    async fn exchange(
        &self,
        mut request: Request<Body>,
        upstream: &Upstream,
        ended: &mut Option<Ended>,
    ) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        let pool = self.pool(upstream)?;
        let mut lease = pool.lease(upstream.connect_timeout).await?;
        let deadline = Instant::now() + upstream.response_timeout;
        loop {
            let repeated = if lease.used { repeatable(&request) } else { None };
            let answered = lease.sender.try_send_request(request);
            match patiently(answered, deadline, ended).await? {
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
        if let Some(pool) = known.iter().find(|pool| pool.is_for(authority)) {
            return Ok(Arc::clone(pool));
        }
        drop(known);
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.iter().find(|pool| pool.is_for(authority)) {
            return Ok(Arc::clone(pool));
        }
        // Upstreams of an older policy go once nothing uses them.
        pools.retain(|pool| !pool.is_unused());
        let address = if has_port(authority) { authority.to_owned() } else { format!("{authority}:80") };
        let pool = Arc::new(Pool::new(authority, &address, self.settings.clone()));
        pools.push(Arc::clone(&pool));
        Ok(pool)
    }

    /// Both sides switch protocols, if the client asked for that.
    fn switch(
        &self,
        mut parts: response::Parts,
        on_upgrade: Option<OnUpgrade>,
        policy: &Policy,
        upstream: &Upstream,
        known: bool,
        ended: Option<Ended>,
    ) -> Result<Response<Body>, UpstreamError> {
        let refused = || UpstreamError::Broken("it switched protocols without being asked".to_owned());
        let client = on_upgrade.ok_or_else(refused)?;
        let protocol = parts.headers.get(header::UPGRADE).cloned().ok_or_else(refused)?;
        let theirs = parts.extensions.remove::<OnUpgrade>().ok_or_else(refused)?;
        parts.extensions.clear();
        answer::clean(&mut parts.headers, &policy.directories, known);
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, protocol);
        let tunnel =
            Tunnel { client, upstream: theirs, idle_timeout: upstream.idle_timeout, ended, closing: self.closing.clone() };
        tokio::spawn(tunnel.run(Arc::clone(&self.tunnels)));
        Ok(Response::from_parts(parts, Body::Empty))
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
    let uri = outgoing::target(&admitted.path, admitted.query.as_deref())
        .ok_or_else(|| UpstreamError::Request(StatusCode::BAD_REQUEST, "target", "the target cannot be forwarded".into()))?;
    let mut admitted = admitted;
    let mut headers = std::mem::take(&mut admitted.headers);
    outgoing::strip_credentials(&mut headers, policy, upstream);
    outgoing::introduce(&mut headers, &Introduced::of(&admitted), permit, outgoing.assertion);
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
async fn patiently<F: Future>(answer: F, deadline: Instant, ended: &mut Option<Ended>) -> Result<F::Output, UpstreamError> {
    let mut answer = std::pin::pin!(answer);
    let Some(end) = ended else {
        return timeout_at(deadline, answer).await.map_err(|_| UpstreamError::TimedOut("answering"));
    };
    let quick = deadline.min(Instant::now() + QUICK);
    if let Ok(answered) = timeout_at(quick, answer.as_mut()).await {
        return Ok(answered);
    }
    tokio::select! {
        biased;
        () = end.as_mut() => Err(UpstreamError::Ended),
        answered = timeout_at(deadline, answer) => answered.map_err(|_| UpstreamError::TimedOut("answering")),
    }
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

/// Whether the upstream closed the connection in place of answering.
fn is_end_of_connection(error: &hyper::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || io.is_some_and(|io| matches!(io.kind(), BrokenPipe | ConnectionAborted | ConnectionReset))
}

/// Whose fault it was: ours, when the body of the request broke off, else the upstream's.
fn explain(error: &hyper::Error) -> UpstreamError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        match inner.downcast_ref::<Cut>() {
            Some(Cut::TooLarge) => {
                return UpstreamError::Request(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", Cut::TooLarge.to_string().into());
            }
            Some(Cut::TooSlow) => {
                return UpstreamError::Request(StatusCode::REQUEST_TIMEOUT, "body_too_slow", Cut::TooSlow.to_string().into());
            }
            None => cause = inner.source(),
        }
    }
    if error.is_user() {
        // The only thing of ours that can fail is the client's body.
        return UpstreamError::Request(StatusCode::BAD_REQUEST, "body_broken", error.to_string().into());
    }
    UpstreamError::Broken(error.to_string())
}

/// Whether an authority names its port.
fn has_port(authority: &str) -> bool {
    authority.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
        && !authority.ends_with(']')
}
