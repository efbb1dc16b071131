//! Old sessions: the cookies of an application behind that may be exchanged for a session of ours.

use crate::{Admitted, admit};
use doorward_core::{
    Facts, Found, Kind, Policy, Provenance, Target,
    decide::session_counts,
    firewall::{Authentication, Firewall},
    policy::{Dialect, Directory, Exchange, Unmatched, Upstream},
    ports::ExchangeKey,
    route::Requirement,
};
use doorward_crypto::old_session;
use http::HeaderMap;
use std::sync::Arc;

/// An old session that a request carries and that may be exchanged.
#[derive(Clone)]
pub struct OldSession<'p> {
    /// The application that is asked.
    pub upstream: &'p Arc<Upstream>,
    /// How.
    pub exchange: &'p Exchange,
    /// The directory whose session it would begin.
    pub directory: &'p Arc<Directory>,
    /// What is stored of it.
    pub(crate) key: ExchangeKey,
    /// Its id, as the cookie has it: a secret.
    pub(crate) id: String,
}

/// The old sessions that may be exchanged for the sake of this request, which carries no live session of ours: those of
/// directories that its firewall asks, where a session of ours would count.
pub fn old_sessions<'p>(policy: &'p Policy, admitted: &Admitted, found: &Found<'p>) -> Vec<OldSession<'p>> {
    let Some(firewall) = found.firewall.filter(|firewall| may_exchange(policy.unmatched, &admitted.facts(), found, firewall))
    else {
        return Vec::new();
    };
    let asked = policy.exchanges().filter(|(_, exchange)| firewall.directories.contains(&exchange.directory));
    asked
        .filter_map(|(upstream, exchange)| {
            let directory = policy.directory(&exchange.directory)?;
            let counts = admitted.dialect != Dialect::Magento
                || directory.kind == Kind::Customer
                || (directory.kind == Kind::Admin && policy.routes.door.admin_sessions);
            let id = only_value(&admitted.headers, &exchange.cookie).filter(|_| counts)?;
            Some(OldSession { upstream, exchange, directory, key: old_session::key(&exchange.cookie, &id)?, id })
        })
        .collect()
}

/// The keys of all old sessions of a directory that a request carries, whichever of them an application would take.
pub(crate) fn old_keys(policy: &Policy, headers: &HeaderMap, directory: &str) -> Vec<ExchangeKey> {
    let of_directory = policy.exchanges().filter(|(_, exchange)| *exchange.directory == *directory);
    of_directory
        .flat_map(|(_, exchange)| {
            let values = admit::values(headers, &exchange.cookie);
            values.filter_map(move |value| old_session::key(&exchange.cookie, std::str::from_utf8(value).ok()?))
        })
        .collect()
}

/// Whether a request wants to know who calls, so that not being able to know must not pass for a guest.
pub(crate) fn wants_identity(policy: &Policy, found: &Found<'_>) -> bool {
    match found.target {
        Target::Route(rule) => rule.require.iter().any(|required| *required != Requirement::Anonymous),
        Target::Unmatched => policy.unmatched == Unmatched::Authenticated,
        Target::Own(_) | Target::Unprocessed(_) => false,
    }
}

/// Whether a session that began with this request would count for it, and nobody else made the browser send it.
fn may_exchange(unmatched: Unmatched, facts: &Facts<'_>, found: &Found<'_>, firewall: &Firewall) -> bool {
    let is_for_us = match found.target {
        // Signing in and out is not for whoever is signed in by the way.
        Target::Own(_) => facts.is_safe() && *facts.method != http::Method::OPTIONS,
        Target::Route(_) => !found.is_open(),
        Target::Unmatched => unmatched != Unmatched::Deny,
        Target::Unprocessed(_) => false,
    };
    let foreign = facts.provenance == Provenance::Foreign;
    // A token of a session that does not exist yet cannot have come along.
    let guarded = !facts.is_safe() && (firewall.guards.csrf || foreign);
    // A link leads here from anywhere; what else another site makes a browser send is not the person's doing.
    let driven = foreign && (!facts.navigation || facts.upgrade);
    is_for_us
        && firewall.authentication == Authentication::Session
        && !facts.carries.bearer
        && !guarded
        && !driven
        && session_counts(firewall, facts)
}

/// The value of a cookie that is sent once, or always with the same value.
fn only_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = admit::values(headers, name);
    let first = values.next()?;
    let id = std::str::from_utf8(first).ok()?.to_owned();
    values.all(|value| value == first).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::{
        Carries, Source,
        firewall::{Entry, Guards, Invalid},
        policy::Own,
        route::{RouteRule, Unprocessed},
        stores::StoreScope,
    };
    use http::{HeaderValue, Method, header};

    const GET: Method = Method::GET;
    const POST: Method = Method::POST;

    fn facts(method: &Method) -> Facts<'_> {
        Facts {
            method,
            host: "shop.test",
            path: "/x",
            secure: false,
            client: [127, 0, 0, 1].into(),
            carries: Carries::default(),
            ajax: false,
            navigation: false,
            provenance: Provenance::Unstated,
            upgrade: false,
            acceptable: true,
            expected_user: None,
        }
    }

    fn firewall(csrf: bool, ajax: bool) -> Firewall {
        Firewall {
            name: "main".into(),
            host: None,
            path: None,
            methods: Vec::new(),
            when: None,
            authentication: Authentication::Session,
            directories: vec!["customers".into()],
            realm: "Doorward".into(),
            access: Default::default(),
            guards: Guards { csrf, ajax },
            invalid: Invalid::Guest,
            entry: Entry::Status,
            source: Source::new("doorward.toml", 1),
        }
    }

    fn rule(require: Requirement) -> Arc<RouteRule> {
        Arc::new(RouteRule {
            methods: vec![GET],
            template: "/x".into(),
            require: vec![require],
            scopes: Vec::new(),
            parameters: Vec::new(),
            secure: false,
            own: None,
            source: Source::new("routes.toml", 1),
        })
    }

    fn found(target: Target<'_>) -> Found<'_> {
        Found { firewall: None, target, access: None, store: None }
    }

    fn may(firewall: &Firewall, method: &Method, target: Target<'_>, change: impl FnOnce(&mut Facts<'_>)) -> bool {
        let mut facts = facts(method);
        change(&mut facts);
        may_exchange(Unmatched::Deny, &facts, &found(target), firewall)
    }

    #[test]
    fn an_old_session_counts_where_one_of_ours_would() {
        let (csrf, ajax, none) = (firewall(true, false), firewall(false, true), firewall(false, false));
        let closed = rule(Requirement::OwnAccount);
        let route = || Target::Route(&closed);
        let by_script = |facts: &mut Facts<'_>| facts.ajax = true;
        let from_elsewhere = |facts: &mut Facts<'_>| facts.provenance = Provenance::Foreign;
        assert!(may(&csrf, &GET, route(), |_| {}));
        assert!(!may(&csrf, &POST, route(), |_| {}), "its token cannot have come along");
        assert!(may(&none, &POST, route(), |_| {}));
        assert!(!may(&none, &POST, route(), from_elsewhere));
        assert!(!may(&none, &GET, route(), from_elsewhere));
        assert!(may(&none, &GET, route(), |f| (f.provenance, f.navigation) = (Provenance::Foreign, true)));
        assert!(!may(&none, &GET, route(), |f| {
            (f.provenance, f.navigation, f.upgrade) = (Provenance::Foreign, true, true);
        }));
        assert!(!may(&ajax, &GET, route(), |_| {}));
        assert!(may(&ajax, &GET, route(), by_script) && may(&ajax, &POST, route(), by_script));
        assert!(!may(&ajax, &GET, route(), |f| (f.ajax, f.navigation) = (true, true)));
        assert!(!may(&ajax, &GET, route(), |f| (f.ajax, f.provenance) = (true, Provenance::Foreign)));
        assert!(!may(&none, &GET, route(), |f| f.carries.bearer = true));
        let nobody = Firewall { authentication: Authentication::None, ..firewall(false, false) };
        assert!(!may(&nobody, &GET, route(), |_| {}));
    }

    #[test]
    fn open_magento_routes_and_what_is_refused_anyway_exchange_nothing() {
        let none = firewall(false, false);
        let (open, closed) = (rule(Requirement::Anonymous), rule(Requirement::OwnAccount));
        let own = Target::Own(Own { name: "x", access_control: true, csrf: false, provenance: true, apart: false });
        let magento = |target| Found { store: Some(StoreScope::All), ..found(target) };
        let may_there = |found: &Found<'_>| may_exchange(Unmatched::Deny, &facts(&GET), found, &none);
        assert!(!may_there(&magento(Target::Route(&open))) && may_there(&magento(Target::Route(&closed))));
        assert!(may(&none, &GET, Target::Route(&open), |_| {}), "elsewhere its upstream may greet by name");
        assert!(!may(&none, &GET, Target::Unmatched, |_| {}));
        assert!(may_exchange(Unmatched::Authenticated, &facts(&GET), &found(Target::Unmatched), &none));
        assert!(!may(&none, &GET, Target::Unprocessed(Unprocessed::Path), |_| {}));
        assert!(may(&none, &GET, own, |_| {}));
        for method in [POST, Method::DELETE, Method::OPTIONS] {
            assert!(!may(&none, &method, own, |_| {}), "{method}");
        }
    }

    #[test]
    fn a_cookie_of_two_values_is_no_old_session() {
        let read = |lines: &[&'static str]| {
            let headers = lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect();
            only_value(&headers, "PHPSESSID")
        };
        assert_eq!(read(&["a=1; PHPSESSID=x", "PHPSESSID=x"]).as_deref(), Some("x"));
        for none in [&["PHPSESSID=x; PHPSESSID=y"][..], &["phpsessid=x"], &[]] {
            assert_eq!(read(none), None, "{none:?}");
        }
    }
}
