//! What is written down of changes to accounts: each once, with the request that made it.

use super::counter::{Counter, NEW_PASSWORD, OLD_PASSWORD, address, path, person};
use crate::support::{Server, eventually};
use serde_json::{Value, json};

/// Audit events so far.
fn audited(server: &Server) -> Vec<Value> {
    let log = server.log();
    let all = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|event| event["event"] == "audit").collect()
}

#[test]
fn a_change_by_an_endpoint_is_written_down_once_and_by_no_other_server() {
    let counter = Counter::with("reset_interval = \"1s\"");
    let (server, other) = (&counter.shop.server, counter.shop.site.serve());
    let admin = counter.admin();
    let mut customer = person("ann@example.com");
    customer["addresses"] = json!([address("CityM")]);
    let made = counter.result("", "POST", "/V1/customers", &json!({"customer": customer, "password": OLD_PASSWORD}));
    let id = &made["id"];
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let mut named = person("ann@example.com");
    named["lastname"] = "Changed".into();
    counter.result(&me, "PUT", "/V1/customers/me", &json!({ "customer": named }));
    let sent = json!({"customer": person("new@example.com"), "password": OLD_PASSWORD});
    counter.result(&me, "PUT", "/V1/customers/me", &sent);
    let passwords = json!({"currentPassword": OLD_PASSWORD, "newPassword": NEW_PASSWORD});
    counter.result(&me, "PUT", "/V1/customers/me/password", &passwords);
    counter.result("", "PUT", "/V1/customers/password", &json!({"email": "new@example.com", "template": "email_reset"}));
    let token = counter.token_of("reset", "new@example.com");
    let reset = json!({"email": "new@example.com", "resetToken": token, "newPassword": OLD_PASSWORD});
    counter.result("", "POST", "/V1/customers/resetPassword", &reset);
    counter.result(&admin, "PUT", &path(id), &json!({"customer": person("new@example.com")}));
    counter.result(&admin, "PUT", &path(id), &json!({"customer": person("newer@example.com")}));
    let group = counter.result(&admin, "POST", "/V1/customerGroups", &json!({"group": {"code": "Odd", "tax_class_id": 3}}));
    counter.result(&admin, "DELETE", &format!("/V1/customerGroups/{}", group["id"]), &Value::Null);
    counter.result(&admin, "DELETE", &path(id), &Value::Null);
    // A command afterwards: whoever has heard of it has heard of all before it.
    counter.shop.site.ok(&["user", "disable", "customers/jane@example.com"], "");
    eventually("the command's event", || {
        let mut all = audited(server).into_iter().chain(audited(&other));
        all.find(|event| event["detail"] == "command: disabled")
    });

    let identity = format!("customer/{id}");
    let own: Vec<Value> = audited(server).into_iter().filter(|event| event["identity"] == *identity).collect();
    let actions: Vec<&str> = own.iter().map(|event| event["action"].as_str().unwrap()).collect();
    let changed = ["customer_created", "sign_in", "customer_changed", "email_changed", "password_changed"];
    assert_eq!(actions, [&changed[..], &["password_reset", "customer_changed", "email_changed", "customer_deleted"]].concat());
    for event in &own {
        assert_eq!((&event["client"], event["request_id"].as_str().unwrap().len()), (&"127.0.0.1".into(), 32), "{event}");
    }
    let groups = audited(server).iter().filter(|event| event["action"] == "customer_group").count();
    assert_eq!(groups, 2);
    for event in audited(server).iter().chain(&audited(&other)) {
        assert_ne!((&event["action"], event["request_id"].as_str()), (&"account".into(), Some("-")), "{event}");
    }
    let elsewhere: Vec<Value> = audited(&other).into_iter().filter(|event| event["identity"] == *identity).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

/// Where addresses are confirmed, another one is no more proved than the first was.
#[test]
fn another_address_is_confirmed_before_it_signs_anybody_in() {
    let counter = Counter::with("confirm_email = true");
    let made = counter.register("ann@example.com");
    let confirm = |email: &str, key: &str| {
        counter.call("", "POST", "/V1/customers/activate", &json!({"email": email, "confirmationKey": key}))
    };
    let first = counter.token_of("confirm", "ann@example.com");
    assert_eq!(confirm("ann@example.com", &first).status, 200);
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let sent = json!({"customer": person("new@example.com"), "password": OLD_PASSWORD});
    let changed = counter.result(&me, "PUT", "/V1/customers/me", &sent);
    assert_eq!((&changed["email"], &changed["id"]), (&"new@example.com".into(), &made["id"]));
    counter.mailed("email_changed", "ann@example.com");
    counter.mailed("confirm", "new@example.com");
    assert_eq!(counter.call(&me, "GET", "/V1/customers/me", &Value::Null).status, 401, "the session ended with the proof");
    for email in ["ann@example.com", "new@example.com"] {
        assert_eq!(counter.shop.server.try_sign_in(email, OLD_PASSWORD).status, 401, "{email}");
    }
    let second = counter.token_of("confirm", "new@example.com");
    assert_eq!(confirm("new@example.com", &second).status, 200);
    let me = counter.signed_in("new@example.com", OLD_PASSWORD);
    // Whoever manages customers cannot vouch for an address either.
    let admin = counter.admin();
    counter.result(&admin, "PUT", &path(&made["id"]), &json!({"customer": person("third@example.com")}));
    counter.mailed("email_changed", "new@example.com");
    counter.mailed("confirm", "third@example.com");
    assert_eq!(counter.call(&me, "GET", "/V1/customers/me", &Value::Null).status, 401);
    let status = counter.result(&admin, "GET", &format!("{}/confirm", path(&made["id"])), &Value::Null);
    assert_eq!(status, "account_confirmation_required");
    let third = counter.token_of("confirm", "third@example.com");
    assert_eq!(confirm("third@example.com", &third).status, 200);
    let me = counter.signed_in("third@example.com", OLD_PASSWORD);
    // What leaves the address alone ends nothing.
    counter.result(&admin, "PUT", &path(&made["id"]), &json!({"customer": person("third@example.com")}));
    assert_eq!(counter.call(&me, "GET", "/V1/customers/me", &Value::Null).status, 200);
}
