//! What reaches the service, and what does not.

use crate::support::{House, PEER, SESSIONS, ask, builder, request, told};
use bytes::Bytes;
use doorward_tower::{Body, Peer};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test]
async fn a_permitted_request_reaches_the_service_with_who_is_calling() {
    let house = House::new().await;
    let anna = house.sign_in("anna").await;
    let answer = ask(house.echo(), "GET /orders?page=2", &[("cookie", &anna.cookie)], "").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let told = answer.json();
    assert_eq!(
        (&told["uri"], &told["identity"], &told["permit"]),
        (&json!("/orders?page=2"), &json!("admin/1"), &json!("session"))
    );
    let headers = &told["headers"];
    for (name, value) in [
        ("doorward-identity", "admin/1"),
        ("doorward-login", "anna"),
        ("doorward-roles", "ROLE_USER,ROLE_ADMIN,clerks"),
        ("doorward-method", "session"),
        ("x-forwarded-for", "192.0.2.7"),
    ] {
        assert_eq!(headers[name], value);
    }
    assert!(headers["doorward-assertion"].is_string());
    assert!(headers["cookie"].is_null(), "the credential goes no further");
    house.background.stop().await;
}

#[tokio::test]
async fn who_may_not_does_not_reach_the_service() {
    let house = House::new().await;
    let asked = Arc::new(AtomicU32::new(0));
    let service = house.door.layer().layer(service_fn({
        let asked = Arc::clone(&asked);
        move |_: Request<Body>| {
            asked.fetch_add(1, SeqCst);
            async { Ok::<_, Infallible>(Response::new(String::new())) }
        }
    }));
    let jane = house.sign_in("jane").await;
    let cookie = ("cookie", &*jane.cookie);
    for (line, headers, status) in [
        ("GET /orders", &[][..], StatusCode::UNAUTHORIZED),
        ("GET /orders", &[cookie][..], StatusCode::FORBIDDEN),
        ("GET /nothing", &[cookie][..], StatusCode::NOT_FOUND),
        ("GET /open/../orders", &[][..], StatusCode::BAD_REQUEST),
        ("GET /open", &[("host", "other.test")][..], StatusCode::BAD_REQUEST),
        ("POST /own", &[cookie][..], StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(ask(service.clone(), line, headers, "").await.status, status, "{line}");
    }
    assert_eq!(asked.load(SeqCst), 0);
    let token = [cookie, ("x-csrf-token", &jane.token)];
    assert_eq!(ask(service, "POST /own", &token, "").await.status, StatusCode::OK, "the token was all that was missing");
    assert_eq!(asked.load(SeqCst), 1);
}

#[tokio::test]
async fn what_only_doorward_may_say_is_dropped_in_every_spelling() {
    let house = House::new().await;
    let headers =
        [("doorward-identity", "admin/1"), ("Doorward_Login", "anna"), ("doorward.roles", "x"), ("x-forwarded-for", "10.0.0.1")];
    let told = ask(house.echo(), "GET /open", &headers, "").await.json();
    assert_eq!(told["identity"], "guest");
    assert_eq!(told["headers"]["doorward-identity"], "guest");
    assert_eq!(told["headers"]["x-forwarded-for"], "192.0.2.7");
    for name in ["doorward-login", "doorward_login", "doorward.roles", "doorward-roles"] {
        assert!(told["headers"][name].is_null(), "{name}");
    }
}

#[tokio::test]
async fn credentials_go_on_where_the_layer_says_so() {
    let house = House::new().await;
    let anna = house.sign_in("anna").await;
    let headers = [("cookie", &*format!("a=1; {}", anna.cookie)), ("authorization", "Bearer x")];
    let strip = ask(house.echo(), "GET /orders", &headers, "").await.json();
    assert_eq!((&strip["headers"]["cookie"], &strip["headers"]["authorization"]), (&json!("a=1"), &json!(null)));
    let layer = house.door.layer().named("orders").pass_credentials();
    let pass = ask(layer.layer(crate::support::Echo), "GET /orders", &headers, "").await.json();
    assert_eq!((&pass["headers"]["cookie"], &pass["headers"]["authorization"]), (&json!(headers[0].1), &json!("Bearer x")));
}

#[tokio::test]
async fn where_nobody_says_who_is_at_the_other_end_nothing_is_judged() {
    let house = House::new().await;
    let mut silent = request("GET /open", &[], "");
    silent.extensions_mut().remove::<Peer>();
    let answer = house.echo().oneshot(silent.clone()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let fixed = house.door.layer().fixed_peer(PEER.parse().unwrap()).layer(crate::support::Echo);
    assert_eq!(fixed.oneshot(silent).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_panic_in_the_service_is_an_answer_and_the_next_request_works() {
    let house = House::new().await;
    let service = house.door.layer().layer(service_fn(|request: Request<Body>| async move {
        assert!(request.uri().query().is_none(), "as it was asked to");
        Ok::<_, Infallible>(Response::new(told(request).await.to_string()))
    }));
    assert_eq!(ask(service.clone(), "GET /open?panic", &[], "").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(ask(service, "GET /open", &[], "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_error_of_the_service_is_handed_out_as_it_is() {
    let house = House::new().await;
    let service = house
        .door
        .layer()
        .layer(service_fn(|_: Request<Body>| async { Err::<Response<String>, _>(io::Error::other("no more today")) }));
    let error = service.clone().oneshot(request("GET /open", &[], "")).await.unwrap_err();
    assert_eq!(error.to_string(), "no more today");
    let refused = service.oneshot(request("GET /orders", &[], "")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "the service was not asked");
}

#[tokio::test]
async fn our_own_endpoints_are_answered_by_the_layer_in_the_dialect() {
    let house = House::new().await;
    let service = house
        .door
        .layer()
        .layer(service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new("the service".to_owned())) }));
    let input = r#"{"SessionInput":{"login":"anna","password":"wrong"}}"#;
    let headers = [("content-type", "application/vnd.ibexa.api.SessionInput+json"), ("accept", "application/json")];
    let wrong = ask(service.clone(), &format!("POST {SESSIONS}"), &headers, input).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.json()["ErrorMessage"]["errorCode"], 401);
    assert_eq!(wrong.headers["cache-control"], "no-store");
    let page = ask(service, "GET /login/people", &[], "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("<form"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_once_are_judged_each_for_itself() {
    let house = House::new().await;
    let (anna, jane) = (house.sign_in("anna").await, house.sign_in("jane").await);
    let mut all = JoinSet::new();
    for n in 0..200 {
        let (service, cookies) = (house.echo(), [anna.cookie.clone(), jane.cookie.clone(), String::new()]);
        all.spawn(async move {
            let cookie = &cookies[n % 3];
            let answer = ask(service, "GET /own", &[("cookie", cookie), ("x-n", &n.to_string())], "").await;
            (n, answer)
        });
    }
    while let Some(done) = all.join_next().await {
        let (n, answer) = done.unwrap();
        match n % 3 {
            0 => assert_eq!(answer.status, StatusCode::FORBIDDEN, "an admin is nobody's own"),
            1 => {
                assert_eq!(answer.json()["identity"], "customer/1");
                assert_eq!(answer.json()["headers"]["x-n"], n.to_string());
            }
            _ => assert_eq!(answer.status, StatusCode::UNAUTHORIZED),
        }
    }
}

#[tokio::test]
async fn two_doors_in_one_program_know_nothing_of_each_other() {
    let (one, other) = (House::new().await, House::of(&builder().unmatched(doorward_tower::Unmatched::Allow)).await);
    let anna = one.sign_in("anna").await;
    let cookie = [("cookie", &*anna.cookie)];
    assert_eq!(ask(one.echo(), "GET /orders", &cookie, "").await.status, StatusCode::OK);
    let stranger = ask(other.echo(), "GET /orders", &cookie, "").await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(one.echo(), "GET /elsewhere", &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(other.echo(), "GET /elsewhere", &[], "").await.status, StatusCode::OK);
    one.background.stop().await;
    assert_eq!(ask(other.echo(), "GET /open", &[], "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_door_may_have_layers_about_each_other_s_services() {
    let house = House::new().await;
    let anna = house.sign_in("anna").await;
    // A layer within a layer: the inner one finds no credential any more, and its caller is a guest.
    let within = house.door.layer().layer(house.echo());
    let answer = within.oneshot(request("GET /orders", &[("cookie", &anna.cookie)], "")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn parameters_that_a_rule_forces_are_set_in_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let webapi = r#"<?xml version="1.0"?><routes><route url="/V1/mine" method="GET"><service class="A" method="b"/>
        <resources><resource ref="self"/></resources><data><parameter name="customerId" force="true">%customer_id%</parameter></data>
        </route></routes>"#;
    let file = folder.path().join("webapi.xml");
    std::fs::write(&file, webapi).unwrap();
    let house = House::of(&builder().rules_file(&file)).await;
    let jane = house.sign_in("jane").await;
    let headers = [("cookie", &*jane.cookie), ("x-requested-with", "XMLHttpRequest")];
    let answer = ask(house.echo(), "GET /rest/V1/mine?customerId=7", &headers, "").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.json()["uri"], "/rest/V1/mine?customerId=1");
}

#[tokio::test]
async fn hyper_can_serve_it_by_its_own_adapter() {
    use hyper_util::{rt::TokioIo, service::TowerToHyperService};
    let house = House::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = house.door.layer();
    tokio::spawn(async move {
        let (stream, peer) = listener.accept().await.unwrap();
        let service = layer.fixed_peer(peer).layer(crate::support::Echo);
        let connection = hyper::server::conn::http1::Builder::new();
        connection.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await
    });
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let asked = Request::post("/open").header("host", "shop.test").body(Full::new(Bytes::from("a body"))).unwrap();
    let answer = sender.send_request(asked).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&told["body"], &told["headers"]["x-forwarded-for"]), (&json!("a body"), &json!("127.0.0.1")));
}
