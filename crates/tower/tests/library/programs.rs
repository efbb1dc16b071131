//! Programs as they are: routers with nests and fallbacks, HTTP/2, callers that go away.

use crate::support::{Echo, House, ask, builder, request};
use axum::{Router, extract::OriginalUri, routing::get};
use doorward_tower::{AccessRule, Body, DoorwardLayer, DoorwardService, Identity, Route, SessionEnd, Unmatched};
use futures_util::FutureExt;
use http::{Request, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tower::ServiceExt;

/// What a router answers to a guest, or to whoever has the cookie.
async fn get_from(router: &Router, path: &str, cookie: Option<&str>) -> (StatusCode, String) {
    loop {
        let cookie: Vec<_> = cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
        let asked = request(&format!("GET {path}"), &cookie, "").map(axum::body::Body::new);
        let answer = router.clone().oneshot(asked).await.unwrap();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 100_000).await.unwrap();
        if status != StatusCode::SERVICE_UNAVAILABLE {
            return (status, String::from_utf8(body.to_vec()).unwrap());
        }
        tokio::task::yield_now().await;
    }
}

/// CWE-863: what stands in a nest finds its paths without their beginning, and the rules are about whole ones.
#[tokio::test]
async fn in_a_nest_the_whole_path_is_judged_and_the_handler_finds_its_own() {
    let rules = builder()
        .unmatched(Unmatched::Allow)
        .access_control(AccessRule::path("^/shop/admin").roles(["ROLE_ADMIN"]))
        .route(Route::get("/shop/:area/orders").require("Example_Sales::orders"));
    let house = House::of(&rules).await;
    let anna = house.sign_in("anna").await.cookie;
    let said = async |uri: Uri, OriginalUri(whole): OriginalUri, who: Identity| format!("{uri} of {whole} for {}", *who);
    let api = || Router::new().route("/users", get(said)).route("/orders", get(said)).route("/", get(said));
    let routers = [
        Router::new().nest("/shop/admin", api().layer(house.door.layer())),
        Router::new().nest_service("/shop/admin", house.door.protect(api())),
        Router::new().nest("/shop", Router::new().nest("/{area}", api().layer(house.door.layer()))),
        Router::new().nest("/shop", Router::new().nest("/{area}", api())).layer(house.door.layer()),
        Router::new().fallback_service(house.door.protect(Router::new().nest("/shop/{area}", api()))),
    ];
    for (number, router) in routers.iter().enumerate() {
        for path in ["/shop/admin/users", "/shop/admin/orders", "/shop/admin"] {
            assert_eq!(get_from(router, path, None).await.0, StatusCode::UNAUTHORIZED, "{number} {path}");
        }
        for (path, within) in [("/shop/admin/users?a=1", "/users?a=1"), ("/shop/admin/orders", "/orders"), ("/shop/admin", "/")] {
            let expected = (StatusCode::OK, format!("{within} of {path} for admin/1"));
            assert_eq!(get_from(router, path, Some(&anna)).await, expected, "{number}");
        }
    }
    // What only looks the same has its handler chosen by another spelling than was judged.
    for router in &routers[..4] {
        let (status, _) = get_from(router, "/shop/%61dmin/users", Some(&anna)).await;
        assert_ne!(status, StatusCode::OK);
    }
    assert_eq!(get_from(&routers[4], "/shop/%61dmin/users", Some(&anna)).await.0, StatusCode::OK);
    assert_eq!(get_from(&routers[4], "/shop/%61dmin/users", None).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_target_that_was_rewritten_on_the_way_into_a_nest_is_refused() {
    let house = House::of(&builder().unmatched(Unmatched::Allow)).await;
    for elsewhere in ["/b/users", "/"] {
        let api = Router::new().route(elsewhere, get(async || "never")).layer(house.door.layer());
        let rewrite = tower::util::MapRequestLayer::new(move |mut request: axum::extract::Request| {
            *request.uri_mut() = Uri::from_static(elsewhere);
            request
        });
        let outer = Router::new().nest_service("/a", tower::ServiceBuilder::new().layer(rewrite).service(api));
        assert_eq!(get_from(&outer, "/a/users", None).await.0, StatusCode::FORBIDDEN, "{elsewhere}");
    }
}

#[tokio::test]
async fn on_routes_alone_the_layer_judges_them_and_nothing_else() {
    let house = House::new().await;
    let router = Router::new().route("/open", get(async || "open")).route("/own", get(async || "own"));
    let routes =
        router.clone().route_layer(house.door.layer()).route("/beside", get(async || "beside")).fallback(async || "nothing");
    let all = router.fallback(async || "nothing").layer(house.door.layer());
    for (path, of_routes, of_all) in [
        ("/open", (200, Some("open")), (200, Some("open"))),
        ("/own", (401, None), (401, None)),
        ("/beside", (200, Some("beside")), (404, None)),
        // Nobody is judged for what has no route there: so no sign-in page, either.
        ("/login/people", (200, Some("nothing")), (200, None)),
        ("/elsewhere", (200, Some("nothing")), (404, None)),
    ] {
        for (router, (status, body)) in [(&routes, of_routes), (&all, of_all)] {
            let (answered, said) = get_from(router, path, None).await;
            assert_eq!(answered.as_u16(), status, "{path}: {said}");
            assert!(body.is_none_or(|body| body == said), "{path}: {said}");
        }
    }
    let (status, page) = get_from(&all, "/login/people", None).await;
    assert!(status == StatusCode::OK && page.contains("<form"), "{page}");
}

#[tokio::test]
async fn requests_over_http_2_are_judged_by_their_authority() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let house = House::at(address).await;
    let jane = house.sign_in("jane").await.cookie;
    let who = async |who: Identity, request: axum::extract::Request| {
        format!("{} at {} by {:?}", *who, request.headers()["x-forwarded-host"].to_str().unwrap(), request.version())
    };
    let app = Router::new().fallback_service(house.door.protect(Router::new().route("/own", get(who))));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let ask = async |cookie: &str| {
        let request = Request::get("http://shop.test/own").version(Version::HTTP_2).header("cookie", cookie);
        let answer = sender.clone().send_request(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await.unwrap();
        let status = answer.status();
        (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    };
    // At once, on one connection.
    let (known, guest) = tokio::join!(ask(&jane), ask("a=1"));
    assert_eq!(known, (StatusCode::OK, "customer/1 at shop.test by HTTP/2.0".to_owned()));
    assert_eq!(guest.0, StatusCode::UNAUTHORIZED);
}

/// A caller may go away at any moment: at whichever point its request is dropped, the next one finds everything in order.
#[tokio::test]
async fn a_request_that_is_dropped_at_any_point_leaves_nothing_behind() {
    let house = House::new().await;
    let jane = house.sign_in("jane").await;
    let headers = [("cookie", &*jane.cookie), ("x-csrf-token", &*jane.token)];
    let input = r#"{"SessionInput":{"login":"jane","password":"long enough for jane"}}"#;
    let typed = [("content-type", "application/vnd.ibexa.api.SessionInput+json"), ("accept", "application/json")];
    let sign_in = format!("POST {}", crate::support::SESSIONS);
    for polls in 0..12 {
        for (line, headers, body) in [("POST /own", &headers, "a body"), (&*sign_in, &typed, input)] {
            let mut call = Box::pin(house.echo().oneshot(request(line, headers, body)));
            for _ in 0..polls {
                if (&mut call).now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(call);
        }
    }
    assert_eq!(ask(house.echo(), "POST /own", &headers, "a body").await.json()["body"], "a body");
    assert_eq!(house.sign_in("jane").await.cookie.split('=').next(), jane.cookie.split('=').next());
    house.door.replace(builder().configuration().unwrap()).await.unwrap();
    house.background.stop().await;
}

/// Middleware on both sides makes bodies and errors of its own, which need not be shared between threads.
#[tokio::test]
async fn middleware_fits_inside_and_outside() {
    use http_body_util::combinators::UnsyncBoxBody;
    let house = House::new().await;
    let within = tower::ServiceBuilder::new()
        .map_response(|answer: http::Response<String>| answer.map(|text| UnsyncBoxBody::new(text.map_err(std::io::Error::other))))
        .map_err(|never: std::convert::Infallible| -> tower::BoxError { match never {} })
        .service(Echo);
    let service = tower::ServiceBuilder::new()
        .map_request(|mut request: Request<http_body_util::Full<bytes::Bytes>>| {
            request.headers_mut().insert("x-outside", http::HeaderValue::from_static("1"));
            request.map(UnsyncBoxBody::new)
        })
        .map_response(|answer: http::Response<Body>| answer.map(|body| body.map_frame(|frame| frame).boxed_unsync()))
        .layer(house.door.layer())
        .service(within);
    let answer = service.oneshot(request("POST /open", &[], "a body")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let told: serde_json::Value = serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!((&told["body"], &told["headers"]["x-outside"]), (&"a body".into(), &"1".into()));
}

/// What programs clone, share and send is cheap and fit for it.
#[test]
fn what_is_handed_about_is_small_and_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static>() -> usize {
        size_of::<T>()
    }
    // A service is cloned for each request.
    assert!(shared::<DoorwardService<Echo>>() <= 64, "{}", shared::<DoorwardService<Echo>>());
    for size in
        [shared::<DoorwardLayer>(), shared::<doorward_tower::Tls>(), shared::<SessionEnd>(), shared::<doorward_tower::Doorward>()]
    {
        assert!(size <= 64, "{size}");
    }
    // Middleware of others makes empty answers.
    let body: Body = Default::default();
    assert!(http_body::Body::is_end_stream(&body));
}
