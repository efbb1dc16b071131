//! Admit: one unambiguous, canonical request with nothing spoofed in it, or a refusal with 400 or 421.

mod address;
pub(crate) mod certificate;
mod cookies;
mod guard;
pub(crate) mod names;
mod network;
mod origin;
mod site;

pub use address::ClientAddress;
pub use certificate::{Certificates, ClientCertificate};
pub(crate) use cookies::{carries_elsewhere, is_ours, joined, replace, values};
pub use guard::Cut;
pub(crate) use guard::{Announced, Guarded};
pub use network::Network;
pub use site::SiteBy;

use crate::{Body, cors::Crossing, listen::Connection};
use doorward_core::{
    Carries, Facts, Policy, Provenance, Site,
    canonical::{self, Authority, EncodedSlash},
    policy::{Dialect, Directory, is_under},
};
use doorward_wire::negotiate;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version, header, request::Parts};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use std::{borrow::Cow, net::IpAddr, sync::Arc};

/// A session cookie that a request presents. The value is a secret: it is never logged.
#[derive(Clone)]
pub struct SessionCookie {
    /// The directory whose cookie it is.
    pub directory: Arc<Directory>,
    /// Its value: the session id as presented, sound or not.
    pub value: String,
}

/// A request after `admit`.
pub struct Admitted {
    /// The effective method, fixed here for everything that follows.
    pub method: Method,
    /// Host without port and trailing dot, in lower case.
    pub host: String,
    /// The authority as the client named it, for the upstream's `Host` and for absolute links.
    pub authority: String,
    /// The canonical path: matched and forwarded.
    pub path: String,
    /// The site and why it was chosen, where there are sites.
    pub site: Option<(Arc<Site>, SiteBy)>,
    /// What the answer says to pages of other origins, where `[cors]` is about the path.
    pub crossing: Option<Crossing>,
    /// The query as sent, without `?`.
    pub query: Option<String>,
    /// HTTP version of the request.
    pub version: http::Version,
    /// Headers, without those that only we may set and without override headers.
    pub headers: HeaderMap,
    /// The body, not yet read.
    pub body: Body,
    /// The request wants to become a WebSocket (or another protocol).
    pub upgrade: bool,
    /// For a protocol upgrade: where the connection can be taken over.
    pub on_upgrade: Option<hyper::upgrade::OnUpgrade>,
    /// The client's address as far as it may be believed.
    pub client: IpAddr,
    /// Whether the caller speaks TLS: to us or, where `public_url` is https and we speak none, to the proxy in front.
    pub secure: bool,
    /// The dialect of the path.
    pub dialect: Dialect,
    /// The prefix that chose the dialect, without trailing slash; hrefs carry it.
    pub prefix: String,
    /// Session cookies of our directories, in the order of the request; equal duplicates folded.
    pub cookies: Vec<SessionCookie>,
    /// Credentials that are present.
    pub carries: Carries,
    /// The client's certificate, sound or not.
    pub certificate: Option<ClientCertificate>,
    /// `X-Requested-With: XMLHttpRequest`, exactly and once.
    pub ajax: bool,
    /// `Sec-Fetch-Mode: navigate`.
    pub navigation: bool,
    /// Where a browser says that the request comes from.
    pub provenance: Provenance,
    /// Whether the dialect can write what `Accept` asks for.
    pub acceptable: bool,
    /// `X-Expected-User` in the Ibexa dialect, when not empty and not `0`.
    pub expected_user: Option<String>,
    /// Names this request in logs, answers and upstream: 32 hex digits.
    pub request_id: String,
    /// What a program that we are part of attached to the request.
    pub extensions: Extensions,
}

impl Admitted {
    /// The policy that judges: that of the site or, without sites, the one of all.
    pub fn policy<'p>(&'p self, all: &'p Arc<Policy>) -> &'p Arc<Policy> {
        self.site.as_ref().map_or(all, |(site, _)| &site.policy)
    }

    /// What a decision needs to know.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            method: &self.method,
            host: &self.host,
            path: &self.path,
            secure: self.secure,
            client: self.client,
            carries: self.carries,
            ajax: self.ajax,
            navigation: self.navigation,
            provenance: self.provenance,
            upgrade: self.upgrade,
            acceptable: self.acceptable,
            expected_user: self.expected_user.as_deref(),
        }
    }
}

// Names as values: to look a header up by text would mean to parse the text each time.
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// A request that has no unambiguous form, with what is needed to answer it.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// 400, 413 or 421.
    pub status: StatusCode,
    /// One word for logs and metrics; stable.
    pub code: &'static str,
    /// For the operator; never the input.
    pub detail: Cow<'static, str>,
    /// Method of the request line, as far as it may be logged.
    pub method: Method,
    /// Canonical host, or nothing.
    pub host: String,
    /// The dialect of the path, as far as it can be known.
    pub dialect: Dialect,
    /// The prefix that chose the dialect.
    pub prefix: String,
    /// `Accept` of the request, lines joined.
    pub accept: Option<HeaderValue>,
    /// As of a request that was admitted, as far as it can be known.
    pub crossing: Option<Crossing>,
    /// The socket's other end: no forwarding header of a refused request is believed.
    pub client: IpAddr,
    /// Names the request.
    pub request_id: String,
}

/// What is wrong with a request.
type Wrong = (StatusCode, &'static str, Cow<'static, str>);

fn wrong(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Wrong {
    (StatusCode::BAD_REQUEST, code, detail.into())
}

/// Reads a request in the one way in which everything that follows, the upstream included, will read it.
pub fn admit(
    mut request: Request<Incoming>,
    connection: &Connection,
    policy: &Policy,
    network: &Network,
    request_id: String,
) -> Result<Admitted, Box<Rejected>> {
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let body = if http_body::Body::is_end_stream(&body) { Body::Empty } else { Body::Incoming(body) };
    admit_parts(parts, body, Some(on_upgrade), connection, policy, network, request_id)
}

/// The same without a connection behind it: the road of `explain` and of tests.
pub fn admit_parts(
    parts: Parts,
    body: Body,
    on_upgrade: Option<OnUpgrade>,
    connection: &Connection,
    policy: &Policy,
    network: &Network,
    request_id: String,
) -> Result<Admitted, Box<Rejected>> {
    let came = Came { connection, secure: is_secure(connection, policy) };
    admit_as(parts, body, on_upgrade, came, policy, network, request_id)
}

/// What a request came by.
#[derive(Clone, Copy)]
pub(crate) struct Came<'c> {
    /// Who is at the other end.
    pub(crate) connection: &'c Connection,
    /// Whether the client speaks TLS, to whomever.
    pub(crate) secure: bool,
}

/// The same where somebody else says whether the client speaks TLS.
pub(crate) fn admit_as(
    parts: Parts,
    body: Body,
    on_upgrade: Option<OnUpgrade>,
    came: Came<'_>,
    policy: &Policy,
    network: &Network,
    request_id: String,
) -> Result<Admitted, Box<Rejected>> {
    let upgrade = wants_upgrade(&parts, &body);
    let on_upgrade = on_upgrade.filter(|_| upgrade);
    match read(&parts, &body, came, policy, network) {
        Ok(reading) => {
            let mut admitted = finish(parts, body, upgrade, reading, network, request_id);
            admitted.on_upgrade = on_upgrade;
            Ok(admitted)
        }
        Err((status, code, detail)) => {
            let path = parts.uri.path();
            let (dialect, prefix) = policy.dialect(without_script(path, policy).unwrap_or(path));
            let crossing = origin::crossing_of_rejected(&parts, policy, came.secure);
            Err(Box::new(Rejected {
                status,
                code,
                detail,
                method: parts.method,
                host: String::new(),
                dialect,
                prefix: prefix.to_owned(),
                accept: parts.headers.get(header::ACCEPT).cloned(),
                crossing,
                client: came.connection.peer.ip().to_canonical(),
                request_id,
            }))
        }
    }
}

/// Everything that is read before anything is dropped: the decision sees all that the client sent.
struct Reading {
    method: Method,
    authority: Authority,
    path: String,
    site: Option<(Arc<Site>, SiteBy)>,
    crossing: Option<Crossing>,
    secure: bool,
    client: IpAddr,
    dialect: Dialect,
    prefix: String,
    cookies: Vec<SessionCookie>,
    carries: Carries,
    certificate: Option<ClientCertificate>,
    provenance: Provenance,
    expected_user: Option<String>,
}

fn read(parts: &Parts, body: &Body, came: Came<'_>, policy: &Policy, network: &Network) -> Result<Reading, Wrong> {
    let Came { connection, secure } = came;
    let headers = &parts.headers;
    check_framing(headers, body, network)?;
    let authority = authority(parts)?;
    if policy.hosts.as_ref().is_some_and(|hosts| !hosts.iter().any(|host| **host == *authority.host)) {
        return Err((StatusCode::MISDIRECTED_REQUEST, "host_not_served", "the host is not served here".into()));
    }
    if certificate::is_misdirected(connection, policy, network, &authority.host) {
        let detail = "the TLS handshake was for a host with other rules about certificates";
        return Err((StatusCode::MISDIRECTED_REQUEST, "handshake", detail.into()));
    }
    let path = path(parts.uri.path(), policy)?;
    let site = site::choose(headers, policy, &authority, &path, secure)?;
    // From here on it is the site's.
    let policy = site.as_ref().map_or(policy, |(site, _)| &site.policy);
    check_slash(&path, policy)?;
    let (dialect, prefix) = policy.dialect(&path);
    let prefix = prefix.to_owned();
    let method = method(parts, dialect)?;
    let client = address::client(headers, connection, network).map_err(|detail| wrong("client_address", detail))?;
    let cookies = cookies::sessions(headers, &policy.directories).map_err(|detail| wrong("session_cookie", detail))?;
    let (bearer, basic) = authorization(headers)?;
    let certificate = certificate::client(headers, connection, network);
    let carries = Carries { cookie: !cookies.is_empty(), bearer, basic, certificate: certificate.is_some() };
    let crossing = Crossing::of(headers, policy, &authority, &path, secure);
    let provenance = origin::provenance(headers, policy, &authority.host, crossing.as_ref());
    let expected_user = if dialect == Dialect::Ibexa { expected_user(headers)? } else { None };
    Ok(Reading {
        method,
        authority,
        path,
        site,
        crossing,
        secure,
        client,
        dialect,
        prefix,
        cookies,
        carries,
        certificate,
        provenance,
        expected_user,
    })
}

fn finish(mut parts: Parts, body: Body, upgrade: bool, reading: Reading, network: &Network, request_id: String) -> Admitted {
    let headers = &mut parts.headers;
    let ajax = once(headers, X_REQUESTED_WITH).is_some_and(|value| value == "XMLHttpRequest");
    let acceptable = reading.dialect != Dialect::Magento || negotiate::magento(crate::answer::accept(headers).as_deref()).is_ok();
    let navigation = once(headers, SEC_FETCH_MODE).is_some_and(|value| value == "navigate");
    let body = match body {
        Body::Empty | Body::Full(_) => body,
        coming => {
            let announced = names::announced_trailers(headers);
            Body::Boxed(Box::pin(Guarded::new(coming, network.max_body, network.body_timeout, announced)))
        }
    };
    drop_headers(headers, upgrade);
    Admitted {
        method: reading.method,
        authority: reading.authority.text(),
        host: reading.authority.host,
        path: reading.path,
        site: reading.site,
        crossing: reading.crossing,
        query: parts.uri.query().map(str::to_owned),
        version: parts.version,
        headers: parts.headers,
        body,
        upgrade,
        on_upgrade: None,
        client: reading.client,
        secure: reading.secure,
        dialect: reading.dialect,
        prefix: reading.prefix,
        cookies: reading.cookies,
        carries: reading.carries,
        certificate: reading.certificate,
        ajax,
        navigation,
        provenance: reading.provenance,
        acceptable,
        expected_user: reading.expected_user,
        request_id,
        extensions: parts.extensions,
    }
}

/// Drops what is for this connection only, then what only we may say. `Trailer` and `TE: trailers` stay in a form that
/// announces no more than may pass, and `Upgrade` where it is honoured.
fn drop_headers(headers: &mut HeaderMap, upgrade: bool) {
    let protocol = if upgrade { headers.get(header::UPGRADE).cloned() } else { None };
    let trailer = names::announce(&names::announced_trailers(headers));
    let takes_trailers = headers.contains_key(header::TE)
        && names::tokens(headers, &header::TE).any(|token| token.eq_ignore_ascii_case("trailers"));
    // `Expect` we answer ourselves: the parser says `100 Continue` when the body is first asked for.
    names::remove_hop_by_hop_and(headers, |name| names::is_dropped(name) || *name == header::EXPECT);
    for (name, value) in [
        (header::UPGRADE, protocol),
        (header::TRAILER, trailer),
        (header::TE, takes_trailers.then(|| HeaderValue::from_static("trailers"))),
    ] {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

/// Whether the connection is to become something else: HTTP/1.1, no body, exactly one protocol, and not HTTP again
/// (an `Upgrade: h2c` would carry requests past us). What does not qualify is an ordinary request.
fn wants_upgrade(request: &Parts, body: &Body) -> bool {
    let headers = &request.headers;
    if request.version != Version::HTTP_11 || !headers.contains_key(header::UPGRADE) {
        return false;
    }
    names::tokens(headers, &header::CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
        && request.method == Method::GET
        && matches!(body, Body::Empty)
        && names::tokens(headers, &header::UPGRADE).count() == 1
        && !names::tokens(headers, &header::UPGRADE).any(is_http)
}

/// Whether a protocol to upgrade to is HTTP again, in the clear or over TLS.
pub(crate) fn is_http(protocol: &str) -> bool {
    ["h2", "h2c", "h3", "tls"].iter().any(|other| protocol.eq_ignore_ascii_case(other))
        || protocol.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("http") || start.eq_ignore_ascii_case("tls/"))
}

/// One length, read in one way. What the parser lets pass and we could not say again the same way is refused.
fn check_framing(headers: &HeaderMap, body: &Body, network: &Network) -> Result<(), Wrong> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next()
        && (codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(wrong("transfer_encoding", "Transfer-Encoding is something else than chunked, once"));
    }
    if headers.get_all(header::CONTENT_LENGTH).iter().nth(1).is_some() {
        return Err(wrong("content_length", "Content-Length is repeated"));
    }
    if http_body::Body::size_hint(body).lower() > network.max_body {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "Content-Length is larger than allowed".into()));
    }
    Ok(())
}

/// The one authority: of the target, of `Host`, or of both when they agree.
fn authority(parts: &Parts) -> Result<Authority, Wrong> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(wrong("host", "Host is repeated"));
    }
    let parse = |text: &str| canonical::host(text).map_err(|error| wrong("host", error.to_string()));
    let named = match host {
        Some(value) => Some(parse(value.to_str().map_err(|_| wrong("host", "Host is not ASCII"))?)?),
        None => None,
    };
    let target = parts.uri.authority().map(|authority| parse(authority.as_str())).transpose()?;
    if target.is_some() && !parts.uri.scheme_str().is_none_or(|scheme| matches!(scheme, "http" | "https")) {
        return Err(wrong("target", "the scheme of the target is neither http nor https"));
    }
    match (named, target) {
        (Some(named), Some(target)) if named != target => Err(wrong("host", "the target and Host differ")),
        // RFC 9112, 3.2: Host is not optional, whatever the target says.
        (None, Some(_)) if parts.version <= Version::HTTP_11 => Err(wrong("host", "Host is missing")),
        (Some(authority), _) | (None, Some(authority)) => Ok(authority),
        (None, None) => Err(wrong("host", "Host is missing")),
    }
}

fn path(raw: &str, policy: &Policy) -> Result<String, Wrong> {
    let refuse = |error: canonical::PathError| wrong("path", error.to_string());
    let path = canonical::path(raw, EncodedSlash::Keep).map_err(refuse)?;
    let path = match without_script(&path, policy).map(str::to_owned) {
        Some(rest) => rest.into(),
        None => path,
    };
    Ok(path.into_owned())
}

/// Refuses an encoded slash unless the upstream, which may be the site's, keeps it.
fn check_slash(path: &str, policy: &Policy) -> Result<(), Wrong> {
    if path.contains("%2F") && !policy.upstream(path).is_some_and(|upstream| upstream.keep_encoded_slash) {
        return Err(wrong("path", canonical::PathError::EncodedSlash.to_string()));
    }
    Ok(())
}

/// Whether the caller speaks TLS: to us or, where `public_url` is https and we speak none, to the proxy in front.
fn is_secure(connection: &Connection, policy: &Policy) -> bool {
    connection.tls.is_some() || policy.origins.first().is_some_and(|own| own.starts_with("https://"))
}

/// The same path without Magento's `/index.php` before its prefix (magento-webapi 3.6): one resource has one path for
/// whoever judges it.
fn without_script<'p>(path: &'p str, policy: &Policy) -> Option<&'p str> {
    let rest = path.strip_prefix("/index.php")?;
    let prefix = policy.routes.magento_prefix.as_deref()?;
    is_under(rest, prefix).then_some(rest).filter(|rest| rest.starts_with('/'))
}

/// The effective method ('Settled semantics': Method and path). Lower-case methods are refused, because some upstreams
/// fold them to others.
fn method(parts: &Parts, dialect: Dialect) -> Result<Method, Wrong> {
    const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
    let method = if dialect == Dialect::Ibexa && parts.method == Method::POST && parts.headers.contains_key(OVERRIDE) {
        let value =
            once(&parts.headers, OVERRIDE).ok_or_else(|| wrong("method_override", "X-HTTP-Method-Override is repeated"))?;
        let word = value.as_bytes();
        if word.is_empty() || word.len() > 32 || !word.iter().all(u8::is_ascii_alphabetic) {
            return Err(wrong("method_override", "X-HTTP-Method-Override is no method"));
        }
        Method::from_bytes(&word.to_ascii_uppercase())
            .map_err(|_| wrong("method_override", "X-HTTP-Method-Override is no method"))?
    } else {
        parts.method.clone()
    };
    if matches!(method, Method::CONNECT | Method::TRACE) {
        return Err(wrong("method", "CONNECT and TRACE are not served"));
    }
    if method.as_str().bytes().any(|b| b.is_ascii_lowercase()) {
        return Err(wrong("method", "the method is not in upper case"));
    }
    Ok(method)
}

/// Whether `Authorization` carries a token (Bearer, DPoP) and Basic, sound or not.
fn authorization(headers: &HeaderMap) -> Result<(bool, bool), Wrong> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Ok((false, false));
    };
    if lines.next().is_some() {
        return Err(wrong("authorization", "Authorization is repeated"));
    }
    Ok((has_scheme(line, b"bearer") || has_scheme(line, b"dpop"), has_scheme(line, b"basic")))
}

/// Whether an `Authorization` names the scheme, however malformed the rest is.
pub(crate) fn has_scheme(value: &HeaderValue, scheme: &[u8]) -> bool {
    let word = value.as_bytes().trim_ascii_start();
    let end = word.iter().position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'-' | b'_')).unwrap_or(word.len());
    word.get(..end).is_some_and(|word| word.eq_ignore_ascii_case(scheme))
}

/// `X-Expected-User`, unless empty or `0` (ibexa-rest 7).
fn expected_user(headers: &HeaderMap) -> Result<Option<String>, Wrong> {
    const NAME: HeaderName = HeaderName::from_static("x-expected-user");
    if !headers.contains_key(NAME) {
        return Ok(None);
    }
    let value = once(headers, NAME).ok_or_else(|| wrong("expected_user", "X-Expected-User is repeated"))?;
    let login = String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok((!login.is_empty() && login != "0").then_some(login))
}

/// The value of a header that was sent exactly once.
pub(crate) fn once(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests;
