//! Envoy's question about a request (`envoy.service.auth.v3.Authorization/Check`, gRPC): read into the one form of a request,
//! judged as every other, and answered with what Envoy is to set, to take away, or to say.
//!
//! Whatever cannot be read is no request, and gets an error of gRPC, which Envoy takes for a refusal (`failure_mode_allow`
//! says otherwise nowhere in what `doorward init envoy` prints).

mod frame;
mod messages;
#[cfg(test)]
pub(crate) mod tests;

use crate::{
    Body, Gateway, Snapshot,
    admit::names::{is_dropped, is_hop_by_hop, is_ours},
    forward_auth::CREDENTIALS,
    listen::Connection,
};
use bytes::Bytes;
use doorward_core::forward_auth::ForwardAuth;
use frame::Failed;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use messages::{CheckRequest, CheckResponse, Denied, HeaderOption, HttpRequest, HttpStatus, Outcome, Permitted, Status};
use std::sync::Arc;

/// The path of the call.
pub(crate) const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";

/// `google.rpc.Code`.
const PERMISSION_DENIED: i32 = 7;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Only a verdict has it.
const IDENTITY: &str = "doorward-identity";

/// What Envoy says of where a request comes from: it is not the client's, in this spelling.
const ENVOYS: [&str; 4] = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"];

/// Whether a request is such a question.
pub(crate) fn is_question<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    request.uri().path() == PATH && kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

impl Gateway {
    /// Answers such a question as the same question over HTTP, which is one of the same `endpoint`.
    pub(crate) async fn answer_check(
        &self,
        now: Arc<Snapshot>,
        endpoint: ForwardAuth,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Response<Body> {
        let (trusted, prefix) = (now.network.trusts(connection.peer.ip()), Arc::clone(&endpoint.path));
        let note = |why| self.note_refused_call(connection.peer.ip(), why);
        answer(request.map(Body::Incoming), trusted, &prefix, note, |parts| {
            self.answer_question(now, endpoint, parts, connection)
        })
        .await
    }
}

/// Answers a question of somebody who may ask: `judge` answers the request that it is about, with 200 where that may pass.
/// Whatever is no question is told to `note`.
pub(crate) async fn answer<F>(
    request: Request<Body>,
    trusted: bool,
    prefix: &str,
    note: impl FnOnce(&'static str),
    judge: impl FnOnce(Parts) -> F,
) -> Response<Body>
where
    F: Future<Output = Response<Body>>,
{
    let refuse = |failed, why| {
        note(why);
        frame::failed(failed, why)
    };
    if !trusted {
        return refuse(Failed::PermissionDenied, "only trusted proxies may ask");
    }
    if request.method() != Method::POST {
        return refuse(Failed::Unimplemented, "a call is a POST");
    }
    let question: CheckRequest = match frame::read(request.into_body()).await {
        Ok(question) => question,
        Err(failed) => return refuse(failed, "the message cannot be read"),
    };
    let about = question.attributes.and_then(|attributes| attributes.request).and_then(|request| request.http);
    let Some(about) = about else { return refuse(Failed::InvalidArgument, "it is about no HTTP request") };
    let parts = match parts(about, prefix) {
        Ok(parts) => parts,
        Err(why) => return refuse(Failed::InvalidArgument, why),
    };
    let asked = parts.headers.clone();
    frame::answer(&said(&asked, judge(parts).await).await)
}

/// The question as Envoy asks it over HTTP: the request itself, with a prefix before its path.
fn parts(about: HttpRequest, prefix: &str) -> Result<Parts, &'static str> {
    let method = Method::from_bytes(about.method.as_bytes()).map_err(|_| "it has no method")?;
    // A fragment would be cut off silently.
    if !about.path.starts_with('/') || about.path.contains('#') {
        return Err("it has no path");
    }
    let uri: Uri = [prefix, &about.path].concat().parse().map_err(|_| "it has no path")?;
    if about.host.is_empty() {
        return Err("it has no host");
    }
    let mut headers = HeaderMap::new();
    let host = HeaderValue::from_str(&about.host).map_err(|_| "it has no host")?;
    headers.append(header::HOST, host);
    let raw = about.header_map.map(|map| map.headers).unwrap_or_default();
    let lines = raw.into_iter().map(|line| {
        let value = if line.raw_value.is_empty() { line.value.into_bytes() } else { line.raw_value };
        (line.key, value)
    });
    let joined = about.headers.into_iter().map(|(name, value)| (name, value.into_bytes()));
    for (name, value) in lines.chain(joined) {
        // What HTTP/2 says in place of the request line stands in fields of its own.
        if name.starts_with(':') {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header has no name")?;
        // The body is not here, and nothing of it is judged.
        if matches!(name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::TRAILER | header::EXPECT) {
            continue;
        }
        headers.append(name, HeaderValue::from_maybe_shared(Bytes::from(value)).map_err(|_| "a header has no value")?);
    }
    if !headers.contains_key(FORWARDED_PROTO) && !about.scheme.is_empty() {
        headers.append(FORWARDED_PROTO, HeaderValue::from_str(&about.scheme).map_err(|_| "it has no scheme")?);
    }
    let (mut parts, ()) = Request::new(()).into_parts();
    (parts.method, parts.uri, parts.headers) = (method, uri, headers);
    Ok(parts)
}

/// What Envoy is to do.
async fn said(asked: &HeaderMap, answer: Response<Body>) -> CheckResponse {
    let (answer, body) = answer.into_parts();
    if answer.status == StatusCode::OK && answer.headers.contains_key(IDENTITY) {
        let outcome = Some(Outcome::Permitted(permitted(asked, &answer.headers)));
        return CheckResponse { status: Some(Status { code: 0 }), outcome };
    }
    // An answer of ours is short, and whole.
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let status = if answer.status.is_client_error() || answer.status.is_server_error() || answer.status.is_redirection() {
        answer.status
    } else {
        StatusCode::FORBIDDEN
    };
    let keep = |name: &HeaderName| !is_hop_by_hop(name) && !is_ours(name.as_str()) && *name != header::CONTENT_LENGTH;
    // Envoy puts all of these in place of what it would say, and none beside anything: lines of one name all arrive.
    let headers = answer.headers.iter().filter(|(name, _)| keep(name));
    let headers = headers.map(|(name, value)| HeaderOption::instead(name.as_str(), value.as_bytes()));
    let denied = Denied {
        status: Some(HttpStatus { code: i32::from(status.as_u16()) }),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    CheckResponse { status: Some(Status { code: PERMISSION_DENIED }), outcome: Some(Outcome::Denied(denied)) }
}

/// Everything that only we may say comes from the answer, or goes.
fn permitted(asked: &HeaderMap, answer: &HeaderMap) -> Permitted {
    let set: Vec<&HeaderName> = answer
        .iter()
        .filter(|(name, value)| (is_ours(name.as_str()) || CREDENTIALS.contains(name)) && !value.is_empty())
        .map(|(name, _)| name)
        .collect();
    let spoofed = |name: &HeaderName| is_dropped(name) && !ENVOYS.contains(&name.as_str());
    let gone = asked.keys().filter(|name| (spoofed(name) || CREDENTIALS.contains(name)) && !set.contains(name));
    // What the client is told besides: its cookies, and what pages of other origins may do with the answer.
    let told =
        |name: &HeaderName| matches!(*name, header::SET_COOKIE | header::VARY) || name.as_str().starts_with("access-control-");
    let told = answer.iter().filter(|(name, _)| told(name));
    Permitted {
        headers_to_remove: gone.map(|name| name.as_str().to_owned()).collect(),
        headers: set
            .iter()
            .filter_map(|name| Some(HeaderOption::instead(name.as_str(), answer.get(*name)?.as_bytes())))
            .collect(),
        response_headers_to_add: told.map(|(name, value)| option(name, value)).collect(),
    }
}

/// A header of an answer: cookies stand beside each other, and so does what an answer depends on.
fn option(name: &HeaderName, value: &HeaderValue) -> HeaderOption {
    if matches!(*name, header::SET_COOKIE | header::VARY) {
        HeaderOption::beside(name.as_str(), value.as_bytes())
    } else {
        HeaderOption::instead(name.as_str(), value.as_bytes())
    }
}
