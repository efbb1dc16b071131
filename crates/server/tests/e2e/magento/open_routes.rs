//! Routes that are open to `anonymous`: no credential can make them fail, and no session is opened or ended there.

use super::{AJAX, FIREWALLS, Shop, said, unauthorized};
use std::fs;

const OPEN: &str = "/rest/V1/directory/countries";

#[test]
fn rest_session_no_cookie() {
    let shop = Shop::open("", FIREWALLS);
    let reply = shop.server.get(OPEN, "");
    assert_eq!((reply.status, reply.header("set-cookie")), (200, None), "{reply:?}");
    assert_eq!(shop.named(), "guest");
}

#[test]
fn no_credential_makes_an_open_route_fail_and_a_good_one_is_named() {
    // The second shop is as strict as can be: a token with every call, and what is wrong is refused.
    for firewalls in [FIREWALLS, "", "[[firewall]]\nname = \"strict\"\nguard = [\"csrf\", \"ajax\"]\n"] {
        let shop = Shop::open("", firewalls);
        let jane = crate::gateway::SignedIn::new(&shop.server, "jane@example.com");
        let (cookie, dead) = (jane.cookie.clone(), "Cookie: doorward_customers=0123456789abcdef\r\n".to_owned());
        let foreign = format!("{cookie}{AJAX}Origin: https://evil.example\r\n");
        for (method, path) in [("GET", OPEN), ("POST", "/rest/V1/guest-carts")] {
            for headers in [
                "Authorization: Bearer nonsense\r\n",
                "Authorization: Bearer  two spaces\r\n",
                "Authorization: OAuth oauth_token=\"x\"\r\n",
                "Authorization: Basic !!!\r\n",
                &dead,
                &cookie,
                &foreign,
                &format!("{cookie}{AJAX}Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: cross-site\r\n"),
                &format!("{cookie}X-CSRF-Token: nonsense\r\n"),
            ] {
                let reply = shop.server.send(method, path, headers, "");
                assert_eq!((reply.status, reply.header("set-cookie")), (200, None), "{firewalls} {method} {headers}: {reply:?}");
            }
            let full = format!("{cookie}{AJAX}{}", jane.token);
            assert_eq!(shop.server.send(method, path, &full, "").status, 200);
            assert!(shop.named().starts_with("customer/"), "{firewalls} {method}");
        }
        // A dead cookie is deleted only where a session is asked for.
        let elsewhere = shop.server.get("/rest/V1/customers/me", &format!("{dead}{AJAX}"));
        assert_eq!(said(&elsewhere), unauthorized("self"));
        assert!(elsewhere.header("set-cookie").is_some_and(|line| line.starts_with("doorward_customers=")), "{elsewhere:?}");
    }
}

#[test]
fn a_session_that_does_not_count_leaves_a_guest() {
    let shop = Shop::open("", FIREWALLS);
    let cookie = crate::gateway::SignedIn::new(&shop.server, "jane@example.com").cookie;
    for headers in ["", "X-Requested-With: xmlhttprequest\r\n", "X-Requested-With: XMLHttpRequest, x\r\n"] {
        assert_eq!(shop.server.get(OPEN, &format!("{cookie}{headers}")).status, 200);
        assert_eq!(shop.named(), "guest", "{headers}");
        for query in ["", "?isAjax=1", "?ajax=1"] {
            let reply = shop.server.get(&format!("/rest/V1/customers/me{query}"), &format!("{cookie}{headers}"));
            assert_eq!(said(&reply), unauthorized("self"), "{headers} {query}");
        }
    }
    assert_eq!(shop.server.get("/rest/V1/customers/me", &format!("{cookie}{AJAX}")).status, 200);
}

#[test]
fn a_store_that_is_away_leaves_open_routes_open() {
    let first = Shop::open("", FIREWALLS);
    let cookie = crate::gateway::SignedIn::new(&first.server, "jane@example.com").cookie;
    let Shop { server, upstream, site } = first;
    assert_eq!(server.stop().0, 0);
    // A new process has to look for the session, and finds its store broken.
    let server = site.serve();
    for name in ["doorward.db", "doorward.db-wal"] {
        let file = site.path().join(name);
        if file.exists() {
            let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
            fs::write(&file, vec![0xff; length]).unwrap();
        }
    }
    let headers = format!("{cookie}{AJAX}");
    assert_eq!(server.get("/rest/V1/customers/me", &headers).status, 503);
    let reply = server.get(OPEN, &headers);
    assert_eq!((reply.status, reply.header("set-cookie")), (200, None), "{reply:?}");
    assert_eq!(upstream.last().header("doorward-identity"), Some("guest"));
}
