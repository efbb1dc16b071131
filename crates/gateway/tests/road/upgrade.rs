//! Connections that become something else.

use crate::support::{Gateway, Plan, Upside, read_all, read_until, status};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

const ASK: &str =
    "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";

/// An upstream that switches when `answer` says so and echoes; what it received before it switched.
async fn echo(answer: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let head = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1024];
            while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                stream.write_all(&buffer[..n]).await.unwrap();
            }
        });
        head
    });
    (address, head)
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\nDoorward-X: 1\r\n\r\n";

#[tokio::test]
async fn a_websocket_carries_bytes_both_ways_and_ends_with_its_session() {
    let (address, head) = echo(SWITCH).await;
    let gateway = Gateway::with(address, Plan { known: true, ..Plan::default() }).await;
    let mut stream = gateway.connect().await;
    stream.write_all(ASK.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "\r\n\r\n").await.to_lowercase();
    assert!(answer.starts_with("http/1.1 101 ") && answer.contains("\r\nsec-websocket-accept: y\r\n"), "{answer}");
    assert!(answer.contains("\r\nupgrade: websocket\r\n") && !answer.contains("doorward"), "{answer}");
    let head = head.await.unwrap();
    assert!(head.contains("\r\nupgrade: websocket\r\n") && head.contains("\r\nconnection: upgrade\r\n"), "{head}");
    assert!(head.contains("\r\ndoorward-identity: admin/14\r\n"), "{head}");
    stream.write_all(b"ping").await.unwrap();
    read_until(&mut stream, "ping").await;
    assert_eq!(gateway.proxy.tunnels(), 1);
    gateway.session.cancel();
    assert_eq!(read_all(&mut stream).await, "");
    assert_eq!(gateway.proxy.tunnels(), 0);
}

#[tokio::test]
async fn cve_2026_2833_early_bytes_wait_for_the_101() {
    let (address, head) = echo(SWITCH).await;
    let gateway = Gateway::with(address, Plan::default()).await;
    let mut stream = gateway.connect().await;
    stream.write_all(format!("{ASK}EARLY").as_bytes()).await.unwrap();
    read_until(&mut stream, "\r\n\r\nEARLY").await;
    assert!(!head.await.unwrap().contains("EARLY"));
}

#[tokio::test]
async fn cve_2026_2833_without_a_101_early_bytes_are_a_request_of_their_own() {
    let upside = Upside::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let gateway = Gateway::before(&upside).await;
    let early = "GET /refused HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";
    let answer = gateway.send(format!("{ASK}{early}")).await;
    assert_eq!((status(&answer), answer.matches("HTTP/1.1 403").count()), ("200", 1), "{answer}");
    assert!(!upside.only().contains("/refused"));
}

#[tokio::test]
async fn what_is_no_upgrade_is_an_ordinary_request() {
    for lines in [
        "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
        "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
    ] {
        let upside = Upside::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        let gateway = Gateway::before(&upside).await;
        let answer = gateway.send(format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{lines}Connection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), "200", "{lines:?}");
        assert!(!upside.only().to_lowercase().contains("\r\nupgrade:"), "{lines:?}");
    }
}

#[tokio::test]
async fn a_tunnel_that_rests_too_long_ends() {
    let (address, _head) = echo(SWITCH).await;
    let gateway = Gateway::with(address, Plan { idle: Duration::from_millis(50), ..Plan::default() }).await;
    let mut stream = gateway.connect().await;
    stream.write_all(ASK.as_bytes()).await.unwrap();
    assert!(read_all(&mut stream).await.starts_with("HTTP/1.1 101 "));
}

#[tokio::test]
async fn tunnels_can_be_closed_at_once() {
    let (address, _head) = echo(SWITCH).await;
    let gateway = Gateway::with(address, Plan::default()).await;
    let mut stream = gateway.connect().await;
    stream.write_all(ASK.as_bytes()).await.unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    gateway.proxy.close_tunnels();
    assert_eq!(read_all(&mut stream).await, "");
}
