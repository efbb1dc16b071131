//! How a request is put on its connection: its length, what it may turn the connection into, and what is dropped because
//! it says something of this connection alone.

use super::{Network, Wrong, names, wrong};
use crate::Body;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header, request::Parts};

/// One length, read in one way. What the parser lets pass and we could not say again the same way is refused.
pub(super) fn check(headers: &HeaderMap, body: &Body, network: &Network) -> Result<(), Wrong> {
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

/// Whether the connection is to become something else: HTTP/1.1, no body, exactly one protocol, and not HTTP again
/// (an `Upgrade: h2c` would carry requests past us). What does not qualify is an ordinary request.
pub(super) fn wants_upgrade(request: &Parts, body: &Body) -> bool {
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

/// Drops what is for this connection only, then what only we may say. `Trailer` and `TE: trailers` stay in a form that
/// announces no more than may pass, and `Upgrade` where it is honoured.
pub(super) fn drop_headers(headers: &mut HeaderMap, upgrade: bool) {
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
