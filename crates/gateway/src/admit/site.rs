//! The site of a request (ibexa-rest 7, 10): the header decides, then the matchers, then the default.

use super::{Wrong, once, wrong};
use doorward_core::{
    Policy, Site, Source,
    canonical::Authority,
    site::{Chosen, UnknownSite},
};
use http::{HeaderMap, HeaderName};
use std::sync::Arc;

const X_SITE_ACCESS: HeaderName = HeaderName::from_static("x-siteaccess");

/// What chose a site.
#[derive(Clone, Debug)]
pub enum SiteBy {
    /// `X-SiteAccess`.
    Header,
    /// A matcher: its kind and its place.
    Matcher(&'static str, Source),
    /// Nothing else did.
    Default,
}

/// The site of a request; `None` where there are none, whatever the header says then.
pub(super) fn choose(
    headers: &HeaderMap,
    policy: &Policy,
    authority: &Authority,
    path: &str,
    secure: bool,
) -> Result<Option<(Arc<Site>, SiteBy)>, Wrong> {
    if policy.sites.all.is_empty() {
        return Ok(None);
    }
    let unknown = || wrong("site", UnknownSite.to_string());
    let header = match headers.contains_key(X_SITE_ACCESS) {
        true => {
            let value = once(headers, X_SITE_ACCESS).ok_or_else(|| wrong("site", "X-SiteAccess is repeated"))?;
            Some(value.to_str().map_err(|_| unknown())?)
        }
        false => None,
    };
    let chosen = policy.site_of((&authority.host, authority.port), path, secure, header).map_err(|_| unknown())?;
    Ok(chosen.map(|(site, why)| {
        let by = match why {
            Chosen::Header => SiteBy::Header,
            Chosen::Matcher(matcher) => SiteBy::Matcher(matcher.rule.kind(), matcher.source.clone()),
            Chosen::Default => SiteBy::Default,
        };
        (Arc::clone(site), by)
    }))
}
