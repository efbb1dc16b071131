//! What stands between a session and its identity.

use super::*;

/// One row of the guard table: firewall guards, lenient?, method, change of facts, CSRF valid?, expected word.
type GuardCase = (&'static str, Guards, Invalid, Method, fn(&mut Facts<'_>), bool, &'static str);

#[test]
fn guards_stand_between_a_session_and_its_identity() {
    const CSRF: Guards = Guards { csrf: true, ajax: false };
    const AJAX: Guards = Guards { csrf: false, ajax: true };
    const BOTH: Guards = Guards { csrf: true, ajax: true };
    let cases: &[GuardCase] = &[
        ("csrf, safe", CSRF, Invalid::Refuse, Method::GET, |_| {}, false, "customer/7"),
        ("csrf, head is safe", CSRF, Invalid::Refuse, Method::HEAD, |_| {}, false, "customer/7"),
        ("csrf, options is safe", CSRF, Invalid::Refuse, Method::OPTIONS, |_| {}, false, "customer/7"),
        ("csrf, post without", CSRF, Invalid::Refuse, Method::POST, |_| {}, false, "Unauthenticated:csrf"),
        ("csrf fails on lenient too", CSRF, Invalid::Guest, Method::POST, |_| {}, false, "Unauthenticated:csrf"),
        ("csrf, post with", CSRF, Invalid::Refuse, Method::POST, |_| {}, true, "customer/7"),
        (
            "csrf, foreign origin",
            CSRF,
            Invalid::Refuse,
            Method::POST,
            |f| f.provenance = Provenance::Foreign,
            true,
            "Forbidden:foreign_origin",
        ),
        ("csrf, ours", CSRF, Invalid::Refuse, Method::POST, |f| f.provenance = Provenance::Ours, true, "customer/7"),
        ("foreign read", CSRF, Invalid::Refuse, Method::GET, |f| f.provenance = Provenance::Foreign, false, "customer/7"),
        (
            "foreign websocket",
            CSRF,
            Invalid::Refuse,
            Method::GET,
            |f| {
                f.provenance = Provenance::Foreign;
                f.upgrade = true
            },
            false,
            "Forbidden:foreign_origin",
        ),
        ("ajax absent", AJAX, Invalid::Guest, Method::GET, |_| {}, false, "guest"),
        ("ajax absent, strict", AJAX, Invalid::Refuse, Method::GET, |_| {}, false, "Unauthenticated:not_ajax"),
        ("ajax present", AJAX, Invalid::Guest, Method::GET, |f| f.ajax = true, false, "customer/7"),
        ("ajax asks no token", AJAX, Invalid::Guest, Method::POST, |f| f.ajax = true, false, "customer/7"),
        (
            "ajax on a navigation",
            AJAX,
            Invalid::Guest,
            Method::GET,
            |f| {
                f.ajax = true;
                f.navigation = true
            },
            false,
            "guest",
        ),
        (
            "ajax from elsewhere",
            AJAX,
            Invalid::Guest,
            Method::GET,
            |f| {
                f.ajax = true;
                f.provenance = Provenance::Foreign
            },
            false,
            "guest",
        ),
        ("both, no token", BOTH, Invalid::Guest, Method::POST, |f| f.ajax = true, false, "Unauthenticated:csrf"),
        ("both", BOTH, Invalid::Guest, Method::POST, |f| f.ajax = true, true, "customer/7"),
        (
            "no guard, foreign post",
            NO_GUARD,
            Invalid::Refuse,
            Method::POST,
            |f| f.provenance = Provenance::Foreign,
            false,
            "Forbidden:foreign_origin",
        ),
        ("expected user", NO_GUARD, Invalid::Refuse, Method::GET, |f| f.expected_user = Some("c"), false, "customer/7"),
        (
            "other user",
            NO_GUARD,
            Invalid::Refuse,
            Method::GET,
            |f| f.expected_user = Some("d"),
            false,
            "Unauthenticated:user_changed",
        ),
        (
            "csrf before expected user",
            CSRF,
            Invalid::Refuse,
            Method::POST,
            |f| f.expected_user = Some("d"),
            false,
            "Unauthenticated:csrf",
        ),
    ];
    let open = rule(&["anonymous"], false);
    for (name, guards, invalid, method, change, csrf_valid, expected) in cases {
        let firewall = firewall(*guards, *invalid);
        let mut facts = facts(method);
        change(&mut facts);
        let found = Found { firewall: Some(&firewall), target: Target::Route(&open), access: None, store: None };
        let offer = verified(account(Kind::Customer, "c", &[]), *csrf_valid);
        let verdict = decide(&policy(Unmatched::Deny), &roles(), &facts, &found, &offer);
        assert_eq!(word(&verdict), *expected, "{name}");

        // Written down, read back and judged again, it comes to the same.
        let written = serde_json::to_string(&Question::of(&facts, facts.path, Some(OWN), &offer)).unwrap();
        let read: Question = serde_json::from_str(&written).unwrap();
        let mut same = policy(Unmatched::Deny);
        same.firewalls = vec![Arc::clone(&firewall)];
        let again = read.judge(&same, &roles(), |name| (name == OWN.name).then_some(OWN)).unwrap();
        assert_eq!(word(&again), *expected, "{name}, again");
    }
}
