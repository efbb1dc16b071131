//! Envoy, `ext_authz` over HTTP.

use super::Place;
use crate::support::python;
use serde_json::{Value, json};
use std::net::SocketAddr;

const TYPES: &str = "type.googleapis.com/envoy.extensions.filters";

/// What only clients would say.
const GONE: [&str; 8] = [
    "forwarded",
    "x-real-ip",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-forwarded-host",
    "x-forwarded-prefix",
    "x-original-uri",
    "x-original-method",
];

fn cluster(name: &str, address: SocketAddr) -> Value {
    json!({
        "name": name,
        "upstream_bind_config": { "source_address": { "address": "127.0.0.2", "port_value": 0 } },
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": {
            "socket_address": { "address": address.ip().to_string(), "port_value": address.port() },
        } } }] }] },
    })
}

/// Its port is filled in by who starts it.
fn config(place: &Place) -> String {
    let ext_authz = json!({
        "@type": format!("{TYPES}.http.ext_authz.v3.ExtAuthz"),
        "failure_mode_allow": false,
        "allowed_headers": { "patterns": [{ "safe_regex": { "regex": ".*" } }] },
        "http_service": {
            "server_uri": { "uri": "http://doorward", "cluster": "doorward", "timeout": "10s" },
            "path_prefix": "/_doorward/verdict",
            "authorization_response": {
                "allowed_upstream_headers": { "patterns": [
                    { "prefix": "doorward-" },
                    { "exact": "cookie" },
                    { "exact": "authorization" },
                    { "exact": "x-csrf-token" },
                ] },
                "allowed_client_headers_on_success": { "patterns": [{ "exact": "set-cookie" }] },
            },
        },
    });
    let unasked = json!({ "ext_authz": { "@type": format!("{TYPES}.http.ext_authz.v3.ExtAuthzPerRoute"), "disabled": true } });
    let ours =
        |matched: Value| json!({ "match": matched, "route": { "cluster": "doorward" }, "typed_per_filter_config": unasked });
    json!({ "static_resources": {
        "listeners": [{
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": "{port}" } },
            "filter_chains": [{ "filters": [{ "name": "http", "typed_config": {
                "@type": format!("{TYPES}.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": "front",
                "use_remote_address": true,
                "http_filters": [
                    { "name": "ext_authz", "typed_config": ext_authz },
                    { "name": "router", "typed_config": { "@type": format!("{TYPES}.http.router.v3.Router") } },
                ],
                "route_config": { "request_headers_to_remove": GONE, "virtual_hosts": [{ "name": "shop", "domains": ["*"], "routes": [
                    ours(json!({ "path": "/login" })),
                    ours(json!({ "path": "/logout" })),
                    ours(json!({ "prefix": "/login/" })),
                    ours(json!({ "prefix": "/api/ibexa/v2/" })),
                    { "match": { "prefix": "/" }, "route": { "cluster": "shop" } },
                ] }] },
            } }] }],
        }],
        "clusters": [cluster("doorward", place.server.public), cluster("shop", place.upstream.address)],
    } })
    .to_string()
    .replace("\"{port}\"", "{port}")
}

#[test]
fn envoy_asks_over_http_and_is_not_fooled() {
    let place = Place::new("envoy");
    let program = python::beside("envoy").to_string_lossy().into_owned();
    let more = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
    let command = [&[&*program, "-c", "{folder}/envoy.json"], &more[..]].concat();
    place.behind("envoy.json", &config(&place), &command).stands();
}
