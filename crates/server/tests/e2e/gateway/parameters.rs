//! Parameters that rules set for the caller, as the service behind receives them (magento-webapi 3.4).

use super::{PASSWORD, SignedIn, config};
use crate::support::{
    Server, Site,
    client::Reply,
    upstream::{Received, Upstream},
};

const AJAX: &str = "X-Requested-With: XMLHttpRequest\r\n";

struct Shop {
    server: Server,
    upstream: Upstream,
    customer: SignedIn,
    full: SignedIn,
    _site: Site,
}

fn answer(cart: &str) -> impl Fn(&Received) -> String + Send + Sync + 'static {
    let cart = cart.to_owned();
    move |received| match received.line() {
        "GET /rest/V1/carts/mine HTTP/1.1" => cart.clone(),
        _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
    }
}

fn json(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn route(method: &str, url: &str, parameters: &[(&str, &str)]) -> String {
    let set = |(name, value): &(&str, &str)| format!("<parameter name=\"{name}\" force=\"true\">{value}</parameter>");
    format!(
        "<route url=\"{url}\" method=\"{method}\"><service class=\"C\" method=\"m\"/><resources><resource ref=\"self\"/></resources>\
         <data>{}</data></route>",
        parameters.iter().map(set).collect::<String>()
    )
}

/// A shop whose upstream answers `cart` when it is asked for the active cart.
fn shop(cart: &str, upstream_keys: &str) -> Shop {
    let upstream = Upstream::answering(answer(cart));
    let rules = format!(
        "[[firewall]]\nname = \"shop\"\npath = '^/rest/'\nguard = [\"ajax\"]\ninvalid = \"guest\"\n[[firewall]]\nname = \"main\"\n\
         [routes]\nfiles = [\"webapi.xml\"]\n[[upstream]]\nname = \"shop\"\nurl = \"{}\"\n{upstream_keys}",
        upstream.url()
    );
    let site = Site::new(&config("", &rules));
    let routes = [
        route("GET", "/V1/carts/mine/items", &[("cartId", "%cart_id%")]),
        route("POST", "/V1/carts/mine/items", &[("cartItem.quote_id", "%cart_id%")]),
        route("PUT", "/V1/wishes", &[("customer.id", "%customer_id%")]),
    ];
    site.write("webapi.xml", &format!("<routes>{}</routes>", routes.concat()));
    site.user("customers/jane@example.com", PASSWORD, &[]);
    site.ok(&["role", "add", "everything", "--allow", "Magento_Backend::all"], "");
    site.user("admins/full", PASSWORD, &["everything"]);
    let server = site.serve();
    let (customer, full) = (SignedIn::new(&server, "jane@example.com"), SignedIn::new(&server, "full"));
    Shop { server, upstream, customer, full, _site: site }
}

impl Shop {
    fn ask(&self, who: &SignedIn, method: &str, path: &str, kind: &str, body: &str) -> Reply {
        let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        self.server.send(method, path, &format!("{AJAX}{kind}{}", who.cookie), body)
    }
}

const CART: &str = "cart_path = \"/rest/V1/carts/mine\"\n";

#[test]
fn the_cart_of_a_rule_is_the_one_that_the_upstream_names() {
    let shop = shop(&json("200 OK", "{\"id\":77,\"items\":[]}"), CART);
    let reply = shop.ask(&shop.customer, "GET", "/rest/V1/carts/mine/items?cart_id=1&cartId=2&a=b", "", "");
    assert_eq!(reply.status, 200, "{reply:?}");
    let [asked, sent] = &shop.upstream.received()[..] else { panic!("{:?}", shop.upstream.received()) };
    assert_eq!(sent.line(), "GET /rest/V1/carts/mine/items?a=b&cartId=77 HTTP/1.1");
    assert_eq!(asked.header("doorward-identity"), sent.header("doorward-identity"));
    assert_eq!((asked.header("accept"), asked.header("cookie")), (Some("application/json"), None));
    assert!(asked.header("doorward-assertion").is_some());
    let body = "{\"cartItem\":{\"quoteId\":\"5\",\"sku\":\"a\"}}";
    assert_eq!(shop.ask(&shop.customer, "POST", "/rest/V1/carts/mine/items", "application/json", body).status, 200);
    assert_eq!(shop.upstream.last().body, "{\"cartItem\":{\"sku\":\"a\",\"quote_id\":77}}");
    let body = "<r><cartItem><sku>a</sku><quote_id>5</quote_id></cartItem></r>";
    assert_eq!(shop.ask(&shop.customer, "POST", "/rest/V1/carts/mine/items", "text/xml", body).status, 200);
    let last = shop.upstream.last();
    assert!(last.body.ends_with("<r><cartItem><sku>a</sku><quote_id>77</quote_id></cartItem></r>"), "{}", last.body);
    assert_eq!(last.header("content-type"), Some("application/xml; charset=utf-8"));
}

#[test]
fn without_an_active_cart_the_answer_is_magentos() {
    let shop = shop(&json("404 Not Found", "{}"), CART);
    let reply = shop.ask(&shop.customer, "GET", "/rest/V1/carts/mine/items", "", "");
    assert_eq!((reply.status, &*reply.body), (404, "{\"message\":\"Current customer does not have an active cart.\"}"));
    assert_eq!(shop.upstream.received().len(), 1, "nothing but the question went on");
    shop.server.logged("no_active_cart");
}

#[test]
fn an_upstream_that_cannot_say_is_no_cart() {
    for told in [json("200 OK", "{}"), json("200 OK", "{\"id\":null}"), json("200 OK", "no"), json("500 Oh", "{\"id\":7}")] {
        let shop = shop(&told, CART);
        let reply = shop.ask(&shop.customer, "GET", "/rest/V1/carts/mine/items", "", "");
        assert_eq!(reply.status, 502, "{told}: {reply:?}");
        assert_eq!(shop.upstream.received().len(), 1);
    }
}

#[test]
fn what_has_no_value_for_the_caller_is_asked_for_by_name() {
    let shop = shop(&json("200 OK", "{\"id\":77}"), "");
    let required = |name: &str| {
        format!(
            "{{\"message\":\"\\\"%fieldName\\\" is required. Enter and try again.\",\"parameters\":{{\"fieldName\":\"{name}\"}}}}"
        )
    };
    for (who, path, field) in
        [(&shop.customer, "/rest/V1/carts/mine/items", "cartId"), (&shop.full, "/rest/V1/carts/mine/items?cartId=5", "cartId")]
    {
        let reply = shop.ask(who, "GET", path, "", "");
        assert_eq!((reply.status, reply.body), (400, required(field)), "{path}");
    }
    assert!(shop.upstream.received().is_empty(), "{:?}", shop.upstream.received());
}

#[test]
fn a_customer_never_names_anothers_id_in_xml() {
    let shop = shop(&json("200 OK", "{}"), CART);
    for (body, status) in [
        ("<r><customer><id>1</id><Email>e</Email></customer></r>", 200),
        ("<r><Customer><ID>1</ID><Email>e</Email></Customer></r>", 200),
        ("<r><customer><id>1</id></customer><Customer><id>1</id></Customer></r>", 400),
        ("<r><customer><id>1</id></customer><customer><id>1</id></customer></r>", 400),
        ("<!DOCTYPE r><r/>", 400),
    ] {
        let before = shop.upstream.received().len();
        let reply = shop.ask(&shop.customer, "PUT", "/rest/V1/wishes?customer[id]=1", "application/xml", body);
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        let received = shop.upstream.received();
        if status == 200 {
            let identity = received.last().unwrap().header("doorward-identity").unwrap().replace("customer/", "");
            let expected = format!("<customer><Email>e</Email><id>{identity}</id></customer>");
            assert!(received.last().unwrap().body.contains(&expected), "{:?}", received.last());
            assert_eq!(received.last().unwrap().line(), "PUT /rest/V1/wishes HTTP/1.1");
        } else {
            assert_eq!(received.len(), before, "{body}");
        }
    }
}
