//! What `admit` makes of a request: one that everything after it reads in the same way, or one to refuse.

use super::{ClientCertificate, Headed, SiteBy};
use crate::{Body, cors::Crossing};
use doorward_core::{
    Carries, Facts, Policy, Provenance, Site,
    policy::{Dialect, Directory},
};
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use std::{borrow::Cow, net::IpAddr, sync::Arc};

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
    /// The site and why it was chosen, where there are sites.
    pub site: Option<(Arc<Site>, SiteBy)>,
    /// What the answer says to pages of other origins, where `[cors]` is about the path.
    pub crossing: Option<Crossing>,
    /// The query as sent, without `?`.
    pub query: Option<String>,
    /// HTTP version of the request.
    pub version: Version,
    /// Headers, without those that only we may set and without override headers.
    pub headers: HeaderMap,
    /// The body, not yet read.
    pub body: Body,
    /// The request wants to become a WebSocket (or another protocol).
    pub upgrade: bool,
    /// For a protocol upgrade: where the connection can be taken over.
    pub on_upgrade: Option<OnUpgrade>,
    /// The client's address as far as it may be believed.
    pub client: IpAddr,
    /// Whether the caller speaks TLS: to us or, where `public_url` is https and we speak none, to the proxy in front.
    pub secure: bool,
    /// The dialect of the path.
    pub dialect: Dialect,
    /// The prefix that chose the dialect, without trailing slash; hrefs carry it.
    pub prefix: String,
    /// Session cookies of our directories, in the order of the request; equal duplicates folded.
    pub cookies: Vec<SessionCookie>,
    /// Credentials that are present.
    pub carries: Carries,
    /// The client's certificate, sound or not.
    pub certificate: Option<ClientCertificate>,
    /// `X-Requested-With: XMLHttpRequest`, exactly and once.
    pub ajax: bool,
    /// `Sec-Fetch-Mode: navigate`.
    pub navigation: bool,
    /// Where a browser says that the request comes from.
    pub provenance: Provenance,
    /// Whether the dialect can write what `Accept` asks for.
    pub acceptable: bool,
    /// `X-Expected-User` in the Ibexa dialect, when not empty and not `0`.
    pub expected_user: Option<String>,
    /// Names this request in logs, answers and upstream: 32 hex digits.
    pub request_id: String,
    /// What a program that we are part of attached to the request.
    pub extensions: Extensions,
}

impl Admitted {
    /// The policy that judges: that of the site or, without sites, the one of all.
    pub fn policy<'p>(&'p self, all: &'p Arc<Policy>) -> &'p Arc<Policy> {
        self.site.as_ref().map_or(all, |(site, _)| &site.policy)
    }

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
            upgrade: self.upgrade,
            acceptable: self.acceptable,
            expected_user: self.expected_user.as_deref(),
        }
    }
}

/// A request that has no unambiguous form, with what is needed to answer it.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// 400, 413 or 421.
    pub status: StatusCode,
    /// One word for logs and metrics; stable.
    pub code: &'static str,
    /// For the operator; never the input.
    pub detail: Cow<'static, str>,
    /// Method of the request line, as far as it may be logged.
    pub method: Method,
    /// Canonical host, or nothing.
    pub host: String,
    /// The dialect of the path, as far as it can be known.
    pub dialect: Dialect,
    /// The prefix that chose the dialect.
    pub prefix: String,
    /// `Accept` of the request, lines joined.
    pub accept: Option<HeaderValue>,
    /// Where it was headed, as far as that is known and `[cors]` is about it.
    pub headed: Option<Headed>,
    /// The socket's other end: no forwarding header of a refused request is believed.
    pub client: IpAddr,
    /// Names the request.
    pub request_id: String,
}
