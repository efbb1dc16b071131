//! The authorization server as the configuration wants it.

use crate::{
    firewall::Firewall,
    ports::{Client, Grant},
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};

/// What the authorization server is like, and where.
#[derive(Clone, Debug)]
pub struct OAuth {
    /// `iss`, and the beginning of all its URLs: scheme and authority without trailing slash. Empty until the listener is
    /// bound where nobody said what it is.
    pub issuer: Arc<str>,
    /// `aud` of access tokens for which the client names no resource; `None` is the issuer.
    pub audience: Option<Arc<str>>,
    /// What else a client may name as `resource` (RFC 8707).
    pub resources: Vec<Arc<str>>,
    /// What clients may ask for; at least one.
    pub scopes: Vec<Scope>,
    /// What a client gets that asks for no scope, as far as it may have it.
    pub default_scopes: Vec<Arc<str>>,
    /// How long an access token lasts.
    pub access_token_lifetime: Duration,
    /// How long an authorization code waits for its client.
    pub code_lifetime: Duration,
    /// How long a client may renew its tokens, from the consent on.
    pub refresh_token_lifetime: Duration,
    /// Proofs of possession need a nonce of ours (RFC 9449 8).
    pub dpop_nonce: bool,
    /// Browsers bring nothing but references to requests that clients pushed (RFC 9126 4).
    pub require_pushed: bool,
    /// Where clients call that prove themselves, or bind their tokens, by a certificate (RFC 8705); `None` takes none.
    pub mtls: Option<Mtls>,
    /// What clients may be that register themselves (RFC 7591); `None` lets nobody.
    pub registration: Option<Registration>,
    /// Its endpoints, each at a path of its own.
    pub paths: Vec<(Arc<str>, OAuthEndpoint)>,
    /// What judges those that clients call: everyone is a guest, because each of them proves who it is to the endpoint itself.
    pub firewall: Arc<Firewall>,
}

/// What clients may be that register themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Which ways to tokens they may have; at least one.
    pub grants: Vec<Grant>,
    /// How many there may be.
    pub most: u64,
}

/// Where clients show certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mtls {
    /// Scheme and authority, as the issuer has them.
    pub url: Arc<str>,
    /// Its host, as it stands in `Host`.
    pub host: Arc<str>,
}

/// Something that a client may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name (RFC 6749 3.3).
    pub name: Arc<str>,
    /// What people read.
    pub description: Arc<str>,
}

/// An endpoint of the authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OAuthEndpoint {
    /// Where tokens are issued (RFC 6749 3.2).
    Token,
    /// Its public keys.
    Keys,
    /// Where clients leave requests before people's browsers bring them (RFC 9126).
    Pushed,
    /// Where devices without a browser begin (RFC 8628 3.1).
    DeviceAuthorization,
    /// Where people type the code of such a device.
    Device,
    /// What is known of a token (RFC 7662).
    Introspect,
    /// Where a client ends a token (RFC 7009).
    Revoke,
    /// What clients have to know (RFC 8414).
    Metadata,
    /// Where people's browsers bring the requests of clients (RFC 6749 3.1).
    Authorize,
    /// The form of its page.
    Consent,
    /// What somebody allowed, and taking it back.
    Applications,
    /// Who somebody is (OpenID Connect Core 5.3).
    UserInfo,
    /// Signing out at a client's wish (OpenID Connect RP-Initiated Logout).
    EndSession,
    /// Where clients register themselves (RFC 7591).
    Register,
}

impl OAuth {
    /// The endpoint at a path.
    pub fn endpoint(&self, path: &str) -> Option<OAuthEndpoint> {
        self.paths.iter().find(|(at, _)| **at == *path).map(|(_, endpoint)| *endpoint)
    }

    /// The URL of an endpoint, where it has one.
    pub fn url(&self, endpoint: OAuthEndpoint) -> Option<String> {
        let (path, _) = self.paths.iter().find(|(_, at)| *at == endpoint)?;
        Some(format!("{}{path}", self.issuer))
    }

    /// The URL of an endpoint for clients with certificates, where that is another one (RFC 8705 5).
    pub fn mtls_url(&self, endpoint: OAuthEndpoint) -> Option<String> {
        let mtls = self.mtls.as_ref().filter(|mtls| *mtls.url != *self.issuer)?;
        let (path, _) = self.paths.iter().find(|(_, at)| *at == endpoint)?;
        Some(format!("{}{path}", mtls.url))
    }

    /// The URL by which an endpoint is asked at this host: where clients show certificates, if that is a host of its own, and
    /// the issuer's at every other one.
    pub fn url_at(&self, endpoint: OAuthEndpoint, host: &str) -> Option<String> {
        let own = self.issuer.split_once("://").is_some_and(|(_, authority)| authority.split(':').next() == Some(host));
        let there = !own && self.mtls.as_ref().is_some_and(|mtls| *mtls.host == *host);
        if there { self.mtls_url(endpoint) } else { self.url(endpoint) }
    }

    /// `aud` where the client names no resource.
    pub fn usual_audience(&self) -> &Arc<str> {
        self.audience.as_ref().unwrap_or(&self.issuer)
    }

    /// Whether a client may have this scope now: it stands in the configuration, and the client may ask for it. Whatever was
    /// issued or allowed before is good for no other.
    pub fn grants(&self, client: &Client, scope: &str) -> bool {
        self.scope(scope).is_some() && client.scopes.iter().any(|own| **own == *scope)
    }

    /// What is known of a scope, if there is one of this name.
    pub fn scope(&self, name: &str) -> Option<&Scope> {
        self.scopes.iter().find(|scope| *scope.name == *name)
    }
}
