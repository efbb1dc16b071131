//! Redirect URIs: registered strictly, and compared letter for letter (RFC 9700 2.1, 4.1.3).
//!
//! The one exception is the port of a loopback address of a native client, which its operating system picks (RFC 8252 7.3).
//! It is taken from the text, not from what a URL parser makes of it, so that there are no two opinions.

use std::{fmt, sync::Arc};
use url::{Host, Url};

/// The longest that is taken, in bytes.
const LONGEST: usize = 2000;
/// Where native clients listen (RFC 8252 7.3). `localhost` is none of them (8.3): it may be resolved to somewhere else.
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];
/// What a browser does something else with than going there.
const REFUSED_SCHEMES: [&str; 9] = ["about", "blob", "data", "file", "ftp", "javascript", "vbscript", "ws", "wss"];

/// A redirect URI that a client registered.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RedirectUri(Arc<str>);

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a redirect URI cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRedirect {
    /// RFC 6749 3.1.2: an absolute URI.
    #[error("it is no absolute URI")]
    NotAbsolute,
    /// RFC 6749 3.1.2.
    #[error("it has a fragment (`#`)")]
    Fragment,
    /// Characters that browsers and servers read differently.
    #[error("it has a character that no URI has, or a backslash")]
    Character,
    /// There are no patterns (RFC 9700 4.1.3).
    #[error("it has a `*`: redirect URIs are compared letter for letter")]
    Wildcard,
    /// Credentials, or something that looks like a host and is none.
    #[error("it has an `@` before its path")]
    UserInfo,
    /// `.`, `..`, `..;` as a segment, or a separator or dot that is percent-encoded.
    #[error("its path has a segment that leads elsewhere (`..`, `..;`, `%2e`, `%2f`)")]
    Path,
    /// RFC 9700 2.6 and RFC 8252 8.3.
    #[error("`http` is for loopback addresses only: use https")]
    NotSecure,
    /// RFC 8252 7.1: a private scheme is a domain name of its owner, turned around.
    #[error("a scheme of one's own is a domain name turned around, such as com.example.app")]
    Scheme,
    /// It would be sent in another spelling than the one that is compared.
    #[error("browsers write it as {0}")]
    Spelling(String),
    /// Longer than anybody needs.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
}

impl RedirectUri {
    /// A redirect URI that may be registered.
    ///
    /// # Errors
    /// When it is one that could lead somewhere else than it seems.
    pub fn parse(text: &str) -> Result<Self, BadRedirect> {
        check_text(text)?;
        let url = Url::parse(text).map_err(|_| BadRedirect::NotAbsolute)?;
        check_scheme(&url)?;
        // A URI without a path gets one when it is sent.
        let written = url.as_str();
        if written != text && written.strip_suffix('/') != Some(text) {
            return Err(BadRedirect::Spelling(written.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// Whether a request may name this one: letter for letter, or with another port where it is a loopback address and the
    /// client is a `native` one.
    pub fn admits(&self, presented: &str, native: bool) -> bool {
        *self.0 == *presented || native && self.admits_port(presented)
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where a form may lead (`form-action` of a content security policy): the origin, or a private scheme.
    pub fn form_target(presented: &str) -> Option<String> {
        let url = Url::parse(presented).ok()?;
        match url.scheme() {
            "http" | "https" => Some(url.origin().ascii_serialization()),
            scheme => Some(format!("{scheme}:")),
        }
    }

    fn admits_port(&self, presented: &str) -> bool {
        LOOPBACK.into_iter().any(|origin| {
            let own = self.0.strip_prefix(origin).and_then(after_port);
            own.is_some() && own == presented.strip_prefix(origin).and_then(after_port)
        })
    }
}

/// What comes after the port, if nothing but a port comes before it.
fn after_port(rest: &str) -> Option<&str> {
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(port) => {
            let end = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
            let (port, rest) = port.split_at(end);
            port.parse::<u16>().ok().filter(|_| !port.starts_with('0'))?;
            rest
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}

fn check_text(text: &str) -> Result<(), BadRedirect> {
    if text.len() > LONGEST {
        return Err(BadRedirect::TooLong);
    }
    if !text.bytes().all(|b| matches!(b, 0x21..=0x7e) && !b"\\\"<>^`{|}".contains(&b)) {
        return Err(BadRedirect::Character);
    }
    if text.contains('#') {
        return Err(BadRedirect::Fragment);
    }
    if text.contains('*') {
        return Err(BadRedirect::Wildcard);
    }
    let (start, _) = text.split_once('?').unwrap_or((text, ""));
    let authority = start.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    if authority.contains('@') {
        return Err(BadRedirect::UserInfo);
    }
    let lower = start.to_ascii_lowercase();
    let path = lower.split_once("://").map_or(&*lower, |(_, rest)| rest);
    let odd = path.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | "..")));
    if odd || ["%2e", "%2f", "%5c", "%00"].iter().any(|code| path.contains(code)) {
        return Err(BadRedirect::Path);
    }
    Ok(())
}

fn check_scheme(url: &Url) -> Result<(), BadRedirect> {
    match url.scheme() {
        "https" => Ok(()),
        "http" => match url.host() {
            Some(Host::Ipv4(address)) if address.is_loopback() => Ok(()),
            Some(Host::Ipv6(address)) if address.is_loopback() => Ok(()),
            // For development; it is compared letter for letter, port and all.
            Some(Host::Domain("localhost")) => Ok(()),
            _ => Err(BadRedirect::NotSecure),
        },
        scheme if REFUSED_SCHEMES.contains(&scheme) || !scheme.contains('.') => Err(BadRedirect::Scheme),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{BadRedirect, RedirectUri};
    use proptest::prelude::*;

    const REGISTERED: &str = "https://app.example.com/callback";

    fn admits(registered: &str, presented: &str) -> bool {
        RedirectUri::parse(registered).unwrap().admits(presented, true)
    }

    #[test]
    fn is_compared_letter_for_letter() {
        assert!(admits(REGISTERED, REGISTERED));
        assert!(admits("https://app.example.com/cb?tenant=1", "https://app.example.com/cb?tenant=1"));
        assert!(admits("https://app.example.com", "https://app.example.com"));
        for other in [
            "https://app.example.com/callback/",
            "https://app.example.com/callback?x=1",
            "https://app.example.com/Callback",
            "https://APP.example.com/callback",
            "HTTPS://app.example.com/callback",
            "https://app.example.com:443/callback",
            "https://app.example.com./callback",
            "http://app.example.com/callback",
            "https://app.example.com/%63allback",
            "https://app.example.com/callback#",
            " https://app.example.com/callback",
            "https://app.example.com",
            "",
        ] {
            assert!(!admits(REGISTERED, other), "{other}");
        }
    }

    #[test]
    fn cve_2026_3872_a_traversal_in_the_path_is_another_uri() {
        for other in [
            "https://app.example.com/callback/..;/evil",
            "https://app.example.com/callback/../evil",
            "https://app.example.com/callback/%2e%2e/evil",
            "https://app.example.com/callback%2f..%2fevil",
            "https://app.example.com/x/../callback",
        ] {
            assert!(!admits(REGISTERED, other), "{other}");
            assert_eq!(RedirectUri::parse(other), Err(BadRedirect::Path), "{other}");
        }
    }

    #[test]
    fn cve_2026_7504_several_at_signs_and_wildcards_are_refused() {
        for other in [
            "https://app.example.com@evil.example/callback",
            "https://a@b@app.example.com/callback",
            "https://user:pw@app.example.com/callback",
            "https://@app.example.com/callback",
        ] {
            assert!(!admits(REGISTERED, other), "{other}");
            assert_eq!(RedirectUri::parse(other), Err(BadRedirect::UserInfo), "{other}");
        }
        for pattern in ["https://*.example.com/callback", "https://app.example.com/*", "*"] {
            assert_eq!(RedirectUri::parse(pattern), Err(BadRedirect::Wildcard), "{pattern}");
        }
    }

    #[test]
    fn cve_2024_8883_localhost_is_no_loopback_address() {
        assert!(admits("http://localhost:3000/cb", "http://localhost:3000/cb"));
        for other in ["http://localhost:3001/cb", "http://localhost/cb", "http://127.0.0.1:3000/cb", "http://[::1]:3000/cb"] {
            assert!(!admits("http://localhost:3000/cb", other), "{other}");
        }
        assert!(!admits("http://127.0.0.1/cb", "http://localhost/cb"));
    }

    #[test]
    fn cve_2026_18211_a_host_that_begins_like_loopback_is_none() {
        for other in [
            "http://localhost.evil/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1:80.evil.example/cb",
            "http://127.0.0.1@evil.example/cb",
            "http://127.0.0.1evil/cb",
            "http://[::1].evil.example/cb",
        ] {
            for registered in ["http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb"] {
                assert!(!admits(registered, other), "{registered} {other}");
            }
            assert!(RedirectUri::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn the_port_of_a_loopback_address_is_free_for_native_clients_alone() {
        for (registered, presented) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"),
            ("http://127.0.0.1:8000/cb?x=1", "http://127.0.0.1:9/cb?x=1"),
            ("http://[::1]:8000/cb", "http://[::1]/cb"),
        ] {
            let uri = RedirectUri::parse(registered).unwrap();
            assert!(uri.admits(presented, true), "{presented}");
            assert!(!uri.admits(presented, false), "{presented}");
        }
        for presented in [
            "http://127.0.0.1:51004/other",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:080/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:1:2/cb",
            "http://127.0.0.1:8000//cb",
            "https://127.0.0.1:8000/cb",
            "http://127.0.0.2:8000/cb",
            "http://127.1:8000/cb",
            "http://[::1]:8000/cb",
        ] {
            assert!(!admits("http://127.0.0.1:8000/cb", presented), "{presented}");
        }
        // Nowhere else is a port free.
        assert!(!admits("https://app.example.com/cb", "https://app.example.com:8443/cb"));
    }

    #[test]
    fn a_redirect_override_by_the_request_does_nothing() {
        // fosite CVE-2020-15233: a loopback address of the request took the place of the registered one.
        assert!(!admits(REGISTERED, "http://127.0.0.1:8000/callback"));
        // fosite CVE-2020-15234: upper and lower case were the same.
        assert!(!admits(REGISTERED, "https://app.example.com/CALLBACK"));
    }

    #[test]
    fn says_what_is_wrong_with_a_redirect_uri() {
        for (text, why) in [
            ("", BadRedirect::NotAbsolute),
            ("/callback", BadRedirect::NotAbsolute),
            ("https://", BadRedirect::NotAbsolute),
            ("https://a.example/#x", BadRedirect::Fragment),
            ("https://a.example/#", BadRedirect::Fragment),
            ("https://a.example/ x", BadRedirect::Character),
            ("https://a.example\\@b.example/", BadRedirect::Character),
            ("https://ä.example/", BadRedirect::Character),
            ("http://app.example.com/cb", BadRedirect::NotSecure),
            ("http://10.0.0.1/cb", BadRedirect::NotSecure),
            ("javascript:alert(1)", BadRedirect::Scheme),
            ("data:text/html,x", BadRedirect::Scheme),
            ("myapp:/cb", BadRedirect::Scheme),
            ("https://a.example:443/cb", BadRedirect::Spelling("https://a.example/cb".into())),
            ("https://A.example/cb", BadRedirect::Spelling("https://a.example/cb".into())),
        ] {
            assert_eq!(RedirectUri::parse(text), Err(why), "{text}");
        }
        assert_eq!(RedirectUri::parse(&format!("https://a.example/{}", "a".repeat(2000))), Err(BadRedirect::TooLong));
        for good in ["com.example.app:/cb", "com.example.app://cb", "http://[::1]:8000/", "https://a.example/?x=http://b"] {
            assert!(RedirectUri::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_form_may_lead_to_the_redirect_uri_and_nowhere_else() {
        let target = |text| RedirectUri::form_target(text).unwrap();
        assert_eq!(target("https://app.example.com/cb?x"), "https://app.example.com");
        assert_eq!(target("http://127.0.0.1:8000/cb"), "http://127.0.0.1:8000");
        assert_eq!(target("com.example.app:/cb"), "com.example.app:");
    }

    proptest! {
        #[test]
        fn whatever_is_admitted_leads_to_the_host_that_is_registered(presented in "http://(127\\.0\\.0\\.1|\\[::1\\]|localhost)[:@./a0-9]{0,8}(/cb)?") {
            if admits("http://127.0.0.1/cb", &presented) {
                let url = url::Url::parse(&presented).unwrap();
                prop_assert_eq!((url.host_str(), url.path(), url.username()), (Some("127.0.0.1"), "/cb", ""));
            }
        }
    }
}
