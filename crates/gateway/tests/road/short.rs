//! The short road: reads without a body, on connections that have no task of their own.

use crate::support::{Gateway, read_all, read_until, status};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{io::AsyncWriteExt, net::TcpListener};

/// The answers of one connection, each in pieces, one for each request; then the connection ends.
type Script = &'static [&'static [&'static str]];

/// An upstream whose first connection follows the first script, and so on, and how many connections there were.
async fn scripted(scripts: &'static [Script]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        for script in scripts {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, SeqCst);
            tokio::spawn(async move {
                for answer in *script {
                    read_until(&mut stream, "\r\n\r\n").await;
                    for piece in *answer {
                        stream.write_all(piece.as_bytes()).await.unwrap();
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
            });
        }
    });
    (address, connections)
}

async fn gateway(address: SocketAddr) -> Gateway {
    Gateway::with(address, crate::support::Plan::default()).await
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n";
const LAST: &str = "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";
const ONE: &[&str] = &["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"];
const TWO: &[&str] = &["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"];

#[tokio::test]
async fn a_read_that_met_the_end_of_a_rested_connection_is_sent_again_once() {
    // The first connection reads the second request and ends without a word.
    let (address, connections) = scripted(&[&[ONE, &[]], &[TWO]]).await;
    let gateway = gateway(address).await;
    let mut stream = gateway.connect().await;
    stream.write_all(GET).await.unwrap();
    read_until(&mut stream, "one").await;
    stream.write_all(GET).await.unwrap();
    assert_eq!(status(&read_until(&mut stream, "two").await), "200");
    assert_eq!(connections.load(SeqCst), 2);

    let (address, connections) = scripted(&[&[ONE, &[]], &[&[]]]).await;
    let gateway = self::gateway(address).await;
    let mut stream = gateway.connect().await;
    stream.write_all(GET).await.unwrap();
    read_until(&mut stream, "one").await;
    stream.write_all(LAST.as_bytes()).await.unwrap();
    assert_eq!(status(&read_all(&mut stream).await), "502");
    assert_eq!(connections.load(SeqCst), 2);
}

#[tokio::test]
async fn a_read_whose_answer_had_begun_is_not_sent_again() {
    let (address, connections) = scripted(&[&[ONE, &["HTTP/1.1 2"]], &[TWO]]).await;
    let gateway = gateway(address).await;
    let mut stream = gateway.connect().await;
    stream.write_all(GET).await.unwrap();
    read_until(&mut stream, "one").await;
    stream.write_all(LAST.as_bytes()).await.unwrap();
    assert_eq!(status(&read_all(&mut stream).await), "502");
    assert_eq!(connections.load(SeqCst), 1);
}

#[tokio::test]
async fn a_connection_on_which_more_came_than_the_answer_is_not_used_again() {
    let (address, connections) = scripted(&[
        &[&["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"]],
        &[TWO],
    ])
    .await;
    let gateway = gateway(address).await;
    let mut stream = gateway.connect().await;
    stream.write_all(GET).await.unwrap();
    read_until(&mut stream, "one").await;
    stream.write_all(GET).await.unwrap();
    read_until(&mut stream, "two").await;
    assert_eq!(connections.load(SeqCst), 2);
}

#[tokio::test]
async fn an_answer_comes_whole_however_its_end_is_known_and_however_it_comes() {
    let cases: [&[&str]; 5] = [
        &["HTTP/1.1 200 OK\r\nConte", "nt-Length: 10\r\n\r", "\n", "01234", "56789"],
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\n012", "34\r\n5\r\n56789\r", "\n0\r\n", "\r\n"],
        &["HTTP/1.1 200 OK\r\n\r\n01234", "56789"],
        &["HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n01234", "56789"],
        &["HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"],
    ];
    for case in cases {
        let script: &'static [&'static [&'static str]] = Box::leak(Box::new([case]));
        let (address, _) = scripted(Box::leak(Box::new([script]))).await;
        let answer = gateway(address).await.send(LAST).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let chunked = head.contains("chunked");
        // Of chunks every second line is data.
        let data: String = if chunked { body.split("\r\n").skip(1).step_by(2).collect() } else { body.to_owned() };
        assert_eq!((status(&answer), &*data), ("200", "0123456789"), "{case:?}: {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let cases: [&[&str]; 3] = [
        &["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"],
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n"],
        &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\nnonsense\r\n"],
    ];
    for case in cases {
        let script: &'static [&'static [&'static str]] = Box::leak(Box::new([case]));
        let (address, _) = scripted(Box::leak(Box::new([script]))).await;
        let answer = gateway(address).await.send(LAST).await;
        assert!(answer.contains("01234"), "what came before is not lost: {answer:?}");
        assert!(!answer.ends_with("0\r\n\r\n") && !answer.contains("nonsense"), "{answer:?}");
        assert!(case[0].contains("chunked") || answer.to_lowercase().contains("content-length: 10"), "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_to_head_ends_with_its_head() {
    const HEAD: &[&str] = &["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"];
    let (address, connections) = scripted(&[&[HEAD, ONE]]).await;
    let gateway = gateway(address).await;
    let mut stream = gateway.connect().await;
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").await.to_lowercase().contains("content-length: 10\r\n"));
    stream.write_all(GET).await.unwrap();
    read_until(&mut stream, "one").await;
    assert_eq!(connections.load(SeqCst), 1);
}
