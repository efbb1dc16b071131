//! Forward-auth: questions stand at paths where nothing else is, and no rule opens by an address that is the proxy's.

use super::routes::{meets, own_endpoints};
use crate::{load::Draft, reader::Reader, settings::ClientAddress};
use doorward_core::{
    forward_auth::{Convention, ForwardAuth},
    policy::is_under,
    route::pattern::{Pattern, Segment},
};

pub(super) fn check(r: &mut Reader<'_>, draft: &Draft) {
    for (endpoint, place) in &draft.forward_auth {
        if let Some(what) = hidden(draft, endpoint) {
            let hint = "a path of its own, such as \"/_doorward/verdict\"";
            r.error_with(place.clone(), format!("questions at this path would hide {what}"), hint);
        }
    }
    if draft.forward_auth.is_empty() || draft.client_address != ClientAddress::Peer {
        return;
    }
    for placed in draft.access.iter().filter(|placed| !placed.rule.ips.is_empty()) {
        let message =
            "`ips` would select by the address of the proxy that asks by forward-auth, which is that of all its clients";
        let hint = "set `client_address = \"x-forwarded-for\"` in [server], and let the proxy send that header";
        r.error_with(placed.ips.clone(), message, hint);
    }
}

/// What else a request to such a path could be for.
fn hidden(draft: &Draft, endpoint: &ForwardAuth) -> Option<String> {
    let path = &*endpoint.path;
    let prefixes = draft.api.ibexa_prefixes.iter().chain(&draft.routes.magento_prefix);
    if let Some(prefix) =
        prefixes.filter(|prefix| !prefix.is_empty()).find(|prefix| is_under(path, prefix) || is_under(prefix, path))
    {
        return Some(format!("what is under \"{prefix}\""));
    }
    if let Some(own) = own_endpoints(draft).into_iter().find(|own| own.is(path) || below(endpoint, &own.path)) {
        return Some(format!("`{}`, which Doorward answers", own.path));
    }
    let rule = draft.routes.native.iter().find(|rule| {
        let Ok(pattern) = Pattern::parse(&rule.template) else { return false };
        let segments = pattern.segments();
        let long = path.split('/').skip(1).count();
        let fixed = !segments.iter().any(|segment| matches!(segment, Segment::Tail(_)));
        let as_long = segments.len() == long || endpoint.convention == Convention::Envoy && segments.len() > long;
        fixed && as_long && meets(path, segments)
    })?;
    Some(format!("the route `{}` of {}", rule.template, rule.source))
}

/// Whether a path is one of a question about another path.
fn below(endpoint: &ForwardAuth, path: &str) -> bool {
    endpoint.convention == Convention::Envoy && is_under(path, &endpoint.path)
}
