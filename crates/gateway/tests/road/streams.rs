//! Bodies both ways: streamed, bounded, retried only when nothing was sent, ended with their session.

use crate::support::{Gateway, Plan, Upside, read_all, read_until, status};
use doorward_gateway::admit::Network;
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_refused_request_gets_no_100_continue() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::before(&upside).await;
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: shop.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
        )
    };
    let mut stream = gateway.connect().await;
    stream.write_all(head("/refused").as_bytes()).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("100 Continue"), "{answer}");

    let mut stream = gateway.connect().await;
    stream.write_all(head("/taken").as_bytes()).await.unwrap();
    read_until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
    stream.write_all(b"abc").await.unwrap();
    assert_eq!(status(&read_all(&mut stream).await), "200");
    assert!(upside.only().ends_with("\r\n\r\nabc"));
}

#[tokio::test]
async fn a_get_keeps_its_chunked_body() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::before(&upside).await;
    let bytes =
        "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(status(&gateway.send(bytes).await), "200");
    assert!(upside.only().ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), "{}", upside.only());
}

#[tokio::test]
async fn trailers_pass_when_they_are_announced_and_harmless() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Doorward-Login\r\n\r\n\
                  2\r\nok\r\n0\r\nX-Sum: 7\r\nDoorward-Login: root\r\nX-Silent: 1\r\n\r\n";
    let upside = Upside::start(answer).await;
    let gateway = Gateway::before(&upside).await;
    let bytes = "POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: close, TE\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\
                 Trailer: X-Check, Doorward-Identity, Transfer-Encoding\r\n\r\n\
                 1\r\na\r\n0\r\nX-Check: 1\r\nDoorward-Identity: admin/1\r\nX-Unannounced: 1\r\n\r\n";
    let answer = gateway.send(bytes).await;
    assert!(answer.ends_with("\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n"), "{answer:?}");
    let request = upside.only();
    assert!(request.ends_with("\r\n1\r\na\r\n0\r\nx-check: 1\r\n\r\n"), "{request:?}");
    assert!(request.contains("\r\ntrailer: x-check\r\n") && request.contains("\r\nte: trailers\r\n"), "{request:?}");
}

#[tokio::test]
async fn connections_are_used_again() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::before(&upside).await;
    let mut stream = gateway.connect().await;
    for _ in 0..5 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
        read_until(&mut stream, "\r\n\r\nok").await;
    }
    assert_eq!((upside.requests().len(), upside.connections.load(SeqCst)), (5, 1));
}

#[tokio::test]
async fn a_connection_that_the_upstream_closes_is_not_used_again() {
    let upside = Upside::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
    let gateway = Gateway::before(&upside).await;
    let mut stream = gateway.connect().await;
    for _ in 0..3 {
        stream.write_all(b"POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\n\r\nx").await.unwrap();
        assert_eq!(status(&read_until(&mut stream, "\r\n\r\nok").await), "200");
    }
    assert_eq!(upside.connections.load(SeqCst), 3);
}

#[tokio::test]
async fn a_request_that_was_sent_is_never_sent_again() {
    let upside = Upside::start("").await;
    let gateway = Gateway::before(&upside).await;
    assert_eq!(status(&gateway.send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").await), "502");
    assert_eq!(upside.requests().len(), 1);
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_504() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plan = Plan { response: Duration::from_millis(50), ..Plan::default() };
    let gateway = Gateway::with(silent.local_addr().unwrap(), plan).await;
    let answer = gateway.send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").await;
    assert_eq!((status(&answer), answer.ends_with("upstream_timed_out")), ("504", true));
}

#[tokio::test]
async fn more_connections_than_an_upstream_may_have_are_503() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::with(upside.address, Plan { connections: 0, ..Plan::default() }).await;
    let answer = gateway.send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), "503");
}

/// Requests with and without a body may travel on connections of different sorts; none of them rests in another's place.
#[tokio::test]
async fn a_connection_that_rests_makes_room_for_one_of_another_sort() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::with(upside.address, Plan { connections: 1, ..Plan::default() }).await;
    let head = "Host: shop.test\r\nConnection: close\r\n";
    for _ in 0..3 {
        let get = gateway.send(format!("GET / HTTP/1.1\r\n{head}\r\n")).await;
        let put = gateway.send(format!("PUT / HTTP/1.1\r\n{head}Content-Length: 1\r\n\r\nx")).await;
        assert_eq!((status(&get), status(&put)), ("200", "200"), "{get} {put}");
    }
}

#[tokio::test]
async fn bodies_are_bounded_in_size_and_patience() {
    let upside = Upside::start(OK).await;
    let network = Network { max_body: 4, body_timeout: Duration::from_millis(50), ..Network::default() };
    let gateway = Gateway::with(upside.address, Plan { network, ..Plan::default() }).await;
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n";
    let declared = gateway.send(format!("{head}Content-Length: 5\r\n\r\nabcde")).await;
    assert_eq!(status(&declared), "413");
    let chunked = gateway.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n")).await;
    assert_eq!(status(&chunked), "413", "{chunked}");
    let slow = gateway.send(format!("{head}Content-Length: 4\r\n\r\nab")).await;
    assert_eq!(status(&slow), "408", "{slow}");
    assert!(upside.requests().iter().all(|request| request.starts_with("INCOMPLETE ")), "{:?}", upside.requests());
}

/// An upstream that sends the head of an endless answer, and whether its connection ended.
async fn endless() -> (std::net::SocketAddr, tokio::task::JoinHandle<usize>) {
    unfinished("Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").await
}

/// The same with framing and beginning of the body given.
async fn unfinished(begin: &'static str) -> (std::net::SocketAddr, tokio::task::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ended = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        read_until(&mut stream, "\r\n\r\n").await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{begin}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.read(&mut buffer).await.unwrap_or(0)
    });
    (address, ended)
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let (address, ended) = endless().await;
    let gateway = Gateway::with(address, Plan { known: true, ..Plan::default() }).await;
    let mut stream = gateway.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    // The first event comes while the answer goes on: nothing is buffered.
    read_until(&mut stream, "first").await;
    gateway.session.cancel();
    let rest = read_all(&mut stream).await;
    assert!(!rest.contains("0\r\n\r\n"), "a cut stream must not look complete: {rest:?}");
    assert_eq!(ended.await.unwrap(), 0);
}

#[tokio::test]
async fn a_short_answer_that_drips_ends_with_its_session() {
    let (address, ended) = unfinished("Content-Length: 10\r\n\r\nfirst").await;
    let gateway = Gateway::with(address, Plan { known: true, ..Plan::default() }).await;
    let mut stream = gateway.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    read_until(&mut stream, "first").await;
    gateway.session.cancel();
    assert_eq!(read_all(&mut stream).await, "");
    assert_eq!(ended.await.unwrap(), 0);
}

#[tokio::test]
async fn an_answer_that_is_still_awaited_ends_with_its_session() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::with(silent.local_addr().unwrap(), Plan { known: true, ..Plan::default() }).await;
    gateway.session.cancel();
    let answer = gateway.send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").await;
    assert_eq!((status(&answer), answer.ends_with("session_ended")), ("401", true));
}

#[tokio::test]
async fn a_stream_that_rests_too_long_is_cut() {
    let (address, ended) = endless().await;
    let gateway = Gateway::with(address, Plan { idle: Duration::from_millis(50), ..Plan::default() }).await;
    let mut stream = gateway.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    assert!(!read_all(&mut stream).await.contains("0\r\n\r\n"));
    assert_eq!(ended.await.unwrap(), 0);
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_request_upstream() {
    let (address, ended) = endless().await;
    let gateway = Gateway::with(address, Plan::default()).await;
    let mut stream = gateway.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    read_until(&mut stream, "first").await;
    drop(stream);
    assert_eq!(ended.await.unwrap(), 0);
}

#[tokio::test]
async fn a_forced_parameter_reaches_the_upstream_and_the_clients_does_not() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::with(upside.address, Plan { known: true, customer: true, ..Plan::default() }).await;
    let get = "GET /me?a=1&customer_id=1&CustomerId=2 HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&gateway.send(get).await), "200");
    let put = |lines: &str, body: &str| {
        format!("PUT /me?customerId=1 HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n{lines}\r\n{body}")
    };
    let json = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let chunks = "1c\r\n{\"customer_id\":1,\"name\":\"n\"}\r\n0\r\n\r\n";
    assert_eq!(status(&gateway.send(put(json, chunks)).await), "200");
    let requests = upside.requests();
    assert!(requests[0].starts_with("GET /me?a=1&customerId=14 HTTP/1.1\r\n"), "{}", requests[0]);
    assert!(requests[1].starts_with("PUT /me HTTP/1.1\r\n"), "{}", requests[1]);
    assert!(requests[1].ends_with("\r\n\r\n{\"name\":\"n\",\"customerId\":14}"), "{}", requests[1]);
    assert!(requests[1].contains("\r\ncontent-length: 28\r\n") && !requests[1].contains("chunked"), "{}", requests[1]);
    for (lines, body, expected) in [
        ("Content-Type: application/json\r\nContent-Length: 18\r\n", "{\"a\":1,\"\\u0061\":2}", "400"),
        ("Content-Type: text/plain\r\nContent-Length: 4\r\n", "<a/>", "415"),
        ("Content-Length: 2\r\n", "{}", "415"),
    ] {
        assert_eq!(status(&gateway.send(put(lines, body)).await), expected, "{body}");
    }
    assert_eq!(upside.requests().len(), 2);
}
