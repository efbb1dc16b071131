//! Groups of customers that are kept out of a website (magento-webapi 6.3, 9.3).

use super::{
    AJAX, FIREWALLS, Shop,
    counter::{OLD_PASSWORD, person},
    message, said, unauthorized,
};
use crate::{
    gateway::PASSWORD,
    support::{Server, client::Reply, eventually},
};
use serde_json::{Value, json};

const JSON: &str = "Content-Type: application/json\r\n";
const SECOND: &str = "/fixture_second_store";
const EMAIL: &str = "ann@example.com";
const WRONG: &str = "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later.";

fn shop(api: &str) -> Shop {
    Shop::open(&format!("serve = [\"sessions\", \"tokens\", \"accounts\"]\n{api}"), FIREWALLS)
}

/// Keeps the usual group out of these websites.
fn exclude(shop: &Shop, admin: &str, websites: &[u32]) {
    let group = json!({"code": "General", "extension_attributes": {"exclude_website_ids": websites}});
    let body = json!({ "group": group }).to_string();
    let reply = shop.server.send("PUT", "/rest/V1/customerGroups/1", &format!("{admin}{JSON}"), &body);
    assert_eq!(reply.status, 200, "{reply:?}");
}

fn ajax(shop: &Shop, view: &str, login: &str, password: &str) -> Reply {
    let body = json!({"username": login, "password": password}).to_string();
    shop.server.send("POST", &format!("{view}/customer/ajax/login"), &format!("{JSON}{AJAX}"), &body)
}

fn token(shop: &Shop, view: &str, login: &str, password: &str) -> Reply {
    let body = json!({"username": login, "password": password}).to_string();
    shop.server.send("POST", &format!("/rest{view}/V1/integration/customer/token"), JSON, &body)
}

fn me(server: &Server, view: &str, who: &str) -> (u16, String) {
    said(&server.get(&format!("/rest{view}/V1/customers/me"), who))
}

#[test]
fn a_customer_whose_group_is_excluded_cannot_sign_in_and_is_nobodys_self() {
    let shop = shop("");
    let admin = shop.caller("admin");
    let body = json!({"customer": person(EMAIL), "password": OLD_PASSWORD}).to_string();
    assert_eq!(shop.server.send("POST", &format!("/rest{SECOND}/V1/customers"), JSON, &body).status, 200);
    let session =
        format!("Cookie: {}\r\n{AJAX}", ajax(&shop, SECOND, EMAIL, OLD_PASSWORD).cookie("doorward_customers=").unwrap());
    let issued = token(&shop, SECOND, EMAIL, OLD_PASSWORD);
    let bearer = format!("Authorization: Bearer {}\r\n", issued.json().as_str().unwrap());
    let other = shop.site.serve();
    for who in [&session, &bearer] {
        assert_eq!(me(&shop.server, SECOND, who).0, 200);
        assert_eq!(me(&other, SECOND, who).0, 200);
    }
    exclude(&shop, &admin, &[2]);
    for who in [&session, &bearer] {
        assert_eq!(me(&shop.server, SECOND, who), unauthorized("self"), "at once where it was said");
        eventually("the other server to hear of it", || (me(&other, SECOND, who) == unauthorized("self")).then_some(()));
    }
    // As a wrong password, whichever way.
    let (wrong, right) = (ajax(&shop, SECOND, EMAIL, "wrong"), ajax(&shop, SECOND, EMAIL, OLD_PASSWORD));
    assert_eq!((right.status, &right.body), (wrong.status, &wrong.body));
    assert!(right.json()["errors"] == true && right.cookie("doorward_customers=").is_none());
    assert_eq!(said(&token(&shop, SECOND, EMAIL, OLD_PASSWORD)), message(401, WRONG));
    shop.server.logged("\"outcome\":\"excluded\"");
    // Who is known everywhere is kept out there, and nowhere else.
    assert_eq!(ajax(&shop, "", "jane@example.com", PASSWORD).json()["errors"], false);
    assert_eq!(ajax(&shop, SECOND, "jane@example.com", PASSWORD).json()["errors"], true);
    exclude(&shop, &admin, &[]);
    for who in [&session, &bearer] {
        assert_eq!(me(&shop.server, SECOND, who).0, 200, "the session and the token were not ended");
        eventually("the other server to hear of it", || (me(&other, SECOND, who).0 == 200).then_some(()));
    }
    assert_eq!(ajax(&shop, SECOND, EMAIL, OLD_PASSWORD).json()["errors"], false);
    assert_eq!(token(&shop, SECOND, EMAIL, OLD_PASSWORD).status, 200);
}

#[test]
fn where_customers_are_shared_only_that_website_is_closed() {
    let shop = shop("customer_sharing = \"global\"");
    let admin = shop.caller("admin");
    let jane =
        format!("Cookie: {}\r\n{AJAX}", ajax(&shop, "", "jane@example.com", PASSWORD).cookie("doorward_customers=").unwrap());
    for view in ["", SECOND] {
        assert_eq!(me(&shop.server, view, &jane).0, 200, "{view}");
    }
    exclude(&shop, &admin, &[2]);
    assert_eq!(me(&shop.server, "", &jane).0, 200);
    assert_eq!(me(&shop.server, SECOND, &jane), unauthorized("self"));
    assert_eq!(ajax(&shop, "", "jane@example.com", PASSWORD).json()["errors"], false);
    assert_eq!(ajax(&shop, SECOND, "jane@example.com", PASSWORD).json()["errors"], true);
    let told = |path: &str| {
        let words =
            ["explain", "GET", path, "--as", "customers/jane@example.com", "--header", "X-Requested-With: XMLHttpRequest"];
        shop.site.run(&words, "")
    };
    assert_eq!(told("/rest/V1/customers/me").code, 0);
    let refused = told("/rest/fixture_second_store/V1/customers/me");
    assert!(refused.code == 1 && refused.out.contains("group is excluded from this website"), "{refused:?}");
}

#[test]
fn customers_of_another_group_are_let_in() {
    let shop = shop("");
    let admin = shop.caller("admin");
    let mut customer = person(EMAIL);
    customer["group_id"] = 2.into();
    let body = json!({"customer": customer, "password": OLD_PASSWORD}).to_string();
    let made = shop.server.send("POST", "/rest/V1/customers", &format!("{admin}{JSON}"), &body);
    assert_eq!((made.status, &made.json()["group_id"]), (200, &2.into()), "{made:?}");
    exclude(&shop, &admin, &[1]);
    assert_eq!(ajax(&shop, "", EMAIL, OLD_PASSWORD).json()["errors"], false);
    assert_eq!(ajax(&shop, "", "jane@example.com", PASSWORD).json()["errors"], true);
    // Into another group, and out of the website.
    let session = format!("Cookie: {}\r\n{AJAX}", ajax(&shop, "", EMAIL, OLD_PASSWORD).cookie("doorward_customers=").unwrap());
    let id = made.json()["id"].clone();
    let moved = json!({"customer": {"email": EMAIL, "firstname": "Ann", "lastname": "Lee", "group_id": 1}});
    let reply = shop.server.send("PUT", &format!("/rest/V1/customers/{id}"), &format!("{admin}{JSON}"), &moved.to_string());
    assert_eq!((reply.status, &reply.json()["group_id"]), (200, &Value::from(1)), "{reply:?}");
    assert_eq!(me(&shop.server, "", &session), unauthorized("self"));
}
