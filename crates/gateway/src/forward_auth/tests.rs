//! Questions of every convention: what they are about, and what is answered.

use crate::{
    Body,
    admit::{Certificates, ClientAddress, Network},
    api::{
        USERS,
        world::{COOKIE, Client},
    },
    listen::Connection,
    pipeline::{Snapshot, tests::Place},
};
use doorward_core::{
    Policy,
    access::AccessRule,
    firewall::{Authentication, Entry, Firewall},
    forward_auth::{Convention, ForwardAuth},
    policy::Upstream,
    route::{Requirement, RouteRule, template::Table},
};
use doorward_tls::{Form, Map};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use std::sync::Arc;

const PROXY: &str = "10.0.0.1:4711";
const CLIENT: (&str, &str) = ("x-forwarded-for", "203.0.113.9");

fn path_of(convention: Convention) -> String {
    format!("/_doorward/{}", convention.as_str())
}

/// A gateway that is asked by proxies of all conventions.
async fn place(change: impl FnOnce(&mut Policy)) -> Place {
    let place = Place::new(Some(""), |policy| {
        policy.ibexa_prefixes.retain(|prefix| !prefix.is_empty());
        change(policy);
    })
    .await;
    place.gateway.replace(behind_proxies(place.gateway.policy()));
    place
}

/// A policy where proxies of all conventions ask.
fn behind_proxies(policy: Arc<Policy>) -> Snapshot {
    let endpoint = |convention| ForwardAuth { convention, path: path_of(convention).into() };
    Snapshot {
        policy,
        network: Network {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            client_address: ClientAddress::XForwardedFor,
            ..Network::default()
        },
        jwks_path: None,
        hsts: Some(HeaderValue::from_static("max-age=1")),
        forward_auth: Convention::ALL.map(endpoint).into(),
    }
}

/// A question, header by header.
#[derive(Clone)]
struct Question {
    convention: Convention,
    line: (String, String),
    headers: Vec<(String, String)>,
}

impl Question {
    /// About `METHOD https://HOST/PATH`, in the words of the convention.
    fn about(convention: Convention, request: &str) -> Self {
        let (method, url) = request.split_once(' ').unwrap();
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, path) = rest.split_at(rest.find('/').unwrap());
        let (mut line, mut headers) =
            (("GET".to_owned(), path_of(convention)), vec![("host".to_owned(), "doorward.test".to_owned())]);
        let mut set = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        match convention {
            Convention::Nginx => {
                set("x-original-method", method);
                set("x-original-url", url);
            }
            Convention::Caddy | Convention::Traefik | Convention::Haproxy => {
                set("x-forwarded-method", method);
                set("x-forwarded-proto", scheme);
                set("x-forwarded-host", host);
                set("x-forwarded-uri", path);
            }
            Convention::Envoy => {
                line = (method.to_owned(), format!("{}{path}", path_of(convention)));
                headers = vec![("host".to_owned(), host.to_owned()), ("x-forwarded-proto".to_owned(), scheme.to_owned())];
            }
        }
        headers.push((CLIENT.0.to_owned(), CLIENT.1.to_owned()));
        Self { convention, line, headers }
    }

    /// nginx's other form.
    fn in_parts(request: &str) -> Self {
        let mut question = Self::about(Convention::Nginx, request);
        let url = request.split_once(' ').unwrap().1;
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, path) = rest.split_at(rest.find('/').unwrap());
        question = question.without("x-original-url");
        question.with("x-original-uri", path).with("x-forwarded-host", host).with("x-forwarded-proto", scheme)
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    fn saying(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    /// As a browser that is signed in.
    fn of(self, session: &Client) -> Self {
        self.with("cookie", &session.cookie())
    }

    async fn ask(&self, place: &Place) -> Response<Body> {
        self.ask_from(PROXY, place).await
    }

    async fn ask_from(&self, peer: &str, place: &Place) -> Response<Body> {
        let mut request = Request::builder().method(&*self.line.0).uri(&*self.line.1);
        for (name, value) in &self.headers {
            request = request.header(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        let parts = request.body(()).unwrap().into_parts().0;
        let endpoint = ForwardAuth { convention: self.convention, path: path_of(self.convention).into() };
        assert!(endpoint.takes(parts.uri.path()));
        let connection = Connection::plain(peer.parse().unwrap());
        place.gateway.answer_question(place.gateway.snapshot(), endpoint, parts, &connection).await
    }
}

/// Every convention, nginx's in both forms.
fn all(request: &str) -> Vec<Question> {
    let mut all: Vec<Question> = Convention::ALL.map(|convention| Question::about(convention, request)).into();
    all.push(Question::in_parts(request));
    all
}

fn said<'r>(response: &'r Response<Body>, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// What happened last, and why.
fn last(place: &Place) -> String {
    place.requests().pop().unwrap()
}

#[tokio::test]
async fn every_convention_is_told_who_is_calling() {
    let place = place(|_| {}).await;
    let session = place.login().await;
    for question in all("GET https://shop.test/orders/5?x=%41") {
        let answer = question.clone().of(&session).ask(&place).await;
        assert_eq!(answer.status(), StatusCode::OK, "{:?}", question.convention);
        assert_eq!(said(&answer, "doorward-identity"), Some("admin/14"));
        assert!(said(&answer, "doorward-assertion").unwrap().split('.').count() == 3);
        assert_eq!(said(&answer, "content-length"), Some("0"));
        assert_eq!(said(&answer, "cookie"), None, "the session is not for the upstream");
        assert_eq!(said(&answer, "strict-transport-security"), None);
        assert!(!answer.headers().contains_key("doorward-status"));
        let removed = (question.convention == Convention::Envoy).then_some("cookie");
        assert_eq!(said(&answer, "x-envoy-auth-headers-to-remove"), removed);
        assert_eq!(last(&place), "GET - 200 permit - admin/14");
        let guest = question.ask(&place).await;
        assert_eq!((guest.status(), said(&guest, "doorward-identity")), (StatusCode::OK, Some("guest")));
        assert_eq!(said(&guest, "doorward-login"), Some(""), "copying it clears what a client said");
    }
    assert_eq!(place.received(), Vec::<String>::new(), "nothing is sent to the upstream");
}

#[tokio::test]
async fn oauth2_proxy_3506_only_trusted_proxies_are_believed() {
    let place = place(|_| {}).await;
    let session = place.login().await;
    for question in all("GET https://shop.test/orders/5") {
        let answer = question.of(&session).ask_from("203.0.113.1:1", &place).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(!answer.headers().contains_key("doorward-identity"));
        assert_eq!(last(&place), "GET - 403 bad_request untrusted_proxy guest");
    }
}

#[tokio::test]
async fn what_is_missing_repeated_or_unreadable_is_refused() {
    let place = place(|_| {}).await;
    for question in all("GET https://shop.test/orders/5") {
        for (name, value) in question.headers.clone() {
            let envoy = question.convention == Convention::Envoy;
            let broken = [
                Some(question.clone().without(&name)).filter(|_| !(envoy && name == "x-forwarded-proto")),
                Some(question.clone().with(&name, &value)).filter(|_| name != CLIENT.0),
                Some(question.clone().saying(&name, "")),
                Some(question.clone().saying(&name, "a b")),
                Some(question.clone().saying(&name, "a,b")),
            ];
            // What the question says of itself is nobody's business.
            for broken in broken.into_iter().flatten().filter(|_| name != "host" || envoy) {
                let answer = broken.ask(&place).await;
                assert!(answer.status().is_client_error(), "{:?} {:?}", broken.convention, broken.headers);
                assert!(!answer.headers().contains_key("doorward-identity"));
                assert!(last(&place).contains("bad_request"), "{}", last(&place));
            }
        }
    }
}

#[tokio::test]
async fn oauth2_proxy_1970_no_convention_reads_the_headers_of_another() {
    let closed = |policy: &mut Policy| policy.access.push(rule("^/closed"));
    let place = place(closed).await;
    let others: [(&str, &[(&str, &str)]); 2] = [
        ("x-original", &[("x-original-uri", "/open"), ("x-original-method", "POST"), ("x-original-host", "evil.test")]),
        ("x-forwarded", &[("x-forwarded-uri", "/open"), ("x-forwarded-method", "POST"), ("x-forwarded-prefix", "/open")]),
    ];
    for question in all("GET https://shop.test/closed") {
        for (kind, headers) in others {
            if (kind == "x-original") == (question.convention == Convention::Nginx) {
                continue;
            }
            let spoofed =
                headers.iter().fold(question.clone(), |q, (name, value)| match q.headers.iter().any(|(n, _)| n == name) {
                    true => q,
                    false => q.with(name, value),
                });
            let answer = spoofed.ask(&place).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{:?} {kind}", question.convention);
            assert_eq!(last(&place), "GET - 401 refusal access_control guest", "{:?} {kind}", question.convention);
        }
    }
    // Both forms of nginx at once: one of them is not nginx's.
    let both = Question::about(Convention::Nginx, "GET https://shop.test/open").with("x-original-uri", "/closed");
    assert_eq!(both.ask(&place).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(last(&place), "GET - 403 bad_request question guest");
}

fn rule(path: &str) -> Arc<AccessRule> {
    Arc::new(AccessRule {
        path: Some(regex::Regex::new(path).unwrap()),
        host: None,
        methods: Vec::new(),
        ips: Vec::new(),
        roles: vec!["ROLE_ADMIN".into()],
        scopes: Vec::new(),
        source: doorward_core::Source::new("doorward.toml", 2),
    })
}

#[tokio::test]
async fn cve_2026_39858_no_other_spelling_of_a_name_passes() {
    let place = place(|_| {}).await;
    let session = place.login().await;
    let spellings = [
        "x_forwarded_uri",
        "x-forwarded_proto",
        "x.forwarded.host",
        "doorward_identity",
        "doorward.login",
        "doorward-request_id",
        "x_original_url",
        "x-original.url",
        "content_length",
        "cookie_",
        "x_csrf_token",
    ];
    for question in all("GET https://shop.test/orders/5") {
        for name in spellings.into_iter().filter(|name| *name != "cookie_") {
            let answer = question.clone().of(&session).with(name, "x").ask(&place).await;
            assert!(answer.status().is_client_error(), "{:?} {name}", question.convention);
            assert_eq!(last(&place).split(' ').nth(4), Some("unclean"), "{name}");
        }
        let harmless = question.clone().of(&session).with("x-request.tag_1", "x").ask(&place).await;
        assert_eq!(harmless.status(), StatusCode::OK);
    }
    for name in ["x_original_method", "x-original_uri", "x.original.url"] {
        let question = Question::about(Convention::Nginx, "GET https://shop.test/orders/5").with(name, "x");
        assert_eq!(question.ask(&place).await.status(), StatusCode::FORBIDDEN, "{name}");
    }
}

#[tokio::test]
async fn a_header_that_asks_services_for_another_path_or_method_is_refused() {
    let place = place(|_| {}).await;
    for question in all("POST https://shop.test/orders/5") {
        for name in ["x-http-method-override", "x-http-method", "x-method-override", "x-rewrite-url", "x-original-url", "proxy"] {
            if name == "x-original-url" && question.convention == Convention::Nginx {
                continue;
            }
            let answer = question.clone().with(name, "GET").ask(&place).await;
            assert!(answer.status().is_client_error(), "{:?} {name}", question.convention);
            assert!(last(&place).contains("unclean"), "{name}");
        }
    }
}

#[tokio::test]
async fn cve_2026_41059_a_path_has_one_reading_or_none() {
    let place = place(|_| {}).await;
    for path in [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/a%2Fb",
        "/a//b",
        "//evil.test/a",
        "/a\\b",
        "/a/./b",
        "/a#/b",
        "/a?x#y",
        "/a%zz",
        "/a%00",
        "/a;/../b",
        "http://evil.test/a",
        "*",
        "a",
        "",
        "/a\u{e9}",
    ] {
        for convention in [Convention::Nginx, Convention::Caddy, Convention::Traefik, Convention::Haproxy] {
            let question = Question::about(convention, "GET https://shop.test/x");
            let question = match convention {
                Convention::Nginx => question.saying("x-original-url", &format!("https://shop.test{path}")),
                _ => question.saying("x-forwarded-uri", path),
            };
            let answer = question.ask(&place).await;
            assert!(answer.status().is_client_error(), "{convention:?} {path}");
            assert!(last(&place).contains("bad_request"), "{convention:?} {path}: {}", last(&place));
        }
        let parts = Question::in_parts("GET https://shop.test/x").saying("x-original-uri", path);
        assert!(parts.ask(&place).await.status().is_client_error(), "{path}");
    }
    for path in ["/public/../admin", "/a%2Fb", "/a//b", "/a%zz"] {
        let question = Question::about(Convention::Envoy, &format!("GET https://shop.test{path}"));
        assert!(question.ask(&place).await.status().is_client_error(), "{path}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_served_or_unclear_is_refused() {
    let place = place(|policy| policy.hosts = Some(vec!["shop.test".into()])).await;
    for question in all("GET https://SHOP.test.:443/orders") {
        assert_eq!(question.ask(&place).await.status(), StatusCode::OK);
    }
    for host in ["evil.test", "shop.test.evil.test", "user@shop.test", "shop.test:x", "shop.test,evil.test", "[::1"] {
        for question in all(&format!("GET https://{host}/orders")) {
            let answer = question.ask(&place).await;
            assert!(answer.status().is_client_error(), "{host} {:?}", question.convention);
            assert!(last(&place).contains("bad_request"), "{host}");
        }
    }
    let misdirected = Question::about(Convention::Caddy, "GET https://evil.test/orders").ask(&place).await;
    assert_eq!(misdirected.status(), StatusCode::MISDIRECTED_REQUEST);
    let misdirected = Question::about(Convention::Nginx, "GET https://evil.test/orders").ask(&place).await;
    assert_eq!((misdirected.status(), said(&misdirected, "doorward-status")), (StatusCode::FORBIDDEN, Some("421")));
}

#[tokio::test]
async fn guards_judge_by_the_method_and_headers_of_the_request() {
    let place = place(|_| {}).await;
    let session = place.login().await;
    for question in all("POST https://shop.test/orders") {
        let answer = question.clone().of(&session).ask(&place).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(last(&place), "POST - 401 refusal csrf admin/14");
        let token = question.clone().of(&session).with("x-csrf-token", &session.token);
        assert_eq!(token.ask(&place).await.status(), StatusCode::OK);
        let foreign = token.clone().with("sec-fetch-site", "cross-site").ask(&place).await;
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
        assert_eq!(last(&place), "POST - 403 refusal foreign_origin admin/14");
        let told = token.with("content-length", "999").with("transfer-encoding", "chunked").with("expect", "100-continue");
        assert_eq!(told.ask(&place).await.status(), StatusCode::OK, "the body is none of ours");
    }
}

#[tokio::test]
async fn a_websocket_counts_as_one_though_proxies_leave_upgrade_out() {
    let place = place(|_| {}).await;
    let session = place.login().await;
    for question in all("GET https://shop.test/live") {
        let foreign = question.clone().of(&session).with("origin", "https://evil.test");
        assert_eq!(foreign.ask(&place).await.status(), StatusCode::OK, "a GET reads only");
        for name in ["sec-websocket-key", "sec-websocket-version", "upgrade"] {
            let answer = foreign.clone().with(name, "websocket").ask(&place).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name}");
            assert!(last(&place).contains("foreign_origin"), "{name}");
        }
        for protocol in ["h2c", "HTTP/2.0", "TLS/1.2", "websocket, h2c"] {
            let answer = question.clone().of(&session).with("upgrade", protocol).ask(&place).await;
            assert!(answer.status().is_client_error(), "{protocol}");
            assert!(last(&place).contains("unclean"), "{protocol}");
        }
    }
}

#[tokio::test]
async fn the_client_has_the_address_that_the_proxy_says() {
    let only = |policy: &mut Policy| {
        let inside = AccessRule { ips: vec!["203.0.113.0/24".parse().unwrap()], roles: Vec::new(), ..(*rule("^/")).clone() };
        policy.access = vec![Arc::new(inside), rule("^/")];
    };
    let place = place(only).await;
    for question in all("GET https://shop.test/orders") {
        assert_eq!(question.ask(&place).await.status(), StatusCode::OK);
        for (addresses, status) in [
            ("203.0.113.9, 10.0.0.2", StatusCode::OK),
            ("203.0.113.9, 198.51.100.1", StatusCode::UNAUTHORIZED),
            ("10.0.0.2", StatusCode::UNAUTHORIZED),
        ] {
            let answer = question.clone().saying(CLIENT.0, addresses).ask(&place).await;
            assert_eq!(answer.status(), status, "{addresses}");
        }
        for unreadable in ["unknown", "203.0.113.9, x"] {
            let answer = question.clone().saying(CLIENT.0, unreadable).ask(&place).await;
            assert!(answer.status().is_client_error(), "cve_2024_47070: {unreadable}");
            assert!(last(&place).contains("client_address"));
        }
    }
}

#[tokio::test]
async fn cve_2026_25748_a_malformed_cookie_is_no_permit() {
    let place = place(|policy| policy.access.push(rule("^/closed"))).await;
    let session = place.login().await;
    let name = COOKIE;
    for question in all("GET https://shop.test/closed") {
        for cookie in
            [format!("{name}="), format!("{name}=%%%"), format!("{name}=\"x"), format!("{name}={}x", session.id), name.to_owned()]
        {
            let answer = question.clone().with("cookie", &cookie).ask(&place).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{cookie}");
        }
        let twice = format!("{name}={}; {name}=x", session.id);
        assert!(question.clone().with("cookie", &twice).ask(&place).await.status().is_client_error());
        assert!(last(&place).contains("bad_request session_cookie"));
    }
}

#[tokio::test]
async fn nginx_gets_no_status_that_it_does_not_know() {
    let place = place(|policy| policy.access.push(rule("^/closed"))).await;
    for (path, status, real) in [("/closed", 401, "401"), ("/a//b", 403, "400"), ("/login", 403, "403")] {
        let answer = Question::about(Convention::Nginx, &format!("GET https://shop.test{path}")).ask(&place).await;
        assert_eq!((answer.status().as_u16(), said(&answer, "doorward-status")), (status, Some(real)), "{path}");
        assert_eq!(said(&answer, "content-length"), Some("0"));
        assert!(matches!(answer.body(), Body::Empty) && !answer.headers().contains_key("content-type"));
        let plain = Question::about(Convention::Caddy, &format!("GET https://shop.test{path}")).ask(&place).await;
        assert_eq!(plain.status().as_str(), real);
        assert!(matches!(plain.body(), Body::Empty), "trap: a body costs nginx its connection");
    }
}

#[tokio::test]
async fn what_cannot_be_known_is_no_permit() {
    let place = place(|policy| {
        policy.routes.native = Table::build(vec![RouteRule {
            own: None,
            methods: vec![http::Method::GET],
            template: "/users".into(),
            require: vec![Requirement::parse(USERS)],
            scopes: Vec::new(),
            parameters: Vec::new(),
            secure: false,
            source: doorward_core::Source::new("routes.toml", 1),
        }])
        .unwrap();
    })
    .await;
    let session = place.login().await;
    for question in all("GET https://shop.test/users") {
        assert_eq!(question.of(&session).ask(&place).await.status(), StatusCode::OK);
    }
    place.world.deafen().await;
    for question in all("GET https://shop.test/users") {
        let answer = question.clone().of(&session).ask(&place).await;
        let status = if question.convention == Convention::Nginx { 403 } else { 503 };
        assert_eq!((answer.status().as_u16(), said(&answer, "doorward-status")), (status, Some("503")));
        assert_eq!(said(&answer, "set-cookie"), None);
    }
}

#[tokio::test]
async fn keycloak_35217_a_certificate_is_said_by_the_proxy_that_asks() {
    let certificates = |policy: &mut Policy| {
        let firewall = Firewall { authentication: Authentication::Certificate, ..(*policy.firewalls[0]).clone() };
        policy.firewalls = vec![Arc::new(firewall)];
    };
    let place = place(certificates).await;
    for (form, identity) in [(Some(Form::Subject), Some("admin/14")), (None, Some("guest"))] {
        let mut snapshot = behind_proxies(place.gateway.policy());
        snapshot.network.certificates = Certificates { map: Map::Cn, asked: true, form };
        place.gateway.replace(snapshot);
        for question in all("GET https://shop.test/orders") {
            let question = question.with("x-ssl-client-s-dn", "CN=admin").with("x-ssl-client-verify", "SUCCESS");
            let answer = question.ask(&place).await;
            assert_eq!((answer.status(), said(&answer, "doorward-identity")), (StatusCode::OK, identity), "{form:?}");
            assert_eq!(question.ask_from("203.0.113.1:1", &place).await.status(), StatusCode::FORBIDDEN);
        }
    }
}

#[tokio::test]
async fn goauthentik_6883_a_browser_is_led_to_the_sign_in_page_once() {
    let pages = |policy: &mut Policy| {
        policy.access.push(rule("^/closed"));
        let page = Firewall { entry: Entry::Page, ..(*policy.firewalls[0]).clone() };
        policy.firewalls = vec![Arc::new(page)];
    };
    let place = place(pages).await;
    for question in all("GET https://shop.test:8443/closed?a=1") {
        let question = question.with("sec-fetch-mode", "navigate");
        let answer = question.ask(&place).await;
        let (status, location) = match question.convention {
            // It makes a 500 of a redirect; its configuration may read where to lead a browser.
            Convention::Nginx => (401, "/login?return=%2Fclosed%3Fa%3D1"),
            // It would read a path as one of Doorward's own host.
            Convention::Traefik => (303, "https://shop.test:8443/login?return=%2Fclosed%3Fa%3D1"),
            _ => (303, "/login?return=%2Fclosed%3Fa%3D1"),
        };
        assert_eq!((answer.status().as_u16(), said(&answer, "location")), (status, Some(location)));
    }
    for page in ["/login", "/login?return=%2F", "/logout"] {
        for question in all(&format!("GET https://shop.test{page}")) {
            let answer = question.with("sec-fetch-mode", "navigate").ask(&place).await;
            assert_eq!((answer.status(), said(&answer, "location")), (StatusCode::FORBIDDEN, None), "{page}");
            assert!(last(&place).contains("unenforceable"), "{page}");
        }
    }
}

#[tokio::test]
async fn cookies_pass_back() {
    let place = place(|_| {}).await;
    for question in all("GET https://shop.test/orders") {
        let dead = question.with("cookie", "IBX_SESSION_ID=0123456789abcdef0123456789abcdef").ask(&place).await;
        assert!(said(&dead, "set-cookie").unwrap().starts_with("IBX_SESSION_ID=deleted"));
    }
}

#[tokio::test]
async fn what_is_left_of_credentials_is_told() {
    let place = place(|policy| {
        let pass = Upstream { name: "old".into(), path: "/old".into(), pass_credentials: true, ..(*policy.upstreams[0]).clone() };
        policy.upstreams.insert(0, Arc::new(pass));
    })
    .await;
    let session = place.login().await;
    let cookie = format!("a=1; {}", session.cookie());
    for (path, left, removed) in
        [("/new", Some("a=1"), Some("doorward-made-up,x-csrf-token")), ("/old", Some(&*cookie), Some("doorward-made-up"))]
    {
        for question in all(&format!("GET https://shop.test{path}")) {
            let question = question.with("cookie", &cookie).with("x-csrf-token", &session.token).with("doorward-made-up", "x");
            let answer = question.ask(&place).await;
            assert_eq!(said(&answer, header::COOKIE.as_str()), left, "{path}");
            if question.convention == Convention::Envoy {
                let said = said(&answer, "x-envoy-auth-headers-to-remove").map(|names| {
                    let mut names: Vec<&str> = names.split(',').collect();
                    names.sort_unstable();
                    names.join(",")
                });
                // Without a guard that reads it the token is none of ours.
                assert!(said.as_deref() == removed || said.as_deref() == Some("doorward-made-up"), "{path}: {said:?}");
            }
        }
    }
}

#[tokio::test]
async fn traefiks_websockets_are_of_http() {
    let place = place(|_| {}).await;
    for scheme in ["ws", "wss"] {
        let question = Question::about(Convention::Traefik, "GET https://shop.test/live").saying("x-forwarded-proto", scheme);
        assert_eq!(question.ask(&place).await.status(), StatusCode::OK);
    }
}
