//! Customers as others see and manage them: AccountManagementTest, CustomerRepositoryTest and AddressRepositoryTest by their names.

use super::{
    counter::{Counter, DUPLICATE, NOBODY, OLD_PASSWORD, address, no_customer, path, person, told},
    message, said, unauthorized,
};
use serde_json::{Value, json};

#[test]
fn address_repository() {
    let counter = Counter::open();
    counter.register("ann@example.com");
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let mut customer = person("ann@example.com");
    customer["addresses"] = json!([address("CityM")]);
    let id = counter.result(&me, "PUT", "/V1/customers/me", &json!({"customer": customer}))["addresses"][0]["id"].clone();
    let admin = counter.admin();
    // testGetAddress
    let shown = counter.result(&admin, "GET", &format!("/V1/customers/addresses/{id}"), &Value::Null);
    assert_eq!((&shown["id"], &shown["city"]), (&id, &"CityM".into()));
    assert_eq!(
        said(&counter.call(&me, "DELETE", &format!("/V1/addresses/{id}"), &Value::Null)),
        unauthorized("Magento_Customer::manage")
    );
    // testDeleteAddress
    assert_eq!(counter.result(&admin, "DELETE", &format!("/V1/addresses/{id}"), &Value::Null), true);
    let gone = counter.call(&admin, "GET", &format!("/V1/customers/addresses/{id}"), &Value::Null);
    let parameters = json!({"fieldName": "addressId", "fieldValue": id});
    assert_eq!((gone.status, &gone.json()["parameters"]), (404, &parameters));
    assert_eq!(counter.result(&me, "GET", "/V1/customers/me", &Value::Null)["addresses"], json!([]));
}

#[test]
fn delete_customer() {
    let counter = Counter::open();
    let id = counter.register("ann@example.com")["id"].clone();
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    // testDeleteCustomerNonAuthorized
    let manager = counter.shop.caller("manager");
    assert_eq!(said(&counter.call(&manager, "DELETE", &path(&id), &Value::Null)), unauthorized("Magento_Customer::delete"));
    counter.result(&manager, "GET", &path(&id), &Value::Null);
    let admin = counter.admin();
    assert_eq!(counter.result(&admin, "DELETE", &path(&id), &Value::Null), true);
    // Its session ends at once, and nobody ever has its id again.
    assert_eq!(said(&counter.call(&me, "GET", "/V1/customers/me", &Value::Null)), unauthorized("self"));
    assert_eq!(counter.shop.server.try_sign_in("ann@example.com", OLD_PASSWORD).status, 401);
    assert_eq!(told(&counter.call(&admin, "GET", &path(&id), &Value::Null)), no_customer(id.as_i64().unwrap()));
    assert!(counter.register("ann@example.com")["id"].as_u64() > id.as_u64());
    // testDeleteCustomerInvalidCustomerId
    assert_eq!(told(&counter.call(&admin, "DELETE", "/V1/customers/-1", &Value::Null)), no_customer(-1));
    counter.shop.server.logged("customer_deleted");
}

#[test]
fn customer_repository_update() {
    let counter = Counter::open();
    let made = counter.register("ann@example.com");
    let (admin, at) = (counter.admin(), path(&made["id"]));
    let put = |at: &str, customer: Value| counter.call(&admin, "PUT", at, &json!({"customer": customer}));
    // testUpdateCustomer: the path names the customer, whatever the body says.
    let mut changed = person("new@example.com");
    changed["id"] = 4711.into();
    changed["group_id"] = 2.into();
    changed["website_id"] = 1.into();
    changed["lastname"] = "Changed".into();
    let saved = put(&at, changed);
    let shown = |customer: &Value| ["id", "email", "lastname", "group_id"].map(|name| customer[name].to_string()).join(" ");
    assert_eq!((saved.status, shown(&saved.json())), (200, format!("{} \"new@example.com\" \"Changed\" 2", made["id"])));
    counter.mailed("email_changed", "ann@example.com");
    counter.signed_in("new@example.com", OLD_PASSWORD);
    // testUpdateCustomerNoWebsiteId, and without anything else.
    let saved = put(&at, json!({"email": "new@example.com", "taxvat": "7"}));
    assert_eq!((saved.status, &saved.json()["lastname"], &saved.json()["taxvat"]), (200, &"Changed".into(), &"7".into()));
    // testUpdateCustomerException
    assert_eq!(told(&put("/V1/customers/-1", person("x@example.com"))), no_customer(-1));
    // testUpdateCustomerWithInvalidGroupId
    let group = message(400, "The specified customer group id does not exist.");
    assert_eq!(said(&put(&at, json!({"group_id": 4711}))), group);
    // testCreateCustomerWithInvalidGroupId
    let mut new = person("new2@example.com");
    new["group_id"] = 4711.into();
    let body = json!({"customer": new, "password": OLD_PASSWORD});
    assert_eq!(said(&counter.call(&admin, "POST", "/V1/customers", &body)), group);
    // testInvalidCustomerUpdate
    let me = counter.signed_in("new@example.com", OLD_PASSWORD);
    let own = counter.call(&me, "PUT", &at, &json!({"customer": person("new@example.com")}));
    assert_eq!(said(&own), unauthorized("Magento_Customer::manage"));
    assert_eq!(said(&put(&at, json!({"website_id": 99}))), message(400, "The store view is not in the associated website."));
}

#[test]
fn create_customer() {
    let counter = Counter::open();
    let post = |who: &str, path: &str, customer: Value| {
        counter.call(who, "POST", path, &json!({"customer": customer, "password": OLD_PASSWORD}))
    };
    // A group is not for guests to choose.
    let mut new = person("ann@example.com");
    new["group_id"] = 3.into();
    new["confirmation"] = "x".into();
    let made = post("", "/V1/customers", new.clone());
    assert_eq!((made.status, &made.json()["group_id"], made.json().get("confirmation")), (200, &1.into(), None));
    assert!(made.header("set-cookie").is_none());
    new["email"] = "by-admin@example.com".into();
    assert_eq!(post(&counter.admin(), "/V1/customers", new).json()["group_id"], 3);
    counter.signed_in("ann@example.com", OLD_PASSWORD);
    // testCreateCustomerWithErrors
    assert_eq!(
        said(&post("", "/V1/customers", person("invalid"))),
        (400, r#"{"message":"\"Email\" is not a valid email address."}"#.to_owned())
    );
    assert_eq!(said(&post("", "/V1/customers", person("ANN@example.com"))), message(400, DUPLICATE));
    // testCreateCustomerWithoutOptionalFields
    let made = post("", "/all/V1/customers", person("all@example.com")).json();
    assert_eq!(
        (made["id"].is_u64(), &made["store_id"], &made["website_id"], &made["created_in"]),
        (true, &1.into(), &1.into(), &"Admin".into())
    );
    // testCreateCustomerWithoutAddressRequiresException
    let mut new = person("b@example.com");
    let mut lacking = address("X");
    lacking["firstname"] = Value::Null;
    new["addresses"] = json!([lacking]);
    let text = "\"%fieldName\" is required. Enter and try again.";
    assert_eq!(told(&post("", "/V1/customers", new)), (400, json!({"message": text, "parameters": {"fieldName": "firstname"}})));
    // Names.
    for (name, value, text) in [
        ("firstname", "", r#"{"message":"\"First Name\" is a required value."}"#),
        ("lastname", "", r#"{"message":"\"Last Name\" is a required value."}"#),
        ("firstname", "<b>", r#"{"message":"First Name is not valid!"}"#),
    ] {
        let mut new = person("c@example.com");
        new[name] = value.into();
        assert_eq!(said(&post("", "/V1/customers", new)), (400, text.to_owned()));
    }
    let weak = counter.call("", "POST", "/V1/customers", &json!({"customer": person("d@example.com"), "password": "aaaaaaaa"}));
    assert_eq!((weak.status, &weak.json()["parameters"]), (400, &json!([3])));
    // XML.
    let xml = format!(
        "<x><customer><email>xml@example.com</email><firstname>A</firstname><lastname>B</lastname><addresses><item><firstname>A</firstname>\
         <lastname>B</lastname><street><item>One</item></street><city>C</city><telephone>1</telephone><postcode>1</postcode>\
         <country_id>DE</country_id><default_billing>true</default_billing></item></addresses></customer><password>{OLD_PASSWORD}</password></x>"
    );
    let headers = "Content-Type: application/xml\r\nAccept: application/xml\r\n";
    let made = counter.shop.server.send("POST", "/rest/V1/customers", headers, &xml);
    assert_eq!(
        (made.status, made.element("email"), made.element("default_billing").is_some()),
        (200, Some("xml@example.com"), true),
        "{made:?}"
    );
}

#[test]
fn create_customer_with_subscription_and_unsubscribe() {
    let counter = Counter::open();
    let mut new = person("ann@example.com");
    new["extension_attributes"] = json!({"is_subscribed": "1"});
    let made = counter.result("", "POST", "/V1/customers", &json!({"customer": new, "password": OLD_PASSWORD}));
    assert_eq!(made["extension_attributes"], json!({"is_subscribed": true}));
    new["extension_attributes"] = json!({"is_subscribed": false});
    let saved = counter.result(&counter.admin(), "PUT", &path(&made["id"]), &json!({"customer": new}));
    assert_eq!(saved["extension_attributes"], json!({"is_subscribed": false}));
}

#[test]
fn what_reveals_accounts_does_so_where_it_is_told() {
    let counter = Counter::with("reveal_accounts = true\nreset_interval = \"1s\"");
    counter.register("ann@example.com");
    // testSendPasswordResetLinkBadEmailOrWebsite
    let asked = counter.call(
        "",
        "PUT",
        "/V1/customers/password",
        &json!({"email": "dummy@example.com", "template": "email_reset", "websiteId": 0}),
    );
    let parameters =
        json!({"fieldName": "email", "fieldValue": "dummy@example.com", "field2Name": "websiteId", "field2Value": 0});
    assert_eq!(told(&asked), (404, json!({"message": NOBODY, "parameters": parameters})));
    let available = |email: &str| counter.result("", "POST", "/V1/customers/isEmailAvailable", &json!({"customerEmail": email}));
    assert_eq!((available("ann@example.com"), available("free@example.com")), (false.into(), true.into()));
}

#[test]
fn email_available() {
    let counter = Counter::open();
    counter.register("ann@example.com");
    // testEmailAvailable, testEmailAvailableInvalidEmail
    for email in ["ann@example.com", "free@example.com", "invalid"] {
        let body = json!({"customerEmail": email, "websiteId": 1});
        assert_eq!(counter.result("", "POST", "/V1/customers/isEmailAvailable", &body), true, "{email}");
    }
    let missing = counter.call("", "POST", "/V1/customers/isEmailAvailable", &json!({}));
    assert_eq!((missing.status, &missing.json()["parameters"]["fieldName"]), (400, &"customerEmail".into()));
}

#[test]
fn validate_customer_data_is_readonly_and_get_confirmation_status() {
    let counter = Counter::open();
    let id = counter.register("ann@example.com")["id"].clone();
    let admin = counter.admin();
    // testValidateCustomerData
    let body = json!({"customer": {"email": "ann@example.com", "firstname": "", "lastname": null}});
    let found = counter.result(&admin, "PUT", "/V1/customers/validate", &body);
    let empty = |name: &str| format!("The \"{name}\" attribute value is empty. Set the attribute and try again.");
    assert_eq!(found, json!({"valid": false, "messages": [empty("First Name"), empty("Last Name")]}));
    let body = json!({"customer": person("ann@example.com")});
    assert_eq!(counter.result(&admin, "PUT", "/V1/customers/validate", &body), json!({"valid": true, "messages": []}));
    // testIsReadonly
    assert_eq!(counter.result(&admin, "GET", &format!("{}/permissions/readonly", path(&id)), &Value::Null), false);
    let absent = counter.call(&admin, "GET", "/V1/customers/4711/permissions/readonly", &Value::Null);
    assert_eq!(told(&absent), no_customer(4711));
    // testGetConfirmationStatus
    let status = counter.result(&admin, "GET", &format!("{}/confirm", path(&id)), &Value::Null);
    assert_eq!(status, "account_confirmation_not_required");
}

#[test]
fn search_customers() {
    let counter = Counter::open();
    for (email, name) in [("ann@example.com", "Ann"), ("bob@example.com", "Bob"), ("cid@example.com", "Ann")] {
        let customer = json!({"email": email, "firstname": name, "lastname": "Lee"});
        counter.result("", "POST", "/V1/customers", &json!({"customer": customer, "password": OLD_PASSWORD}));
    }
    let admin = counter.admin();
    let filter = |at: (u32, u32), field: &str, word: &str, value: &str| {
        let base = format!("searchCriteria[filterGroups][{}][filters][{}]", at.0, at.1);
        format!("{base}[field]={field}&{base}[conditionType]={word}&{base}[value]={value}")
    };
    let search = |query: &str| counter.call(&admin, "GET", &format!("/V1/customers/search?{query}"), &Value::Null);
    let found = |query: &str| {
        let reply = search(query);
        assert_eq!(reply.status, 200, "{query}: {reply:?}");
        let found = reply.json();
        let emails: Vec<&str> = found["items"].as_array().unwrap().iter().map(|item| item["email"].as_str().unwrap()).collect();
        format!("{} of {}", emails.join(" ").replace("@example.com", ""), found["total_count"])
    };
    let by_email = "searchCriteria[sortOrders][0][field]=email&searchCriteria[sortOrders][0][direction]=DESC";
    for (query, expected) in [
        (filter((0, 0), "email", "eq", "BOB@example.com"), "bob of 1"),
        (filter((0, 0), "email", "like", "b%25"), "bob of 1"),
        (filter((0, 0), "firstname", "neq", "Ann"), "bob of 1"),
        (filter((0, 0), "email", "in", "ann@example.com,cid@example.com"), "ann cid of 2"),
        (format!("{}&{}", filter((0, 0), "firstname", "eq", "Ann"), filter((1, 0), "email", "like", "c%25")), "cid of 1"),
        (format!("{}&{by_email}", filter((0, 0), "lastname", "eq", "Lee")), "cid bob ann of 3"),
        (
            format!("{}&{}", filter((0, 0), "email", "eq", "bob@example.com"), filter((0, 1), "email", "eq", "ann@example.com")),
            "ann bob of 2",
        ),
        (
            format!("{}&searchCriteria[pageSize]=2&searchCriteria[currentPage]=2", filter((0, 0), "lastname", "eq", "Lee")),
            "cid of 3",
        ),
        (filter((0, 0), "firstname", "eq", "' OR 1=1 --").replace(' ', "+"), " of 0"),
        (filter((0, 0), "created_at", "gt", "2020-01-01+00:00:00"), "jane ann bob cid of 4"),
        (format!("{}&{}", filter((0, 0), "group_id", "eq", "1"), filter((1, 0), "lastname", "notnull", "")), "ann bob cid of 3"),
    ] {
        assert_eq!(found(&query), expected, "{query}");
    }
    // MalformedRequestErrorHandlingTest
    assert_eq!(search(&filter((0, 0), "1", "eq", "1")).status, 400);
    let missing = search("");
    assert_eq!((missing.status, &missing.json()["parameters"]["fieldName"]), (400, &"searchCriteria".into()));
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let refused = counter.call(&me, "GET", "/V1/customers/search?searchCriteria=", &Value::Null);
    assert_eq!(said(&refused), unauthorized("Magento_Customer::customer"));
    let xml = counter.call(
        &format!("{admin}Accept: application/xml\r\n"),
        "GET",
        &format!("/V1/customers/search?{}", filter((0, 0), "email", "eq", "ann@example.com")),
        &Value::Null,
    );
    assert_eq!((xml.status, xml.element("total_count"), xml.element("email")), (200, Some("1"), Some("ann@example.com")));
}
