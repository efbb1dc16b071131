//! What a decision needs to know of a request. Nothing here is a secret, so it can be written down and replayed.

use http::Method;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Which kinds of credential a request carries, sound or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carries {
    /// A session cookie of one of our directories.
    pub cookie: bool,
    /// `Authorization: Bearer` or `DPoP`, even a malformed one.
    pub bearer: bool,
    /// `Authorization: Basic`, even a malformed one.
    pub basic: bool,
    /// A TLS client certificate.
    pub certificate: bool,
}

/// Where a browser says that a request was made from (`Sec-Fetch-Site`, `Origin`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// Neither header was sent: not a current browser.
    #[default]
    Unstated,
    /// Our own pages, an allowed origin, or the person at the address bar.
    Ours,
    /// Anything else, `Origin: null` included.
    Foreign,
}

/// One request after `admit`: canonical, with the effective method and the believed client address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The effective method (after `X-HTTP-Method-Override` in the Ibexa dialect).
    pub method: &'a Method,
    /// Host without port and trailing dot, in lower case.
    pub host: &'a str,
    /// The canonical path, without query.
    pub path: &'a str,
    /// Whether the caller speaks to us over TLS (the scheme of `public_url`).
    pub secure: bool,
    /// The client's address as far as it may be believed.
    pub client: IpAddr,
    /// The credentials that are present.
    pub carries: Carries,
    /// `X-Requested-With` was sent once and is exactly `XMLHttpRequest` (magento-webapi 2.1).
    pub ajax: bool,
    /// `Sec-Fetch-Mode: navigate`: a browser is going to a page.
    pub navigation: bool,
    /// Where the request was made from.
    pub provenance: Provenance,
    /// The request wants to become a WebSocket (or another protocol).
    pub upgrade: bool,
    /// Whether the dialect of the path can write what `Accept` asks for. Only the Magento dialect may fail to.
    pub acceptable: bool,
    /// `X-Expected-User`, where the dialect has it (ibexa-rest 7).
    pub expected_user: Option<&'a str>,
}

impl Facts<'_> {
    /// Whether the method promises to change nothing.
    pub fn is_safe(&self) -> bool {
        is_safe(self.method)
    }
}

/// Whether a rule for these methods is for `method` too: an empty list is for all, and GET covers HEAD, which is a GET
/// whose body is not sent. A rule that guards the one must not leave the other open.
pub fn covers(methods: &[Method], method: &Method) -> bool {
    methods.is_empty() || methods.contains(method) || (*method == Method::HEAD && methods.contains(&Method::GET))
}

/// Whether a method promises to change nothing (ibexa-rest 0): exactly GET, HEAD, OPTIONS.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
