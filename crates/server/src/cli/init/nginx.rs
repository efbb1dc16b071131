//! nginx: `auth_request`.

use super::plan::{ANSWERED, CLEARED, CORS, CREDENTIALS, IDENTITY, Plan, below, pattern, title_case};
use std::fmt::Write;

/// The file, to be included in the `http` block.
pub(super) fn render(plan: &Plan) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        r#"# {title}. Print it anew when doorward.toml changes.
# It belongs into the `http` block: /etc/nginx/conf.d/doorward.conf, for instance. nginx needs --with-http_auth_request_module.

# A service may read `doorward_identity` and `Doorward.Identity` as `Doorward-Identity`: such names go no further.
underscores_in_headers off;
ignore_invalid_headers on;

upstream doorward {{
    server {doorward};
    keepalive 16;
}}
"#,
        title = plan.title,
        doorward = plan.doorward,
    );
    for service in &plan.services {
        let _ = writeln!(text, "upstream {} {{\n    server {};\n    keepalive 16;\n}}", service.name, service.address);
    }
    text.push_str(
        "\n# The service behind, by path as in [[upstream]]; the first pattern that matches counts. What is nobody's, Doorward refuses.\n\
         map $uri $doorward_service {\n    default doorward;\n",
    );
    for service in &plan.services {
        let _ = writeln!(text, "    \"~{}\" {};", below(&service.path), service.name);
    }
    if plan.cors {
        text.push_str(
            "}\n\n# A browser asks whether a page of another origin may send a request.\n\
             map \"$request_method:$http_origin:$http_access_control_request_method\" $doorward_preflight {\n    \
             default \"\";\n    \"~^OPTIONS:.+:[^:]+$\" 1;\n",
        );
    }
    text.push_str("}\n\n# WebSockets.\nmap $http_upgrade $doorward_connection {\n    default upgrade;\n    \"\" \"\";\n}\n\n");
    server(plan, &mut text);
    text
}

fn server(plan: &Plan, text: &mut String) {
    let authority = format!("$host{}", plan.shown_port());
    let tls = if plan.secure { " ssl" } else { "" };
    let _ = writeln!(text, "server {{\n    listen {}{tls};\n    server_name {};", plan.port, plan.hosts.join(" "));
    if plan.secure {
        let host = plan.certificate();
        let _ = writeln!(
            text,
            "    # Yours to say.\n    ssl_certificate /etc/ssl/{host}.pem;\n    ssl_certificate_key /etc/ssl/{host}.key;"
        );
    }
    text.push_str(
        r#"
    client_max_body_size 0;    # Doorward and the services have limits of their own
    proxy_http_version 1.1;
    proxy_buffering off;
    proxy_request_buffering off;
    proxy_redirect off;

    # Where a request comes from, and nothing that its client said of that.
"#,
    );
    forwarding(plan, &authority, "    ", text);
    cleared(text, "    ", &FORWARDING);
    text.push_str("\n    # Who asks there is believed: no client, by this proxy.\n");
    for place in plan.questions.iter().filter(|place| place.path() != plan.judge) {
        let _ = writeln!(text, "    location ~ \"{}\" {{ return 404; }}", pattern(place));
    }
    text.push_str("\n    # What Doorward answers itself, and judges as everything else.\n");
    for place in &plan.own {
        let _ = writeln!(text, "    location ~ \"{}\" {{ proxy_pass http://doorward; }}", pattern(place));
    }
    text.push_str(
        "\n    # What Doorward refuses: it judges once more and says so in the form that the caller reads. Its challenge nginx has of\n    \
         # the first time.\n    location @doorward {\n        proxy_hide_header WWW-Authenticate;\n        \
         proxy_pass http://doorward;\n    }\n",
    );
    judge(plan, &authority, text);
    let _ = writeln!(
        text,
        "\n    location / {{\n        auth_request {};\n        error_page 401 403 418 500 = @doorward;\n",
        plan.judge
    );
    if plan.cors {
        text.push_str("        # Doorward answers preflights.\n        if ($doorward_preflight) { return 418; }\n\n");
    }
    text.push_str("        # Who it is: Doorward's answer says it, never the client.\n");
    let cors: &[&str] = if plan.cors { &CORS } else { &[] };
    for name in IDENTITY.iter().chain(&ANSWERED).chain(cors).chain(plan.vary.then_some(&"vary")) {
        let variable = name.replace('-', "_");
        let _ = writeln!(text, "        auth_request_set $answer_{variable} $upstream_http_{variable};");
    }
    text.push_str(
        "        # A session's cookie is sent again now and then.\n        add_header Set-Cookie $answer_set_cookie always;\n",
    );
    if plan.cors {
        text.push_str("        # What pages of other origins may do with an answer, Doorward says alone.\n");
        for name in CORS {
            let (header, variable) = (title_case(name), name.replace('-', "_"));
            let _ = writeln!(text, "        proxy_hide_header {header};\n        add_header {header} $answer_{variable} always;");
        }
    }
    if plan.vary {
        text.push_str("        add_header Vary $answer_vary always;\n");
    }
    for name in IDENTITY {
        let _ = writeln!(text, "        proxy_set_header {} $answer_{};", title_case(name), name.replace('-', "_"));
    }
    text.push_str("        # What `credentials` of [[upstream]] leaves of these.\n");
    for name in CREDENTIALS {
        let _ = writeln!(text, "        proxy_set_header {} $answer_{};", title_case(name), name.replace('-', "_"));
    }
    text.push_str("        # As above: these directives are not inherited where there are others.\n");
    forwarding(plan, &authority, "        ", text);
    cleared(text, "        ", &FORWARDING);
    text.push_str("        # It would change the method behind the back of whoever judges it.\n");
    text.push_str(METHOD_OVERRIDE);
    text.push_str("        proxy_pass http://$doorward_service;\n    }\n}\n");
}

/// The question: method and body are not the client's, so the method stands in a header.
fn judge(plan: &Plan, authority: &str, text: &mut String) {
    let _ = write!(
        text,
        r#"
    location = {judge} {{
        internal;
        proxy_pass http://doorward;
        proxy_method GET;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header X-Original-Method $request_method;
        proxy_set_header X-Original-URL $scheme://{authority}$request_uri;
        proxy_set_header Host {authority};
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "";
"#,
        judge = plan.judge,
    );
    cleared(text, "        ", &["x-forwarded-for", "x-original-method", "x-original-url"]);
    text.push_str(METHOD_OVERRIDE);
    text.push_str("    }\n");
}

const METHOD_OVERRIDE: &str = "        proxy_set_header X-Http-Method-Override \"\";\n";

/// What is set in place of what the client said.
const FORWARDING: [&str; 4] = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"];

fn forwarding(plan: &Plan, authority: &str, indent: &str, text: &mut String) {
    let port = plan.port.to_string();
    for (name, value) in [
        ("Host", authority),
        ("X-Forwarded-For", "$remote_addr"),
        ("X-Forwarded-Proto", "$scheme"),
        ("X-Forwarded-Host", authority),
        ("X-Forwarded-Port", &port),
        ("Upgrade", "$http_upgrade"),
        ("Connection", "$doorward_connection"),
    ] {
        let _ = writeln!(text, "{indent}proxy_set_header {name} {value};");
    }
}

/// Clears what only a proxy may say, but for what is `set`.
fn cleared(text: &mut String, indent: &str, set: &[&str]) {
    for name in CLEARED.iter().filter(|name| !set.contains(name)) {
        let _ = writeln!(text, "{indent}proxy_set_header {} \"\";", title_case(name));
    }
}
