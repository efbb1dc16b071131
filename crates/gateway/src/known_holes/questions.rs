//! What proxies that ask could not say, or said in vain.

use super::{House, Sent};
use crate::{
    admit::Network,
    api::USERS,
    forward_auth::tests::{PROXY, Question, all, path_of, rule},
};
use doorward_core::{
    Policy, Source,
    access::AccessRule,
    forward_auth::Convention,
    policy::Unmatched,
    route::{Requirement, RouteRule, template::Table},
};
use http::{Method, StatusCode};
use std::sync::Arc;

/// What is open is open by a rule for its path, and nothing else is.
fn routes(policy: &mut Policy) {
    let route = |template: &str, require: &str| RouteRule {
        own: None,
        methods: vec![Method::GET],
        template: template.into(),
        require: vec![Requirement::parse(require)],
        scopes: Vec::new(),
        parameters: Vec::new(),
        secure: false,
        source: Source::new("routes.toml", 1),
    };
    let routes = [route("/headers", "anonymous"), route("/api/public/*rest", "anonymous"), route("/users", USERS)];
    policy.routes.native = Table::build(routes.into()).unwrap();
    policy.unmatched = Unmatched::Deny;
}

/// The path of the request is judged, in both forms of nginx, and never that of the question.
#[tokio::test]
async fn oauth2_proxy_2277_what_is_open_is_open_behind_nginx() {
    let house = House::new(routes).await;
    for (path, status) in
        [("/headers", 200), ("/headers?x=1", 200), ("/users", 401), ("/nothing", 403), (&*path_of(Convention::Nginx), 403)]
    {
        let line = format!("GET https://shop.test{path}");
        for question in [Question::about(Convention::Nginx, &line), Question::in_parts(&line)] {
            assert_eq!(question.ask(&house.place).await.status().as_u16(), status, "{path}");
        }
    }
}

/// Where a proxy says host and scheme, and not the path, there is no request to judge: that of the question is another one.
#[tokio::test]
async fn oauth2_proxy_2623_a_question_without_a_path_is_none() {
    let house = House::new(|policy| policy.access.clear()).await;
    let parts = ["x-original-url", "x-original-uri", "x-forwarded-uri"];
    for question in all("GET https://shop.test/headers").iter().filter(|question| question.convention != Convention::Envoy) {
        let question = parts.iter().fold(question.clone(), |question, name| question.without(name));
        let question = question.saying("x-forwarded-host", "shop.test").saying("x-forwarded-proto", "https");
        let question = question.with("x-forwarded-port", "443").with("x-forwarded-scheme", "https");
        assert_eq!(question.ask(&house.place).await.status(), StatusCode::FORBIDDEN, "{:?}", question.convention);
        assert!(house.place.requests().pop().unwrap().contains("bad_request question"), "the log says that it is about nothing");
    }
}

#[tokio::test]
async fn oauth2_proxy_3020_what_is_open_is_open_behind_envoy() {
    let house = House::new(routes).await;
    for (path, status) in [("/api/public/x", 200), ("/api/public/x/y?z", 200), ("/api/publican", 404), ("/users", 401)] {
        let sent = Sent::get(path);
        let http = house.question(&sent.question(Question::about(Convention::Envoy, &sent.line))).await;
        assert_eq!((http.status, house.grpc(&sent).await.status), (status, status), "{path}");
    }
}

/// Nobody is trusted unless somebody says so, and then nobody is believed.
#[tokio::test]
async fn oauth2_proxy_3506_no_proxy_is_trusted_by_default() {
    let house = House::new(|_| {}).await.with(|snapshot| snapshot.network = Network::default());
    for question in all("GET https://shop.test/open") {
        for peer in [PROXY, "127.0.0.1:1", "[::1]:1", "192.168.0.1:1", "172.16.0.1:1"] {
            let answer = question.ask_from(peer, &house.place).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{peer}");
            assert!(!answer.headers().contains_key("doorward-identity"), "{peer}");
        }
    }
    assert!(house.place.requests().iter().all(|event| event.contains("untrusted_proxy")));
}

/// A path that only the configuration makes a question is a path like all others.
#[tokio::test]
async fn kanidm_2774_there_is_no_forward_auth_until_it_is_configured() {
    let house = House::new(routes).await.with(|snapshot| snapshot.forward_auth.clear());
    for convention in Convention::ALL {
        let (question, path) = (Question::about(convention, "GET https://shop.test/headers"), path_of(convention));
        let mut sent = Sent::get(&path);
        sent.headers = question.headers.iter().filter(|(name, _)| name != "host").cloned().collect();
        for peer in [super::STRANGER, PROXY] {
            let came = house.gateway("gateway", peer, &sent).await;
            assert_eq!(came.status, 404, "{came:?}");
            came.is_denied();
        }
        house.socket(&sent).await.is_denied();
    }
    assert_eq!(grpc_over_http(&house).await, "404", "nor over gRPC");
}

/// The status of a call of gRPC at a gateway where Envoy does not ask.
async fn grpc_over_http(house: &House) -> String {
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n",
        crate::ext_authz::PATH
    );
    house.place.raw(&request).await.get(9..12).unwrap_or_default().to_owned()
}

/// Each endpoint is asked at one path about all others.
#[tokio::test]
async fn oathkeeper_263_traefik_asks_at_one_path_about_all_others() {
    let house = House::new(|policy| policy.access = vec![rule("^/closed"), rule("^/_doorward")]).await;
    for (path, status) in [("/open", 200), ("/open/x?y=1", 200), ("/closed", 401), ("/_doorward/traefik", 401)] {
        let question = Question::about(Convention::Traefik, &format!("GET https://shop.test{path}"));
        assert_eq!(question.ask(&house.place).await.status().as_u16(), status, "{path}");
    }
    let post = Question::about(Convention::Traefik, "POST https://shop.test/open");
    assert_eq!(post.ask(&house.place).await.status(), StatusCode::OK, "a guest has no session that a guard would be for");
    assert_eq!(house.place.requests().pop().unwrap().split(' ').next(), Some("POST"), "the question itself is a GET");
}

/// Rules by host are about the host of the request, though the question is sent to ours.
fn by_host(policy: &mut Policy) {
    policy.access = vec![Arc::new(AccessRule { host: regex::Regex::new(r"^admin\.test$").ok(), ..(*rule("^/")).clone() })];
}

#[tokio::test]
async fn oathkeeper_521_the_host_of_a_question_is_not_that_of_the_request() {
    let house = House::new(by_host).await;
    for (host, status) in [("admin.test", 401), ("shop.test", 200)] {
        let line = format!("GET https://{host}/dashboard");
        for question in [Question::about(Convention::Nginx, &line), Question::in_parts(&line)] {
            for ours in ["doorward.test", "shop.test", "admin.test", "127.0.0.1:8080"] {
                let answer = question.clone().saying("host", ours).ask(&house.place).await;
                assert_eq!(answer.status().as_u16(), status, "{host} {ours}");
            }
        }
    }
}

#[tokio::test]
async fn oathkeeper_1139_what_proxies_forward_is_what_is_judged() {
    let house = House::new(by_host).await;
    for convention in [Convention::Caddy, Convention::Traefik, Convention::Haproxy] {
        for (host, status) in [("admin.test", 401), ("admin.test:8443", 401), ("shop.test", 200)] {
            for scheme in ["http", "https"] {
                let question = Question::about(convention, &format!("GET {scheme}://{host}/x")).saying("host", "shop.test");
                let question = question.with("x-forwarded-port", "4455").with("x-forwarded-server", "edge");
                assert_eq!(question.ask(&house.place).await.status().as_u16(), status, "{convention:?} {host} {scheme}");
            }
        }
    }
}

/// The way back is one at the host of the application, which Traefik would read as ours.
#[tokio::test]
async fn traefik_7923_the_way_back_is_at_the_host_of_the_application() {
    let house = House::new(|policy| policy.access.push(rule("^/closed"))).await;
    for (url, origin) in
        [("https://app.test:8443/closed", "https://app.test:8443"), ("http://app.test/closed", "http://app.test")]
    {
        let question = Question::about(Convention::Traefik, &format!("GET {url}")).with("sec-fetch-mode", "navigate");
        let answer = question.ask(&house.place).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()["location"], format!("{origin}/login?return=%2Fclosed"));
    }
}
