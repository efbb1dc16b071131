//! The steps of the REST API in their order (magento-webapi 0), and what the suite has no case for.

use super::{AJAX, FIREWALLS, NO_ROUTE, NOT_PROCESSED, Shop, message, said, unauthorized};
use crate::support::client::Reply;

/// The same request in both formats; the XML must hold the JSON's message.
fn both(shop: &Shop, method: &str, path: &str, headers: &str) -> Reply {
    let json = shop.server.send(method, path, &format!("{headers}Accept: application/json\r\n"), "");
    let xml = shop.server.send(method, path, &format!("{headers}Accept: application/xml\r\n"), "");
    assert_eq!((json.status, json.header("allow")), (xml.status, None), "{json:?}\n{xml:?}");
    assert_eq!(json.header("www-authenticate"), None, "{json:?}");
    if method != "HEAD" {
        let text = xml.element("message").unwrap_or_else(|| panic!("{xml:?}"));
        assert_eq!(json.json()["message"], text, "{method} {path}");
        assert!(xml.body.starts_with("<?xml version=\"1.0\"?>\n<response>\n  <message>"), "{xml:?}");
        let parameters = json.json()["parameters"].as_object().cloned().unwrap_or_default();
        for (name, value) in &parameters {
            assert_eq!(xml.element(name), value.as_str(), "{method} {path}");
        }
        assert_eq!(xml.body.contains("<parameters>"), !parameters.is_empty(), "{xml:?}");
        assert_eq!(xml.header("content-type"), Some("application/xml; charset=utf-8"));
        assert_eq!(json.header("content-type"), Some("application/json; charset=utf-8"));
    }
    json
}

#[test]
fn other_methods_are_405_before_anything_is_known_of_the_path() {
    let shop = Shop::open("", FIREWALLS);
    let jane = shop.caller("jane@example.com");
    for method in ["PATCH", "OPTIONS", "PROPFIND"] {
        for path in ["/rest/V1/customers/me", "/rest/V1/nosuch", "/rest/nosuchstore/V1/x", "/rest/V1/directory/countries"] {
            for caller in ["", &jane] {
                let expected = message(405, &format!("The {method} HTTP method is not supported."));
                assert_eq!(said(&both(&shop, method, path, caller)), expected, "{path}");
            }
        }
    }
    let head = both(&shop, "HEAD", "/rest/V1/directory/countries", "");
    assert_eq!((head.status, &*head.body), (405, ""));
    assert!(shop.upstream.received().is_empty());
}

#[test]
fn a_path_that_nothing_takes_is_400() {
    let shop = Shop::open("", FIREWALLS);
    let jane = shop.caller("jane@example.com");
    for (method, path) in [
        ("GET", "/rest/nosuchstore/V1/customers/me"),
        ("GET", "/rest/admin/V1/customers/me"),
        ("GET", "/rest/FR/V1/customers/me"),
        ("GET", "/rest"),
        ("GET", "/rest/"),
        ("GET", "/rest/fr"),
        ("GET", "/rest/v1/customers/me"),
        ("GET", "/rest/async/V1/customers"),
        ("GET", "/rest/all/async/bulk/V1/customers"),
        ("POST", "/rest/nosuchstore/V1/customers"),
    ] {
        for caller in ["", &jane] {
            assert_eq!(said(&both(&shop, method, path, caller)), message(400, NOT_PROCESSED), "{method} {path}");
        }
    }
    for (method, path) in [("GET", "/rest/V1/nosuch"), ("GET", "/rest/fr/V1"), ("POST", "/rest/V1/directory/countries")] {
        assert_eq!(said(&both(&shop, method, path, &jane)), message(404, NO_ROUTE), "{method} {path}");
    }
    assert!(shop.upstream.received().is_empty());
}

#[test]
fn a_format_that_nobody_can_write_is_406_before_all_else() {
    let shop = Shop::open("", FIREWALLS);
    let text = |offered: &str| {
        let text = "Server cannot match any of the given Accept HTTP header media type(s) from the request: ";
        message(406, &format!("{text}\\\"{offered}\\\" with media types from the config of response renderer."))
    };
    for (method, path) in [
        ("GET", "/rest/V1/directory/countries"),
        ("GET", "/rest/V1/customers/me"),
        ("PATCH", "/rest/V1/customers/me"),
        ("GET", "/rest/nosuchstore/V1/x"),
    ] {
        for (accept, offered) in
            [("text/html", "text\\/html"), ("image/png;q=0.1, text/plain, <script>", "text\\/plain, image\\/png")]
        {
            let reply = shop.server.send(method, path, &format!("Accept: {accept}\r\n"), "");
            assert_eq!(said(&reply), text(offered), "{method} {path}");
            assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
        }
    }
    assert!(shop.upstream.received().is_empty());
    // What a browser sends is XML.
    let browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";
    let reply = shop.server.get("/rest/V1/customers/me", browser);
    assert_eq!((reply.status, reply.header("content-type")), (401, Some("application/xml; charset=utf-8")));
    assert_eq!(shop.server.get("/rest/V1/directory/countries", browser).status, 200);
}

#[test]
fn what_is_forbidden_is_401_whatever_its_body_is() {
    let shop = Shop::open("", FIREWALLS);
    for (method, path, resource) in [
        ("PUT", "/rest/V1/customers/me", "self"),
        ("POST", "/rest/V1/customerGroups", "Magento_Customer::group"),
        ("POST", "/rest/async/V1/customerGroups", "Magento_Customer::group"),
    ] {
        for kind in ["Content-Type: application/json\r\n", "Content-Type: nonsense\r\n", ""] {
            let reply = shop.server.send(method, path, &format!("{AJAX}{kind}"), "{bad");
            assert_eq!(said(&reply), unauthorized(resource), "{method} {path}");
        }
    }
    assert_eq!(said(&shop.server.send("POST", "/rest/V1/nosuch", "", "{bad")), message(404, NO_ROUTE));
}

#[test]
fn whoever_may_do_everything_is_still_no_customer_and_whoever_may_less_is_refused() {
    let shop = Shop::open("", FIREWALLS);
    let reply = shop.server.get("/rest/V1/customers/me", &shop.caller("admin"));
    let expected = r#"{"message":"\"%fieldName\" is required. Enter and try again.","parameters":{"fieldName":"customerId"}}"#;
    assert_eq!(said(&reply), (400, expected.to_owned()));
    assert_eq!(said(&shop.server.get("/rest/V1/customers/me", &shop.caller("clerk"))), unauthorized("self"));
}

#[test]
fn the_front_script_before_the_prefix_changes_nothing() {
    let shop = Shop::open("", FIREWALLS);
    assert_eq!(shop.server.get("/index.php/rest/fr/V1/directory/countries?a=1", "").status, 200);
    assert_eq!(shop.upstream.last().line(), "GET /rest/fr/V1/directory/countries?a=1 HTTP/1.1");
    for path in ["/index.php/rest/V1/customers/me", "/index.php/rest/default/V1/customers/me"] {
        assert_eq!(said(&both(&shop, "GET", path, "")), unauthorized("self"), "{path}");
    }
    // It is no way around what is said of the path proper.
    let barred = Shop::open("", &format!("{FIREWALLS}[[access_control]]\npath = '^/rest/'\nroles = [\"ROLE_ADMIN\"]\n"));
    for path in ["/rest/V1/directory/countries", "/index.php/rest/V1/directory/countries"] {
        assert_eq!(barred.server.get(path, "").status, 401, "{path}");
    }
    assert!(barred.upstream.received().is_empty());
}

/// AsyncScheduleTest and its kin: the verdict is that of the route, the queue is the upstream's.
#[test]
fn calls_for_later_are_judged_as_calls_for_now() {
    let shop = Shop::open("", FIREWALLS);
    let (admin, clerk) = (shop.caller("admin"), shop.caller("clerk"));
    let send = |method: &str, path: &str, caller: &str| {
        let headers = format!("{caller}Content-Type: application/json\r\n");
        shop.server.send(method, &format!("/rest{path}"), &headers, "{}")
    };
    let refused = |method: &str, path: &str, caller: &str| both(&shop, method, &format!("/rest{path}"), caller);
    for (method, path) in [
        ("POST", "/async/V1/customerGroups"),
        ("PUT", "/async/V1/customerGroups/3"),
        ("DELETE", "/default/async/V1/customerGroups/3"),
        ("POST", "/all/async/bulk/V1/customerGroups"),
        ("PUT", "/async/bulk/V1/customerGroups/byId"),
    ] {
        assert_eq!(send(method, path, &admin).status, 200, "{method} {path}");
        assert_eq!(shop.upstream.last().line(), format!("{method} /rest{path} HTTP/1.1"));
        for caller in ["", &clerk] {
            assert_eq!(said(&refused(method, path, caller)), unauthorized("Magento_Customer::group"), "{method} {path}");
        }
    }
    for (method, path) in
        [("POST", "/async/V1/nosuch"), ("PUT", "/async/bulk/V1/customerGroups/3"), ("POST", "/async/bulk/V1/nosuch")]
    {
        assert_eq!(said(&refused(method, path, &admin)), message(404, NO_ROUTE), "{method} {path}");
    }
    // Bulk calls would pass forced parameters by.
    let jane = shop.caller("jane@example.com");
    assert_eq!(said(&refused("PUT", "/async/bulk/V1/customers/me", &jane)), message(400, NOT_PROCESSED));
    // The other form sets them as ever.
    assert_eq!(send("PUT", "/async/V1/customers/me/password", &jane).status, 200);
    assert!(shop.upstream.last().body.starts_with(r#"{"customerId":"#), "{:?}", shop.upstream.last());
}

/// JsonGenerationFromDataObjectTest.
#[test]
fn the_schema_is_the_upstreams_matter() {
    let closed = Shop::open("", FIREWALLS);
    let text = "Incorrect format of request URI or Requested services are missing.";
    for path in ["/rest/schema?services=invalidServiceName", "/rest/default/schema", "/rest/all/async/schema"] {
        assert_eq!(said(&both(&closed, "GET", path, "")), message(400, text), "{path}");
    }
    let rule = "[[route]]\nmethods = [\"GET\"]\npath = \"/rest/:store/schema\"\nrequire = [\"anonymous\"]\n";
    let open = Shop::prepared("", FIREWALLS, |site| drop(site.write("routes.toml", rule)));
    assert_eq!(open.server.get("/rest/default/schema?services=all", "").status, 200);
    assert_eq!(said(&both(&open, "GET", "/rest/schema?services=all", "")), message(400, text));
}
