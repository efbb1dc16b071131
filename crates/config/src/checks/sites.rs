//! Sites: matchers that name nothing, that nothing reaches, and what a header reaches from elsewhere.

use crate::{
    load::Draft,
    patterns,
    reader::Reader,
    sections::{
        site::{Plan, Planned},
        site_match::Placed,
    },
};
use doorward_core::{
    access::AccessRule,
    firewall::{Entry, Firewall},
    policy::{Unmatched, is_under},
    site::{Condition, MatchRule},
};

pub(super) fn check(r: &mut Reader<'_>, draft: &Draft) {
    let Some(plan) = &draft.plan else { return };
    names(r, plan);
    reach(r, draft, plan);
    headers(r, draft, plan);
    calls(r, draft, plan);
    patterns_on_paths(r, draft, plan);
    preflights(r, plan);
    pages(r, draft, plan);
}

/// A name that is none is passed over at run time (ibexa-rest 10).
fn names(r: &mut Reader<'_>, plan: &Plan) {
    for named in plan.matchers.iter().flat_map(|placed| &placed.names) {
        if !plan.sites.iter().any(|site| site.name == named.name) {
            let hint = "the next matcher is asked then; add the [[site]], or drop this";
            r.warn(named.span.clone(), format!("there is no site `{}`, so this never counts", named.name), hint);
        }
    }
}

/// Matchers that no request comes to, or that an earlier one has answered for.
fn reach(r: &mut Reader<'_>, draft: &Draft, plan: &Plan) {
    let everywhere = draft.api.ibexa_prefixes.iter().any(|prefix| prefix.is_empty());
    let mut taken: Vec<String> = Vec::new();
    for placed in &plan.matchers {
        let rule = &placed.matcher.rule;
        let needs_path = match rule {
            MatchRule::Any(conditions, _) => conditions.iter().all(Condition::reads_path),
            MatchRule::One(_) | MatchRule::All(..) => rule.conditions().iter().any(Condition::reads_path),
        };
        if everywhere && needs_path {
            let hint = "the root is an Ibexa prefix, and below one a path names no site: choose by host, or by X-SiteAccess";
            r.warn(placed.span.clone(), "this matcher is never asked", hint);
        }
        for condition in rule.conditions() {
            if let Condition::MapHost(map) = condition {
                for (host, _) in map.iter().filter(|(host, _)| !draft.hosts.is_empty() && !draft.hosts.contains(host)) {
                    let hint = "requests there are answered 421: name it in `hosts` of [server]";
                    r.warn(placed.span.clone(), format!("the host {host} is not served"), hint);
                }
            }
        }
        if let MatchRule::One(condition) = rule {
            for (key, name) in keys(condition) {
                let counts = plan.sites.iter().any(|site| *site.name == *name);
                match taken.contains(&key) {
                    true => {
                        let message = format!("{} names a site for {key} that an earlier matcher has", rule.kind());
                        r.warn(placed.span.clone(), message, "the first one wins");
                    }
                    false if counts => taken.push(key),
                    false => {}
                }
            }
        }
    }
}

/// What a map has, in words, and the site that it names.
fn keys(condition: &Condition) -> Vec<(String, String)> {
    match condition {
        Condition::MapHost(map) => map.iter().map(|(host, name)| (format!("the host {host}"), name.to_string())).collect(),
        Condition::MapPort(map) => map.iter().map(|(port, name)| (format!("the port {port}"), name.to_string())).collect(),
        Condition::MapUri(map) => map.iter().map(|(part, name)| (format!("the segment {part}"), name.to_string())).collect(),
        _ => Vec::new(),
    }
}

/// A site with a host of its own, and with something that others have not, can be chosen by a header anywhere; one that paths
/// name, too, where paths name none.
fn headers(r: &mut Reader<'_>, draft: &Draft, plan: &Plan) {
    let prefixes = &draft.api.ibexa_prefixes;
    for (at, site) in plan.sites.iter().enumerate().filter(|(at, site)| *at != plan.default && site.hosts.is_empty()) {
        let by_host = plan.may_name(site, |condition| !condition.reads_path());
        let below = match plan.is_by_path(at, &draft.scopes) {
            true if prefixes.is_empty() => continue,
            true if !prefixes.iter().any(|prefix| prefix.is_empty()) => ", for calls below the Ibexa prefixes",
            _ => "",
        };
        if site.has_own(&draft.scopes) && by_host {
            let what = if site.has_upstream(&draft.scopes) { "the upstream that is only for it" } else { "its directories" };
            let message = format!("X-SiteAccess: {} reaches {what} from every host that is served{below}", site.name);
            let hint = "rules and firewalls of its own host say nothing there: `hosts` bounds where it can be chosen";
            r.warn(site.span.clone(), message, hint);
        }
    }
}

/// Below the Ibexa prefixes a header chooses every site, so rules on the path of one do not keep its upstream closed there.
fn calls(r: &mut Reader<'_>, draft: &Draft, plan: &Plan) {
    let first = |path: &str| {
        let mut rules = draft.access.iter().map(|placed| &*placed.rule);
        rules.find(|rule| rule.path.as_ref().is_none_or(|pattern| pattern.is_match(path)))
    };
    let demands = |rule: &AccessRule| {
        !rule.scopes.is_empty() || !rule.roles.is_empty() && !rule.roles.iter().any(|role| **role == *"PUBLIC_ACCESS")
    };
    let closes = |path: &str| first(path).is_some_and(demands);
    // Whoever it is not about passes by it, to a rule that may ask for nothing.
    let for_all = |rule: &AccessRule| rule.methods.is_empty() && rule.ips.is_empty() && rule.host.is_none();
    let closed_to_all = |path: &str| first(path).is_some_and(|rule| demands(rule) && for_all(rule));
    if draft.unmatched == Unmatched::Deny {
        return;
    }
    let mut prefixes = draft.api.ibexa_prefixes.iter().filter(|prefix| !prefix.is_empty());
    let Some(prefix) = prefixes.find(|prefix| !closed_to_all(&format!("{prefix}/x"))) else { return };
    for (_, site) in plan.sites.iter().enumerate().filter(|(at, _)| plan.is_by_path(*at, &draft.scopes)) {
        let of_site = |name: &str| draft.scopes.get(name).is_some_and(|sites| sites.contains(&site.name));
        let reached = draft.upstreams.iter().any(|(upstream, _)| of_site(&upstream.name) && is_under(prefix, &upstream.path));
        let closed = plan.bases(&site.name).listed.into_iter().find(|base| closes(&format!("{base}/x")));
        if let Some(base) = closed.filter(|_| reached) {
            let name = &site.name;
            let message =
                format!("X-SiteAccess: {name} reaches the upstream of {base} below {prefix}, where its rules say nothing");
            let hint = "paths of REST name no site: close that prefix by [[access_control]], too, or give the upstream a `path`";
            r.warn(site.span.clone(), message, hint);
        }
    }
}

/// A pattern that matches anywhere in the path lets whoever writes the path choose a site: rules on its beginning say nothing then.
fn patterns_on_paths(r: &mut Reader<'_>, draft: &Draft, plan: &Plan) {
    let own = |at: usize, placed: &Placed| {
        plan.sites.get(at).is_some_and(|site| placed.may_name(&site.name) && site.has_own(&draft.scopes))
    };
    for placed in &plan.matchers {
        let loose =
            |condition: &Condition| matches!(condition, Condition::RegexUri(pattern, _) if !patterns::begins_at_start(pattern));
        if placed.matcher.rule.conditions().iter().any(loose)
            && (0..plan.sites.len()).any(|at| at != plan.default && own(at, placed))
        {
            let message =
                "every path that contains this leads to directories or upstreams of a site, whatever rules on its beginning say";
            r.warn(placed.span.clone(), message, "as Ibexa's it matches anywhere in the path: begin with ^");
        }
    }
}

/// A browser asks whether a page may send `X-SiteAccess` without sending it, so only the site that the URL names is asked.
fn preflights(r: &mut Reader<'_>, plan: &Plan) {
    let only_by_header = |site: &Planned| !plan.matchers.iter().any(|placed| placed.may_name(&site.name));
    for (_, site) in plan.sites.iter().enumerate().filter(|(at, site)| *at != plan.default && only_by_header(site)) {
        if let Some(place) = &site.cors_place {
            let message = format!("only X-SiteAccess chooses `{}`, and no browser sends it with a preflight", site.name);
            let hint = "the preflight is answered for the site that the URL names: let a matcher on hosts choose this one, or name the origins in [cors]";
            r.warn(place.clone(), message, hint);
        }
    }
}

/// The sign-in page stands at the root and below what is listed of the paths of a site: below a pattern there is none, and who
/// signs in at the root is signed in on another site.
fn pages(r: &mut Reader<'_>, draft: &Draft, plan: &Plan) {
    let lost = |placed: &&Placed| {
        plan.sites.iter().any(|site| placed.matcher.rule.bases(&site.name).others && placed.may_name(&site.name))
    };
    let leads = |firewall: &Firewall| firewall.entry == Entry::Page;
    let led = draft.cookies_differ && draft.api.serve.pages && draft.firewalls.iter().any(|(firewall, _)| leads(firewall));
    if let Some(placed) = plan.matchers.iter().find(lost).filter(|_| led) {
        let message = "people of a site that a pattern on its path names have no page to sign in: `/login` is another site's";
        let hint =
            "name it by map_uri or uri_element, which have one below its path, or by a host; REST signs in with X-SiteAccess";
        r.warn(placed.span.clone(), message, hint);
    }
}
