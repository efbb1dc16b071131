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

mod verdicts;

pub(crate) const PROXY: &str = "10.0.0.1:4711";
pub(crate) const CLIENT: (&str, &str) = ("x-forwarded-for", "203.0.113.9");

pub(crate) fn path_of(convention: Convention) -> String {
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
pub(crate) fn behind_proxies(policy: Arc<Policy>) -> Snapshot {
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
pub(crate) struct Question {
    pub(crate) convention: Convention,
    pub(crate) line: (String, String),
    pub(crate) headers: Vec<(String, String)>,
}

impl Question {
    /// About `METHOD https://HOST/PATH`, in the words of the convention.
    pub(crate) fn about(convention: Convention, request: &str) -> Self {
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
    pub(crate) fn in_parts(request: &str) -> Self {
        let mut question = Self::about(Convention::Nginx, request);
        let url = request.split_once(' ').unwrap().1;
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, path) = rest.split_at(rest.find('/').unwrap());
        question = question.without("x-original-url");
        question.with("x-original-uri", path).with("x-forwarded-host", host).with("x-forwarded-proto", scheme)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    pub(crate) fn saying(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    /// As a browser that is signed in.
    fn of(self, session: &Client) -> Self {
        self.with("cookie", &session.cookie())
    }

    pub(crate) async fn ask(&self, place: &Place) -> Response<Body> {
        self.ask_from(PROXY, place).await
    }

    pub(crate) async fn ask_from(&self, peer: &str, place: &Place) -> Response<Body> {
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
pub(crate) fn all(request: &str) -> Vec<Question> {
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

pub(crate) fn rule(path: &str) -> Arc<AccessRule> {
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
