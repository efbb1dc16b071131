use super::{entry_redirect, forbidden};
use crate::api::world::{COOKIE, PREFIX, Reply, World};
use doorward_core::policy::Serve;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The value of a hidden field.
fn field(reply: &Reply, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let (_, rest) = reply.text.split_once(&start).unwrap_or_else(|| panic!("{name}: {}", reply.text));
    rest.split('"').next().unwrap().to_owned()
}

fn pair(set_cookie: &str) -> String {
    set_cookie.split(';').next().unwrap().to_owned()
}

/// Opens the form and sends it back.
async fn sign_in(world: &World, path: &str, login: &str, password: &str) -> Reply {
    let form = world.send("GET", path, &[], "").await;
    assert_eq!(form.status, 200);
    let cookie = pair(form.cookies()[0]);
    let body: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("_username", login)
        .append_pair("_password", password)
        .append_pair("_csrf_token", &field(&form, "_csrf_token"))
        .append_pair("_target_path", &field(&form, "_target_path").replace("&#38;", "&"))
        .finish();
    let action = path.split('?').next().unwrap();
    world.send("POST", action, &[FORM, ("cookie", &cookie)], &body).await
}

#[tokio::test]
async fn signs_in_and_leads_to_where_one_wanted_to_go() {
    let world = World::new().await;
    let reply = sign_in(&world, "/login?return=%2Forders%3Fx%3D1%26y%3D2", "admin", "publish").await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/orders?x=1&y=2")));
    assert!(reply.cookies()[0].starts_with(&format!("{COOKIE}=")) && reply.cookies()[1].starts_with("doorward_device="));
    // The session serves REST calls, and a whole Set-Cookie sent back as Cookie starts another.
    let session = pair(reply.cookies()[0]);
    let current = world.send("GET", &format!("{PREFIX}/user/current"), &[("cookie", &session)], "").await;
    assert_eq!(current.status, 307);
    let again = world.create(crate::api::world::JSON, &[("cookie", reply.cookies()[0])]).await;
    assert_eq!(again.status, 201);
    assert_eq!(*world.log.0.lock().unwrap(), vec!["sign_in success admins admin/14 admin"; 2]);
}

#[tokio::test]
async fn a_directory_has_a_page_of_its_own() {
    let world = World::new().await;
    assert_eq!(sign_in(&world, "/login/admins", "admin", "publish").await.status, 303);
    assert_eq!(sign_in(&world, "/login/customers", "admin", "publish").await.status, 401);
    assert_eq!(sign_in(&world, "/login/customers", "carla", "customer").await.status, 303);
}

#[tokio::test]
async fn every_wrong_sign_in_reads_alike_and_repeats_no_password() {
    let world = World::new().await;
    let mut texts = Vec::new();
    for (login, password) in [("admin", "hunter2secret"), ("nobody", "hunter2secret"), ("admin", "")] {
        let reply = sign_in(&world, "/login", login, password).await;
        assert_eq!(reply.status, 401);
        assert!(reply.text.contains("role=\"alert\"") && !reply.text.contains("hunter2secret"));
        assert!(reply.text.contains(&format!("value=\"{login}\"")) && reply.cookies().is_empty());
        assert!(reply.header("www-authenticate").is_some());
        texts.push(reply.text.split("role=\"alert\"").nth(1).unwrap().split("</div>").next().unwrap().to_owned());
    }
    assert!(texts.iter().all(|text| *text == texts[0]));
}

#[tokio::test]
async fn the_form_needs_its_own_token() {
    let world = World::new().await;
    let form = world.send("GET", "/login", &[], "").await;
    let (cookie, token) = (pair(form.cookies()[0]), field(&form, "_csrf_token"));
    let other = pair(world.send("GET", "/login", &[], "").await.cookies()[0]);
    let body = |token: &str| format!("_username=admin&_password=publish&_csrf_token={token}");
    for (cookie, token) in [("", &*token), (&other, &token), (&cookie, ""), (&cookie, "a.b.c")] {
        let reply = world.send("POST", "/login", &[FORM, ("cookie", cookie)], &body(token)).await;
        assert_eq!(reply.status, 400, "{cookie} {token}");
        assert!(!reply.cookies().iter().any(|cookie| cookie.starts_with(COOKIE)));
    }
    let foreign = [FORM, ("cookie", &*cookie), ("sec-fetch-site", "cross-site")];
    assert_eq!(world.send("POST", "/login", &foreign, &body(&token)).await.status, 401);
    let twice = format!("{}&_username=editor", body(&token));
    assert_eq!(world.send("POST", "/login", &[FORM, ("cookie", &cookie)], &twice).await.status, 400);
    assert_eq!(world.send("POST", "/login", &[("cookie", &cookie)], &body(&token)).await.status, 415);
    assert_eq!(world.send("POST", "/login", &[FORM, ("cookie", &cookie)], &body(&token)).await.status, 303);
}

#[tokio::test]
async fn no_redirect_leaves_this_origin() {
    let world = World::new().await;
    for wanted in ["//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil.example", "/login"] {
        let reply = sign_in(&world, &format!("/login?return={wanted}"), "admin", "publish").await;
        assert_eq!((reply.status, reply.header("location")), (303, Some("/")), "{wanted}");
    }
}

#[tokio::test]
async fn pages_are_strict_and_not_stored() {
    let world = World::new().await;
    for path in ["/login", "/login/admins", "/logout"] {
        let reply = world.send("GET", path, &[], "").await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert_eq!(reply.header("content-security-policy"), Some(doorward_wire::pages::CONTENT_SECURITY_POLICY));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let head = world.send("HEAD", path, &[], "").await;
        assert_eq!((head.status, &*head.text), (200, ""));
    }
    let style = world.send("GET", doorward_wire::pages::STYLE_PATH, &[], "").await;
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
}

#[tokio::test]
async fn whoever_is_signed_in_sees_it_and_may_sign_out() {
    let world = World::new().await;
    let session = pair(sign_in(&world, "/login", "admin", "publish").await.cookies()[0]);
    let page = world.send("GET", "/login?return=/orders", &[("cookie", &session)], "").await;
    assert!(page.text.contains("You are signed in") && page.text.contains("/logout") && page.text.contains("href=\"/orders\""));
    let other = world.send("GET", "/login/customers", &[("cookie", &session)], "").await;
    assert!(other.text.contains("_password"), "another directory is another sign-in");

    let question = world.send("GET", "/logout", &[("cookie", &session)], "").await;
    assert!(question.text.contains("Sign out?"));
    for token in ["", "a.b.c"] {
        let reply = world.send("POST", "/logout", &[FORM, ("cookie", &session)], &format!("_csrf_token={token}")).await;
        assert_eq!((reply.status, reply.cookies().len()), (401, 0));
    }
    let body = format!("_csrf_token={}", field(&question, "_csrf_token"));
    let foreign = [FORM, ("cookie", &*session), ("sec-fetch-site", "same-site")];
    assert_eq!(world.send("POST", "/logout", &foreign, &body).await.status, 401);
    let reply = world.send("POST", "/logout", &[FORM, ("cookie", &session)], &body).await;
    assert_eq!(reply.status, 200);
    assert!(reply.cookies()[0].starts_with(&format!("{COOKIE}=deleted;")));
    assert_eq!(world.send("GET", "/user/current", &[("cookie", &session)], "").await.status, 401);
    assert_eq!(world.log.0.lock().unwrap().last().unwrap(), "sign_out success admins admin/14 admin");
}

#[tokio::test]
async fn signing_out_ends_all_presented_sessions() {
    let world = World::new().await;
    let admin = pair(sign_in(&world, "/login", "admin", "publish").await.cookies()[0]);
    let carla = pair(sign_in(&world, "/login", "carla", "customer").await.cookies()[0]);
    let both = format!("{admin}; {carla}");
    let question = world.send("GET", "/logout", &[("cookie", &both)], "").await;
    assert!(question.text.contains("admin") && question.text.contains("carla"));
    let body = format!("_csrf_token={}", field(&question, "_csrf_token"));
    let reply = world.send("POST", "/logout", &[FORM, ("cookie", &both)], &body).await;
    assert_eq!((reply.status, reply.cookies().len()), (200, 2));
    for cookie in [&admin, &carla] {
        assert_eq!(world.send("GET", "/user/current", &[("cookie", cookie)], "").await.status, 401);
    }
}

#[tokio::test]
async fn a_refused_navigation_goes_to_the_sign_in_page_and_never_in_a_circle() {
    let world = World::new().await;
    let navigate = [("sec-fetch-mode", "navigate")];
    let html = [("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")];
    let to = |method: &str, path: &str, headers: &[(&str, &str)]| {
        entry_redirect(&world.policy, &world.admitted(method, path, headers)).map(Reply::of)
    };
    for headers in [&navigate[..], &html[..]] {
        let reply = to("GET", "/orders?x=1&y=2", headers).unwrap();
        assert_eq!((reply.status, reply.header("location")), (303, Some("/login?return=%2Forders%3Fx%3D1%26y%3D2")));
    }
    for (method, path, headers) in [
        ("POST", "/orders", &navigate[..]),
        ("GET", "/login", &navigate[..]),
        ("GET", "/login/admins", &navigate[..]),
        ("GET", "/logout", &navigate[..]),
        ("GET", "/orders", &[("accept", "application/json")][..]),
        ("GET", "/orders", &[("accept", "text/html"), ("sec-fetch-mode", "cors")][..]),
        ("GET", "/orders", &[][..]),
    ] {
        assert!(to(method, path, headers).is_none(), "{method} {path} {headers:?}");
    }
    let mut without = (*world.policy).clone();
    without.serve = Serve { pages: false, ..without.serve };
    assert!(entry_redirect(&without, &world.admitted("GET", "/orders", &navigate)).is_none());
}

#[tokio::test]
async fn whoever_may_not_gets_a_page() {
    let world = World::new().await;
    let reply = Reply::of(forbidden(&world.admitted("GET", "/x", &[("sec-fetch-mode", "navigate")]), "a<b").unwrap());
    assert_eq!(reply.status, 403);
    assert!(reply.text.contains("a&#60;b"), "{}", reply.text);
    assert!(forbidden(&world.admitted("GET", "/x", &[]), "ada").is_none());
}
