use super::world::{COOKIE, Client, JSON, PREFIX, Reply, World, client};
use doorward_core::{firewall::Authentication, policy::Serve};
use std::sync::Arc;

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SessionInput>\n  <login>admin</login>\n  <password>publish</password>\n</SessionInput>\n";
const EMPTY: &str = "application/vnd.ibexa.api.";
const AS_JSON: (&str, &str) = ("accept", "application/vnd.ibexa.api.Session+json");

async fn refresh(world: &World, who: &Client, headers: &[(&str, &str)]) -> Reply {
    let mut all = vec![AS_JSON, ("content-type", EMPTY)];
    all.extend(headers);
    world.send("POST", &format!("{PREFIX}/user/sessions/{}/refresh", who.id), &all, "").await
}

async fn delete(world: &World, href: &str, headers: &[(&str, &str)]) -> Reply {
    let mut all = vec![("accept", EMPTY)];
    all.extend(headers);
    world.send("DELETE", href, &all, "").await
}

fn deletes_cookie(reply: &Reply) -> bool {
    reply.cookies().first().is_some_and(|first| first.starts_with(&format!("{COOKIE}=deleted;")))
}

#[tokio::test]
async fn creates_a_session_in_json() {
    let world = World::new().await;
    let reply = world.create(JSON, &[]).await;
    assert_eq!((reply.status, reply.header("content-type")), (201, Some("application/vnd.ibexa.api.Session+json")));
    let session = client(&reply);
    assert_eq!(session.href, format!("{PREFIX}/user/sessions/{}", session.id));
    assert_eq!(reply.header("location"), Some(&*session.href));
    assert_eq!(reply.json()["Session"]["name"], COOKIE);
    assert_eq!(reply.json()["Session"]["User"]["_href"], "/api/ibexa/v2/user/users/14");
    let cookies = reply.cookies();
    assert_eq!(
        cookies[0],
        format!(
            "{COOKIE}={}; domain=.example.net; path=/; expires=Tue, 14 Nov 2023 23:13:20 GMT; Max-Age=3600; HttpOnly; SameSite=Lax",
            session.id
        )
    );
    assert!(cookies[1].starts_with("doorward_device=") && cookies.len() == 2, "{cookies:?}");
    for (name, value) in
        [("cache-control", "no-store"), ("referrer-policy", "no-referrer"), ("x-content-type-options", "nosniff")]
    {
        assert_eq!(reply.header(name), Some(value));
    }
    assert_eq!(*world.log.0.lock().unwrap(), ["sign_in success admins admin/14 admin"]);
}

#[tokio::test]
async fn creates_a_session_in_xml_and_at_the_root() {
    let world = World::new().await;
    let headers =
        [("content-type", "application/vnd.ibexa.api.SessionInput+xml"), ("accept", "application/vnd.ibexa.api.Session+xml")];
    let reply = world.send("POST", "/user/sessions", &headers, XML).await;
    assert_eq!((reply.status, reply.header("content-type")), (201, Some("application/vnd.ibexa.api.Session+xml")));
    assert!(reply.text.contains("href=\"/user/sessions/"), "{}", reply.text);
    for (kind, body) in [("application/json", JSON), ("application/xml", XML)] {
        let reply = world.send("POST", "/user/sessions", &[("content-type", kind), ("accept", kind)], body).await;
        assert_eq!(reply.status, 201, "{kind}: {}", reply.text);
    }
}

#[tokio::test]
async fn wrong_credentials_are_401_and_touch_nothing() {
    let world = World::new().await;
    let old = world.login().await;
    for body in [
        r#"{"SessionInput":{"login":"admin","password":"bad_password"}}"#,
        r#"{"SessionInput":{"login":"nobody","password":"publish"}}"#,
        r#"{"SessionInput":{"login":"admin","password":null}}"#,
        r#"{"SessionInput":{"login":"","password":""}}"#,
    ] {
        let reply = world.create(body, &[("cookie", &old.cookie()), ("x-csrf-token", &old.token)]).await;
        assert_eq!((reply.status, reply.description()), (401, "Invalid credentials.".into()), "{body}");
        assert!(reply.cookies().is_empty() && reply.header("www-authenticate").is_none());
        assert!(!reply.text.contains("bad_password"));
    }
    assert_eq!(refresh(&world, &old, &[("cookie", &old.cookie()), ("x-csrf-token", &old.token)]).await.status, 200);
    let log = world.log.0.lock().unwrap();
    assert_eq!(log[1], "sign_in_failed wrong_password admins admin/14 admin");
    assert_eq!(log[2], "sign_in_failed unknown_login - - nobody");
    assert!(!log.iter().any(|line| line.contains("publish") || line.contains(&old.id)));
}

#[tokio::test]
async fn an_active_session_of_the_same_account_is_kept_only_with_token_and_password() {
    let world = World::new().await;
    let old = world.login().await;
    let kept = world.create(JSON, &[("cookie", &old.cookie()), ("x-csrf-token", &old.token)]).await;
    assert_eq!(kept.status, 200);
    assert_eq!(client(&kept).id, old.id);
    assert!(kept.cookies().is_empty() && kept.header("location").is_none());
    for token in [None, Some("a.b.c")] {
        let now = world.login().await;
        let cookie = now.cookie();
        let mut headers = vec![("cookie", &*cookie)];
        headers.extend(token.map(|token| ("x-csrf-token", token)));
        let reply = world.create(JSON, &headers).await;
        assert_eq!(reply.status, 201, "{token:?}");
        assert_ne!(client(&reply).id, now.id);
        assert_eq!(refresh(&world, &now, &[("cookie", &cookie), ("x-csrf-token", &now.token)]).await.status, 404, "it ended");
    }
}

#[tokio::test]
async fn a_session_of_somebody_else_is_a_conflict_within_one_directory() {
    let world = World::new().await;
    let old = world.login().await;
    let editor = r#"{"SessionInput":{"login":"editor","password":"publish"}}"#;
    let reply = world.create(editor, &[("cookie", &old.cookie()), ("x-csrf-token", &old.token)]).await;
    assert_eq!((reply.status, &*reply.text), (409, ""));
    assert_eq!(refresh(&world, &old, &[("cookie", &old.cookie()), ("x-csrf-token", &old.token)]).await.status, 200);
    assert_eq!(world.create(editor, &[("cookie", &old.cookie())]).await.status, 201, "without the token it is a new session");
    let admin = world.login().await;
    let carla = r#"{"SessionInput":{"login":"carla","password":"customer"}}"#;
    let reply = world.create(carla, &[("cookie", &admin.cookie()), ("x-csrf-token", &admin.token)]).await;
    assert_eq!(reply.status, 201, "another directory has another cookie");
    assert!(reply.cookies()[0].starts_with("PHPSESSID="));
    let both = format!("{}; PHPSESSID={}", admin.cookie(), client(&reply).id);
    assert_eq!(world.create(editor, &[("cookie", &both), ("x-csrf-token", &admin.token)]).await.status, 409);
}

#[tokio::test]
async fn a_dead_cookie_counts_as_absent() {
    let world = World::new().await;
    let reply = world.create(JSON, &[("cookie", &format!("{COOKIE}={}", "a".repeat(32)))]).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.cookies().iter().filter(|cookie| cookie.starts_with(COOKIE)).count(), 1, "not deleted at once");
}

#[tokio::test]
async fn malformed_input_is_400() {
    let world = World::new().await;
    for (kind, body, text) in [
        (None, JSON, "Missing Content-Type header in message."),
        (
            Some("application/vnd.ibexa.api.SessionInput+json"),
            r#"{"x":{"login":"l"}}"#,
            "Missing 'password' attribute for SessionInput.",
        ),
        (Some("application/vnd.ibexa.api.SessionInput+json"), r#"{"x":{}}"#, "Missing 'login' attribute for SessionInput."),
        (Some("application/vnd.ibexa.api.SessionInput+yaml"), JSON, "Unknown format specification: 'yaml'."),
    ] {
        let mut headers = vec![AS_JSON];
        headers.extend(kind.map(|kind| ("content-type", kind)));
        let reply = world.send("POST", "/user/sessions", &headers, body).await;
        assert_eq!((reply.status, reply.description()), (400, text.to_owned()));
    }
    let reply = world.create(&format!("\"{}\"", "x".repeat(70_000)), &[]).await;
    assert_eq!(reply.status, 413);
    let reply = world.create("{\"x\":secret", &[]).await;
    assert!(reply.status == 400 && !reply.text.contains("secret"), "{}", reply.text);
}

#[tokio::test]
async fn another_site_signs_nobody_in() {
    let world = World::new().await;
    let reply = world.create(JSON, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(reply.status, 401);
    assert!(reply.cookies().is_empty());
}

#[tokio::test]
async fn the_current_session_is_shown_with_a_fresh_token() {
    let world = World::new().await;
    let who = world.login().await;
    let path = format!("{PREFIX}/user/sessions/current");
    let reply = world.send("GET", &path, &[AS_JSON, ("cookie", &who.cookie())], "").await;
    assert_eq!(reply.status, 200);
    let shown = client(&reply);
    assert_eq!((&shown.id, &shown.href), (&who.id, &who.href));
    assert_ne!(shown.token, who.token);
    assert_eq!(refresh(&world, &who, &[("cookie", &who.cookie()), ("x-csrf-token", &shown.token)]).await.status, 200);

    let reply = world.send("GET", &path, &[AS_JSON], "").await;
    assert_eq!((reply.status, &*reply.text, reply.cookies().len()), (404, "", 0));
    let reply = world.send("GET", &path, &[("cookie", &format!("{COOKIE}=gone"))], "").await;
    assert!(reply.status == 404 && reply.text.is_empty() && deletes_cookie(&reply));
    let head = world.send("HEAD", &path, &[("cookie", &who.cookie())], "").await;
    assert_eq!((head.status, &*head.text), (200, ""));
}

#[tokio::test]
async fn refresh_echoes_the_token_and_keeps_the_id() {
    let world = World::new().await;
    let who = world.login().await;
    let reply = refresh(&world, &who, &[("cookie", &who.cookie()), ("x-csrf-token", &who.token)]).await;
    let shown = client(&reply);
    assert_eq!((reply.status, &shown.id, &shown.token, &shown.href), (200, &who.id, &who.token, &who.href));
}

#[tokio::test]
async fn refresh_and_delete_need_the_token() {
    let world = World::new().await;
    let who = world.login().await;
    let cookie = who.cookie();
    for token in [None, Some("a.b.c")] {
        let mut headers = vec![("cookie", &*cookie)];
        headers.extend(token.map(|token| ("x-csrf-token", token)));
        let reply = refresh(&world, &who, &headers).await;
        assert_eq!((reply.status, reply.description()), (401, "Missing or invalid CSRF token".into()));
        assert!(reply.cookies().is_empty());
        let reply = delete(&world, &who.href, &headers).await;
        assert_eq!((reply.status, reply.header("content-type")), (401, Some("application/vnd.ibexa.api.ErrorMessage+xml")));
        assert!(reply.text.contains("<errorDescription>Missing or invalid CSRF token</errorDescription>"), "{}", reply.text);
    }
    let twice = [("cookie", &*cookie), ("x-csrf-token", &*who.token), ("x-csrf-token", &*who.token)];
    assert_eq!(refresh(&world, &who, &twice).await.status, 401, "which of two tokens counts is anybody's guess");
}

#[tokio::test]
async fn delete_ends_the_session_and_its_cookie() {
    let world = World::new().await;
    let who = world.login().await;
    let cookie = who.cookie();
    let headers = [("cookie", &*cookie), ("x-csrf-token", &*who.token)];
    let reply = delete(&world, &who.href, &headers).await;
    assert_eq!((reply.status, &*reply.text), (204, ""));
    assert_eq!(
        reply.cookies(),
        [format!(
            "{COOKIE}=deleted; expires=Mon, 14 Nov 2022 22:13:19 GMT; Max-Age=0; domain=.example.net; path=/; httponly; SameSite=Lax"
        )]
    );
    let again = delete(&world, &who.href, &headers).await;
    assert!(again.status == 404 && again.text.is_empty() && deletes_cookie(&again));
    let refreshed = refresh(&world, &who, &headers).await;
    assert!(refreshed.status == 404 && deletes_cookie(&refreshed));
    assert_eq!(world.log.0.lock().unwrap().last().unwrap(), "sign_out success admins admin/14 admin");
}

#[tokio::test]
async fn a_wrong_id_is_404_and_signs_nobody_out() {
    let world = World::new().await;
    let who = world.login().await;
    let cookie = who.cookie();
    let headers = [("cookie", &*cookie), ("x-csrf-token", &*who.token)];
    for id in ["other", "current", &"a".repeat(32), "%41"] {
        let href = format!("{PREFIX}/user/sessions/{id}");
        let reply = delete(&world, &href, &headers).await;
        assert_eq!((reply.status, &*reply.text, reply.cookies().len()), (404, "", 0), "{id}");
        let reply = world.send("POST", &format!("{href}/refresh"), &headers, "").await;
        assert_eq!((reply.status, reply.cookies().len()), (404, 0), "{id}");
    }
    assert_eq!(refresh(&world, &who, &headers).await.status, 200);
    assert_eq!(delete(&world, &who.href, &[]).await.status, 404, "without a cookie there is no session");
}

#[tokio::test]
async fn any_presented_session_can_be_addressed_by_its_own_token() {
    let world = World::new().await;
    let admin = world.login().await;
    let reply = world.create(r#"{"SessionInput":{"login":"carla","password":"customer"}}"#, &[]).await;
    let carla = client(&reply);
    let both = format!("{}; PHPSESSID={}", admin.cookie(), carla.id);
    assert_eq!(refresh(&world, &admin, &[("cookie", &both), ("x-csrf-token", &carla.token)]).await.status, 401);
    assert_eq!(refresh(&world, &admin, &[("cookie", &both), ("x-csrf-token", &admin.token)]).await.status, 200);
    let reply = delete(&world, &admin.href, &[("cookie", &both), ("x-csrf-token", &admin.token)]).await;
    assert!(reply.status == 204 && deletes_cookie(&reply) && reply.cookies().len() == 1, "only the addressed one ends");
    let current = world.send("GET", "/user/current", &[("cookie", &both)], "").await;
    assert_eq!(current.header("location"), Some("/user/users/42"));
}

#[tokio::test]
async fn too_many_failures_of_a_network_are_429_and_a_locked_account_looks_like_a_wrong_password() {
    let world = World::new().await;
    let who = world.login().await;
    let wrong = r#"{"SessionInput":{"login":"admin","password":"wrong"}}"#;
    for _ in 0..6 {
        assert_eq!(world.create(wrong, &[]).await.status, 401);
    }
    let locked = world.create(JSON, &[]).await;
    assert_eq!((locked.status, locked.description()), (401, "Invalid credentials.".into()));
    assert!(world.log.0.lock().unwrap().last().unwrap().starts_with("sign_in_failed locked "));
    let mut last = locked;
    for n in 0..200 {
        last = world.create(&format!(r#"{{"SessionInput":{{"login":"nobody{n}","password":"x"}}}}"#), &[]).await;
        if last.status != 401 {
            break;
        }
    }
    assert_eq!(last.status, 429);
    assert!(last.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    let current = world.send("GET", "/user/current", &[("cookie", &who.cookie())], "").await;
    assert_eq!(current.status, 307, "live sessions are untouched");
}

#[tokio::test]
async fn the_current_user_is_a_redirect() {
    let world = World::new().await;
    let who = world.login().await;
    let path = format!("{PREFIX}/user/current");
    let reply = world.send("GET", &path, &[("cookie", &who.cookie())], "").await;
    assert_eq!((reply.status, reply.header("location"), &*reply.text), (307, Some("/api/ibexa/v2/user/users/14"), ""));
    let reply = world.send("GET", &path, &[AS_JSON, ("x-csrf-token", &who.token)], "").await;
    assert_eq!((reply.status, reply.header("location"), reply.description()), (401, None, "Not logged in.".into()));
}

#[tokio::test]
async fn users_see_themselves_and_keepers_see_all() {
    let world = World::new().await;
    let admin = world.login().await;
    let editor = client(&world.create(r#"{"SessionInput":{"login":"editor","password":"publish"}}"#, &[]).await);
    let reply = world.create(r#"{"SessionInput":{"login":"carla","password":"customer"}}"#, &[]).await;
    let carla = format!("PHPSESSID={}", client(&reply).id);
    for (cookie, id, status) in [
        (admin.cookie(), 14, 200),
        (admin.cookie(), 15, 200),
        (admin.cookie(), 42, 200),
        (admin.cookie(), 99, 404),
        (editor.cookie(), 15, 200),
        (editor.cookie(), 14, 401),
        (editor.cookie(), 99, 401),
        (carla.clone(), 42, 200),
        (carla.clone(), 14, 401),
        (String::new(), 14, 401),
    ] {
        let path = format!("{PREFIX}/user/users/{id}");
        let reply = world.send("GET", &path, &[AS_JSON, ("cookie", &cookie)], "").await;
        assert_eq!(reply.status, status, "{id}");
        if status == 200 {
            let user = &reply.json()["User"];
            assert_eq!((&user["_id"], &user["_href"]), (&id.to_string().into(), &path.into()));
        }
    }
}

#[tokio::test]
async fn who_may_see_others_cannot_be_known_while_nobody_listens_to_changes() {
    let world = World::new().await;
    let admin = world.login().await;
    let editor = client(&world.create(r#"{"SessionInput":{"login":"editor","password":"publish"}}"#, &[]).await);
    world.deafen().await;
    for (who, id, status) in [(&admin, 14, 200), (&admin, 15, 503), (&editor, 15, 200), (&editor, 14, 401)] {
        let path = format!("{PREFIX}/user/users/{id}");
        let reply = world.send("GET", &path, &[AS_JSON, ("cookie", &who.cookie())], "").await;
        assert_eq!(reply.status, status, "{id}");
    }
}

#[tokio::test]
async fn the_root_names_what_is_served() {
    let world = World::new().await;
    let reply = world.send("GET", &format!("{PREFIX}/"), &[], "").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/vnd.ibexa.api.Root+xml")));
    for entry in [
        r#"<createSession media-type="application/vnd.ibexa.api.UserSession+xml" href="/api/ibexa/v2/user/sessions"/>"#,
        r#"<refreshSession media-type="application/vnd.ibexa.api.UserSession+xml" href="/api/ibexa/v2/user/sessions/{sessionId}/refresh"/>"#,
    ] {
        assert!(reply.text.contains(entry), "{}", reply.text);
    }
}

#[tokio::test]
async fn an_expected_user_must_be_the_one() {
    let world = World::new().await;
    let who = world.login().await;
    let path = format!("{PREFIX}/");
    for (expected, status) in [("", 200), ("admin", 200), ("foo", 401)] {
        let headers = [("accept", "application/json"), ("x-expected-user", expected), ("cookie", &who.cookie())];
        let reply = world.send("GET", &path, &headers, "").await;
        assert_eq!(reply.status, status, "{expected}");
        if status == 401 {
            assert_eq!(reply.description(), "Expectation failed. User changed.");
        }
    }
}

#[tokio::test]
async fn options_and_other_methods_name_what_is_allowed() {
    let world = World::new().await;
    for (path, allow) in [
        ("/", "GET"),
        ("/user/sessions", "POST"),
        ("/user/sessions/sess_123", "DELETE"),
        ("/user/sessions/sess_123/refresh", "POST"),
        ("/user/sessions/current", "GET"),
        ("/user/current", "GET"),
        ("/user/users/10", "GET"),
    ] {
        let path = format!("{PREFIX}{path}");
        let reply = world.send("OPTIONS", &path, &[], "").await;
        assert_eq!(
            (reply.status, reply.header("allow"), reply.header("content-length")),
            (200, Some(allow), Some("0")),
            "{path}"
        );
        let reply = world.send("PUT", &path, &[AS_JSON], "").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{path}");
        assert_eq!(reply.json()["ErrorMessage"]["Previous"]["ErrorMessage"]["errorCode"], 500);
    }
}

#[tokio::test]
async fn under_another_method_there_are_no_sessions() {
    let world = World::with(|policy| {
        let mut firewall = (*policy.firewalls[0]).clone();
        firewall.authentication = Authentication::None;
        policy.firewalls = vec![Arc::new(firewall)];
    })
    .await;
    let who = "/user/sessions/abc";
    for (method, path) in [
        ("POST", "/user/sessions".to_owned()),
        ("GET", "/user/sessions/current".to_owned()),
        ("DELETE", who.to_owned()),
        ("POST", format!("{who}/refresh")),
        ("OPTIONS", who.to_owned()),
    ] {
        let reply = world.send(method, &format!("{PREFIX}{path}"), &[AS_JSON, ("content-type", "application/json")], JSON).await;
        assert_eq!((reply.status, reply.description()), (404, "No such route".into()), "{method} {path}");
    }
    assert_eq!(world.send("GET", "/user/current", &[], "").await.status, 401);
    let root = world.send("GET", &format!("{PREFIX}/"), &[], "").await;
    assert!(root.status == 200 && !root.text.contains("createSession"));
}

#[test]
fn only_what_is_served_is_ours() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let world = runtime.block_on(World::new());
    let ours = |policy: &doorward_core::Policy, method: &str, path: &str| {
        let (dialect, prefix) = policy.dialect(path);
        super::recognise(policy, &method.parse().unwrap(), path, dialect, prefix).is_some()
    };
    for path in [
        "/user/users",
        "/user/users/x",
        "/user/users/14/roles",
        "/user/sessions/",
        "/user/sessions/a/b",
        "/api/ibexa/v2",
        "/content",
    ] {
        assert!(!ours(&world.policy, "GET", path), "{path}");
    }
    let mut left = (*world.policy).clone();
    left.serve = Serve { sessions: false, root: false, users: false, pages: false, jwt: false, ..left.serve };
    for path in ["/", "/user/sessions", "/user/sessions/current", "/user/current", "/user/users/14", "/login", "/logout"] {
        assert!(ours(&world.policy, "GET", path) && !ours(&left, "GET", path), "{path}");
    }
}
