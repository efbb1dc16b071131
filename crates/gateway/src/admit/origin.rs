//! Where a browser says that a request was made from, and what that means for its answer.

use super::{authority, once, path, site};
use crate::cors::Crossing;
use doorward_core::{Policy, Provenance};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

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

/// What can be said of it although the request is refused, on its site: whoever may read our answers there should read why.
pub(super) fn crossing_of_rejected(parts: &Parts, policy: &Policy, secure: bool) -> Option<Crossing> {
    if policy.cors.rules.is_empty() && policy.sites.all.iter().all(|site| site.policy.cors.rules.is_empty()) {
        return None;
    }
    let (authority, path) = (authority::of(parts).ok()?, path::of(parts.uri.path(), policy).ok()?);
    // Where the header names none, it is the one that the URL names.
    let site = site::choose(&parts.headers, policy, &authority, &path, secure)
        .or_else(|_| site::choose(&HeaderMap::new(), policy, &authority, &path, secure));
    let site = site.ok()?;
    let policy = site.as_ref().map_or(policy, |(site, _)| &site.policy);
    Crossing::of(&parts.headers, policy, &authority, &path, secure)
}
