//! With axum: the layer about a router, and the extractors.

use crate::support::{House, ask, request};
use axum::{Router, extract::ConnectInfo, routing::get};
use bytes::Bytes;
use doorward_tower::{
    AuditEvent, Body, Identity, Peer, Permit, Recorder, RequestEvent, RequireResource, Resource, UpstreamOutcome,
};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::{Service, ServiceExt};

struct Refunds;

impl Resource for Refunds {
    const ID: &'static str = "Example_Sales::refunds";
}

/// The service of a router: its answers with bodies of ours.
fn app(house: &House) -> impl Service<Request<Full<Bytes>>, Response = Response<Body>, Error = Infallible> + Clone {
    let who = async |identity: Identity, permit: Permit| format!("{} by {}", *identity, permit.method().as_str());
    let refund = async |caller: RequireResource<Refunds>| format!("{:?}", caller.identity().to_string());
    let router: Router = Router::new().route("/open", get(who)).route("/orders", get(refund)).route("/own", get(refund));
    // As a service, so that the answers need no axum to be read.
    tower::Layer::layer(&house.door.layer(), router.into_service::<Body>())
}

#[tokio::test]
async fn handlers_are_told_who_is_calling() {
    let house = House::new().await;
    let jane = house.sign_in("jane").await;
    assert_eq!(ask(app(&house), "GET /open", &[], "").await.body, "guest by session");
    assert_eq!(ask(app(&house), "GET /open", &[("cookie", &jane.cookie)], "").await.body, "customer/1 by session");
}

#[tokio::test]
async fn a_handler_demands_a_resource_and_refuses_in_the_dialect() {
    let house = House::new().await;
    let (anna, jane) = (house.sign_in("anna").await, house.sign_in("jane").await);
    let problem = ask(app(&house), "GET /orders", &[("cookie", &anna.cookie)], "").await;
    assert_eq!(
        (problem.status, &problem.headers["content-type"]),
        (StatusCode::FORBIDDEN, &"application/problem+json".parse().unwrap())
    );
    assert_eq!(problem.headers["cache-control"], "no-store");
    assert_eq!(ask(app(&house), "GET /own", &[("cookie", &jane.cookie)], "").await.status, StatusCode::FORBIDDEN);
    house.door.accounts().put_role("clerks", &["Example_Sales::orders", "Example_Sales::refunds"]).await.unwrap();
    assert_eq!(ask(app(&house), "GET /orders", &[("cookie", &anna.cookie)], "").await.body, "\"admin/1\"");
}

#[tokio::test]
async fn a_guest_is_asked_to_sign_in_where_a_handler_demands_a_resource() {
    let house = House::of(&crate::support::builder().route(doorward_tower::Route::get("/api/ibexa/v2/refund").anonymous())).await;
    let handler = async |_: RequireResource<Refunds>| "never";
    let router: Router = Router::new().route("/open", get(handler)).route("/api/ibexa/v2/refund", get(handler));
    let service = tower::Layer::layer(&house.door.layer(), router.into_service::<Body>());
    let problem = ask(service.clone(), "GET /open", &[], "").await;
    assert_eq!(problem.status, StatusCode::UNAUTHORIZED);
    assert_eq!(problem.headers["www-authenticate"], "Session realm=\"Doorward\"");
    let ibexa = ask(service, "GET /api/ibexa/v2/refund", &[("accept", "application/xml")], "").await;
    assert_eq!(ibexa.status, StatusCode::UNAUTHORIZED);
    assert!(ibexa.body.contains("<ErrorMessage"), "{}", ibexa.body);
}

#[tokio::test]
async fn without_the_layer_extractors_refuse() {
    let handler = async |_: RequireResource<Refunds>| "never";
    let who = async |_: Identity| "never";
    let permit = async |_: Permit| "never";
    let router: Router = Router::new().route("/a", get(handler)).route("/b", get(who)).route("/c", get(permit));
    for path in ["/a", "/b", "/c"] {
        let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[tokio::test]
async fn the_router_takes_the_layer_and_axum_s_own_word_of_the_peer() {
    let house = House::new().await;
    let who = async |request: axum::extract::Request| request.headers()["x-forwarded-for"].to_str().unwrap().to_owned();
    let router: Router = Router::new().route("/open", get(who)).layer(house.door.layer());
    let from = SocketAddr::from(([198, 51, 100, 7], 1));
    for (peer, expected) in [(None, "198.51.100.7"), (Some(Peer(SocketAddr::from(([203, 0, 113, 9], 1)))), "203.0.113.9")] {
        let mut request = request("GET /open", &[], "");
        request.extensions_mut().remove::<Peer>();
        request.extensions_mut().insert(ConnectInfo(from));
        peer.map(|peer| request.extensions_mut().insert(peer));
        let answer = router.clone().oneshot(request.map(axum::body::Body::new)).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), 100).await.unwrap();
        assert_eq!(body, expected, "what we were told ourselves comes first");
    }
}

#[tokio::test]
async fn what_a_handler_refuses_is_recorded_as_a_refusal() {
    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);
    impl Recorder for Notes {
        fn request(&self, event: &RequestEvent<'_>) {
            let RequestEvent { route, outcome, reason, detail, identity, status, .. } = event;
            self.0.lock().unwrap().push(format!("{route} {identity} {status} {outcome} {reason} {detail}"));
        }
        fn audit(&self, event: &AuditEvent<'_>) {
            self.0.lock().unwrap().push(format!("audit {} {}", event.event, event.outcome));
        }
        fn parser_refusal(&self, _: IpAddr, _: &str) {}
        fn connection(&self, _: bool) {}
        fn upstream(&self, _: &str, _: UpstreamOutcome, _: Duration) {}
    }
    let notes = Arc::new(Notes::default());
    let house = House::recording(Arc::clone(&notes) as _).await;
    let anna = house.sign_in("anna").await;
    notes.0.lock().unwrap().clear();
    ask(app(&house), "GET /orders", &[("cookie", &anna.cookie)], "").await;
    let noted = notes.0.lock().unwrap().clone();
    let place = std::any::type_name::<Refunds>();
    assert!(
        noted.contains(&format!("/orders admin/1 403 refusal not_granted {place}: Example_Sales::refunds is not granted")),
        "{noted:?}"
    );
    assert!(noted.contains(&"audit refusal not_granted".to_owned()), "{noted:?}");
}

/// RFC 9110 9.1, CWE-436: an override must not open the handler of one method by the rule of another, and no spelling of a path
/// that of another path.
#[tokio::test]
async fn no_handler_answers_what_was_judged_as_something_else() {
    let rules = crate::support::builder()
        .route(doorward_tower::Route::get("/api/ibexa/v2/things").anonymous())
        .route(doorward_tower::Route::get("/files/public").anonymous())
        .route(doorward_tower::Route::get("/files/:name").require("Example_Sales::orders"));
    let house = House::of(&rules).await;
    let router: Router = Router::new()
        .route("/api/ibexa/v2/things", get(async || "read").post(async || "written"))
        .route("/files/public", get(async || "public"))
        .route("/files/{name}", get(async || "another"));
    let about: Router = router.clone().layer(house.door.layer());
    let whole: Router = Router::new().fallback_service(house.door.protect(router));
    let cases = [
        ("GET /api/ibexa/v2/things", None, Some("read"), "read"),
        ("POST /api/ibexa/v2/things", Some("GET"), None, "read"),
        ("GET /files/public", None, Some("public"), "public"),
        ("GET /files/%70ublic", None, None, "public"),
        ("GET /files/publi%63", None, None, "public"),
    ];
    for (line, instead, of_layer, of_whole) in cases {
        let headers: Vec<_> = instead.map(|method| ("x-http-method-override", method)).into_iter().collect();
        for (router, expected) in [(&about, of_layer), (&whole, Some(of_whole))] {
            let answer = router.clone().oneshot(request(line, &headers, "").map(axum::body::Body::new)).await.unwrap();
            let status = answer.status().as_u16();
            let said = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
            match expected {
                Some(body) => assert!(status == 200 && said == body, "{line}: {status} {said:?}"),
                // Ibexa answers 401 where others answer 403.
                None => assert!(matches!(status, 401 | 403), "{line}: {status} {said:?}"),
            }
        }
    }
}
