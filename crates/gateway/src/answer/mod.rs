//! Answers of our own in the caller's dialect: refusals, bad requests, upstream trouble.
//!
//! What a caller learns is in `wording` and nothing else: no rule, no role, no file. All of it is `no-store`.

mod challenge;
#[cfg(test)]
mod tests;
mod wording;

pub use challenge::{Challenged, Wrong, challenge_under, refuse_under};

use crate::{Admitted, Body, admit::Rejected, api::set_retry_after};
use doorward_core::{Reason, Refusal, policy::Dialect, refusal::Public};
use doorward_wire::{Document, Format, ibexa, magento, negotiate, problem::Problem};
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE,
        X_CONTENT_TYPE_OPTIONS,
    },
};

/// How long to wait before trying again when something is away, in seconds.
const RETRY_SECONDS: u64 = 5;

/// Who reads an answer, and how.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The dialect of the path.
    pub dialect: Dialect,
    /// All `Accept` headers, joined by commas.
    pub accept: Option<String>,
    /// Names the request.
    pub request_id: String,
    /// The request is a HEAD: no body is sent.
    pub head: bool,
}

impl Reader {
    /// The reader of the answer to this request.
    pub fn of(request: &Admitted) -> Self {
        Self {
            dialect: request.dialect,
            accept: accept(&request.headers),
            request_id: request.request_id.clone(),
            head: request.method == Method::HEAD,
        }
    }

    /// The reader of the answer to a request that `admit` could not read in one way only.
    pub fn of_rejected(rejected: &Rejected) -> Self {
        Self {
            dialect: rejected.dialect,
            accept: rejected.accept.as_ref().and_then(|value| value.to_str().ok()).map(Into::into),
            request_id: rejected.request_id.clone(),
            head: rejected.method == Method::HEAD,
        }
    }

    /// The format for the Ibexa dialect.
    pub fn ibexa_format(&self) -> Format {
        negotiate::ibexa(self.accept.as_deref())
    }
}

/// All `Accept` headers in one; what is no text is left out.
pub fn accept(headers: &HeaderMap) -> Option<String> {
    let values: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// The answer to a refusal. The Ibexa and Magento dialects say 401 to guests and known identities alike.
pub fn refuse(refusal: &Refusal, to: &Reader) -> Response<Body> {
    let mut response = refusal_of(refusal, to);
    if let Reason::TooMany(after) = refusal.reason {
        set_retry_after(&mut response, Some(after));
    }
    response
}

fn refusal_of(refusal: &Refusal, to: &Reader) -> Response<Body> {
    let two_faced = to.dialect == Dialect::Problem;
    let status = match refusal.public {
        Public::BadRequest => StatusCode::BAD_REQUEST,
        Public::Forbidden if two_faced => StatusCode::FORBIDDEN,
        Public::Unauthenticated | Public::Forbidden => StatusCode::UNAUTHORIZED,
        Public::NotFound => StatusCode::NOT_FOUND,
        Public::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Public::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Public::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Public::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let document = match to.dialect {
        Dialect::Ibexa => ibexa::ErrorMessage {
            code: status.as_u16(),
            description: wording::ibexa(refusal),
            routing: status == StatusCode::NOT_FOUND,
        }
        .document(to.ibexa_format()),
        Dialect::Magento => return magento(&wording::magento(refusal, status), to),
        Dialect::Problem => problem(status, wording::detail(&refusal.reason), to),
    };
    with_body(status, document, to)
}

/// Any other error of ours: 400 and 421 of `admit`, 405, 413, 502 to 504. `description` is for the caller.
pub fn error(status: StatusCode, description: &str, to: &Reader) -> Response<Body> {
    let document = match to.dialect {
        Dialect::Ibexa => ibexa::ErrorMessage {
            code: status.as_u16(),
            description,
            routing: matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED),
        }
        .document(to.ibexa_format()),
        Dialect::Magento if status == StatusCode::INTERNAL_SERVER_ERROR => {
            return magento(&magento::Error::masked(&to.request_id), to);
        }
        Dialect::Magento => return magento(&magento::Error::new(status, description.to_owned()), to),
        Dialect::Problem => problem(status, Some(description).filter(|_| !status.is_server_error()), to),
    };
    with_body(status, document, to)
}

/// An upstream that cannot be reached or answers nonsense (502), is not to be asked now (503), or takes too long (504).
pub fn upstream_trouble(status: StatusCode, to: &Reader) -> Response<Body> {
    error(status, status.canonical_reason().unwrap_or("Bad Gateway"), to)
}

/// A document of ours with the headers that all our answers have.
pub fn with_body(status: StatusCode, document: Document, to: &Reader) -> Response<Body> {
    let mut response = page(status, document, to.head);
    // No browser asks for a password because of this challenge; the two dialects send none, as their contracts have
    // it (ibexa-rest 0.1, magento-webapi 5.1).
    if status == StatusCode::UNAUTHORIZED && to.dialect == Dialect::Problem {
        challenge(&mut response);
    }
    response
}

/// The challenge that RFC 9110 15.5.2 demands of a 401.
pub(crate) fn challenge(response: &mut Response<Body>) {
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Session realm=\"Doorward\""));
}

/// A document for anyone, in no dialect.
pub(crate) fn page(status: StatusCode, document: Document, head: bool) -> Response<Body> {
    let length = document.body.len();
    let body = if head { Body::Empty } else { document.body.into() };
    let mut response = bare(status, body);
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::try_from(document.content_type) {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(CONTENT_LENGTH, length.into());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_SECONDS.into());
    }
    response
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = bare(status, Body::Empty);
    if status != StatusCode::NO_CONTENT {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// The answer to OPTIONS on an endpoint of ours (ibexa-rest 7).
pub fn options(allow: HeaderValue) -> Response<Body> {
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(ALLOW, allow);
    response
}

fn bare(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An error of the Magento dialect. A format that nobody can write is an error of its own, which comes before all
/// others but ours (magento-webapi 5.4).
pub fn magento(error: &magento::Error, to: &Reader) -> Response<Body> {
    match negotiate::magento(to.accept.as_deref()) {
        Ok(format) => with_body(error.status(), error.document(format), to),
        Err(_) if error.status().is_server_error() => with_body(error.status(), error.document(Format::Json), to),
        Err(offered) => {
            with_body(StatusCode::NOT_ACCEPTABLE, magento::Error::not_acceptable(&offered).document(Format::Json), to)
        }
    }
}

/// A result in the Magento dialect, 200; `fields` is what [`magento::Fields::read`] made of the query.
pub fn magento_success(value: &serde_json::Value, fields: Option<&magento::Fields>, to: &Reader) -> Response<Body> {
    match negotiate::magento(to.accept.as_deref()) {
        Ok(format) => with_body(StatusCode::OK, magento::success(value, fields, format), to),
        Err(offered) => magento(&magento::Error::not_acceptable(&offered), to),
    }
}

fn problem(status: StatusCode, detail: Option<&str>, to: &Reader) -> Document {
    Problem { status, detail, request_id: &to.request_id }.document(negotiate::problem(to.accept.as_deref()))
}
