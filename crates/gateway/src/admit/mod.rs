//! Admit: one unambiguous, canonical request with nothing spoofed in it, or a refusal with 400 or 421.

mod address;
mod authority;
pub(crate) mod certificate;
mod cookies;
mod credentials;
mod framing;
mod guard;
mod method;
pub(crate) mod names;
mod network;
mod origin;
mod outcome;
mod path;
mod site;

pub use address::ClientAddress;
pub use certificate::{Certificates, ClientCertificate};
pub(crate) use cookies::{carries_elsewhere, is_ours, joined, replace, values};
pub(crate) use credentials::has_scheme;
pub(crate) use framing::is_http;
pub use guard::Cut;
pub(crate) use guard::{Announced, Guarded};
pub use network::Network;
pub use origin::Headed;
pub use outcome::{Admitted, Rejected, SessionCookie};
pub use site::SiteBy;

use crate::{Body, cors::Crossing, listen::Connection};
use doorward_core::{Carries, Policy, Provenance, Site, canonical::Authority, policy::Dialect};
use doorward_wire::negotiate;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header, request::Parts};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use std::{borrow::Cow, net::IpAddr, sync::Arc};

// Names as values: to look a header up by text would mean to parse the text each time.
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

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
    let upgrade = framing::wants_upgrade(&parts, &body);
    let on_upgrade = on_upgrade.filter(|_| upgrade);
    match read(&parts, &body, came, policy, network) {
        Ok(reading) => {
            let mut admitted = finish(parts, body, upgrade, reading, network, request_id);
            admitted.on_upgrade = on_upgrade;
            Ok(admitted)
        }
        Err((status, code, detail)) => {
            let path = parts.uri.path();
            let (dialect, prefix) = policy.dialect(path::without_script(path, policy).unwrap_or(path));
            let headed = origin::headed(&parts, policy, came.secure);
            Err(Box::new(Rejected {
                status,
                code,
                detail,
                method: parts.method,
                host: String::new(),
                dialect,
                prefix: prefix.to_owned(),
                accept: parts.headers.get(header::ACCEPT).cloned(),
                headed,
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
    framing::check(headers, body, network)?;
    let authority = authority::of(parts)?;
    if policy.hosts.as_ref().is_some_and(|hosts| !hosts.iter().any(|host| **host == *authority.host)) {
        return Err((StatusCode::MISDIRECTED_REQUEST, "host_not_served", "the host is not served here".into()));
    }
    if certificate::is_misdirected(connection, policy, network, &authority.host) {
        let detail = "the TLS handshake was for a host with other rules about certificates";
        return Err((StatusCode::MISDIRECTED_REQUEST, "handshake", detail.into()));
    }
    let path = path::of(parts.uri.path(), policy)?;
    let site = site::choose(headers, policy, &authority, &path, secure)?;
    // From here on it is the site's.
    let policy = site.as_ref().map_or(policy, |(site, _)| &site.policy);
    path::check_slash(&path, policy)?;
    let (dialect, prefix) = policy.dialect(&path);
    let prefix = prefix.to_owned();
    let method = method::effective(parts, dialect)?;
    let client = address::client(headers, connection, network).map_err(|detail| wrong("client_address", detail))?;
    let cookies = cookies::sessions(headers, &policy.directories).map_err(|detail| wrong("session_cookie", detail))?;
    let (bearer, basic) = credentials::authorization(headers)?;
    let certificate = certificate::client(headers, connection, network);
    let carries = Carries { cookie: !cookies.is_empty(), bearer, basic, certificate: certificate.is_some() };
    let crossing = Crossing::of(headers, policy, &authority, &path, secure);
    let provenance = origin::provenance(headers, policy, &authority.host, crossing.as_ref());
    let expected_user = if dialect == Dialect::Ibexa { credentials::expected_user(headers)? } else { None };
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
    framing::drop_headers(headers, upgrade);
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

/// Whether the caller speaks TLS: to us or, where `public_url` is https and we speak none, to the proxy in front.
fn is_secure(connection: &Connection, policy: &Policy) -> bool {
    connection.tls.is_some() || policy.origins.first().is_some_and(|own| own.starts_with("https://"))
}

/// The value of a header that was sent exactly once.
pub(crate) fn once(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests;
