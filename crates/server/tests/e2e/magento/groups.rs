//! Groups of customers: GroupRepositoryTest, GroupManagementTest and CustomerGroupConfigTest by their names.

use super::{counter::Counter, message, said, unauthorized};
use crate::support::client::Reply;
use serde_json::{Value, json};

const ABSENT: &str = "No such entity with %fieldName = %fieldValue";

fn absent(reply: &Reply, field: &str, id: i64) {
    let expected = json!({"message": ABSENT, "parameters": {"fieldName": field, "fieldValue": id}});
    assert_eq!((reply.status, reply.json()), (404, expected));
}

#[test]
fn group_repository() {
    let counter = Counter::open();
    let admin = counter.shop.caller("admin");
    let call = |method: &str, path: &str, body: Value| counter.call(&admin, method, path, &body);
    let get = |path: &str| counter.result(&admin, "GET", path, &Value::Null);
    // testGetGroup, of each that there is.
    for (id, code) in [(0, "NOT LOGGED IN"), (1, "General"), (2, "Wholesale"), (3, "Retailer")] {
        let expected = json!({"id": id, "code": code, "tax_class_id": 3, "tax_class_name": "Retail Customer"});
        assert_eq!(get(&format!("/V1/customerGroups/{id}")), expected);
    }
    // testCreateGroup
    let made = counter.result(
        &admin,
        "POST",
        "/V1/customerGroups",
        &json!({"group": {"id": null, "code": "Friends", "tax_class_id": 3}}),
    );
    let at = format!("/V1/customerGroups/{}", made["id"]);
    assert_eq!((&made["code"], made["id"].as_u64() > Some(3)), (&"Friends".into(), true));
    // testCreateGroupDuplicateGroup
    let duplicate = message(400, "Customer Group already exists.");
    assert_eq!(said(&call("POST", "/V1/customerGroups", json!({"group": {"code": "friends"}}))), duplicate);
    // testCreateGroupDefaultTaxClassId
    let usual = call("POST", "/V1/customerGroups", json!({"group": {"code": "Usual", "tax_class_id": 0}})).json();
    assert_eq!(usual["tax_class_id"], 3);
    // testCreateGroupNoCodeExpectException
    for group in [json!({"tax_class_id": 3}), json!({"code": ""}), json!("")] {
        let reply = call("POST", "/V1/customerGroups", json!({"group": group}));
        assert_eq!((reply.status, &reply.json()["parameters"]["fieldName"]), (400, &"code".into()));
    }
    // testCreateGroupWithId
    absent(&call("POST", "/V1/customerGroups", json!({"group": {"id": 88, "code": "X"}})), "id", 88);
    // testUpdateGroup, testUpdateGroupNotExist
    let websites = json!({"exclude_website_ids": [2]});
    let changed = json!({"group": {"id": 4711, "code": "Best friends", "extension_attributes": websites}});
    let saved = counter.result(&admin, "PUT", &at, &changed);
    assert_eq!((&saved["id"], &saved["code"], &saved["extension_attributes"]), (&made["id"], &"Best friends".into(), &websites));
    assert_eq!(get(&at), saved);
    assert_eq!(said(&call("PUT", &at, json!({"group": {"code": "General"}}))), duplicate);
    absent(&call("PUT", "/V1/customerGroups/9999", json!({"group": {"code": "X"}})), "id", 9999);
    // testDeleteGroup...: those in it are in the default group then.
    let customer = json!({"email": "ann@example.com", "firstname": "Ann", "lastname": "Lee", "group_id": made["id"]});
    let customer =
        counter.result(&admin, "POST", "/V1/customers", &json!({"customer": customer, "password": "Green parrot 42 sings"}));
    assert_eq!(customer["group_id"], made["id"]);
    assert_eq!(said(&call("DELETE", &at, Value::Null)), (200, "true".to_owned()));
    absent(&call("DELETE", &at, Value::Null), "id", made["id"].as_i64().unwrap());
    assert_eq!(get(&format!("/V1/customers/{}", customer["id"]))["group_id"], 1);
    for kept in [0, 1] {
        let refused = call("DELETE", &format!("/V1/customerGroups/{kept}"), Value::Null);
        assert_eq!(said(&refused), message(400, "Cannot delete group."));
    }
    absent(&call("DELETE", "/V1/customerGroups/9999", Value::Null), "id", 9999);
    counter.shop.server.logged("customer_group");
    // Nobody else.
    let manager = counter.shop.caller("manager");
    assert_eq!(
        said(&counter.call(&manager, "GET", "/V1/customerGroups/1", &Value::Null)),
        unauthorized("Magento_Customer::group")
    );
}

#[test]
fn search_groups() {
    let counter = Counter::open();
    let admin = counter.shop.caller("admin");
    let search = |query: &str| {
        let found = counter.result(&admin, "GET", &format!("/V1/customerGroups/search?{query}"), &Value::Null);
        let codes: Vec<&str> = found["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect();
        format!("{} of {}", codes.join(", "), found["total_count"])
    };
    let filter = |field: &str, word: &str, value: &str| {
        let base = "searchCriteria[filterGroups][0][filters][0]";
        format!("{base}[field]={field}&{base}[conditionType]={word}&{base}[value]={value}")
    };
    for (query, found) in [
        ("searchCriteria=".to_owned(), "NOT LOGGED IN, General, Wholesale, Retailer of 4"),
        (filter("code", "eq", "general"), "General of 1"),
        (filter("code", "neq", "General"), "NOT LOGGED IN, Wholesale, Retailer of 3"),
        (filter("customer_group_id", "gteq", "2"), "Wholesale, Retailer of 2"),
        (filter("tax_class_id", "eq", "4"), " of 0"),
        (
            "searchCriteria[sortOrders][0][field]=code&searchCriteria[sortOrders][0][direction]=ASC&searchCriteria[pageSize]=2"
                .to_owned(),
            "General, NOT LOGGED IN of 4",
        ),
    ] {
        assert_eq!(search(&query), found, "{query}");
    }
    let missing = counter.call(&admin, "GET", "/V1/customerGroups/search", &Value::Null);
    assert_eq!((missing.status, &missing.json()["parameters"]["fieldName"]), (400, &"searchCriteria".into()));
}

#[test]
fn group_management_and_config() {
    let counter = Counter::open();
    let admin = counter.shop.caller("admin");
    let call = |method: &str, path: &str| counter.call(&admin, method, path, &Value::Null);
    let default = |path: &str| counter.result(&admin, "GET", path, &Value::Null)["id"].clone();
    for path in ["/V1/customerGroups/default", "/V1/customerGroups/default/1", "/V1/customerGroups/default/2"] {
        assert_eq!(default(path), 1, "{path}");
    }
    absent(&call("GET", "/V1/customerGroups/default/9999"), "storeId", 9999);
    // testIsReadonly
    for (id, readonly) in [(0, true), (1, true), (2, false), (3, false)] {
        assert_eq!(counter.result(&admin, "GET", &format!("/V1/customerGroups/{id}/permissions"), &Value::Null), readonly);
    }
    absent(&call("GET", "/V1/customerGroups/9999/permissions"), "groupId", 9999);
    // CustomerGroupConfigTest::testSetDefaultGroup
    assert_eq!(said(&call("PUT", "/V1/customerGroups/default/3")), (200, "3".to_owned()));
    assert_eq!(said(&call("PUT", "/fr/V1/customerGroups/default/2")), (200, "2".to_owned()));
    assert_eq!((default("/V1/customerGroups/default"), default("/fr/V1/customerGroups/default")), (3.into(), 2.into()));
    absent(&call("PUT", "/V1/customerGroups/default/9999"), "id", 9999);
    let customer = json!({"email": "ann@example.com", "firstname": "Ann", "lastname": "Lee"});
    let body = json!({"customer": customer, "password": "Green parrot 42 sings"});
    assert_eq!(counter.result("", "POST", "/fr/V1/customers", &body)["group_id"], 2);
}
