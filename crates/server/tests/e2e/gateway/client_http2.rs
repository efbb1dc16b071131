//! Clients that speak HTTP/2: curl, and one that writes its frames itself.

use super::{PASSWORD, SignedIn, site, to_upstream};
use crate::support::{PATIENCE, Server, Site, upstream::Upstream};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
};

const ROUTES: &str = "[[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/open\"\nrequire = [\"anonymous\"]\n\
                      [[route]]\nmethods = [\"GET\"]\npath = \"/mine\"\nrequire = [\"self\"]\n";

/// A connection with prior knowledge. It knows no compression and no flow control beyond the first window.
pub(super) struct Http2 {
    stream: TcpStream,
    next: u32,
}

impl Http2 {
    pub(super) fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
        Self { stream, next: 1 }
    }

    /// Sends a request as HEADERS and, with a body, DATA; every field as a literal (RFC 7541, 6.2.2).
    pub(super) fn request(&mut self, method: &str, authority: &str, path: &str, fields: &[(&str, &str)], body: Option<&str>) {
        let pseudo = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path)];
        let mut block = Vec::new();
        for (name, value) in pseudo.iter().chain(fields) {
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.as_bytes());
            }
        }
        self.frame(1, if body.is_some() { 0x4 } else { 0x5 }, &block);
        if let Some(body) = body {
            self.frame(0, 0x1, body.as_bytes());
        }
        self.next += 2;
    }

    fn frame(&mut self, kind: u8, flags: u8, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(self.next.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).unwrap();
    }

    /// Reads until the answer of the last request ends; whether it ended without RST_STREAM.
    fn ends(&mut self) -> bool {
        loop {
            let mut head = [0; 9];
            if self.stream.read_exact(&mut head).is_err() {
                return false;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            self.stream.read_exact(&mut vec![0; length as usize]).unwrap();
            let (kind, flags) = (head[3], head[4]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            if stream + 2 == self.next && (kind == 3 || (kind <= 1 && flags & 1 == 1)) {
                return kind != 3;
            }
        }
    }
}

fn serve() -> (Server, Upstream, Site) {
    let upstream = Upstream::start();
    let site = site("", &to_upstream(upstream.address), ROUTES);
    site.user("customers/jane", PASSWORD, &[]);
    (site.serve(), upstream, site)
}

#[test]
fn curl_gets_its_answers_over_http2() {
    let (server, upstream, _site) = serve();
    let jane = SignedIn::new(&server, "jane");
    let curl = |path: &str, more: &[&str]| {
        let url = format!("http://{}{path}", server.public);
        let output = Command::new("curl")
            .args(["--silent", "--http2-prior-knowledge", "--max-time", "20", "--write-out", " %{http_version} %{http_code}"])
            .args(more)
            .arg(url)
            .output()
            .expect("curl is needed: scripts/test installs it");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(curl("/open", &[]), "upstream 2 200");
    assert_eq!(curl("/mine", &["--header", jane.cookie.trim()]), "upstream 2 200");
    assert_eq!(upstream.last().header("doorward-identity"), Some("customer/1"));
    assert_eq!(upstream.last().header("host"), Some(&*server.public.to_string()));
    assert!(curl("/mine", &["--header", "Accept: application/json"]).ends_with(" 2 401"));
    assert_eq!(curl("/open", &["--data", "a=b"]), "upstream 2 200");
    assert_eq!(upstream.last().body, "a=b");
}

#[test]
fn many_requests_share_a_connection() {
    let (server, upstream, _site) = serve();
    let mut client = Http2::open(server.public);
    for _ in 0..20 {
        client.request("GET", "shop.test", "/open", &[("doorward-identity", "admin/1")], None);
        assert!(client.ends());
    }
    client.request("POST", "shop.test", "/open", &[], Some("body"));
    assert!(client.ends());
    let received = upstream.received();
    assert_eq!(received.len(), 21);
    assert_eq!(received[20].body, "body");
    assert!(received.iter().all(|request| request.all("doorward-identity").eq(["guest"])));
}

/// RFC 9113, 8.3: what no HTTP/1.1 request could say goes nowhere.
#[test]
fn ambiguous_heads_of_http2_go_nowhere() {
    let (server, upstream, _site) = serve();
    for (method, authority, path, fields) in [
        ("GET", "shop.test", "/open", &[("host", "other.test")][..]),
        ("GET", "user@shop.test", "/open", &[]),
        ("GET", "shop.test", "/a/../open", &[]),
        ("GET", "shop.test", "*", &[]),
        ("CONNECT", "shop.test", "/open", &[]),
        ("GET", "shop.test", "/open", &[("transfer-encoding", "chunked")]),
        ("GET", "shop.test", "/open", &[("connection", "close")]),
        ("GET", "shop.test", "/open", &[("x", "a\r\nDoorward-Identity: admin/1")]),
        ("GET", "shop.test", "/open HTTP/1.1\r\nX: y", &[]),
    ] {
        let mut client = Http2::open(server.public);
        client.request(method, authority, path, fields, None);
        client.ends();
        assert!(upstream.received().is_empty(), "{method} {authority} {path} {fields:?}: {:?}", upstream.received());
    }
}
