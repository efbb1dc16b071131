//! The sample API behind the demo: it knows nobody and believes what Doorward says of the caller.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value, json};
use std::{convert::Infallible, time::Duration};
use tokio::net::TcpListener;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Not an async closure: rustc 1.95 fails on those when it builds this again incrementally.
                let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&request))));
                let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let caller = caller(request.headers());
    let (status, name, content) = resource(request.method(), request.uri().path());
    let mut document = Map::from_iter([("resource".to_owned(), json!(request.uri().path()))]);
    document.extend(content);
    document.insert("caller".to_owned(), Value::Object(caller));
    let (media_type, body) = if wants_xml(request.headers()) {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        push_element(&mut xml, name, &Value::Object(document), 0);
        ("application/xml", xml)
    } else {
        ("application/json", format!("{:#}\n", json!({ name: document })))
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Who called, by the headers that only Doorward can set.
fn caller(headers: &HeaderMap) -> Map<String, Value> {
    let known = ["identity", "login", "roles", "method"];
    let read = |name: &str| headers.get(format!("doorward-{name}"))?.to_str().ok().map(|value| json!(value));
    let mut caller: Map<String, Value> = known.iter().filter_map(|name| Some(((*name).to_owned(), read(name)?))).collect();
    caller.insert("assertion".to_owned(), json!(headers.contains_key("doorward-assertion")));
    caller
}

/// Status, name and content of what stands at a path.
fn resource(method: &Method, path: &str) -> (StatusCode, &'static str, Map<String, Value>) {
    let below = path.strip_prefix("/api/ibexa/v2").unwrap_or(path);
    let segments: Vec<&str> = below.split('/').skip(1).collect();
    let (name, content) = match *segments {
        ["content", "locations", .., "children"] => ("LocationList", json!({ "Location": [{ "id": 6, "name": "About" }] })),
        ["content", "locations", ..] => ("Location", json!({ "id": segments.last(), "name": "Home" })),
        ["content", "types", id] => ("ContentType", json!({ "id": id, "identifier": "article" })),
        ["orders"] if *method == Method::POST => ("Order", json!({ "id": 8, "state": "new" })),
        ["orders"] => ("Orders", json!({ "Order": [{ "id": 7, "state": "paid" }] })),
        ["orders", id] => ("Order", json!({ "id": id, "state": "paid" })),
        ["rest", "V1", "products", sku] => ("Product", json!({ "sku": sku, "price": 12.5 })),
        ["rest", "V1", "orders"] => ("Orders", json!({ "Order": [{ "id": 7, "state": "paid" }] })),
        ["customers", "me"] => ("Customer", json!({ "name": "Jane" })),
        [""] => ("Welcome", json!({ "text": "This is the sample API behind Doorward." })),
        _ => return (StatusCode::NOT_FOUND, "Error", Map::from_iter([("message".to_owned(), json!("nothing is here"))])),
    };
    let status = if *method == Method::POST { StatusCode::CREATED } else { StatusCode::OK };
    (status, name, content.as_object().cloned().unwrap_or_default())
}

/// XML only where it is asked for by name.
fn wants_xml(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let first = |word| accept.find(word).unwrap_or(usize::MAX);
    first("xml") < first("json")
}

fn push_element(xml: &mut String, name: &str, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            xml.push_str(&format!("{indent}<{name}>\n"));
            members.iter().for_each(|(name, value)| push_element(xml, name, value, depth + 1));
            xml.push_str(&format!("{indent}</{name}>\n"));
        }
        Value::Array(items) => items.iter().for_each(|item| push_element(xml, name, item, depth)),
        scalar => {
            let text = scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned);
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            xml.push_str(&format!("{indent}<{name}>{text}</{name}>\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_the_session_guide_exist_with_and_without_prefix() {
        for path in ["/content/locations/1/5", "/content/locations/1/5/children", "/content/types/32"] {
            for prefix in ["", "/api/ibexa/v2"] {
                assert_eq!(resource(&Method::GET, &format!("{prefix}{path}")).0, StatusCode::OK, "{prefix}{path}");
            }
        }
        assert_eq!(resource(&Method::GET, "/nothing").0, StatusCode::NOT_FOUND);
    }

    #[test]
    fn xml_is_escaped_and_lists_repeat_their_element() {
        let mut xml = String::new();
        push_element(&mut xml, "A", &json!({ "b": ["<&>", 2] }), 0);
        assert_eq!(xml, "<A>\n  <b>&lt;&amp;&gt;</b>\n  <b>2</b>\n</A>\n");
    }

    #[test]
    fn xml_is_for_who_asks_for_it_first() {
        for (accept, xml) in
            [("*/*", false), ("application/xml", true), ("application/json, application/xml", false), ("", false)]
        {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_xml(&headers), xml, "{accept}");
        }
    }
}
