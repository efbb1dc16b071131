//! The site of a request, and what chose it.

use doorward_core::{Policy, Site};
use doorward_gateway::admit::SiteBy;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct SiteStep {
    pub(super) name: String,
    /// `header`, a matcher's kind or `default`.
    pub(super) by: &'static str,
    /// Where the matcher stands.
    pub(super) matcher: Option<String>,
    pub(super) source: String,
}

impl SiteStep {
    pub(super) fn of(site: &Site, by: &SiteBy) -> Self {
        let (by, matcher) = match by {
            SiteBy::Header => ("header", None),
            SiteBy::Matcher(kind, source) => (*kind, Some(source.to_string())),
            SiteBy::Default => ("default", None),
        };
        Self { name: site.name.to_string(), by, matcher, source: site.source.to_string() }
    }
}

/// Where a header may choose the site that it names, for the operator alone: callers are told what they are told of a name that is
/// none.
pub(super) fn choosable(policy: &Policy, name: &str) -> Option<String> {
    let site = policy.sites.all.iter().find(|site| *site.name == *name)?;
    let mut bounds = Vec::new();
    if !site.hosts.is_empty() {
        bounds.push(format!("at {} only", site.hosts.join(", ")));
    }
    if site.by_path {
        bounds.push("where the path names it, too".to_owned());
    } else if policy.sites.all.iter().any(|site| site.by_path) {
        bounds.push("not where the path names a site that has directories or upstreams of its own".to_owned());
    }
    (!bounds.is_empty()).then(|| format!("X-SiteAccess chooses the site `{name}` ({}) {}", site.source, bounds.join(", and ")))
}
