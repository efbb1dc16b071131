//! Webapi/Routing: where a case executes a foreign service, the verdict and what the service receives are shown.

use super::{AJAX, FIREWALLS, NO_ROUTE, Shop, answer, message, said, unauthorized};
use crate::support::upstream::Upstream;

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn the_routes_of_the_test_modules_decide_as_magentos_suite_expects() {
    let shop = Shop::open("", FIREWALLS);
    let admin = shop.caller("admin");
    let clerk = shop.caller("clerk");
    let send = |method: &str, path: &str, headers: &str, body: &str| {
        let kind = if body.is_empty() { "" } else { JSON };
        shop.server.send(method, &format!("/rest{path}"), &format!("{headers}{kind}"), body)
    };
    // CoreRoutingTest, ServiceVersionV1Test, ServiceVersionV2Test, SubsetTest, GettersTest, by whoever holds everything.
    for (case, method, path, body) in [
        ("testBasicRoutingExplicitPath", "GET", "/V1/testmodule1/1", ""),
        ("testItems", "GET", "/V1/testmodule1/", ""),
        ("testCreate", "POST", "/V1/testmodule1/", r#"{"name":"testProduct1"}"#),
        ("testUpdate", "PUT", "/V1/testmodule1/1", r#"{"entityItem":{"itemId":1,"name":"x"}}"#),
        ("v2 testItem", "GET", "/V2/testmodule1/1", ""),
        ("v2 testItems", "GET", "/V2/testmodule1", ""),
        ("v2 testItemsWithFilters", "GET", "/V2/testmodule1?filters[0][field]=id", ""),
        ("v2 testUpdate", "PUT", "/V2/testmodule1/1", r#"{"entityItem":{"id":1}}"#),
        ("v2 testDelete", "DELETE", "/V2/testmodule1/1", ""),
        ("SubsetTest testItem", "GET", "/V1/testModule2SubsetRest/1", ""),
        ("SubsetTest testItems", "GET", "/V1/testModule2SubsetRest/", ""),
        ("testGetters", "GET", "/V1/TestModule5/1", ""),
    ] {
        let reply = send(method, path, &admin, body);
        assert_eq!(reply.status, 200, "{case}: {reply:?}");
        assert_eq!(shop.upstream.last().line(), format!("{method} /rest{path} HTTP/1.1"), "{case}");
        assert_eq!(shop.upstream.last().body, body, "{case}");
    }
    // NoWebApiXmlTest, and testDelete of version 1.
    for (method, path) in [
        ("DELETE", "/V1/testmodule1/1"),
        ("GET", "/V1/testModule2NoWebApiXml/1"),
        ("GET", "/V1/testModule2NoWebApiXml"),
        ("POST", "/V1/testModule2NoWebApiXml"),
        ("PUT", "/V1/testModule2NoWebApiXml/1"),
        ("DELETE", "/V1/testModule2NoWebApiXml/1"),
    ] {
        assert_eq!(said(&send(method, path, &admin, "")), message(404, NO_ROUTE), "{method} {path}");
    }
    // testCreateWithoutResources; all resources of the route are named, not only the one that is lacking.
    let (own, one) = (clerk.as_str(), "Magento_TestModule1::resource1");
    for (caller, method, path, resources) in [
        (own, "POST", "/V1/testmodule1/", "Magento_TestModule1::resource3"),
        (own, "PUT", "/V1/testmodule1/1", "Magento_TestModule1::resource1, Magento_TestModule1::resource2"),
        (own, "GET", "/V1/testModule2SubsetRest/", "Magento_TestModule2::resource2, Magento_TestModule2::resource3"),
        (AJAX, "GET", "/V1/testmodule1/1", one),
        (own, "GET", "/V1/errortest/unauthorized", "Magento_TestModule3::resource1, Magento_TestModule3::resource2"),
    ] {
        assert_eq!(said(&send(method, path, caller, "")), unauthorized(resources), "{method} {path}");
    }
    assert_eq!(send("GET", "/V1/testmodule1/1", &clerk, "").status, 200);
}

#[test]
fn rest_no_accept_header() {
    let shop = Shop::open("", FIREWALLS);
    let reply = shop.server.get("/rest/V1/testmodule1/resource1/1", "Accept:\r\n");
    assert_eq!((reply.status, reply.header("set-cookie")), (200, None), "{reply:?}");
    let reply = shop.server.get("/rest/V1/testmodule1/1", "Accept:\r\n");
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"), "{reply:?}");
}

#[test]
fn overwritten_and_defaulted() {
    let shop = Shop::open("", FIREWALLS);
    let admin = shop.caller("admin");
    assert_eq!(shop.server.get("/rest/V1/testmodule1/overwritten?itemId=7&item_id=8", &admin).status, 200);
    assert_eq!(shop.upstream.last().line(), "GET /rest/V1/testmodule1/overwritten?itemId=%2D55 HTTP/1.1");
    for (body, name) in [("{}", "Default Name"), (r#"{"name":"Ms. LaGrange"}"#, "Ms. LaGrange")] {
        let headers = format!("{admin}{JSON}");
        assert_eq!(shop.server.send("POST", "/rest/V1/testmodule1/testOptionalParam", &headers, body).status, 200);
        let received: serde_json::Value = serde_json::from_str(&shop.upstream.last().body).unwrap();
        assert_eq!(received, serde_json::json!({ "name": name }), "{body}");
    }
}

/// testRequestParamsUnexpectedValueException: a placeholder that nobody knows is the literal text, and its value is the
/// service's matter.
#[test]
fn request_params_unexpected_value() {
    let shop = Shop::open("", FIREWALLS);
    let headers = format!("{}{JSON}", shop.caller("admin"));
    assert_eq!(shop.server.send("PUT", "/rest/V1/testmodule1/withParam", &headers, "{}").status, 200);
    assert_eq!(shop.upstream.last().body, r#"{"paramId":"%param_id%"}"#);
}

/// RequestIdOverrideTest: the id of the path and that of the body reach the service as they were sent.
#[test]
fn request_id_override() {
    let shop = Shop::open("", FIREWALLS);
    let admin = shop.caller("admin");
    for (case, path, body) in [
        ("testOverride", "/V1/TestModule5/1", r#"{"entityItem":{"entity_id":2,"name":"x"}}"#),
        ("testOverrideNested", "/V1/TestModule5/1/nestedResource/11", r#"{"entityItem":{"entity_id":2}}"#),
        ("testOverrideAdd", "/V1/TestModule5/1", r#"{"entityItem":{"name":"x"}}"#),
        ("testAddCaseMismatch", "/V1/TestModule5/1", r#"{"entityItem":{"entityId":2}}"#),
        ("testOverrideWithScalarValues", "/V1/TestModule5/OverrideService/1/nestedResource/11", r#"{"entityId":2,"name":"x"}"#),
    ] {
        let xml = "<request><entityItem><entity_id>2</entity_id></entityItem></request>";
        for (kind, body) in [(JSON, body), ("Content-Type: application/xml\r\nAccept: application/xml\r\n", xml)] {
            let reply = shop.server.send("PUT", &format!("/rest{path}"), &format!("{admin}{kind}"), body);
            assert_eq!((reply.status, shop.upstream.last().body.as_str()), (200, body), "{case}: {reply:?}");
            assert_eq!(shop.upstream.last().line(), format!("PUT /rest{path} HTTP/1.1"), "{case}");
            let refused = shop.server.send("PUT", &format!("/rest{path}"), &format!("{AJAX}{kind}"), body);
            assert_eq!(refused.status, 401, "{case}");
        }
    }
}

/// RestErrorHandlingTest: what the service says of its errors comes back as it is; what is ours to refuse never reaches it.
#[test]
fn rest_error_handling() {
    let texts = [
        ("success", 200, r#"{"value":"a good id"}"#),
        ("notfound", 404, r#"{"message":"Resource with ID \"%1\" not found.","parameters":["resourceY"]}"#),
        ("unauthorized", 401, r#"{"message":"The consumer isn't authorized to access %1.","parameters":["resourceN"]}"#),
        (
            "otherException",
            500,
            r#"{"message":"Internal Error. Details are available in Magento log file. Report ID: webapi-x"}"#,
        ),
    ];
    let upstream = Upstream::answering(move |request| {
        let said = texts.iter().find(|(path, ..)| request.line().contains(&format!("/errortest/{path} ")));
        said.map_or_else(|| answer(404, "{}"), |(_, status, body)| answer(*status, body))
    });
    let shop = Shop::before(upstream, "", FIREWALLS, |_| {});
    let (admin, clerk) = (shop.caller("admin"), shop.caller("clerk"));
    let two = "Magento_TestModule3::resource1, Magento_TestModule3::resource2";
    for (path, status, body) in texts {
        let resources = if path == "unauthorized" { two } else { "Magento_TestModule3::resource1" };
        let path = format!("/rest/V1/errortest/{path}");
        assert_eq!(said(&shop.server.get(&path, &admin)), (status, body.to_owned()));
        let asked = shop.upstream.received().len();
        assert_eq!(said(&shop.server.get(&path, &clerk)), unauthorized(resources));
        assert_eq!(shop.upstream.received().len(), asked);
    }
}
