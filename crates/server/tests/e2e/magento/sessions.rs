//! Sessions of customers and admins: the AJAX rule, signing in and out, cookies, and ids that change.

use super::{AJAX, FIREWALLS, said, unauthorized};
use crate::{
    gateway::{PASSWORD, magento_data},
    support::{
        Server, Site,
        client::{Connection, Reply},
        upstream::Upstream,
    },
};
use std::{sync::mpsc, time::Duration};

const ME: &str = "/rest/V1/customers/me";
const GROUPS: &str = "/rest/V1/customerGroups/1";
const JSON: &str = "Content-Type: application/json\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const WRONG: &str = r#"{"errors":true,"message":"Invalid login or password."}"#;
const WELCOME: &str = r#"{"errors":false,"message":"Login successful."}"#;

/// A shop with Magento's cookies, as magento-webapi 8.1 and 8.2 have them.
struct Shop {
    server: Server,
    upstream: Upstream,
    _site: Site,
}

impl Shop {
    fn open(api: &str, sessions: &str) -> Self {
        Self::before(Upstream::start(), api, sessions)
    }

    fn before(upstream: Upstream, api: &str, sessions: &str) -> Self {
        let site = Site::new(&format!(
            r#"[server]
listen = "127.0.0.1:0"
[operations]
listen = "127.0.0.1:0"
[log]
format = "json"
[passwords]
memory_kib = 1024
iterations = 1
[sessions]
{sessions}
[api]
{api}
[[directory]]
name = "customers"
kind = "customer"
cookie = "PHPSESSID"
cookie_lifetime = "1h"
idle_timeout = "1h"
[[directory]]
name = "admins"
kind = "admin"
cookie = "admin"
cookie_lifetime = "15m"
idle_timeout = "15m"
{FIREWALLS}
[routes]
files = [{:?}]
[[upstream]]
name = "shop"
url = "{}"
"#,
            magento_data(),
            upstream.url()
        ));
        site.ok(&["role", "add", "groups", "--allow", "Magento_Customer::group"], "");
        site.user("customers/jane@example.com", PASSWORD, &[]);
        site.user("customers/joe@example.com", PASSWORD, &[]);
        site.user("admins/clerk", PASSWORD, &["groups"]);
        Self { server: site.serve(), upstream, _site: site }
    }

    /// Signs a customer in as scripts of the storefront do.
    fn ajax(&self, login: &str, password: &str, headers: &str) -> Reply {
        let body = serde_json::json!({ "username": login, "password": password, "context": "checkout" }).to_string();
        self.server.send("POST", "/customer/ajax/login", &format!("{JSON}{AJAX}{headers}"), &body)
    }

    /// The `Cookie` line of a customer who signed in so.
    fn customer(&self, login: &str) -> String {
        let reply = self.ajax(login, PASSWORD, "");
        assert_eq!((reply.status, reply.body.as_str()), (200, WELCOME), "{reply:?}");
        format!("Cookie: {}\r\n", reply.cookie("PHPSESSID=").unwrap())
    }

    /// Opens the form of a page and sends it back.
    fn form(&self, page: &str, post: &str, login: &str, headers: &str) -> Reply {
        let shown = self.server.get(page, "");
        let (_, rest) = shown.body.split_once("name=\"form_key\" value=\"").unwrap_or_else(|| panic!("{shown:?}"));
        let key = rest.split('"').next().unwrap();
        let nonce = shown.cookie("doorward_form=").unwrap();
        let body = url(&[("login[username]", login), ("login[password]", PASSWORD), ("form_key", key)]);
        self.server.send("POST", post, &format!("{FORM}Cookie: {nonce}\r\n{headers}"), &body)
    }

    /// The `Cookie` line of the admin who signed in at the back office's page.
    fn admin(&self) -> String {
        let reply = self.form("/admin", "/admin", "clerk", "");
        assert_eq!((reply.status, reply.header("location")), (302, Some("/admin")), "{reply:?}");
        format!("Cookie: {}\r\n", reply.cookie("admin=").unwrap())
    }

    fn ask(&self, path: &str, headers: &str) -> (u16, String) {
        said(&self.server.get(path, headers))
    }

    fn status(&self, path: &str, headers: &str) -> u16 {
        self.server.get(path, headers).status
    }
}

fn url(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

/// RestSessionCookieTest::testRestSessionNoCookie.
#[test]
fn rest_session_cookie_test_rest_session_no_cookie() {
    let shop = Shop::open("", "");
    let reply = shop.server.get("/rest/V1/directory/countries", "");
    assert_eq!((reply.status, reply.header("set-cookie")), (200, None));
    // Nor does a customer's call set one there, though the cookie has a lifetime.
    let reply = shop.server.get("/rest/V1/directory/countries", &format!("{}{AJAX}", shop.customer("jane@example.com")));
    assert_eq!((reply.status, reply.header("set-cookie")), (200, None));
}

/// Cases that Magento's suite lacks, 1 and 2.
#[test]
fn a_customers_cookie_counts_on_ajax_calls_only() {
    let shop = Shop::open("", "");
    let jane = shop.customer("jane@example.com");
    assert_eq!(shop.status(ME, &format!("{jane}{AJAX}")), 200);
    assert!(shop.upstream.last().header("doorward-identity").unwrap().starts_with("customer/"));
    let guests = [
        (ME, String::new()),
        (ME, "X-Requested-With: xmlhttprequest\r\n".to_owned()),
        (ME, format!("{AJAX}{AJAX}")),
        ("/rest/V1/customers/me?isAjax=1", String::new()),
        ("/rest/V1/customers/me?ajax=1", String::new()),
        ("/rest/V1/customers/me?isAjax=true&ajax=true", String::new()),
        (ME, format!("{AJAX}Sec-Fetch-Mode: navigate\r\n")),
        (ME, format!("{AJAX}Sec-Fetch-Site: cross-site\r\n")),
        (ME, format!("{AJAX}Sec-Fetch-Site: same-site\r\n")),
        (ME, format!("{AJAX}Origin: https://evil.example\r\n")),
    ];
    for (path, headers) in &guests {
        let reply = shop.server.get(path, &format!("{jane}{headers}"));
        assert_eq!(said(&reply), unauthorized("self"), "{path} {headers:?}");
        assert_eq!(reply.header("set-cookie"), None, "the session is not touched");
        // On an anonymous route it is a guest's call.
        assert_eq!(shop.status("/rest/V1/directory/countries", &format!("{jane}{headers}")), 200);
        assert_eq!(shop.upstream.last().header("doorward-identity"), Some("guest"), "{headers:?}");
    }
    assert_eq!(shop.status(ME, &format!("{jane}{AJAX}")), 200, "the session is still there");
}

/// Case 3, its first half: the other one needs a token.
#[test]
fn a_bad_bearer_beside_a_cookie_is_the_cookies_customer() {
    let shop = Shop::open("", "");
    let jane = shop.customer("jane@example.com");
    let bad = "Authorization: Bearer nonsense\r\n";
    assert_eq!(shop.status(ME, &format!("{jane}{AJAX}{bad}")), 200);
    assert_eq!(shop.ask(ME, &format!("{jane}{bad}")), unauthorized("self"));
}

/// Case 4, as documented and as shipped.
#[test]
fn an_admins_session_counts_over_rest_unless_it_must_not() {
    let documented = Shop::open("", "");
    let admin = documented.admin();
    assert_eq!(documented.status(GROUPS, &format!("{admin}{AJAX}")), 200);
    assert!(documented.upstream.last().header("doorward-identity").unwrap().starts_with("admin/"));
    assert_eq!(documented.ask(GROUPS, &admin), unauthorized("Magento_Customer::group"));
    // With both cookies the customer's counts.
    let both =
        format!("{}; {}\r\n", documented.customer("jane@example.com").trim_end(), admin.trim_end().split_once(": ").unwrap().1);
    assert_eq!(documented.ask(GROUPS, &format!("{both}{AJAX}")), unauthorized("Magento_Customer::group"));
    assert_eq!(documented.status(ME, &format!("{both}{AJAX}")), 200);

    let shipped = Shop::open("magento_admin_session = false", "");
    let admin = shipped.admin();
    let reply = shipped.server.get(GROUPS, &format!("{admin}{AJAX}"));
    assert_eq!((said(&reply), reply.header("set-cookie")), (unauthorized("Magento_Customer::group"), None));
    assert!(shipped.server.get("/admin", &admin).body.contains("You are signed in"), "elsewhere it counts");
    let explained = shipped._site.run(&["explain", "GET", GROUPS, "--as", "admins/clerk", "--header", AJAX.trim_end()], "");
    assert!(explained.out.contains("`magento_admin_session` is false"), "{explained:?}");
}

#[test]
fn signing_in_and_out_by_script_answers_as_the_storefront_expects() {
    let shop = Shop::open("", "");
    let good = shop.ajax("jane@example.com", PASSWORD, "");
    assert_eq!((good.status, good.body.as_str()), (200, WELCOME));
    assert_eq!(good.header("content-type"), Some("application/json"));
    assert!(good.header("cache-control").unwrap().contains("no-store"));
    for (login, password) in [("jane@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("clerk", PASSWORD), ("", "")] {
        let reply = shop.ajax(login, password, "");
        assert_eq!((reply.status, reply.body.as_str(), reply.header("set-cookie")), (200, WRONG, None), "{login}");
    }
    let body = r#"{"username":"jane@example.com","password":"x"}"#;
    for headers in ["", "X-Requested-With: xmlhttprequest\r\n"] {
        let reply = shop.server.send("POST", "/customer/ajax/login", &format!("{JSON}{headers}"), body);
        assert_eq!((reply.status, reply.body.as_str()), (400, ""));
    }
    assert_eq!(shop.ajax("jane@example.com", PASSWORD, "Sec-Fetch-Site: cross-site\r\n").status, 403);

    let cookie = format!("Cookie: {}\r\n", good.cookie("PHPSESSID=").unwrap());
    assert_eq!(shop.server.get("/customer/ajax/logout", &cookie).status, 400, "a link signs nobody out");
    let foreign = format!("{cookie}{AJAX}Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(shop.server.get("/customer/ajax/logout", &foreign).status, 403);
    assert_eq!(shop.status(ME, &format!("{cookie}{AJAX}")), 200);
    let reply = shop.server.get("/customer/ajax/logout", &format!("{cookie}{AJAX}"));
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"message":"Logout Successful"}"#));
    assert!(reply.header("set-cookie").unwrap().starts_with("PHPSESSID=deleted; expires="));
    assert_eq!(shop.ask(ME, &format!("{cookie}{AJAX}")), unauthorized("self"));
}

#[test]
fn a_locked_account_answers_as_a_wrong_password() {
    let shop = Shop::open("", "");
    for _ in 0..12 {
        assert_eq!(shop.ajax("jane@example.com", "wrong", "").body, WRONG);
    }
    let locked = shop.ajax("jane@example.com", PASSWORD, "");
    assert_eq!((locked.status, locked.body.as_str()), (200, WRONG));
    let page = shop.form("/customer/account/login", "/customer/account/loginPost", "jane@example.com", "");
    assert_eq!(page.status, 401);
    assert!(page.body.contains("The account sign-in was incorrect or your account is disabled temporarily."), "{page:?}");
    assert!(!page.body.contains("locked"));
    assert_eq!(shop.ajax("joe@example.com", PASSWORD, "").body, WELCOME, "it is one account that is locked");
}

#[test]
fn cookies_are_as_the_shop_has_them() {
    let shop = Shop::open("", "");
    let line = |reply: &Reply, name: &str| reply.all("set-cookie").find(|line| line.starts_with(name)).unwrap().to_owned();
    let reply = shop.form("/customer/account/login", "/customer/account/loginPost", "jane@example.com", "");
    assert_eq!((reply.status, reply.header("location")), (302, Some("/customer/account")), "{reply:?}");
    let session = line(&reply, "PHPSESSID=");
    assert!(session.contains("; path=/; expires=") && session.ends_with("Max-Age=3600; HttpOnly; SameSite=Lax"), "{session}");
    let key = line(&reply, "form_key=");
    assert!(key.ends_with("Max-Age=3600; SameSite=Lax"), "scripts may read it: {key}");
    let admin = line(&shop.form("/admin", "/admin", "clerk", ""), "admin=");
    assert!(admin.ends_with("Max-Age=900; HttpOnly; SameSite=Lax"), "{admin}");
    // It was just sent, so the next call does not send it again.
    let cookie = format!("Cookie: {}\r\n", session.split(';').next().unwrap());
    assert_eq!(shop.server.get(ME, &format!("{cookie}{AJAX}")).header("set-cookie"), None);
}

#[test]
fn a_form_without_its_key_signs_nobody_in_and_neither_does_another_site() {
    let shop = Shop::open("", "");
    for (post, login) in [("/customer/account/loginPost", "jane@example.com"), ("/admin", "clerk")] {
        for key in ["", "AAAAAAAAAAAAAAAA"] {
            let body = url(&[("login[username]", login), ("login[password]", PASSWORD), ("form_key", key)]);
            // Whoever plants a cookie of the key gains nothing.
            let reply = shop.server.send("POST", post, &format!("{FORM}Cookie: form_key={key}\r\n"), &body);
            assert_eq!((reply.status, reply.cookie("PHPSESSID="), reply.cookie("admin=")), (400, None, None), "{post}");
        }
        let page = if post == "/admin" { post } else { "/customer/account/login" };
        for foreign in ["Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n", "Origin: null\r\n"] {
            assert_eq!(shop.form(page, post, login, foreign).status, 403, "{post} {foreign}");
        }
        assert_eq!(shop.form(page, post, login, "Sec-Fetch-Site: same-origin\r\n").status, 302);
    }
}

#[test]
fn the_id_changes_at_sign_in_and_calls_on_their_way_are_carried_over() {
    let shop = Shop::open("", "");
    let old = shop.customer("jane@example.com");
    let reply = shop.ajax("jane@example.com", PASSWORD, &old);
    let new = format!("Cookie: {}\r\n", reply.cookie("PHPSESSID=").unwrap());
    assert_ne!(old, new);
    for cookie in [&old, &new] {
        let reply = shop.server.get(ME, &format!("{cookie}{AJAX}"));
        assert_eq!((reply.status, reply.header("set-cookie")), (200, None), "{cookie}");
    }
    assert_eq!(shop.ask(ME, &old), unauthorized("self"), "the AJAX rule holds for it as for every other");
    // It ends nothing, and with the new session it is over.
    shop.server.get("/customer/ajax/logout", &format!("{old}{AJAX}"));
    assert_eq!(shop.status(ME, &format!("{new}{AJAX}")), 200);
    shop.server.get("/customer/ajax/logout", &format!("{new}{AJAX}"));
    for cookie in [&old, &new] {
        assert_eq!(shop.ask(ME, &format!("{cookie}{AJAX}")), unauthorized("self"), "{cookie}");
    }
}

#[test]
fn an_old_id_is_nobodys_when_another_account_signed_in_or_the_grace_is_over() {
    let shop = Shop::open("", "grace = \"1s\"");
    let jane = shop.customer("jane@example.com");
    let reply = shop.ajax("joe@example.com", PASSWORD, &jane);
    assert_eq!(reply.body, WELCOME);
    assert_eq!(shop.ask(ME, &format!("{jane}{AJAX}")), unauthorized("self"));
    // An id that was planted is never anybody's, before and after the sign-in.
    let planted = format!("Cookie: PHPSESSID={}\r\n", "a".repeat(32));
    let reply = shop.ajax("jane@example.com", PASSWORD, &planted);
    assert!(!planted.contains(&reply.cookie("PHPSESSID=").unwrap()));
    assert_eq!(shop.ask(ME, &format!("{planted}{AJAX}")), unauthorized("self"));
    let old = format!("Cookie: {}\r\n", reply.cookie("PHPSESSID=").unwrap());
    shop.ajax("jane@example.com", PASSWORD, &old);
    crate::support::eventually("the end of the grace", || (shop.status(ME, &format!("{old}{AJAX}")) == 401).then_some(()));
}

#[test]
fn a_call_that_waits_for_its_answer_outlives_the_change_of_the_id() {
    let (arrived, wait_for_arrival) = mpsc::channel();
    let (release, wait_for_release) = mpsc::channel::<()>();
    let (arrived, wait) = (std::sync::Mutex::new(arrived), std::sync::Mutex::new(wait_for_release));
    let upstream = Upstream::answering(move |request| {
        if request.line().contains("customers/me") {
            let _ = arrived.lock().unwrap().send(());
            let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(20));
        }
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\ntrue".to_owned()
    });
    let shop = Shop::before(upstream, "", "");
    let old = shop.customer("jane@example.com");
    let mut waiting = Connection::open(shop.server.public);
    waiting.send(&format!("GET {ME} HTTP/1.1\r\nHost: {}\r\n{old}{AJAX}\r\n", shop.server.public));
    wait_for_arrival.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(shop.ajax("jane@example.com", PASSWORD, &old).body, WELCOME);
    release.send(()).unwrap();
    let reply = waiting.reply();
    assert_eq!((reply.status, reply.body.as_str()), (200, "true"));
}
