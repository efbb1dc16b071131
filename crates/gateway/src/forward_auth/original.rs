//! The one request that a question is about.

use crate::admit::{
    ClientAddress, Network, is_http,
    names::{self, OVERRIDING, folds_to},
};
use doorward_core::forward_auth::{Convention, ForwardAuth};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header,
    request::Parts,
    uri::{PathAndQuery, Scheme},
};

/// A request as its client sent it, without its body.
#[derive(Debug)]
pub(super) struct Original {
    /// Its head. The target is a path, the host stands in `Host`.
    pub(super) parts: Parts,
    /// Whether the client speaks TLS.
    pub(super) secure: bool,
}

/// Why a question is about no request that may be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misread {
    pub(super) status: StatusCode,
    /// One word for logs and metrics; stable.
    pub(super) code: &'static str,
    /// For the operator; never the input.
    pub(super) detail: &'static str,
}

/// The question itself is not sound.
fn question(detail: &'static str) -> Misread {
    Misread { status: StatusCode::FORBIDDEN, code: "question", detail }
}

/// The request cannot be sent on as it is.
fn unclean(detail: &'static str) -> Misread {
    Misread { status: StatusCode::BAD_REQUEST, code: "unclean", detail }
}

const ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// What says which request it is.
struct Target {
    method: Method,
    secure: bool,
    host: HeaderValue,
    target: PathAndQuery,
}

/// Reads which request a trusted proxy asks about. What is missing, repeated or unclear is never made up for.
pub(super) fn original(endpoint: &ForwardAuth, mut parts: Parts, network: &Network) -> Result<Original, Misread> {
    check_names(endpoint.convention, &parts.headers)?;
    let target = match endpoint.convention {
        Convention::Nginx => nginx(&parts.headers)?,
        Convention::Caddy | Convention::Traefik | Convention::Haproxy => forwarded(&parts.headers)?,
        Convention::Envoy => envoy(endpoint, &parts)?,
    };
    check_address(&parts.headers, network)?;
    let upgrade = upgrade(&parts.headers)?;
    let Target { method, secure, host, target } = target;
    let headers = &mut parts.headers;
    // These speak of the question, or of a body that did not come with it.
    for name in [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
    headers.insert(header::HOST, host);
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
    parts.method = method;
    parts.version = Version::HTTP_11;
    parts.uri = Uri::from(target);
    Ok(Original { parts, secure })
}

/// The proxy sends on what the client sent, and the service behind it may read one name where we read two: what could be
/// taken for a header that decides is refused, for nobody takes it away.
fn check_names(convention: Convention, headers: &HeaderMap) -> Result<(), Misread> {
    let own: &[&str] = match convention {
        Convention::Nginx => &["x-original-url", "x-original-uri", "x-original-method"],
        _ => &[],
    };
    for name in headers.keys() {
        let plain = name.as_str();
        if names::is_alias(name) || own.iter().any(|other| plain != *other && folds_to(plain, other)) {
            return Err(unclean("a header is spelled almost as one that decides"));
        }
        if OVERRIDING.contains(&plain) && !own.contains(&plain) {
            return Err(unclean("a header asks services for another method or path than the request line"));
        }
    }
    Ok(())
}

/// nginx says the whole URL or its parts, and never both: whatever it does not set itself, a client may have set.
fn nginx(headers: &HeaderMap) -> Result<Target, Misread> {
    let method = method(headers, &ORIGINAL_METHOD)?;
    let (scheme, authority, target) = match (headers.contains_key(ORIGINAL_URL), headers.contains_key(ORIGINAL_URI)) {
        (true, true) => return Err(question("it has both X-Original-URL and X-Original-URI")),
        (true, false) => {
            let url = text(headers, &ORIGINAL_URL)?;
            let (scheme, rest) = url.split_once("://").ok_or(question("X-Original-URL is no URL"))?;
            let path = rest.find('/').ok_or(question("X-Original-URL has no path"))?;
            let (authority, target) = rest.split_at(path);
            (scheme, authority, target)
        }
        (false, true) => (text(headers, &FORWARDED_PROTO)?, text(headers, &FORWARDED_HOST)?, text(headers, &ORIGINAL_URI)?),
        (false, false) => return Err(question("it has neither X-Original-URL nor X-Original-URI")),
    };
    let secure = scheme_of(scheme)?;
    Ok(Target { method, secure, host: host(authority)?, target: path_and_query(target)? })
}

/// `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`.
fn forwarded(headers: &HeaderMap) -> Result<Target, Misread> {
    Ok(Target {
        method: method(headers, &FORWARDED_METHOD)?,
        secure: scheme_of(text(headers, &FORWARDED_PROTO)?)?,
        host: host(text(headers, &FORWARDED_HOST)?)?,
        target: path_and_query(text(headers, &FORWARDED_URI)?)?,
    })
}

/// Envoy asks by the request itself. It need not say whether the client speaks TLS; unsaid, it does not.
fn envoy(endpoint: &ForwardAuth, parts: &Parts) -> Result<Target, Misread> {
    let headers = &parts.headers;
    let secure = match headers.contains_key(FORWARDED_PROTO) {
        true => scheme_of(text(headers, &FORWARDED_PROTO)?)?,
        false => false,
    };
    let host = match (headers.contains_key(header::HOST), parts.uri.authority()) {
        (true, None) => host(text(headers, &header::HOST)?)?,
        (false, Some(authority)) if is_web(parts.uri.scheme()) => host(authority.as_str())?,
        (true, Some(authority)) if is_web(parts.uri.scheme()) && text(headers, &header::HOST)? == authority.as_str() => {
            host(authority.as_str())?
        }
        _ => return Err(question("it names no host, or two")),
    };
    let target = parts.uri.path_and_query().and_then(|target| target.as_str().strip_prefix(&*endpoint.path));
    let target = path_and_query(target.ok_or(question("its path is not below that of the endpoint"))?)?;
    Ok(Target { method: parts.method.clone(), secure, host, target })
}

fn is_web(scheme: Option<&Scheme>) -> bool {
    scheme.is_none_or(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)
}

/// The text of a header that must be there, once and not empty: visible ASCII without spaces.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Misread> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().ok_or(question("a header that says which request it is about is missing"))?;
    if lines.next().is_some() {
        return Err(question("a header that says which request it is about is repeated"));
    }
    let text = line.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()));
    text.ok_or(question("a header that says which request it is about cannot be read"))
}

fn method(headers: &HeaderMap, name: &HeaderName) -> Result<Method, Misread> {
    Method::from_bytes(text(headers, name)?.as_bytes()).map_err(|_| question("the method is none"))
}

/// Traefik says `ws` and `wss` of WebSockets.
fn scheme_of(text: &str) -> Result<bool, Misread> {
    match text {
        "https" | "wss" => Ok(true),
        "http" | "ws" => Ok(false),
        _ => Err(question("the scheme is neither http nor https")),
    }
}

/// What a host is, `admit` knows.
fn host(text: &str) -> Result<HeaderValue, Misread> {
    HeaderValue::from_str(text).ok().filter(|value| !value.is_empty()).ok_or(question("the host cannot be read"))
}

/// A path with a query, as it was sent. A fragment is no part of a request, and nobody knows whether the service behind would
/// take it for one.
fn path_and_query(text: &str) -> Result<PathAndQuery, Misread> {
    let read = text.parse::<PathAndQuery>().ok().filter(|target| text.starts_with('/') && target.as_str() == text);
    read.ok_or(question("the path cannot be read"))
}

/// Where addresses are read from a header, a question says for whom it is asked: it is never for the proxy itself.
fn check_address(headers: &HeaderMap, network: &Network) -> Result<(), Misread> {
    let name = match network.client_address {
        ClientAddress::XForwardedFor => FORWARDED_FOR,
        ClientAddress::Forwarded => header::FORWARDED,
        ClientAddress::Peer | ClientAddress::ProxyProtocol => return Ok(()),
    };
    if headers.contains_key(name) { Ok(()) } else { Err(question("the header with the client's address is missing")) }
}

/// What the connection is to become, if anything. Many proxies leave `Upgrade` out of their question, but not what else the
/// handshake of a WebSocket has (RFC 6455, 4.1). An upgrade to another version of HTTP would carry requests past everybody.
fn upgrade(headers: &HeaderMap) -> Result<Option<HeaderValue>, Misread> {
    let mut tokens = names::tokens(headers, &header::UPGRADE);
    let handshake = || headers.contains_key(header::SEC_WEBSOCKET_KEY) || headers.contains_key(header::SEC_WEBSOCKET_VERSION);
    match (tokens.next(), tokens.next()) {
        (None, _) => Ok(handshake().then(|| HeaderValue::from_static("websocket"))),
        (Some(protocol), None) if !is_http(protocol) => Ok(HeaderValue::from_str(protocol).ok()),
        _ => Err(unclean("Upgrade asks for another version of HTTP, or for several protocols")),
    }
}
