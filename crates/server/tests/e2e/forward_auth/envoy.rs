//! Envoy, `ext_authz` over HTTP.

use super::{Place, how_to};
use crate::support::python;

/// What is around the filters of the how-to; the filter that asks has the name of its type, as the routes say.
const FRONT: &str = r#"static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: {port} } }
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          use_remote_address: true
          normalize_path: true
          http_filters:
{filters}
          - name: router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
          route_config:
            virtual_hosts:
            - name: shop
              domains: ["*"]
              routes:
{ours}
              - { match: { prefix: / }, route: { cluster: shop } }
  clusters:
  - name: doorward
    upstream_bind_config: { source_address: { address: 127.0.0.2, port_value: 0 } }
    load_assignment:
      cluster_name: doorward
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: {doorward-port} } } } }] }]
  - name: shop
    load_assignment:
      cluster_name: shop
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: {upstream-port} } } } }] }]
"#;

fn config() -> String {
    let filters = how_to("yaml", "allowed_headers:", &[]);
    let filters: Vec<String> = filters.lines().map(|line| format!("          {line}")).collect();
    let unasked = "{ envoy.filters.http.ext_authz: { \"@type\": \
                   type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true } }";
    let ours = ["path: /login", "path: /logout", "prefix: /login/", "prefix: /api/ibexa/v2/"].map(|matched| {
        format!(
            "              - {{ match: {{ {matched} }}, route: {{ cluster: doorward }}, typed_per_filter_config: {unasked} }}"
        )
    });
    FRONT.replace("{filters}", &filters.join("\n")).replace("{ours}", &ours.join("\n"))
}

#[test]
fn envoy_asks_over_http_and_is_not_fooled() {
    let place = Place::new("envoy");
    let program = python::beside("envoy").to_string_lossy().into_owned();
    let more = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
    let command = [&[&*program, "-c", "{folder}/envoy.yaml"], &more[..]].concat();
    place.takes_claims_away("envoy.yaml", &config(), &command);
    place.behind("envoy.yaml", &config(), &command).stands();
}
