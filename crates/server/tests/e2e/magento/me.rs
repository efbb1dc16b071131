//! One's own account by way of a session, and what must hold besides the cases of [`super::account_management_me_test`].

use super::{
    AJAX,
    counter::{Counter, DUPLICATE, NEW_PASSWORD, OLD_PASSWORD, WRONG, address, person, told},
    message, said, unauthorized,
};
use serde_json::{Value, json};

#[test]
fn get_customer_data() {
    let counter = Counter::open();
    let mut customer = person("ann@example.com");
    let (mut billing, mut shipping) = (address("CityM"), address("CityX"));
    billing["default_billing"] = true.into();
    shipping["default_shipping"] = true.into();
    customer["addresses"] = json!([billing, shipping]);
    customer["custom_attributes"] = json!([{"attribute_code": "shoe", "value": "42"}]);
    customer["extension_attributes"] = json!({"is_subscribed": true, "of_another_module": {"x": [1]}});
    let made = counter.result("", "POST", "/V1/customers", &json!({"customer": customer, "password": OLD_PASSWORD}));
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let shown = counter.result(&me, "GET", "/V1/customers/me", &Value::Null);
    assert_eq!(shown, made);
    let names: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names.join(" "),
        "id group_id default_billing default_shipping created_at updated_at created_in email firstname lastname store_id website_id \
         addresses disable_auto_group_change extension_attributes custom_attributes"
    );
    let (first, second) = (&shown["addresses"][0], &shown["addresses"][1]);
    assert_eq!(shown["default_billing"], first["id"].to_string());
    assert_eq!(shown["default_shipping"], second["id"].to_string());
    assert!(
        shown["id"].is_u64()
            && first["id"].is_u64()
            && first["default_billing"] == true
            && first.get("default_shipping").is_none()
    );
    assert_eq!(first["region"], json!({"region_code": "AL", "region": "Alabama", "region_id": 1}));
    assert_eq!(shown["extension_attributes"], json!({"is_subscribed": true, "of_another_module": {"x": [1]}}));
    assert_eq!(shown["created_in"], "Default Store View");
    assert_eq!(shown["created_at"].as_str().unwrap().len(), "2026-01-31 13:00:00".len());
    // In part, and in XML.
    let part = counter.result(&me, "GET", "/V1/customers/me?fields=email,addresses%5Bcity%5D", &Value::Null);
    assert_eq!(part, json!({"email": "ann@example.com", "addresses": [{"city": "CityM"}, {"city": "CityX"}]}));
    let xml = counter.call(&format!("{me}Accept: application/xml\r\n"), "GET", "/V1/customers/me", &Value::Null);
    assert_eq!((xml.status, xml.element("email"), xml.element("city")), (200, Some("ann@example.com"), Some("CityM")));
    assert!(xml.body.starts_with("<?xml version=\"1.0\"?>\n<response>\n  <id>"), "{}", xml.body);
    // Without the header the cookie does not count.
    let plain = me.replace(AJAX, "");
    assert_eq!(said(&counter.call(&plain, "GET", "/V1/customers/me", &Value::Null)), unauthorized("self"));
}

#[test]
fn another_email_address_takes_the_password() {
    let counter = Counter::open();
    counter.register("other@example.com");
    counter.register("ann@example.com");
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let put = |email: &str, password: Option<&str>| {
        let body = json!({"customer": person(email), "password": password});
        counter.call(&me, "PUT", "/V1/customers/me", &body)
    };
    let without = put("new@example.com", None);
    assert_eq!(told(&without).1["message"], "Provide the current \"password\" to change \"email\".");
    let wrong = put("new@example.com", Some("wrong"));
    assert_eq!((wrong.status, &wrong.json()["message"]), (401, &WRONG.into()));
    let taken = put("other@example.com", Some(OLD_PASSWORD));
    assert_eq!(said(&taken), message(400, DUPLICATE));
    let changed = put("new@example.com", Some(OLD_PASSWORD));
    assert_eq!((changed.status, &changed.json()["email"]), (200, &"new@example.com".into()), "{changed:?}");
    counter.mailed("email_changed", "ann@example.com");
    counter.signed_in("new@example.com", OLD_PASSWORD);
    assert_eq!(counter.shop.server.try_sign_in("ann@example.com", OLD_PASSWORD).status, 401);
}

#[test]
fn change_password() {
    let counter = Counter::open();
    counter.register("ann@example.com");
    let (me, elsewhere) =
        (counter.signed_in("ann@example.com", OLD_PASSWORD), counter.signed_in("ann@example.com", OLD_PASSWORD));
    let put = |current: &str, new: &str| {
        counter.call(&me, "PUT", "/V1/customers/me/password", &json!({"currentPassword": current, "newPassword": new}))
    };
    let wrong = put("wrong", NEW_PASSWORD);
    assert_eq!((wrong.status, &wrong.json()["message"]), (401, &WRONG.into()));
    let short = told(&put(OLD_PASSWORD, "Ab1"));
    let text = "The password needs at least %1 characters. Create a new password and try again.";
    assert_eq!(short, (400, json!({"message": text, "parameters": [8]})));
    let nothing = told(&counter.call(&me, "PUT", "/V1/customers/me/password", &json!({})));
    assert_eq!((nothing.0, nothing.1["errors"].as_array().map(Vec::len)), (400, Some(2)), "{nothing:?}");
    let changed = put(OLD_PASSWORD, NEW_PASSWORD);
    assert_eq!(said(&changed), (200, "true".to_owned()));
    // The present session goes on under a new id; all others, and the old id, are dead.
    let cookie = changed.all("set-cookie").find(|line| !line.contains("doorward_device")).unwrap();
    let renewed = format!("Cookie: {}\r\n{AJAX}", cookie.split(';').next().unwrap());
    counter.result(&renewed, "GET", "/V1/customers/me", &Value::Null);
    for dead in [&me, &elsewhere] {
        assert_eq!(said(&counter.call(dead, "GET", "/V1/customers/me", &Value::Null)), unauthorized("self"));
    }
    counter.signed_in("ann@example.com", NEW_PASSWORD);
    counter.mailed("password_changed", "ann@example.com");
    let log = counter.shop.server.log();
    assert!(!log.contains(OLD_PASSWORD) && !log.contains(NEW_PASSWORD));
}

#[test]
fn an_address_of_somebody_else_is_not_mine_to_change() {
    let counter = Counter::open();
    counter.register("other@example.com");
    counter.register("ann@example.com");
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let stolen = json!({"customer": {"email": "other@example.com", "addresses": [address("Stolen")]}});
    let them = counter.signed_in("other@example.com", OLD_PASSWORD);
    let theirs = counter.result(&them, "PUT", "/V1/customers/me", &stolen);
    let mut wanted = address("Mine");
    wanted["id"] = theirs["addresses"][0]["id"].clone();
    let mut customer = person("ann@example.com");
    customer["addresses"] = json!([wanted]);
    assert_eq!(counter.call(&me, "PUT", "/V1/customers/me", &json!({"customer": customer})).status, 404);
    // Nor does the e-mail address change without the rest.
    customer["email"] = "new@example.com".into();
    let both = json!({"customer": customer, "password": OLD_PASSWORD});
    assert_eq!(counter.call(&me, "PUT", "/V1/customers/me", &both).status, 404);
    let mine = counter.result(&me, "GET", "/V1/customers/me", &Value::Null);
    assert_eq!((&mine["email"], &mine["addresses"]), (&"ann@example.com".into(), &json!([])));
    customer["addresses"] = json!([address("Mine")]);
    let both = json!({"customer": customer, "password": OLD_PASSWORD});
    let mine = counter.result(&me, "PUT", "/V1/customers/me", &both);
    assert_eq!((&mine["email"], &mine["addresses"][0]["city"]), (&"new@example.com".into(), &"Mine".into()));
    assert_eq!(counter.result(&them, "GET", "/V1/customers/me", &Value::Null)["addresses"], theirs["addresses"]);
}
