use super::*;
use crate::negotiate;
use http::{Method, StatusCode};
use proptest::prelude::*;
use serde_json::json;

fn text(error: &Error) -> (u16, String) {
    (error.status().as_u16(), error.document(Format::Json).body)
}

fn values(value: Value) -> Values {
    value.as_object().cloned().unwrap()
}

const JSON: Option<&str> = Some("application/json");
const XML: Option<&str> = Some("application/xml");

#[test]
fn an_error_keeps_its_template() {
    let error = Error::unauthorized(["Magento_Customer::group", "self"]);
    assert_eq!(
        text(&error),
        (
            401,
            r#"{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"Magento_Customer::group, self"}}"#
                .to_owned()
        )
    );
    assert_eq!(
        error.document(Format::Xml).body,
        "<?xml version=\"1.0\"?>\n<response>\n  <message>The consumer isn't authorized to access %resources.</message>\n  \
         <parameters>\n    <resources>Magento_Customer::group, self</resources>\n  </parameters>\n</response>\n"
    );
}

#[test]
fn errors_have_their_keys_in_order_and_no_empty_ones() {
    let both = vec![Error::required("username"), Error::required("password")];
    let required = |name: &str| {
        format!(r#"{{"message":"\"%fieldName\" is required. Enter and try again.","parameters":{{"fieldName":"{name}"}}}}"#)
    };
    let cases = [
        (Error::aggregate(both[..1].to_vec()).unwrap(), 400, required("username")),
        (
            Error::aggregate(both).unwrap(),
            400,
            format!(
                r#"{{"message":"One or more input exceptions have occurred.","errors":[{},{}]}}"#,
                required("username"),
                required("password")
            ),
        ),
        (
            Error::no_such_entity("customerId", -1),
            404,
            r#"{"message":"No such entity with %fieldName = %fieldValue","parameters":{"fieldName":"customerId","fieldValue":-1}}"#
                .to_owned(),
        ),
        (
            Error::no_such_entity_with(("email", "dummy@example.com".into()), ("websiteId", 0.into())),
            404,
            r#"{"message":"No such entity with %fieldName = %fieldValue, %field2Name = %field2Value","parameters":{"fieldName":"email","fieldValue":"dummy@example.com","field2Name":"websiteId","field2Value":0}}"#
                .to_owned(),
        ),
        (
            Error::new(StatusCode::NOT_FOUND, "Resource with ID \"%1\" not found.").with_list(vec!["resourceY".into()]).with_code(5),
            404,
            r#"{"message":"Resource with ID \"%1\" not found.","code":5,"parameters":["resourceY"]}"#.to_owned(),
        ),
        (Error::bad_request("a/b é").with_list(Vec::new()), 400, r#"{"message":"a\/b \u00e9"}"#.to_owned()),
        (
            Error::method_not_supported(&Method::PATCH),
            405,
            r#"{"message":"The PATCH HTTP method is not supported."}"#.to_owned(),
        ),
        (Error::not_processed(), 400, r#"{"message":"Specified request cannot be processed."}"#.to_owned()),
        (
            Error::not_acceptable(&negotiate::magento(Some("text/html")).unwrap_err()),
            406,
            r#"{"message":"Server cannot match any of the given Accept HTTP header media type(s) from the request: \"text\/html\" with media types from the config of response renderer."}"#
                .to_owned(),
        ),
    ];
    for (error, status, body) in cases {
        assert_eq!(text(&error), (status, body));
    }
    assert_eq!(Error::aggregate(Vec::new()), None);
}

#[test]
fn a_server_error_names_a_report_of_13_digits() {
    assert_eq!(
        text(&Error::masked("0123456789abcdef0123456789abcdef")),
        (
            500,
            r#"{"message":"Internal Error. Details are available in Magento log file. Report ID: webapi-0123456789abc"}"#
                .to_owned()
        )
    );
    assert_eq!(report_id("7"), "webapi-7000000000000");
}

#[test]
fn keys_become_element_names() {
    for (key, name) in
        [("message", "message"), ("a b:c", "a_b_c"), ("_x_", "x"), ("1st", "item_1st"), ("a-b", "ab"), ("<>", "item")]
    {
        assert_eq!(render::node_name(key), name, "{key}");
    }
}

#[test]
fn results_in_both_formats() {
    let value = json!({"a": [true, null, 3], "b<": "x<y & z", "c": {}});
    assert_eq!(
        success(&value, None, Format::Xml).body,
        "<?xml version=\"1.0\"?>\n<response>\n  <a>\n    <item>true</item>\n    <item/>\n    <item>3</item>\n  </a>\n  \
         <b>x&lt;y &amp; z</b>\n  <c/>\n</response>\n"
    );
    for (value, in_json, in_xml) in [
        (json!(true), "true", "<response>true</response>"),
        (json!("a/b"), r#""a\/b""#, "<response>a/b</response>"),
        (json!(null), "null", "<response/>"),
        (json!([]), "[]", "<response/>"),
        (json!([1.5]), "[1.5]", "<response>\n  <item>1.5</item>\n</response>"),
    ] {
        let document = success(&value, None, Format::Json);
        assert_eq!((&*document.content_type, &*document.body), ("application/json; charset=utf-8", in_json));
        let document = success(&value, None, Format::Xml);
        assert_eq!(document.body, format!("<?xml version=\"1.0\"?>\n{in_xml}\n"));
        assert_eq!(document.content_type, "application/xml; charset=utf-8");
    }
}

#[test]
fn fields_keep_a_part() {
    let customer = json!({
        "id": 1, "email": "a@b", "firstname": "A",
        "addresses": [{"city": "X", "region": {"region_code": "CA", "region_id": 9}}, {"city": "Y", "region": {"region_code": "NY"}}],
        "custom_attributes": [{"attribute_code": "colour", "value": "red"}, {"attribute_code": "size", "value": "7"}],
    });
    for (filter, kept) in [
        ("email", json!({"email": "a@b"})),
        ("[email]", json!({"email": "a@b"})),
        ("email,id", json!({"id": 1, "email": "a@b"})),
        ("email,addresses[city]", json!({"email": "a@b", "addresses": [{"city": "X"}, {"city": "Y"}]})),
        (
            "addresses[region[region_code]]",
            json!({"addresses": [{"region": {"region_code": "CA"}}, {"region": {"region_code": "NY"}}]}),
        ),
        ("addresses[nothing]", json!({"addresses": [[], []]})),
        ("custom_attributes[size]", json!({"custom_attributes": [{"attribute_code": "size", "value": "7"}]})),
        ("custom_attributes[value]", json!({"custom_attributes": [{"value": "red"}, {"value": "7"}]})),
        ("invalid", json!([])),
        ("email[", json!([])),
        ("email]", json!([])),
        ("e-mail", json!([])),
    ] {
        let fields = Fields::read(Some(&filter.into())).unwrap();
        assert_eq!(fields.of(&customer), kept, "{filter}");
    }
    let fields = Fields::read(Some(&json!("items[id,name],total_count"))).unwrap();
    let found = json!({"items": [{"id": 1, "name": "a", "x": 2}], "search_criteria": {}, "total_count": 1});
    assert_eq!(fields.of(&found), json!({"items": [{"id": 1, "name": "a"}], "total_count": 1}));
    let fields = Fields::read(Some(&json!("id"))).unwrap();
    assert_eq!(fields.of(&json!([{"id": 1, "x": 2}, {"id": 2}])), json!([{"id": 1}, {"id": 2}]));
    // A simple answer is no matter for a filter.
    assert_eq!(fields.of(&json!(false)), json!(false));
    for nothing in [None, Some(json!("")), Some(json!("0")), Some(Value::Null)] {
        assert_eq!(Fields::read(nothing.as_ref()), None);
    }
    assert_eq!(Fields::read(Some(&json!(["email"]))).unwrap().of(&customer), json!([]));
    assert_eq!(Fields::read(Some(&"[".repeat(5000).into())), Some(Fields::default()));
}

#[test]
fn the_content_type_is_judged_as_the_contract_says() {
    let message = |kind: Option<&str>| body(kind, b"{").unwrap_err().message().to_owned();
    for (kind, expected) in [
        (None, "Content-Type header is empty."),
        (Some(" "), "Content-Type header is empty."),
        (Some("application/json; version=1"), "Content-Type header is invalid."),
        (Some("application/json; charset=utf-8; a=b"), "UTF-8 is the only supported charset."),
        (Some("application/json; charset=iso-8859-1"), "UTF-8 is the only supported charset."),
        (Some("application/json; charset="), "Content-Type header is invalid."),
        (Some("<x>/y"), "Content-Type header is invalid."),
        (Some("text/plain"), "Server cannot understand Content-Type HTTP header media type text/plain"),
        (
            Some("application/x-www-form-urlencoded"),
            "Server cannot understand Content-Type HTTP header media type application/x-www-form-urlencoded",
        ),
        (Some("application/json"), "Decoding error."),
        (Some("Application/JSON; charset=UTF-8"), "Decoding error."),
        (Some("application/xml"), "Decoding error."),
    ] {
        assert_eq!(message(kind), expected, "{kind:?}");
    }
    assert_eq!(body(None, b""), Ok(Values::new()));
}

#[test]
fn bodies_are_read_in_both_formats() {
    let login = values(json!({"username": "a@b", "password": "p<"}));
    assert_eq!(body(JSON, br#"{"username":"a@b","password":"p<"}"#), Ok(login.clone()));
    for kind in ["application/xml", "application/xhtml+xml", "text/xml; charset=utf-8"] {
        let xml = b"<?xml version=\"1.0\"?>\n<login>\n  <username>a@b</username><password>p&lt;</password>\n</login>";
        assert_eq!(body(Some(kind), xml), Ok(login.clone()), "{kind}");
    }
    let xml = "<x><customer a='1'><id>1</id><addresses><item><city>X</city></item><item><city>Y</city></item></addresses>\
               <street>one</street><street>two</street><street/><note> \n</note></customer><empty/></x>";
    let expected = json!({
        "customer": {
            "id": "1", "addresses": {"item": [{"city": "X"}, {"city": "Y"}]}, "street": ["one", "two", null], "note": "",
        },
        "empty": null,
    });
    assert_eq!(body(XML, xml.as_bytes()), Ok(values(expected)));
    for nothing in ["[]", "1", "null", "\"x\"", "{}"] {
        assert_eq!(body(JSON, nothing.as_bytes()), Ok(Values::new()), "{nothing}");
    }
}

#[test]
fn bodies_are_bounded_and_never_repeated() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let doctype = "<!DOCTYPE x [<!ENTITY e 'secret'>]><x><a>&e;</a></x>";
    for (kind, text) in [
        (JSON, &*deep),
        (JSON, r#"{"a":1,"a":2}"#),
        (JSON, "secret"),
        (JSON, "{\"a\":\"\u{1}\"}"),
        (XML, doctype),
        (XML, "<x><secret></x>"),
        (XML, "<?php secret ?><x/>"),
        (XML, ""),
    ] {
        if !text.is_empty() {
            assert_eq!(text_of(kind, text), (400, r#"{"message":"Decoding error."}"#.to_owned()), "{text}");
        }
    }
    let big = format!("{{\"a\":\"{}\"}}", "x".repeat(crate::input::MAX_SIZE));
    assert_eq!(text_of(JSON, &big).0, 413);
    assert!(!format!("{:?}", Params::new(values(json!({"password": "secret"})))).contains("secret"));
}

fn text_of(kind: Option<&str>, sent: &str) -> (u16, String) {
    text(&body(kind, sent.as_bytes()).unwrap_err())
}

#[test]
fn queries_are_read_as_php_does() {
    for (sent, read) in [
        ("", json!({})),
        ("a=1&b=x+y%2F&a=2&c", json!({"a": "2", "b": "x y/", "c": ""})),
        (
            "searchCriteria[filterGroups][0][filters][0][field]=email&searchCriteria%5BpageSize%5D=5",
            json!({"searchCriteria": {"filterGroups": [{"filters": [{"field": "email"}]}], "pageSize": "5"}}),
        ),
        ("a[]=1&a[]=2&a[x]=3", json!({"a": {"0": "1", "1": "2", "x": "3"}})),
        ("a[1]=x&a[0]=y", json!({"a": {"1": "x", "0": "y"}})),
        ("a[5]=x&a[]=y", json!({"a": {"5": "x", "6": "y"}})),
        ("a=1&a[b]=2", json!({"a": {"b": "2"}})),
        ("a[b]=2&a=1", json!({"a": "1"})),
        ("a.b=1&[x]=2&=3", json!({"a_b": "1"})),
        ("a[b=1", json!({"a_b": "1"})),
        ("a[b]c=1", json!({"a": {"b": "1"}})),
    ] {
        assert_eq!(query(Some(sent)), Ok(values(read)), "{sent}");
    }
    assert_eq!(query(None), Ok(Values::new()));
    let many = vec!["a[]=1"; 1001].join("&");
    assert_eq!(query(Some(&many)).unwrap_err().status(), 400);
    assert_eq!(query(Some(&format!("a{}=1", "[b]".repeat(40)))).unwrap_err().status(), 400);
}

#[test]
fn input_is_put_together_as_the_contract_says() {
    let path = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    let of = |method: Method, variables: &[(&str, &str)], sent: &str, body: Value| {
        let setters = [("entityItem", "entityId"), ("customer", "customerId")];
        Value::Object(assemble(&method, &path(variables), &query(Some(sent)).unwrap(), values(body), &setters).values().clone())
    };
    let cases = [
        (of(Method::GET, &[("id", "1")], "id=2&x=3", json!({"id": 4})), json!({"id": "1", "x": "3"})),
        (of(Method::DELETE, &[("id", "1")], "", json!({"y": 4})), json!({"id": "1"})),
        (of(Method::POST, &[("id", "1")], "x=3", json!({"x": 1, "y": 2})), json!({"x": "3", "y": 2, "id": "1"})),
        // RequestIdOverrideTest: testOverride, testAddCaseMismatch, testOverrideAdd, testOverrideWithScalarValues.
        (
            of(Method::PUT, &[("entityId", "1")], "", json!({"entityItem": {"entity_id": 2}})),
            json!({"entityItem": {"entity_id": "1"}, "entityId": "1"}),
        ),
        (
            of(Method::PUT, &[("entityId", "1")], "", json!({"entityItem": {"entityId": 2}})),
            json!({"entityItem": {"entityId": "1"}, "entityId": "1"}),
        ),
        (
            of(Method::PUT, &[("entityId", "1")], "", json!({"entityItem": {"name": "x"}})),
            json!({"entityItem": {"name": "x", "entity_id": "1"}, "entityId": "1"}),
        ),
        (
            of(Method::PUT, &[("parentId", "1"), ("entityId", "11")], "", json!({"entity_id": 2, "name": "x"})),
            json!({"entity_id": "11", "name": "x", "parentId": "1", "entityId": "11"}),
        ),
        // An object without that member, and `me`.
        (
            of(Method::PUT, &[("other", "1")], "", json!({"entityItem": {"name": "x"}})),
            json!({"entityItem": {"name": "x"}, "other": "1"}),
        ),
        (of(Method::PUT, &[("id", "me")], "", json!({"a": 1})), json!({"a": 1, "id": "me"})),
        (of(Method::PUT, &[], "", json!({"a": 1})), json!({"a": 1})),
        // The query counts as well: a hole of old that forced parameters close.
        (
            of(Method::PUT, &[], "customerId=1", json!({"customer": {"email": "x"}})),
            json!({"customer": {"email": "x", "customer_id": "1"}, "customerId": "1"}),
        ),
    ];
    for (made, expected) in cases {
        assert_eq!(made, expected);
    }
}

#[test]
fn parameters_are_found_by_both_names() {
    let params =
        Params::new(values(json!({"customer_email": "a", "websiteId": null, "website_id": 3, "storeId": 1, "store_id": 2})));
    assert_eq!(params.text("customerEmail").unwrap(), "a");
    assert_eq!(params.int("websiteId").unwrap(), 3);
    assert_eq!(params.int("storeId").unwrap(), 1);
    assert_eq!(
        Params::new(values(json!({"CustomerEmail": "a"}))).get("customerEmail"),
        None,
        "the first level knows two spellings"
    );
    let inner = Params::new(values(json!({"customer": {"Id": "-1", "ID": "1", "groupId": 4}}))).object("customer").unwrap();
    assert_eq!((inner.int("id").unwrap(), inner.int("group_id").unwrap()), (-1, 4), "the first of several counts");
    let mut forced = inner.clone();
    forced.set("id", 7);
    assert_eq!(Value::Object(forced.values().clone()), json!({"groupId": 4, "id": 7}));
}

#[test]
fn what_is_missing_or_of_another_type_is_said_in_the_contracts_words() {
    let params = Params::new(values(json!({
        "email": null, "list": [1], "flag": true, "n": "12", "bad": "s", "half": 1.9, "huge": 1e30, "spaced": " 5 ", "hex": "0x1A",
        "customer": {"group_id": "s", "addresses": [{"region_id": ""}]}, "wrapped": {"item": "x"}, "two": {"item": ["x", "y"]},
    })));
    let required = |name: &str| Error::required(name);
    assert_eq!(params.text("email"), Err(required("email")));
    assert_eq!(params.object("nothing").unwrap_err(), required("nothing"));
    assert_eq!(params.list("nothing").unwrap_err(), required("nothing"));
    assert_eq!(params.require(&["n", "email"]), Err(required("email")));
    assert_eq!(params.require(&["n", "bad"]), Ok(()));
    assert_eq!(
        text(&params.require(&["email", "template"]).unwrap_err()).1.matches("is required").count(),
        2,
        "all that are missing, together"
    );
    let wrong = |error: Error| error.message().to_owned();
    let of = |value: &str, wanted: &str| {
        format!("The \"{value}\" value's type is invalid. The \"{wanted}\" type was expected. Verify and try again.")
    };
    assert_eq!(wrong(params.text("list").unwrap_err()), of("array", "string"));
    assert_eq!(wrong(params.int("bad").unwrap_err()), of("s", "int"));
    assert_eq!(wrong(params.int("hex").unwrap_err()), of("0x1A", "int"));
    assert_eq!(wrong(params.int("flag").unwrap_err()), of("1", "int"));
    let customer = params.object("customer").unwrap();
    let during = |name: &str| format!("Error occurred during \"{name}\" processing. ");
    assert_eq!(wrong(customer.int("groupId").unwrap_err()), during("group_id") + &of("s", "int"));
    let addresses = customer.optional_objects("addresses").unwrap();
    assert_eq!(
        wrong(addresses[0].optional_int("regionId").unwrap_err()),
        during("addresses") + &during("region_id") + &of("", "int")
    );
    assert_eq!(
        (params.int("n"), params.int("half"), params.int("huge"), params.int("spaced")),
        (Ok(12), Ok(1), Ok(i64::MAX), Ok(5))
    );
    assert_eq!((params.truth("flag"), params.truth("bad"), params.text("flag")), (Ok(true), Ok(false), Ok("1".to_owned())));
    assert_eq!(params.list("wrapped"), Ok(vec![json!("x")]));
    assert_eq!(params.list("two"), Ok(vec![json!("x"), json!("y")]));
    assert_eq!(params.object("bad").unwrap().values(), &Values::new(), "what is no object has no members");
}

fn asked<'a>(method: &'a Method, query: Option<&'a str>, kind: Option<&'a str>, body: &'a str) -> Asked<'a> {
    Asked { method, variables: &[], query, content_type: kind, body: body.as_bytes() }
}

/// DeserializationTest.
#[test]
fn an_empty_body_lacks_what_the_service_needs() {
    for (method, field) in [(Method::POST, "item"), (Method::PUT, "entityItem")] {
        for (kind, body) in [(None, ""), (JSON, ""), (JSON, "{}"), (XML, "<request/>")] {
            let (params, _) = asked(&method, None, kind, body).read(&[]).unwrap();
            let expected = format!(
                r#"{{"message":"\"%fieldName\" is required. Enter and try again.","parameters":{{"fieldName":"{field}"}}}}"#
            );
            assert_eq!(text(&params.object(field).unwrap_err()), (400, expected));
        }
    }
}

#[test]
fn a_request_is_read_in_one() {
    let query = Some("fields=email&customerId=1");
    for (kind, body) in [(JSON, r#"{"customer":{"email":"a@b"}}"#), (XML, "<x><customer><email>a@b</email></customer></x>")] {
        let (params, fields) = asked(&Method::PUT, query, kind, body).read(&[]).unwrap();
        assert_eq!(params.object("customer").unwrap().text("email"), Ok("a@b".to_owned()));
        assert_eq!((params.int("customerId"), fields), (Ok(1), Fields::read(Some(&"email".into()))));
        assert_eq!(asked(&Method::POST, query, kind, "{bad").read(&[]).unwrap_err(), Error::bad_request("Decoding error."));
    }
    // What GET and DELETE carry is not even looked at.
    for method in [Method::GET, Method::DELETE] {
        let (params, fields) = asked(&method, None, None, "{bad").read(&[]).unwrap();
        assert_eq!((params.values(), fields), (&Values::new(), None));
    }
}

proptest! {
    #[test]
    fn any_input_has_an_answer(sent in ".{0,80}", kind in "(application/(json|xml)|text/xml)(; charset=.{0,6})?", filter in "[a-c\\[\\],]{0,20}") {
        let _ = (query(Some(&sent)), body(Some(&kind), sent.as_bytes()), body(Some(&sent), b"{}"));
        let fields = Fields::read(Some(&filter.into()));
        let _ = success(&json!({"a": {"b": [{"c": 1}]}}), fields.as_ref(), Format::Xml);
    }

    #[test]
    fn no_filter_shows_what_was_not_there(filter in "[a-c\\[\\],]{0,20}") {
        let value = json!({"a": {"b": 1, "c": [{"a": 2}]}, "b": 3});
        if let Some(fields) = Fields::read(Some(&filter.as_str().into())) {
            let kept = fields.of(&value);
            for (name, member) in kept.as_object().into_iter().flatten() {
                prop_assert!(filter.contains(name.as_str()));
                prop_assert!(value.get(name).is_some() && (member == &value[name] || member.is_object() || member.is_array()));
            }
        }
    }
}
