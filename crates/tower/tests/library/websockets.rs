//! WebSockets: an axum handler behind the layer, and a client that speaks the frames by hand (RFC 6455, 5.2).

use crate::support::{House, Session};
use axum::{
    Router,
    extract::ws::{Message, WebSocketUpgrade},
    routing::any,
};
use doorward_tower::Identity;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
};

/// Says what it is told, and who says it; and tells when it has ended.
fn echo(ended: &Sender<()>) -> Router {
    let ended = ended.clone();
    let handler = async move |upgrade: WebSocketUpgrade, who: Identity| {
        upgrade.on_upgrade(async move |mut socket| {
            while let Some(Ok(Message::Text(text))) = socket.recv().await {
                if socket.send(Message::from(format!("{} {text}", *who))).await.is_err() {
                    break;
                }
            }
            let _ = ended.send(()).await;
        })
    };
    Router::new().route("/own", any(handler.clone())).route("/open", any(handler))
}

/// How the door stands to the router.
#[derive(Clone, Copy)]
enum Stands {
    Outside,
    Within,
}

struct Place {
    house: House,
    address: SocketAddr,
    /// Says when a handler has ended.
    ended: Receiver<()>,
}

impl Place {
    async fn new(stands: Stands) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let house = House::at(address).await;
        let (sender, ended) = channel(8);
        let app = match stands {
            Stands::Outside => Router::new().fallback_service(house.door.protect(echo(&sender))),
            Stands::Within => echo(&sender).layer(house.door.layer()),
        };
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { house, address, ended }
    }

    /// A client that asks for a WebSocket, and the head of the answer.
    async fn open(&self, path: &str, session: Option<&Session>, more: &str) -> (Client, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let cookie = session.map(|session| format!("Cookie: {}\r\n", session.cookie)).unwrap_or_default();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{cookie}{more}\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (Client(stream), String::from_utf8(head).unwrap())
    }

    fn own(&self) -> String {
        format!("Origin: http://{}\r\n", self.address)
    }
}

struct Client(TcpStream);

impl Client {
    /// Sends a short text, and reads one.
    async fn say(&mut self, text: &str) -> String {
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
        let mut head = [0; 2];
        self.0.read_exact(&mut head).await.unwrap();
        assert_eq!(head[0], 0x81, "text");
        let mut text = vec![0; usize::from(head[1])];
        self.0.read_exact(&mut text).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    /// Waits until the connection is over.
    async fn end(mut self) {
        let mut rest = [0; 64];
        while !matches!(self.0.read(&mut rest).await, Ok(0) | Err(_)) {}
    }
}

#[tokio::test]
async fn a_websocket_of_the_service_ends_with_the_session_behind_it() {
    for stands in [Stands::Outside, Stands::Within] {
        let mut place = Place::new(stands).await;
        let jane = place.house.sign_in("jane").await;
        let (mut client, head) = place.open("/own", Some(&jane), &place.own()).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        // RFC 6455 1.3
        assert!(head.to_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        assert!(head.to_lowercase().contains("upgrade: websocket\r\n"), "{head}");
        assert_eq!(client.say("hello").await, "customer/1 hello");
        assert_eq!(client.say("again").await, "customer/1 again");
        let (mut guest, _) = place.open("/open", None, "").await;
        assert_eq!(guest.say("hello").await, "guest hello");

        place.house.door.accounts().set_enabled("people", "jane", false).await.unwrap();
        client.end().await;
        assert_eq!(place.ended.recv().await, Some(()), "the handler hears it, too");
        assert_eq!(guest.say("still here").await, "guest still here", "nobody's session ended with that");

        place.house.background.stop().await;
        guest.end().await;
        assert_eq!(place.ended.recv().await, Some(()), "nobody hears any more which sessions end");
    }
}

#[tokio::test]
async fn another_origin_opens_no_websocket_and_no_more_does_a_guest() {
    let mut place = Place::new(Stands::Outside).await;
    let jane = place.house.sign_in("jane").await;
    for (session, more, status) in [
        (Some(&jane), "Origin: https://evil.test\r\n", "403"),
        (Some(&jane), "Origin: null\r\n", "403"),
        (Some(&jane), "Sec-Fetch-Site: cross-site\r\n", "403"),
        (None, &*place.own(), "401"),
    ] {
        let (_, head) = place.open("/own", session, more).await;
        assert_eq!(head.split(' ').nth(1), Some(status), "{more}: {head}");
    }
    let (mut client, _) = place.open("/own", Some(&jane), "Sec-Fetch-Site: same-origin\r\n").await;
    assert_eq!(client.say("hello").await, "customer/1 hello");
    assert!(place.ended.try_recv().is_err(), "no other handler ever began");
}

#[tokio::test]
async fn what_the_handler_does_not_take_over_stays_a_connection_for_requests() {
    let place = Place::new(Stands::Outside).await;
    let (mut client, head) = place.open("/open", None, "Sec-WebSocket-Protocol: chat\r\nX-HTTP-Method: GET\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(client.say("no protocol was agreed on").await, "guest no protocol was agreed on");

    let mut stream = TcpStream::connect(place.address).await.unwrap();
    let ask = async |stream: &mut TcpStream, version: &str| {
        let head = format!(
            "GET /open HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: {version}\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let length = head
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.split('\r').next().unwrap().parse().unwrap());
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        head
    };
    let refused = ask(&mut stream, "12").await;
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    let taken = ask(&mut stream, "13").await;
    assert!(taken.starts_with("HTTP/1.1 101 "), "{taken}");
}

#[tokio::test]
async fn a_service_that_switches_protocols_without_being_asked_is_broken() {
    let house = House::new().await;
    let service = house.door.protect(tower::service_fn(|_: http::Request<doorward_tower::Body>| async {
        http::Response::builder().status(http::StatusCode::SWITCHING_PROTOCOLS).body(String::new())
    }));
    let answer = crate::support::ask(service, "GET /open", &[], "").await;
    assert_eq!(answer.status, http::StatusCode::BAD_GATEWAY);
}
