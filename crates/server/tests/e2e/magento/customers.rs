//! Searching customers in every way, besides the cases of [`super::customer_repository_test`].

use super::{
    counter::{Counter, OLD_PASSWORD},
    said, unauthorized,
};
use serde_json::{Value, json};

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
