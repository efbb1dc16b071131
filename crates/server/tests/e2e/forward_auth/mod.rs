//! Forward-auth behind the proxies that people have. Each is asked for the same things, and lied to in the same ways.

mod caddy;
mod envoy;
mod haproxy;
mod nginx;
mod printed;
mod traefik;

use crate::support::{
    Server, Session, Site,
    client::{Reply, exchange},
    proxy::Proxy,
    python::claims,
    upstream::{Received, Upstream},
};
use std::{net::SocketAddr, path::Path};

const PASSWORD: &str = "correct horse battery";
/// What a client says that is not so.
const SPOOF: &str = "zqspoof";

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
hosts = ["shop.test"]
trusted_proxies = ["127.0.0.2"]
client_address = "x-forwarded-for"
[operations]
listen = "127.0.0.1:0"
[log]
format = "json"
[passwords]
memory_kib = 1024
iterations = 1
[[directory]]
name = "admins"
kind = "admin"
[[firewall]]
name = "pages"
path = '^/page'
entry = "page"
[[firewall]]
name = "main"
[routes]
files = ["routes.toml"]
[[upstream]]
name = "shop"
url = "{upstream}"
[[forward_auth]]
convention = "{convention}"
path = "/_doorward/verdict"
"#;

const ROUTES: &str = r#"
[[route]]
methods = ["GET", "POST"]
path = "/open"
require = ["anonymous"]
[[route]]
methods = ["GET", "POST"]
path = "/closed/:name"
require = ["Example_Test::closed"]
[[route]]
methods = ["GET"]
path = "/page"
require = ["Example_Test::closed"]
[[resource]]
id = "Example_Test::closed"
title = "Closed"
"#;

/// Doorward, the service behind, and somebody who is signed in.
struct Place {
    site: Site,
    server: Server,
    upstream: Upstream,
    session: Session,
}

impl Place {
    /// The proxy talks to Doorward from 127.0.0.2, which is trusted.
    fn new(convention: &str) -> Self {
        Self::trusting("127.0.0.2", convention)
    }

    fn trusting(proxy: &str, convention: &str) -> Self {
        let upstream = Upstream::start();
        let config = CONFIG.replace("{upstream}", &upstream.url()).replace("{convention}", convention);
        let config = config.replace("127.0.0.2", proxy);
        let site = Site::new(&config);
        site.write("routes.toml", ROUTES);
        site.ok(&["role", "add", "keepers", "--allow", "Example_Test::closed"], "");
        site.user("admins/jane", PASSWORD, &["keepers"]);
        let server = site.serve();
        let headers =
            "Host: shop.test\r\nContent-Type: application/vnd.ibexa.api.SessionInput+json\r\nAccept: application/json\r\n";
        let body = format!("{{\"SessionInput\":{{\"login\":\"jane\",\"password\":\"{PASSWORD}\"}}}}");
        let reply = ask(server.public, "POST /api/ibexa/v2/user/sessions", headers, &body);
        assert_eq!(reply.status, 201, "{reply:?}");
        let session = &reply.json()["Session"];
        let word = |name: &str| session[name].as_str().unwrap().to_owned();
        let (id, token) = (word("identifier"), word("csrfToken"));
        let session = Session { cookie: format!("{}={id}", word("name")), id, token };
        Self { site, server, upstream, session }
    }

    /// Starts a proxy; `{doorward}` and `{upstream}` in its configuration are their addresses.
    fn behind(&self, file: &str, config: &str, command: &[&str]) -> Front<'_> {
        Front { proxy: self.start(self.server.public, file, config, command), place: self, asks: true }
    }

    fn start(&self, doorward: SocketAddr, file: &str, config: &str, command: &[&str]) -> Proxy {
        let config = config
            .replace("{doorward}", &doorward.to_string())
            .replace("{doorward-port}", &doorward.port().to_string())
            .replace("{upstream}", &self.upstream.address.to_string())
            .replace("{upstream-port}", &self.upstream.address.port().to_string());
        Proxy::start(&self.site, file, &config, command)
    }

    /// The same in front of somebody who permits everything and writes down what arrives: nothing that a client claims, neither
    /// where Doorward answers itself, nor in questions, nor behind. Whoever is trusted passes on what it does not take away.
    fn takes_claims_away(&self, file: &str, config: &str, command: &[&str]) {
        let doorward = Upstream::start();
        let proxy = self.start(doorward.address, file, config, command);
        for between in ["-", "_", "."] {
            let said: String = claims_of_proxies()
                .iter()
                .map(|name| format!("{}: {SPOOF}\r\n", name.replace('-', between)))
                .chain(
                    ["SSL_CLIENT_S_DN", "SSL_CLIENT_S_DN_Email", "SSL_CLIENT_VERIFY"].map(|name| format!("{name}: {SPOOF}\r\n")),
                )
                .collect();
            for (path, services) in [("/login", 0), ("/open", 1)] {
                let before = (doorward.received().len(), self.upstream.received().len());
                let reply = ask(
                    SocketAddr::from(([127, 0, 0, 1], proxy.port)),
                    &format!("GET {path}"),
                    &format!("Host: shop.test\r\n{said}"),
                    "",
                );
                let (asked, served) = (doorward.received().split_off(before.0), self.upstream.received().split_off(before.1));
                assert_eq!((reply.status, asked.len(), served.len()), (200, 1, services), "{path} {between}: {reply:?}");
                for received in [asked, served].concat() {
                    assert!(!received.head.contains(SPOOF), "{path} {between}: {}", received.head);
                }
            }
        }
    }
}

/// A block of the how-to with `part` in it, with these texts in place of those: what is printed there is what is tested.
fn how_to(language: &str, part: &str, instead: &[(&str, &str)]) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/how-to/forward-auth.md");
    let page = std::fs::read_to_string(page).unwrap();
    let start = format!("```{language}\n");
    let blocks = page.split(&*start).skip(1).filter_map(|rest| rest.split_once("\n```"));
    let mut block = blocks.map(|(block, _)| format!("{block}\n")).find(|block| block.contains(part)).unwrap();
    for (from, to) in instead {
        assert!(block.contains(from), "{from} is not in: {block}");
        block = block.replace(from, to);
    }
    block
}

/// What clients may not say, by the list of `doorward init`; in lower case.
fn claims_of_proxies() -> Vec<&'static str> {
    let list = include_str!("../../../src/cli/init/plan.rs").split_once("const CLEARED: ").unwrap().1;
    let names: Vec<_> = list.split_once("];\n").unwrap().0.split('"').skip(1).step_by(2).collect();
    assert!(names.len() > 30 && names.contains(&"client-cert"), "{names:?}");
    names
}

/// A proxy in front.
struct Front<'p> {
    proxy: Proxy,
    place: &'p Place,
    /// Whether it asks for verdicts, rather than to send everything to Doorward.
    asks: bool,
}

/// One request on a connection of its own.
fn ask(address: SocketAddr, line: &str, headers: &str, body: &str) -> Reply {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    exchange(address, &format!("{line} HTTP/1.1\r\nConnection: close\r\n{headers}{length}\r\n{body}"))
}

impl Front<'_> {
    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.proxy.port))
    }

    /// The answer, and what the service behind received.
    fn ask(&self, line: &str, headers: &str, body: &str) -> (Reply, Option<Received>) {
        let before = self.place.upstream.received().len();
        let reply = ask(self.address(), line, &format!("Host: shop.test\r\n{headers}"), body);
        (reply, self.place.upstream.received().get(before).cloned())
    }

    fn signed_in(&self, line: &str, headers: &str, body: &str) -> (Reply, Option<Received>) {
        self.ask(line, &format!("Cookie: other=1; {}\r\n{headers}", self.place.session.cookie), body)
    }

    /// What is true behind whichever proxy.
    fn stands(&self) {
        self.tells_who_is_calling();
        self.refuses();
        self.judges_by_method_and_token();
        self.is_not_fooled_by_identities();
        self.is_not_fooled_by_forwarding_headers();
        self.passes_on_no_forwarding_headers();
        self.is_not_fooled_by_spellings();
        self.nominates_nothing_away();
        self.is_not_fooled_by_paths();
        self.leads_to_the_sign_in_page();
    }

    fn tells_who_is_calling(&self) {
        let (reply, received) = self.signed_in("GET /closed/a?x=%41", "", "");
        assert_eq!(reply.status, 200, "{reply:?}\n{}", self.place.server.log());
        let received = received.unwrap();
        assert!(received.line().starts_with("GET /closed/a?x=%41 "), "{received:?}");
        assert_eq!(received.header("doorward-identity"), Some("admin/1"));
        assert_eq!(received.header("doorward-login"), Some("jane"));
        assert_eq!(received.header("doorward-method"), Some("session"));
        assert_eq!(received.header("cookie"), Some("other=1"), "the session stays here");
        let token = received.header("doorward-assertion").unwrap();
        let keys = self.place.server.operate("/assertion-keys").body;
        let keys = self.place.site.write("keys.json", &keys);
        let issuer = format!("http://{}", self.place.server.public);
        let told = claims("verify_assertion.py", &[keys.as_os_str(), "shop".as_ref(), issuer.as_ref()], token);
        assert_eq!(told.unwrap()["sub"], "admin/1");
        let event = self.place.server.logged(if self.asks { "\"face\"" } else { "/closed/:name" });
        // For a client on the same machine Envoy says the address of that machine.
        let client = event.contains("\"client\":\"127.0.0.1\"") || event.contains("\"face\":\"envoy\"");
        assert!(event.contains("\"host\":\"shop.test\"") && client, "{event}");
        let (reply, received) = self.ask("GET /open", "", "");
        assert_eq!((reply.status, received.unwrap().header("doorward-identity")), (200, Some("guest")));
    }

    fn refuses(&self) {
        for (line, status) in [("GET /closed/a", 401), ("POST /open/x", 404), ("GET /nowhere", 404)] {
            let (reply, received) = self.ask(line, "", "");
            assert!(reply.status == status || reply.status == 403 && status == 404, "{line}: {reply:?}");
            assert!(received.is_none(), "{line}: {received:?}");
        }
        let (reply, _) = self.ask("GET /closed/a", "", "");
        assert!(reply.header("www-authenticate").unwrap().starts_with("Session"), "{reply:?}");
    }

    fn judges_by_method_and_token(&self) {
        let (reply, received) = self.signed_in("POST /closed/a", "", "body");
        assert_eq!((reply.status, received.is_none()), (401, true), "{reply:?}");
        let token = format!("X-CSRF-Token: {}\r\n", self.place.session.token);
        let (reply, received) = self.signed_in("POST /closed/a", &token, "a body");
        assert_eq!(reply.status, 200, "{reply:?}\n{}", self.place.server.log());
        let received = received.unwrap();
        assert_eq!((received.body.as_str(), received.line().starts_with("POST /closed/a ")), ("a body", true));
        assert_eq!(received.header("x-csrf-token"), None, "it is secret material of the session");
        let (reply, received) = self.signed_in("POST /closed/a", &format!("{token}Sec-Fetch-Site: cross-site\r\n"), "a body");
        assert_eq!((reply.status, received.is_none()), (403, true), "{reply:?}");
    }

    fn is_not_fooled_by_identities(&self) {
        let said: String = ["Identity", "Login", "Roles", "Method", "Request-Id", "Assertion"]
            .map(|name| format!("Doorward-{name}: {SPOOF}\r\ndoorward-{}: {SPOOF}\r\n", name.to_lowercase()))
            .concat();
        let (reply, received) = self.ask("GET /closed/a", &said, "");
        assert_eq!((reply.status, received.is_none()), (401, true), "{reply:?}");
        let (reply, received) = self.ask("GET /open", &said, "");
        assert_eq!(reply.status, 200, "{reply:?}");
        let received = received.unwrap();
        assert!(!received.head.contains(SPOOF), "{}", received.head);
        assert_eq!(received.all("doorward-identity").collect::<Vec<_>>(), ["guest"]);
        let (_, received) = self.signed_in("GET /closed/a", &said, "");
        let received = received.unwrap();
        assert!(!received.head.contains(SPOOF), "{}", received.head);
        assert_eq!(received.all("doorward-login").collect::<Vec<_>>(), ["jane"]);
    }

    /// CVE-2026-40575 and its kin.
    fn is_not_fooled_by_forwarding_headers(&self) {
        for (name, value) in [
            ("X-Forwarded-Uri", "/open"),
            ("X-Forwarded-Method", "GET"),
            ("X-Forwarded-Host", "evil.test"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-For", "127.0.0.2"),
            ("X-Forwarded-Prefix", "/open"),
            ("X-Original-URL", "http://shop.test/open"),
            ("X-Original-URI", "/open"),
            ("X-Original-Method", "GET"),
            ("X-Rewrite-URL", "/open"),
            ("Forwarded", "for=127.0.0.2;host=evil.test;proto=https"),
            ("X-Real-IP", "127.0.0.2"),
            ("X-HTTP-Method-Override", "GET"),
        ] {
            let header = format!("{name}: {value}\r\n");
            for line in ["GET /closed/a", "POST /closed/a"] {
                let (reply, received) = self.ask(line, &header, "");
                assert!(matches!(reply.status, 400 | 401 | 403), "{line} {header} {reply:?}");
                assert!(received.is_none(), "{line} {header} {received:?}");
            }
        }
    }

    /// Whoever is let in says no more of the way than anybody else.
    fn passes_on_no_forwarding_headers(&self) {
        for name in claims_of_proxies() {
            let (reply, received) = self.ask("GET /open", &format!("{name}: {SPOOF}\r\n"), "");
            match received {
                None => assert!(matches!(reply.status, 400 | 403), "{name}: {reply:?}"),
                Some(received) => assert!(!received.head.contains(SPOOF), "{name}: {}", received.head),
            }
        }
    }

    /// CVE-2025-64484, CVE-2026-39858.
    fn is_not_fooled_by_spellings(&self) {
        for name in
            ["Doorward_Identity", "Doorward.Login", "doorward-request_id", "X_Forwarded_Uri", "X.Original.URL", "X_CSRF_Token"]
        {
            let (reply, received) = self.ask("GET /open", &format!("{name}: {SPOOF}\r\n"), "");
            match received {
                None => assert!(matches!(reply.status, 400 | 403), "{name}: {reply:?}"),
                Some(received) => assert!(!received.head.contains(SPOOF), "{name}: {}", received.head),
            }
        }
    }

    /// CVE-2024-45410: what `Connection` names is for the next hop alone, which drops it.
    fn nominates_nothing_away(&self) {
        let named = "Doorward-Identity, Doorward-Login, Doorward-Assertion, X-Forwarded-For, X-Forwarded-Uri";
        let cookie = &self.place.session.cookie;
        let before = self.place.upstream.received().len();
        let raw = format!("GET /closed/a HTTP/1.1\r\nHost: shop.test\r\nConnection: close, {named}\r\nCookie: {cookie}\r\n\r\n");
        let reply = exchange(self.address(), &raw);
        match self.place.upstream.received().get(before) {
            None => assert!((400..500).contains(&reply.status), "{reply:?}"),
            Some(received) => {
                assert_eq!(received.header("doorward-identity"), Some("admin/1"), "{}", received.head);
                assert!(received.header("doorward-assertion").is_some(), "{}", received.head);
                assert!(received.all("connection").all(|names| !names.contains("oorward")), "{}", received.head);
            }
        }
    }

    fn is_not_fooled_by_paths(&self) {
        for path in [
            "/open/../closed/a",
            "/open/%2e%2e/closed/a",
            "/open%2F..%2Fclosed/a",
            "//closed/a",
            "/closed//a",
            "/open/..%5cclosed/a",
        ] {
            let (reply, received) = self.ask(&format!("GET {path}"), "", "");
            assert!((300..500).contains(&reply.status), "{path}: {reply:?}");
            assert!(received.is_none(), "{path}: {received:?}");
        }
        let (reply, received) = self.ask("GET http://shop.test/closed/a", "", "");
        assert!((400..500).contains(&reply.status) && received.is_none(), "{reply:?} {received:?}");
    }

    fn leads_to_the_sign_in_page(&self) {
        let navigation = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
        let (reply, received) = self.ask("GET /page?a=1", navigation, "");
        assert_eq!((reply.status, received.is_none()), (303, true), "{reply:?}");
        assert_eq!(reply.header("location"), Some("/login?return=%2Fpage%3Fa%3D1"));
        let (page, received) = self.ask("GET /login?return=%2Fpage%3Fa%3D1", navigation, "");
        assert_eq!((page.status, received.is_none()), (200, true), "{page:?}");
        assert!(page.body.contains("<form"), "{page:?}");
        let (reply, _) = self.ask("GET /page", "", "");
        assert_eq!(reply.status, 401, "whoever does not navigate");
    }
}

#[test]
fn a_stranger_is_told_nothing_and_the_log_says_why() {
    let place = Place::new("traefik");
    let question = "Host: x\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: shop.test\r\n\
                    X-Forwarded-Uri: /closed/a\r\nX-Forwarded-For: 203.0.113.9\r\n";
    // From 127.0.0.1, which is not trusted.
    let reply =
        ask(place.server.public, "GET /_doorward/verdict", &format!("{question}Cookie: {}\r\n", place.session.cookie), "");
    assert_eq!((reply.status, reply.header("doorward-identity")), (403, None), "{reply:?}");
    let event = place.server.logged("untrusted_proxy");
    assert!(event.contains("trusted_proxies") && event.contains("\"client\":\"127.0.0.1\""), "{event}");
}

#[test]
fn a_question_never_hides_what_is_served() {
    let upstream = Upstream::start();
    for (path, hides) in [
        ("/login", "`/login`"),
        ("/api/ibexa/v2", "what is under"),
        ("/api/ibexa/v2/user/sessions", "what is under"),
        ("/open", "the route `/open`"),
        ("/closed/verdict", "the route `/closed/:name`"),
    ] {
        let config = CONFIG.replace("{upstream}", &upstream.url()).replace("{convention}", "nginx");
        let site = Site::new(&config.replace("/_doorward/verdict", path));
        site.write("routes.toml", ROUTES);
        let output = site.run(&["check", "--config", "doorward.toml"], "");
        assert_eq!(output.code, 1, "{path}: {output:?}");
        assert!(output.out.contains(hides) || output.err.contains(hides), "{path}: {output:?}");
    }
}
