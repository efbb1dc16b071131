//! Sessions beyond the dialect's own cases: what product and contract settle where those are silent, to the safe side.

use super::{Door, Format, PREFIX, Session, both};
use crate::support::{eventually, upstream::Upstream};
use std::time::Duration;

const OPEN: &str = "[routes]\nunmatched = \"allow\"\n";

both!(a_wrong_id_signs_nobody_out);
fn a_wrong_id_signs_nobody_out(format: Format) {
    let (door, session) = Door::login(format);
    let other = door.sign_in(format, "admin", "publish");
    for id in ["other", "current", &other.id, &session.id[1..], &session.id.to_uppercase(), &format!("{}x", session.id)] {
        let href = format!("{PREFIX}/user/sessions/{id}");
        for headers in [session.cookie(), session.both()] {
            for reply in [door.delete(&href, &headers), door.refresh(format, &href, &headers)] {
                assert_eq!((reply.status, &*reply.body, reply.header("set-cookie")), (404, "", None), "{id}: {reply:?}");
            }
        }
    }
    assert!(door.lives(&session) && door.lives(&other), "somebody was signed out");
    for headers in ["", &format!("X-CSRF-Token: {}\r\n", session.token)] {
        assert_eq!(door.delete(&session.href, headers).status, 404, "the id alone ends nothing");
    }
    assert!(door.lives(&session));
}

both!(each_sign_in_has_an_id_of_its_own);
fn each_sign_in_has_an_id_of_its_own(format: Format) {
    let door = Door::demo();
    let mut ids: Vec<String> = (0..8).map(|_| door.sign_in(format, "admin", "publish").id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    // Signing in over a session of one's own without its token: another id, and the old one is over.
    let session = door.sign_in(format, "admin", "publish");
    for token in [String::new(), "X-CSRF-Token: a.b.c\r\n".to_owned()] {
        let old = door.sign_in(format, "admin", "publish");
        let reply = door.try_sign_in(format, "admin", "publish", &format!("{}{token}", old.cookie()));
        assert_eq!(reply.status, 201, "{reply:?}");
        let new = Session::read(format, &reply);
        assert_ne!(new.id, old.id);
        assert!(!door.lives(&old) && door.lives(&new));
    }
    assert!(door.lives(&session), "nobody else is affected");
}

both!(a_dead_cookie_counts_as_absent_and_is_deleted);
fn a_dead_cookie_counts_as_absent_and_is_deleted(format: Format) {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", OPEN);
    let dead = door.sign_in(format, "admin", "publish");
    assert_eq!(door.delete(&dead.href, &dead.both()).status, 204);
    let reply = door.server.get("/open", &dead.cookie());
    assert_eq!((reply.status, &*reply.body), (200, "upstream"));
    dead.is_deleted_by(&reply);
    assert_eq!(upstream.last().header("doorward-identity"), Some("guest"));
    for path in ["/user/current", "/user/sessions/current", "/", "/user/users/1"] {
        dead.is_deleted_by(&door.get(path, &format!("{}{}", format.accept("X"), dead.cookie())));
    }
    let page = door.server.get("/login", &dead.cookie());
    assert_eq!(page.status, 200);
    assert!(page.all("set-cookie").any(|cookie| cookie.starts_with("doorward_admins=deleted;")), "{page:?}");
    // A live one is never deleted, and neither is one of somebody else's name.
    let live = door.sign_in(format, "admin", "publish");
    assert_eq!(door.server.get("/open", &format!("Cookie: {}; other=x\r\n", live.pair())).header("set-cookie"), None);
}

both!(a_cookie_that_is_there_twice_is_refused);
fn a_cookie_that_is_there_twice_is_refused(format: Format) {
    let (door, session) = Door::login(format);
    let other = door.sign_in(format, "admin", "publish");
    for headers in [
        format!("Cookie: {}; {}\r\n", session.pair(), other.pair()),
        format!("{}{}", session.cookie(), other.cookie()),
        format!("Cookie: {}; {}=\r\n", session.pair(), session.name),
    ] {
        let reply = door.get("/user/current", &format!("{}{headers}", format.accept("X")));
        format.error(&reply, 400, "Bad Request");
        assert!(!reply.body.contains(&session.id), "{}", reply.body);
    }
    let same = format!("Cookie: {}; {}\r\n", session.pair(), session.pair());
    assert_eq!(door.get("/user/current", &same).status, 307, "the same value twice is one value");
}

both!(sessions_of_two_directories_stand_side_by_side);
fn sessions_of_two_directories_stand_side_by_side(format: Format) {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", &format!("{OPEN}[api]\nmagento_prefix = \"/rest\"\n"));
    let admin = door.sign_in(format, "admin", "publish");
    let reply = door.try_sign_in(format, "carla", "customer", &admin.both());
    assert_eq!(reply.status, 201, "409 is for one directory: {reply:?}");
    let carla = Session::read(format, &reply);
    assert_ne!(admin.name, carla.name);
    assert!(door.lives(&admin) && door.lives(&carla));
    let both = format!("Cookie: {}; {}\r\n", carla.pair(), admin.pair());
    let called = |path: &str| {
        assert_eq!(door.server.get(path, &both).status, 200);
        upstream.last().header("doorward-identity").map(str::to_owned)
    };
    assert_eq!(called("/thing").as_deref(), Some("admin/1"), "the order of the file decides");
    assert_eq!(called("/rest/V1/thing").as_deref(), Some("customer/1"), "there customers come first");
    // An id of one directory opens nothing under the cookie of the other.
    let crossed = format!("Cookie: {}={}\r\n", carla.name, admin.id);
    assert_eq!(door.get("/user/current", &crossed).status, 401);
    // Each is ended by its own token, and alone.
    format.refused_for_token(&door.refresh(format, &carla.href, &format!("{both}X-CSRF-Token: {}\r\n", admin.token)));
    let ended = door.delete(&carla.href, &format!("{both}X-CSRF-Token: {}\r\n", carla.token));
    assert_eq!(ended.status, 204, "{ended:?}");
    carla.is_deleted_by(&ended);
    assert_eq!(ended.all("set-cookie").count(), 1);
    assert!(door.lives(&admin) && !door.lives(&carla));
}

both!(sessions_end_by_rest_and_by_age);
fn sessions_end_by_rest_and_by_age(format: Format) {
    let upstream = Upstream::start();
    let directories = "[[directory]]\nname = \"admins\"\nkind = \"admin\"\nlifetime = \"2s\"\n[[directory]]\nname = \"customers\"\n\
                       kind = \"customer\"\nidle_timeout = \"2s\"\n";
    let door = Door::serving(&upstream, directories, "");
    let (admin, carla) = (door.sign_in(format, "admin", "publish"), door.sign_in(format, "carla", "customer"));
    // In use all the time, and over all the same.
    eventually("an end of the session by age", || (!door.lives(&admin)).then_some(()));
    std::thread::sleep(Duration::from_millis(2100));
    assert!(!door.lives(&carla), "it rested for longer than it may");
    for session in [&admin, &carla] {
        let reply = door.refresh(format, &session.href, &session.both());
        assert_eq!((reply.status, &*reply.body), (404, ""), "{reply:?}");
        session.is_deleted_by(&reply);
    }
}

both!(over_https_cookies_are_bound_to_the_host);
fn over_https_cookies_are_bound_to_the_host(format: Format) {
    let upstream = Upstream::start();
    let door = Door::serving(
        &upstream,
        "",
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://shop.example.com\"\n[routes]\nunmatched = \"allow\"\n",
    );
    let body = format.input("admin", "publish");
    let sign_in = |host: &str, more: &str| {
        let head = format!(
            "POST {PREFIX}/user/sessions HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        door.server.exchange(&format!("{head}{}{more}\r\n{body}", format.sign_in_headers()))
    };
    assert_eq!(sign_in("other.example.com", "").status, 421);
    for (origin, status) in
        [("https://shop.example.com", 201), ("http://shop.example.com", 401), ("https://shop.example.com:8443", 401)]
    {
        assert_eq!(sign_in("shop.example.com", &format!("Origin: {origin}\r\n")).status, status, "{origin}");
    }
    let reply = sign_in("Shop.Example.com:443", "");
    let session = Session::read(format, &reply);
    assert_eq!(session.name, "__Host-doorward_admins");
    assert_eq!(reply.header("set-cookie"), Some(&*format!("{}; path=/; Secure; HttpOnly; SameSite=Lax", session.pair())));
    for cookie in reply.all("set-cookie") {
        assert!(cookie.contains("; Secure") && !cookie.to_lowercase().contains("domain="), "{cookie}");
    }
}

both!(under_another_method_there_are_no_sessions);
fn under_another_method_there_are_no_sessions(format: Format) {
    let upstream = Upstream::start();
    let rest = "[[firewall]]\nname = \"machines\"\nhost = '^machines\\.example$'\nauthentication = \"none\"\n[[firewall]]\nname = \"main\"\n";
    let door = Door::serving(&upstream, "", &format!("{rest}{OPEN}"));
    let session = door.sign_in(format, "admin", "publish");
    let there = |method: &str, path: &str| {
        let body = format.input("admin", "publish");
        door.server.exchange(&format!(
            "{method} {path} HTTP/1.1\r\nHost: machines.example\r\nConnection: close\r\nContent-Length: {}\r\n{}{}\r\n{body}",
            body.len(),
            format.sign_in_headers(),
            session.both()
        ))
    };
    for (method, path) in [
        ("POST", format!("{PREFIX}/user/sessions")),
        ("GET", format!("{PREFIX}/user/sessions/current")),
        ("DELETE", session.href.clone()),
        ("POST", format!("{}/refresh", session.href)),
        ("OPTIONS", format!("{PREFIX}/user/sessions")),
        ("GET", format!("{PREFIX}/user/sessions")),
    ] {
        let reply = there(method, &path);
        assert_eq!(format.error(&reply, 404, "Not Found"), "No such route", "{method} {path}");
        assert_eq!(reply.header("set-cookie"), None);
    }
    assert_eq!(there("GET", "/login").status, 404);
    assert!(door.lives(&session), "where sessions are, they stay");
    // Root and users stay there too; the caller is a guest, whatever cookies say.
    let root = there("GET", &format!("{PREFIX}/"));
    assert!(root.status == 200 && !root.body.contains("createSession"), "{root:?}");
    assert_eq!(format.error(&there("GET", &format!("{PREFIX}/user/current")), 401, "Unauthorized"), "Not logged in.");
    assert_eq!(there("GET", "/thing").status, 200);
    assert_eq!(upstream.last().header("doorward-identity"), Some("guest"));
}

/// What `leave` names is the upstream's.
#[test]
fn what_is_left_goes_to_the_service_behind() {
    let all = [("root", "/"), ("users", "/user/current"), ("users", "/user/users/1"), ("pages", "")];
    for left in ["root", "users", "pages"] {
        let upstream = Upstream::start();
        let door = Door::serving(&upstream, "", &format!("{OPEN}[api]\nleave = [\"{left}\"]\n"));
        let session = door.sign_in(Format::Json, "admin", "publish");
        for (what, path) in all {
            let path = if what == "pages" { "/login".to_owned() } else { format!("{PREFIX}{path}") };
            let reply = door.server.get(&path, &session.cookie());
            assert_eq!(reply.body == "upstream", what == left, "{left}, {path}: {reply:?}");
        }
        assert_eq!(door.get("/user/sessions/current", &session.cookie()).status, 200, "sessions are served all the same");
    }
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", &format!("{OPEN}[api]\nserve = []\n"));
    let path = format!("{PREFIX}/user/sessions");
    for reply in [door.server.send("POST", &path, "", "x"), door.server.get("/login", ""), door.get("/", "")] {
        assert_eq!((reply.status, &*reply.body), (200, "upstream"));
    }
}

both!(head_is_get_without_a_body);
fn head_is_get_without_a_body(format: Format) {
    let (door, session) = Door::login(format);
    for path in ["/", "/user/sessions/current", "/user/users/14", "/user/current", "/nowhere"] {
        let headers = format!("{}{}", format.accept("X"), session.cookie());
        let get = door.get(path, &headers);
        let head = format!("HEAD {PREFIX}{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", door.server.public);
        // The client reads what stands behind the head until the connection ends: nothing may stand there.
        let head = door.server.exchange(&head);
        assert_eq!((head.status, head.header("content-type")), (get.status, get.header("content-type")), "{path}");
        assert_eq!(head.body, "", "{path} has a body");
    }
}
