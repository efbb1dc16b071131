//! Scopes of access tokens, beside what accounts are granted.

use super::*;

/// RFC 6750 3.1: the challenge names all that the request needs, so that a client asks once.
#[test]
fn scopes_of_access_control_and_route_add_up() {
    let firewall = firewall(NO_GUARD, Invalid::Refuse);
    let closed = Arc::new(AccessRule {
        path: None,
        host: None,
        methods: vec![],
        ips: vec![],
        roles: vec![],
        scopes: vec!["api".into(), "read".into()],
        source: source(9),
    });
    let route = scoped(&["A_B::child"], &["read", "write"]);
    let verdict = |offer: &Offer| {
        let found = Found { firewall: Some(&firewall), target: Target::Route(&route), access: Some(&closed), store: None };
        let facts = facts(&Method::GET);
        let verdict = decide(&policy(Unmatched::Deny), &roles(), &facts, &found, offer);
        // Written down, read back and judged again, it comes to the same.
        let written = serde_json::to_string(&Question::of(&facts, facts.path, None, offer)).unwrap();
        let read: Question = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&Question::of(&facts, facts.path, None, &read.offer.offer())).unwrap(), written);
        verdict
    };
    let held = |scopes: &[&str]| token(account(Kind::Admin, "a", &["child"]), scopes);
    for (scopes, at, lacking) in [
        (&["write", "read"][..], source(9), "api"),
        (&["api", "write"], source(9), "read"),
        (&["api", "read"], source(1), "write"),
        (&["api", "READ"], source(9), "read"),
    ] {
        let refusal = verdict(&held(scopes)).unwrap_err();
        assert_eq!(refusal.public, Public::Forbidden, "{scopes:?}");
        let required = ["api", "read", "write"].map(Arc::from).to_vec();
        assert_eq!(refusal.reason, Reason::InsufficientScope { rule: at, required, lacking: lacking.into() }, "{scopes:?}");
    }
    assert_eq!(word(&verdict(&held(&["write", "api", "read"]))), "admin/7");
    assert_eq!(word(&verdict(&verified(account(Kind::Admin, "a", &["child"]), true))), "admin/7");
    // Rules without roles, and routes that are open: nobody passes who leaves the token away.
    assert_eq!(word(&verdict(&Offer::Absent)), "Unauthenticated:insufficient_scope");
}

/// magento-webapi 0: what demands scopes is open to nobody.
#[test]
fn a_scoped_route_below_the_prefix_of_the_shop_is_not_open() {
    let (firewall, route) = (firewall(NO_GUARD, Invalid::Refuse), scoped(&["anonymous"], &["read"]));
    let policy = policy(Unmatched::Deny);
    let store = Some(policy.routes.stores.locate("shop.test", "/V1/x").0);
    let found = Found { firewall: Some(&firewall), target: Target::Route(&route), access: None, store };
    let verdict = decide(&policy, &roles(), &facts(&Method::GET), &found, &Offer::Refused("x"));
    assert_eq!(word(&verdict), "Unauthenticated:invalid_credential");
}
