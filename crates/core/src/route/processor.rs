//! Which part of Magento's REST API takes a path (magento-webapi 0.3, 0.4, 3.8).

use http::Method;

/// Why no route can be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unprocessed {
    /// No renderer fits the `Accept` header (magento-webapi 5.4).
    Accept,
    /// The API has GET, POST, PUT and DELETE, and nothing else.
    Method,
    /// No part of the API takes the path: it names a store that nobody has, or no version.
    Path,
    /// The path is that of the schema, and nothing lets it through to an upstream.
    Schema,
    /// The bulk form of a route that sets parameters: bulk calls would pass them by (magento-webapi 3.8).
    Bulk,
    /// The asynchronous form of a route that Doorward answers itself: it has no queue.
    Queue,
}

/// The part of the API that takes a path below prefix and store code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor<'p> {
    /// `/schema`: the description of the API.
    Schema,
    /// `/V1/...`: the route of this path.
    Sync(&'p str),
    /// `/async/V1/...`: the same, done later.
    Async(&'p str),
    /// `/async/bulk/V1/...`: many calls of the route that has this path in its bulk form.
    Bulk(&'p str),
}

/// The first part that takes the path.
pub fn processor<'p>(method: &Method, path: &'p str) -> Option<Processor<'p>> {
    let bare = path.trim_start_matches('/');
    let versioned =
        |path: &&str| path.strip_prefix("/V").is_some_and(|rest| rest.bytes().next().is_some_and(|b| b.is_ascii_digit()));
    if bare.starts_with("schema") || bare.starts_with("async/schema") {
        return Some(Processor::Schema);
    }
    if versioned(&path) {
        return Some(Processor::Sync(path));
    }
    if *method == Method::GET {
        return None;
    }
    let below = |prefix| path.strip_prefix(prefix).filter(versioned);
    below("/async").map(Processor::Async).or_else(|| below("/async/bulk").map(Processor::Bulk))
}

/// The bulk form of a url: `/V1/products/:sku` is `/V1/products/bySku`.
pub fn bulk_form(url: &str) -> String {
    let segments: Vec<String> = url.split('/').map(bulk_segment).collect();
    segments.join("/")
}

fn bulk_segment(segment: &str) -> String {
    match segment.strip_prefix(':').filter(|name| !name.starts_with(':')) {
        Some(name) => {
            let mut letters = name.chars();
            let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
            format!("by{first}{}", letters.as_str())
        }
        None => segment.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_part_of_the_api() {
        use Processor::{Async, Bulk, Schema, Sync};
        for (method, path, expected) in [
            ("GET", "/V1/customers/me", Some(Sync("/V1/customers/me"))),
            ("GET", "/V1", Some(Sync("/V1"))),
            ("GET", "/V12x", Some(Sync("/V12x"))),
            ("GET", "/V/x", None),
            ("GET", "/v1/customers", None),
            ("GET", "/nosuchstore/V1/customers", None),
            ("GET", "", None),
            ("GET", "/", None),
            ("GET", "/schema", Some(Schema)),
            ("GET", "/schema/x", Some(Schema)),
            ("GET", "/async/schema", Some(Schema)),
            ("GET", "/async/V1/x", None),
            ("POST", "/async/V1/x", Some(Async("/V1/x"))),
            ("PUT", "/async/bulk/V1/x/byId", Some(Bulk("/V1/x/byId"))),
            ("GET", "/async/bulk/V1/x", None),
            ("POST", "/async/x", None),
        ] {
            assert_eq!(processor(&Method::from_bytes(method.as_bytes()).unwrap(), path), expected, "{method} {path}");
        }
    }

    #[test]
    fn bulk_urls_name_their_variables() {
        for (url, form) in [
            ("/V1/products/:sku", "/V1/products/bySku"),
            ("/V1/carts/:cartId/items/:itemId", "/V1/carts/byCartId/items/byItemId"),
            ("/V1/a/::b/:", "/V1/a/::b/by"),
        ] {
            assert_eq!(bulk_form(url), form);
        }
    }
}
