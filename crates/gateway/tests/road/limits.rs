//! Limits of connections and heads, the PROXY protocol, panics, and the drain.

use crate::support::{Gateway, Plan, Upside, read_all, read_until, status};
use doorward_gateway::{
    admit::{ClientAddress, Network},
    listen::Limits,
};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpListener, time::timeout};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n";

async fn limited(limits: Limits) -> (Upside, Gateway) {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::with(upside.address, Plan { limits, ..Plan::default() }).await;
    (upside, gateway)
}

#[tokio::test]
async fn heads_are_bounded_in_size_and_number() {
    let (upside, gateway) = limited(Limits { max_head: 8192, max_headers: 20, ..Limits::default() }).await;
    let large = format!("GET / HTTP/1.1\r\nHost: shop.test\r\nX: {}\r\n\r\n", "y".repeat(8200));
    assert_eq!(status(&gateway.send(large).await), "431");
    let endless = format!("GET / HTTP/1.1\r\nHost: shop.test\r\nX: {}", "y".repeat(100_000));
    assert_eq!(status(&gateway.send(endless).await), "431");
    let many = format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{}\r\n", "X: y\r\n".repeat(21));
    assert_eq!(status(&gateway.send(many).await), "431");
    assert!(upside.requests().is_empty());
}

#[tokio::test]
async fn slow_heads_and_idle_connections_end() {
    let (_upside, gateway) = limited(Limits { head_timeout: Duration::from_millis(50), ..Limits::default() }).await;
    for bytes in ["", "G", "PRI * HT", "GET / HTTP/1.1\r\nHost: sh"] {
        assert!(!gateway.send(bytes).await.contains("200 OK"), "{bytes:?}");
    }
    let kept = gateway.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await;
    assert_eq!(status(&kept), "200");
}

#[tokio::test]
async fn further_connections_wait_for_a_place() {
    let (_upside, gateway) = limited(Limits { max_connections: 1, ..Limits::default() }).await;
    let mut first = gateway.connect().await;
    first.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    read_until(&mut first, "\r\n\r\nok").await;
    let mut second = gateway.connect().await;
    second.write_all(GET.as_bytes()).await.unwrap();
    assert!(timeout(Duration::from_millis(50), read_until(&mut second, "ok")).await.is_err());
    drop(first);
    assert_eq!(status(&read_all(&mut second).await), "200");
}

#[tokio::test]
async fn a_panic_is_500_and_the_process_lives() {
    let (_upside, gateway) = limited(Limits::default()).await;
    let answer = gateway.send("GET /panic HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500 ") && !answer.contains("as asked"), "{answer}");
    assert_eq!(gateway.notes.panics.load(SeqCst), 1);
    assert_eq!(status(&gateway.send(GET).await), "200");
}

async fn announced(trusted: &str) -> (Upside, Gateway) {
    let upside = Upside::start(OK).await;
    let network = Network { client_address: ClientAddress::ProxyProtocol, ..Network::default() };
    let limits = Limits { head_timeout: Duration::from_millis(300), ..Limits::default() };
    let announcers = Some(vec![trusted.parse().unwrap()]);
    let gateway = Gateway::with(upside.address, Plan { network, limits, announcers, ..Plan::default() }).await;
    (upside, gateway)
}

#[tokio::test]
async fn a_trusted_peer_announces_the_client() {
    let (upside, gateway) = announced("127.0.0.0/8").await;
    let v1 = "PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n";
    assert_eq!(status(&gateway.send(format!("{v1}{GET}")).await), "200");
    assert!(upside.only().contains("\r\nx-forwarded-for: 203.0.113.9\r\n"));
    let addresses: (std::net::SocketAddr, std::net::SocketAddr) =
        ("[2001:db8::1]:5".parse().unwrap(), "[::1]:80".parse().unwrap());
    let mut v2 =
        ppp::v2::Builder::with_addresses(ppp::v2::Version::Two | ppp::v2::Command::Proxy, ppp::v2::Protocol::Stream, addresses)
            .build()
            .unwrap();
    v2.extend_from_slice(GET.as_bytes());
    assert_eq!(status(&gateway.send(v2).await), "200");
    assert!(upside.requests()[1].contains("\r\nforwarded: for=\"[2001:db8::1]\";"), "{:?}", upside.requests());
}

#[tokio::test]
async fn a_trusted_peer_without_the_header_is_cut_off() {
    let (upside, gateway) = announced("127.0.0.0/8").await;
    for bytes in [GET, "PROXY TCP4 999.9.9.9 1.1.1.1 1 2\r\nGET", "PROXY TCP4 1.1.1.1", "", &"PROXY ".repeat(1000)] {
        assert_eq!(gateway.send(bytes).await, "", "{bytes:?}");
    }
    assert!(upside.requests().is_empty());
}

#[tokio::test]
async fn a_stranger_announces_nobody() {
    let (upside, gateway) = announced("10.0.0.0/8").await;
    let spoofed = format!("PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n{GET}");
    assert_eq!(status(&gateway.send(spoofed).await), "400");
    assert!(upside.requests().is_empty());
    assert_eq!(status(&gateway.send(GET).await), "200");
    assert!(upside.only().contains("\r\nx-forwarded-for: 127.0.0.1\r\n"));
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_closes_what_rests() {
    let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::with(slow.local_addr().unwrap(), Plan::default()).await;
    let mut resting = gateway.connect().await;
    let mut busy = gateway.connect().await;
    busy.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    let (mut upstream, _) = slow.accept().await.unwrap();
    read_until(&mut upstream, "\r\n\r\n").await;
    gateway.stop.cancel();
    assert_eq!(read_all(&mut resting).await, "");
    upstream.write_all(OK.as_bytes()).await.unwrap();
    let answer = read_all(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer}");
    timeout(Duration::from_secs(10), gateway.served).await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(gateway.address).await.is_err());
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = Limits { drain_timeout: Duration::from_millis(50), ..Limits::default() };
    let gateway = Gateway::with(silent.local_addr().unwrap(), Plan { limits, ..Plan::default() }).await;
    let mut busy = gateway.connect().await;
    busy.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").await.unwrap();
    let (mut upstream, _) = silent.accept().await.unwrap();
    read_until(&mut upstream, "\r\n\r\n").await;
    gateway.stop.cancel();
    timeout(Duration::from_secs(10), gateway.served).await.unwrap().unwrap();
    assert_eq!(read_all(&mut busy).await, "");
    assert_eq!(gateway.notes.open.load(SeqCst), 0);
}
