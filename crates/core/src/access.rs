//! Access control: ordered path, host, address and method rules that demand roles; the first match wins
//! (ibexa-rest 9). A rule whose addresses do not match is skipped; no matching rule means allowed.

use crate::{Facts, Identity, Source, facts::covers};
use http::Method;
use ipnet::IpNet;
use regex::Regex;
use std::sync::Arc;

/// One `[[access_control]]`.
#[derive(Clone, Debug)]
pub struct AccessRule {
    /// Regex on the canonical path.
    pub path: Option<Regex>,
    /// Regex on the host; case-insensitive.
    pub host: Option<Regex>,
    /// Methods; empty means all, and GET covers HEAD.
    pub methods: Vec<Method>,
    /// Networks; empty means all. They only select.
    pub ips: Vec<IpNet>,
    /// Any one of these is enough; empty means open to everyone.
    pub roles: Vec<Arc<str>>,
    /// What an access token must be good for: all of these. Where there are any, no guest passes.
    pub scopes: Vec<Arc<str>>,
    /// Where it was written.
    pub source: Source,
}

impl AccessRule {
    /// Whether this rule speaks about the request.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.path.as_ref().is_none_or(|r| r.is_match(facts.path))
            && self.host.as_ref().is_none_or(|r| r.is_match(facts.host))
            && covers(&self.methods, facts.method)
            && (self.ips.is_empty() || self.ips.iter().any(|net| net.contains(&facts.client)))
    }

    /// Whether the identity has one of the roles. `PUBLIC_ACCESS` and the `IS_AUTHENTICATED*` words are those of
    /// Symfony (ibexa-rest 9).
    pub fn admits(&self, identity: &Identity) -> bool {
        self.roles.is_empty()
            || self.roles.iter().any(|wanted| match (&**wanted, identity) {
                ("PUBLIC_ACCESS", _) => true,
                (_, Identity::Guest) => false,
                ("IS_AUTHENTICATED" | "IS_AUTHENTICATED_FULLY" | "IS_AUTHENTICATED_REMEMBERED", Identity::Known(_)) => true,
                (role, Identity::Known(account)) => account.role_names().any(|name| name == role),
            })
    }
}
