//! The three ends of the same way.

use super::{Onward, Passed, Service};
use crate::{
    Body,
    api::world::{COOKIE, PREFIX},
    listen::Connection,
    pipeline::tests::Place,
};
use doorward_core::{
    Source,
    policy::Upstream,
    route::{Parameter, Requirement, RouteRule, template::Table},
};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug, PartialEq)]
struct Attached(u8);

fn request(line: &str, headers: &[(&str, &str)]) -> http::request::Parts {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target).header("host", "a.test").extension(Attached(7));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn connection() -> Connection {
    Connection::plain("192.0.2.7:4711".parse().unwrap())
}

impl Place {
    async fn verdict(&self, line: &str, headers: &[(&str, &str)]) -> Response<Body> {
        self.gateway.handle_parts(request(line, headers), Body::Empty, &connection(), Onward::Verdict("test")).await
    }

    /// What the service received, and the answer.
    async fn serve(&self, line: &str, headers: &[(&str, &str)], body: &str) -> (Option<Passed>, Response<Body>) {
        let upstream = Arc::new(Upstream::within("mine".into()));
        let seen = Arc::new(Mutex::new(None));
        let received = Arc::clone(&seen);
        let call = move |passed: Passed| {
            let answer = Response::builder()
                .status(StatusCode::CREATED)
                .header("doorward-identity", "made up")
                .header("set-cookie", format!("{COOKIE}=made-up"))
                .header("set-cookie", "own=1")
                .body(Body::from("served".to_owned()))
                .unwrap();
            *received.lock().unwrap() = Some(passed);
            Box::pin(async { answer }) as _
        };
        let onward = Onward::Service(Service { upstream: &upstream, call: Box::new(call) });
        let body = Body::from(body.to_owned());
        let answer = self.gateway.handle_parts(request(line, headers), body, &connection(), onward).await;
        let passed = seen.lock().unwrap().take();
        (passed, answer)
    }
}

/// Who a request says is calling, for comparison.
fn introduced(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let about = ["doorward-identity", "doorward-login", "doorward-roles", "doorward-method", "cookie", "authorization"];
    about.into_iter().filter_map(|name| Some((name, headers.get(name)?.to_str().unwrap()))).collect()
}

fn setting(force: bool) -> RouteRule {
    let parameter = Parameter { name: "store".into(), value: Some("1".into()), force };
    RouteRule {
        methods: vec![Method::GET],
        template: "/forced".into(),
        require: vec![Requirement::Anonymous],
        scopes: Vec::new(),
        parameters: vec![parameter],
        secure: false,
        own: None,
        source: Source::new("routes.toml", 3),
    }
}

#[tokio::test]
async fn a_verdict_says_what_the_upstream_would_be_told() {
    let place = Place::open().await;
    let session = place.login().await;
    let cookie = format!("a=1; {}; b=2", session.cookie());
    let headers = [("cookie", &*cookie), ("doorward-identity", "admin/1"), ("x-forwarded-for", "10.0.0.1")];
    let verdict = place.verdict("GET /orders/5?x=1", &headers).await;
    assert_eq!(verdict.status(), StatusCode::OK);
    assert_eq!(
        introduced(verdict.headers()),
        [
            ("doorward-identity", "admin/14"),
            ("doorward-login", "admin"),
            ("doorward-roles", "ROLE_USER,ROLE_ADMIN,keepers"),
            ("doorward-method", "session"),
            ("cookie", "a=1; b=2"),
        ]
    );
    assert!(verdict.headers().contains_key("doorward-assertion"));
    assert_eq!(verdict.headers()["content-length"], "0");
    assert!(matches!(verdict.body(), Body::Empty));
    assert_eq!(place.received(), Vec::<String>::new(), "nothing was sent");
    assert_eq!(place.requests(), ["GET - 200 permit - admin/14"]);
}

#[tokio::test]
async fn a_verdict_about_a_guest_clears_what_a_client_may_have_said() {
    let place = Place::open().await;
    let verdict = place.verdict("GET /orders/5", &[("authorization", "Bearer stale"), ("doorward-login", "root")]).await;
    let said = [("doorward-identity", "guest"), ("doorward-login", ""), ("doorward-roles", ""), ("doorward-method", "session")];
    assert_eq!(introduced(verdict.headers()), said);
}

#[tokio::test]
async fn a_verdict_is_refused_where_parameters_are_set() {
    for force in [true, false] {
        let native = Table::build(vec![setting(force)]).unwrap();
        let place = Place::new(Some(""), |policy| policy.routes.native = native).await;
        assert_eq!(place.verdict("GET /forced", &[]).await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(place.requests(), ["GET /forced 401 refusal unenforceable guest"]);
    }
}

#[tokio::test]
async fn a_verdict_is_refused_for_what_we_answer_ourselves() {
    let place = Place::open().await;
    let session = place.login().await;
    for line in ["GET /login".to_owned(), format!("DELETE {}", session.href), format!("POST {PREFIX}/user/sessions")] {
        let headers = [("cookie", &*session.cookie()), ("x-csrf-token", &*session.token)];
        assert_eq!(place.verdict(&line, &headers).await.status(), StatusCode::UNAUTHORIZED, "{line}");
        assert!(place.requests().last().unwrap().contains("401 refusal unenforceable"), "{line}");
    }
    let live = place.verdict("GET /orders/5", &[("cookie", &*session.cookie())]).await;
    assert_eq!(live.headers()["doorward-identity"], "admin/14", "the session was not ended");
}

#[tokio::test]
async fn a_service_receives_what_an_upstream_would() {
    let place = Place::open().await;
    let session = place.login().await;
    let cookie = format!("{}; b=2", session.cookie());
    let headers = [
        ("cookie", &*cookie),
        ("x-csrf-token", &*session.token),
        ("doorward-login", "root"),
        ("doorward_roles", "ROLE_X"),
        ("content-length", "4"),
    ];
    let (passed, answer) = place.serve("POST /a/%7Eb?x=1", &headers, "body").await;
    let Passed { permit, request, session: ended } = passed.unwrap();
    assert_eq!(permit.identity().name(), "admin/14");
    assert_eq!(request.uri(), "/a/~b?x=1");
    assert_eq!(request.extensions().get(), Some(&Attached(7)));
    assert_eq!(
        introduced(request.headers()),
        [
            ("doorward-identity", "admin/14"),
            ("doorward-login", "admin"),
            ("doorward-roles", "ROLE_USER,ROLE_ADMIN,keepers"),
            ("doorward-method", "session"),
            ("cookie", "b=2"),
        ]
    );
    assert_eq!(request.headers()["x-forwarded-for"], "192.0.2.7");
    assert!(!request.headers().contains_key("x-csrf-token") && !request.headers().contains_key("doorward_roles"));
    assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "body");
    assert!(!ended.unwrap().is_cancelled());
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert!(!answer.headers().contains_key("doorward-identity"));
    let cookies: Vec<_> = answer.headers().get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["own=1"], "it sets no session of ours");
    assert_eq!(place.received(), Vec::<String>::new());
}

#[tokio::test]
async fn a_service_is_not_called_without_a_permit() {
    let place = Place::open().await;
    let session = place.login().await;
    let (passed, answer) = place.serve("POST /a", &[("cookie", &*session.cookie())], "").await;
    assert!(passed.is_none());
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let (passed, answer) = place.serve("GET /a/../b", &[], "").await;
    assert!(passed.is_none());
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_service_needs_no_upstream_and_gets_the_parameters_that_are_set() {
    let place = Place::new(Some(""), |policy| {
        policy.upstreams.clear();
        policy.routes.native = Table::build(vec![setting(true)]).unwrap();
    })
    .await;
    let (passed, _) = place.serve("GET /forced?Store=2&a=1", &[], "").await;
    assert_eq!(passed.unwrap().request.uri(), "/forced?a=1&store=1");
    assert_eq!(place.verdict("GET /orders/5", &[]).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn our_own_endpoints_are_answered_before_a_service() {
    let place = Place::open().await;
    let session = place.login().await;
    let headers = [("cookie", &*session.cookie()), ("x-csrf-token", &*session.token)];
    let (passed, answer) = place.serve(&format!("DELETE {}", session.href), &headers, "").await;
    assert!(passed.is_none());
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}
