//! What Envoy asks and is answered, message by message.

use super::{
    PATH, answer,
    messages::{
        self, AskedRequest, Attributes, CheckRequest, CheckResponse, HeaderMap as Map, HeaderValue as Line, HttpRequest, Outcome,
    },
};
use crate::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, request::Parts};
use http_body_util::BodyExt;
use prost::Message;
use std::{cell::RefCell, collections::HashMap};

fn lines(lines: &[(&str, &str)]) -> Option<Map> {
    let line = |(key, value): &(&str, &str)| Line { key: (*key).into(), value: String::new(), raw_value: (*value).into() };
    Some(Map { headers: lines.iter().map(line).collect() })
}

fn get(path: &str) -> HttpRequest {
    HttpRequest { method: "GET".into(), path: path.into(), host: "shop.test".into(), ..HttpRequest::default() }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat()
}

fn question(about: HttpRequest) -> Vec<u8> {
    let request = Some(AskedRequest { http: Some(about) });
    framed(&CheckRequest { attributes: Some(Attributes { request }) }.encode_to_vec())
}

/// What somebody is answered: the code of gRPC, the message, and the request that was judged.
struct Said {
    code: String,
    message: Option<CheckResponse>,
    judged: Option<Parts>,
    noted: Option<&'static str>,
}

async fn ask(body: Vec<u8>, trusted: bool, verdict: Response<Body>) -> Said {
    let request = Request::post(PATH).body(Body::from(Bytes::from(body))).unwrap();
    let (judged, noted) = (RefCell::new(None), RefCell::new(None));
    let response = answer(
        request,
        trusted,
        "/_ask",
        |why| *noted.borrow_mut() = Some(why),
        |parts| {
            *judged.borrow_mut() = Some(parts);
            async { verdict }
        },
    )
    .await;
    assert_eq!(response.status(), 200);
    let (head, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let code = head.headers.get("grpc-status").or(trailers.get("grpc-status")).unwrap().to_str().unwrap().to_owned();
    let bytes = collected.to_bytes();
    let message = (!bytes.is_empty()).then(|| {
        assert_eq!(framed(&bytes[5..]), bytes);
        CheckResponse::decode(&bytes[5..]).unwrap()
    });
    Said { code, message, judged: judged.into_inner(), noted: noted.into_inner() }
}

/// What Envoy is told to do with a request: the status, what it sets and what it takes away. An error of gRPC is a refusal.
pub(crate) async fn check<F>(
    (method, path, host): (&str, &str, &str),
    headers: &[(String, String)],
    prefix: &str,
    judge: impl FnOnce(Parts) -> F,
) -> (u16, HeaderMap, Vec<String>)
where
    F: Future<Output = Response<Body>>,
{
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let about = HttpRequest {
        method: method.into(),
        path: path.into(),
        host: host.into(),
        header_map: lines(&headers),
        ..HttpRequest::default()
    };
    let request = Request::post(PATH).body(Body::from(Bytes::from(question(about)))).unwrap();
    let body = answer(request, true, prefix, |_| {}, judge).await.into_body().collect().await.unwrap().to_bytes();
    let outcome = body.get(5..).and_then(|message| CheckResponse::decode(message).unwrap().outcome);
    let (status, options, gone) = match outcome {
        None => (400, Vec::new(), Vec::new()),
        Some(Outcome::Denied(denied)) => (u16::try_from(denied.status.unwrap().code).unwrap(), denied.headers, Vec::new()),
        Some(Outcome::Permitted(permitted)) => (200, permitted.headers, permitted.headers_to_remove),
    };
    let header = |option: messages::HeaderOption| {
        let Line { key, value, raw_value } = option.header.unwrap();
        let value = if raw_value.is_empty() { value.into_bytes() } else { raw_value };
        (HeaderName::try_from(key).unwrap(), HeaderValue::try_from(value).unwrap())
    };
    (status, options.into_iter().map(header).collect(), gone)
}

fn permit() -> Response<Body> {
    Response::builder()
        .header("doorward-identity", "customer/1")
        .header("doorward-login", "")
        .header("cookie", "b=2")
        .header("set-cookie", "a=1")
        .header("set-cookie", "c=1")
        .body(Body::Empty)
        .unwrap()
}

fn refusal() -> Response<Body> {
    Response::builder()
        .status(401)
        .header("www-authenticate", "Session")
        .header("content-length", "2")
        .body(Body::from("no".to_owned()))
        .unwrap()
}

#[tokio::test]
async fn a_request_is_judged_as_it_came() {
    let about = HttpRequest {
        method: "PUT".into(),
        path: "/a/b?c=1".into(),
        host: "shop.test:81".into(),
        header_map: lines(&[(":authority", "shop.test:81"), ("cookie", "a=1"), ("cookie", "b=2"), ("content-length", "5")]),
        ..HttpRequest::default()
    };
    let judged = ask(question(about), true, permit()).await.judged.unwrap();
    assert_eq!((judged.method.as_str(), judged.uri.to_string().as_str()), ("PUT", "/_ask/a/b?c=1"));
    assert_eq!(judged.headers["host"], "shop.test:81");
    assert_eq!(judged.headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert!(!judged.headers.contains_key("content-length"));
    let headers = HashMap::from([("accept".to_owned(), "a/b".to_owned())]);
    let judged = ask(question(HttpRequest { headers, ..get("/") }), true, permit()).await.judged.unwrap();
    assert_eq!(judged.headers["accept"], "a/b");
}

#[tokio::test]
async fn a_second_host_is_there_to_be_refused() {
    let about = HttpRequest { header_map: lines(&[("host", "other.test")]), ..get("/") };
    let judged = ask(question(about), true, permit()).await.judged.unwrap();
    assert_eq!(judged.headers.get_all("host").iter().count(), 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_never_permitted() {
    let whole = question(get("/"));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "3"),
        (vec![0, 0], "3"),
        (whole[..whole.len() - 1].to_vec(), "3"),
        ([&whole[..], b"x"].concat(), "3"),
        (framed(b"\xff\xff\xff"), "3"),
        (framed(b""), "3"),
        ([&[1][..], &whole[1..]].concat(), "12"),
        (framed(&vec![b' '; 300 << 10]), "8"),
        (question(HttpRequest { method: String::new(), ..get("/") }), "3"),
        (question(HttpRequest { method: "G T".into(), ..get("/") }), "3"),
        (question(HttpRequest { host: String::new(), ..get("/") }), "3"),
        (question(HttpRequest { host: "a\nb".into(), ..get("/") }), "3"),
        (question(get("")), "3"),
        (question(get("x")), "3"),
        (question(get("/public#/../admin")), "3"),
        (question(get("/a b")), "3"),
        (question(HttpRequest { header_map: lines(&[("a b", "1")]), ..get("/") }), "3"),
        (question(HttpRequest { header_map: lines(&[("a", "1\r\nb: 2")]), ..get("/") }), "3"),
    ];
    for (place, (body, code)) in cases.into_iter().enumerate() {
        let said = ask(body, true, permit()).await;
        assert_eq!((&*said.code, said.message.is_none(), said.judged.is_none()), (code, true, true), "{place}");
        assert!(said.noted.is_some(), "{place}");
    }
}

#[tokio::test]
async fn a_stranger_is_told_nothing() {
    let said = ask(question(get("/")), false, permit()).await;
    assert_eq!((&*said.code, said.message.is_none(), said.judged.is_none()), ("7", true, true));
}

#[tokio::test]
async fn cve_2026_39998_what_a_client_says_of_itself_is_set_or_taken_away() {
    let sent = [
        ("doorward-identity", "admin/1"),
        ("doorward-login", "root"),
        ("doorward_roles", "ROLE_ADMIN"),
        ("x-original-url", "/public"),
        ("x_forwarded_for", "10.0.0.1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("authorization", "Bearer stale"),
        ("cookie", "session=1; b=2"),
        ("accept", "a/b"),
    ];
    let said = ask(question(HttpRequest { header_map: lines(&sent), ..get("/") }), true, permit()).await;
    let Some(Outcome::Permitted(permitted)) = said.message.unwrap().outcome else { panic!("a permit") };
    let set: Vec<(String, String)> = permitted
        .headers
        .iter()
        .map(|option| {
            assert_eq!((option.append, option.append_action), (Some(false), 2));
            let header = option.header.clone().unwrap();
            (header.key, header.value)
        })
        .collect();
    let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(set, [of("doorward-identity", "customer/1"), of("cookie", "b=2")]);
    let mut gone = permitted.headers_to_remove;
    gone.sort();
    assert_eq!(gone, ["authorization", "doorward-login", "doorward_roles", "x-original-url", "x_forwarded_for"]);
    let cookies: Vec<_> = permitted.response_headers_to_add.iter().map(|o| o.header.clone().unwrap().value).collect();
    assert_eq!(cookies, ["a=1", "c=1"], "each of them goes back");
}

#[tokio::test]
async fn a_refusal_goes_back_as_it_is() {
    let said = ask(question(get("/")), true, refusal()).await.message.unwrap();
    assert_eq!(said.status.unwrap().code, 7);
    let Some(Outcome::Denied(denied)) = said.outcome else { panic!("a refusal") };
    assert_eq!((denied.status.unwrap().code, &*denied.body), (401, "no"));
    let headers: Vec<_> = denied.headers.iter().map(|option| option.header.clone().unwrap().key).collect();
    assert_eq!(headers, ["www-authenticate"]);
}

#[tokio::test]
async fn only_a_verdict_permits() {
    for status in [StatusCode::OK, StatusCode::NO_CONTENT, StatusCode::SWITCHING_PROTOCOLS] {
        let mut answer = Response::new(Body::Empty);
        *answer.status_mut() = status;
        let said = ask(question(get("/")), true, answer).await.message.unwrap();
        assert_eq!(said.status.unwrap().code, 7, "{status}");
        let Some(Outcome::Denied(denied)) = said.outcome else { panic!("{status}") };
        assert_eq!(denied.status.unwrap().code, 403, "{status}");
    }
}
