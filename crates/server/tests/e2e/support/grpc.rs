//! Envoy's side of `ext_authz` over gRPC, byte by byte: nothing here is shared with what answers.

use super::client::Reply;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tokio::runtime::Runtime;

/// A connection that stays.
pub(crate) struct Client {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Client {
    /// Connects with prior knowledge of HTTP/2.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sender = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let (sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender, address }
    }

    /// Asks about a request with these header lines (each ending in CR LF). What Envoy would do with the answer is told as
    /// that answer: a permit has the headers that it sets.
    pub(crate) fn check(&mut self, method: &str, path: &str, host: &str, headers: &str) -> Reply {
        let (code, message) = self.call(framed(&question(method, path, host, headers)));
        assert_eq!(code, "0", "{path} {headers}");
        reply(&message[5..])
    }

    /// The code of gRPC, and the message with its prefix.
    pub(crate) fn call(&mut self, body: Vec<u8>) -> (String, Vec<u8>) {
        let url = format!("http://{}/envoy.service.auth.v3.Authorization/Check", self.address);
        let request = Request::post(url).header("content-type", "application/grpc").header("te", "trailers");
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let sender = &mut self.sender;
        self.runtime.block_on(async {
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.headers()["content-type"], "application/grpc");
            let early = answer.headers().get("grpc-status").cloned();
            let whole = answer.into_body().collect().await.unwrap();
            let code = early.or_else(|| whole.trailers()?.get("grpc-status").cloned()).expect("a status");
            (code.to_str().unwrap().to_owned(), whole.to_bytes().to_vec())
        })
    }
}

/// A `CheckRequest`.
pub(crate) fn question(method: &str, path: &str, host: &str, headers: &str) -> Vec<u8> {
    let mut http =
        [(2, method), (4, path), (5, host), (6, "https")].map(|(number, text)| field(number, text.as_bytes())).concat();
    let lines = headers.split("\r\n").filter_map(|line| line.split_once(": "));
    let line = |(name, value): (&str, &str)| {
        let name = name.to_ascii_lowercase();
        field(1, &[field(1, name.as_bytes()), field(3, value.as_bytes())].concat())
    };
    http.extend(field(13, &lines.flat_map(line).collect::<Vec<u8>>()));
    field(1, &field(4, &field(2, &http)))
}

/// A message with the prefix of gRPC.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// A field that holds bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend_from_slice(content);
    bytes
}

/// What a `CheckResponse` makes Envoy do.
fn reply(message: &[u8]) -> Reply {
    let mut reply = Reply::default();
    for (number, content) in fields(message) {
        if let (2 | 3, Content::Bytes(outcome)) = (number, content) {
            reply.status = if number == 3 { 200 } else { 403 };
            for (number, content) in fields(&outcome) {
                match (number, content) {
                    (1, Content::Bytes(status)) => {
                        if let Some((1, Content::Number(code))) = fields(&status).into_iter().next() {
                            reply.status = u16::try_from(code).unwrap();
                        }
                    }
                    (2, Content::Bytes(option)) => reply.headers.extend(header(&option)),
                    _ => {}
                }
            }
        }
    }
    reply
}

/// A `HeaderValueOption`.
fn header(option: &[u8]) -> Option<(String, String)> {
    let (_, Content::Bytes(header)) = fields(option).into_iter().find(|(number, _)| *number == 1)? else { return None };
    let text = |wanted: u64| {
        fields(&header).into_iter().find_map(|(number, content)| match content {
            Content::Bytes(bytes) if number == wanted => Some(String::from_utf8(bytes).unwrap()),
            _ => None,
        })
    };
    Some((text(1)?, text(2).unwrap_or_default()))
}

enum Content {
    Number(u64),
    Bytes(Vec<u8>),
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Content)> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes);
        let content = match key & 7 {
            0 => Content::Number(number(&mut bytes)),
            2 => {
                let length = usize::try_from(number(&mut bytes)).unwrap();
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                Content::Bytes(content.to_vec())
            }
            other => panic!("a field of the kind {other}"),
        };
        all.push((key >> 3, content));
    }
    all
}

fn number(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0.. {
        let (first, rest) = bytes.split_first().expect("a number");
        *bytes = rest;
        value |= u64::from(first & 0x7f) << (7 * place);
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}
