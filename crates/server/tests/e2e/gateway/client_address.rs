//! Whose address counts: one source, read right to left, and nothing that a stranger says.

use super::{event, site, to_upstream};
use crate::support::{Server, Site, client::Connection, eventually, upstream::Upstream};

const ROUTES: &str = "[[route]]\nmethods = [\"GET\"]\npath = \"/*rest\"\nrequire = [\"anonymous\"]\n";

fn serve(server: &str) -> (Server, Upstream, Site) {
    let upstream = Upstream::start();
    let site = site(server, &to_upstream(upstream.address), ROUTES);
    (site.serve(), upstream, site)
}

/// What the upstream is told, after the raw bytes that come first on the connection.
fn told(server: &Server, upstream: &Upstream, first: &str, headers: &str) -> Result<String, u16> {
    let mut connection = Connection::open(server.public);
    connection.send(&format!("{first}GET /x HTTP/1.1\r\nHost: shop.test\r\n{headers}\r\n"));
    let reply = connection.reply();
    if reply.status != 200 {
        return Err(reply.status);
    }
    let received = upstream.last();
    let address = received.header("x-forwarded-for").unwrap().to_owned();
    // What comes from outside under such a name is gone, however it is spelt; ours stand once.
    assert_eq!(received.all("x-forwarded-for").count(), 1, "{received:?}");
    for name in ["x-real-ip", "true-client-ip", "x_forwarded_for", "client-ip", "x-forwarded-server"] {
        assert_eq!(received.header(name), None, "{received:?}");
    }
    let quoted = if address.contains(':') { format!("\"[{address}]\"") } else { address.clone() };
    assert_eq!(received.header("forwarded"), Some(&*format!("for={quoted};host=shop.test;proto=http")));
    assert_eq!(event(server, &[("request_id", received.header("doorward-request-id").unwrap())])["client"], address.as_str());
    Ok(address)
}

const SPOOFS: &str = "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\nX-Real-IP: 203.0.113.7\r\n\
                      X_Forwarded_For: 203.0.113.7\r\nTrue-Client-IP: 203.0.113.7\r\nClient-IP: 203.0.113.7\r\n\
                      X-Forwarded-Server: evil\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n";

#[test]
fn by_default_the_socket_alone_counts() {
    let (server, upstream, _site) = serve("");
    assert_eq!(told(&server, &upstream, "", SPOOFS), Ok("127.0.0.1".into()));
    let received = upstream.last();
    assert_eq!(
        [received.header("x-forwarded-proto"), received.header("x-forwarded-host"), received.header("x-forwarded-port")],
        [Some("http"), Some("shop.test"), Some("80")]
    );
    // A PROXY header is no request.
    let mut connection = Connection::open(server.public);
    connection.send("PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\nGET /x HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    assert_eq!(connection.reply().status, 400);
}

#[test]
fn a_forwarding_header_is_believed_from_a_trusted_proxy_up_to_the_first_stranger() {
    let (server, upstream, _site) =
        serve("trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\nclient_address = \"x-forwarded-for\"");
    for (lines, expected) in [
        ("X-Forwarded-For: 203.0.113.9\r\n", Ok("203.0.113.9")),
        ("X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.1.1.1\r\n", Ok("203.0.113.9")),
        ("X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 203.0.113.9\r\n", Ok("203.0.113.9")),
        ("X-Forwarded-For: [2001:db8::1]:443\r\n", Ok("2001:db8::1")),
        // Another header than the one that was named says nothing, nor does another spelling of it.
        ("Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n", Ok("127.0.0.1")),
        ("X-Forwarded-For: 203.0.113.9\r\nForwarded: for=6.6.6.6\r\n", Ok("203.0.113.9")),
        // What cannot be read is not skipped.
        ("X-Forwarded-For: 203.0.113.9, x\r\n", Err(400)),
        ("X-Forwarded-For: \r\n", Err(400)),
        // Left of the first stranger anything may stand: nobody reads it.
        ("X-Forwarded-For: garbage, 203.0.113.9\r\n", Ok("203.0.113.9")),
        // A client cannot nominate the proxy's header for removal: the address was read before.
        ("Connection: X-Forwarded-For\r\nX-Forwarded-For: 203.0.113.9\r\n", Ok("203.0.113.9")),
    ] {
        assert_eq!(told(&server, &upstream, "", lines), expected.map(str::to_owned), "{lines}");
    }
}

#[test]
fn forwarded_is_read_the_same_way() {
    let (server, upstream, _site) = serve("trusted_proxies = [\"127.0.0.1\"]\nclient_address = \"forwarded\"");
    for (lines, expected) in [
        ("Forwarded: for=6.6.6.6, For=\"203.0.113.9:80\";proto=https\r\n", Ok("203.0.113.9")),
        ("Forwarded: for=\"[2001:db8::1]\"\r\n", Ok("2001:db8::1")),
        ("X-Forwarded-For: 6.6.6.6\r\n", Ok("127.0.0.1")),
        ("Forwarded: for=unknown\r\n", Err(400)),
        ("Forwarded: for=_hidden\r\n", Err(400)),
        ("Forwarded: for=6.6.6.6;for=203.0.113.9\r\n", Err(400)),
        ("Forwarded: for=\"203.0.113.9\r\n", Err(400)),
    ] {
        assert_eq!(told(&server, &upstream, "", lines), expected.map(str::to_owned), "{lines}");
    }
}

#[test]
fn nobody_is_believed_who_is_not_trusted() {
    let (server, upstream, _site) = serve("trusted_proxies = [\"10.0.0.0/8\"]\nclient_address = \"x-forwarded-for\"");
    assert_eq!(told(&server, &upstream, "", SPOOFS), Ok("127.0.0.1".into()));
    let (server, upstream, _site) = serve("trusted_proxies = [\"10.0.0.0/8\"]\nclient_address = \"proxy-protocol\"");
    assert_eq!(told(&server, &upstream, "", SPOOFS), Ok("127.0.0.1".into()));
    let mut connection = Connection::open(server.public);
    connection.send("PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\nGET /x HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    assert_eq!(connection.reply().status, 400);
}

#[test]
fn the_proxy_protocol_speaks_for_the_whole_connection() {
    let (server, upstream, _site) = serve("trusted_proxies = [\"127.0.0.1\"]\nclient_address = \"proxy-protocol\"");
    for (first, expected) in [
        ("PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n", "203.0.113.9"),
        ("PROXY TCP6 2001:db8::9 2001:db8::1 4711 80\r\n", "2001:db8::9"),
        // The proxy speaks for itself: a health check.
        ("PROXY UNKNOWN\r\n", "127.0.0.1"),
    ] {
        assert_eq!(told(&server, &upstream, first, SPOOFS), Ok(expected.into()), "{first}");
    }
    // Version 2, as binary as it is: PROXY, IPv4, 203.0.113.9 to 192.0.2.1.
    let mut connection = std::net::TcpStream::connect(server.public).unwrap();
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\xc0\0\x02\x01\x12\x67\0\x50".to_vec();
    bytes.extend(b"GET /v2 HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut connection, &bytes).unwrap();
    assert!(crate::support::read_all(connection).starts_with("HTTP/1.1 200"));
    assert_eq!(upstream.last().header("x-forwarded-for"), Some("203.0.113.9"));

    // A trusted peer that says nothing first, or nonsense, gets no answer, and it is written down.
    let before = upstream.received().len();
    for (at, first) in ["", "PROXY TCP4 nonsense\r\n", "PROXY TCP4 999.0.0.1 1.1.1.1 1 2\r\n"].iter().enumerate() {
        let mut connection = Connection::open(server.public);
        connection.send(&format!("{first}GET /x HTTP/1.1\r\nHost: shop.test\r\n\r\n"));
        assert_eq!(connection.reply().status, 0, "{first}");
        let wanted = at + 1;
        eventually("a parser refusal", || {
            let log = server.log();
            (log.lines().filter(|line| line.contains("\"parser_refusal\"")).count() == wanted).then_some(())
        });
    }
    assert_eq!(upstream.received().len(), before);
    assert_eq!(server.metric("doorward_parser_refusals_total"), Some(3.0));
}
