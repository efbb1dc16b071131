//! One's own account: AccountManagementMeTest, AccountManagementActivateTest and the password cases of AccountManagementTest by
//! their names, and what must hold besides.

use super::{
    AJAX,
    counter::{Counter, DUPLICATE, NEW_PASSWORD, NOBODY, OLD_PASSWORD, WRONG, address, path, person, told},
    message, said, unauthorized,
};
use crate::support::eventually;
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
fn update_customer() {
    let counter = Counter::open();
    let (other, own) = (counter.register("other@example.com"), counter.register("ann@example.com"));
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let body = json!({
        "customer": {
            "ID": other["id"], "id": other["id"], "email": "ann@example.com", "firstname": "Ann", "lastname": "Changed",
            "group_id": 3, "groupId": 3, "website_id": 2, "storeId": 3,
        },
        "customerId": other["id"], "passwordHash": "of somebody else",
    });
    let saved = counter.result(&me, "PUT", &format!("/V1/customers/me?customerId={}&customer_id=1", other["id"]), &body);
    let shown = |customer: &Value| ["id", "group_id", "website_id", "store_id"].map(|name| customer[name].clone());
    assert_eq!((shown(&saved), &saved["lastname"]), (shown(&own), &"Changed".into()));
    let xml = "<x><customer><id>1</id><email>ann@example.com</email><lastname>Again</lastname></customer></x>";
    let reply = counter.shop.server.send(
        "PUT",
        "/rest/V1/customers/me",
        &format!("{me}Content-Type: application/xml\r\nAccept: text/xml\r\n"),
        xml,
    );
    assert_eq!((reply.status, reply.element("lastname")), (200, Some("Again")), "{reply:?}");
    let admin = counter.admin();
    assert_eq!(counter.result(&admin, "GET", &path(&other["id"]), &Value::Null), other);
    // The password is what it was.
    counter.signed_in("ann@example.com", OLD_PASSWORD);
}

#[test]
fn get_other_customer_info() {
    let counter = Counter::open();
    counter.register("other@example.com");
    counter.register("ann@example.com");
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let missing = message(400, "The customer email is missing. Enter and try again.");
    let sent = json!({"customer": {"id": "-1", "Id": "1"}});
    assert_eq!(said(&counter.call(&me, "PUT", "/V1/customers/me?customerId=1", &sent)), missing);
    // MalformedRequestErrorHandlingTest.
    assert_eq!(said(&counter.call(&me, "PUT", "/V1/customers/me", &json!({"customer": ""}))), missing);
    let nothing = counter.call(&me, "PUT", "/V1/customers/me", &Value::Null);
    assert_eq!((nothing.status, &nothing.json()["parameters"]["fieldName"]), (400, &"customer".into()));
    let manage = counter.call(&me, "PUT", "/V1/customers/1", &json!({"customer": person("x@example.com")}));
    assert_eq!(said(&manage), unauthorized("Magento_Customer::manage"));
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
fn get_default_billing_and_shipping_address() {
    let counter = Counter::open();
    let other = counter.register("other@example.com");
    counter.register("ann@example.com");
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let get = |path: &str| counter.result(&me, "GET", path, &Value::Null);
    assert_eq!(get("/V1/customers/me/billingAddress"), Value::Null);
    let mut customer = person("ann@example.com");
    let mut home = address("CityM");
    home["default_billing"] = true.into();
    home["default_shipping"] = true.into();
    customer["addresses"] = json!([home, address("CityX")]);
    let saved = counter.result(&me, "PUT", "/V1/customers/me", &json!({"customer": customer}));
    for which in ["billingAddress", "shippingAddress"] {
        let shown = get(&format!("/V1/customers/me/{which}?customerId={}", other["id"]));
        assert_eq!((&shown["city"], &shown["customer_id"]), (&"CityM".into(), &saved["id"]));
        let admin = counter.admin();
        assert_eq!(counter.result(&admin, "GET", &format!("{}/{which}", path(&saved["id"])), &Value::Null), shown);
        let refused = counter.call(&admin, "GET", &format!("/V1/customers/me/{which}"), &Value::Null);
        assert_eq!((refused.status, &refused.json()["parameters"]["fieldName"]), (400, &"customerId".into()));
    }
    // An address of somebody else is not mine to change.
    let stolen = json!({"customer": {"email": "other@example.com", "addresses": [address("Stolen")]}});
    let them = counter.signed_in("other@example.com", OLD_PASSWORD);
    let theirs = counter.result(&them, "PUT", "/V1/customers/me", &stolen);
    let mut wanted = address("Mine");
    wanted["id"] = theirs["addresses"][0]["id"].clone();
    let mut customer = person("ann@example.com");
    customer["addresses"] = json!([wanted]);
    assert_eq!(counter.call(&me, "PUT", "/V1/customers/me", &json!({"customer": customer})).status, 404);
    assert_eq!(get("/V1/customers/me")["addresses"].as_array().unwrap().len(), 2);
}

#[test]
fn activate_customer() {
    let counter = Counter::with("confirm_email = true\nreset_interval = \"1s\"");
    let made = counter.register("ann@example.com");
    let (admin, status) = (counter.admin(), format!("{}/confirm", path(&made["id"])));
    assert_eq!(counter.result(&admin, "GET", &status, &Value::Null), "account_confirmation_required");
    assert_eq!(counter.shop.server.try_sign_in("ann@example.com", OLD_PASSWORD).status, 401);
    let activate = |body: Value| counter.call("", "POST", "/V1/customers/activate", &body);
    let wrong = activate(json!({"email": "ann@example.com", "confirmationKey": "wrong"}));
    assert_eq!((wrong.status, wrong.json()["message"].as_str().unwrap().contains("confirmation token is invalid")), (400, true));
    assert_eq!(activate(json!({})).json()["errors"].as_array().unwrap().len(), 2);
    let key = counter.token("confirm");
    let other = activate(json!({"email": "other@example.com", "confirmationKey": key}));
    assert_eq!(other.status, 400);
    let active = activate(json!({"email": "ann@example.com", "confirmationKey": key}));
    assert_eq!((active.status, &active.json()["id"]), (200, &made["id"]), "{active:?}");
    assert_eq!(activate(json!({"email": "ann@example.com", "confirmationKey": key})).status, 400);
    assert_eq!(counter.result(&admin, "GET", &status, &Value::Null), "account_confirmed");
    // AccountManagementMeTest::testGetCustomerActivateCustomer: whoever is signed in is confirmed already.
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let again = counter.call(&me, "PUT", "/V1/customers/me/activate", &json!({"confirmationKey": key}));
    assert_eq!(said(&again), message(400, "The account is already active."));
    // testResendConfirmation, and the new key by way of an administrator.
    let made = counter.register("bob@example.com");
    let first = eventually("a first key", || Some(counter.token("confirm")).filter(|token| *token != key));
    let send = |email: &str, website: u32| {
        counter.call(&admin, "POST", "/V1/customers/confirm", &json!({"email": email, "websiteId": website}))
    };
    assert_eq!(said(&send("bob@example.com", 1)), (200, "true".to_owned()));
    let second = eventually("a second key", || Some(counter.token("confirm")).filter(|token| *token != key && *token != first));
    let put = |key: &str| counter.call(&admin, "PUT", "/V1/customers/bob@example.com/activate", &json!({"confirmationKey": key}));
    assert_eq!(put(&first).status, 400);
    assert_eq!(put(&second).json()["id"], made["id"]);
    assert_eq!(said(&send("bob@example.com", 1)), message(400, "Confirmation isn't needed."));
    // testResendConfirmationBadEmailOrWebsite
    let parameters =
        json!({"fieldName": "email", "fieldValue": "dummy@example.com", "field2Name": "websiteId", "field2Value": 0});
    assert_eq!(told(&send("dummy@example.com", 0)), (404, json!({"message": NOBODY, "parameters": parameters})));
}

#[test]
fn initiate_password_reset() {
    let counter = Counter::with("reset_interval = \"1s\"");
    let id = counter.register("ann@example.com")["id"].clone();
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let ask = |body: Value| counter.call("", "PUT", "/V1/customers/password", &body);
    // testInitiatePasswordMissingRequiredFields
    let missing = ask(json!({})).json();
    let field = |at: usize| missing["errors"][at]["parameters"]["fieldName"].clone();
    assert_eq!((field(0), field(1)), ("email".into(), "template".into()));
    assert_eq!(ask(json!({"email": "ann@example.com", "template": "x"})).status, 400);
    // testInitiatePasswordReset; strangers are answered alike.
    for email in ["ann@example.com", "dummy@example.com"] {
        assert_eq!(said(&ask(json!({"email": email, "template": "email_reset", "websiteId": 1}))), (200, "true".to_owned()));
    }
    // testValidateResetPasswordLinkToken and its InvalidToken
    let token = counter.token("reset");
    let link = |id: &Value, token: &str| {
        said(&counter.call("", "GET", &format!("/V1/customers/{id}/password/resetLinkToken/{token}"), &Value::Null))
    };
    assert_eq!(link(&id, &token), (200, "true".to_owned()));
    let mismatched = message(400, "The password token is mismatched. Reset and try again.");
    assert_eq!((link(&id, "wrong"), link(&4711.into(), &token)), (mismatched.clone(), mismatched.clone()));
    let reset = |token: &str, new: &str| {
        counter.call(
            "",
            "POST",
            "/V1/customers/resetPassword",
            &json!({"email": "ann@example.com", "resetToken": token, "newPassword": new}),
        )
    };
    assert_eq!(reset(&token, "short").status, 400);
    assert_eq!(said(&reset("wrong", NEW_PASSWORD)), mismatched);
    assert_eq!(said(&reset(&token, NEW_PASSWORD)), (200, "true".to_owned()));
    assert_eq!(said(&reset(&token, OLD_PASSWORD)), mismatched, "once");
    assert_eq!(said(&counter.call(&me, "GET", "/V1/customers/me", &Value::Null)), unauthorized("self"));
    counter.signed_in("ann@example.com", NEW_PASSWORD);
    // MalformedRequestErrorHandlingTest
    let empty = json!({"email": "", "resetToken": "", "newPassword": ""});
    assert_eq!(counter.call("", "POST", "/V1/customers/resetPassword", &empty).status, 400);
    assert!(!counter.shop.server.log().contains(&token));
}

#[test]
fn get_customer_data_website_scope_with_accounts_of_two_websites() {
    let counter = Counter::open();
    let post =
        |path: &str| counter.call("", "POST", path, &json!({"customer": person("ann@example.com"), "password": OLD_PASSWORD}));
    let (first, second) = (post("/V1/customers").json(), post("/fixture_second_store/V1/customers").json());
    assert_eq!((&first["website_id"], &second["website_id"], &second["store_id"]), (&1.into(), &2.into(), &3.into()));
    assert_ne!(first["id"], second["id"]);
    assert_eq!(said(&post("/fr/V1/customers")), message(400, DUPLICATE));
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    assert_eq!(counter.result(&me, "GET", "/fr/V1/customers/me", &Value::Null)["id"], first["id"]);
    let elsewhere = counter.call(&me, "GET", "/fixture_second_store/V1/customers/me", &Value::Null);
    assert_eq!(said(&elsewhere), unauthorized("self"));
}
