//! Bodies and trailers on their way: nothing is kept back, nothing is asked for in vain.

use super::{
    raw::{read_head, read_until, serve_raw},
    site, to_upstream,
};
use crate::support::{PATIENCE, Server, Site, client::Connection, upstream::Upstream};
use std::{
    io::{BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Mutex,
        mpsc::{self, Receiver, Sender},
    },
};

const ROUTES: &str = "[[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/open\"\nrequire = [\"anonymous\"]\n\
                      [[route]]\nmethods = [\"POST\"]\npath = \"/closed\"\nrequire = [\"self\"]\n";

fn serve(address: SocketAddr) -> (Server, Site) {
    let site = site("", &to_upstream(address), ROUTES);
    (site.serve(), site)
}

fn connect(server: &Server, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.public).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// A service that reports on a channel, and waits on another.
fn reporting(
    each: impl Fn(&mut BufReader<TcpStream>, &Sender<String>, &Receiver<()>) + Send + Sync + 'static,
) -> (SocketAddr, Receiver<String>, Sender<()>) {
    let ((tell, told), (go, wait)) = (mpsc::channel(), mpsc::channel());
    let ends = Mutex::new((tell, wait));
    let address = serve_raw(move |mut stream| {
        let ends = ends.lock().unwrap();
        each(&mut stream, &ends.0, &ends.1);
    });
    (address, told, go)
}

#[test]
fn the_service_sees_the_first_part_of_a_body_before_the_second_is_sent() {
    let (address, told, _go) = reporting(|stream, tell, _| {
        let head = read_head(stream).unwrap();
        tell.send(head).unwrap();
        for _ in 0..2 {
            tell.send(read_until(stream, "\r\n") + &read_until(stream, "\r\n")).unwrap();
        }
        tell.send(read_until(stream, "0\r\n\r\n")).unwrap();
        let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    });
    let (server, _site) = serve(address);
    let mut stream =
        connect(&server, "POST /open HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    let next = || told.recv_timeout(PATIENCE).unwrap();
    let head = next().to_lowercase();
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"), "{head}");
    assert_eq!(next(), "5\r\nfirst\r\n");
    stream.write_all(b"6\r\nsecond\r\n").unwrap();
    assert_eq!(next(), "6\r\nsecond\r\n");
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(next(), "0\r\n\r\n");
    assert!(read_until(&mut stream, "done").starts_with("HTTP/1.1 200"));
}

#[test]
fn the_caller_sees_the_first_part_of_an_answer_before_the_second_is_sent() {
    let (address, _told, go) = reporting(|stream, _, wait| {
        read_head(stream).unwrap();
        let begin = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
        stream.get_mut().write_all(begin).unwrap();
        wait.recv_timeout(PATIENCE).unwrap();
        stream.get_mut().write_all(b"6\r\nsecond\r\n0\r\n\r\n").unwrap();
    });
    let (server, _site) = serve(address);
    let mut stream = connect(&server, "GET /open HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    read_until(&mut stream, "5\r\nfirst\r\n");
    go.send(()).unwrap();
    assert_eq!(read_until(&mut stream, "0\r\n\r\n"), "6\r\nsecond\r\n0\r\n\r\n");
}

/// Bytes flow both ways at once, more than any buffer on the way holds.
#[test]
fn large_bodies_pass_unchanged() {
    const SIZE: usize = 8 * 1024 * 1024;
    let address = serve_raw(|mut stream| {
        read_head(&mut stream).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        let mut back = stream.get_ref().try_clone().unwrap();
        std::io::copy(&mut stream.take(SIZE as u64), &mut back).unwrap();
    });
    let (server, _site) = serve(address);
    let mut stream = connect(&server, &format!("POST /open HTTP/1.1\r\nHost: shop.test\r\nContent-Length: {SIZE}\r\n\r\n"));
    let bytes: Vec<u8> = (0..SIZE).map(|at| u8::try_from(at / 7 % 251).unwrap()).collect();
    let mut writer = stream.try_clone().unwrap();
    let sent = bytes.clone();
    let sending = std::thread::spawn(move || writer.write_all(&sent));
    read_until(&mut stream, "\r\n\r\n");
    let mut echoed = vec![0; SIZE];
    stream.read_exact(&mut echoed).unwrap();
    sending.join().unwrap().unwrap();
    assert!(echoed == bytes, "the bytes changed on the way");
}

#[test]
fn only_a_permitted_request_is_told_to_continue() {
    let upstream = Upstream::start();
    let (server, _site) = serve(upstream.address);
    let head =
        |path: &str| format!("POST {path} HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    let mut refused = Connection::open(server.public);
    refused.send(&head("/closed"));
    assert_eq!(refused.any_reply().status, 401);
    assert!(upstream.received().is_empty());

    let mut permitted = Connection::open(server.public);
    permitted.send(&head("/open"));
    assert_eq!(permitted.any_reply().status, 100);
    permitted.send("body");
    assert_eq!(permitted.any_reply().status, 200);
    let received = upstream.last();
    assert_eq!((received.body.as_str(), received.header("expect")), ("body", None));
}

#[test]
fn announced_trailers_pass_both_ways_and_others_do_not() {
    let (address, told, _go) = reporting(|stream, tell, _| {
        let head = read_head(stream).unwrap();
        tell.send(format!("{head}{}", read_until(stream, "\r\n\r\n"))).unwrap();
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Doorward-Identity, Set-Cookie\r\n\r\n\
                      2\r\nok\r\n0\r\nX-Sum: 7\r\nX-Unannounced: 8\r\nDoorward-Identity: admin/1\r\nSet-Cookie: a=b\r\n\r\n";
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
    });
    let (server, _site) = serve(address);
    let request = "POST /open HTTP/1.1\r\nHost: shop.test\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\
                   Trailer: X-Check, Doorward-Login, doorward_roles\r\n\r\n\
                   2\r\nhi\r\n0\r\nX-Check: 5\r\nX-Other: 6\r\nDoorward-Login: boss\r\ndoorward_roles: boss\r\n\r\n";
    let mut stream = connect(&server, request);
    let received = told.recv_timeout(PATIENCE).unwrap().to_lowercase();
    assert!(received.contains("trailer: x-check\r\n") && received.contains("\r\nx-check: 5\r\n"), "{received}");
    for absent in ["x-other", "boss", "doorward-login"] {
        assert!(!received.contains(absent), "{received}");
    }
    let answer = read_until(&mut stream, "\r\n0\r\n") + &read_until(&mut stream, "\r\n\r\n");
    let answer = answer.to_lowercase();
    assert!(answer.contains("trailer: x-sum\r\n") && answer.ends_with("0\r\nx-sum: 7\r\n\r\n"), "{answer}");
}

/// What is wrong with a body shows only while it streams: the caller's fault, not the service's.
#[test]
fn a_body_that_is_too_long_or_broken_is_the_callers_fault() {
    let upstream = Upstream::start();
    let site = site("limits = { body = \"1KiB\" }", &to_upstream(upstream.address), ROUTES);
    let server = site.serve();
    let head = "POST /open HTTP/1.1\r\nHost: shop.test\r\nAccept: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long = format!("400\r\n{}\r\n1\r\nx\r\n0\r\n\r\n", "x".repeat(0x400));
    for (body, status, reason) in [(long.as_str(), 413, "body_too_large"), ("2\r\nab\r\nzz\r\n", 400, "body_broken")] {
        let mut connection = Connection::open(server.public);
        connection.send(&format!("{head}{body}"));
        let reply = connection.reply();
        assert_eq!(reply.status, status, "{reply:?}");
        let event = super::event(&server, &[("reason", reason)]);
        assert_eq!((&event["outcome"], &event["status"]), (&"permit".into(), &status.into()), "{event}");
    }
    assert!(upstream.received().is_empty(), "a part was taken for the whole: {:?}", upstream.received());
    // The largest body that may pass does.
    let reply = server.send("POST", "/open", "", &"x".repeat(0x400));
    assert_eq!((reply.status, upstream.last().body.len()), (200, 0x400));
}
