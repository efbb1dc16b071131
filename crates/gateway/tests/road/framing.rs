//! One request is one request: the smuggling corpus, and what the upstream received of it.

use crate::support::{Gateway, Upside, read_until, status};
use tokio::io::AsyncWriteExt;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Sends a head and a body, as they stand; returns the statuses of all answers and what the upstream received.
async fn road(bytes: &str) -> (Vec<String>, Vec<String>) {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::before(&upside).await;
    let answer = gateway.send(bytes).await;
    let statuses = answer.match_indices("HTTP/1.").map(|(at, _)| status(&answer[at..]).to_owned()).collect();
    (statuses, upside.requests())
}

#[tokio::test]
async fn nothing_of_an_ambiguous_request_reaches_the_upstream() {
    let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n";
    let rest = "\r\n5\r\nabcde\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    let lines = [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: \r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length : 5\r\n",
        " Content-Length: 5\r\n",
        "X: a\r\n Content-Length: 5\r\n",
        "X: a\r\n\tfolded\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunkedx\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding\u{0}: chunked\r\n",
        "Transfer-Encoding: chunked\u{0}\r\n",
        "X: a\rTransfer-Encoding: chunked\r\n",
        "X\u{e9}: a\r\n",
        ": a\r\n",
        "no colon\r\n",
    ];
    for line in lines {
        let (statuses, received) = road(&format!("{head}{line}{rest}")).await;
        assert_eq!(statuses, ["400"], "{line:?}");
        assert!(received.is_empty(), "{line:?}: {received:?}");
    }
}

#[tokio::test]
async fn bad_request_lines_reach_nobody() {
    for line in [
        "GET /a b HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /\tx HTTP/1.1",
        "GET / HTTP/2.0",
        "GET / HTTP/1.2",
        "GET / http/1.1",
        "GET /",
        "G\u{0}ET / HTTP/1.1",
        "GET /\u{0} HTTP/1.1",
        "GET shop.test:80 HTTP/1.1",
        "CONNECT shop.test:80 HTTP/1.1",
        "TRACE / HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "get / HTTP/1.1",
        "GET //a HTTP/1.1",
        "GET /a\\b HTTP/1.1",
        "GET /a/../b HTTP/1.1",
        "GET http://other.test/ HTTP/1.1",
        "GET http://u@shop.test/ HTTP/1.1",
        "GET ftp://shop.test/ HTTP/1.1",
    ] {
        let (statuses, received) = road(&format!("{line}\r\nHost: shop.test\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(statuses, ["400"], "{line:?}");
        assert!(received.is_empty(), "{line:?}: {received:?}");
    }
}

#[tokio::test]
async fn a_length_beside_chunks_is_dropped_and_the_connection_ends_after_one_answer() {
    for lines in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: Chunked\r\nContent-Length: 4\r\nContent-Length: 9\r\n",
    ] {
        let bytes = format!(
            "POST /first HTTP/1.1\r\nHost: shop.test\r\n{lines}\r\n5\r\nabcde\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: shop.test\r\n\r\n"
        );
        let (statuses, received) = road(&bytes).await;
        assert_eq!(statuses, ["200"], "{lines:?}");
        let [first] = &*received else { panic!("{received:?}") };
        let lower = first.to_lowercase();
        assert!(lower.contains("transfer-encoding: chunked\r\n") && !lower.contains("content-length"), "{first}");
        assert!(first.starts_with("POST /first HTTP/1.1\r\n") && first.ends_with("\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"), "{first}");
    }
}

#[tokio::test]
async fn chunks_are_written_anew_without_extensions() {
    let bytes = "POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                 00003;ext=\"x\";y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let (statuses, received) = road(bytes).await;
    assert_eq!((statuses.as_slice(), received.len()), (&["200".to_owned()][..], 1));
    assert!(!received[0].contains("ext") && received[0].ends_with("\r\n0\r\n\r\n"), "{}", received[0]);
}

#[tokio::test]
async fn bad_chunks_end_the_request_and_smuggle_nothing() {
    for body in [
        "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "-1\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "g\r\nabc\r\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
    ] {
        let head = "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (statuses, received) = road(&format!("{head}{body}GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n")).await;
        assert!(statuses.len() <= 1 && statuses.iter().all(|s| s.starts_with('4')), "{body:?}: {statuses:?}");
        assert!(received.iter().all(|request| request.starts_with("INCOMPLETE ")), "{body:?}: {received:?}");
        assert!(received.iter().all(|request| !request.contains("smuggled")), "{body:?}: {received:?}");
    }
}

#[tokio::test]
async fn cve_2026_2835_http_1_0_has_no_chunks() {
    let bytes = "POST / HTTP/1.0\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n";
    let (statuses, received) = road(bytes).await;
    assert_eq!((statuses.as_slice(), received.len()), (&["400".to_owned()][..], 0));
}

#[tokio::test]
async fn bare_line_feeds_are_read_once_and_never_forwarded() {
    let (statuses, received) = road("GET /a HTTP/1.1\nHost: shop.test\nConnection: close\nX: 1\n\n").await;
    assert_eq!(statuses, ["200"]);
    assert!(!received[0].replace("\r\n", "").contains('\n'), "{:?}", received[0]);
    assert!(received[0].starts_with("GET /a HTTP/1.1\r\n") && received[0].contains("\r\nx: 1\r\n"));
}

#[tokio::test]
async fn equal_lengths_are_one_length() {
    let bytes = "POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc";
    let (statuses, received) = road(bytes).await;
    assert_eq!(statuses, ["200"]);
    assert_eq!(received[0].to_lowercase().matches("content-length: 3\r\n").count(), 1);
    assert!(received[0].ends_with("\r\n\r\nabc"));
}

#[tokio::test]
async fn missing_and_repeated_hosts_are_400_and_strange_ones_421() {
    for (lines, expected) in [
        ("", "400"),
        ("Host: shop.test\r\nHost: shop.test\r\n", "400"),
        ("Host: shop.test\r\nHost: other.test\r\n", "400"),
        ("Host:\r\n", "400"),
        ("Host: a@shop.test\r\n", "400"),
        ("Host: shop.test:x\r\n", "400"),
        ("Host: other.test\r\n", "421"),
    ] {
        let (statuses, received) = road(&format!("GET / HTTP/1.1\r\n{lines}Connection: close\r\n\r\n")).await;
        assert_eq!((statuses.as_slice(), received.len()), (&[expected.to_owned()][..], 0), "{lines:?}");
    }
    let (statuses, _) = road("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(statuses, ["400"]);
}

#[tokio::test]
async fn cve_2025_4366_the_body_of_a_refused_request_is_no_request() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::before(&upside).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    let bytes = format!("POST /refused HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len());
    let mut stream = gateway.connect().await;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "refused").await;
    assert_eq!(status(&answer), "403");
    // Whether the connection lives on or not, the next request on it is the next request.
    let _ = stream.write_all(b"GET /next HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").await;
    let rest = crate::support::read_all(&mut stream).await;
    assert!(rest.matches("HTTP/1.").count() <= 1, "{rest}");
    assert!(upside.requests().iter().all(|request| request.starts_with("GET /next ")), "{:?}", upside.requests());
}

#[tokio::test]
async fn parser_refusals_are_counted() {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::before(&upside).await;
    assert_eq!(status(&gateway.send("GET / HTTP/9.9\r\n\r\n").await), "400");
    // The answer is out before the connection is; its end is what we wait for here.
    gateway.stop.cancel();
    gateway.served.await.unwrap();
    assert_eq!(gateway.notes.refusals.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let bytes = "GET /1 HTTP/1.1\r\nHost: shop.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";
    let (statuses, received) = road(bytes).await;
    assert_eq!(statuses, ["200", "200"]);
    assert!(received[0].starts_with("GET /1 ") && received[1].starts_with("GET /2 "));
}

/// Who sent a POST waits for so many bytes as the answer's length says, whatever method the POST stood for.
#[tokio::test]
async fn a_post_that_stands_for_head_gets_an_answer_that_ends() {
    let upside = Upside::start("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
    let gateway = Gateway::before(&upside).await;
    let request = "POST /api/ibexa/v2/x HTTP/1.1\r\nHost: shop.test\r\nX-HTTP-Method-Override: HEAD\r\nContent-Length: 0\r\n";
    let answer = gateway.send(format!("{request}\r\n{request}Connection: close\r\n\r\n")).await;
    let methods: Vec<_> = upside.requests().iter().map(|request| request[..5].to_owned()).collect();
    assert_eq!(methods, ["HEAD "; 2]);
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    assert!(!answer.to_lowercase().contains("content-length: 5"), "{answer}");
}
