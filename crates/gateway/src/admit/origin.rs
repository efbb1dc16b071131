//! Where a browser says that a request was made from, and what that means for its answer.

use super::{authority, once, path, site};
use crate::cors::Crossing;
use doorward_core::{Policy, Provenance, Site};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use std::sync::Arc;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where a browser says that the request was made from ('Settled semantics', Guards).
pub(super) fn provenance(headers: &HeaderMap, policy: &Policy, host: &str, crossing: Option<&Crossing>) -> Provenance {
    let (site, origin) = (headers.contains_key(SEC_FETCH_SITE), headers.contains_key(header::ORIGIN));
    if !site && !origin {
        return Provenance::Unstated;
    }
    let same = once(headers, SEC_FETCH_SITE).is_some_and(|value| value == "same-origin" || value == "none");
    // At the host of a store view that host's pages are ours, too, and no other view's.
    let ours = |value: &HeaderValue| policy.origin_at(host).is_some_and(|own| *value == *own);
    let own = |value: &HeaderValue| policy.origins.iter().any(|own| *value == **own) || ours(value);
    let allowed = crossing.is_some_and(Crossing::may_sign_in) || once(headers, header::ORIGIN).is_some_and(own);
    if (same && headers.get_all(header::ORIGIN).iter().count() < 2) || allowed { Provenance::Ours } else { Provenance::Foreign }
}

/// Where a request was headed that is refused.
#[derive(Clone, Debug)]
pub struct Headed {
    /// The site, where there are sites.
    pub site: Option<Arc<Site>>,
    /// The canonical host, without port.
    pub host: String,
    /// The canonical path.
    pub path: String,
    /// What `[cors]` makes of the page that it came from.
    pub crossing: Crossing,
}

/// The same of a request that is refused, on its site: whoever may read our answers there should read why. `None` where nobody
/// knows where it was headed, and where `[cors]` is not about that.
pub(super) fn headed(parts: &Parts, policy: &Policy, secure: bool) -> Option<Headed> {
    if policy.cors.rules.is_empty() && policy.sites.all.iter().all(|site| site.policy.cors.rules.is_empty()) {
        return None;
    }
    let (authority, path) = (authority::of(parts).ok()?, path::of(parts.uri.path(), policy).ok()?);
    // Where the header names none, it is the one that the URL names.
    let site = site::choose(&parts.headers, policy, &authority, &path, secure)
        .or_else(|_| site::choose(&HeaderMap::new(), policy, &authority, &path, secure));
    let site = site.ok()?.map(|(site, _)| site);
    let policy = site.as_ref().map_or(policy, |site| &site.policy);
    let crossing = Crossing::of(&parts.headers, policy, &authority, &path, secure)?;
    Some(Headed { site, host: authority.host, path, crossing })
}
