//! What firewalls, guards and access control mean for sessions and for Doorward's own endpoints.

use super::{
    Door, Format, PREFIX, Session, both,
    jwt::{bearer, token},
};
use crate::support::upstream::Upstream;

both!(a_firewall_asks_its_own_directories_alone);
fn a_firewall_asks_its_own_directories_alone(format: Format) {
    let upstream = Upstream::start();
    let firewalls = "[[firewall]]\nname = \"shop\"\npath = '^/api/'\ndirectory = \"customers\"\n[[firewall]]\nname = \"main\"\n";
    let door = Door::serving(
        &upstream,
        "",
        &format!("{firewalls}[api]\nibexa_prefix = [\"/api/ibexa/v2\", \"/inner\"]\n[routes]\nunmatched = \"allow\"\n"),
    );
    let refused = door.try_sign_in(format, "admin", "publish", "");
    assert_eq!(format.error(&refused, 401, "Unauthorized"), "Invalid credentials.", "no admin signs in there");
    let reply = door.server.send("POST", "/inner/user/sessions", &format.sign_in_headers(), &format.input("admin", "publish"));
    assert_eq!(reply.status, 201, "{reply:?}");
    let admin = Session::read(format, &reply);
    assert_eq!(door.server.get("/inner/user/current", &admin.cookie()).status, 307);
    // Where that directory is not asked its cookie says nothing, is not deleted, and ends nothing.
    let reply = door.get("/user/current", &format!("{}{}", format.accept("X"), admin.cookie()));
    assert_eq!(format.error(&reply, 401, "Unauthorized"), "Not logged in.");
    assert_eq!(reply.header("set-cookie"), None);
    let there = format!("{PREFIX}/user/sessions/{}", admin.id);
    assert_eq!(door.delete(&there, &admin.both()).status, 404);
    assert_eq!(door.server.send("POST", "/api/thing", &admin.cookie(), "").status, 200, "so there is nothing to ask a token for");
    assert_eq!(upstream.last().header("doorward-identity"), Some("guest"));
    assert_eq!(upstream.last().header("cookie"), None, "and nothing to show to the service behind");
    assert_eq!(door.server.get("/inner/user/current", &admin.cookie()).status, 307);
    let carla = door.sign_in(format, "carla", "customer");
    let both = format!("Cookie: {}; {}\r\n", admin.pair(), carla.pair());
    assert_eq!(door.server.get("/api/thing", &both).status, 200);
    assert_eq!(upstream.last().header("doorward-identity"), Some("customer/1"));
}

both!(an_ajax_guard_counts_sessions_on_ajax_calls_only);
fn an_ajax_guard_counts_sessions_on_ajax_calls_only(format: Format) {
    for (guard, token) in [("[\"ajax\"]", false), ("[\"ajax\", \"csrf\"]", true)] {
        let upstream = Upstream::start();
        let firewall =
            format!("[[firewall]]\nname = \"main\"\nguard = {guard}\ninvalid = \"guest\"\n[routes]\nunmatched = \"allow\"\n");
        let door = Door::serving(&upstream, "", &firewall);
        let session = door.sign_in(format, "admin", "publish");
        let ajax = "X-Requested-With: XMLHttpRequest\r\n";
        let caller = |method: &str, headers: &str| {
            let reply = door.server.send(method, &format!("{PREFIX}/thing"), &format!("{headers}{}", format.accept("X")), "");
            match reply.status {
                200 => upstream.last().header("doorward-identity").unwrap().to_owned(),
                _ => format.error(&reply, 401, "Unauthorized"),
            }
        };
        assert_eq!(caller("GET", &format!("{ajax}{}", session.cookie())), "admin/1");
        assert_eq!(caller("POST", &format!("{ajax}{}", session.both())), "admin/1");
        let without = if token { "Missing or invalid CSRF token" } else { "admin/1" };
        assert_eq!(caller("POST", &format!("{ajax}{}", session.cookie())), without);
        for not_ajax in [
            "",
            "X-Requested-With: xmlhttprequest\r\n",
            "X-Requested-With: XMLHttpRequest2\r\n",
            "X-Requested-With: XMLHttpRequest\r\nX-Requested-With: XMLHttpRequest\r\n",
            "X-Requested-With: XMLHttpRequest\r\nSec-Fetch-Mode: navigate\r\n",
            "X-Requested-With: XMLHttpRequest\r\nSec-Fetch-Site: cross-site\r\n",
            "X-Requested-With: XMLHttpRequest\r\nOrigin: null\r\n",
        ] {
            for method in ["GET", "POST"] {
                assert_eq!(caller(method, &format!("{not_ajax}{}", session.both())), "guest", "{method} {not_ajax}");
            }
        }
        // It holds for our own endpoints as well.
        assert_eq!(door.get("/user/current", &session.cookie()).status, 401);
        assert_eq!(door.get("/user/current", &format!("{ajax}{}", session.cookie())).status, 307);
        assert_eq!(door.delete(&session.href, &session.both()).status, 404);
        assert_eq!(door.delete(&session.href, &format!("{ajax}{}", session.both())).status, 204);
    }
}

both!(where_guests_are_refused_an_ajax_guard_refuses);
fn where_guests_are_refused_an_ajax_guard_refuses(format: Format) {
    let upstream = Upstream::start();
    let door =
        Door::serving(&upstream, "", "[[firewall]]\nname = \"main\"\nguard = [\"ajax\"]\n[routes]\nunmatched = \"allow\"\n");
    let session = door.sign_in(format, "admin", "publish");
    let reply = door.get("/thing", &format!("{}{}", format.accept("X"), session.cookie()));
    assert_eq!(format.error(&reply, 401, "Unauthorized"), "The session counts on AJAX calls only.");
    assert!(upstream.received().is_empty());
}

both!(access_control_covers_our_endpoints_except_signing_in);
fn access_control_covers_our_endpoints_except_signing_in(format: Format) {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", "[[access_control]]\npath = '^/'\nroles = [\"ROLE_ADMIN\"]\n");
    let (admin, carla) = (door.sign_in(format, "admin", "publish"), door.sign_in(format, "carla", "customer"));
    for path in ["/", "/user/current", "/user/sessions/current", "/user/users/1"] {
        for cookie in [String::new(), carla.cookie()] {
            let reply = door.get(path, &format!("{}{cookie}", format.accept("X")));
            format.error(&reply, 401, "Unauthorized");
        }
        assert!(door.get(path, &admin.cookie()).status < 400, "{path}");
    }
    format.error(&door.refresh(format, &carla.href, &carla.both()), 401, "Unauthorized");
    assert_eq!(door.server.get("/login", "").status, 200);
    assert_eq!(door.server.get("/logout", &carla.cookie()).status, 403);
    assert_eq!(door.server.get("/login/style.css", "").status, 200);
}

both!(a_request_that_no_firewall_matches_is_refused);
fn a_request_that_no_firewall_matches_is_refused(format: Format) {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", "[[firewall]]\nname = \"shop\"\npath = '^/shop/'\n[routes]\nunmatched = \"allow\"\n");
    for path in [format!("{PREFIX}/"), format!("{PREFIX}/thing"), format!("{PREFIX}/user/current")] {
        let reply = door.server.get(&path, &format.accept("X"));
        format.error(&reply, 401, "Unauthorized");
    }
    format.error(&door.try_sign_in(format, "admin", "publish", ""), 401, "Unauthorized");
    assert_eq!(door.server.get("/login", "").status, 401);
    assert!(upstream.received().is_empty());
    assert_eq!(door.server.get("/shop/thing", "").status, 200);
}

both!(an_endpoint_cannot_be_reached_past_its_checks);
/// An endpoint has one spelling; what is written otherwise but means the same is the same.
fn an_endpoint_cannot_be_reached_past_its_checks(format: Format) {
    let (door, session) = Door::login(format);
    let id = &session.id;
    for path in [
        format!("{PREFIX}/user/sessions/{id}/"),
        format!("{PREFIX}/user/sessions/{id}/refresh/"),
        format!("{PREFIX}/user/sessions/{id}/x"),
        format!("{PREFIX}/user/sessions//{id}"),
        format!("{PREFIX}/user/sessions/./{id}"),
        format!("{PREFIX}/user/sessions/x/../{id}"),
        format!("{PREFIX}/user/sessions/x%2F..%2F{id}"),
        format!("{PREFIX}/user/sessions\\{id}"),
        format!("{PREFIX}/user/sessions/{id}%00"),
        format!("{PREFIX}/user/sessions/{id};x"),
        format!("{PREFIX}/User/sessions/{id}"),
    ] {
        for headers in [session.cookie(), session.both()] {
            let status = door.server.send("DELETE", &path, &headers, "").status;
            assert!((400..500).contains(&status), "{path}: {status}");
        }
    }
    assert!(door.lives(&session));
    let spelled = format!("/%61pi/ibexa/v2/user/%73essions/{id}");
    format.refused_for_token(&door.server.send("DELETE", &spelled, &format!("{}{}", format.accept("X"), session.cookie()), ""));
    assert_eq!(door.server.send("DELETE", &spelled, &session.both(), "").status, 204);
    assert!(!door.lives(&session));
}

both!(under_another_method_the_session_endpoints_are_not_found_and_the_others_stay);
fn under_another_method_the_session_endpoints_are_not_found_and_the_others_stay(format: Format) {
    let upstream = Upstream::start();
    let proxied = "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1\"\ntrusted_proxies = [\"127.0.0.1\"]\n\
                   [certificate]\nheader = \"X-SSL-Client-S-DN\"\nmap = \"cn\"\n";
    for method in ["basic", "jwt", "certificate", "none"] {
        let door =
            Door::serving(&upstream, "", &format!("{proxied}[[firewall]]\nname = \"main\"\nauthentication = \"{method}\"\n"));
        let credential = match method {
            "basic" => "Authorization: Basic YWRtaW46cHVibGlzaA==\r\n".to_owned(),
            "jwt" => bearer(&token(&door, format, "admin", "publish")),
            "certificate" => "X-SSL-Client-S-DN: CN=admin\r\nX-SSL-Client-Verify: SUCCESS\r\n".to_owned(),
            _ => String::new(),
        };
        for (verb, path) in [
            ("POST", "sessions"),
            ("GET", "sessions/current"),
            ("POST", "sessions/abc/refresh"),
            ("DELETE", "sessions/abc"),
            ("OPTIONS", "sessions"),
        ] {
            for carried in [&*credential, ""] {
                let headers = format!("{}{carried}", format.accept("Session"));
                let reply = door.server.send(verb, &format!("{PREFIX}/user/{path}"), &headers, "");
                format.error(&reply, 404, "Not Found");
                assert_eq!(reply.header("set-cookie"), None, "{method} {verb} {path}");
            }
        }
        let known = method != "none";
        for (path, status) in
            [("/", 200), ("/user/current", if known { 307 } else { 401 }), ("/user/users/1", if known { 200 } else { 401 })]
        {
            let reply = door.get(path, &format!("{}{credential}", format.accept("X")));
            assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        }
        // Without the credential they are there as well, and ask for it as the method does.
        let stranger = door.get("/user/current", &format.accept("X"));
        assert_eq!(stranger.status, 401, "{method}: {stranger:?}");
        let challenge = stranger.header("www-authenticate").and_then(|challenge| challenge.split(' ').next());
        let expected = match method {
            "basic" => Some("Basic"),
            "jwt" => Some("Bearer"),
            _ => None,
        };
        assert_eq!(challenge, expected, "{method}");
    }
}
