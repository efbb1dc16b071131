//! Bearer tokens: CustomerTokenServiceTest, AdminTokenServiceTest, IntegrationTest, AccountManagementRevokeCustomerTokenTest,
//! and what the suite lacks.

use super::{
    AJAX, FIREWALLS, PASSWORD, Shop,
    formats::{Format, in_both},
    message, said, unauthorized,
};
use crate::support::{Server, client::Reply, eventually};
use serde_json::json;

const JSON: &str = "Content-Type: application/json\r\nAccept: application/json\r\n";
const XML: &str = "Content-Type: application/xml\r\nAccept: application/xml\r\n";
const CUSTOMER: &str = "/rest/V1/integration/customer/token";
const ADMIN: &str = "/rest/V1/integration/admin/token";
const BAD_LOGIN: &str =
    "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later.";
const SERVE: &str = "serve = [\"sessions\", \"tokens\"]";
const JANE: &str = "jane@example.com";

fn shop() -> Shop {
    Shop::open(SERVE, FIREWALLS)
}

fn opaque() -> Shop {
    Shop::open(SERVE, &format!("{FIREWALLS}[tokens]\nformat = \"opaque\"\n"))
}

fn ask(server: &Server, path: &str, username: &str, password: &str) -> Reply {
    server.send("POST", path, JSON, &json!({ "username": username, "password": password }).to_string())
}

/// A token, read from a good answer.
fn token(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    assert!(reply.all("set-cookie").next().is_none(), "{reply:?}");
    reply.json().as_str().unwrap().to_owned()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn of_jane(shop: &Shop) -> String {
    token(&ask(&shop.server, CUSTOMER, JANE, PASSWORD))
}

fn of_admin(shop: &Shop) -> String {
    token(&ask(&shop.server, ADMIN, "admin", PASSWORD))
}

/// `[dev]` and 2.4.6 alike: two errors, each with its parameter.
fn required() -> serde_json::Value {
    let one = |name: &str| json!({ "message": "\"%fieldName\" is required. Enter and try again.", "parameters": { "fieldName": name } });
    json!({ "message": "One or more input exceptions have occurred.", "errors": [one("username"), one("password")] })
}

#[test]
fn create_customer_access_token() {
    for shop in [shop(), opaque()] {
        for store in ["", "/default", "/all"] {
            let path = format!("/rest{store}/V1/integration/customer/token");
            let issued = token(&ask(&shop.server, &path, JANE, PASSWORD));
            let reply = shop.server.get("/rest/V1/customers/me", &bearer(&issued));
            assert_eq!(reply.status, 200, "{store}: {reply:?}");
            let received = shop.upstream.last();
            assert_eq!(received.header("doorward-identity"), Some("customer/1"));
            assert_eq!(received.header("doorward-method"), Some("token"));
            assert!(received.header("authorization").is_none(), "the token goes no further");
        }
        let body = format!("<login><username>{JANE}</username><password>{PASSWORD}</password></login>");
        let reply = shop.server.send("POST", CUSTOMER, XML, &body);
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/xml; charset=utf-8")));
        let issued = reply.element("response").unwrap().to_owned();
        assert_eq!(shop.server.get("/rest/V1/customers/me", &bearer(&issued)).status, 200);
        let log = shop.server.stop().1;
        assert!(log.contains("token_issued") && !log.contains(&issued) && !log.contains(PASSWORD), "{log}");
    }
}

#[test]
fn a_token_has_the_form_that_was_chosen() {
    let signed = of_jane(&shop());
    assert_eq!((signed.split('.').count(), signed.starts_with("eyJraWQiOi")), (3, true), "a header that begins with kid");
    let plain = of_jane(&opaque());
    assert!(plain.len() == 32 && plain.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()), "{plain}");
}

#[test]
fn create_access_token_empty_or_null_credentials() {
    let shop = shop();
    for path in [CUSTOMER, ADMIN] {
        for body in [r#"{"username":"","password":""}"#, r#"{"username":null,"password":null}"#, "{}", ""] {
            let reply = shop.server.send("POST", path, JSON, body);
            assert_eq!((reply.status, reply.json()), (400, required()), "{path} {body}");
        }
        let one = shop.server.send("POST", path, JSON, r#"{"username":"x"}"#);
        assert_eq!((one.status, &one.json()["parameters"]["fieldName"]), (400, &json!("password")));
        let xml = shop.server.send("POST", path, XML, "<login><username></username><password/></login>");
        assert_eq!((xml.status, xml.body.matches("<fieldName>").count()), (400, 2), "{xml:?}");
        assert_eq!(shop.server.send("POST", path, JSON, "{").status, 400);
        // A password in the address would stand in logs.
        let query = format!("{path}?username={JANE}&password=x");
        assert_eq!(shop.server.send("POST", &query, JSON, "{}").json(), required());
    }
}

#[test]
fn create_access_token_invalid_customer() {
    let shop = shop();
    for (path, login, password) in [
        (CUSTOMER, "invalid", "invalid"),
        (CUSTOMER, JANE, "invalid"),
        (CUSTOMER, "admin", PASSWORD),
        (ADMIN, "invalid", "invalid"),
        (ADMIN, "admin", "invalid"),
        (ADMIN, JANE, PASSWORD),
    ] {
        assert_eq!(said(&ask(&shop.server, path, login, password)), message(401, BAD_LOGIN), "{path} {login}");
        let body = format!("<login><username>{login}</username><password>{password}</password></login>");
        let xml = shop.server.send("POST", path, XML, &body);
        assert_eq!((xml.status, xml.element("message")), (401, Some(BAD_LOGIN)));
    }
}

/// In one of the formats: the token, or nothing where the answer is that the sign-in was bad.
fn try_token(shop: &Shop, format: Format, path: &str, login: &str, password: &str) -> Option<String> {
    let body = json!({ "username": login, "password": password });
    let answer = format.read(shop.server.send("POST", path, format.headers(true), &format.write(&body)));
    if answer.reply.status == 200 {
        return Some(answer.text(""));
    }
    answer.is(401, &json!({ "message": BAD_LOGIN }));
    None
}

#[test]
fn create_admin_access_token() {
    for shop in [shop(), opaque()] {
        in_both(|format| {
            for store in ["", "/default", "/all"] {
                let path = format!("/rest{store}/V1/integration/admin/token");
                let issued = try_token(&shop, format, &path, "admin", PASSWORD).unwrap();
                assert_eq!(shop.server.get("/rest/V1/store/storeConfigs", &bearer(&issued)).status, 200);
                assert_eq!(shop.named(), "admin/1");
            }
        });
    }
}

#[test]
fn throttling_max_attempts() {
    let shop = shop();
    in_both(|format| {
        for (path, login) in [(CUSTOMER, JANE), (ADMIN, "admin")] {
            for _ in 0..5 {
                assert_eq!(try_token(&shop, format, path, login, "wrong"), None);
            }
            assert!(try_token(&shop, format, path, login, PASSWORD).is_some());
        }
    });
}

#[test]
fn throttling_account_lockout() {
    let shop = shop();
    // However the name is written, it is one account.
    for (path, login, other) in [(CUSTOMER, JANE, "JANE@Example.com"), (ADMIN, "admin", "ADMIN")] {
        for n in 0..6 {
            let name = if n % 2 == 0 { login } else { other };
            let format = if n < 3 { Format::Json } else { Format::Xml };
            assert_eq!(try_token(&shop, format, path, name, "wrong"), None);
        }
        in_both(|format| assert_eq!(try_token(&shop, format, path, login, PASSWORD), None));
        // Whoever is locked by one way is locked for all.
        assert_eq!(shop.server.try_sign_in(login, PASSWORD).status, 401, "{login}");
    }
    shop.site.ok(&["user", "unlock", "customers/jane@example.com"], "");
    of_jane(&shop);
}

#[test]
fn failures_of_a_session_sign_in_lock_the_tokens() {
    let shop = shop();
    for login in ["admin", JANE] {
        for _ in 0..6 {
            assert_eq!(shop.server.try_sign_in(login, "wrong").status, 401);
        }
    }
    assert_eq!(said(&ask(&shop.server, ADMIN, "admin", PASSWORD)), message(401, BAD_LOGIN));
    assert_eq!(said(&ask(&shop.server, CUSTOMER, JANE, PASSWORD)), message(401, BAD_LOGIN), "six are too many for tokens");
    assert_eq!(shop.server.try_sign_in(JANE, PASSWORD).status, 201, "the directory's own limit is ten");
    of_jane(&shop);
}

#[test]
fn use_admin_access_token_inactive_admin() {
    for shop in [shop(), opaque()] {
        let admin = bearer(&of_admin(&shop));
        assert_eq!(shop.server.get("/rest/V1/store/storeConfigs", &admin).status, 200);
        assert_eq!(shop.upstream.last().header("doorward-identity"), Some("admin/1"));
        shop.site.ok(&["user", "disable", "admins/admin"], "");
        let reply = shop.server.get("/rest/V1/store/storeConfigs", &admin);
        assert_eq!(said(&reply), unauthorized("Magento_Backend::store"));
        assert_eq!(said(&ask(&shop.server, ADMIN, "admin", PASSWORD)), message(401, BAD_LOGIN));
    }
}

#[test]
fn an_admin_without_a_role_gets_no_token() {
    let shop = Shop::prepared(SERVE, FIREWALLS, |site| site.user("admins/nobody", PASSWORD, &[]));
    assert_eq!(said(&ask(&shop.server, ADMIN, "nobody", "wrong")), message(401, BAD_LOGIN));
    let text = "More permissions are needed to access this.";
    assert_eq!(said(&ask(&shop.server, ADMIN, "nobody", PASSWORD)), message(401, text));
}

#[test]
fn revoke_customer_token() {
    for shop in [shop(), opaque()] {
        let (jane, second) = (bearer(&of_jane(&shop)), bearer(&of_jane(&shop)));
        let revoke = |headers: &str| {
            shop.server.send("POST", "/rest/V1/integration/customer/revoke-customer-token", &format!("{headers}{JSON}"), "")
        };
        // testRevokeAllAccessTokensForCustomer
        assert_eq!(shop.server.get("/rest/V1/customers/me", &jane).status, 200);
        assert_eq!(said(&revoke(&jane)), (200, "true".to_owned()));
        for dead in [&jane, &second] {
            assert_eq!(said(&shop.server.get("/rest/V1/customers/me", dead)), unauthorized("self"));
            // testRevokeCustomerTokenForGuestCustomer
            assert_eq!(said(&revoke(dead)), unauthorized("self"));
        }
        assert_eq!(said(&revoke("")), unauthorized("self"));
        let again = bearer(&of_jane(&shop));
        assert_eq!(shop.server.get("/rest/V1/customers/me", &again).status, 200);
        let admin = revoke(&bearer(&of_admin(&shop)));
        assert_eq!((admin.status, &admin.json()["parameters"]["fieldName"]), (400, &json!("customerId")));
        let xml = shop.server.send(
            "POST",
            "/rest/V1/integration/customer/revoke-customer-token",
            &format!("{again}Accept: application/xml\r\n"),
            "",
        );
        assert_eq!((xml.status, xml.element("response")), (200, Some("true")));
    }
}

#[test]
fn a_new_password_ends_tokens() {
    let shop = shop();
    let jane = bearer(&of_jane(&shop));
    shop.site.ok(&["user", "password", "customers/jane@example.com", "--password-stdin"], "another long password");
    assert_eq!(said(&shop.server.get("/rest/V1/customers/me", &jane)), unauthorized("self"));
    assert_eq!(said(&ask(&shop.server, CUSTOMER, JANE, PASSWORD)), message(401, BAD_LOGIN));
    token(&ask(&shop.server, CUSTOMER, JANE, "another long password"));
}

#[test]
fn the_bearer_comes_before_the_cookie_and_a_bad_one_counts_as_absent() {
    let shop = shop();
    let (cookie, admin) = (shop.caller(JANE), of_admin(&shop));
    let get = |headers: &str| (shop.server.get("/rest/V1/directory/countries", headers).status, shop.named());
    assert_eq!(get(&format!("{cookie}{}", bearer("invalid"))), (200, "customer/1".to_owned()), "case 3");
    assert_eq!(get(&format!("{cookie}{}", bearer(&admin))), (200, "admin/1".to_owned()), "case 3");
    assert_eq!(get(&bearer("invalid")), (200, "guest".to_owned()));
    // It is no browser's own credential, so the guards of cookies are not for it.
    let foreign = format!("{}Origin: https://elsewhere.example\r\nSec-Fetch-Site: cross-site\r\n", bearer(&admin));
    let reply = shop.server.send("PUT", "/rest/V1/customerGroups/default/1", &format!("{foreign}{JSON}"), "{}");
    assert_eq!((reply.status, shop.named()), (200, "admin/1".to_owned()));
    let reply = shop.server.get("/rest/V1/customers/me", &format!("{}{AJAX}", bearer("invalid")));
    assert_eq!(said(&reply), unauthorized("self"));
}

#[test]
fn a_full_admin_is_no_customer_and_a_customer_is_none_in_all_stores() {
    let shop = shop();
    let me = |store: &str, token: &str| shop.server.get(&format!("/rest{store}/V1/customers/me"), &bearer(token));
    let full = me("", &of_admin(&shop));
    assert_eq!((full.status, &full.json()["parameters"]["fieldName"]), (400, &json!("customerId")), "case 5");
    let clerk = token(&ask(&shop.server, ADMIN, "clerk", PASSWORD));
    assert_eq!(said(&me("", &clerk)), unauthorized("self"), "case 5");
    let jane = of_jane(&shop);
    assert_eq!(said(&me("/all", &jane)), unauthorized("self"), "case 6");
    // CustomerSharingOptionsTest
    assert_eq!(me("/default", &jane).status, 200);
    assert_eq!(said(&me("/fixture_second_store", &jane)), unauthorized("self"));
}

#[test]
fn malformed_authorization_is_ignored() {
    let shop = shop();
    let jane = of_jane(&shop);
    for value in [
        "bearer".to_owned(),
        "Bearer".to_owned(),
        format!("Bearer  {jane}"),
        format!("Bearer {jane} x"),
        format!("Bearer\t{jane}"),
        format!("Token {jane}"),
        format!("Bearer {}", &jane[1..]),
        "Bearer a b".to_owned(),
        "OAuth oauth_token".to_owned(),
    ] {
        let header = format!("Authorization: {value}\r\n");
        assert_eq!(shop.server.get("/rest/V1/directory/countries", &header).status, 200, "{value}: open (cases 7, 8)");
        assert_eq!(said(&shop.server.get("/rest/V1/customers/me", &header)), unauthorized("self"), "{value}");
    }
    for scheme in ["bearer", "BEARER"] {
        let header = format!("Authorization: {scheme} {jane}\r\n");
        assert_eq!(shop.server.get("/rest/V1/customers/me", &header).status, 200, "{scheme}");
    }
}

#[test]
fn tokens_are_for_the_shop_alone() {
    let shop = shop();
    let jane = bearer(&of_jane(&shop));
    assert_ne!(shop.server.get("/api/ibexa/v2/user/sessions/current", &jane).status, 200);
    assert_eq!(shop.server.get("/api/ibexa/v2/user/current", &jane).status, 401);
    // Without `tokens` in `serve` the paths are the upstream's, and no bearer is ours.
    let plain = Shop::open("", FIREWALLS);
    assert_eq!(ask(&plain.server, CUSTOMER, JANE, PASSWORD).body, "true", "the upstream answers");
    assert_eq!(said(&plain.server.get("/rest/V1/customers/me", &jane)), unauthorized("self"));
}

/// IntegrationTest
#[test]
fn integration_as_bearer_token() {
    let programs = "[[directory]]\nname = \"programs\"\nkind = \"integration\"\n";
    for (enabled, status) in [(false, 401), (true, 200)] {
        let more = format!("{FIREWALLS}{programs}[tokens]\nintegration_bearer = {enabled}\n");
        let shop = Shop::prepared(SERVE, &more, |site| {
            site.ok(&["user", "add", "programs/erp", "--role", "everything"], "");
        });
        let issued = shop.site.ok(&["token", "issue", "programs/erp"], "").out;
        let erp = bearer(issued.trim());
        let reply = shop.server.get("/rest/V1/store/storeViews", &erp);
        assert_eq!(reply.status, status, "{reply:?}");
        if enabled {
            assert_eq!(shop.named(), "integration/1");
            shop.site.ok(&["token", "revoke", "programs/erp"], "");
            assert_eq!(shop.server.get("/rest/V1/store/storeViews", &erp).status, 401);
        } else {
            assert_eq!(said(&reply), unauthorized("Magento_Backend::store"));
        }
        assert_eq!(shop.server.get("/login/programs", "").status, 404, "nobody signs in there");
    }
}

#[test]
fn keys_rotate_without_refusing_live_tokens() {
    let shop = shop();
    let old = of_jane(&shop);
    let kid = |token: &str| doorward_crypto::user_token::kid(token).unwrap();
    let made = shop.site.ok(&["key", "rotate", "token", "--json"], "").json();
    let new = eventually("a token by the new key", || Some(of_jane(&shop)).filter(|token| kid(token) != kid(&old)));
    assert_eq!(made["id"], json!(kid(&new)));
    for token in [&old, &new] {
        assert_eq!(shop.server.get("/rest/V1/customers/me", &bearer(token)).status, 200);
    }
    shop.site.ok(&["key", "retire", "token", &kid(&old)], "");
    assert_eq!(said(&shop.server.get("/rest/V1/customers/me", &bearer(&old))), unauthorized("self"));
    assert_eq!(shop.server.get("/rest/V1/customers/me", &bearer(&new)).status, 200);
    let listed = shop.site.ok(&["key", "list"], "").out;
    assert!(listed.contains("retired") && listed.contains("signs"), "{listed}");
    assert_eq!(shop.site.run(&["key", "retire", "token", "nosuch"], "").code, 1);
}

#[test]
fn a_token_of_the_old_shop_counts_once_its_crypt_key_is_here() {
    let shop = shop();
    let key = "0123456789abcdef0123456789abcdef";
    let now = doorward_core::ports::Clock::now(&doorward_crypto::system::SystemClock).seconds();
    let signer =
        doorward_crypto::user_token::TokenSigner::padded("1", key.as_bytes(), doorward_crypto::user_token::Algorithm::Hs256);
    let claims =
        doorward_crypto::user_token::UserClaims { kind: doorward_core::Kind::Customer, uid: 1, iat: now - 600, exp: now + 600 };
    let old = bearer(&signer.sign(&claims).unwrap());
    assert_eq!(shop.server.get("/rest/V1/customers/me", &old).status, 401);
    let said = shop.site.ok(&["key", "import", "token", "--magento-crypt-key-stdin"], &format!("{key}\n"));
    assert!(!format!("{said:?}").contains(key), "{said:?}");
    assert_eq!(shop.server.get("/rest/V1/customers/me", &old).status, 200);
    assert_eq!(shop.site.run(&["key", "import", "token", "--magento-crypt-key-stdin"], key).code, 1, "there is one of this kid");
    assert!(!shop.site.ok(&["key", "list", "--json"], "").out.contains(key));
    of_jane(&shop);
}

#[test]
fn explain_judges_a_bearer_token_without_showing_it() {
    let shop = shop();
    let jane = of_jane(&shop);
    let explain = |value: &str| {
        let header = format!("Authorization: {value}");
        let told = shop.site.run(&["explain", "GET", "/rest/V1/customers/me", "--header", &header], "");
        assert!(!format!("{told:?}").contains(&jane), "{told:?}");
        told
    };
    let good = explain(&format!("Bearer {jane}"));
    assert!(good.code == 0 && good.out.contains("a signed bearer token of `customers`"), "{good:?}");
    let bad = explain("Bearer nonsense");
    assert!(bad.code == 1 && bad.out.contains("a bearer token that does not count"), "{bad:?}");
}

/// AdminIntegrationTokenTest is about the module that we leave to the upstream.
#[test]
fn two_factor_paths_go_upstream() {
    let shop = shop();
    let reply = ask(&shop.server, "/rest/V1/tfa/provider/google/authenticate", "admin", PASSWORD);
    assert_eq!((reply.status, &*reply.body), (200, "true"));
    assert!(shop.upstream.last().line().starts_with("POST /rest/V1/tfa/provider/google/authenticate"));
}
