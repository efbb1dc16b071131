//! Header names: which of them a client may not set, in every spelling that an upstream may fold to the same name.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Whether `name` reads as `plain` once everything but letters and digits counts as `-`: CGI and its heirs make one
/// variable of `Doorward-Login`, `doorward_login` and `Doorward.Login`. `plain` is lower case.
pub(crate) fn folds_to(name: &str, plain: &str) -> bool {
    name.len() == plain.len() && folds_to_prefix(name, plain)
}

/// Whether `name` begins with what folds to `plain`.
pub(crate) fn folds_to_prefix(name: &str, plain: &str) -> bool {
    name.len() >= plain.len() && name.bytes().zip(plain.bytes()).all(|(b, p)| fold(b) == p)
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// Whether the name is one of ours to the upstream.
pub(crate) fn is_ours(name: &str) -> bool {
    matches!(name.as_bytes().first(), Some(b'd' | b'D')) && folds_to_prefix(name, "doorward-")
}

/// Headers by which proxies tell whom they speak for: always dropped, for we set our own.
const FORWARDING: [&str; 13] = [
    "forwarded",
    "forwarded-for",
    "x-forwarded",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "true-client-ip",
    "x-cluster-client-ip",
    "cf-connecting-ip",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
];

/// Headers that would change the method or path behind our back, and `Proxy`, which CGI turns into `HTTP_PROXY`.
pub(crate) const OVERRIDING: [&str; 6] =
    ["x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url", "proxy"];

/// Beginnings of names by which proxies tell of a client's certificate, and what may tell so alone: always dropped. What is
/// believed of them is read before.
const CERTIFICATES: [&str; 8] = [
    "client-cert",
    "ssl-client-",
    "ssl-cert",
    "x-amzn-mtls-",
    "x-arr-clientcert",
    "x-client-cert",
    "x-ssl-cert",
    "x-ssl-client-",
];

/// Headers that decide here, in the spelling in which they do. Another spelling of them decides nothing here, so an
/// upstream that folds names must not see it.
const DECIDING: [&str; 14] = [
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "origin",
    "sec-fetch-mode",
    "sec-fetch-site",
    "transfer-encoding",
    "x-csrf-token",
    "x-expected-user",
    "x-requested-with",
    "x-siteaccess",
];

/// Whether a header of a request is dropped before anything of ours is set.
pub(crate) fn is_dropped(name: &HeaderName) -> bool {
    let name = name.as_str();
    // Most headers end here: none of the names below begins otherwise.
    if !matches!(name.as_bytes().first(), Some(b'a' | b'c' | b'd' | b'f' | b'h' | b'o' | b'p' | b's' | b't' | b'x')) {
        return false;
    }
    is_ours(name)
        || folds_to_prefix(name, "x-forwarded-")
        || CERTIFICATES.iter().any(|plain| folds_to_prefix(name, plain))
        || FORWARDING.iter().chain(&OVERRIDING).any(|plain| folds_to(name, plain))
        || (is_odd(name) && DECIDING.iter().any(|plain| folds_to(name, plain)))
}

/// Whether `name` is dropped for being another spelling of a name that says something here or to an upstream.
pub(crate) fn is_alias(name: &HeaderName) -> bool {
    is_odd(name.as_str()) && is_dropped(name)
}

/// Whether it holds something that some would read as `-`.
fn is_odd(name: &str) -> bool {
    name.bytes().any(|b| b != b'-' && !b.is_ascii_alphanumeric())
}

/// Whether a header is for one connection only (RFC 9110, 7.6.1). `Trailer` is handled apart.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    // Most headers end here, as above.
    if !matches!(name.as_str().as_bytes().first(), Some(b'c' | b'h' | b'k' | b'p' | b't' | b'u')) {
        return false;
    }
    matches!(
        *name,
        header::CONNECTION
            | header::TE
            | header::TRANSFER_ENCODING
            | header::UPGRADE
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings" | "proxy-authentication-info")
}

/// Whether a trailer field may pass: nothing that frames, routes, authenticates or decides (RFC 9110, 6.5.1).
pub(crate) fn may_trail(name: &HeaderName) -> bool {
    !is_hop_by_hop(name)
        && !is_dropped(name)
        && !matches!(
            *name,
            header::TRAILER
                | header::HOST
                | header::COOKIE
                | header::SET_COOKIE
                | header::AUTHORIZATION
                | header::CACHE_CONTROL
                | header::EXPECT
                | header::RANGE
                | header::ORIGIN
                | header::LOCATION
        )
        && !name.as_str().starts_with("content-")
        && !DECIDING.contains(&name.as_str())
}

/// Removes hop-by-hop headers, those that `Connection` nominates included, and `Trailer`; and what else `is_bad`.
pub(crate) fn remove_hop_by_hop_and(headers: &mut HeaderMap, is_bad: impl Fn(&HeaderName) -> bool) {
    if headers.contains_key(header::CONNECTION) {
        let nominated: Vec<HeaderName> =
            tokens(headers, &header::CONNECTION).filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok()).collect();
        for name in nominated {
            headers.remove(name);
        }
    }
    let bad = |name: &&HeaderName| is_hop_by_hop(name) || **name == header::TRAILER || is_bad(name);
    let bad: Vec<HeaderName> = headers.keys().filter(bad).cloned().collect();
    for name in bad {
        headers.remove(name);
    }
}

/// The comma-separated tokens of all lines of a header.
pub(crate) fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|token| token.trim_matches([' ', '\t']))
        .filter(|token| !token.is_empty())
}

/// The trailer fields that a message announces and that may pass.
pub(crate) fn announced_trailers(headers: &HeaderMap) -> Vec<HeaderName> {
    if !headers.contains_key(header::TRAILER) {
        return Vec::new();
    }
    tokens(headers, &header::TRAILER)
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .filter(may_trail)
        .collect()
}

/// A `Trailer` header that announces these.
pub(crate) fn announce(names: &[HeaderName]) -> Option<HeaderValue> {
    if names.is_empty() {
        return None;
    }
    HeaderValue::from_str(&names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_every_spelling_of_what_only_we_may_say() {
        let spellings = [
            "doorward-identity",
            "doorward_identity",
            "doorward.identity",
            "doorward-Identity",
            "doorward~identity",
            "x-forwarded-for",
            "x_forwarded_for",
            "x.forwarded.proto",
            "x-forwarded-prefix",
            "x_forwarded-uri",
            "forwarded",
            "x-real-ip",
            "x_real.ip",
            "x-http-method",
            "x_http_method_override",
            "x-http-method-override",
            "x.method.override",
            "x-original-url",
            "x_rewrite_url",
            "proxy",
            "content_length",
            "transfer_encoding",
            "x_requested_with",
            "client-cert",
            "client_cert_chain",
            "x-forwarded-client-cert",
            "x-ssl-client-s-dn",
            "x_ssl_client_verify",
            "ssl_client_s_dn_email",
            "ssl-client-cert",
            "x.ssl.client.cert",
            "x-client-certificate",
        ];
        for name in spellings {
            assert!(is_dropped(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn leaves_what_is_the_clients_to_say() {
        for name in [
            "accept",
            "content-length",
            "cookie",
            "x-csrf-token",
            "date",
            "doorwards",
            "x-forward",
            "forwards",
            "my_header",
            "x-custom",
        ] {
            assert!(!is_dropped(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn what_connection_nominates_goes_with_it() {
        let mut headers = HeaderMap::new();
        headers.insert("connection", HeaderValue::from_static("close, X-Secret ,,te"));
        headers.append("connection", HeaderValue::from_static("X-Other"));
        for name in ["x-secret", "x-other", "te", "keep-alive", "accept"] {
            headers.insert(name, HeaderValue::from_static("1"));
        }
        remove_hop_by_hop_and(&mut headers, |_| false);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn trailers_carry_nothing_that_decides() {
        for name in
            ["doorward-login", "doorward_login", "transfer-encoding", "content-length", "host", "set-cookie", "x-forwarded-for"]
        {
            assert!(!may_trail(&name.parse().unwrap()), "{name}");
        }
        assert!(may_trail(&"x-checksum".parse().unwrap()));
        assert!(may_trail(&"grpc-status".parse().unwrap()));
    }
}
