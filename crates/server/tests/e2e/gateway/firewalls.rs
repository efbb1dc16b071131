//! `[[firewall]]`: the first one that matches by host, path, method and kind of credential judges, and only that one.

use super::{PASSWORD, SignedIn, event_of, site, to_upstream};
use crate::support::{Server, Site, upstream::Upstream};

const FIREWALLS: &str = r#"
[[firewall]]
name = "api-host"
host = '^api\.'
authentication = "none"
[[firewall]]
name = "health"
path = '^/health$'
methods = ["GET", "HEAD"]
authentication = "none"
[[firewall]]
name = "basic"
path = '^/when/'
when = "basic"
authentication = "none"
[[firewall]]
name = "bearer"
path = '^/when/'
when = "bearer"
authentication = "none"
[[firewall]]
name = "with-cookie"
path = '^/when/'
when = "cookie"
[[firewall]]
name = "admins-first"
path = '^/admins-first'
directory = ["admins", "customers"]
[[firewall]]
name = "admins-only"
path = '^/admins-only'
directory = "admins"
[[firewall]]
name = "main"
path = '^/(api|health|when|first)'
"#;

const ROUTES: &str = "[[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/*rest\"\nrequire = [\"anonymous\"]\n";

fn serve() -> (Server, Upstream, Site) {
    let upstream = Upstream::start();
    let site = site("", &format!("{FIREWALLS}{}", to_upstream(upstream.address)), ROUTES);
    site.user("customers/jane", PASSWORD, &[]);
    site.user("admins/admin", PASSWORD, &[]);
    (site.serve(), upstream, site)
}

#[test]
fn the_first_firewall_that_matches_judges_alone() {
    let (server, upstream, _site) = serve();
    let jane = SignedIn::new(&server, "jane");
    let cookie = &jane.cookie;
    let carrying = |authorization: &str| format!("Authorization: {authorization}\r\n{cookie}");
    for (host, method, path, headers, firewall, identity) in [
        ("shop.test", "GET", "/first", cookie.clone(), "main", "customer/1"),
        ("API.shop.test", "GET", "/first", cookie.clone(), "api-host", "guest"),
        ("api.shop.test:8443", "GET", "/first", cookie.clone(), "api-host", "guest"),
        ("api.shop.test.", "GET", "/first", cookie.clone(), "api-host", "guest"),
        ("myapi.shop.test", "GET", "/first", cookie.clone(), "main", "customer/1"),
        ("shop.test", "GET", "/health", cookie.clone(), "health", "guest"),
        ("shop.test", "POST", "/health", format!("{cookie}{}Content-Length: 0\r\n", jane.token), "main", "customer/1"),
        ("shop.test", "GET", "/health/x", cookie.clone(), "main", "customer/1"),
        ("shop.test", "GET", "/when/x", carrying("Basic !!"), "basic", "guest"),
        ("shop.test", "GET", "/when/x", carrying("bearer"), "bearer", "guest"),
        ("shop.test", "GET", "/when/x", carrying("Digest x"), "with-cookie", "customer/1"),
        ("shop.test", "GET", "/when/x", String::new(), "main", "guest"),
        // `when` asks what is carried, not whether it is sound.
        ("shop.test", "GET", "/when/x", "Cookie: doorward_customers=nonsense\r\n".to_owned(), "with-cookie", "guest"),
    ] {
        let reply = server.exchange(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"));
        assert_eq!(reply.status, 200, "{host} {path}: {reply:?}");
        let received = upstream.last();
        assert_eq!(received.header("doorward-identity"), Some(identity), "{method} {host} {path} {headers}");
        let event = event_of(&server, received.header("doorward-request-id").unwrap());
        assert_eq!(event["firewall"], firewall, "{method} {host} {path} {headers}");
        let method = if matches!(firewall, "main" | "with-cookie") { "session" } else { "none" };
        assert_eq!((received.header("doorward-method"), &event["authentication"]), (Some(method), &method.into()), "{path}");
    }
}

#[test]
fn what_no_firewall_matches_is_refused() {
    let (server, upstream, _site) = serve();
    let jane = SignedIn::new(&server, "jane");
    for headers in ["", &jane.cookie] {
        // Nobody was asked who calls, so everyone is a stranger here.
        let reply = server.get("/elsewhere", &format!("{headers}Accept: application/json\r\n"));
        assert_eq!(reply.status, 401, "{reply:?}");
        let event = event_of(&server, reply.json()["request_id"].as_str().unwrap());
        assert_eq!((&event["reason"], &event["firewall"]), (&"no_firewall".into(), &"-".into()), "{event}");
    }
    assert!(upstream.received().is_empty());
}

#[test]
fn the_order_of_directories_decides_between_live_sessions() {
    let (server, upstream, _site) = serve();
    let (jane, admin) = (SignedIn::new(&server, "jane"), SignedIn::new(&server, "admin"));
    let pair = |session: &SignedIn| session.cookie["Cookie: ".len()..].trim().to_owned();
    for cookies in [[&jane, &admin], [&admin, &jane]] {
        let both = format!("Cookie: {}; {}\r\n", pair(cookies[0]), pair(cookies[1]));
        for (path, identity) in [("/first", "customer/1"), ("/admins-first", "admin/1"), ("/admins-only", "admin/1")] {
            assert_eq!(server.get(path, &both).status, 200);
            assert_eq!(upstream.last().header("doorward-identity"), Some(identity), "{path} {both}");
            assert_eq!(upstream.last().header("cookie"), None, "{path}");
        }
    }
    // A session of a directory that is not asked counts for nothing, and is not deleted either.
    let reply = server.get("/admins-only", &jane.cookie);
    assert_eq!((reply.status, reply.header("set-cookie")), (200, None));
    assert_eq!(upstream.last().header("doorward-identity"), Some("guest"));
    // An id is one of its own directory only.
    let swapped = format!("Cookie: doorward_admins={}\r\n", pair(&jane).split_once('=').unwrap().1);
    assert_eq!(server.get("/first", &swapped).status, 200);
    assert_eq!(upstream.last().header("doorward-identity"), Some("guest"));
}

#[test]
fn without_firewalls_one_for_sessions_stands() {
    let upstream = Upstream::start();
    let site = site("", &to_upstream(upstream.address), ROUTES);
    site.user("customers/jane", PASSWORD, &[]);
    let server = site.serve();
    let jane = SignedIn::new(&server, "jane");
    assert_eq!(server.get("/anywhere", &jane.cookie).status, 200);
    assert_eq!(upstream.last().header("doorward-identity"), Some("customer/1"));
    let unsafe_without_token = server.send("POST", "/anywhere", &jane.cookie, "");
    assert_eq!(unsafe_without_token.status, 401, "its guard is csrf: {unsafe_without_token:?}");
}
