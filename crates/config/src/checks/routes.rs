//! Route rules: what never matches, what nothing serves, what nothing guards.

use super::firewalls;
use crate::{
    Diagnostic, Place,
    load::{Draft, file_of},
    reader::Reader,
};
use doorward_core::{
    facts::covers,
    firewall::{Authentication, Firewall},
    policy::{Unmatched, is_under},
    route::{
        Requirement, RouteRule,
        pattern::{Pattern, Segment},
    },
};
use http::Method;
use std::collections::BTreeMap;

pub(super) fn check(r: &mut Reader<'_>, draft: &Draft) {
    for rule in draft.routes.native.iter() {
        for (message, hint) in native(draft, rule) {
            let file = file_of(r, &rule.source);
            r.out.push(Diagnostic::warning(&file, Place::Line(rule.source.line), message).hint(hint));
        }
    }
    magento(r, draft);
    upstreams(r, draft);
}

type Finding = (String, String);

/// What is odd about a rule of `routes.toml`.
fn native(draft: &Draft, rule: &RouteRule) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let Ok(pattern) = Pattern::parse(&rule.template) else { return found };
    let segments = pattern.segments();
    if let Some(own) = own_endpoints(draft).into_iter().find(|own| own.hides(rule, segments)) {
        found.push((
            format!("this rule can never match: Doorward answers `{}` itself", own.path),
            "see `serve` and `leave` in [api]".into(),
        ));
    } else if !draft.upstreams.iter().any(|(upstream, _)| meets(&upstream.path, segments)) {
        let message = "no [[upstream]] serves this route".into();
        let hint = match draft.upstreams.is_empty() {
            true => "there is no [[upstream]]".into(),
            false => "the `path` of an [[upstream]] must be a prefix of the route".into(),
        };
        found.push((message, hint));
    }
    if draft.routes.magento_prefix.as_deref().is_some_and(|prefix| !prefix.is_empty() && is_under(&rule.template, prefix)) {
        let hint = "rules of webapi.xml come first there, and refusals speak the Magento dialect".into();
        found.push(("this rule stands under `magento_prefix`".into(), hint));
    }
    let sample = sample(segments);
    if let Some(name) = unguarded(draft, &sample, &rule.methods).filter(|_| demands(rule)) {
        let message = format!("nobody can pass this rule: firewall `{name}` makes everyone a guest");
        found.push((message, "give the path a session firewall, or require \"anonymous\"".into()));
    }
    found
}

/// Rules of `webapi.xml` are Magento's own and many: what is odd about them is said once.
fn magento(r: &mut Reader<'_>, draft: &Draft) {
    let table = &draft.routes.magento;
    if table.is_empty() {
        return;
    }
    let prefix = draft.routes.magento_prefix.as_deref().unwrap_or_default();
    let place = draft.api.magento_place.clone();
    let serves = |path: &str| is_under(prefix, path) || is_under(path, prefix);
    if !draft.upstreams.iter().any(|(upstream, _)| serves(&upstream.path)) {
        let message = format!("no [[upstream]] serves the {} routes of webapi.xml under \"{prefix}\"", table.len());
        r.warn(place.clone(), message, "the `path` of an [[upstream]] must be a prefix of `magento_prefix`");
    }
    let mut unguarded_by: BTreeMap<String, usize> = BTreeMap::new();
    for rule in table.iter().filter(|rule| demands(rule)) {
        let path: Vec<&str> = rule.template.split('/').map(|part| if part.starts_with(':') { "1" } else { part }).collect();
        let sample = format!("{prefix}{}", path.join("/"));
        if let Some(name) = unguarded(draft, &sample, &rule.methods) {
            *unguarded_by.entry(name).or_default() += 1;
        }
    }
    for (name, count) in unguarded_by {
        let message = format!("nobody can pass {count} routes of webapi.xml: firewall `{name}` makes everyone a guest");
        r.warn(place.clone(), message, "give their paths a session firewall");
    }
}

/// Upstreams to which no request can go.
fn upstreams(r: &mut Reader<'_>, draft: &Draft) {
    if draft.unmatched != Unmatched::Deny {
        return;
    }
    let prefix = draft.routes.magento_prefix.as_deref().filter(|_| !draft.routes.magento.is_empty());
    for (upstream, place) in &draft.upstreams {
        let native = draft
            .routes
            .native
            .iter()
            .any(|rule| Pattern::parse(&rule.template).is_ok_and(|p| meets(&upstream.path, p.segments())));
        let magento = prefix.is_some_and(|prefix| is_under(prefix, &upstream.path) || is_under(&upstream.path, prefix));
        if !native && !magento {
            let message = format!("no route rule leads to upstream `{}`, so it is never used", upstream.name);
            r.warn(place.clone(), message, "add rules to `files` in [routes], or set `unmatched`");
        }
    }
}

/// A path that a template of `routes.toml` matches.
pub(super) fn sample_of(template: &str) -> Option<String> {
    Pattern::parse(template).ok().map(|pattern| sample(pattern.segments()))
}

/// Whether a firewall is for this path and one of these methods.
pub(super) fn is_route_of(firewall: &Firewall, path: &str, methods: &[Method]) -> bool {
    firewall.path.as_ref().is_none_or(|regex| regex.is_match(path))
        && methods.iter().any(|method| covers(&firewall.methods, method))
}

/// Whether a rule asks for more than any guest has.
fn demands(rule: &RouteRule) -> bool {
    !rule.scopes.is_empty() || rule.require.iter().any(|requirement| *requirement != Requirement::Anonymous)
}

/// The firewall that makes everyone a guest on a path, when no session firewall can come to speak there.
fn unguarded(draft: &Draft, path: &str, methods: &[Method]) -> Option<String> {
    for (firewall, _) in &draft.firewalls {
        let speaks = is_route_of(firewall, path, methods);
        match firewall.authentication {
            Authentication::Session
            | Authentication::Jwt
            | Authentication::OAuth
            | Authentication::Basic
            | Authentication::Certificate
                if speaks =>
            {
                return None;
            }
            Authentication::None if speaks && firewalls::is_unconditional(firewall) => return Some(firewall.name.to_string()),
            _ => {}
        }
    }
    None
}

/// A path that a template matches.
fn sample(segments: &[Segment]) -> String {
    segments.iter().fold(String::new(), |path, segment| match segment {
        Segment::Static(text) => path + "/" + text,
        Segment::Variable(_) | Segment::Tail(_) => path + "/1",
    })
}

/// Whether some path of the template is below an upstream's path.
pub(super) fn meets(upstream: &str, segments: &[Segment]) -> bool {
    let mut template = segments.iter();
    upstream.split('/').filter(|part| !part.is_empty()).all(|part| match template.next() {
        Some(Segment::Static(text)) => **text == *part,
        Some(Segment::Variable(_)) => true,
        Some(Segment::Tail(_)) => {
            // The tail takes this segment and all that follow.
            template = [].iter();
            true
        }
        None => matches!(segments.last(), Some(Segment::Tail(_))),
    })
}

/// One of Doorward's own endpoints. Other methods than its own are answered by Doorward too, with 405.
pub(super) struct Own {
    /// `*` stands for any segment, `#` for a number.
    pub(super) path: String,
    /// Whether only GET and HEAD are answered.
    read_only: bool,
}

impl Own {
    /// Whether this is its path.
    pub(super) fn is(&self, path: &str) -> bool {
        let (own, other): (Vec<&str>, Vec<&str>) = (self.path.split('/').collect(), path.split('/').collect());
        own.len() == other.len()
            && own.iter().zip(other).all(|(own, other)| match *own {
                "*" => true,
                "#" => other.bytes().all(|b| b.is_ascii_digit()),
                own => own == other,
            })
    }

    /// Whether every request of the rule is answered here.
    fn hides(&self, rule: &RouteRule, segments: &[Segment]) -> bool {
        let own: Vec<&str> = self.path.split('/').skip(1).collect();
        own.len() == segments.len()
            && (!self.read_only || rule.methods.iter().all(|method| matches!(*method, Method::GET | Method::HEAD)))
            && own.iter().zip(segments).all(|(own, segment)| match segment {
                Segment::Static(text) => match *own {
                    "*" => true,
                    "#" => text.bytes().all(|b| b.is_ascii_digit()),
                    own => **text == *own,
                },
                Segment::Variable(_) => *own == "*",
                Segment::Tail(_) => false,
            })
    }
}

/// The endpoints that the configuration makes Doorward serve (ibexa-rest 1, 2, 7, 8).
pub(super) fn own_endpoints(draft: &Draft) -> Vec<Own> {
    let serve = draft.api.serve;
    let mut all = Vec::new();
    let mut own = |on: bool, path: String| {
        if on {
            all.push(Own { path, read_only: false });
        }
    };
    own(serve.pages, "/login".into());
    own(serve.pages, "/login/style.css".into());
    own(serve.pages, "/logout".into());
    for directory in &draft.directories {
        own(serve.pages, format!("/login/{}", directory.name));
    }
    for base in draft.plan.iter().flat_map(crate::sections::site::Plan::all_bases) {
        own(serve.pages, format!("{base}/login"));
        own(serve.pages, format!("{base}/logout"));
        for directory in &draft.directories {
            own(serve.pages, format!("{base}/login/{}", directory.name));
        }
    }
    if draft.routes.magento_prefix.is_some() {
        let admin = &draft.api.door.admin_path;
        for path in ["/customer/account/login", "/customer/account/loginPost", "/customer/account/logout"] {
            own(serve.pages, path.into());
        }
        own(serve.pages, "/customer/account/login/referer/*".into());
        own(serve.pages, "/customer/ajax/login".into());
        own(serve.pages, "/customer/ajax/logout".into());
        own(serve.pages, admin.to_string());
        own(serve.pages, format!("{admin}/auth/logout"));
    }
    for prefix in &draft.api.ibexa_prefixes {
        own(serve.sessions, format!("{prefix}/user/sessions"));
        own(serve.sessions, format!("{prefix}/user/sessions/*"));
        own(serve.sessions, format!("{prefix}/user/sessions/*/refresh"));
        own(serve.users, format!("{prefix}/user/current"));
        own(serve.users, format!("{prefix}/user/users/#"));
        own(serve.root, format!("{prefix}/"));
    }
    all.extend(
        draft.oauth.iter().flat_map(|oauth| &oauth.paths).map(|(path, _)| Own { path: path.to_string(), read_only: false }),
    );
    if draft.firewalls.iter().any(|(firewall, _)| firewall.authentication == Authentication::OAuth) {
        all.push(Own { path: doorward_core::protected::WELL_KNOWN.into(), read_only: true });
    }
    all.extend(draft.jwks_path.as_ref().map(|path| Own { path: path.to_string(), read_only: true }));
    all
}
