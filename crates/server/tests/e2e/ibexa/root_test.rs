//! The cases of the dialect's functional `RootTest`, `UserTest` (who one is) and `HttpOptionsTest` (the session rows),
//! each against the demo, in JSON and in XML.

use crate::ibexa::{Door, Format, PREFIX, both};

both!(root_test_load_root_resource);
fn root_test_load_root_resource(format: Format) {
    let door = Door::demo();
    let reply = door.get("/", &format.accept("Root"));
    assert_eq!((reply.status, reply.header("content-type")), (200, Some(&*format.media("Root"))), "{reply:?}");
    assert_eq!(format.attribute(&reply, "Root", None, "media-type"), format.media("Root"));
    // Whoever asks for nothing gets XML.
    for headers in ["", "Accept: */*\r\n", "Accept: application/vnd.ibexa.api.\r\n", "Accept: text/html\r\n"] {
        let reply = door.get("/", headers);
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/vnd.ibexa.api.Root+xml")), "{headers}");
    }
    assert_eq!(door.get("/", "Accept: application/json\r\n").header("content-type"), Some("application/vnd.ibexa.api.Root+json"));
}

both!(root_test_result_contains_create_session);
fn root_test_result_contains_create_session(format: Format) {
    contains(format, "createSession", "/user/sessions");
}

both!(root_test_result_contains_refresh_session);
fn root_test_result_contains_refresh_session(format: Format) {
    contains(format, "refreshSession", "/user/sessions/{sessionId}/refresh");
}

/// Each entry has its media type and an address that carries the prefix by which the request came.
fn contains(format: Format, entry: &str, path: &str) {
    let door = Door::demo();
    for prefix in [PREFIX, ""] {
        let reply = door.server.get(&format!("{prefix}/"), &format.accept("Root"));
        assert_eq!(format.attribute(&reply, "Root", Some(entry), "media-type"), format.media("UserSession"));
        assert_eq!(format.attribute(&reply, "Root", Some(entry), "href"), format!("{prefix}{path}"));
    }
}

both!(root_test_expected_user);
fn root_test_expected_user(format: Format) {
    let (door, session) = Door::login(format);
    let accept = if format == Format::Json { "Accept: application/json\r\n" } else { "Accept: application/xml\r\n" };
    for (name, status) in [("", 200), ("0", 200), ("admin", 200), ("foo", 401), ("Admin", 401), ("admin ", 200)] {
        let headers = format!("{accept}X-Expected-User: {name}\r\n{}", session.cookie());
        let reply = door.get("/", &headers);
        assert_eq!(reply.status, status, "{name}: {reply:?}");
        if status == 401 {
            assert_eq!(format.error(&reply, 401, "Unauthorized"), "Expectation failed. User changed.");
        }
    }
    let guest = door.get("/", &format!("{accept}X-Expected-User: admin\r\n"));
    assert_eq!(format.error(&guest, 401, "Unauthorized"), "Expectation failed. User changed.");
    let twice = format!("{accept}X-Expected-User: admin\r\nX-Expected-User: admin\r\n{}", session.cookie());
    assert_eq!(door.get("/", &twice).status, 400);
}

both!(root_test_catch_all);
fn root_test_catch_all(format: Format) {
    let (door, session) = Door::login(format);
    for path in ["/mHs7Aq", "/mHs7Aq/level/two", "/mHs7Aq/with/arguments?arg=argh"] {
        for cookie in ["", &session.cookie()] {
            let reply = door.get(path, &format!("{}{cookie}", format.accept("Stuff")));
            assert_eq!(format.error(&reply, 404, "Not Found"), "No such route", "{path}");
            assert!(format.children(&reply, "ErrorMessage").contains(&"Previous".to_owned()), "{reply:?}");
        }
    }
}

both!(user_test_redirect_to_current_user);
fn user_test_redirect_to_current_user(format: Format) {
    let (door, session) = Door::login(format);
    let reply = door.get("/user/current", &format!("{}{}", format.accept("User"), session.cookie()));
    assert_eq!((reply.status, reply.header("location")), (307, Some("/api/ibexa/v2/user/users/14")), "{reply:?}");
    assert_eq!((&*reply.body, reply.header("content-length")), ("", Some("0")));
}

both!(user_test_redirect_to_current_user_when_not_logged_in);
fn user_test_redirect_to_current_user_when_not_logged_in(format: Format) {
    let (door, session) = Door::login(format);
    let reply = door.get("/user/current", &format!("{}X-CSRF-Token: {}\r\n", format.accept("User"), session.token));
    assert_eq!(format.error(&reply, 401, "Unauthorized"), "Not logged in.");
    assert_eq!(reply.header("location"), None);
}

both!(user_test_load_user);
fn user_test_load_user(format: Format) {
    let (door, session) = Door::login(format);
    let reply = door.get("/user/users/14", &format!("{}{}", format.accept("User"), session.cookie()));
    assert_eq!((reply.status, reply.header("content-type")), (200, Some(&*format.media("User"))), "{reply:?}");
    assert_eq!(format.attribute(&reply, "User", None, "href"), "/api/ibexa/v2/user/users/14");
    assert_eq!(format.attribute(&reply, "User", None, "id"), "14");
    assert_eq!(format.text(&reply, "User", "login"), "admin");
    assert_eq!(format.text(&reply, "User", "enabled"), "true");
    for cookie in ["", &session.cookie()] {
        let other = door.get("/user/users/7", &format!("{}{cookie}", format.accept("User")));
        format.error(&other, 401, "Unauthorized");
    }
}

both!(user_test_create_session_and_delete_session);
/// The case is skipped where it comes from; here the answer to a sign-in names the session, and deleting that works.
fn user_test_create_session_and_delete_session(format: Format) {
    let door = Door::demo();
    let reply = door.try_sign_in(format, "jane@example.com", "jane-demo", "");
    let session = crate::ibexa::Session::read(format, &reply);
    assert_eq!(reply.status, 201);
    let location = reply.header("location").expect("no Location").to_owned();
    assert_eq!(door.delete(&location, &session.both()).status, 204);
}

/// OPTIONS on a path of ours: the other methods, in any order, without spaces.
fn options(path: &str, allow: &str) {
    let door = Door::demo();
    for prefix in [PREFIX, ""] {
        for format in [Format::Json, Format::Xml] {
            let headers = format!("Host: {}\r\nConnection: close\r\n{}", door.server.public, format.accept("X"));
            let reply = door.server.exchange(&format!("OPTIONS {prefix}{path} HTTP/1.1\r\n{headers}\r\n"));
            assert_eq!((reply.status, reply.header("content-length"), &*reply.body), (200, Some("0"), ""), "{reply:?}");
            assert_eq!(reply.header("allow"), Some(allow), "{prefix}{path}");
        }
    }
}

#[test]
fn http_options_test_root() {
    options("/", "GET");
}

#[test]
fn http_options_test_sessions() {
    options("/user/sessions", "POST");
}

#[test]
fn http_options_test_session() {
    options("/user/sessions/sess_123", "DELETE");
}

#[test]
fn http_options_test_refresh_session() {
    options("/user/sessions/sess_123/refresh", "POST");
}

#[test]
fn http_options_test_current_session() {
    options("/user/sessions/current", "GET");
}

#[test]
fn http_options_test_current_user() {
    options("/user/current", "GET");
}

/// `GET` alone: accounts are changed by operators, not over REST.
#[test]
fn http_options_test_user() {
    options("/user/users/10", "GET");
}

both!(options_mapper_names_what_is_served);
/// The listed methods are all there are: every other is 405 and says which ones there are.
fn options_mapper_names_what_is_served(format: Format) {
    let door = Door::demo();
    for (path, methods) in [
        ("/", "GET"),
        ("/user/sessions", "POST"),
        ("/user/sessions/current", "GET"),
        ("/user/sessions/x", "DELETE"),
        ("/user/sessions/x/refresh", "POST"),
        ("/user/current", "GET"),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "PUBLISH"] {
            let listed = methods == method;
            // DELETE of `current` is the DELETE of a session of that name.
            let named = path.ends_with("/current") && method == "DELETE" && path.contains("sessions");
            let headers = format!("{}Content-Type: {}\r\n", format.accept("X"), format.media("SessionInput"));
            let reply = door.server.send(method, &format!("{PREFIX}{path}"), &headers, "");
            assert_eq!(reply.status == 405, !listed && !named, "{method} {path}: {reply:?}");
            if reply.status == 405 {
                let text = format.error(&reply, 405, "Method Not Allowed");
                assert!(text.contains(methods) && reply.header("allow") == Some(methods), "{method} {path}: {reply:?}");
            }
        }
    }
}
