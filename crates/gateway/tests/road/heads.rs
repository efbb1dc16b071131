//! What an upstream learns of a request, and a client of an answer.

use crate::support::{Gateway, Plan, Upside, status};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn received(known: bool, pass: bool, lines: &str) -> String {
    let upside = Upside::start(OK).await;
    let gateway = Gateway::with(upside.address, Plan { known, pass, ..Plan::default() }).await;
    let request = format!("GET /a%7eb?x=%41 HTTP/1.1\r\nHost: Shop.Test.:81\r\n{lines}Connection: close\r\n\r\n");
    assert_eq!(status(&gateway.send(request).await), "200");
    upside.only()
}

fn has(request: &str, line: &str) -> bool {
    request.contains(&format!("\r\n{line}\r\n"))
}

fn count(request: &str, name: &str) -> usize {
    request.to_lowercase().matches(&format!("\r\n{name}:")).count()
}

#[tokio::test]
async fn a_guest_is_introduced_without_login_and_roles() {
    let request = received(false, false, "").await;
    assert!(request.starts_with("GET /a~b?x=%41 HTTP/1.1\r\n"), "{request}");
    for line in [
        "host: shop.test:81",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: shop.test:81",
        "x-forwarded-port: 81",
        "forwarded: for=127.0.0.1;host=\"shop.test:81\";proto=http",
        "doorward-identity: guest",
        "doorward-method: session",
        "doorward-request-id: 00000000000000000000000000000000",
        "doorward-assertion: a.b.c",
    ] {
        assert!(has(&request, line), "{line} in {request}");
    }
    assert_eq!(count(&request, "doorward-login") + count(&request, "doorward-roles"), 0);
}

#[tokio::test]
async fn somebody_is_introduced_with_escaped_values() {
    let request = received(true, false, "").await;
    assert!(has(&request, "doorward-identity: admin/14"), "{request}");
    assert!(has(&request, "doorward-login: jo%2C%20%C3%A9"), "{request}");
    assert!(has(&request, "doorward-roles: ROLE_USER,ROLE_ADMIN,Sales"), "{request}");
}

#[tokio::test]
async fn cve_2025_64484_underscore_identity_headers_are_dropped() {
    let spoofed = "Doorward-Identity: admin/1\r\ndoorward_identity: admin/1\r\nDOORWARD.IDENTITY: admin/1\r\n\
                   Doorward-Login: root\r\nDoorward_Roles: ROLE_ADMIN\r\nDoorward-Assertion: x\r\nDoorward-Other: x\r\n";
    let request = received(false, false, spoofed).await;
    assert_eq!(request.to_lowercase().matches("identity").count(), 1, "{request}");
    for gone in ["admin/1", "root", "ROLE_ADMIN", "doorward-other"] {
        assert!(!request.contains(gone), "{gone} in {request}");
    }
}

#[tokio::test]
async fn cve_2026_39998_connection_cannot_nominate_our_headers_away() {
    let request = received(true, false, "Connection: Doorward-Identity, Doorward-Login, X-Forwarded-For, Host\r\n").await;
    for line in ["doorward-identity: admin/14", "x-forwarded-for: 127.0.0.1", "host: shop.test:81"] {
        assert!(has(&request, line), "{line} in {request}");
    }
}

#[tokio::test]
async fn cve_2026_39858_forwarding_headers_are_ours_in_every_spelling() {
    let spoofed = "X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX.Forwarded.Proto: evil\r\nForwarded: for=6.6.6.6\r\n\
                   X-Real-IP: 6.6.6.6\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Uri: /evil\r\nX-Forwarded-Host: evil\r\n\
                   X-Original-URL: /evil\r\nX-Rewrite-URL: /evil\r\nX-HTTP-Method: EVIL\r\nX-Method-Override: EVIL\r\n\
                   X-HTTP-Method-Override: EVIL\r\nProxy: evil\r\nTrue-Client-IP: 6.6.6.6\r\n";
    let request = received(false, false, spoofed).await;
    assert!(!request.contains("6.6.6.6") && !request.to_lowercase().contains("evil"), "{request}");
    assert_eq!(count(&request, "x-forwarded-for"), 1);
}

#[tokio::test]
async fn hop_by_hop_headers_stay_on_their_hop() {
    let lines = "Keep-Alive: 5\r\nProxy-Authorization: Basic x\r\nProxy-Connection: x\r\nTE: gzip\r\nUpgrade: h2c\r\n\
                 HTTP2-Settings: AA\r\nX-Mine: 1\r\nConnection: X-Mine, Upgrade, HTTP2-Settings\r\nExpect: 100-continue\r\n";
    let request = received(false, false, lines).await.to_lowercase();
    for name in ["keep-alive", "proxy-", "te:", "upgrade", "http2-settings", "x-mine", "connection", "expect"] {
        assert!(!request.contains(&format!("\r\n{name}")), "{name} in {request}");
    }
}

#[tokio::test]
async fn credentials_are_stripped_or_passed_as_the_upstream_has_it() {
    let lines = "Cookie: a=1; SESS=secret; CUST=secret; b=\"2\"\r\nAuthorization: bEaReR secret\r\n";
    let request = received(false, false, lines).await;
    assert!(has(&request, "cookie: a=1; b=\"2\""), "{request}");
    assert!(!request.contains("secret") && count(&request, "authorization") == 0, "{request}");
    let request = received(false, true, lines).await;
    assert!(has(&request, "cookie: a=1; SESS=secret; CUST=secret; b=\"2\""), "{request}");
    assert!(has(&request, "authorization: bEaReR secret"), "{request}");
    let request = received(false, false, "Authorization: Basic secret\r\n").await;
    assert_eq!(count(&request, "authorization"), 0);
    let request = received(false, false, "Authorization: OAuth other\r\n").await;
    assert!(has(&request, "authorization: OAuth other"));
}

#[tokio::test]
async fn answers_say_nothing_in_our_name() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDoorward-Identity: admin/1\r\nDoorward_Login: x\r\nSet-Cookie: SESS=stolen\r\n\
                  Set-Cookie: other=1; Path=/\r\nSet-Cookie:  CUST =stolen\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\
                  Cache-Control: public, max-age=9\r\n\r\nok";
    let upside = Upside::start(answer).await;
    for known in [false, true] {
        let gateway = Gateway::with(upside.address, Plan { known, ..Plan::default() }).await;
        let answer = gateway.send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").await;
        let lower = answer.to_lowercase();
        assert!(!lower.contains("doorward") && !lower.contains("stolen") && !lower.contains("x-hop: 1"), "{answer}");
        assert!(has(&lower, "set-cookie: other=1; path=/") && !lower.contains("keep-alive"), "{answer}");
        let cache = if known { "cache-control: private, max-age=9" } else { "cache-control: public, max-age=9" };
        assert!(has(&lower, cache), "{answer}");
    }
}

#[tokio::test]
async fn heads_and_bodiless_answers_have_no_body() {
    for (method, answer, expected) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", "content-length: 500"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", "etag: \"x\""),
        ("GET", "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", "x-a: 1"),
    ] {
        let upside = Upside::start(answer).await;
        let gateway = Gateway::before(&upside).await;
        let answer = gateway.send(format!("{method} / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")).await;
        assert!(has(&answer.to_lowercase(), expected) && answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn answers_that_are_none_are_502() {
    for answer in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ] {
        let upside = Upside::start(answer).await;
        let gateway = Gateway::before(&upside).await;
        let answered = gateway.send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").await;
        assert_eq!(status(&answered), "502", "{answer:?}: {answered}");
    }
    // Held and never listened on, so that nobody else gets it.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = held.local_addr().unwrap();
    let gateway = Gateway::with(nobody, Plan::default()).await;
    let answered = gateway.send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answered), "502");
    assert!(answered.ends_with("upstream_unreachable"));
}
