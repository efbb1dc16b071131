//! `[[access_control]]`: ordered rules, first match wins, on everything but sign-in.

use super::{PASSWORD, SignedIn, ask, event_of, site, to_upstream};
use crate::support::{Server, Site, client::Connection, upstream::Upstream};

const SERVER: &str = "trusted_proxies = [\"127.0.0.1\"]\nclient_address = \"x-forwarded-for\"\n";

const RULES: &str = r#"
[api]
ibexa_prefix = ["/api/ibexa/v2", "/closed"]
[[access_control]]
path = '^/internal'
ips = ["10.0.0.0/8", "2001:db8::/32"]
roles = ["PUBLIC_ACCESS"]
[[access_control]]
path = '^/internal'
roles = ["ROLE_NO_ACCESS"]
[[access_control]]
path = '^/staff/lobby$'
roles = []
[[access_control]]
path = '^/staff'
roles = ["clerk", "boss"]
[[access_control]]
path = '^/any/'
methods = ["POST", "DELETE"]
roles = ["ROLE_ADMIN"]
[[access_control]]
path = '^/any/'
host = '^admin\.'
roles = ["ROLE_ADMIN"]
[[access_control]]
path = '^/any/'
roles = ["ROLE_USER"]
[[access_control]]
path = '^/closed'
roles = ["ROLE_NO_ACCESS"]
[[access_control]]
path = '^/user/'
roles = ["ROLE_NO_ACCESS"]
"#;

const ROUTES: &str = r#"
[[resource]]
id = "Example_Sales::orders"
title = "Orders"
[[route]]
methods = ["GET", "POST", "DELETE"]
path = "/*rest"
require = ["anonymous"]
[[route]]
methods = ["GET"]
path = "/staff/orders"
require = ["Example_Sales::orders"]
"#;

fn serve() -> (Server, Upstream, Site) {
    let upstream = Upstream::start();
    let site = site(SERVER, &format!("{RULES}{}", to_upstream(upstream.address)), ROUTES);
    site.ok(&["role", "add", "clerk", "--allow", "Example_Sales::orders"], "");
    site.ok(&["role", "add", "boss", "--allow", "Magento_Backend::admin"], "");
    site.user("customers/jane", PASSWORD, &[]);
    site.user("admins/admin", PASSWORD, &[]);
    site.user("admins/clerk", PASSWORD, &["clerk"]);
    site.user("admins/boss", PASSWORD, &["boss"]);
    (site.serve(), upstream, site)
}

#[test]
fn the_first_rule_that_matches_decides() {
    let (server, upstream, _site) = serve();
    let session = |login| SignedIn::new(&server, login);
    let (jane, admin, clerk, boss) = (session("jane"), session("admin"), session("clerk"), session("boss"));
    let from = |address: &str| format!("X-Forwarded-For: {address}\r\n");
    let (inside, outside) = (from("10.1.2.3"), from("192.0.2.1"));
    let cases: Vec<(&str, &str, String, u16)> = vec![
        // `ips` selects, the closing rule closes.
        ("GET", "/internal/a", inside.clone(), 200),
        ("GET", "/internal/a", from("2001:db8::7"), 200),
        ("GET", "/internal/a", outside.clone(), 401),
        ("GET", "/internal/a", String::new(), 401),
        ("GET", "/internal/a", from("10.1.2.3, 192.0.2.1"), 401),
        ("GET", "/internal/a", format!("{outside}{}", boss.cookie), 403),
        ("GET", "/internal/a", format!("{inside}{}", jane.cookie), 200),
        // The more special rule comes first.
        ("GET", "/staff/lobby", String::new(), 200),
        ("GET", "/staff/lobby/x", String::new(), 401),
        // Any one of the roles.
        ("GET", "/staff/x", clerk.cookie.clone(), 200),
        ("GET", "/staff/x", boss.cookie.clone(), 200),
        ("GET", "/staff/x", admin.cookie.clone(), 403),
        ("GET", "/staff/x", jane.cookie.clone(), 403),
        // Both must agree: the route rule and the access-control rule.
        ("GET", "/staff/orders", clerk.cookie.clone(), 200),
        ("GET", "/staff/orders", boss.cookie.clone(), 403),
        // Methods, then hosts.
        ("GET", "/any/x", jane.cookie.clone(), 200),
        ("HEAD", "/any/x", jane.cookie.clone(), 200),
        ("GET", "/any/x", String::new(), 401),
        ("POST", "/any/x", format!("{}{}", jane.cookie, jane.token), 403),
        ("POST", "/any/x", format!("{}{}", admin.cookie, admin.token), 200),
        ("DELETE", "/any/x", format!("{}{}", jane.cookie, jane.token), 403),
        // No rule at all.
        ("GET", "/free", String::new(), 200),
    ];
    let mut connection = Connection::open(server.public);
    for (method, path, headers, expected) in cases {
        if method == "HEAD" {
            let reply = server.exchange(&format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"));
            assert_eq!(reply.status, expected, "{method} {path} {headers}");
            continue;
        }
        let before = upstream.received().len();
        let reply = ask(&mut connection, method, path, &headers);
        assert_eq!(reply.status, expected, "{method} {path} {headers}\n{reply:?}");
        assert_eq!(upstream.received().len() > before, expected == 200, "{method} {path}");
    }
    let by_host = |host: &str| {
        let cookie = &jane.cookie;
        server.exchange(&format!("GET /any/x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{cookie}\r\n")).status
    };
    assert_eq!([by_host("shop.test"), by_host("ADMIN.shop.test."), by_host("admin.shop.test:99")], [200, 403, 403]);
}

#[test]
fn the_log_names_the_line_of_the_rule_and_the_believed_client() {
    let (server, _upstream, site) = serve();
    let reply = server.get("/internal/a", "Accept: application/json\r\nX-Forwarded-For: 10.9.9.9, 192.0.2.8\r\n");
    let event = event_of(&server, reply.json()["request_id"].as_str().unwrap());
    let text = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    let closing = text.lines().position(|line| line.contains("ROLE_NO_ACCESS")).unwrap() - 1;
    let detail = event["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("doorward.toml:{closing}")), "line {closing}: {detail}");
    assert_eq!(event["client"], "192.0.2.8");
}

/// Everything of ours is covered, except the way in: whoever could not sign in could never be let in.
#[test]
fn own_endpoints_are_covered_but_signing_in_is_not() {
    let (server, _upstream, _site) = serve();
    let input = format!(r#"{{"SessionInput":{{"login":"jane","password":"{PASSWORD}"}}}}"#);
    let json = "Content-Type: application/json\r\nAccept: application/json\r\n";
    let created = server.send("POST", "/closed/user/sessions", json, &input);
    assert_eq!(created.status, 201, "{created:?}");
    let session = &created.json()["Session"];
    let (id, token) = (session["identifier"].as_str().unwrap(), session["csrfToken"].as_str().unwrap());
    let headers = format!("Cookie: {}\r\nX-CSRF-Token: {token}\r\n{json}", created.cookie("").unwrap());
    for (method, path) in [
        ("GET", "/closed/user/sessions/current".to_owned()),
        ("POST", format!("/closed/user/sessions/{id}/refresh")),
        ("DELETE", format!("/closed/user/sessions/{id}")),
        ("GET", "/closed/user/current".to_owned()),
        ("GET", "/closed/".to_owned()),
    ] {
        let reply = server.send(method, &path, &headers, "");
        assert_eq!(reply.status, 401, "{method} {path}: {reply:?}");
    }
    // The same session is alive where nothing is closed.
    assert_eq!(server.get("/api/ibexa/v2/user/sessions/current", &headers).status, 200);
    assert_eq!(server.get("/login", "").status, 200);
}
