//! Forced and default parameters, as queries and JSON.

use super::*;
use doorward_core::{Account, Membership};
use serde_json::json;
use std::sync::Arc;

fn known(kind: Kind, membership: Option<Membership>) -> Identity {
    Identity::Known(Arc::new(Account { directory: "d".into(), kind, id: 42, login: "l".into(), roles: Vec::new(), membership }))
}

/// Whoever is no guest has these parameters; `into_query` and the others ask for nothing else.
struct Somebody(Identity, Option<Value>);

impl Somebody {
    fn caller(&self) -> Caller<'_> {
        Caller { identity: &self.0, cart: self.1.clone() }
    }
}

fn customer() -> Somebody {
    Somebody(known(Kind::Customer, None), None)
}

fn guest() -> Somebody {
    Somebody(Identity::Guest, None)
}

fn into_json(body: Value, parameters: &[Parameter], somebody: &Somebody, query: &str) -> Result<Value, UpstreamError> {
    let Value::Object(map) = body else { panic!("{body}") };
    with_parameters(map, parameters, &somebody.caller(), query).map(Value::Object)
}

fn parse(text: &Bytes) -> Result<Value, UpstreamError> {
    match Parsed::read(Written::Json, text)? {
        Parsed::Json(map) => Ok(Value::Object(map)),
        Parsed::Xml(_) => panic!("JSON was read as XML"),
    }
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
        let set = into_query(&query, &forced, &customer().caller()).unwrap();
        assert_eq!(set.as_deref(), Some("a=1&b=%20&customerId=42"), "{spelling}");
    }
    let set = into_query("", &forced, &customer().caller()).unwrap();
    assert_eq!(set.as_deref(), Some("customerId=42"));
}

#[test]
fn a_nested_name_is_set_and_replaced_as_php_nests_it() {
    let forced = [parameter("customer.id", "%customer_id%", true)];
    let query = "customer[id]=1&customer[Id][]=1&customer=x&customer_id=1&customer[email]=e&other[id]=3";
    let set = into_query(query, &forced, &customer().caller()).unwrap();
    assert_eq!(set.as_deref(), Some("customer[email]=e&other[id]=3&customer[id]=42"));
}

#[test]
fn a_default_stands_back_for_what_the_client_says() {
    let default = [parameter("pageSize", "10 0", false)];
    let query = |text: &str| into_query(text, &default, &customer().caller()).unwrap().unwrap();
    assert_eq!(query("page_size=5"), "page_size=5");
    assert_eq!(query("a=1"), "a=1&pageSize=10%200");
}

#[test]
fn a_placeholder_without_value_is_refused() {
    for (value, somebody) in [
        ("%customer_id%", guest()),
        ("%customer_id%", Somebody(known(Kind::Admin, None), None)),
        ("%cart_id%", customer()),
        ("%cart_id%", Somebody(Identity::Guest, Some(7.into()))),
        ("%customer_group_id%", customer()),
        ("%customer_website_id%", customer()),
        ("%customer_store_id%", Somebody(known(Kind::Integration, None), None)),
    ] {
        let forced = [parameter("cartId", value, true)];
        let expected = UpstreamError::Refused(Reason::NoParameter("cartId".into()));
        assert_eq!(into_query("cartId=7", &forced, &somebody.caller()), Err(expected.clone()), "{value}");
        assert_eq!(into_json(json!({"cartId": 7}), &forced, &somebody, ""), Err(expected), "{value}");
    }
    // Not one of Magento's placeholders: the text itself (magento-webapi 3.4).
    let literal = [parameter("x", "%user_id%", true)];
    assert_eq!(into_query("", &literal, &guest().caller()).unwrap().as_deref(), Some("x=%25user%5Fid%25"));
}

#[test]
fn a_null_byte_in_a_name_is_refused() {
    let forced = [parameter("customerId", "%customer_id%", true)];
    assert!(into_query("customerId%00x=1", &forced, &customer().caller()).is_err());
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
        assert_eq!(into_json(body.clone(), &forced, &customer(), ""), Ok(expected), "{body}");
    }
    assert!(into_json(json!({"customer": 5}), &forced, &customer(), "").is_err());
    assert!(into_json(json!({"customer": {}, "_customer": {}}), &forced, &customer(), "").is_err());
}

#[test]
fn a_json_default_fills_what_is_absent_or_null() {
    let default = [parameter("a.b", "x", false)];
    let set = |body: Value, query: &str| into_json(body, &default, &guest(), query).unwrap();
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
fn what_a_customer_belongs_to_and_has_in_the_cart_is_set() {
    let somebody = Somebody(known(Kind::Customer, Some(Membership { website: 2, store: 5, group: 3 })), Some("9f".into()));
    let forced = [
        parameter("customer.group_id", "%customer_group_id%", true),
        parameter("customer.website_id", "%customer_website_id%", true),
        parameter("customer.store_id", "%customer_store_id%", true),
        parameter("cartId", "%cart_id%", true),
    ];
    let sent = json!({"customer": {"groupId": 1, "WebsiteId": 1, "store_id": 1, "email": "e"}, "cart_id": "mine"});
    let set = json!({"customer": {"email": "e", "group_id": 3, "website_id": 2, "store_id": 5}, "cartId": "9f"});
    assert_eq!(into_json(sent, &forced, &somebody, ""), Ok(set));
    assert_eq!(into_query("cart_id=7", &forced[3..], &somebody.caller()).unwrap().as_deref(), Some("cartId=9f"));
}

fn xml(text: &str, parameters: &[Parameter]) -> Result<String, UpstreamError> {
    let read = Parsed::read(Written::Xml, &Bytes::copy_from_slice(text.as_bytes()))?;
    read.with(parameters, &customer().caller(), "").map(|(_, text)| text)
}

#[test]
fn sets_xml_by_the_rules_name_and_leaves_the_rest() {
    let forced = [parameter("customer.id", "%customer_id%", true)];
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    for (sent, set) in [
        (
            "<request><customer><id>1</id><email>a&amp;b</email></customer></request>",
            "<request><customer><email>a&amp;b</email><id>42</id></customer></request>",
        ),
        ("<r a='1'><Customer><ID>1</ID></Customer><!-- x --></r>", "<r><customer><id>42</id></customer></r>"),
        ("<r/>", "<r><customer><id>42</id></customer></r>"),
        (
            "<r><item>1</item><item><b>2</b></item><e/></r>",
            "<r><item>1</item><item><b>2</b></item><e></e><customer><id>42</id></customer></r>",
        ),
    ] {
        assert_eq!(xml(sent, &forced).unwrap(), format!("{head}{set}"), "{sent}");
    }
}

#[test]
fn refuses_xml_that_two_parsers_could_read_differently() {
    let forced = [parameter("customer.id", "%customer_id%", true)];
    for text in [
        "<r><customer><id>1</id></customer><Customer><id>2</id></Customer></r>",
        "<r><customer><id>1</id></customer><customer><id>2</id></customer></r>",
        "<r><a><x>1</x><X>2</X></a></r>",
        "<!DOCTYPE r [<!ENTITY e '1'>]><r><customer><id>&e;</id></customer></r>",
        "<r>text</r>",
        "<r><customer>5</customer></r>",
        "<r><customer></r>",
        "",
    ] {
        assert!(xml(text, &forced).is_err(), "{text}");
    }
}

#[test]
fn takes_plain_json_and_xml_only() {
    let judge = |lines: &[(&'static str, &'static str)]| {
        let headers: HeaderMap =
            lines.iter().map(|(n, v)| (n.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static(v))).collect();
        kind(&headers).is_ok()
    };
    assert!(judge(&[("content-type", "application/json")]));
    assert!(judge(&[("content-type", "text/xml; charset=utf-8")]));
    assert!(judge(&[("content-type", "Application/JSON; charset=\"UTF-8\"")]));
    for lines in [
        &[][..],
        &[("content-type", "application/xml; charset=iso-8859-1")],
        &[("content-type", "application/vnd.shop+xml")],
        &[("content-type", "application/json; charset=utf-16")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        &[("content-type", "application/json"), ("content-type", "application/json")],
    ] {
        assert!(!judge(lines), "{lines:?}");
    }
}
