//! An answer in the form that the proxy which asked understands.

use super::Original;
use crate::{Body, admit::names, answer};
use doorward_core::{canonical, forward_auth::Convention};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

/// The status that the gateway would have answered.
const STATUS: HeaderName = HeaderName::from_static("doorward-status");
/// What Envoy takes away from the request before it sends it on.
const TO_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");
/// Headers with credentials, which a verdict holds as far as they are for the upstream.
pub(crate) const CREDENTIALS: [HeaderName; 4] =
    [header::COOKIE, header::AUTHORIZATION, HeaderName::from_static("dpop"), HeaderName::from_static("x-csrf-token")];

/// Marks the answer of a request that may pass. Whatever else happens, no answer without it permits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permitted;

/// What of a question the answer depends on.
pub(crate) struct Asked {
    convention: Convention,
    /// Scheme and host of the request, where a redirect has to name them.
    origin: Option<String>,
    /// Headers that the proxy has to take away from the request where the answer does not replace them.
    carried: Vec<HeaderName>,
}

impl Asked {
    /// `original` is what was asked about, if that could be read.
    pub(crate) fn new(convention: Convention, original: Option<&Original>) -> Self {
        let headers = original.map(|original| &original.parts.headers);
        let told = |name: &&HeaderName| CREDENTIALS.contains(name) || names::is_ours(name.as_str());
        let carried = match (convention, headers) {
            (Convention::Envoy, Some(headers)) => headers.keys().filter(told).cloned().collect(),
            _ => Vec::new(),
        };
        let origin = original.filter(|_| convention == Convention::Traefik).and_then(origin);
        Self { convention, origin, carried }
    }
}

fn origin(original: &Original) -> Option<String> {
    let host = original.parts.headers.get(header::HOST)?.to_str().ok()?;
    let scheme = if original.secure { "https" } else { "http" };
    Some(format!("{scheme}://{}", canonical::host(host).ok()?.text()))
}

/// The answer to a question, made of what the gateway would have answered to the request itself. It has no body: nginx closes
/// the connection after one. All else that the answer says stays: nobody but us speaks here.
pub(crate) fn verdict(response: Response<Body>, asked: &Asked) -> Response<Body> {
    let permitted = response.extensions().get::<Permitted>().is_some() && response.status() == StatusCode::OK;
    let (mut parts, _) = response.into_parts();
    let status = parts.status;
    parts.status = if permitted { StatusCode::OK } else { refusal(status, asked.convention) };
    for name in [header::CONTENT_TYPE, header::TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    let mut verdict = Response::from_parts(parts, Body::Empty);
    let headers = verdict.headers_mut();
    if asked.convention == Convention::Nginx {
        leave_one_cookie(headers);
    }
    if permitted {
        tell_what_to_remove(headers, asked);
        return verdict;
    }
    headers.insert(STATUS, HeaderValue::from(status.as_u16()));
    lead_to_the_client(headers, asked);
    if verdict.status() == StatusCode::UNAUTHORIZED && status != StatusCode::UNAUTHORIZED {
        answer::challenge(&mut verdict);
    }
    verdict
}

/// nginx knows two refusals, and lets nothing else reach its client. A redirect is for somebody who is to sign in.
fn refusal(status: StatusCode, convention: Convention) -> StatusCode {
    match (convention, status) {
        (_, StatusCode::UNAUTHORIZED) => StatusCode::UNAUTHORIZED,
        (Convention::Nginx, status) if status.is_redirection() => StatusCode::UNAUTHORIZED,
        (Convention::Nginx, _) => StatusCode::FORBIDDEN,
        (_, status) if status.is_informational() || status.is_success() => StatusCode::FORBIDDEN,
        (_, status) => status,
    }
}

/// nginx before 1.23 knows the first `Set-Cookie` alone, and later ones make one line of all, in which the last `Max-Age` counts. A
/// cookie that should be gone may stay for one more request; a session must not get lost.
fn leave_one_cookie(headers: &mut HeaderMap) {
    let deletes = |line: &&HeaderValue| line.as_bytes().windows(10).any(|part| part == b"Max-Age=0;");
    let lines = || headers.get_all(header::SET_COOKIE).iter();
    if let Some(line) = lines().find(|line| !deletes(line)).or_else(|| lines().next()).cloned() {
        headers.insert(header::SET_COOKIE, line);
    }
}

/// Traefik reads a path as one of the host that it asked, which is ours and not the client's.
fn lead_to_the_client(headers: &mut HeaderMap, asked: &Asked) {
    let Some(origin) = &asked.origin else { return };
    let path = headers.get(header::LOCATION).and_then(|location| location.to_str().ok()).filter(|path| path.starts_with('/'));
    let Some(location) = path.and_then(|path| HeaderValue::try_from(format!("{origin}{path}")).ok()) else { return };
    headers.insert(header::LOCATION, location);
}

/// What the answer does not replace would reach the service behind as the client sent it.
fn tell_what_to_remove(headers: &mut HeaderMap, asked: &Asked) {
    let left: Vec<&str> = asked.carried.iter().filter(|name| !headers.contains_key(*name)).map(HeaderName::as_str).collect();
    if let Some(names) = HeaderValue::try_from(left.join(",")).ok().filter(|_| !left.is_empty()) {
        headers.insert(TO_REMOVE, names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_reads_one_cookie_and_rather_one_that_is_kept() {
        let (first, session) = ("a=deleted; expires=x; Max-Age=0; path=/", "s=1; path=/; Max-Age=060");
        let last = "b=deleted; Max-Age=0; path=/";
        for (lines, left) in [
            (&[first, session, last, "t=2; path=/"][..], Some(session)),
            (&[first, last], Some(first)),
            (&[session], Some(session)),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::SET_COOKIE, HeaderValue::from_static(line));
            }
            leave_one_cookie(&mut headers);
            let said: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
            assert_eq!(said, left.into_iter().collect::<Vec<_>>(), "{lines:?}");
        }
    }
}
