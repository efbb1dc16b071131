//! Store views and websites: CustomerSharingOptionsTest, and the cases around it.

use super::{FIREWALLS, Shop, message, said, unauthorized};

#[test]
fn get_customer_data_website_scope() {
    let shop = Shop::open("", FIREWALLS);
    let jane = shop.caller("jane@example.com");
    for store in ["", "/default", "/fr"] {
        assert_eq!(shop.server.get(&format!("/rest{store}/V1/customers/me"), &jane).status, 200, "{store}");
        assert!(shop.upstream.last().line().starts_with(&format!("GET /rest{store}/V1/customers/me?customerId=")));
    }
    for store in ["fixture_second_store", "all"] {
        for (format, kind) in [("json", ""), ("xml", "Accept: application/xml\r\n")] {
            let reply = shop.server.get(&format!("/rest/{store}/V1/customers/me"), &format!("{jane}{kind}"));
            if format == "json" {
                assert_eq!(said(&reply), unauthorized("self"), "{store}");
            } else {
                assert_eq!((reply.status, reply.element("resources")), (401, Some("self")), "{store}");
            }
        }
    }
    // Elsewhere a customer stays one.
    assert_eq!(shop.server.get("/rest/all/V1/directory/countries", &jane).status, 200);
    assert!(shop.named().starts_with("customer/"));
}

#[test]
fn get_customer_data_global_scope() {
    let shop = Shop::open("customer_sharing = \"global\"", FIREWALLS);
    let jane = shop.caller("jane@example.com");
    for store in ["", "/default", "/fr", "/fixture_second_store"] {
        assert_eq!(shop.server.get(&format!("/rest{store}/V1/customers/me"), &jane).status, 200, "{store}");
    }
    assert_eq!(said(&shop.server.get("/rest/all/V1/customers/me", &jane)), unauthorized("self"));
}

#[test]
fn stores_make_no_difference_to_admins() {
    let shop = Shop::open("", FIREWALLS);
    let (admin, clerk) = (shop.caller("admin"), shop.caller("clerk"));
    for store in ["", "/fr", "/fixture_second_store", "/all"] {
        assert_eq!(shop.server.get(&format!("/rest{store}/V1/customerGroups/1"), &admin).status, 200, "{store}");
        let own = shop.server.get(&format!("/rest{store}/V1/customers/me"), &admin);
        assert_eq!((own.status, &own.json()["parameters"]["fieldName"]), (400, &"customerId".into()), "{store}");
        assert_eq!(said(&shop.server.get(&format!("/rest{store}/V1/customers/me"), &clerk)), unauthorized("self"));
    }
    let unknown = shop.server.get("/rest/nosuchstore/V1/customerGroups/1", &admin);
    assert_eq!(said(&unknown), message(400, super::NOT_PROCESSED));
}

#[test]
fn explain_names_the_store_view() {
    let shop = Shop::open("", FIREWALLS);
    let line = |path: &str| {
        let told = shop.site.run(
            &["explain", "GET", path, "--as", "customers/jane@example.com", "--header", "X-Requested-With: XMLHttpRequest"],
            "",
        );
        let line = told.out.lines().find(|line| line.starts_with("store view")).unwrap_or_default();
        (told.code, line.trim_start_matches("store view").trim().to_owned())
    };
    assert_eq!(line("/rest/fr/V1/customers/me"), (0, "`fr` (2) of website `base` (1); it shares the caller".to_owned()));
    assert_eq!(line("/rest/V1/customers/me"), (0, "`default` (1) of website `base` (1); it shares the caller".to_owned()));
    assert_eq!(
        line("/rest/fixture_second_store/V1/customers/me"),
        (1, "`fixture_second_store` (3) of website `second` (2); it does not share the caller".to_owned())
    );
    assert_eq!(line("/rest/all/V1/customers/me"), (1, "all of them; no customer is shared there".to_owned()));
}
