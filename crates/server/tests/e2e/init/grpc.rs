//! Envoy's call over gRPC, where somebody else makes it.

use super::{Behind, file};
use crate::support::{
    Site,
    grpc::{framed, question},
};
use std::{net::SocketAddr, process::Command};

/// A call of gRPC about a request of somebody at 192.0.2.1.
fn call(method: &str, path: &str, host: &str, (name, value): (&str, &str)) -> Vec<u8> {
    framed(&question(method, path, host, &format!("x-forwarded-for: 192.0.2.1\r\n{name}: {value}\r\n")))
}

/// Headers and trailers of the answer, and its message.
fn check(site: &Site, server: SocketAddr, from: &str, call: &[u8]) -> (String, String) {
    let question = site.path().join("question");
    std::fs::write(&question, call).unwrap();
    let output = Command::new("curl")
        .args(["-s", "-D", &file(site, "head"), "--http2-prior-knowledge", "--interface", from, "--max-time", "30"])
        .args(["-H", "Content-Type: application/grpc", "-H", "TE: trailers", "--data-binary"])
        .arg(format!("@{}", question.display()))
        .arg(format!("http://{server}/envoy.service.auth.v3.Authorization/Check"))
        .output()
        .unwrap();
    let head = std::fs::read_to_string(site.path().join("head")).unwrap();
    (head.to_ascii_lowercase(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whatever is no sound question of a trusted proxy has an error of gRPC for an answer, which is a refusal.
pub(super) fn only_sound_questions_of_trusted_proxies_are_answered(behind: &Behind) {
    let ask = |from: &str, question: &[u8]| check(&behind.site, behind.server.public, from, question);
    let plain = ("accept", "*/*");
    let (head, message) = ask("127.0.0.1", &call("GET", "/open", "shop.test", plain));
    assert!(head.contains("grpc-status: 0"), "{head}");
    assert!(message.contains("doorward-identity") && message.contains("guest"), "{message:?}");
    let (head, message) = ask("127.0.0.1", &call("GET", "/orders/5", "shop.test", plain));
    assert!(head.contains("grpc-status: 0") && !message.contains("doorward-identity"), "{head}{message:?}");
    for (from, question, status) in [
        // Whoever is not trusted is answered before the message is read, so a client may still be sending one: this has none.
        ("127.0.0.3", Vec::new(), 7),
        ("127.0.0.1", call("", "/open", "shop.test", plain), 3),
        ("127.0.0.1", call("GET", "", "shop.test", plain), 3),
        ("127.0.0.1", call("GET", "/open", "", plain), 3),
        ("127.0.0.1", call("GET", "/open#/../orders/5", "shop.test", plain), 3),
        ("127.0.0.1", framed(b"\xff\xff"), 3),
        ("127.0.0.1", framed(b""), 3),
    ] {
        let (head, message) = ask(from, &question);
        assert!(head.contains(&format!("grpc-status: {status}")), "{status}: {head}");
        assert_eq!(message, "", "{status}");
    }
    // What a client could have said, where Envoy does not take it away.
    for (question, said) in [
        (call("GET", "/open", "other.test", plain), "another host"),
        (call("GET", "/open", "shop.test", ("host", "other.test")), "two hosts"),
        (call("GET", "/open/../orders/5", "shop.test", plain), "a path with two meanings"),
        (call("GET", "/orders/5", "shop.test", ("x-original-url", "/open")), "another path"),
        (call("GET", "/open", "shop.test", ("doorward_login", "root")), "a name that folds to one of ours"),
        (call("GET", "/open", "shop.test", ("x-http-method-override", "DELETE")), "another method"),
    ] {
        let (head, message) = ask("127.0.0.1", &question);
        assert!(head.contains("grpc-status: 0") && !message.contains("doorward-identity"), "{said}: {head}{message:?}");
    }
    let (_, message) = ask("127.0.0.1", &call("GET", "/open", "shop.test", ("doorward-login", "root")));
    assert!(message.contains("guest") && message.contains("doorward-login") && !message.contains("root"), "{message:?}");
}
