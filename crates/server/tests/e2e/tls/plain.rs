//! The plain door.

use super::{TLS, site};
use crate::support::{Server, client::Reply, exchange, upstream::Upstream};
use std::net::SocketAddr;

fn door(server: &Server) -> SocketAddr {
    let urls: Vec<&str> = server.ready.split_whitespace().collect();
    assert!(urls[1].starts_with("https://") && urls[3] == "operations", "{urls:?}");
    urls[2].strip_prefix("http://").unwrap().parse().unwrap()
}

fn ask(server: &Server, line: &str, headers: &str) -> Reply {
    exchange(door(server), &format!("{line} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n{headers}\r\n"))
}

const HTML: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

#[test]
fn leads_browsers_to_https_and_refuses_everything_else() {
    let upstream = Upstream::start();
    let (site, _root) = site(&upstream, &format!("listen_plain = \"127.0.0.1:0\"\n{TLS}"), "");
    let server = site.serve();
    for (line, location) in [
        ("GET /", "https://shop.test/"),
        ("GET /login?target=%2Fa&x=1", "https://shop.test/login?target=%2Fa&x=1"),
        ("HEAD /orders", "https://shop.test/orders"),
    ] {
        let reply = ask(&server, line, HTML);
        assert_eq!((reply.status, reply.header("location")), (308, Some(location)), "{line}");
        assert_eq!(reply.header("strict-transport-security"), None, "it means nothing over plain HTTP");
    }
    // The one that is asked for is never believed: redirects lead to `public_url`, and other hosts are not served.
    let elsewhere = exchange(door(&server), &format!("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n{HTML}\r\n"));
    assert_eq!((elsewhere.status, elsewhere.header("location")), (421, None));
    let cookie = "Cookie: __Host-doorward_admins=x\r\n";
    for (line, headers) in [
        ("GET /orders", String::new()),
        ("GET /orders", "Accept: */*\r\n".into()),
        ("GET /orders", "Accept: application/json\r\n".into()),
        ("POST /login", HTML.into()),
        ("GET /api/ibexa/v2/user/current", HTML.into()),
        ("GET /orders", format!("{HTML}Authorization: Basic YTpi\r\n")),
        ("GET /orders", format!("{HTML}Authorization: Bearer x\r\n")),
        ("GET /orders", format!("{HTML}{cookie}")),
        ("GET /orders", format!("{HTML}X-API-Key: x\r\n")),
    ] {
        let reply = ask(&server, line, &headers);
        assert_eq!((reply.status, reply.header("location")), (403, None), "{line} {headers}: {reply:?}");
        assert!(!reply.body.contains("Basic") && reply.body.contains("HTTPS"), "{reply:?}");
    }
    let ibexa = ask(&server, "POST /api/ibexa/v2/user/sessions", "Accept: application/json\r\nContent-Length: 0\r\n");
    assert_eq!(ibexa.json()["ErrorMessage"]["errorCode"], 403, "{ibexa:?}");
    server.logged("a credential came over plain HTTP");
    assert!(server.log().contains("reason=plain_http"), "{}", server.log());
    assert_eq!(upstream.received().len(), 0, "nothing of it goes on");
}
