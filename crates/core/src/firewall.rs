//! Firewalls: ordered rules that pick exactly one authentication method for a request; the first match wins.

use crate::{Facts, Source, facts::covers, possession::Demand};
use http::Method;
use regex::Regex;
use serde::Serialize;
use std::sync::Arc;

/// How requests under a firewall prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// A session cookie.
    Session,
    /// A JSON Web Token in each request (ibexa-rest 3).
    Jwt,
    /// An access token in each request (RFC 6750).
    OAuth,
    /// Login and password in each request (RFC 7617).
    Basic,
    /// A client's certificate.
    Certificate,
    /// Nothing is asked: everyone is a guest.
    None,
}

impl Authentication {
    /// The word of the configuration, of `Doorward-Method` and of the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Authentication::Session => "session",
            Authentication::Jwt => "jwt",
            Authentication::OAuth => "oauth",
            Authentication::Basic => "basic",
            Authentication::Certificate => "certificate",
            Authentication::None => "none",
        }
    }
}

/// What a credential that is present but wrong leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Invalid {
    /// The request is refused; it never falls through.
    Refuse,
    /// The caller is a guest.
    Guest,
}

/// Where a refused guest's browser navigation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// The refusal's status.
    Status,
    /// The sign-in page.
    Page,
}

/// A kind of credential that `when` looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// `Authorization: Bearer` or `DPoP`: a token.
    Bearer,
    /// `Authorization: Basic`.
    Basic,
    /// A TLS client certificate.
    Certificate,
    /// A session cookie of one of our directories.
    Cookie,
}

/// What a session request must pass besides the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Guards {
    /// A CSRF token on unsafe methods.
    pub csrf: bool,
    /// The session counts on AJAX calls only (magento-webapi 2).
    pub ajax: bool,
}

/// What an access token must be under a firewall with [`Authentication::OAuth`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRules {
    /// One of these must be in its `aud`. Empty: what our own tokens are usually for, and what the settings of another issuer
    /// say.
    pub audience: Vec<Arc<str>>,
    /// To what it has to be bound; `None`: whatever it is bound to has to be shown, and it need not be.
    pub proof: Option<Demand>,
    /// Proofs need a nonce of ours (RFC 9449 9).
    pub dpop_nonce: bool,
}

/// One `[[firewall]]`.
#[derive(Clone, Debug)]
pub struct Firewall {
    /// Its name in logs and metrics.
    pub name: Arc<str>,
    /// Regex on the host; case-insensitive.
    pub host: Option<Regex>,
    /// Regex on the canonical path.
    pub path: Option<Regex>,
    /// Methods; empty means all, and GET covers HEAD.
    pub methods: Vec<Method>,
    /// Only requests that carry this credential.
    pub when: Option<When>,
    /// The method that judges.
    pub authentication: Authentication,
    /// Names of the directories that are asked, in order.
    pub directories: Vec<Arc<str>>,
    /// What challenges name as the place to which credentials are given (RFC 9110 11.5): printable ASCII. Empty where the
    /// method has no challenge.
    pub realm: Arc<str>,
    /// What an access token must be.
    pub access: AccessRules,
    /// What a session must pass besides.
    pub guards: Guards,
    /// What a wrong credential leads to.
    pub invalid: Invalid,
    /// Where a refused guest's navigation goes.
    pub entry: Entry,
    /// Where it was written.
    pub source: Source,
}

/// Why a firewall did not match, for `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mismatch {
    /// The host.
    Host,
    /// The path.
    Path,
    /// The method.
    Method,
    /// The credential that `when` asks for is not carried.
    When,
}

impl Firewall {
    /// Whether a certificate can count for some request to this host: then clients are asked for one.
    pub fn reads_certificates(&self, host: &str) -> bool {
        let bound = self.access.proof.is_some_and(Demand::reads_certificates);
        (self.authentication == Authentication::Certificate || self.when == Some(When::Certificate) || bound)
            && self.host.as_ref().is_none_or(|pattern| pattern.is_match(host))
    }

    /// `None` when the firewall matches, else the first thing that does not.
    pub fn mismatch(&self, facts: &Facts<'_>) -> Option<Mismatch> {
        if self.host.as_ref().is_some_and(|r| !r.is_match(facts.host)) {
            return Some(Mismatch::Host);
        }
        if self.path.as_ref().is_some_and(|r| !r.is_match(facts.path)) {
            return Some(Mismatch::Path);
        }
        if !covers(&self.methods, facts.method) {
            return Some(Mismatch::Method);
        }
        let carried = match self.when {
            None => true,
            Some(When::Bearer) => facts.carries.bearer,
            Some(When::Basic) => facts.carries.basic,
            Some(When::Certificate) => facts.carries.certificate,
            Some(When::Cookie) => facts.carries.cookie,
        };
        (!carried).then_some(Mismatch::When)
    }
}
