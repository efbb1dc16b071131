//! The cases of the dialect's `CsrfListenerTest` and the rules around them (ibexa-rest 2), against the binary.

use crate::{
    ibexa::{Door, Format, PREFIX, both},
    support::{client::Reply, upstream::Upstream},
};

/// Everything below `/things` is open to all; what is under `/plain` has no `csrf` guard, `/ajax` only `ajax`.
const CONFIG: &str = r#"[[firewall]]
name = "plain"
path = '^/plain/'
guard = []
[[firewall]]
name = "ajax"
path = '^/ajax/'
guard = ["ajax"]
[[firewall]]
name = "none"
path = '/public/'
authentication = "none"
[[firewall]]
name = "main"
[routes]
unmatched = "allow"
"#;

/// Custom methods are as unsafe as the common ones.
const UNSAFE: [&str; 9] = ["POST", "PUT", "PATCH", "DELETE", "COPY", "MOVE", "SWAP", "PUBLISH", "TRASH"];

struct Case {
    door: Door,
    upstream: Upstream,
    format: Format,
    session: crate::ibexa::Session,
}

impl Case {
    fn new(format: Format) -> Self {
        let upstream = Upstream::start();
        let door = Door::serving(&upstream, "", CONFIG);
        let session = door.sign_in(format, "admin", "publish");
        Self { door, upstream, format, session }
    }

    fn send(&self, method: &str, path: &str, headers: &str) -> Reply {
        self.door.server.send(method, path, &format!("{}{headers}", self.format.accept("Thing")), "")
    }

    /// That the service behind was not bothered.
    fn refuses(&self, method: &str, path: &str, headers: &str) {
        let before = self.upstream.received().len();
        self.format.refused_for_token(&self.send(method, path, headers));
        assert_eq!(self.upstream.received().len(), before, "{method} {path} was sent onward");
    }

    /// That the service behind was asked, and that it knows who called.
    fn passes(&self, method: &str, path: &str, headers: &str, identity: &str) {
        let reply = self.send(method, path, headers);
        assert_eq!(reply.status, 200, "{method} {path}: {reply:?}");
        let last = self.upstream.last();
        assert_eq!(last.line(), format!("{method} {path} HTTP/1.1"));
        assert_eq!(last.header("doorward-identity"), Some(identity), "{}", last.head);
    }
}

fn thing() -> String {
    format!("{PREFIX}/things/1")
}

both!(csrf_listener_test_not_rest);
fn csrf_listener_test_not_rest(format: Format) {
    let case = Case::new(format);
    // A firewall that asks for no token does not look at it.
    case.passes("POST", "/plain/x", &case.session.cookie(), "admin/1");
    case.passes("POST", "/ajax/x", &format!("X-Requested-With: XMLHttpRequest\r\n{}", case.session.cookie()), "admin/1");
}

both!(csrf_listener_test_no_session_started);
fn csrf_listener_test_no_session_started(format: Format) {
    let case = Case::new(format);
    case.passes("POST", &thing(), "", "guest");
    case.passes("POST", &thing(), "X-CSRF-Token: nonsense\r\n", "guest");
    case.passes("POST", &thing(), "Cookie: other=1\r\n", "guest");
    // A cookie that names no live session counts as absent.
    case.passes("POST", &thing(), &format!("Cookie: {}=gone\r\n", case.session.name), "guest");
}

both!(csrf_listener_test_session_is_disabled);
fn csrf_listener_test_session_is_disabled(format: Format) {
    let case = Case::new(format);
    case.passes("POST", "/public/x", &case.session.cookie(), "guest");
}

both!(csrf_listener_test_safe_methods);
fn csrf_listener_test_safe_methods(format: Format) {
    let case = Case::new(format);
    case.passes("GET", &thing(), &case.session.cookie(), "admin/1");
    case.passes("OPTIONS", &thing(), &case.session.cookie(), "admin/1");
    let headers = format!("Host: {}\r\nConnection: close\r\n{}", case.door.server.public, case.session.cookie());
    assert_eq!(case.door.server.exchange(&format!("HEAD {} HTTP/1.1\r\n{headers}\r\n", thing())).status, 200);
    assert_eq!(case.upstream.last().header("doorward-identity"), Some("admin/1"));
}

both!(csrf_listener_test_no_header);
fn csrf_listener_test_no_header(format: Format) {
    let case = Case::new(format);
    for method in UNSAFE {
        case.refuses(method, &thing(), &case.session.cookie());
    }
    // A token anywhere else is no token.
    case.refuses("POST", &format!("{}?X-CSRF-Token={}", thing(), case.session.token), &case.session.cookie());
    case.refuses("POST", &thing(), &format!("Cookie: {}; X-CSRF-Token={}\r\n", case.session.pair(), case.session.token));
}

both!(csrf_listener_test_invalid_token);
fn csrf_listener_test_invalid_token(format: Format) {
    let case = Case::new(format);
    let other = case.door.sign_in(format, "admin", "publish");
    let (cookie, token) = (case.session.cookie(), &case.session.token);
    let parts: Vec<&str> = token.split('.').collect();
    for wrong in [
        "invalid".to_owned(),
        String::new(),
        other.token.clone(),
        case.session.id.clone(),
        token.to_lowercase(),
        token.replace('.', ""),
        token[..token.len() - 2].to_owned(),
        parts[..2].join("."),
        format!("{}.{}.{}", parts[0], parts[2], parts[1]) + "A",
        format!("{token}, {token}"),
    ] {
        case.refuses("POST", &thing(), &format!("{cookie}X-CSRF-Token: {wrong}\r\n"));
    }
    case.refuses("POST", &thing(), &format!("{}X-CSRF-Token: {token}\r\n", case.session.both()));
}

both!(csrf_listener_test_valid_token);
fn csrf_listener_test_valid_token(format: Format) {
    let case = Case::new(format);
    for method in UNSAFE {
        case.passes(method, &thing(), &case.session.both(), "admin/1");
    }
    assert_eq!(case.upstream.last().header("cookie"), None, "what signs in stays here");
}

both!(csrf_listener_test_session_routes);
/// `create`, `refresh` and `delete` are exempt; the latter two ask for the token themselves.
fn csrf_listener_test_session_routes(format: Format) {
    let case = Case::new(format);
    let cookie = case.session.cookie();
    assert_eq!(case.door.try_sign_in(format, "admin", "publish", &cookie).status, 201, "and the old session is replaced");
    let session = case.door.sign_in(format, "admin", "publish");
    let wrong = format!("{PREFIX}/user/sessions/other");
    assert_eq!(case.send("DELETE", &wrong, &session.cookie()).status, 404, "404 comes before 401");
    assert_eq!(case.send("POST", &format!("{wrong}/refresh"), &session.cookie()).status, 404);
    case.refuses("DELETE", &session.href, &session.cookie());
    case.refuses("POST", &format!("{}/refresh", session.href), &session.cookie());
    assert!(case.door.lives(&session));
}

both!(the_token_is_asked_for_after_the_override);
/// What is judged is what the request becomes: POST with `X-HTTP-Method-Override` is that method.
fn the_token_is_asked_for_after_the_override(format: Format) {
    let case = Case::new(format);
    let (cookie, both) = (case.session.cookie(), case.session.both());
    for method in ["PATCH", "publish", "DELETE"] {
        let line = format!("X-HTTP-Method-Override: {method}\r\n");
        case.refuses("POST", &thing(), &format!("{line}{cookie}"));
        assert_eq!(case.send("POST", &thing(), &format!("{line}{both}")).status, 200);
        let last = case.upstream.last();
        assert_eq!(last.line(), format!("{} {} HTTP/1.1", method.to_uppercase(), thing()));
        assert_eq!(last.header("x-http-method-override"), None);
    }
    // A POST that becomes a GET is a GET to everyone, the service behind included.
    assert_eq!(case.send("POST", &thing(), &format!("X-HTTP-Method-Override: GET\r\n{cookie}")).status, 200);
    assert_eq!(case.upstream.last().line(), format!("GET {} HTTP/1.1", thing()));
    // Only a POST becomes something else.
    case.refuses("PATCH", &thing(), &format!("X-HTTP-Method-Override: GET\r\n{cookie}"));
    for (line, status) in
        [("X-HTTP-Method-Override: GET\r\nX-HTTP-Method-Override: GET\r\n", 400), ("X-HTTP-Method-Override: G E\r\n", 400)]
    {
        assert_eq!(case.send("POST", &thing(), &format!("{line}{both}")).status, status);
    }
    let outside = case.door.server.send("POST", "/things", &format!("X-HTTP-Method-Override: GET\r\n{cookie}"), "");
    assert_eq!(outside.status, 401, "elsewhere the header says nothing");
    // Deleting a session by override needs the token like any other way.
    let by_override = format!("X-HTTP-Method-Override: DELETE\r\n{cookie}");
    case.refuses("POST", &case.session.href, &by_override);
    assert_eq!(case.send("POST", &case.session.href, &format!("X-HTTP-Method-Override: DELETE\r\n{both}")).status, 204);
}
