//! The whole pipeline over real connections: what is recorded, and what attackers try.

mod cross_origin;
mod place;

use super::Gateway;
use crate::api::{
    USERS,
    world::{COOKIE, JSON, PREFIX},
};
use doorward_core::{
    Source,
    access::AccessRule,
    route::{self, Requirement, RouteRule},
};
use http::Method;
pub(crate) use place::{ANSWER, Place};
use place::{PATIENCE, exchange};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

fn rule(path: &str, methods: &[Method], roles: &[&str]) -> Arc<AccessRule> {
    Arc::new(AccessRule {
        path: Some(regex::Regex::new(path).unwrap()),
        host: None,
        methods: methods.to_vec(),
        ips: Vec::new(),
        roles: roles.iter().map(|role| Arc::from(*role)).collect(),
        scopes: Vec::new(),
        source: Source::new("doorward.toml", 2),
    })
}

#[tokio::test]
async fn a_refusal_by_an_endpoint_is_recorded_as_one() {
    let place = Place::open().await;
    let session = place.login().await;
    let cookie = format!("Cookie: {}\r\n", session.cookie());
    assert_eq!(place.status(&format!("DELETE {}", session.href), &cookie, "").await, 401);
    assert_eq!(place.requests(), ["DELETE session.delete 401 refusal csrf admin/14"]);
    assert_eq!(*place.notes.audits.lock().unwrap(), ["refusal csrf admin/14"]);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(place.status("POST /logout", &format!("{cookie}{form}"), "_csrf_token=x").await, 401);
    assert_eq!(place.requests()[1], "POST page.sign_out.submit 401 refusal csrf admin/14");
    assert_eq!(place.status("GET /user/sessions/current", &cookie, "").await, 200, "nothing ended");
}

#[tokio::test]
async fn a_refusal_of_an_account_resource_is_recorded_as_one() {
    let place = Place::open().await;
    assert_eq!(place.status(&format!("GET {PREFIX}/user/current"), "", "").await, 401);
    assert_eq!(place.status(&format!("GET {PREFIX}/user/users/14"), "", "").await, 401);
    assert_eq!(
        place.requests(),
        ["GET user.current 401 refusal not_granted guest", "GET user.show 401 refusal not_granted guest"]
    );
    assert_eq!(*place.notes.audits.lock().unwrap(), ["refusal not_granted guest", "refusal not_granted guest"]);
}

#[tokio::test]
async fn a_token_that_was_good_here_goes_no_further() {
    let place = Place::open().await;
    let session = place.login().await;
    let headers = format!("Cookie: {}\r\nX-CSRF-Token: {}\r\n", session.cookie(), session.token);
    assert_eq!(place.status("POST /things", &headers, "x").await, 200);
    assert_eq!(place.status("POST /things", "X-CSRF-Token: of the service itself\r\n", "x").await, 200);
    let received = place.received();
    assert!(!received[0].to_ascii_lowercase().contains("x-csrf-token"), "{}", received[0]);
    assert!(received[1].to_ascii_lowercase().contains("x-csrf-token: of the service itself"), "{}", received[1]);
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_its_event() {
    let place = Place::new(None, |_| {}).await;
    let mut stream = TcpStream::connect(place.address).await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
    let until = async |done: &dyn Fn() -> bool| {
        let waited = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waited).await.expect("it comes");
    };
    until(&|| !place.upstream.lock().unwrap().is_empty()).await;
    drop(stream);
    until(&|| !place.requests().is_empty()).await;
    assert_eq!(place.requests(), ["GET - 499 permit abandoned guest"]);
}

#[tokio::test]
async fn a_panic_is_masked_and_its_report_is_in_the_log() {
    let place = Place::new(Some(ANSWER), |policy| policy.routes.magento_prefix = Some("/rest".into())).await;
    place.notes.brittle.store(true, Ordering::Relaxed);
    for (accept, begin, end) in [("application/json", "\r\n\r\n{\"message\":\"", "\"}"), ("text/xml", "<message>", "</message>")]
    {
        let answer = place.send("GET /rest/schema", &format!("Accept: {accept}\r\n"), "").await;
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        let text = answer.split_once(begin).unwrap().1.split_once(end).unwrap().0;
        let report = text.strip_prefix("Internal Error. Details are available in Magento log file. Report ID: ").unwrap();
        assert_eq!(place.notes.audits.lock().unwrap().pop().as_deref(), Some(report));
        assert_eq!(place.requests().pop().as_deref(), Some("GET - 500 permit panicked guest"));
    }
    // Elsewhere, too.
    let answer = place.send("GET /x", "", "").await;
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("ErrorMessage"), "{answer}");
}

#[tokio::test]
async fn endpoints_of_ours_have_one_spelling_each() {
    let place = Place::open().await;
    let session = place.login().await;
    let cookie = format!("Cookie: {}\r\n", session.cookie());
    for line in ["GET /user/%73essions/current", "GET /api/ibexa/v2/user/sessions/curren%74", "GET /%75ser/current"] {
        assert!(matches!(place.status(line, &cookie, "").await, 200 | 307), "{line}");
        assert!(place.received().is_empty(), "{line}: an escape of an unreserved character is the character itself");
    }
    // What only looks like one of ours is judged like any other path, and never answered by us.
    for line in [
        "GET /user/sessions/current/",
        "GET /user/sessions;x=1",
        "GET /User/Sessions/Current",
        "GET /api/ibexa/v2x/user/sessions/current",
        "GET /api/ibexa/user/sessions/current",
        "GET /loginx",
        "GET /login/nobody",
        "GET /api/ibexa/v2/login",
    ] {
        assert_eq!(place.status(line, &cookie, "").await, 200, "{line}");
        assert_eq!(place.received().len(), 1, "{line}");
    }
    for line in ["GET /user//sessions/current", "GET /x/../user/sessions/current", "GET /user%2Fsessions/current"] {
        assert_eq!(place.status(line, &cookie, "").await, 400, "{line}");
        assert!(place.received().is_empty(), "{line}");
    }
}

#[tokio::test]
async fn a_cookie_counts_in_its_own_directory_alone() {
    let place = Place::open().await;
    let session = place.login().await;
    let customers = format!("Cookie: PHPSESSID={}\r\n", session.id);
    let answer = place.send("GET /user/sessions/current", &customers, "").await;
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("PHPSESSID=deleted"), "{answer}");
    // It is not ended for that, where it belongs.
    let own = format!("Cookie: {}\r\n", session.cookie());
    assert_eq!(place.status("GET /user/sessions/current", &own, "").await, 200);
    let tossed = [
        format!("Cookie: {COOKIE}={}; {COOKIE}=other\r\n", session.id),
        format!("Cookie: {COOKIE}=other\r\nCookie: {COOKIE}={}\r\n", session.id),
        format!("Cookie: {COOKIE}=\"{}\"; {COOKIE}={}\r\n", session.id, session.id),
    ];
    for cookies in tossed {
        assert_eq!(place.status("GET /user/sessions/current", &cookies, "").await, 400, "{cookies}");
    }
    let many = format!("Cookie: {}{}\r\n", "a=b; ".repeat(2000), session.cookie());
    assert_eq!(place.status("GET /user/sessions/current", &many, "").await, 200);
    let folded = format!("Cookie: {0}; {0}\r\nCookie: {0}\r\n", session.cookie());
    assert_eq!(place.status("GET /user/sessions/current", &folded, "").await, 200);
}

#[tokio::test]
async fn a_directory_outside_the_firewall_signs_nobody_in() {
    let place = Place::new(Some(ANSWER), |policy| {
        let mut firewall = (*policy.firewalls[0]).clone();
        firewall.directories = vec!["customers".into()];
        policy.firewalls = vec![Arc::new(firewall)];
    })
    .await;
    let carla = r#"{"SessionInput":{"login":"carla","password":"customer"}}"#;
    let json = "Content-Type: application/json\r\nAccept: application/json\r\n";
    assert_eq!(place.status("POST /user/sessions", json, JSON).await, 401, "admins are not asked");
    assert_eq!(place.status("POST /user/sessions", json, carla).await, 201);
    assert_eq!(place.status("GET /login/admins", "", "").await, 404);
    // A live session of another directory is nobody here, and its cookie goes no further.
    let admin = place.world.auth.clone();
    let directories = place.world.policy.directories.clone();
    let attempt = doorward_auth::Attempt {
        login: "admin",
        password: "publish",
        address: [127, 0, 0, 1].into(),
        device_token: None,
        user_agent: None,
        site: "default",
        website: None,
    };
    let signed_in = admin.sign_in(&directories, attempt, None).await.unwrap();
    let cookie = format!("Cookie: x=1; {COOKIE}={}\r\n", signed_in.id);
    assert_eq!(place.status("GET /user/sessions/current", &cookie, "").await, 404);
    place.received();
    assert_eq!(place.status("GET /orders", &cookie, "").await, 200);
    let received = place.received().remove(0).to_lowercase();
    assert!(received.contains("doorward-identity: guest") && received.contains("cookie: x=1\r\n"), "{received}");
}

#[tokio::test]
async fn another_method_in_the_request_line_opens_nothing() {
    let place = Place::new(Some(ANSWER), |policy| {
        policy.access = vec![rule("^/internal", &[Method::GET], &["ROLE_ADMIN"]), rule("^/all", &[], &["ROLE_ADMIN"])];
    })
    .await;
    for line in ["GET /internal", "HEAD /internal", "OPTIONS /all", "PURGE /all", "HEAD /all"] {
        assert_eq!(place.status(line, "", "").await, 401, "{line}");
    }
    let get = "X-HTTP-Method-Override: GET\r\n";
    assert_eq!(place.status("POST /internal", get, "x").await, 401);
    assert!(place.received().is_empty());
    // One method is judged and forwarded: what is judged as GET arrives as GET.
    let session = place.login().await;
    let cookie = format!("Cookie: {}\r\n", session.cookie());
    assert_eq!(place.status("POST /orders", &format!("{cookie}{get}"), "x").await, 200);
    let received = place.received();
    assert!(received[0].starts_with("GET /orders ") && !received[0].to_lowercase().contains("override"), "{received:?}");
    assert_eq!(place.status("GET /orders", &format!("{cookie}X-HTTP-Method-Override: DELETE\r\n"), "").await, 200);
    assert!(place.received()[0].starts_with("GET /orders "));
    for line in ["POST /orders", "PATCH /orders", "DELETE /orders", "PUBLISH /orders"] {
        assert_eq!(place.status(line, &cookie, "").await, 401, "{line}: unsafe, without a token");
    }
    assert!(place.received().is_empty());
}

#[tokio::test]
async fn what_is_oversized_is_refused_and_the_server_lives_on() {
    let place = Place::open().await;
    let json = "Content-Type: application/json\r\nAccept: application/json\r\n";
    let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
    let long = format!(r#"{{"SessionInput":{{"login":"{}","password":"x"}}}}"#, "l".repeat(20_000));
    for (headers, body, status) in [
        (json, "x".repeat(2_000_000), 413),
        (json, deep, 400),
        (json, long, 401),
        ("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "\u{1f}\u{8b}".into(), 400),
        ("Content-Type: application/xml\r\n", "<a>".repeat(20_000), 400),
        ("Content-Type: application/xml\r\n", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".into(), 400),
    ] {
        let start: String = body.chars().take(40).collect();
        assert_eq!(place.status("POST /user/sessions", headers, &body).await, status, "{start}");
    }
    let accept = format!("Accept: {}\r\n", "a/b;q=0.1,".repeat(2000));
    assert!(matches!(place.status("GET /user/sessions/current", &accept, "").await, 404 | 431));
    assert!(matches!(place.status(&format!("GET /{}", "a".repeat(100_000)), "", "").await, 414 | 431 | 400));
    assert_eq!(place.status("GET /x", &"X-A: b\r\n".repeat(200), "").await, 431);
    assert_eq!(place.status(&format!("GET /user/users/{}", "9".repeat(40)), "", "").await, 200, "no id of ours");
    let session = place.login().await;
    assert_eq!(
        place.status(&format!("GET {PREFIX}/user/sessions/current"), &format!("Cookie: {}\r\n", session.cookie()), "").await,
        200
    );
}

#[tokio::test]
async fn a_session_that_ended_is_nobodys_for_the_next_request() {
    let place = Place::open().await;
    let session = place.login().await;
    let headers = format!("Cookie: {}\r\nX-CSRF-Token: {}\r\n", session.cookie(), session.token);
    assert_eq!(place.status(&format!("DELETE {}", session.href), &headers, "").await, 204);
    for _ in 0..2 {
        let answer = place.send("GET /orders", &headers, "").await;
        assert!(answer.contains(&format!("{COOKIE}=deleted")), "{answer}");
        let received = place.received().remove(0).to_lowercase();
        assert!(received.contains("doorward-identity: guest") && !received.contains(&session.id), "{received}");
    }
    assert_eq!(place.status(&format!("DELETE {}", session.href), &headers, "").await, 404, "a second time");
}

#[test]
fn the_future_of_a_request_stays_small() {
    fn size<A, B, F>(_: impl Fn(&'static Gateway, A, B) -> F) -> usize {
        size_of::<F>()
    }
    // It is copied into place once for each request; what is rare and large in it must be boxed.
    let size = size(<Gateway as crate::listen::Handler>::handle);
    assert!(size < 4 * 1024, "{size} bytes");
}

#[tokio::test]
async fn a_node_that_hears_of_no_changes_trusts_no_role_that_it_remembers() {
    let place = Place::new(Some(ANSWER), |policy| {
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
        let routes = [route("/users", USERS), route("/open", "anonymous")];
        policy.routes.native = route::template::Table::build(routes.into()).unwrap();
    })
    .await;
    let session = place.login().await;
    let cookie = format!("Cookie: {}\r\n", session.cookie());
    assert_eq!(place.status("GET /users", &cookie, "").await, 200);
    place.world.deafen().await;
    let refused = place.send("GET /users", &cookie, "").await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && !refused.to_ascii_lowercase().contains("set-cookie"), "{refused}");
    assert_eq!(place.status("GET /open", &cookie, "").await, 200, "what no role decides is known: the session from the store");
    assert_eq!(place.status("GET /users", "", "").await, 401);
    assert_eq!(place.requests()[1], "GET /users 503 refusal unavailable admin/14");
}

#[tokio::test]
async fn a_post_that_stands_for_head_gets_the_head_of_our_own_answer_over_http_1_and_2() {
    let place = Place::open().await;
    let path = format!("{PREFIX}/user/current");
    let answer = place.send(&format!("POST {path}"), "X-HTTP-Method-Override: HEAD\r\n", "").await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    let length = answer.lines().find_map(|line| line.strip_prefix("content-length: "));
    assert!(length.is_none_or(|length| length == "0"), "{answer}");

    let io = hyper_util::rt::TokioIo::new(TcpStream::connect(place.address).await.unwrap());
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let uri = format!("http://a.test{path}");
    for (method, header) in [("POST", Some("HEAD")), ("HEAD", None)] {
        let mut request = http::Request::builder().method(method).uri(&uri);
        if let Some(value) = header {
            request = request.header("x-http-method-override", value);
        }
        let response = sender.send_request(request.body(crate::Body::Empty).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        assert_eq!((parts.status.as_u16(), parts.headers.contains_key("content-length")), (401, header.is_none()), "{method}");
        let body = http_body_util::BodyExt::collect(body).await.expect("the stream ends well").to_bytes();
        assert!(body.is_empty(), "{method}");
    }
}
