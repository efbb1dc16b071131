//! The site of a request, and what chose it.

use doorward_core::Site;
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
