//! The decision as a matrix: every kind of caller x every kind of target, compared with a table for people.

mod guards;
mod scopes;

use super::*;
use crate::{
    Carries, Kind, Provenance, Question, Source,
    access::AccessRule,
    acl::{Resource, Tree},
    firewall::{Entry, Guards},
    policy::{Own, Serve},
    refusal::Public,
    route::RouteTable,
};
use http::Method;
use std::{collections::BTreeSet, fmt::Write, net::IpAddr};

const OWN: Own = Own { name: "test.own", access_control: true, csrf: true, provenance: true, apart: false };

fn source(line: u32) -> Source {
    Source::new("test", line)
}

fn account(kind: Kind, login: &str, roles: &[&str]) -> Arc<Account> {
    let roles = roles.iter().map(|r| Arc::from(*r)).collect();
    Arc::new(Account { directory: "d".into(), kind, id: 7, login: login.into(), roles, membership: None })
}

fn rule(require: &[&str], secure: bool) -> Arc<RouteRule> {
    Arc::new(RouteRule {
        methods: vec![Method::GET],
        template: "/t".into(),
        require: require.iter().map(|r| Requirement::parse(r)).collect(),
        scopes: Vec::new(),
        parameters: vec![],
        secure,
        own: None,
        source: source(1),
    })
}

/// The same, for tokens that are good for this.
fn scoped(require: &[&str], scopes: &[&str]) -> Arc<RouteRule> {
    Arc::new(RouteRule { scopes: scopes.iter().map(|scope| Arc::from(*scope)).collect(), ..(*rule(require, false)).clone() })
}

fn firewall(guards: Guards, invalid: Invalid) -> Arc<Firewall> {
    Arc::new(Firewall {
        name: "main".into(),
        host: None,
        path: None,
        methods: vec![],
        when: None,
        authentication: Authentication::Session,
        realm: "".into(),
        access: Default::default(),
        directories: vec!["d".into()],
        guards,
        invalid,
        entry: Entry::Status,
        source: source(2),
    })
}

/// One without rules.
pub(crate) fn policy(unmatched: Unmatched) -> Policy {
    let resource = |id: &str, parent: Option<&str>| Resource {
        id: id.into(),
        title: id.into(),
        parent: parent.map(Into::into),
        source: source(3),
    };
    Policy {
        hash: "0".into(),
        hosts: None,
        origins: vec![],
        cors: crate::Cors::default(),
        sites: crate::Sites::default(),
        ibexa_prefixes: vec![],
        serve: Serve { sessions: true, tokens: false, accounts: false, root: true, users: true, pages: true, jwt: true },
        directories: vec![],
        firewalls: vec![],
        access: vec![],
        routes: RouteTable::default(),
        resources: Tree::new([
            resource("Magento_Backend::all", None),
            resource("Magento_Backend::admin", None),
            resource("A_B::parent", Some("Magento_Backend::admin")),
            resource("A_B::child", Some("A_B::parent")),
        ]),
        unmatched,
        upstreams: vec![],
        oauth: None,
        issuers: Vec::new(),
        providers: Vec::new(),
    }
}

fn roles() -> RoleBook {
    let role = |name: &str, held: &[&str]| (Arc::from(name), held.iter().map(|r| Arc::from(*r)).collect::<BTreeSet<_>>());
    RoleBook::new([
        role("full", &["Magento_Backend::all"]),
        role("parent", &["A_B::parent"]),
        role("child", &["A_B::child"]),
        role("empty", &[]),
    ])
}

fn facts<'a>(method: &'a Method) -> Facts<'a> {
    Facts {
        method,
        host: "h",
        path: "/t",
        secure: false,
        client: IpAddr::from([127, 0, 0, 1]),
        carries: Carries::default(),
        ajax: false,
        navigation: false,
        provenance: Provenance::Unstated,
        upgrade: false,
        acceptable: true,
        expected_user: None,
    }
}

fn verified(account: Arc<Account>, csrf_valid: bool) -> Offer {
    Offer::Verified(Evidence { account, ambient: true, csrf_valid, scopes: None })
}

/// An access token of the account, good for this.
fn token(account: Arc<Account>, scopes: &[&str]) -> Offer {
    let scopes = scopes.iter().map(|scope| Arc::from(*scope)).collect();
    Offer::Verified(Evidence { account, ambient: false, csrf_valid: false, scopes: Some(scopes) })
}

fn word(result: &Result<Permit, Refusal>) -> String {
    match result {
        Ok(permit) => permit.identity().to_string(),
        Err(refusal) => format!("{:?}:{}", refusal.public, refusal.reason.code()),
    }
}

const NO_GUARD: Guards = Guards { csrf: false, ajax: false };

#[test]
fn every_caller_meets_every_target() {
    let callers: [(&str, Offer); 11] = [
        ("absent", Offer::Absent),
        ("refused", Offer::Refused("unreadable")),
        ("store away", Offer::Unavailable("down".into())),
        ("customer", verified(account(Kind::Customer, "c", &[]), true)),
        ("admin, no role", verified(account(Kind::Admin, "a", &["empty"]), true)),
        ("admin, parent", verified(account(Kind::Admin, "a", &["parent"]), true)),
        ("admin, child", verified(account(Kind::Admin, "a", &["child"]), true)),
        ("admin, all", verified(account(Kind::Admin, "a", &["full"]), true)),
        ("token, none", token(account(Kind::Admin, "a", &["child"]), &[])),
        ("token, read", token(account(Kind::Admin, "a", &["child"]), &["read"])),
        ("token, both", token(account(Kind::Admin, "a", &["child"]), &["read", "write"])),
    ];
    let rules = [
        rule(&["anonymous"], false),
        rule(&["self"], false),
        rule(&["A_B::parent"], false),
        rule(&["A_B::child"], false),
        rule(&["A_B::parent", "A_B::child"], false),
        rule(&["A_B::unknown"], false),
        rule(&["Magento_Backend::admin"], false),
        rule(&["anonymous", "self"], false),
        rule(&["anonymous"], true),
        scoped(&["anonymous"], &["read"]),
        scoped(&["A_B::child"], &["read", "write"]),
        scoped(&["A_B::parent"], &["read"]),
    ];
    let mut table = String::new();
    for (caller, offer) in &callers {
        for invalid in [Invalid::Refuse, Invalid::Guest] {
            let firewall = firewall(NO_GUARD, invalid);
            let mut line = |target: Target<'_>, unmatched, label: String| {
                let found = Found { firewall: Some(&firewall), target, access: None, store: None };
                let verdict = decide(&policy(unmatched), &roles(), &facts(&Method::GET), &found, offer);
                writeln!(table, "{caller:16}| invalid={:6} | {label:38}| {}", format!("{invalid:?}"), word(&verdict)).unwrap();
            };
            line(Target::Own(OWN), Unmatched::Deny, "own endpoint".into());
            for rule in &rules {
                let names = rule.require.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(" + ");
                let scopes: String = rule.scopes.iter().map(|scope| format!(" [{scope}]")).collect();
                let secure = if rule.secure { " (https)" } else { "" };
                line(Target::Route(rule), Unmatched::Deny, format!("{names}{scopes}{secure}"));
            }
            for unmatched in [Unmatched::Deny, Unmatched::Authenticated, Unmatched::Allow] {
                line(Target::Unmatched, unmatched, format!("no rule, {unmatched:?}"));
            }
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/decide/matrix.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    assert!(table == golden, "the decision changed; read the difference after UPDATE=1 cargo test -p doorward-core\n{table}");
}

#[test]
fn a_question_that_cannot_be_read_is_no_permit() {
    let facts = facts(&Method::GET);
    let question = Question::of(&facts, facts.path, Some(OWN), &Offer::Absent);
    assert!(question.judge(&policy(Unmatched::Allow), &roles(), |_| None).is_none());
    assert!(
        Question { method: "G T".into(), ..question.clone() }.judge(&policy(Unmatched::Allow), &roles(), |_| Some(OWN)).is_none()
    );
    let mut written = serde_json::to_value(&question).unwrap();
    written["surprise"] = true.into();
    assert!(serde_json::from_value::<Question>(written).is_err());
}

#[test]
fn a_guest_is_never_whom_x_expected_user_names() {
    let firewall = firewall(NO_GUARD, Invalid::Refuse);
    let found = Found { firewall: Some(&firewall), target: Target::Own(OWN), access: None, store: None };
    let facts = Facts { expected_user: Some("admin"), ..facts(&Method::GET) };
    assert_eq!(word(&decide(&policy(Unmatched::Deny), &roles(), &facts, &found, &Offer::Absent)), "Unauthenticated:user_changed");
}

#[test]
fn no_firewall_refuses_whatever_is_offered() {
    let open = rule(&["anonymous"], false);
    let found = Found { firewall: None, target: Target::Route(&open), access: None, store: None };
    for offer in [Offer::Absent, verified(account(Kind::Admin, "a", &["full"]), true)] {
        let verdict = decide(&policy(Unmatched::Allow), &roles(), &facts(&Method::GET), &found, &offer);
        assert!(word(&verdict).ends_with(":no_firewall"), "{}", word(&verdict));
    }
}

#[test]
fn route_rule_and_access_control_must_both_agree() {
    let firewall = firewall(NO_GUARD, Invalid::Refuse);
    let closed = Arc::new(AccessRule {
        path: None,
        host: None,
        methods: vec![],
        ips: vec![],
        roles: vec!["ROLE_ADMIN".into()],
        scopes: Vec::new(),
        source: source(9),
    });
    let (open, granted) = (rule(&["anonymous"], false), rule(&["A_B::child"], false));
    let verdict = |rule: &Arc<RouteRule>, offer: &Offer| {
        let found = Found { firewall: Some(&firewall), target: Target::Route(rule), access: Some(&closed), store: None };
        word(&decide(&policy(Unmatched::Deny), &roles(), &facts(&Method::GET), &found, offer))
    };
    assert_eq!(verdict(&open, &Offer::Absent), "Unauthenticated:access_control");
    assert_eq!(verdict(&open, &verified(account(Kind::Customer, "c", &[]), true)), "Forbidden:access_control");
    assert_eq!(verdict(&open, &verified(account(Kind::Admin, "a", &[]), true)), "admin/7");
    assert_eq!(verdict(&granted, &verified(account(Kind::Admin, "a", &[]), true)), "Forbidden:not_granted");
    assert_eq!(verdict(&granted, &verified(account(Kind::Admin, "a", &["child"]), true)), "admin/7");
}

#[test]
fn roles_that_nobody_knows_are_unavailable_and_no_refusal_of_the_caller() {
    let firewall = firewall(NO_GUARD, Invalid::Refuse);
    let unknown = RoleBook::unknown("deaf");
    let cases: &[(&[&str], Kind, &[&str], &str)] = &[
        (&["A_B::child"], Kind::Admin, &["child"], "Unavailable:unavailable"),
        (&["A_B::child"], Kind::Customer, &["child"], "Unavailable:unavailable"),
        (&["self"], Kind::Admin, &["full"], "Unavailable:unavailable"),
        // What no role changes is known all the same.
        (&["A_B::child"], Kind::Admin, &[], "Forbidden:not_granted"),
        (&["anonymous"], Kind::Admin, &["full"], "admin/7"),
        (&["self"], Kind::Customer, &["child"], "customer/7"),
    ];
    for (require, kind, held, expected) in cases {
        let rule = rule(require, false);
        let found = Found { firewall: Some(&firewall), target: Target::Route(&rule), access: None, store: None };
        let offer = verified(account(*kind, "a", held), true);
        let verdict = decide(&policy(Unmatched::Deny), &unknown, &facts(&Method::GET), &found, &offer);
        assert_eq!(word(&verdict), *expected, "{require:?} {kind:?} {held:?}");
    }
    let closed = rule(&["A_B::child"], false);
    let found = Found { firewall: Some(&firewall), target: Target::Route(&closed), access: None, store: None };
    let guest = decide(&policy(Unmatched::Deny), &unknown, &facts(&Method::GET), &found, &Offer::Absent);
    assert_eq!(word(&guest), "Unauthenticated:not_granted");
}

/// What is different about a request.
type Change = fn(&mut Facts<'_>);

/// magento-webapi 0, RestSessionCookieTest: what is open in the shop is open whatever comes along.
#[test]
fn no_credential_makes_an_open_route_of_the_shop_fail() {
    let (open, closed) = (rule(&["anonymous"], false), rule(&["A_B::child"], false));
    let strict = firewall(Guards { csrf: true, ajax: false }, Invalid::Refuse);
    let foreign = |facts: &mut Facts<'_>| facts.provenance = Provenance::Foreign;
    let offers: [(&str, Offer, Method, Change, &str, &str); 6] = [
        ("absent", Offer::Absent, Method::POST, |_| {}, "guest", "Unauthenticated:not_granted"),
        ("refused", Offer::Refused("x"), Method::GET, |_| {}, "guest", "Unauthenticated:invalid_credential"),
        ("store away", Offer::Unavailable("x".into()), Method::GET, |_| {}, "guest", "Unavailable:unavailable"),
        (
            "no token",
            verified(account(Kind::Admin, "a", &["child"]), false),
            Method::POST,
            |_| {},
            "guest",
            "Unauthenticated:csrf",
        ),
        (
            "foreign",
            verified(account(Kind::Admin, "a", &["child"]), true),
            Method::POST,
            foreign,
            "guest",
            "Forbidden:foreign_origin",
        ),
        ("good", verified(account(Kind::Admin, "a", &["child"]), true), Method::POST, |_| {}, "admin/7", "admin/7"),
    ];
    let policy = policy(Unmatched::Deny);
    let shop = policy.routes.stores.locate("shop.test", "/V1/x").0;
    for (name, offer, method, change, on_open, elsewhere) in offers {
        let mut facts = facts(&method);
        change(&mut facts);
        let judge = |rule: &Arc<RouteRule>, store| {
            let found = Found { firewall: Some(&strict), target: Target::Route(rule), access: None, store };
            word(&decide(&policy, &roles(), &facts, &found, &offer))
        };
        assert_eq!(judge(&open, Some(shop)), on_open, "{name}");
        assert_eq!(judge(&closed, Some(shop)), elsewhere, "{name}");
        let outside = judge(&open, None);
        assert_eq!(outside == on_open, matches!(name, "absent" | "good"), "{name}: {outside}");
    }
}

/// magento-webapi 3.4, 4.6: nobody but a customer has a value for what stands for a customer.
#[test]
fn a_forced_parameter_that_only_customers_have_is_refused_to_all_others() {
    let parameter = |value: &str, force| Parameter { name: "customerId".into(), value: Some(value.into()), force };
    let firewall = firewall(Guards { csrf: false, ajax: false }, Invalid::Guest);
    let everything = ["FULL"];
    for (value, force, kind, passes) in [
        ("%customer_id%", true, Some(Kind::Customer), true),
        ("%customer_id%", true, Some(Kind::Admin), false),
        ("%cart_id%", true, Some(Kind::Integration), false),
        ("%customer_group_id%", true, None, false),
        ("%customer_id%", false, None, true),
        ("%user_id%", true, None, true),
        ("7", true, None, true),
    ] {
        let route = Arc::new(RouteRule { parameters: vec![parameter(value, force)], ..(*rule(&["anonymous"], false)).clone() });
        let found = Found { firewall: Some(&firewall), target: Target::Route(&route), access: None, store: None };
        let offer = kind.map_or(Offer::Absent, |kind| {
            Offer::Verified(Evidence {
                account: account(kind, "x", &everything),
                ambient: false,
                csrf_valid: false,
                scopes: None,
            })
        });
        let verdict = decide(&policy(Unmatched::Deny), &roles(), &facts(&Method::GET), &found, &offer);
        match verdict {
            Ok(_) => assert!(passes, "{value} {kind:?}"),
            Err(refusal) => {
                assert!(!passes, "{value} {kind:?}: {refusal:?}");
                assert_eq!(refusal, Refusal::new(Reason::NoParameter("customerId".into()), kind.is_some()));
            }
        }
    }
}
