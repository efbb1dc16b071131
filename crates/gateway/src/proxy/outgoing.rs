//! The head that an upstream receives.

use super::Outgoing;
use crate::{
    Admitted,
    admit::{has_scheme, is_ours, joined},
};
use doorward_core::{Account, Identity, Permit, Policy, policy::Upstream};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri::PathAndQuery};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::{borrow::Cow, net::IpAddr};

/// What stands in a header value only when escaped: what separates values, the escape itself, and all but ASCII.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b',').add(b';').add(b'"').add(b'\\');

const IDENTITY: HeaderName = HeaderName::from_static("doorward-identity");
const LOGIN: HeaderName = HeaderName::from_static("doorward-login");
const ROLES: HeaderName = HeaderName::from_static("doorward-roles");
const METHOD: HeaderName = HeaderName::from_static("doorward-method");
const REQUEST_ID: HeaderName = HeaderName::from_static("doorward-request-id");
const ASSERTION: HeaderName = HeaderName::from_static("doorward-assertion");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const DPOP: HeaderName = HeaderName::from_static("dpop");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// Path and query as they were matched.
pub(super) fn target(path: &str, query: Option<&str>) -> Option<Uri> {
    let whole = match query {
        Some(query) => [path, "?", query].concat(),
        None => path.to_owned(),
    };
    PathAndQuery::from_maybe_shared(bytes::Bytes::from(whole)).ok().map(Uri::from)
}

/// The whole head of a request that has no body, as text.
pub(super) fn text(
    admitted: &Admitted,
    permit: &Permit,
    policy: &Policy,
    upstream: &Upstream,
    outgoing: &Outgoing,
) -> Option<Vec<u8>> {
    let mut text = Text(Vec::with_capacity(2048));
    text.start(admitted.method.as_str(), &admitted.path, admitted.query.as_deref())?;
    introduce(&mut text, &Introduced::of(admitted), permit, &outgoing.assertion);
    if let Some(token) = &outgoing.token {
        text.set_value(&header::AUTHORIZATION, token);
    }
    let headers = &admitted.headers;
    for (name, value) in headers {
        match *name {
            header::HOST => {}
            // Its body is empty, whatever way of saying so it chose.
            header::CONTENT_LENGTH => text.set(name, &["0"]),
            header::COOKIE => {}
            header::AUTHORIZATION if hides(upstream, value) => {}
            // It proves nothing behind us: it is used up.
            _ if *name == DPOP && !upstream.pass_credentials => {}
            _ => text.set_value(name, value),
        }
    }
    if headers.contains_key(header::COOKIE) {
        text.line(header::COOKIE.as_str(), |value| joined(headers, |name| hides_cookie(policy, upstream, name), value));
    }
    if headers.contains_key(header::TE) {
        text.set(&header::CONNECTION, &["te"]);
    }
    text.0.extend_from_slice(b"\r\n");
    Some(text.0)
}

/// The head of a question of our own about an old session: from where the browser speaks, and that one cookie. None if
/// the path is no target.
pub(super) fn question(
    admitted: &Introduced<'_>,
    path: &str,
    user_agent: Option<&HeaderValue>,
    cookie: &str,
    id: &str,
) -> Option<Vec<u8>> {
    let mut text = Text(Vec::with_capacity(1024));
    text.start("GET", path, None)?;
    locate(&mut text, admitted);
    text.set(&REQUEST_ID, &[admitted.request_id]);
    text.set(&header::ACCEPT, &["application/json"]);
    text.set(&X_REQUESTED_WITH, &["XMLHttpRequest"]);
    text.set(&header::COOKIE, &[cookie, "=", id]);
    if let Some(user_agent) = user_agent {
        text.set_value(&header::USER_AGENT, user_agent);
    }
    text.0.extend_from_slice(b"\r\n");
    Some(text.0)
}

/// Takes away the credentials, where the upstream is not to see them.
pub(super) fn strip_credentials(headers: &mut HeaderMap, policy: &Policy, upstream: &Upstream) {
    if headers.contains_key(header::COOKIE) {
        let mut cookies = Vec::new();
        joined(headers, |name| hides_cookie(policy, upstream, name), &mut cookies);
        match HeaderValue::from_maybe_shared(bytes::Bytes::from(cookies)) {
            Ok(cookies) if !cookies.is_empty() => {
                headers.insert(header::COOKIE, cookies);
            }
            _ => {
                headers.remove(header::COOKIE);
            }
        }
    }
    if headers.get(header::AUTHORIZATION).is_some_and(|value| hides(upstream, value)) {
        headers.remove(header::AUTHORIZATION);
    }
    if !upstream.pass_credentials {
        headers.remove(DPOP);
    }
}

/// Whether a cookie goes no further: it is one of ours, or the session of an old application, which could be exchanged for
/// one, and not this application's own.
fn hides_cookie(policy: &Policy, upstream: &Upstream, name: &[u8]) -> bool {
    let is = |cookie: &str| cookie.as_bytes() == name;
    let old = || {
        policy.exchanges().any(|(other, exchange)| other.name != upstream.name && is(&exchange.cookie))
            && !upstream.cookies.iter().any(|own| is(own))
    };
    !upstream.pass_credentials && (is_ours(name, policy) || old())
}

/// Whether the client's `Authorization` goes no further: it is a credential that we could have read, or the place is for a
/// token of ours. A signature of OAuth 1.0a is neither, and passes.
fn hides(upstream: &Upstream, value: &HeaderValue) -> bool {
    upstream.identity.signs() || !upstream.pass_credentials && readable(value)
}

/// Whether an `Authorization` is one that we could have read.
fn readable(value: &HeaderValue) -> bool {
    has_scheme(value, b"bearer") || has_scheme(value, b"dpop") || has_scheme(value, b"basic")
}

/// Where the head of a request is written: headers of a library's request, or text.
pub(super) trait Head {
    /// Sets a header to the text of these parts. Text that is not ASCII, or holds control characters, makes it empty.
    fn set(&mut self, name: &HeaderName, parts: &[&str]);
    /// Sets a header.
    fn set_value(&mut self, name: &HeaderName, value: &HeaderValue);
}

impl Head for HeaderMap {
    fn set(&mut self, name: &HeaderName, parts: &[&str]) {
        let value = HeaderValue::from_maybe_shared(bytes::Bytes::from(parts.concat()));
        self.insert(name, value.unwrap_or_else(|_| HeaderValue::from_static("")));
    }

    fn set_value(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.insert(name, value.clone());
    }
}

/// A head as text. Nothing is set twice.
struct Text(Vec<u8>);

impl Text {
    /// The request line, if the target is one.
    fn start(&mut self, method: &str, path: &str, query: Option<&str>) -> Option<()> {
        let sound = |text: &str| all(text.as_bytes(), |byte| byte.is_ascii_graphic() && byte != b'#');
        if !path.starts_with('/') || !sound(path) || !query.is_none_or(sound) {
            return None;
        }
        let (mark, query) = query.map_or(("", ""), |query| ("?", query));
        for part in [method, " ", path, mark, query, " HTTP/1.1\r\n"] {
            self.0.extend_from_slice(part.as_bytes());
        }
        Some(())
    }

    /// One header whose value is written behind what is there; none, if nothing is written.
    fn line(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.0.len();
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        let start = self.0.len();
        write(&mut self.0);
        if self.0.len() == start {
            self.0.truncate(before);
        } else {
            self.0.extend_from_slice(b"\r\n");
        }
    }
}

/// Whether it holds for all bytes. It asks them all, so that the compiler can ask many at once.
fn all(bytes: &[u8], holds: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |so_far, byte| so_far & holds(*byte))
}

impl Head for Text {
    fn set(&mut self, name: &HeaderName, parts: &[&str]) {
        self.0.extend_from_slice(name.as_str().as_bytes());
        self.0.extend_from_slice(b": ");
        let start = self.0.len();
        for part in parts {
            self.0.extend_from_slice(part.as_bytes());
        }
        if !all(self.0.get(start..).unwrap_or_default(), |byte| matches!(byte, b' '..=b'~')) {
            self.0.truncate(start);
        }
        self.0.extend_from_slice(b"\r\n");
    }

    fn set_value(&mut self, name: &HeaderName, value: &HeaderValue) {
        // A header value holds no line end.
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            self.0.extend_from_slice(part);
        }
    }
}

/// Says who is calling, and from where. Everything that a client could have said of this is gone already. This runs for
/// every request, so it formats by hand.
pub(super) fn introduce(head: &mut impl Head, admitted: &Introduced<'_>, permit: &Permit, assertion: &HeaderValue) {
    locate(head, admitted);
    say_who(head, admitted.request_id, permit, assertion);
}

/// Says who is calling to somebody who will copy it into the head of a request: what there is nothing to say of is empty.
pub(super) fn identify(head: &mut HeaderMap, request_id: &str, permit: &Permit, assertion: &HeaderValue) {
    if permit.identity().account().is_none() {
        head.set(&LOGIN, &[]);
        head.set(&ROLES, &[]);
    }
    say_who(head, request_id, permit, assertion);
}

fn say_who(head: &mut impl Head, request_id: &str, permit: &Permit, assertion: &HeaderValue) {
    let identity = permit.identity();
    head.set(&IDENTITY, &[&identity.name()]);
    if let Identity::Known(account) = identity {
        head.set(&LOGIN, &[&Cow::from(utf8_percent_encode(&account.login, ESCAPED))]);
        head.set(&ROLES, &[&roles(account)]);
    }
    head.set(&METHOD, &[permit.proof()]);
    head.set(&REQUEST_ID, &[request_id]);
    head.set_value(&ASSERTION, assertion);
}

/// Says from where somebody is calling.
fn locate(head: &mut impl Head, admitted: &Introduced<'_>) {
    let proto = if admitted.secure { "https" } else { "http" };
    let client = address(admitted.client);
    head.set(&header::HOST, &[admitted.authority]);
    head.set(&FORWARDED_HOST, &[admitted.authority]);
    head.set(&FORWARDED_FOR, &[&client]);
    head.set(&FORWARDED_PROTO, &[proto]);
    head.set(&FORWARDED_PORT, &[port(admitted)]);
    head.set(&header::FORWARDED, &forwarded(admitted, &client, proto));
}

/// What [`introduce`] needs to know of a request.
pub(super) struct Introduced<'a> {
    pub(super) authority: &'a str,
    pub(super) host: &'a str,
    pub(super) client: IpAddr,
    pub(super) secure: bool,
    pub(super) request_id: &'a str,
}

impl<'a> Introduced<'a> {
    pub(super) fn of(admitted: &'a Admitted) -> Self {
        Self {
            authority: &admitted.authority,
            host: &admitted.host,
            client: admitted.client,
            secure: admitted.secure,
            request_id: &admitted.request_id,
        }
    }
}

/// The port that the client named, else that of the scheme.
fn port<'a>(admitted: &Introduced<'a>) -> &'a str {
    let named = admitted.authority.strip_prefix(admitted.host).and_then(|rest| rest.strip_prefix(':'));
    named.unwrap_or(if admitted.secure { "443" } else { "80" })
}

/// RFC 7239, 4 and 6: an IPv6 address stands in brackets and quotes, a host with a port in quotes. `client` is the text of
/// the address.
fn forwarded<'a>(admitted: &Introduced<'a>, client: &'a str, proto: &'a str) -> [&'a str; 8] {
    let (open, close) = if admitted.client.is_ipv4() { ("for=", ";host=") } else { ("for=\"[", "]\";host=") };
    let quote = if admitted.authority.contains(':') { "\"" } else { "" };
    [open, client, close, quote, admitted.authority, quote, ";proto=", proto]
}

/// The text of an address.
fn address(address: IpAddr) -> String {
    let IpAddr::V4(v4) = address else {
        return address.to_string();
    };
    let mut text = String::with_capacity(15);
    for (place, octet) in v4.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        for (least, unit) in [(100, 100), (10, 10), (0, 1)] {
            if octet >= least {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
    }
    text
}

fn roles(account: &Account) -> String {
    let mut text = String::with_capacity(48);
    for role in account.role_names() {
        if !text.is_empty() {
            text.push(',');
        }
        text.extend(utf8_percent_encode(role, ESCAPED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::Kind;

    fn introduced<'a>(authority: &'a str, host: &'a str, client: &str) -> Introduced<'a> {
        Introduced { authority, host, client: client.parse().unwrap(), secure: false, request_id: "1" }
    }

    #[test]
    fn forwarded_is_quoted_where_it_must_be() {
        let cases = [
            (introduced("a.test", "a.test", "192.0.2.1"), "for=192.0.2.1;host=a.test;proto=http", "80"),
            (introduced("a.test:81", "a.test", "192.0.2.1"), "for=192.0.2.1;host=\"a.test:81\";proto=http", "81"),
            (introduced("[::1]:81", "[::1]", "2001:db8::1"), "for=\"[2001:db8::1]\";host=\"[::1]:81\";proto=http", "81"),
            (introduced("[::1]", "[::1]", "::2"), "for=\"[::2]\";host=\"[::1]\";proto=http", "80"),
        ];
        for (admitted, text, number) in cases {
            assert_eq!(forwarded(&admitted, &address(admitted.client), "http").concat(), text);
            assert_eq!(port(&admitted), number);
        }
    }

    #[test]
    fn text_that_could_end_a_line_makes_no_header() {
        let mut text = Text(Vec::new());
        text.set(&LOGIN, &["a", "b c"]);
        text.set(&ROLES, &["a", "\r\nx: y"]);
        text.set(&METHOD, &["\u{e9}"]);
        assert_eq!(text.0, b"doorward-login: ab c\r\ndoorward-roles: \r\ndoorward-method: \r\n");
        let mut map = HeaderMap::new();
        map.set(&ROLES, &["a", "\r\nx: y"]);
        assert_eq!(map.get(ROLES).unwrap(), "");
    }

    #[test]
    fn an_address_reads_as_the_standard_library_writes_it() {
        for octet in 0..=255_u8 {
            let v4 = IpAddr::from([octet, 255 - octet, octet / 2, 10]);
            assert_eq!(address(v4), v4.to_string());
        }
        assert_eq!(address("2001:db8::1".parse().unwrap()), "2001:db8::1");
    }

    #[test]
    fn logins_and_roles_are_escaped_where_they_must_be() {
        assert_eq!(utf8_percent_encode("jo, \"é\"%\r\n", ESCAPED).to_string(), "jo%2C%20%22%C3%A9%22%25%0D%0A");
        assert_eq!(utf8_percent_encode("jo@shop.test", ESCAPED).to_string(), "jo@shop.test");
        let account = Account {
            membership: None,
            directory: "d".into(),
            kind: Kind::Admin,
            id: 1,
            login: "l".into(),
            roles: vec!["Sales, north".into(), "x".into()],
        };
        assert_eq!(roles(&account), "ROLE_USER,ROLE_ADMIN,Sales%2C%20north,x");
    }
}
