use crate::api::world::{Reply, World};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const AJAX: (&str, &str) = ("x-requested-with", "XMLHttpRequest");
const LOGIN: &str = "/customer/ajax/login";
const GOOD: &str = r#"{"username":"carla","password":"customer","context":"checkout","captcha_string":""}"#;

async fn shop() -> World {
    World::with(|policy| policy.routes.magento_prefix = Some("/rest".into())).await
}

fn field(reply: &Reply, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let (_, rest) = reply.text.split_once(&start).unwrap_or_else(|| panic!("{name}: {}", reply.text));
    rest.split('"').next().unwrap().to_owned()
}

/// `name=value` of the cookie of this name that an answer sets.
fn cookie(reply: &Reply, name: &str) -> String {
    let start = format!("{name}=");
    let line =
        reply.cookies().into_iter().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{:?}", reply.cookies()));
    line.split(';').next().unwrap().to_owned()
}

fn form(login: &str, password: &str, key: &str) -> String {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("login[username]", login), ("login[password]", password), ("form_key", key)] {
        body.append_pair(name, value);
    }
    body.finish()
}

#[tokio::test]
async fn without_the_magento_dialect_there_are_no_doors() {
    let world = World::new().await;
    for path in ["/customer/account/login", "/customer/account/loginPost", LOGIN, "/customer/ajax/logout", "/admin"] {
        assert!(super::super::recognise(&world.policy, path).is_none(), "{path}");
    }
    let shop = shop().await;
    for path in ["/customer/account/login/", "/customer/account/login/referer/aHR0cA~~/", "/admin/", "/admin/auth/logout"] {
        assert!(super::super::recognise(&shop.policy, path).is_some(), "{path}");
    }
    for path in ["/customer/account", "/customer/account/create", "/admin/dashboard", "/administrator", "/customer/ajax"] {
        assert!(super::super::recognise(&shop.policy, path).is_none(), "{path}");
    }
}

#[tokio::test]
async fn a_customer_signs_in_and_out_on_the_pages() {
    let world = shop().await;
    let page = world.send("GET", "/customer/account/login", &[], "").await;
    let (key, nonce) = (field(&page, "form_key"), cookie(&page, "doorward_form"));
    assert!(key.len() == 16 && cookie(&page, "form_key") == format!("form_key={key}"));
    assert!(page.cookies().iter().any(|line| line.starts_with("doorward_form=") && line.contains("path=/customer; HttpOnly")));
    assert!(page.cookies().iter().any(|line| line.starts_with("form_key=") && !line.to_lowercase().contains("httponly")));
    let reply =
        world.send("POST", "/customer/account/loginPost", &[FORM, ("cookie", &nonce)], &form("carla", "customer", &key)).await;
    assert_eq!((reply.status, reply.header("location")), (302, Some("/customer/account")));
    let (session, own) = (cookie(&reply, "PHPSESSID"), cookie(&reply, "form_key"));
    assert!(reply.cookies()[0].starts_with("PHPSESSID="), "clients take the first one");
    assert_ne!(own, format!("form_key={key}"), "the key changes with the session");

    let who = world.send("GET", "/customer/account/login", &[("cookie", &session)], "").await;
    assert!(who.text.contains("carla") && who.text.contains("/customer/account/logout"), "{}", who.text);
    let question = world.send("GET", "/customer/account/logout", &[("cookie", &session)], "").await;
    assert!(question.cookies().is_empty() && own == format!("form_key={}", field(&question, "form_key")));
    for key in ["", "form_key=AAAAAAAAAAAAAAAA"] {
        assert_eq!(world.send("POST", "/customer/account/logout", &[FORM, ("cookie", &session)], key).await.status, 401);
    }
    let reply = world.send("POST", "/customer/account/logout", &[FORM, ("cookie", &session)], &own).await;
    assert_eq!(reply.status, 200);
    assert!(cookie(&reply, "PHPSESSID").ends_with("=deleted") && cookie(&reply, "form_key").ends_with("=deleted"));
    let again = world.send("GET", "/customer/account/login", &[("cookie", &session)], "").await;
    assert!(again.text.contains("login[password]"));
}

#[tokio::test]
async fn each_door_knows_its_own_people_only() {
    let world = shop().await;
    let page = world.send("GET", "/admin", &[], "").await;
    assert!(page.cookies().iter().all(|line| !line.starts_with("form_key=")), "the back office has no key for scripts");
    let (key, nonce) = (field(&page, "form_key"), cookie(&page, "doorward_form"));
    let headers = [FORM, ("cookie", &*nonce)];
    assert_eq!(world.send("POST", "/admin", &headers, &form("carla", "customer", &key)).await.status, 401);
    let reply = world.send("POST", "/admin", &headers, &form("admin", "publish", &key)).await;
    assert_eq!((reply.status, reply.header("location")), (302, Some("/admin")));
    let admin = cookie(&reply, crate::api::world::COOKIE);
    // The customers' door neither shows nor ends an admin's session.
    let other = world.send("GET", "/customer/account/login", &[("cookie", &admin)], "").await;
    assert!(other.text.contains("login[password]"));
    world.send("POST", "/customer/ajax/logout", &[AJAX, ("cookie", &admin)], "").await;
    let who = world.send("GET", "/admin", &[("cookie", &admin)], "").await;
    assert!(who.text.contains("You are signed in") && who.text.contains("/admin/auth/logout"));
    let body = r#"{"username":"admin","password":"publish"}"#;
    assert_eq!(world.send("POST", LOGIN, &[AJAX], body).await.json()["errors"], true);
}

#[tokio::test]
async fn a_form_needs_its_key_and_no_other_site_signs_anybody_in() {
    let world = shop().await;
    let page = world.send("GET", "/customer/account/login", &[], "").await;
    let (key, nonce) = (field(&page, "form_key"), cookie(&page, "doorward_form"));
    let other = cookie(&world.send("GET", "/customer/account/login", &[], "").await, "doorward_form");
    let planted = format!("{other}; form_key={key}");
    let post = "/customer/account/loginPost";
    for (cookie, key) in [("", &*key), (&other, &key), (&planted, &key), (&nonce, ""), (&nonce, "AAAAAAAAAAAAAAAA")] {
        let reply = world.send("POST", post, &[FORM, ("cookie", cookie)], &form("carla", "customer", key)).await;
        assert_eq!(reply.status, 400, "{cookie} {key}");
        assert!(reply.text.contains("Invalid Form Key") && reply.cookies().iter().all(|line| !line.starts_with("PHPSESSID")));
    }
    for foreign in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")] {
        for (path, headers, body) in
            [(post, [FORM, foreign], form("carla", "customer", &key)), (LOGIN, [AJAX, foreign], GOOD.to_owned())]
        {
            let with = [headers[0], headers[1], ("cookie", &*nonce)];
            let reply = world.send("POST", path, &with, &body).await;
            assert_eq!((reply.status, reply.cookies().len()), (401, 0), "{path} {foreign:?}");
        }
    }
    // A script's call needs no key.
    assert_eq!(world.send("POST", post, &[FORM, AJAX], &form("carla", "customer", "")).await.status, 302);
}

#[tokio::test]
async fn scripts_sign_in_and_out() {
    let world = shop().await;
    let reply = world.send("POST", LOGIN, &[AJAX], GOOD).await;
    assert_eq!((reply.status, &*reply.text), (200, r#"{"errors":false,"message":"Login successful."}"#));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let session = cookie(&reply, "PHPSESSID");
    assert_eq!(cookie(&reply, "form_key").len(), "form_key=".len() + 16);
    for method in ["GET", "POST"] {
        let signed_in = cookie(&world.send("POST", LOGIN, &[AJAX], GOOD).await, "PHPSESSID");
        let out = world.send(method, "/customer/ajax/logout", &[AJAX, ("cookie", &signed_in)], "").await;
        assert_eq!((out.status, &*out.text), (200, r#"{"message":"Logout Successful"}"#));
        assert_eq!(cookie(&out, "PHPSESSID"), "PHPSESSID=deleted");
        let page = world.send("GET", "/customer/account/login", &[("cookie", &signed_in)], "").await;
        assert!(page.text.contains("login[password]"));
    }
    let out = world.send("POST", "/customer/ajax/logout", &[AJAX], "").await;
    assert_eq!((out.status, &*out.text, out.cookies().len()), (200, r#"{"message":"Logout Successful"}"#, 0));
    let page = world.send("GET", "/customer/account/login", &[("cookie", &session)], "").await;
    assert!(page.text.contains("You are signed in"), "another session is not touched");
}

#[tokio::test]
async fn what_is_no_ajax_call_is_a_bare_400() {
    let world = shop().await;
    let none: [&[(&str, &str)]; 5] = [
        &[],
        &[("x-requested-with", "xmlhttprequest")],
        &[AJAX, AJAX],
        &[AJAX, ("sec-fetch-mode", "navigate")],
        &[("content-type", "application/json")],
    ];
    for headers in none {
        for path in [LOGIN, "/customer/ajax/logout"] {
            let reply = world.send("POST", path, headers, GOOD).await;
            assert_eq!((reply.status, &*reply.text, reply.cookies().len()), (400, "", 0), "{path} {headers:?}");
        }
    }
    assert_eq!(world.send("GET", LOGIN, &[AJAX], "").await.status, 400);
    assert_eq!(world.send("DELETE", "/customer/ajax/logout", &[AJAX], "").await.status, 400);
    for body in ["", "{}", "[]", "nonsense", r#""text""#, r#"{"username":"carla","username":"carla","password":"customer"}"#] {
        let reply = world.send("POST", LOGIN, &[AJAX], body).await;
        assert_eq!((reply.status, &*reply.text), (400, ""), "{body}");
    }
}

#[tokio::test]
async fn every_wrong_sign_in_reads_alike_a_locked_one_too() {
    let world = shop().await;
    let wrong = r#"{"errors":true,"message":"Invalid login or password."}"#;
    for body in [r#"{"username":"nobody","password":"x"}"#, r#"{"username":"carla"}"#, r#"{"username":1,"password":["x"]}"#] {
        let reply = world.send("POST", LOGIN, &[AJAX], body).await;
        assert_eq!((reply.status, &*reply.text, reply.cookies().len()), (200, wrong, 0), "{body}");
    }
    let page = world.send("GET", "/customer/account/login", &[], "").await;
    let (key, nonce) = (field(&page, "form_key"), cookie(&page, "doorward_form"));
    let mut alerts = Vec::new();
    for (login, password) in [("nobody", "x"), ("carla", "x"), ("carla", "customer")] {
        if password == "customer" {
            for _ in 0..12 {
                let reply = world.send("POST", LOGIN, &[AJAX], r#"{"username":"carla","password":"wrong"}"#).await;
                assert_eq!(reply.text, wrong);
            }
            // Locked by now: the right password is answered as a wrong one.
            assert_eq!(world.send("POST", LOGIN, &[AJAX], GOOD).await.text, wrong);
        }
        let reply =
            world.send("POST", "/customer/account/loginPost", &[FORM, ("cookie", &nonce)], &form(login, password, &key)).await;
        assert_eq!(reply.status, 401);
        alerts.push(reply.text.split("role=\"alert\"").nth(1).unwrap().split("</div>").next().unwrap().to_owned());
    }
    assert!(alerts.iter().all(|alert| *alert == alerts[0]), "{alerts:?}");
}

#[tokio::test]
async fn no_sign_in_leads_away_from_this_origin() {
    let world = shop().await;
    for (wanted, target) in [
        ("/checkout", "/checkout"),
        ("/", "/"),
        ("", "/customer/account"),
        ("//evil.example", "/customer/account"),
        ("https://evil.example", "/customer/account"),
        ("/login", "/customer/account"),
    ] {
        let page = world.send("GET", &format!("/customer/account/login?return={wanted}"), &[], "").await;
        assert_eq!(field(&page, "_target_path"), target, "{wanted}");
        let (key, nonce) = (field(&page, "form_key"), cookie(&page, "doorward_form"));
        let body = format!("{}&_target_path={wanted}", form("carla", "customer", &key));
        let reply = world.send("POST", "/customer/account/loginPost", &[FORM, ("cookie", &nonce)], &body).await;
        assert_eq!((reply.status, reply.header("location")), (302, Some(target)), "{wanted}");
    }
}
