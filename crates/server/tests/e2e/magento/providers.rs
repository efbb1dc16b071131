//! Customers of a shop who sign in at a provider, and the website that they belong to.

use super::{AJAX, FIREWALLS, Shop};
use crate::{
    providers::{Idp, come_back, set_out},
    support::client::Reply,
};
use serde_json::Value;

/// A sign-in in the store view of this cookie.
fn sign_in(shop: &Shop, idp: &Idp, name: &str, view: &str) -> Reply {
    let (url, journey) = set_out(&shop.server, "/");
    come_back(&shop.server, &idp.sign_in(&url, name), &format!("{journey}; store={view}"))
}

fn me(shop: &Shop, view: &str, reply: &Reply) -> Value {
    let session = reply.cookie("doorward_customers").unwrap_or_else(|| panic!("{reply:?}\n{}", shop.server.log()));
    let reply = shop.server.get(&format!("/rest/{view}/V1/customers/me"), &format!("Cookie: {session}\r\n{AJAX}"));
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

#[test]
fn a_customer_who_is_made_belongs_to_the_website_of_the_sign_in() {
    let mut idp = Idp::start();
    let provider = format!(
        "[[provider]]\nname = \"idp\"\nissuer = \"{}\"\nclient_id = \"shop\"\nclient_secret = \"a secret: of & two\"\n\
         directory = \"customers\"\nlink = \"create\"\n",
        idp.issuer
    );
    let api = "serve = [\"sessions\", \"tokens\", \"accounts\"]\n";
    let shop = Shop::open(api, &format!("{FIREWALLS}{provider}"));
    idp.serve(&shop.server);
    let shown = |customer: &Value| ["website_id", "store_id", "group_id"].map(|name| customer[name].as_u64().unwrap());
    let ann = me(&shop, "fixture_second_store", &sign_in(&shop, &idp, "ann", "fixture_second_store"));
    assert_eq!((shown(&ann), ann["email"].as_str()), ([2, 3, 1], Some("ann@example.com")), "{ann}");
    assert_eq!((ann["firstname"].as_str(), ann["lastname"].as_str()), (Some("ann"), Some("Example")));
    let ben = me(&shop, "default", &sign_in(&shop, &idp, "ben", "fr"));
    assert_eq!(shown(&ben), [1, 2, 1], "{ben}");
    // Who is known is known, wherever the next sign-in is, and belongs where they did.
    let again = me(&shop, "fixture_second_store", &sign_in(&shop, &idp, "ann", "default"));
    assert_eq!((&again["id"], shown(&again)), (&ann["id"], [2, 3, 1]), "{again}");
}
