//! The pages for people, as a browser without scripts uses them.

use crate::{
    ibexa::{Door, Format},
    support::{Server, client::Reply, upstream::Upstream},
};

/// A sign-in form that was opened.
pub(crate) struct Form {
    action: String,
    cookie: String,
    token: String,
    target: String,
}

impl Form {
    /// Opens the page at `path`.
    pub(crate) fn open(server: &Server, path: &str, headers: &str) -> Self {
        let reply = server.get(path, headers);
        assert_eq!(reply.status, 200, "{reply:?}");
        Self::read(&reply)
    }

    fn read(reply: &Reply) -> Self {
        assert!(reply.body.contains(">Login</button>") && reply.body.contains("name=\"_username\""), "{reply:?}");
        let cookie = reply.header("set-cookie").map(|cookie| cookie.split(';').next().unwrap().to_owned());
        let (_, action) = reply.body.split_once("<form method=\"post\" action=\"").unwrap();
        Self {
            action: action.split('"').next().unwrap().to_owned(),
            cookie: cookie.unwrap_or_default(),
            token: hidden(reply, "_csrf_token"),
            target: hidden(reply, "_target_path"),
        }
    }

    /// Sends it back as a browser does, no redirect followed.
    pub(crate) fn submit(&self, server: &Server, login: &str, password: &str) -> Reply {
        self.submit_with(server, login, password, "")
    }

    fn submit_with(&self, server: &Server, login: &str, password: &str, headers: &str) -> Reply {
        let fields =
            [("_username", login), ("_password", password), ("_csrf_token", &self.token), ("_target_path", &self.target)];
        post(server, &self.action, &format!("Cookie: {}\r\n{headers}", self.cookie), &fields)
    }
}

/// The value of a hidden field, its character references resolved.
fn hidden(reply: &Reply, name: &str) -> String {
    let (_, rest) = reply.body.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {reply:?}"));
    rest.split('"').next().unwrap().replace("&#38;", "&")
}

fn post(server: &Server, path: &str, headers: &str, fields: &[(&str, &str)]) -> Reply {
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    server.send("POST", path, &format!("Content-Type: application/x-www-form-urlencoded\r\n{headers}"), &body.join("&"))
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// `name=value` of the first cookie that an answer sets.
fn cookie(reply: &Reply) -> String {
    reply.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {reply:?}")).split(';').next().unwrap().to_owned()
}

fn signed_in(server: &Server, path: &str, login: &str, password: &str) -> String {
    let reply = Form::open(server, path, "").submit(server, login, password);
    assert_eq!(reply.status, 303, "{reply:?}");
    cookie(&reply)
}

const PAGE_ENTRY: &str = "[[firewall]]\nname = \"main\"\nentry = \"page\"\n[[access_control]]\npath = '^/inner'\nroles = [\"ROLE_ADMIN\"]\n\
                          [routes]\nunmatched = \"authenticated\"\n";

#[test]
fn a_session_started_there_serves_rest_calls() {
    let door = Door::demo();
    for (path, login, password, location) in [
        ("/login", "admin", "publish", "/api/ibexa/v2/user/users/14"),
        ("/login/admins", "admin", "publish", "/api/ibexa/v2/user/users/14"),
        ("/login/customers", "jane@example.com", "jane-demo", "/api/ibexa/v2/user/users/7"),
        ("/login", "jane@example.com", "jane-demo", "/api/ibexa/v2/user/users/7"),
    ] {
        let session = signed_in(&door.server, path, login, password);
        let reply = door.get("/user/current", &format!("Cookie: {session}\r\n"));
        assert_eq!((reply.status, reply.header("location")), (307, Some(location)), "{path}");
    }
    let wrong = Form::open(&door.server, "/login/customers", "").submit(&door.server, "admin", "publish");
    assert_eq!(wrong.status, 401, "a directory's page signs in to that directory alone");
    assert_ne!(door.server.get("/login/nobody", "").status, 200);
}

#[test]
fn a_sign_in_changes_the_id_and_ends_the_session_before() {
    let door = Door::demo();
    let before = signed_in(&door.server, "/login", "admin", "publish");
    let form = Form::open(&door.server, "/login", "");
    let reply = form.submit_with(&door.server, "admin", "publish", &format!("Cookie: {before}\r\n"));
    assert_eq!(reply.status, 303, "{reply:?}");
    assert_ne!(cookie(&reply), before);
    assert_eq!(door.get("/user/current", &format!("Cookie: {before}\r\n")).status, 401);
}

#[test]
fn wrong_sign_ins_read_alike_and_start_nothing() {
    let door = Door::demo();
    let mut alerts = Vec::new();
    for (login, password) in [("admin", "hunter2-secret"), ("nobody", "hunter2-secret"), ("admin", ""), ("\"><script>", "x")] {
        let reply = Form::open(&door.server, "/login", "").submit(&door.server, login, password);
        assert_eq!((reply.status, reply.header("set-cookie")), (401, None), "{reply:?}");
        assert!(!reply.body.contains("hunter2-secret") && !reply.body.contains("<script"), "{}", reply.body);
        let (_, alert) = reply.body.split_once("role=\"alert\"").unwrap();
        alerts.push(alert.split("</div>").next().unwrap().to_owned());
    }
    assert!(alerts.iter().all(|alert| *alert == alerts[0]), "{alerts:?}");
}

#[test]
fn the_form_is_refused_without_its_own_token() {
    let door = Door::demo();
    let (form, other) = (Form::open(&door.server, "/login", ""), Form::open(&door.server, "/login", ""));
    let fields = |token: &'static str| [("_username", "admin"), ("_password", "publish"), ("_csrf_token", token)];
    let forged = |cookie: &str, token: &str| {
        let token: &'static str = Box::leak(token.to_owned().into_boxed_str());
        post(&door.server, "/login", &format!("Cookie: {cookie}\r\n"), &fields(token))
    };
    for (cookie, token) in [("a=b", &*form.token), (&other.cookie, &form.token), (&form.cookie, ""), (&form.cookie, "a.b.c")] {
        let reply = forged(cookie, token);
        assert_eq!(reply.status, 400, "{reply:?}");
        assert_eq!(reply.cookie("doorward_admins"), None);
    }
    for (line, refused) in [
        ("Sec-Fetch-Site: cross-site\r\n", true),
        ("Sec-Fetch-Site: same-site\r\n", true),
        ("Origin: null\r\n", true),
        ("Origin: http://evil.example\r\n", true),
        ("Sec-Fetch-Site: same-origin\r\n", false),
    ] {
        let reply = form.submit_with(&door.server, "admin", "publish", line);
        assert_eq!(reply.cookie("doorward_admins").is_none(), refused, "{line}: {reply:?}");
        assert_eq!(reply.status == 303, !refused, "{line}: {reply:?}");
    }
}

#[test]
fn pages_are_accessible_without_scripts_and_strict() {
    let door = Door::demo();
    let session = signed_in(&door.server, "/login", "admin", "publish");
    for (path, headers) in
        [("/login", ""), ("/login/customers", ""), ("/logout", ""), ("/logout", &*format!("Cookie: {session}\r\n"))]
    {
        let reply = door.server.get(path, headers);
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
        let policy = reply.header("content-security-policy").unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe") && reply.header("cache-control").unwrap().contains("no-store"));
        assert!(reply.body.contains("<html lang=\"en\"") && reply.body.contains("<title>") && reply.body.contains("<main"));
        for inline in ["<script", "javascript:", " onclick=", " onsubmit=", " onload=", " style=", "<style"] {
            assert!(!reply.body.contains(inline), "{inline} is in {}", reply.body);
        }
    }
    let form = door.server.get("/login", "").body;
    for label in [
        "<label for=\"username\">",
        "<label for=\"password\">",
        "id=\"username\"",
        "id=\"password\"",
        "autocomplete=\"current-password\"",
    ] {
        assert!(form.contains(label), "{label} is not in {form}");
    }
    let failed = Form::open(&door.server, "/login", "").submit(&door.server, "admin", "x").body;
    assert!(failed.contains("role=\"alert\"") && failed.contains("aria-describedby=") && failed.contains("<title>Error"));
    let style = form.split_once("href=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert_eq!(door.server.get(&style, "").header("content-type"), Some("text/css; charset=utf-8"));
}

#[test]
fn redirects_after_signing_in_stay_here() {
    let door = Door::demo();
    let safe = ["/orders", "/orders?x=1&y=2", "/orders?next=//evil.example", "/a/b#c"];
    let hostile = [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "http:evil.example",
        "//evil.example@127.0.0.1",
        "javascript:alert(1)",
        "data:text/html,x",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nSet-Cookie: x=y",
        " //evil.example",
        "evil.example",
        "/\u{0}/evil.example",
        "/é",
        "/login",
        "/login/admins",
        "/logout",
    ];
    let to = |target: &str| {
        // By the address of the page, and by a form that was tampered with.
        let mut form = Form::open(&door.server, &format!("/login?return={}", encoded(target)), "");
        let first = form.submit(&door.server, "admin", "publish");
        target.clone_into(&mut form.target);
        let second = form.submit(&door.server, "admin", "publish");
        [first, second].map(|reply| (reply.status, reply.header("location").unwrap_or_default().to_owned()))
    };
    for target in safe {
        assert_eq!(to(target), [(303, target.to_owned()), (303, target.to_owned())]);
    }
    for target in hostile {
        assert_eq!(to(target), [(303, "/".to_owned()), (303, "/".to_owned())], "{target:?}");
    }
}

#[test]
fn a_refused_navigation_goes_to_the_sign_in_page_and_back() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", PAGE_ENTRY);
    let navigate = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: cross-site\r\nAccept: text/html\r\n";
    let reply = door.server.get("/orders?x=1&y=2", navigate);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/login?return=%2Forders%3Fx%3D1%26y%3D2")), "{reply:?}");
    let back = Form::open(&door.server, reply.header("location").unwrap(), navigate).submit(&door.server, "carla", "customer");
    assert_eq!((back.status, back.header("location")), (303, Some("/orders?x=1&y=2")));
    let session = format!("Cookie: {}\r\n", cookie(&back));
    let reply = door.server.get("/orders?x=1&y=2", &format!("{navigate}{session}"));
    assert_eq!((reply.status, &*reply.body), (200, "upstream"));
    // Whoever is signed in and may not gets a page, and is not led in a circle.
    let reply = door.server.get("/inner", &format!("{navigate}{session}"));
    assert_eq!((reply.status, reply.header("location")), (403, None), "{reply:?}");
    assert!(reply.header("content-type").unwrap().starts_with("text/html") && reply.body.contains("carla"), "{reply:?}");
    // No program is led to a page.
    for headers in ["", "Accept: application/json\r\n", "Accept: text/html\r\nSec-Fetch-Mode: cors\r\n"] {
        let reply = door.server.get("/orders", headers);
        assert_eq!((reply.status, reply.header("location")), (401, None), "{headers}: {reply:?}");
    }
    assert_eq!(door.server.send("POST", "/orders", navigate, "").status, 401);
    for path in ["/login", "/login/admins", "/logout"] {
        assert_eq!(door.server.get(path, navigate).status, 200, "{path}");
    }
}

#[test]
fn by_default_a_refused_navigation_is_only_refused() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", "[routes]\nunmatched = \"authenticated\"\n");
    let reply = door.server.get("/orders", "Sec-Fetch-Mode: navigate\r\nAccept: text/html\r\n");
    assert_eq!((reply.status, reply.header("location")), (401, None), "{reply:?}");
}

#[test]
fn whatever_is_typed_or_linked_is_escaped() {
    let door = Door::demo();
    let evil = "/\"><script>alert(1)</script>";
    let link = format!("/login?return={}", encoded(evil));
    let session = signed_in(&door.server, "/login", "admin", "publish");
    let failed = Form::open(&door.server, &link, "").submit(&door.server, "\"><script>alert(1)</script>", "x");
    for reply in [door.server.get(&link, ""), door.server.get(&link, &format!("Cookie: {session}\r\n")), failed] {
        assert!(!reply.body.contains("<script"), "{}", reply.body);
    }
    let reply = door.server.get(&format!("/login/{}", encoded(evil)), "");
    assert!((400..500).contains(&reply.status) && !reply.body.contains("<script"), "{reply:?}");
}

#[test]
fn signing_out_asks_first() {
    let door = Door::demo();
    let admin = signed_in(&door.server, "/login/admins", "admin", "publish");
    let jane = signed_in(&door.server, "/login/customers", "jane@example.com", "jane-demo");
    let both = format!("Cookie: {admin}; {jane}\r\n");
    let lives = |cookie: &str| door.get("/user/current", &format!("Cookie: {cookie}\r\n")).status == 307;
    let question = door.server.get("/logout", &both);
    assert!(
        question.status == 200 && question.body.contains("admin") && question.body.contains("jane@example.com"),
        "{question:?}"
    );
    assert!(lives(&admin) && lives(&jane), "looking at the question ends nothing");
    let token = hidden(&question, "_csrf_token");
    for (headers, token) in [
        (both.clone(), ""),
        (both.clone(), "a.b.c"),
        (format!("{both}Sec-Fetch-Site: cross-site\r\n"), &*token),
        (format!("{both}Origin: null\r\n"), &*token),
    ] {
        let reply = post(&door.server, "/logout", &headers, &[("_csrf_token", token)]);
        assert_eq!((reply.status, reply.header("set-cookie")), (401, None), "{reply:?}");
    }
    assert!(lives(&admin) && lives(&jane));
    let reply = post(&door.server, "/logout", &both, &[("_csrf_token", &token)]);
    assert_eq!(reply.status, 200, "{reply:?}");
    let cookies: Vec<&str> = reply.all("set-cookie").collect();
    for name in ["doorward_admins=deleted;", "doorward_customers=deleted;"] {
        assert!(cookies.iter().any(|cookie| cookie.starts_with(name)), "{cookies:?}");
    }
    assert!(!lives(&admin) && !lives(&jane));
}

#[test]
fn a_session_of_the_pages_is_the_one_of_rest() {
    let door = Door::demo();
    let session = door.sign_in(Format::Json, "admin", "publish");
    let page = door.server.get("/login?return=/orders", &session.cookie());
    assert!(page.body.contains("signed in") && page.body.contains("href=\"/orders\""), "{page:?}");
    let question = door.server.get("/logout", &session.cookie());
    let reply = post(&door.server, "/logout", &session.cookie(), &[("_csrf_token", &hidden(&question, "_csrf_token"))]);
    assert_eq!(reply.status, 200);
    assert!(!door.lives(&session));
}
