//! HTTP/2 from clients, with prior knowledge.

use crate::support::{Gateway, Plan, Upside};
use doorward_gateway::{Body, listen::Limits};
use http::{HeaderMap, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::time::Duration;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\n\r\nok";

async fn connect(gateway: &Gateway) -> SendRequest<Body> {
    let io = TokioIo::new(gateway.connect().await);
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn whole(response: Response<hyper::body::Incoming>) -> (u16, HeaderMap, String) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&bytes).into_owned())
}

fn get(uri: &str) -> http::request::Builder {
    Request::get(uri).version(Version::HTTP_2)
}

#[tokio::test]
async fn requests_become_http_1_1_upstream() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::before(&upside).await;
    let mut sender = connect(&gateway).await;
    let request = get("http://shop.test/a?b=c").header("cookie", "x=1").header("cookie", "SESS=s").header("cookie", "y=2");
    let (status, headers, body) = whole(sender.send_request(request.body(Body::Empty).unwrap()).await.unwrap()).await;
    assert_eq!((status, body.as_str()), (200, "ok"));
    assert!(!headers.contains_key("connection") && !headers.contains_key("keep-alive"));
    let request = upside.only();
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n") && request.contains("\r\nhost: shop.test\r\n"), "{request}");
    assert!(request.contains("\r\ncookie: x=1; y=2\r\n"), "{request}");
}

#[tokio::test]
async fn bodies_of_unknown_length_become_chunks() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::before(&upside).await;
    let mut sender = connect(&gateway).await;
    let frames = futures_util::stream::iter([Ok::<_, doorward_gateway::body::BodyError>(http_body::Frame::data("abc".into()))]);
    let body = Body::Boxed(Box::pin(http_body_util::StreamBody::new(frames)));
    let request = Request::put("http://shop.test/a").body(body).unwrap();
    assert_eq!(whole(sender.send_request(request).await.unwrap()).await.0, 200);
    let request = upside.only();
    assert!(
        request.contains("\r\ntransfer-encoding: chunked\r\n") && request.ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn a_host_that_differs_from_the_authority_is_refused() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::before(&upside).await;
    let mut sender = connect(&gateway).await;
    for (host, expected) in [("other.test", 400), ("shop.test", 200)] {
        let request = get("http://shop.test/").header("host", host).body(Body::Empty).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), expected, "{host}");
    }
    let request = get("http://other.test/").body(Body::Empty).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 421);
    assert_eq!(upside.requests().len(), 1);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let upside = Upside::start(OK).await;
    let limits = Limits { max_head: 8192, ..Limits::default() };
    let gateway = Gateway::with(upside.address, Plan { limits, ..Plan::default() }).await;
    let mut sender = connect(&gateway).await;
    let request = get("http://shop.test/").header("x", "y".repeat(9000)).body(Body::Empty).unwrap();
    // Told of the limit, the client may refuse to send it at all.
    if let Ok(response) = sender.send_request(request).await {
        assert_eq!(response.status(), 431);
    }
    assert!(upside.requests().is_empty());
}

#[tokio::test]
async fn a_connection_at_rest_is_told_to_go() {
    let upside = Upside::start(OK).await;
    let limits = Limits { idle_timeout: Duration::from_millis(30), ..Limits::default() };
    let gateway = Gateway::with(upside.address, Plan { limits, ..Plan::default() }).await;
    let io = TokioIo::new(gateway.connect().await);
    let (_sender, connection) = hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), io).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(10), connection).await.is_ok());
}

#[tokio::test]
async fn cve_2023_44487_streams_that_are_reset_again_and_again_end_the_connection() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::with(silent.local_addr().unwrap(), Plan::default()).await;
    // Preface, SETTINGS, then HEADERS and RST_STREAM without end.
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for stream in (1..4001u32).step_by(2) {
        // :method GET, :scheme http, :path /, :authority shop.test, from the static table.
        let block = [&[0x82, 0x86, 0x84, 0x01, 9][..], b"shop.test"].concat();
        bytes.extend_from_slice(&[0, 0, u8::try_from(block.len()).unwrap(), 1, 0x5]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(&block);
        bytes.extend_from_slice(&[0, 0, 4, 3, 0]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(&8u32.to_be_bytes());
    }
    // Reads to the end: an open connection would fail the test.
    gateway.send(bytes).await;
}

/// An answer whose length is not that of its body is an error of the whole stream there (RFC 9113, 8.1.1).
#[tokio::test]
async fn a_post_that_stands_for_head_says_no_length_that_does_not_follow() {
    let upside = Upside::start("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
    let gateway = Gateway::before(&upside).await;
    let mut sender = connect(&gateway).await;
    let request = Request::post("http://shop.test/api/ibexa/v2/x").header("x-http-method-override", "HEAD");
    let (status, headers, body) = whole(sender.send_request(request.body(Body::Empty).unwrap()).await.unwrap()).await;
    assert_eq!((status, body.as_str()), (200, ""));
    assert!(headers.get("content-length").is_none_or(|length| length == "0"), "{headers:?}");
    assert!(upside.only().starts_with("HEAD "));
    // A HEAD itself learns the length.
    let head = Request::head("http://shop.test/api/ibexa/v2/x").version(Version::HTTP_2).body(Body::Empty).unwrap();
    let (status, headers, _) = whole(sender.send_request(head).await.unwrap()).await;
    assert_eq!((status, &headers["content-length"]), (200, &"5".parse().unwrap()));
}
