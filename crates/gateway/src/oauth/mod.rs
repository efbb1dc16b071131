//! The endpoints of the authorization server, a file for each. What they say is `doorward-oauth`'s; here it becomes HTTP.

mod applications;
mod asked;
mod authorize;
mod device;
mod end_session;
mod introspect;
mod people;
mod pushed;
mod register;
mod revoke;
mod token;
mod userinfo;

use crate::{
    Body,
    answer::{self, Reader},
    api::{Call, header, read, set_retry_after},
    cors,
    record::AuditEvent,
};
use doorward_core::{
    OAuth, OAuthEndpoint,
    policy::Own,
    ports::{Client, Grant},
};
use doorward_oauth::{
    ErrorCode, OAuthError, Provider,
    rfc6749::{
        Parameters,
        client::{self, Caller},
    },
    rfc8414, rfc8705, rfc9449,
};
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE},
};
use serde::Serialize;

/// The largest body that is read, in bytes: a form with a signed assertion or two.
const MAX_SIZE: usize = 32 << 10;
/// RFC 9110 15.5.2 demands a challenge of every 401, RFC 6749 5.2 this one of those that tried it.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"OAuth clients\"");

/// What the decision needs to know of an endpoint. Clients prove to these themselves who they are, as a person does who signs
/// in: so neither access control nor any firewall speaks about them.
pub(crate) fn own(endpoint: OAuthEndpoint) -> Own {
    let apart = |name| Own { name, access_control: false, csrf: false, provenance: false, apart: true };
    // What people's browsers come to is judged as every page is; forms of ours come from our pages.
    let page = |name, provenance| Own { name, access_control: true, csrf: false, provenance, apart: false };
    match endpoint {
        OAuthEndpoint::Token => apart("oauth.token"),
        OAuthEndpoint::Keys => apart("oauth.keys"),
        OAuthEndpoint::Introspect => apart("oauth.introspect"),
        OAuthEndpoint::Revoke => apart("oauth.revoke"),
        OAuthEndpoint::Metadata => apart("oauth.metadata"),
        OAuthEndpoint::UserInfo => apart("oauth.userinfo"),
        OAuthEndpoint::Register => apart("oauth.register"),
        OAuthEndpoint::Pushed => apart("oauth.par"),
        OAuthEndpoint::DeviceAuthorization => apart("oauth.device_authorization"),
        OAuthEndpoint::Device => page("oauth.device", true),
        OAuthEndpoint::Authorize => page("oauth.authorize", false),
        OAuthEndpoint::Consent => page("oauth.consent", true),
        OAuthEndpoint::Applications => page("oauth.applications", true),
        OAuthEndpoint::EndSession => page("oauth.end_session", false),
    }
}

/// The methods of an endpoint.
pub(crate) fn methods(endpoint: OAuthEndpoint) -> &'static str {
    match endpoint {
        OAuthEndpoint::Token
        | OAuthEndpoint::Introspect
        | OAuthEndpoint::Revoke
        | OAuthEndpoint::Pushed
        | OAuthEndpoint::DeviceAuthorization
        | OAuthEndpoint::Register
        | OAuthEndpoint::Consent => "POST",
        OAuthEndpoint::Keys | OAuthEndpoint::Metadata => "GET",
        OAuthEndpoint::UserInfo
        | OAuthEndpoint::Device
        | OAuthEndpoint::Authorize
        | OAuthEndpoint::Applications
        | OAuthEndpoint::EndSession => "GET, POST",
    }
}

/// Answers a call of an endpoint. Whoever proves possession is told what to put into the next proof, where that is asked for
/// (RFC 9449 8.2).
pub(crate) async fn answer(endpoint: OAuthEndpoint, settings: &OAuth, call: Call<'_>) -> Response<Body> {
    let (auth, proves) = (call.auth, call.request.headers.contains_key(rfc9449::HEADER));
    let mut response = run(endpoint, settings, call).await;
    if settings.dpop_nonce && proves {
        let nonce = rfc9449::Nonces::of(auth.nonce_key()).current(auth.clock().now());
        if let Ok(value) = HeaderValue::try_from(nonce) {
            response.headers_mut().insert(rfc9449::NONCE_HEADER, value);
        }
    }
    response
}

async fn run(endpoint: OAuthEndpoint, settings: &OAuth, call: Call<'_>) -> Response<Body> {
    let (reads, posts) = (matches!(*call.request.method, Method::GET | Method::HEAD), *call.request.method == Method::POST);
    match (endpoint, call.request.method) {
        (OAuthEndpoint::Authorize, _) if reads || posts => authorize::run(settings, call).await,
        (OAuthEndpoint::Consent, &Method::POST) => authorize::decide(settings, call).await,
        (OAuthEndpoint::Applications, _) if reads || posts => applications::run(settings, call).await,
        (OAuthEndpoint::UserInfo, _) if reads || posts => userinfo::run(settings, call).await,
        (OAuthEndpoint::EndSession, _) if reads || posts => end_session::run(settings, call).await,
        (OAuthEndpoint::Device, _) if reads => device::show(settings, &call).await,
        (OAuthEndpoint::Device, &Method::POST) => device::submit(settings, call).await,
        (OAuthEndpoint::Pushed, &Method::POST) => pushed::run(settings, call).await,
        (OAuthEndpoint::DeviceAuthorization, &Method::POST) => device::begin(settings, call).await,
        (OAuthEndpoint::Register, &Method::POST) => register::run(settings, call).await,
        (OAuthEndpoint::Consent | OAuthEndpoint::Pushed | OAuthEndpoint::DeviceAuthorization | OAuthEndpoint::Register, _) => {
            not_allowed(&call, "POST")
        }
        (
            OAuthEndpoint::Authorize
            | OAuthEndpoint::Device
            | OAuthEndpoint::Applications
            | OAuthEndpoint::UserInfo
            | OAuthEndpoint::EndSession,
            _,
        ) => not_allowed(&call, "GET, HEAD, POST"),
        (OAuthEndpoint::Token, &Method::POST) => token::run(settings, call).await,
        (OAuthEndpoint::Introspect, &Method::POST) => introspect::run(settings, call).await,
        (OAuthEndpoint::Revoke, &Method::POST) => revoke::run(settings, call).await,
        (OAuthEndpoint::Token | OAuthEndpoint::Introspect | OAuthEndpoint::Revoke, &Method::OPTIONS) => {
            answer::options(HeaderValue::from_static("POST,OPTIONS"))
        }
        (OAuthEndpoint::Token | OAuthEndpoint::Introspect | OAuthEndpoint::Revoke, _) => not_allowed(&call, "POST, OPTIONS"),
        (OAuthEndpoint::Metadata, _) if reads => {
            let mut response = document(StatusCode::OK, &rfc8414::metadata(&provider(&call, settings)), &call.reader());
            response.extensions_mut().insert(cors::Public);
            response
        }
        (OAuthEndpoint::Metadata, _) => not_allowed(&call, "GET, HEAD"),
        // The pipeline answers GET and HEAD.
        (OAuthEndpoint::Keys, _) => not_allowed(&call, "GET, HEAD"),
    }
}

fn not_allowed(call: &Call<'_>, allow: &'static str) -> Response<Body> {
    let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", &call.reader());
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

/// What a client asks: the form of its call, and how it is answered.
struct Asking {
    params: Parameters,
    certificate: Option<rfc8705::Shown>,
    to: Reader,
}

impl Asking {
    /// Reads the form of a call; whatever is none is answered at once.
    async fn read(call: &mut Call<'_>) -> Result<Self, Response<Body>> {
        let to = call.reader();
        match form(call).await {
            Ok(params) => Ok(Self { params, certificate: certificate(call), to }),
            Err(error) => Err(refuse(&error, &to)),
        }
    }

    /// Who calls, as far as it says.
    fn caller<'a>(&'a self, call: &'a Call<'_>) -> Caller<'a> {
        let caller = Caller::new(call.request.headers, &self.params, call.request.client).at(call.request.host);
        caller.with_certificate(self.certificate.as_ref())
    }

    /// The client, once it proved itself. That it did not is written down as `event`, and answered.
    async fn client(
        &self,
        settings: &OAuth,
        call: &Call<'_>,
        event: &'static str,
        grant: Option<Grant>,
    ) -> Result<Client, Response<Body>> {
        let client = client::authenticate(&provider(call, settings), self.caller(call)).await;
        client.map_err(|error| self.refuse(call, event, None, grant, &error))
    }

    /// An error for the client, written down as `event`.
    fn refuse(
        &self,
        call: &Call<'_>,
        event: &'static str,
        client: Option<&Client>,
        grant: Option<Grant>,
        error: &OAuthError,
    ) -> Response<Body> {
        audit(call, event, client, grant, Err(error));
        refuse(error, &self.to)
    }
}

/// The form that a call brings.
async fn form(call: &mut Call<'_>) -> Result<Parameters, OAuthError> {
    let invalid = |text: &'static str| OAuthError::new(ErrorCode::InvalidRequest, text);
    let kind = header(call.request.headers, CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(invalid("The body must be application/x-www-form-urlencoded."));
    }
    let body = read::body(std::mem::take(&mut call.body), MAX_SIZE).await.map_err(|unread| invalid(unread.answer().1))?;
    let text = std::str::from_utf8(&body).map_err(|_| invalid("The body is no text in UTF-8."))?;
    Parameters::parse(text).map_err(|bad| OAuthError::new(ErrorCode::InvalidRequest, bad.to_string()))
}

/// What the certificate says that came along, if it counts now.
fn certificate(call: &Call<'_>) -> Option<rfc8705::Shown> {
    call.request.certificate.map(|certificate| certificate.said(call.auth.clock().now()))
}

/// The server for this call.
fn provider<'a>(call: &Call<'a>, settings: &'a OAuth) -> Provider<'a> {
    Provider { auth: call.auth, settings }
}

/// A document for a client: never kept by anybody on the way (RFC 6749 5.1).
fn document(status: StatusCode, value: &impl Serialize, to: &Reader) -> Response<Body> {
    let body = serde_json::to_string(value).unwrap_or_default();
    let document = doorward_wire::Document { content_type: "application/json".into(), body };
    let mut response = answer::page(status, document, to.head);
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// An error for a client (RFC 6749 5.2).
fn refuse(error: &OAuthError, to: &Reader) -> Response<Body> {
    let status = error.code.status();
    let mut response = document(status, &error.body(), to);
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    set_retry_after(&mut response, error.retry_after);
    response
}

/// The same for whom there is a challenge (RFC 6750 3).
fn challenge(mut response: Response<Body>, value: HeaderValue) -> Response<Body> {
    response.headers_mut().insert(WWW_AUTHENTICATE, value);
    response
}

/// Writes down what a client did, or did not get.
fn audit(call: &Call<'_>, event: &str, client: Option<&Client>, grant: Option<Grant>, result: Result<&str, &OAuthError>) {
    let detail = match result {
        Ok(detail) => detail,
        Err(error) if error.why.is_empty() => &error.description,
        Err(error) => &error.why,
    };
    let outcome = result.err().map_or("success", |error| error.code.as_str());
    write_down(call, event, client.map(|client| &*client.id), grant, (outcome, detail));
}

/// Writes down what became of a client of this id, where there is one: its outcome in a word, and more.
fn write_down(call: &Call<'_>, event: &str, client: Option<&str>, grant: Option<Grant>, (outcome, detail): (&str, &str)) {
    let identity = client.map(|id| format!("client/{id}"));
    call.recorder.audit(&AuditEvent {
        event,
        outcome,
        request_id: call.request.request_id,
        directory: "-",
        identity: identity.as_deref().unwrap_or("-"),
        login: "",
        client: Some(call.request.client),
        method: grant.map_or("oauth", Grant::as_str),
        detail,
    });
}
