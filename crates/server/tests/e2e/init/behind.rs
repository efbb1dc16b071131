//! Doorward behind a proxy that its own configuration was printed for, and what is true there whichever proxy it is.

use super::Local;
use crate::{
    gateway::{PASSWORD, pair},
    support::{
        Server, Site,
        client::{Connection, Reply, exchange},
        proxy::Proxy,
        upstream::{Received, Upstream},
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::net::SocketAddr;

pub(super) const CONFIG: &str = r#"[server]
listen = "{listen}"
public_url = "http://shop.test"
trusted_proxies = ["127.0.0.1"]
client_address = "x-forwarded-for"
[operations]
listen = "127.0.0.1:0"
[log]
format = "json"
[passwords]
memory_kib = 1024
iterations = 1
[[directory]]
name = "customers"
kind = "customer"
[[directory]]
name = "admins"
kind = "admin"
[[forward_auth]]
convention = "{proxy}"
path = "/_doorward/{proxy}"
[[firewall]]
name = "partners"
path = '^/partners'
authentication = "basic"
[[firewall]]
name = "main"
[cors]
allow_origins = ["https://app.test"]
[routes]
files = ["routes.toml"]
[[upstream]]
name = "orders"
url = "{orders}"
path = "/orders"
[[upstream]]
name = "shop"
url = "{shop}"
"#;

pub(super) const ROUTES: &str = r#"[[route]]
methods = ["GET", "POST"]
path = "/open"
require = ["anonymous"]
[[route]]
methods = ["GET", "POST"]
path = "/orders/:id"
require = ["self"]
[[route]]
methods = ["GET"]
path = "/ordersx/:id"
require = ["self"]
[[route]]
methods = ["GET"]
path = "/partners"
require = ["self"]
"#;

/// Doorward behind a proxy that its own configuration was printed for.
pub(super) struct Behind {
    pub(super) name: &'static str,
    pub(super) site: Site,
    pub(super) server: Server,
    pub(super) proxy: Proxy,
    pub(super) orders: Upstream,
    pub(super) shop: Upstream,
}

/// A service that speaks of what it likes once a connection is a WebSocket.
fn service(request: &Received) -> String {
    if request.header("upgrade").is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket")) {
        // The answer to the key of RFC 6455, 1.3.
        let accept = "Sec-WebSocket-Accept: s3pPLBMiTxaQ9kYGzzhZRbK+xOo=\r\n";
        format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{accept}\r\n")
    } else if request.line() == "PING" {
        "PONG 207 .\r\nContent-Length: 0\r\n\r\n".to_owned()
    } else {
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 8\r\n\r\nupstream".to_owned()
    }
}

impl Behind {
    /// `local` makes of the printed configuration one for a free port of this machine, and names what runs it.
    pub(super) fn new(name: &'static str, local: impl FnOnce(&Site, &str) -> Local) -> Self {
        let (orders, shop) = (Upstream::answering(service), Upstream::answering(service));
        let config = |listen: &str| {
            CONFIG
                .replace("{listen}", listen)
                .replace("{proxy}", name)
                .replace("{orders}", &orders.url())
                .replace("{shop}", &shop.url())
        };
        let site = Site::new(&config("127.0.0.1:0"));
        site.write("routes.toml", ROUTES);
        site.user("customers/jane", PASSWORD, &[]);
        let server = site.serve();
        site.write("bound.toml", &config(&server.public.to_string()));
        let proxy = printed(&site, name, local);
        Self { name, site, server, proxy, orders, shop }
    }

    pub(super) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        exchange(
            self.address(),
            &format!("{method} {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n{length}{headers}\r\n{body}"),
        )
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.proxy.port))
    }

    /// What is true behind whichever proxy.
    pub(super) fn serves(&self) {
        let input = format!(r#"{{"SessionInput":{{"login":"jane","password":"{PASSWORD}"}}}}"#);
        let kind = "Content-Type: application/vnd.ibexa.api.SessionInput+json\r\nAccept: application/json\r\n";
        let session = self.ask("POST", "/api/ibexa/v2/user/sessions", kind, &input);
        assert_eq!(session.status, 201, "{session:?}\n{}", self.server.log());
        let session = session.json()["Session"].clone();
        let word = |name: &str| session[name].as_str().unwrap().to_owned();
        let cookie = format!("Cookie: b=2; {}={}\r\n", word("name"), word("identifier"));

        self.introduces_whom_it_lets_in(&cookie);
        // The method and its guard are those of the request, not of the question; the body arrives whole.
        let without = self.ask("POST", "/orders/5", &cookie, "all of it");
        assert_eq!(without.status, 401, "{without:?}");
        let with = self.ask("POST", "/orders/5", &format!("{cookie}X-CSRF-Token: {}\r\n", word("csrfToken")), "all of it");
        assert_eq!(with.status, 200, "{with:?}");
        assert_eq!((self.orders.last().line(), &*self.orders.last().body), ("POST /orders/5 HTTP/1.1", "all of it"));
        assert_eq!(self.orders.last().header("x-csrf-token"), None, "it is the session's");

        assert!(matches!(self.ask("GET", "/nobody", "", "").status, 403 | 404));
        assert!(matches!(self.ask("GET", "/open/../orders/5", "", "").status, 400 | 401 | 403));
        assert_eq!(self.ask("GET", "/login", "", "").status, 200, "a page");
        // The endpoint itself is not for clients.
        let path = format!("/_doorward/{}", self.name);
        assert_ne!(self.ask("GET", &path, SPOOFED, "").status, 200);

        self.carries_websockets_of_whom_it_lets_in(&cookie);
        self.cve_2024_45410_lets_no_client_nominate_headers_away(&cookie);
        self.sends_what_is_judged_to_whom_the_assertion_is_for(&cookie);
        self.deletes_cookies_of_sessions_that_are_over();
        self.lets_doorward_speak_to_other_origins();
        self.counts_a_guess_once();
    }

    fn introduces_whom_it_lets_in(&self, cookie: &str) {
        let known = self.ask("GET", "/orders/5?x=1", &format!("{cookie}{SPOOFED}"), "");
        assert_eq!((known.status, &*known.body), (200, "upstream"), "{known:?}\n{}", self.server.log());
        let received = self.orders.last();
        assert_eq!(received.line(), "GET /orders/5?x=1 HTTP/1.1");
        Self::introduces(&received.head, "customer/1", "jane");
        assert_eq!(received.all("cookie").collect::<Vec<_>>(), ["b=2"], "{}", received.head);

        let guest = self.ask("GET", "/orders/5", SPOOFED, "");
        assert_eq!(guest.status, 401, "{guest:?}");
        assert!(guest.header("www-authenticate").is_some_and(|value| value.starts_with("Session")), "{guest:?}");
        assert_eq!(guest.all("www-authenticate").count(), 1, "{guest:?}");
        assert_eq!(self.orders.received().len(), 1, "nothing more arrived");

        let open = self.ask("GET", "/open", SPOOFED, "");
        assert_eq!(open.status, 200, "{open:?}");
        Self::introduces(&self.shop.last().head, "guest", "");
    }

    /// RFC 6455: browsers send cookies with the handshake whatever page asks for it, so where it comes from counts.
    fn carries_websockets_of_whom_it_lets_in(&self, cookie: &str) {
        let open = |headers: &str| {
            let mut connection = Connection::open(self.address());
            connection.send(&format!(
                "GET /orders/5 HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
            ));
            let reply = connection.reply();
            (connection, reply)
        };
        let before = self.orders.received().len();
        for headers in [
            "Origin: http://shop.test\r\n".to_owned(),
            format!("{cookie}Origin: https://evil.test\r\n"),
            format!("{cookie}Origin: null\r\n"),
            format!("{cookie}Sec-Fetch-Site: cross-site\r\n"),
        ] {
            let (_, refused) = open(&headers);
            assert!(matches!(refused.status, 401 | 403), "{headers}: {refused:?}");
        }
        assert_eq!(self.orders.received().len(), before, "none of them arrived");
        let (mut socket, begun) = open(&format!("{cookie}Origin: http://shop.test\r\n"));
        assert_eq!(begun.status, 101, "{begun:?}\n{}", self.server.log());
        Self::introduces(&self.orders.last().head, "customer/1", "jane");
        for _ in 0..2 {
            socket.send("PING\r\n\r\n");
            assert_eq!(socket.reply().status, 207, "both ways");
        }
    }

    /// A header that `Connection` names is for the next hop alone, which drops it: no client may choose Doorward's.
    fn cve_2024_45410_lets_no_client_nominate_headers_away(&self, cookie: &str) {
        for nominated in [
            "Doorward-Identity, Doorward-Login, Doorward-Assertion",
            "close, doorward-identity, doorward-roles, doorward-method",
            "X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Uri, X-Forwarded-Method",
            "X-Original-URL, X-Original-Method, Host",
        ] {
            let (before, raw) = (self.orders.received().len(), format!("Connection: {nominated}\r\n{cookie}"));
            let request = format!("GET /orders/5 HTTP/1.1\r\nHost: shop.test\r\n{raw}\r\n");
            let mut connection = Connection::open(self.address());
            connection.send(&request);
            let reply = connection.reply();
            let Some(received) = self.orders.received().get(before).cloned() else {
                assert!((400..500).contains(&reply.status), "{nominated}: {reply:?}");
                continue;
            };
            Self::introduces(&received.head, "customer/1", "jane");
            let left = received.all("connection").collect::<String>().to_ascii_lowercase();
            assert!(!left.contains("doorward") && !left.contains("forwarded"), "{nominated}: {}", received.head);
            let client = received.header("x-forwarded-for");
            assert_eq!(client, Some("127.0.0.1"), "{nominated}: {}", received.head);
        }
    }

    /// The proxy chooses the service by a path that it reads in its own way, and Doorward names it in the assertion.
    fn sends_what_is_judged_to_whom_the_assertion_is_for(&self, cookie: &str) {
        let services = [("orders", &self.orders), ("shop", &self.shop)];
        let mut arrived = 0;
        for path in [
            "/orders/5",
            "/orders/5?x=/../open",
            "/open?x=/orders/5",
            "/ordersx/5",
            "/%6frders/5",
            "/orders/%35",
            "/o%72ders%78/5",
            "/Orders/5",
            "/orders",
            "/orders//5",
            "//orders/5",
            "/./orders/5",
            "/open/../orders/5",
            "/orders/../open",
            "/orders/%2e%2e/open",
            "/orders/.%2e/open",
            "/orders/..%2fopen",
            "/orders%2f5",
            "/orders%5c5",
            "/orders;x/5",
            "/open;/../orders/5",
            "/open%3f/../orders/5",
            "/open%00/../orders/5",
            "/open%23/../orders/5",
        ] {
            let before = services.map(|(_, service)| service.received().len());
            let reply = self.ask("GET", path, cookie, "");
            for ((name, service), before) in services.into_iter().zip(before) {
                let Some(received) = service.received().get(before).cloned() else { continue };
                arrived += 1;
                let payload = received.header("doorward-assertion").and_then(|token| token.split('.').nth(1)).unwrap_or_default();
                let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
                assert_eq!((reply.status, &claims["aud"]), (200, &name.into()), "{path}: {}", received.head);
            }
        }
        assert!(arrived >= 4, "{arrived}");
    }

    /// A verdict may have several `Set-Cookie`.
    fn deletes_cookies_of_sessions_that_are_over(&self) {
        let reply = self.ask("GET", "/open", "Cookie: doorward_customers=over; doorward_admins=over\r\n", "");
        assert_eq!(reply.status, 200, "{reply:?}");
        let mut names: Vec<_> = reply
            .all("set-cookie")
            .filter(|line| line.contains("Max-Age=0"))
            .filter_map(|line| line.split_once("=deleted;"))
            .collect();
        assert!(names.iter().all(|(_, rest)| !rest.contains("=deleted")), "one line for each: {reply:?}");
        names.sort_unstable();
        let names: Vec<_> = names.into_iter().map(|(name, _)| name).collect();
        match self.name {
            // Before 1.23 its variable is the first line alone.
            "nginx" => assert!(!names.is_empty(), "{reply:?}"),
            _ => assert_eq!(names, ["doorward_admins", "doorward_customers"], "{reply:?}"),
        }
        // A refusal comes as it is.
        let reply = self.ask("GET", "/orders/5", "Cookie: doorward_customers=over; doorward_admins=over\r\n", "");
        assert_eq!((reply.status, reply.all("set-cookie").count()), (401, 2), "{reply:?}");
    }

    /// Fetch, 3.2: browsers ask first, and read what an answer says. Services say nothing where Doorward does.
    fn lets_doorward_speak_to_other_origins(&self) {
        let before = (self.orders.received().len(), self.shop.received().len());
        let asked = "Access-Control-Request-Method: POST\r\n";
        for path in ["/orders/5", "/open", "/partners"] {
            let may = self.ask("OPTIONS", path, &format!("Origin: https://app.test\r\n{asked}"), "");
            assert_eq!(may.status, 204, "{path}: {may:?}\n{}", self.server.log());
            assert_eq!(may.all("access-control-allow-origin").collect::<Vec<_>>(), ["https://app.test"], "{path}: {may:?}");
            let may_not = self.ask("OPTIONS", path, &format!("Origin: https://evil.test\r\n{asked}"), "");
            assert_eq!((may_not.status, may_not.header("access-control-allow-origin")), (204, None), "{path}: {may_not:?}");
        }
        // What is no preflight is judged, and so is nothing a question.
        assert!(matches!(self.ask("OPTIONS", "/orders/5", "Origin: https://app.test\r\n", "").status, 401 | 403 | 404 | 405));
        let question = format!("/_doorward/{}", self.name);
        let refused = self.ask("OPTIONS", &question, &format!("Origin: https://app.test\r\n{asked}"), "");
        assert!(refused.header("doorward-assertion").is_none(), "{refused:?}");
        assert_eq!((self.orders.received().len(), self.shop.received().len()), before, "none of them arrived");

        for (origin, said) in
            [("Origin: https://app.test\r\n", &["https://app.test"][..]), ("Origin: https://evil.test\r\n", &[]), ("", &[])]
        {
            for (path, status) in [("/open", 200), ("/orders/5", 401)] {
                let reply = self.ask("GET", path, origin, "");
                assert_eq!(reply.status, status, "{path}: {reply:?}");
                assert_eq!(reply.all("access-control-allow-origin").collect::<Vec<_>>(), said, "{path} {origin}: {reply:?}");
                let depends = reply.all("vary").collect::<Vec<_>>().join(",").to_ascii_lowercase();
                assert!(depends.contains("origin"), "{path} {origin}: {reply:?}");
            }
        }
    }

    /// Some proxies let Doorward say a refusal in the caller's words, and so send the request there twice.
    fn counts_a_guess_once(&self) {
        let wrong = self.ask("GET", "/partners", &pair("jane", "wrong"), "");
        assert_eq!((wrong.status, wrong.all("www-authenticate").count()), (401, 1), "{wrong:?}");
        self.server.logged("sign_in_failed");
        let failed = "doorward_sign_ins_total{directory=\"customers\",outcome=\"wrong_password\"}";
        assert_eq!(self.server.metric(failed), Some(1.0), "{}", self.server.log());
        assert_eq!(self.server.log().matches("sign_in_failed").count(), 1, "{}", self.server.log());
        let right = self.ask("GET", "/partners", &pair("jane", PASSWORD), "");
        assert_eq!((right.status, self.shop.last().header("authorization")), (200, None), "{right:?}");
    }

    /// A service learns of one caller, and of nothing that a client made up.
    pub(super) fn introduces(head: &str, identity: &str, login: &str) {
        let mut names: Vec<(String, &str)> = Vec::new();
        for line in head.lines().skip(1) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let name: String =
                name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
            names.push((name, value.trim()));
        }
        let all = |wanted: &str| names.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value).collect::<Vec<_>>();
        assert_eq!(all("doorward-identity"), [identity], "{head}");
        assert_eq!(all("doorward-login").concat(), login, "{head}");
        assert_eq!(all("doorward-assertion").len(), 1, "{head}");
        assert!(!head.contains("made-up"), "{head}");
        assert!(!head.contains("203.0.113."), "{head}");
    }
}

/// Starts what `bound.toml` is printed for.
pub(super) fn printed(site: &Site, name: &str, local: impl FnOnce(&Site, &str) -> Local) -> Proxy {
    let printed = site.ok(&["init", name, "--config", "bound.toml"], "").out;
    let (file, text, command) = local(site, &printed);
    assert_ne!(text, printed, "a port of this machine is in it");
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    Proxy::start(site, file, &text, &command)
}

/// What a client might say to be somebody else, from somewhere else, about something else.
const SPOOFED: &str = "Doorward-Identity: admin/666-made-up\r\nDoorward-Login: made-up\r\nDoorward-Roles: made-up\r\n\
    Doorward-Assertion: made-up\r\nX-Forwarded-For: 203.0.113.1\r\nX-Real-IP: 203.0.113.2\r\n\
    Forwarded: for=203.0.113.3\r\nX-Forwarded-Host: made-up.test\r\nX-Original-URL: /open?made-up\r\n\
    X-Original-URI: /open?made-up\r\nX-Forwarded-Uri: /open?made-up\r\nX-Forwarded-Method: OPTIONS\r\n\
    X-Original-Method: OPTIONS\r\nX-Forwarded-Prefix: /made-up\r\nX-Rewrite-URL: /open?made-up\r\n\
    X-HTTP-Method-Override: DELETE-made-up\r\nAuthorization: Bearer made-up\r\n";
