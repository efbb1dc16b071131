//! Admit: one unambiguous, canonical request with nothing spoofed in it, or a refusal with 400 or 421.

use crate::Body;
use doorward_core::{
    Carries, Facts, Provenance,
    policy::{Dialect, Directory},
};
use http::{HeaderMap, Method};
use std::{net::IpAddr, sync::Arc};

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
    /// The query as sent, without `?`.
    pub query: Option<String>,
    /// HTTP version of the request.
    pub version: http::Version,
    /// Headers, without those that only we may set and without override headers.
    pub headers: HeaderMap,
    /// The body, not yet read.
    pub body: Body,
    /// For a protocol upgrade: where the connection can be taken over.
    pub on_upgrade: Option<hyper::upgrade::OnUpgrade>,
    /// The client's address as far as it may be believed.
    pub client: IpAddr,
    /// Whether `public_url` is https.
    pub secure: bool,
    /// The dialect of the path.
    pub dialect: Dialect,
    /// The prefix that chose the dialect, without trailing slash; hrefs carry it.
    pub prefix: String,
    /// Session cookies of our directories, in the order of the request; equal duplicates folded.
    pub cookies: Vec<SessionCookie>,
    /// Credentials that are present.
    pub carries: Carries,
    /// `X-Requested-With: XMLHttpRequest`, exactly and once.
    pub ajax: bool,
    /// `Sec-Fetch-Mode: navigate`.
    pub navigation: bool,
    /// Where a browser says that the request comes from.
    pub provenance: Provenance,
    /// `X-Expected-User` in the Ibexa dialect, when not empty and not `0`.
    pub expected_user: Option<String>,
    /// Names this request in logs, answers and upstream: 32 hex digits.
    pub request_id: String,
    /// The connection must close after the answer (`Content-Length` beside `Transfer-Encoding`).
    pub close: bool,
}

impl Admitted {
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
            upgrade: self.on_upgrade.is_some(),
            expected_user: self.expected_user.as_deref(),
        }
    }
}
