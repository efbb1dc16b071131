//! The dialect's errors, empty answers and input (its visitors, dispatcher and request listener), against the binary.

use super::{Door, Format, NAMELESS, PREFIX, Session, both};
use crate::support::{client::Reply, upstream::Upstream};
use std::net::TcpListener;

/// Everything may pass; `/locked` is for admins alone.
fn everything(upstream: &Upstream) -> Door {
    Door::serving(
        upstream,
        "",
        "[api]\nibexa_prefix = [\"/api/ibexa/v2\", \"/api/my-bundle/v122.73\"]\n[routes]\nunmatched = \"allow\"\n\
         [[access_control]]\npath = '/locked'\nroles = [\"ROLE_ADMIN\"]\n",
    )
}

fn sign_in(door: &Door, format: Format, kind: &str, body: &str) -> Reply {
    let headers = format!("Content-Type: {kind}\r\n{}", format.accept("Session"));
    door.server.send("POST", &format!("{PREFIX}/user/sessions"), &headers, body)
}

both!(unauthorized_exception_test);
fn unauthorized_exception_test(format: Format) {
    let upstream = Upstream::start();
    let door = everything(&upstream);
    let carla = door.sign_in(format, "carla", "customer");
    // This dialect says 401 to those whom it knows as well.
    for cookie in ["", &carla.cookie()] {
        let reply = door.get("/locked", &format!("{}{cookie}", format.accept("X")));
        assert!(!format.error(&reply, 401, "Unauthorized").is_empty());
        assert_eq!(reply.header("www-authenticate"), None);
        assert_eq!(format.children(&reply, "ErrorMessage"), ["errorCode", "errorMessage", "errorDescription"]);
        for leak in ["ROLE_", "doorward.toml", "access_control"] {
            assert!(!reply.body.contains(leak), "{}", reply.body);
        }
    }
    assert!(upstream.received().is_empty());
}

both!(not_found_exception_test);
fn not_found_exception_test(format: Format) {
    let door = Door::demo();
    let reply = door.get("/nowhere", &format.accept("X"));
    assert_eq!(format.error(&reply, 404, "Not Found"), "No such route");
    let names = ["errorCode", "errorMessage", "errorDescription", "Previous"];
    assert_eq!(format.children(&reply, "ErrorMessage"), names, "{}", reply.body);
    match format {
        Format::Json => {
            let previous = &reply.json()["ErrorMessage"]["Previous"];
            assert_eq!(previous["_media-type"], "application/vnd.ibexa.api.ErrorMessage+json");
            assert_eq!(previous["ErrorMessage"]["errorCode"], 500);
        }
        Format::Xml => {
            let (_, previous) =
                reply.body.split_once("<Previous media-type=\"application/vnd.ibexa.api.ErrorMessage+xml\">").unwrap();
            assert!(previous.contains("<errorCode>500</errorCode>"), "{previous}");
        }
    }
}

both!(bad_request_exception_test);
fn bad_request_exception_test(format: Format) {
    let door = Door::demo();
    let reply = sign_in(&door, format, &format.media("SessionInput"), "not this");
    assert!(!format.error(&reply, 400, "Bad Request").is_empty());
}

both!(method_not_allowed_exception_test);
fn method_not_allowed_exception_test(format: Format) {
    let door = Door::demo();
    let reply = door.get("/user/sessions", &format.accept("X"));
    assert!(format.error(&reply, 405, "Method Not Allowed").contains("POST"));
    assert_eq!(reply.header("allow"), Some("POST"));
}

both!(exception_test);
/// A server error says nothing about itself.
fn exception_test(format: Format) {
    let upstream = Upstream::start();
    // One takes connections and never answers, the other is gone.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    // Held and never listened on, so that nobody else gets it.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = held.local_addr().unwrap();
    let silent_at = silent.local_addr().unwrap();
    let door = Door::serving(
        &upstream,
        "",
        &format!(
            "[routes]\nunmatched = \"allow\"\n[[upstream]]\nname = \"gone\"\nurl = \"http://{gone}\"\npath = \"{PREFIX}/gone\"\n\
             [[upstream]]\nname = \"silent\"\nurl = \"http://{silent_at}\"\npath = \"{PREFIX}/silent\"\nresponse_timeout = \"1s\"\n"
        ),
    );
    for (path, status, phrase) in [("/gone/x", 502, "Bad Gateway"), ("/silent/x", 504, "Gateway Time-out")] {
        let reply = door.get(path, &format.accept("X"));
        let text = format.error(&reply, status, phrase);
        assert_eq!(text, "An error has occurred. Please try again later or contact your Administrator.");
        assert!(!reply.body.contains("127.0.0.1"), "{}", reply.body);
    }
}

both!(conflict_test);
fn conflict_test(format: Format) {
    let upstream = Upstream::start();
    let door = everything(&upstream);
    let session = door.sign_in(format, "admin", "publish");
    let reply = door.try_sign_in(format, "editor", "publish", &session.both());
    assert_eq!((reply.status, &*reply.body, reply.header("content-length")), (409, "", Some("0")), "{reply:?}");
}

both!(response_listener_test);
/// What the service behind says passes as it is, errors too.
fn response_listener_test(format: Format) {
    let upstream = Upstream::answering(|_| {
        "HTTP/1.1 418 I'm a teapot\r\nContent-Type: text/plain\r\nX-Own: 1\r\nContent-Length: 3\r\n\r\ntea".to_owned()
    });
    let door = everything(&upstream);
    let reply = door.get("/thing", &format.accept("X"));
    assert_eq!((reply.status, &*reply.body, reply.header("x-own")), (418, "tea", Some("1")), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("text/plain"));
}

both!(input_dispatcher_test_no_content_type);
fn input_dispatcher_test_no_content_type(format: Format) {
    let door = Door::demo();
    let path = format!("{PREFIX}/user/sessions");
    for line in ["", "Content-Type:\r\n"] {
        let reply =
            door.server.send("POST", &path, &format!("{line}{}", format.accept("Session")), &format.input("admin", "publish"));
        assert_eq!(format.error(&reply, 400, "Bad Request"), "Missing Content-Type header in message.");
    }
}

both!(input_dispatcher_test_unknown_format);
fn input_dispatcher_test_unknown_format(format: Format) {
    let door = Door::demo();
    let reply = sign_in(&door, format, "application/vnd.ibexa.api.SessionInput+yaml", &format.input("admin", "publish"));
    assert_eq!(format.error(&reply, 400, "Bad Request"), "Unknown format specification: 'yaml'.");
}

both!(input_dispatcher_test_unknown_type);
fn input_dispatcher_test_unknown_type(format: Format) {
    let door = Door::demo();
    let reply = sign_in(&door, format, &format.media("Foo"), &format.input("admin", "publish"));
    let text = "Unknown content type specification: 'application/vnd.ibexa.api.Foo (version: 1.0)'.";
    assert_eq!(format.error(&reply, 400, "Bad Request"), text);
}

both!(input_dispatcher_test_parameters);
fn input_dispatcher_test_parameters(format: Format) {
    let door = Door::demo();
    let kind = format.media("SessionInput");
    for kind in [
        format!("{kind}; charset=utf-8"),
        format!("{kind};charset=UTF-8;version=1.0"),
        format!("{kind}; version=1.1"),
        kind.replace("+json", "+JSON").replace("+xml", "+XML"),
        if format == Format::Json { "application/json".to_owned() } else { "application/xml".to_owned() },
        if format == Format::Json {
            "application/json; charset=utf-8".to_owned()
        } else {
            "application/xml;charset=utf-8".to_owned()
        },
    ] {
        assert_eq!(sign_in(&door, format, &kind, &format.input("admin", "publish")).status, 201, "{kind}");
    }
    // The version is part of what is unknown.
    let reply = sign_in(&door, format, &format!("{}; version=1.1", format.media("Foo")), &format.input("a", "b"));
    assert!(format.error(&reply, 400, "Bad Request").contains("(version: 1.1)"));
}

both!(input_dispatcher_test_invalid_input);
/// Errors say where and never repeat what was sent: it may hold a password.
fn input_dispatcher_test_invalid_input(format: Format) {
    let door = Door::demo();
    let (bad, start): (&[&str], _) = match format {
        Format::Json => (
            &[
                "",
                "{",
                "{\"SessionInput\":{\"login\":\"admin\",\"password\":\"hunter2\"}",
                "{\"SessionInput\":{\"login\":\"admin\",\"login\":\"other\",\"password\":\"hunter2\"}}",
                "{\"SessionInput\":{\"login\":\"admin\",\"password\":hunter2}}",
                "<SessionInput><login>admin</login><password>hunter2</password></SessionInput>",
            ],
            "An error occured while decoding the JSON input:",
        ),
        Format::Xml => (
            &[
                "",
                "<SessionInput>",
                "<SessionInput><login>admin</login><password>hunter2</SessionInput>",
                "<SessionInput><login>admin</login><password>hunter2</password></SessionInput><x/>",
                "{\"SessionInput\":{\"login\":\"admin\",\"password\":\"hunter2\"}}",
                "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><SessionInput><login>admin</login><password>&e;</password></SessionInput>",
                "<!DOCTYPE x><SessionInput><login>admin</login><password>hunter2</password></SessionInput>",
                "<SessionInput><login>admin</login><password>&nothing;</password></SessionInput>",
            ],
            "Detected errors in input XML:",
        ),
    };
    for body in bad {
        let reply = sign_in(&door, format, &format.media("SessionInput"), body);
        let text = format.error(&reply, 400, "Bad Request");
        assert!(text.starts_with(start), "{body}: {text}");
        assert!(!reply.body.contains("hunter2") && !reply.body.contains("root:"), "{}", reply.body);
    }
}

both!(input_is_bounded);
/// Bounds of size, depth and attributes, alike in both formats.
fn input_is_bounded(format: Format) {
    let door = Door::demo();
    let kind = format.media("SessionInput");
    let pad = "x".repeat(70_000);
    let reply = sign_in(&door, format, &kind, &format.input("admin", &pad));
    format.error(&reply, 413, "Request Entity Too Large");
    let deep = match format {
        Format::Json => format!("{{\"SessionInput\":{}{}}}", "[".repeat(5000), "]".repeat(5000)),
        Format::Xml => format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000)),
    };
    format.error(&sign_in(&door, format, &kind, &deep), 400, "Bad Request");
    if format == Format::Xml {
        let attributes: String = (0..100).map(|n| format!(" a{n}=\"\"")).collect();
        let body = format!("<SessionInput{attributes}><login>admin</login><password>publish</password></SessionInput>");
        format.error(&sign_in(&door, format, &kind, &body), 400, "Bad Request");
    }
    assert_eq!(sign_in(&door, format, &kind, &format.input("admin", "publish")).status, 201, "and it serves on");
}

both!(input_that_is_no_text_signs_nobody_in);
/// No text of a password signs in by being something else than text.
fn input_that_is_no_text_signs_nobody_in(format: Format) {
    let door = Door::demo();
    let bodies: &[(&str, u16)] = match format {
        Format::Json => &[
            (r#"{"S":{"login":"admin","password":null}}"#, 401),
            (r#"{"S":{"login":"admin","password":true}}"#, 400),
            (r#"{"S":{"login":"admin","password":["publish"]}}"#, 400),
            (r#"{"S":{"login":{"x":"admin"},"password":"publish"}}"#, 400),
            (r#"{"S":{"login":"","password":""}}"#, 401),
            (r#""S""#, 400),
        ],
        Format::Xml => &[
            ("<S><login>admin</login><password/></S>", 401),
            ("<S><login>admin</login><password>publish</password><password>publish</password></S>", 400),
            ("<S><login><x>admin</x></login><password>publish</password></S>", 400),
            ("<S><login/><password/></S>", 401),
            ("<S/>", 400),
        ],
    };
    for (body, status) in bodies {
        let reply = sign_in(&door, format, &format.media("SessionInput"), body);
        assert_eq!((reply.status, reply.header("set-cookie")), (*status, None), "{body}: {reply:?}");
    }
}

both!(request_listener_test);
/// The dialect is that of the configured prefixes, with a slash behind; everything else has problem documents.
fn request_listener_test(format: Format) {
    let upstream = Upstream::start();
    let door = everything(&upstream);
    for path in ["/api/ibexa/v2/locked", "/api/my-bundle/v122.73/locked", "/api/ibexa/v2/user/sessions"] {
        let reply = door.server.get(path, &format.accept("X"));
        assert_eq!(reply.header("content-type"), Some(&*format.media("ErrorMessage")), "{path}: {reply:?}");
    }
    for path in [
        "/locked",
        "/ap/ezp/v2/locked",
        "/api/My/Bundle/v2/locked",
        "/api/my-bundle/v/locked",
        "/api/my-bundle/v2-2/locked",
        "/api/ibexa/v/7/locked",
        "/api/ibexa/v22/locked",
        "/api/ibexa/V2/locked",
    ] {
        let reply = door.server.get(path, &format.accept("X"));
        let problem = if format == Format::Json { "application/problem+json" } else { "application/problem+xml" };
        assert_eq!((reply.status, reply.header("content-type")), (401, Some(problem)), "{path}: {reply:?}");
    }
    // What could be read in two ways is no request at all.
    for path in ["/api/bundle name/v2/locked", "/api//v2/locked"] {
        let reply = door.server.get(path, &format.accept("X"));
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
    }
    // Sessions stand under each prefix, and hrefs carry the one by which the request came.
    for prefix in [PREFIX, "/api/my-bundle/v122.73"] {
        let reply = door.server.send(
            "POST",
            &format!("{prefix}/user/sessions"),
            &format.sign_in_headers(),
            &format.input("admin", "publish"),
        );
        let session = Session::read(format, &reply);
        assert_eq!(reply.header("location"), Some(&*format!("{prefix}/user/sessions/{}", session.id)));
        assert_eq!(session.href, format!("{prefix}/user/sessions/{}", session.id));
        assert_eq!(format.attribute(&reply, "Session", Some("User"), "href"), format!("{prefix}/user/users/1"));
        let current = door.server.get(&format!("{prefix}/user/current"), &session.cookie());
        assert_eq!(current.header("location"), Some(&*format!("{prefix}/user/users/1")));
        // The session is one and the same under both.
        assert_eq!(door.get("/user/current", &session.cookie()).status, 307);
    }
    // Where the root is no prefix, it has no sessions: the request goes on to the service behind.
    let reply = door.server.send("POST", "/user/sessions", &format!("Accept: {NAMELESS}\r\n"), "");
    assert_eq!((reply.status, &*reply.body), (200, "upstream"));
}
