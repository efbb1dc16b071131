//! Customers of several websites: where they sign in, and where links in their mails lead (magento-webapi 3.6, 4.6, 6.1, 8.1).

use super::{
    AJAX, FIREWALLS, Shop,
    counter::{MAIL, NEW_PASSWORD, OLD_PASSWORD, person},
    said, unauthorized,
};
use crate::support::{client::Reply, eventually};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::fs;

const JSON: &str = "Content-Type: application/json\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const SECOND: &str = "/fixture_second_store";
const EMAIL: &str = "ann@example.com";

/// A shop with a fourth view, of a third website, that has a host of its own.
fn shop(accounts: &str) -> Shop {
    let api = "serve = [\"sessions\", \"tokens\", \"accounts\"]\n\
               [[store_view]]\ncode = \"us\"\nwebsite = \"us_site\"\nhost = \"us.shop.test\"";
    Shop::open(api, &format!("{FIREWALLS}{MAIL}[accounts]\n{accounts}\n"))
}

/// A request to a host.
fn at(shop: &Shop, host: &str, method: &str, path: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    shop.server.exchange(&format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    ))
}

fn here(shop: &Shop) -> String {
    shop.server.public.to_string()
}

/// Signs up in a view; the customer.
fn register(shop: &Shop, view: &str, password: &str) -> Value {
    let body = json!({"customer": person(EMAIL), "password": password}).to_string();
    let reply = shop.server.send("POST", &format!("/rest{view}/V1/customers"), JSON, &body);
    assert_eq!(reply.status, 200, "{view}: {reply:?}");
    reply.json()
}

/// One person with an account on each of the three websites, each with a password of its own.
fn three_accounts(shop: &Shop) -> [(&'static str, &'static str, Value); 3] {
    [("", "Green parrot 42 sings"), (SECOND, "Brown otter 17 swims"), ("/us", "White heron 88 sleeps")]
        .map(|(view, password)| (view, password, register(shop, view, password)["id"].clone()))
}

fn ajax(shop: &Shop, host: &str, path: &str, headers: &str, password: &str) -> Reply {
    let body = json!({"username": EMAIL, "password": password}).to_string();
    at(shop, host, "POST", path, &format!("{JSON}{AJAX}{headers}"), &body)
}

/// Whether it signed in.
fn welcomed(reply: &Reply) -> bool {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["errors"] == false
}

fn hidden(reply: &Reply, name: &str) -> String {
    let (_, rest) = reply.body.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {reply:?}"));
    rest.split('"').next().unwrap().to_owned()
}

fn form(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

/// The link in the newest mail of a sort, once there are `count`.
fn link(shop: &Shop, sort: &str, count: usize) -> String {
    let folder = shop.site.path().join("mail");
    let text = eventually(&format!("{count} mails: {sort}"), || {
        let mut found: Vec<_> = fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.path()).collect();
        found
            .retain(|path| path.to_string_lossy().contains(&format!("-{sort}-")) && path.extension().is_some_and(|e| e == "eml"));
        found.sort();
        if found.len() < count { None } else { fs::read_to_string(found.pop()?).ok() }
    });
    let text = text.replace("=\r\n", "").replace("=3D", "=");
    text.split_whitespace().find(|word| word.contains("/customers/")).unwrap_or_else(|| panic!("no link: {text}")).to_owned()
}

#[test]
fn at_the_ajax_door_path_host_and_cookie_say_the_website() {
    let shop = shop("");
    let accounts = three_accounts(&shop);
    let (here, us) = (here(&shop), "us.shop.test".to_owned());
    for (host, path, cookie, expected) in [
        (&here, "/customer/ajax/login", "", ""),
        (&here, "/fr/customer/ajax/login", "", ""),
        (&here, "/fixture_second_store/customer/ajax/login", "", SECOND),
        (&here, "/us/customer/ajax/login", "", "/us"),
        (&here, "/customer/ajax/login", "Cookie: store=fixture_second_store\r\n", SECOND),
        (&here, "/customer/ajax/login", "Cookie: store=nosuch\r\n", ""),
        (&here, "/customer/ajax/login", "Cookie: store=us; store=default\r\n", ""),
        (&here, "/us/customer/ajax/login", "Cookie: store=fixture_second_store\r\n", "/us"),
        (&us, "/customer/ajax/login", "", "/us"),
        (&us, "/customer/ajax/login", "Cookie: store=fixture_second_store\r\n", "/us"),
        (&us, "/fixture_second_store/customer/ajax/login", "", SECOND),
    ] {
        for (view, password, id) in &accounts {
            // Each wrong one counts as a failure of the account that is meant; a right one forgets them.
            let reply = ajax(&shop, host, path, cookie, password);
            assert_eq!(welcomed(&reply), *view == expected, "{host} {path} {cookie} {view}");
            if *view == expected {
                let session = format!("Cookie: {}\r\n{AJAX}", reply.cookie("doorward_customers=").unwrap());
                let me = shop.server.get(&format!("/rest{view}/V1/customers/me"), &session);
                assert_eq!((me.status, &me.json()["id"]), (200, id), "{me:?}");
            }
        }
    }
}

/// Under HTTP Basic each request is a sign-in, and is about the website that its path or host says.
#[test]
fn a_pair_is_looked_up_where_path_and_host_say() {
    let basic = "[[firewall]]\nname = \"pairs\"\nwhen = \"basic\"\nauthentication = \"basic\"\ndirectory = \"customers\"\n";
    let api = "serve = [\"sessions\", \"tokens\", \"accounts\"]\n\
               [[store_view]]\ncode = \"us\"\nwebsite = \"us_site\"\nhost = \"us.shop.test\"";
    let shop = Shop::prepared(api, &format!("{basic}{FIREWALLS}{MAIL}"), |site| {
        drop(site.write("routes.toml", "[[route]]\nmethods = [\"GET\"]\npath = \"/hello\"\nrequire = [\"self\"]\n"));
    });
    let accounts = three_accounts(&shop);
    let (here, us) = (here(&shop), "us.shop.test".to_owned());
    let me = "/V1/customers/me";
    for (host, path, expected) in [
        (&here, format!("/rest{me}"), ""),
        (&here, format!("/rest/fixture_second_store{me}"), SECOND),
        (&here, format!("/rest/us{me}"), "/us"),
        (&us, format!("/rest{me}"), "/us"),
        (&us, format!("/rest/default{me}"), ""),
        (&here, "/hello".to_owned(), ""),
        (&us, "/hello".to_owned(), "/us"),
    ] {
        for (view, password, id) in &accounts {
            let pair = STANDARD.encode(format!("{EMAIL}:{password}"));
            // A cookie has no say. What is remembered of a pair counts where it was right, and nowhere else.
            let headers = format!("Authorization: Basic {pair}\r\nCookie: store=fixture_second_store\r\n");
            if path == "/hello" {
                let header = format!("Authorization: Basic {pair}");
                let explained = shop.site.run(&["explain", "GET", &format!("http://{host}{path}"), "--header", &header], "");
                assert_eq!(explained.code, i32::from(*view != expected), "{host} {view}: {explained:?}");
            }
            for _ in 0..2 {
                let reply = at(&shop, host, "GET", &path, &headers, "");
                assert_eq!(reply.status, if *view == expected { 200 } else { 401 }, "{host} {path} {view}: {reply:?}");
                if *view != expected {
                    break;
                }
                match path.as_str() {
                    "/hello" => assert_eq!(shop.named(), format!("customer/{id}")),
                    _ => assert_eq!(&reply.json()["id"], id),
                }
            }
        }
    }
}

#[test]
fn a_session_of_one_website_is_nobodys_self_on_another() {
    let shop = shop("");
    three_accounts(&shop);
    let reply = ajax(&shop, &here(&shop), "/us/customer/ajax/login", "", "White heron 88 sleeps");
    let session = format!("Cookie: {}\r\n{AJAX}", reply.cookie("doorward_customers=").unwrap());
    for view in ["", "/fr", SECOND] {
        assert_eq!(said(&shop.server.get(&format!("/rest{view}/V1/customers/me"), &session)), unauthorized("self"), "{view}");
    }
    // At its host no path is needed.
    let me = at(&shop, "us.shop.test", "GET", "/rest/V1/customers/me", &session, "");
    assert_eq!(me.status, 200, "{me:?}");
    let other = at(&shop, "us.shop.test", "GET", "/rest/default/V1/customers/me", &session, "");
    assert_eq!(said(&other), unauthorized("self"));
}

#[test]
fn a_token_is_for_the_website_of_its_view() {
    let shop = shop("");
    let accounts = three_accounts(&shop);
    let here = here(&shop);
    for (host, asked, expected) in [
        (&*here, "", ""),
        (&here, "/fr", ""),
        (&here, SECOND, SECOND),
        (&here, "/us", "/us"),
        ("us.shop.test", "", "/us"),
        ("us.shop.test", SECOND, SECOND),
    ] {
        for (view, password, id) in &accounts {
            let body = json!({"username": EMAIL, "password": password}).to_string();
            let reply = at(&shop, host, "POST", &format!("/rest{asked}/V1/integration/customer/token"), JSON, &body);
            assert_eq!(reply.status, if *view == expected { 200 } else { 401 }, "{host} {asked} {view}: {reply:?}");
            if reply.status == 200 {
                let bearer = format!("Authorization: Bearer {}\r\n", reply.json().as_str().unwrap());
                let me = at(&shop, host, "GET", &format!("/rest{asked}/V1/customers/me"), &bearer, "");
                assert_eq!((me.status, &me.json()["id"]), (200, id), "{me:?}");
                let elsewhere = if *view == SECOND { "/us" } else { SECOND };
                let refused = at(&shop, host, "GET", &format!("/rest{elsewhere}/V1/customers/me"), &bearer, "");
                assert_eq!(said(&refused), unauthorized("self"));
            }
        }
    }
}

#[test]
fn the_pages_of_a_view_lead_to_each_other() {
    let shop = shop("");
    let [_, (_, password, _), _] = three_accounts(&shop);
    let page = shop.server.get("/fixture_second_store/customer/account/login", "");
    assert!(page.body.contains("action=\"/fixture_second_store/customer/account/loginPost\""), "{page:?}");
    assert!(page.body.contains("href=\"/fixture_second_store/password/customers\""), "{page:?}");
    assert!(
        page.all("set-cookie")
            .any(|line| line.starts_with("doorward_form=") && line.contains("path=/fixture_second_store/customer;"))
    );
    let nonce = page.cookie("doorward_form=").unwrap();
    let key = hidden(&page, "form_key");
    let body = form(&[("login[username]", EMAIL), ("login[password]", password), ("form_key", &key)]);
    let post = |path: &str| shop.server.send("POST", path, &format!("{FORM}Cookie: {nonce}\r\n"), &body);
    assert_eq!(post("/customer/account/loginPost").status, 401, "another website's account");
    let reply = post("/fixture_second_store/customer/account/loginPost");
    assert_eq!((reply.status, reply.header("location")), (302, Some("/fixture_second_store/customer/account")), "{reply:?}");
    let session = format!("Cookie: {}\r\n", reply.cookie("doorward_customers=").unwrap());
    let who = shop.server.get("/fixture_second_store/customer/account/login", &session);
    assert!(who.body.contains("/fixture_second_store/customer/account/logout"), "{who:?}");
    let question = shop.server.get("/fixture_second_store/customer/account/logout", &session);
    let key = hidden(&question, "form_key");
    let out = format!("{FORM}{session}");
    let gone = shop.server.send("POST", "/fixture_second_store/customer/account/logout", &out, &form(&[("form_key", &key)]));
    assert_eq!(gone.status, 200, "{gone:?}");
    let again = shop.server.get("/fixture_second_store/customer/account/login", &session);
    assert!(again.body.contains("login[password]"));
    // What is no page of ours goes on to the shop, and the back office has no views.
    for path in ["/fixture_second_store/customer/account", "/fixture_second_store/admin", "/nosuch/customer/account/login"] {
        assert_eq!(shop.server.get(path, "").status, 404, "{path} is no route of this shop");
    }
}

#[test]
fn the_sign_in_page_of_every_directory_stands_in_each_view() {
    let shop = shop("");
    let accounts = three_accounts(&shop);
    for (host, page, expected) in [
        (here(&shop), "/login/customers", ""),
        (here(&shop), "/fixture_second_store/login/customers", SECOND),
        (here(&shop), "/us/login", "/us"),
        ("us.shop.test".to_owned(), "/login", "/us"),
    ] {
        for (view, password, _) in &accounts {
            let shown = at(&shop, &host, "GET", page, "", "");
            assert!(shown.body.contains(&format!("action=\"{page}\"")), "{shown:?}");
            let nonce = shown.cookie("doorward_form=").unwrap();
            let token = hidden(&shown, "_csrf_token");
            let body = form(&[("_username", EMAIL), ("_password", password), ("_csrf_token", &token)]);
            let reply = at(&shop, &host, "POST", page, &format!("{FORM}Cookie: {nonce}\r\n"), &body);
            assert_eq!(reply.status, if *view == expected { 303 } else { 401 }, "{host}{page} {view}: {reply:?}");
        }
    }
}

/// The whole way from the mail to the first sign-in, as somebody without scripts goes it.
#[test]
fn an_address_is_confirmed_by_the_link_of_its_own_website() {
    let shop = shop("confirm_email = true");
    for (count, view, password, base, host) in [
        (1, "", OLD_PASSWORD, "", here(&shop)),
        (2, SECOND, NEW_PASSWORD, SECOND, here(&shop)),
        (3, "/us", "White heron 88 sleeps", "", format!("us.shop.test:{}", shop.server.public.port())),
    ] {
        register(&shop, view, password);
        let link = link(&shop, "confirm", count);
        let start = format!("http://{host}{base}/confirm/customers/");
        assert!(link.starts_with(&start), "{link} at {start}");
        let path = link.strip_prefix(&format!("http://{host}")).unwrap();
        let enter = |host: &str| ajax(&shop, host, &format!("{base}/customer/ajax/login"), "", password);
        let early = enter(&host);
        assert_eq!(early.json()["message"], "This account isn't confirmed. Verify and try again.", "{early:?}");
        // Opening it, however often, changes nothing; neither does a form of somebody else.
        let shown = at(&shop, &host, "GET", path, "", "");
        assert_eq!(
            (shown.status, shown.header("referrer-policy"), shown.header("cache-control")),
            (200, Some("no-referrer"), Some("no-store"))
        );
        assert!(shown.body.contains(&format!("action=\"{path}\"")) && shown.body.contains(EMAIL), "{shown:?}");
        let (nonce, token) = (shown.cookie("doorward_form=").unwrap(), hidden(&shown, "_csrf_token"));
        let press = |headers: &str, token: &str| {
            at(&shop, &host, "POST", path, &format!("{FORM}{headers}"), &form(&[("_csrf_token", token)]))
        };
        assert_eq!(press("", &token).status, 400, "without the cookie");
        assert_eq!(press(&format!("Cookie: {nonce}\r\n"), "x").status, 400);
        assert_eq!(press(&format!("Cookie: {nonce}\r\nSec-Fetch-Site: cross-site\r\n"), &token).status, 403);
        assert!(!welcomed(&enter(&host)));
        let done = press(&format!("Cookie: {nonce}\r\n"), &token);
        assert!(done.status == 200 && done.body.contains(&format!("href=\"{base}/login/customers\"")), "{done:?}");
        // Once.
        assert_eq!(press(&format!("Cookie: {nonce}\r\n"), &token).status, 400);
        assert_eq!(at(&shop, &host, "GET", path, "", "").status, 400);
        assert!(welcomed(&enter(&host)));
    }
    eventually("three events", || {
        let log = shop.server.log();
        (log.lines().filter(|line| line.contains("\"email_confirmed\"")).count() == 3).then_some(())
    });
}

#[test]
fn a_forgotten_password_is_that_of_the_website_of_the_page() {
    let shop = shop("reset_interval = \"1s\"");
    let accounts = three_accounts(&shop);
    let ask = |page: &str| {
        let shown = shop.server.get(page, "");
        let (nonce, token) = (shown.cookie("doorward_form=").unwrap(), hidden(&shown, "_csrf_token"));
        let body = form(&[("_username", EMAIL), ("_csrf_token", &token)]);
        let reply = shop.server.send("POST", page, &format!("{FORM}Cookie: {nonce}\r\n"), &body);
        assert!(reply.status == 200 && reply.body.contains("If there is such an account"), "{reply:?}");
    };
    ask("/fixture_second_store/password/customers");
    let link = link(&shop, "reset", 1);
    let path = link.strip_prefix(&format!("http://{}", shop.server.public)).unwrap();
    assert!(path.starts_with("/fixture_second_store/password/customers/"), "{link}");
    let shown = shop.server.get(path, "");
    let (nonce, token) = (shown.cookie("doorward_form=").unwrap(), hidden(&shown, "_csrf_token"));
    let new = "Purple goat 5 climbs";
    let body = form(&[("_password", new), ("_password_again", new), ("_csrf_token", &token)]);
    let done = shop.server.send("POST", path, &format!("{FORM}Cookie: {nonce}\r\n"), &body);
    assert!(done.status == 200 && done.body.contains("href=\"/fixture_second_store/login/customers\""), "{done:?}");
    for (view, password, _) in &accounts {
        let door = format!("{view}/customer/ajax/login");
        assert_eq!(welcomed(&ajax(&shop, &here(&shop), &door, "", password)), *view != SECOND, "{view}");
        assert_eq!(welcomed(&ajax(&shop, &here(&shop), &door, "", new)), *view == SECOND, "{view}");
    }
}

/// A link to another website's account that somebody opens without its view still leads to where that account signs in.
#[test]
fn a_link_that_lost_its_view_leads_back_to_it() {
    let shop = shop("confirm_email = true");
    register(&shop, SECOND, OLD_PASSWORD);
    let link = link(&shop, "confirm", 1);
    let path = format!("/confirm/customers/{}", link.rsplit('/').next().unwrap());
    let shown = shop.server.get(&path, "");
    let (nonce, token) = (shown.cookie("doorward_form=").unwrap(), hidden(&shown, "_csrf_token"));
    let done = shop.server.send("POST", &path, &format!("{FORM}Cookie: {nonce}\r\n"), &form(&[("_csrf_token", &token)]));
    assert!(done.status == 200 && done.body.contains("href=\"/fixture_second_store/login/customers\""), "{done:?}");
}

#[test]
fn where_somebody_comes_from_is_honoured_on_our_own_origin_alone() {
    let shop = shop("");
    three_accounts(&shop);
    let here = here(&shop);
    let encoded = |url: &str| {
        // As Magento's encoder writes it.
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let groups = url.as_bytes().chunks(3).map(|chunk| {
            let bits = chunk.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
            let letters =
                (0..4).map(|at| if at > chunk.len() { '~' } else { char::from(alphabet[(bits >> (18 - 6 * at) & 63) as usize]) });
            letters.collect::<String>()
        });
        groups.collect::<String>()
    };
    let own = format!("http://{here}");
    for (host, referer, target) in [
        (&*here, format!("{own}/checkout/?step=2#pay"), "/checkout/?step=2#pay"),
        (&here, format!("{own}/"), "/"),
        (&here, "https://evil.example/".to_owned(), "/customer/account"),
        (&here, format!("https://{here}/checkout"), "/customer/account"),
        (&here, format!("http://{here}.evil.example/"), "/customer/account"),
        (&here, format!("http://{here}@evil.example/"), "/customer/account"),
        (&here, format!("{own}//evil.example/"), "/customer/account"),
        (&here, format!("{own}/\\evil.example/"), "/customer/account"),
        (&here, format!("{own}/customer/account/logout"), "/customer/account"),
        (&here, format!("{own}/customer/account/login/referer/x/"), "/customer/account"),
        (&here, "javascript:alert(1)".to_owned(), "/customer/account"),
        (&here, "//evil.example/".to_owned(), "/customer/account"),
        ("us.shop.test", format!("http://us.shop.test:{}/cart", shop.server.public.port()), "/cart"),
        ("us.shop.test", format!("{own}/cart"), "/customer/account"),
    ] {
        let encoded = encoded(&referer);
        for page in [format!("/customer/account/login/referer/{encoded}/"), format!("/customer/account/login?referer={encoded}")]
        {
            let shown = at(&shop, host, "GET", &page, "", "");
            let wanted = hidden(&shown, "_target_path").replace("&#38;", "&").replace("&amp;", "&");
            assert_eq!((shown.status, &*wanted), (200, target), "{referer}");
            assert!(!shown.body.contains("evil.example"), "{shown:?}");
        }
        // Where a storefront's own form names it, and no other target.
        let shown = at(&shop, host, "GET", "/customer/account/login", "", "");
        let (nonce, key) = (shown.cookie("doorward_form=").unwrap(), hidden(&shown, "form_key"));
        let password = if host == here { "Green parrot 42 sings" } else { "White heron 88 sleeps" };
        let body = form(&[("login[username]", EMAIL), ("login[password]", password), ("form_key", &key)]);
        let post = format!("/customer/account/loginPost/referer/{encoded}/");
        let reply = at(&shop, host, "POST", &post, &format!("{FORM}Cookie: {nonce}\r\n"), &body);
        assert_eq!((reply.status, reply.header("location")), (302, Some(target)), "{referer}");
    }
    let broken = shop.server.get("/customer/account/login/referer/%25%25/", "");
    assert_eq!((broken.status, &*hidden(&broken, "_target_path")), (200, "/customer/account"));
}

/// So is each request with a client's certificate.
#[test]
fn a_certificate_names_an_account_where_path_and_host_say() {
    let certificates = "[[firewall]]\nname = \"partners\"\nwhen = \"certificate\"\nauthentication = \"certificate\"\n\
                        directory = \"customers\"\n";
    let header = "[certificate]\nheader = \"SSL_CLIENT_S_DN_Email\"\nmap = \"email\"\n";
    let api = "serve = [\"sessions\", \"tokens\", \"accounts\"]\n\
               [[store_view]]\ncode = \"us\"\nwebsite = \"us_site\"\nhost = \"us.shop.test\"";
    let shop = Shop::prepared(api, &format!("{FIREWALLS}{MAIL}"), |site| {
        let config = fs::read_to_string(site.path().join("doorward.toml")).unwrap();
        let trusting = config.replacen("[server]\n", "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n", 1);
        let config = trusting.replacen("[[firewall]]\n", &format!("{certificates}[[firewall]]\n"), 1);
        site.write("doorward.toml", &format!("{config}{header}"));
    });
    let accounts = three_accounts(&shop);
    let here = here(&shop);
    let shown = format!("SSL_CLIENT_S_DN_Email: {EMAIL}\r\nSSL_CLIENT_VERIFY: SUCCESS\r\n");
    for (host, path, expected) in [
        (&*here, "/rest/V1/customers/me", ""),
        (&here, "/rest/fixture_second_store/V1/customers/me", SECOND),
        (&here, "/rest/us/V1/customers/me", "/us"),
        ("us.shop.test", "/rest/V1/customers/me", "/us"),
        ("us.shop.test", "/rest/default/V1/customers/me", ""),
    ] {
        let (_, _, id) = accounts.iter().find(|(view, ..)| *view == expected).unwrap();
        // What is remembered counts where it was found, and nowhere else.
        for _ in 0..2 {
            let reply = at(&shop, host, "GET", path, &shown, "");
            assert_eq!((reply.status, &reply.json()["id"]), (200, id), "{host} {path}: {reply:?}");
        }
    }
}
