//! Forced and default parameters, as queries and JSON.

use super::*;
use doorward_core::Account;
use serde_json::json;
use std::sync::Arc;

fn caller(kind: Kind) -> Identity {
    Identity::Known(Arc::new(Account {
        directory: "d".into(),
        kind,
        id: 42,
        login: "l".into(),
        roles: Vec::new(),
        membership: None,
    }))
}

fn parameter(name: &str, value: &str, force: bool) -> Parameter {
    Parameter { name: name.into(), value: Some(value.into()), force }
}

#[test]
fn a_forced_parameter_replaces_every_spelling_in_the_query() {
    let forced = [parameter("customerId", "%customer_id%", true)];
    let spellings = [
        "customerId=1",
        "customer_id=1",
        "CustomerID=1",
        "customer-id=1",
        "customer.id=1",
        "customer+id=1",
        "%63ustomer%5fid=1",
        "customerId[]=1",
        "customerId%5B0%5D=1",
        "customer[id=1",
        "+customerId=1",
        "customerId",
        "y=2;customerId=1",
    ];
    for spelling in spellings {
        let query = format!("a=1&{spelling}&b=%20");
        let set = into_query(&query, &forced, &caller(Kind::Customer)).unwrap();
        assert_eq!(set.as_deref(), Some("a=1&b=%20&customerId=42"), "{spelling}");
    }
    let set = into_query("", &forced, &caller(Kind::Customer)).unwrap();
    assert_eq!(set.as_deref(), Some("customerId=42"));
}

#[test]
fn a_nested_name_is_set_and_replaced_as_php_nests_it() {
    let forced = [parameter("customer.id", "%customer_id%", true)];
    let query = "customer[id]=1&customer[Id][]=1&customer=x&customer_id=1&customer[email]=e&other[id]=3";
    let set = into_query(query, &forced, &caller(Kind::Customer)).unwrap();
    assert_eq!(set.as_deref(), Some("customer[email]=e&other[id]=3&customer[id]=42"));
}

#[test]
fn a_default_stands_back_for_what_the_client_says() {
    let default = [parameter("pageSize", "10 0", false)];
    let query = |text: &str| into_query(text, &default, &caller(Kind::Customer)).unwrap().unwrap();
    assert_eq!(query("page_size=5"), "page_size=5");
    assert_eq!(query("a=1"), "a=1&pageSize=10%200");
}

#[test]
fn a_placeholder_without_value_is_refused() {
    for (value, identity) in [
        ("%customer_id%", Identity::Guest),
        ("%customer_id%", caller(Kind::Admin)),
        ("%cart_id%", caller(Kind::Customer)),
        ("%customer_group_id%", caller(Kind::Customer)),
    ] {
        let forced = [parameter("cartId", value, true)];
        let expected = UpstreamError::Refused(Reason::NoParameter("cartId".into()));
        assert_eq!(into_query("cartId=7", &forced, &identity), Err(expected.clone()), "{value}");
        assert_eq!(into_json(json!({"cartId": 7}), &forced, &identity, ""), Err(expected), "{value}");
    }
    // Not one of Magento's placeholders: the text itself (magento-webapi 3.4).
    let literal = [parameter("x", "%user_id%", true)];
    assert_eq!(into_query("", &literal, &Identity::Guest).unwrap().as_deref(), Some("x=%25user%5Fid%25"));
}

#[test]
fn a_null_byte_in_a_name_is_refused() {
    let forced = [parameter("customerId", "%customer_id%", true)];
    assert!(into_query("customerId%00x=1", &forced, &caller(Kind::Customer)).is_err());
}

#[test]
fn sets_json_by_the_rules_name_and_leaves_the_rest() {
    let forced = [parameter("customer.id", "%customer_id%", true), parameter("cart_type", "mine", true)];
    let cases = [
        (json!({}), json!({"customer": {"id": 42}, "cart_type": "mine"})),
        (
            json!({"customer": {"id": 1, "email": "e"}, "cartType": "x"}),
            json!({"customer": {"email": "e", "id": 42}, "cart_type": "mine"}),
        ),
        (json!({"Customer": {"ID": 1}, "a": [1, 2.5]}), json!({"a": [1, 2.5], "customer": {"id": 42}, "cart_type": "mine"})),
    ];
    for (body, expected) in cases {
        assert_eq!(into_json(body.clone(), &forced, &caller(Kind::Customer), ""), Ok(expected), "{body}");
    }
    assert!(into_json(json!({"customer": 5}), &forced, &caller(Kind::Customer), "").is_err());
    assert!(into_json(json!({"customer": {}, "_customer": {}}), &forced, &caller(Kind::Customer), "").is_err());
}

#[test]
fn a_json_default_fills_what_is_absent_or_null() {
    let default = [parameter("a.b", "x", false)];
    let set = |body: Value, query: &str| into_json(body, &default, &Identity::Guest, query).unwrap();
    assert_eq!(set(json!({"a": {"b": 1}}), ""), json!({"a": {"b": 1}}));
    assert_eq!(set(json!({"a": {"b": null}}), ""), json!({"a": {"b": "x"}}));
    assert_eq!(set(json!({}), ""), json!({"a": {"b": "x"}}));
    assert_eq!(set(json!({}), "a[b]=1"), json!({}));
}

#[test]
fn refuses_json_that_two_parsers_could_read_differently() {
    for text in [
        r#"{"id":1,"id":2}"#,
        r#"{"id":1,"Id":2}"#,
        r#"{"a":{"x":1,"\u0078":2}}"#,
        r#"[{"a":1,"A":1}]"#,
        r#"[1]"#,
        "1",
        "",
        r#"{"a":1}{"b":2}"#,
        r#"{"a":NaN}"#,
        "{'a':1}",
    ] {
        assert!(parse(&Bytes::from(text)).is_err(), "{text}");
    }
    assert_eq!(
        parse(&Bytes::from(r#" {"a":{"b":[1,-2,3.5,null,true,"x"]}} "#)).unwrap(),
        json!({"a":{"b":[1,-2,3.5,null,true,"x"]}})
    );
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(parse(&Bytes::from(deep)).is_err());
}

#[test]
fn takes_plain_json_only() {
    let judge = |lines: &[(&'static str, &'static str)]| {
        let headers: HeaderMap =
            lines.iter().map(|(n, v)| (n.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static(v))).collect();
        check_json(&headers).is_ok()
    };
    assert!(judge(&[("content-type", "application/json")]));
    assert!(judge(&[("content-type", "Application/JSON; charset=\"UTF-8\"")]));
    for lines in [
        &[][..],
        &[("content-type", "application/xml")],
        &[("content-type", "application/json; charset=utf-16")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        &[("content-type", "application/json"), ("content-type", "application/json")],
    ] {
        assert!(!judge(lines), "{lines:?}");
    }
}
