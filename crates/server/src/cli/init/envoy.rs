//! Envoy: `ext_authz` over gRPC, for there an answer can also take headers away.

use super::plan::{CLEARED, CORS, Plan};
use doorward_gateway::pipeline::Place;
use std::fmt::Write;

const TYPE: &str = "type.googleapis.com/envoy.extensions";

/// The file.
pub(super) fn render(plan: &Plan) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        r#"# {title}. Print it anew when doorward.toml changes.
# For Envoy 1.34 or newer: `envoy -c doorward.yaml`.

static_resources:
  listeners:
  - name: doorward
    address: {{ socket_address: {{ address: "0.0.0.0", port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": {TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: doorward
          use_remote_address: true
          # What is judged is what is routed and sent on.
          normalize_path: true
          merge_slashes: false
          path_with_escaped_slashes_action: KEEP_UNCHANGED
          # A service may read `doorward_identity` as `Doorward-Identity`.
          common_http_protocol_options: {{ headers_with_underscores_action: DROP_HEADER }}
          upgrade_configs: [{{ upgrade_type: websocket }}]
          http_filters:
          # What only Doorward and this proxy may say, in every spelling that a service may read as the same name.
          - name: envoy.filters.http.header_mutation
            typed_config:
              "@type": {TYPE}.filters.http.header_mutation.v3.HeaderMutation
              mutations:
                request_mutations:
                - remove_on_match: {{ key_matcher: {{ safe_regex: {{ regex: "(?i)doorward[^a-z0-9].*" }} }} }}
                - remove_on_match: {{ key_matcher: {{ safe_regex: {{ regex: ".*[^-:a-zA-Z0-9].*" }} }} }}
"#,
        title = plan.title,
        port = plan.port,
    );
    for name in CLEARED.iter().filter(|name| **name != "x-forwarded-proto") {
        let _ = writeln!(text, "                - remove: {name}");
    }
    for (name, value) in [
        ("x-forwarded-for", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%".to_owned()),
        ("x-forwarded-proto", plan.scheme().to_owned()),
        ("x-forwarded-host", "%REQ(:AUTHORITY)%".to_owned()),
        ("x-forwarded-port", plan.port.to_string()),
    ] {
        let _ = writeln!(
            text,
            "                - append: {{ header: {{ key: {name}, value: \"{value}\" }}, append_action: OVERWRITE_IF_EXISTS_OR_ADD }}"
        );
    }
    judge(&mut text);
    routes(plan, &mut text);
    if plan.secure {
        let host = plan.certificate();
        let _ = write!(
            text,
            r#"      # Yours to say.
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": {TYPE}.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_certificates:
            - certificate_chain: {{ filename: /etc/ssl/{host}.pem }}
              private_key: {{ filename: /etc/ssl/{host}.key }}
"#
        );
    }
    clusters(plan, &mut text);
    text
}

fn judge(text: &mut String) {
    let _ = write!(
        text,
        r#"          # Who it is, and what `credentials` of [[upstream]] leaves of them. What Doorward refuses is its answer; where it does
          # not answer, nothing passes.
          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": {TYPE}.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              failure_mode_allow: false
              status_on_error: {{ code: ServiceUnavailable }}
              encode_raw_headers: true
              # It would change the method behind the back of whoever judges it; services do not get it either.
              disallowed_headers: {{ patterns: [{{ exact: x-http-method-override, ignore_case: true }}] }}
              grpc_service: {{ envoy_grpc: {{ cluster_name: doorward_judge }}, timeout: 10s }}
          - name: envoy.filters.http.router
            typed_config: {{ "@type": {TYPE}.filters.http.router.v3.Router }}
"#
    );
}

fn routes(plan: &Plan, text: &mut String) {
    let mut domains = Vec::new();
    for host in &plan.hosts {
        domains.extend([format!("\"{host}\""), format!("\"{host}:{}\"", plan.port)]);
    }
    let _ = write!(
        text,
        r"          route_config:
            virtual_hosts:
            - name: doorward
              domains: [{}]
              routes:
",
        domains.join(", ")
    );
    let open = format!(
        "typed_per_filter_config: {{ envoy.filters.http.ext_authz: {{ \"@type\": {TYPE}.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true }} }}"
    );
    text.push_str("              # Who asks there is believed: no client, by this proxy.\n");
    for place in &plan.questions {
        let matched = matched(place);
        let _ = write!(
            text,
            "              - match: {{ {matched} }}\n                direct_response: {{ status: 404 }}\n                {open}\n"
        );
    }
    text.push_str("              # What Doorward answers itself, and judges as everything else.\n");
    for place in &plan.own {
        let matched = matched(place);
        let _ = write!(
            text,
            "              - match: {{ {matched} }}\n                route: {{ cluster: doorward, timeout: 0s }}\n                {open}\n"
        );
    }
    if plan.cors {
        let _ = write!(
            text,
            r#"              # Doorward answers preflights, and says alone what pages of other origins may do with an answer.
              - match:
                  prefix: "/"
                  headers:
                  - {{ name: ":method", string_match: {{ exact: OPTIONS }} }}
                  - {{ name: origin, present_match: true }}
                  - {{ name: access-control-request-method, present_match: true }}
                route: {{ cluster: doorward, timeout: 0s }}
                {open}
"#
        );
    }
    text.push_str("              # The service behind, by path as in [[upstream]].\n");
    for service in &plan.services {
        let matched =
            if service.path == "/" { "prefix: \"/\"".to_owned() } else { format!("path_separated_prefix: \"{}\"", service.path) };
        let _ = writeln!(
            text,
            "              - match: {{ {matched} }}\n                route: {{ cluster: {}, timeout: 0s }}\n                \
             request_headers_to_remove: [x-http-method-override]{}",
            service.name,
            if plan.cors {
                format!("\n                response_headers_to_remove: [{}]", CORS.join(", "))
            } else {
                String::new()
            }
        );
    }
    let _ = writeln!(
        text,
        "              # What is nobody's, Doorward refuses.\n              - match: {{ prefix: \"/\" }}\n                \
         route: {{ cluster: doorward }}\n                {open}"
    );
}

fn matched(place: &Place) -> String {
    match place {
        Place::Is(path) => format!("path: \"{path}\""),
        Place::Under(path) => format!("path_separated_prefix: \"{path}\""),
    }
}

fn clusters(plan: &Plan, text: &mut String) {
    text.push_str("  clusters:\n");
    cluster("doorward", &plan.doorward, text);
    cluster("doorward_judge", &plan.doorward, text);
    let _ = write!(
        text,
        r#"    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": {TYPE}.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{ http2_protocol_options: {{}} }}
"#
    );
    for service in &plan.services {
        cluster(&service.name, &service.address, text);
    }
}

fn cluster(name: &str, address: &str, text: &mut String) {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "80"));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let kind = if host.parse::<std::net::IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" };
    let _ = write!(
        text,
        r#"  - name: {name}
    type: {kind}
    connect_timeout: 5s
    load_assignment:
      cluster_name: {name}
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: "{host}", port_value: {port} }} }} }} }}] }}]
"#
    );
}
