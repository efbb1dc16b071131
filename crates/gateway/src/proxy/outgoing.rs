//! The head that an upstream receives.

use crate::{
    Admitted,
    admit::{has_scheme, join, strip},
};
use bytes::BytesMut;
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

/// Path and query as they were matched.
pub(super) fn target(path: &str, query: Option<&str>) -> Option<Uri> {
    let whole = match query {
        Some(query) => {
            let mut whole = String::with_capacity(path.len() + 1 + query.len());
            whole.push_str(path);
            whole.push('?');
            whole.push_str(query);
            whole
        }
        None => path.to_owned(),
    };
    PathAndQuery::from_maybe_shared(bytes::Bytes::from(whole)).ok().map(Uri::from)
}

/// Takes away the credentials, where the upstream is not to see them.
pub(super) fn strip_credentials(headers: &mut HeaderMap, policy: &Policy, upstream: &Upstream) {
    if !upstream.pass_credentials {
        strip(headers, &policy.directories);
        let readable = |value: &HeaderValue| has_scheme(value, b"bearer") || has_scheme(value, b"basic");
        if headers.get(header::AUTHORIZATION).is_some_and(readable) {
            headers.remove(header::AUTHORIZATION);
        }
    }
    join(headers);
}

/// Says who is calling, and from where. Everything that a client could have said of this is gone already. This runs for
/// every request, so it formats by hand and makes room for all headers at once.
pub(super) fn introduce(headers: &mut HeaderMap, admitted: &Introduced<'_>, permit: &Permit, assertion: HeaderValue) {
    headers.reserve(12);
    let mut values = Values::default();
    let proto = if admitted.secure { "https" } else { "http" };
    let authority = values.value(admitted.authority);
    let client = address(admitted.client);
    headers.insert(FORWARDED_FOR, values.value(&client));
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
    headers.insert(FORWARDED_PORT, port(admitted, &mut values));
    headers.insert(header::FORWARDED, values.value(&forwarded(admitted, &client, proto)));
    headers.insert(header::HOST, authority.clone());
    headers.insert(FORWARDED_HOST, authority);
    match permit.identity() {
        Identity::Guest => {
            headers.insert(IDENTITY, HeaderValue::from_static("guest"));
        }
        Identity::Known(account) => {
            headers.insert(IDENTITY, values.value(&[account.kind.as_str(), "/", &account.id.to_string()].concat()));
            headers.insert(LOGIN, values.value(&Cow::from(utf8_percent_encode(&account.login, ESCAPED))));
            headers.insert(ROLES, values.value(&roles(account)));
        }
    }
    headers.insert(METHOD, HeaderValue::from_static(permit.method().as_str()));
    headers.insert(REQUEST_ID, values.value(admitted.request_id));
    headers.insert(ASSERTION, assertion);
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
fn port(admitted: &Introduced<'_>, values: &mut Values) -> HeaderValue {
    let named = admitted.authority.strip_prefix(admitted.host).and_then(|rest| rest.strip_prefix(':'));
    match named {
        Some(port) => values.value(port),
        None => HeaderValue::from_static(if admitted.secure { "443" } else { "80" }),
    }
}

/// RFC 7239, 4 and 6: an IPv6 address stands in brackets and quotes, a host with a port in quotes. `client` is the text of
/// the address.
fn forwarded(admitted: &Introduced<'_>, client: &str, proto: &str) -> String {
    let (open, close) = if admitted.client.is_ipv4() { ("for=", ";host=") } else { ("for=\"[", "]\";host=") };
    let quote = if admitted.authority.contains(':') { "\"" } else { "" };
    [open, client, close, quote, admitted.authority, quote, ";proto=", proto].concat()
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

/// Header values that share one piece of memory: one allocation for all of them, and none for their clones.
struct Values(BytesMut);

impl Default for Values {
    fn default() -> Self {
        Self(BytesMut::with_capacity(512))
    }
}

impl Values {
    /// The value of text that has nothing but visible ASCII; of anything else it is empty.
    fn value(&mut self, text: &str) -> HeaderValue {
        self.0.extend_from_slice(text.as_bytes());
        let bytes = self.0.split().freeze();
        HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
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
            assert_eq!(forwarded(&admitted, &address(admitted.client), "http"), text);
            assert_eq!(port(&admitted, &mut Values::default()), number);
        }
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
            directory: "d".into(),
            kind: Kind::Admin,
            id: 1,
            login: "l".into(),
            roles: vec!["Sales, north".into(), "x".into()],
        };
        assert_eq!(roles(&account), "ROLE_USER,ROLE_ADMIN,Sales%2C%20north,x");
    }
}
