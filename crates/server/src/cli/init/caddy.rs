//! Caddy: `forward_auth`.

use super::plan::{CLEARED, CREDENTIALS, IDENTITY, Plan, below, title_case};
use std::{collections::BTreeSet, fmt::Write};

/// The Caddyfile.
pub(super) fn render(plan: &Plan) -> String {
    let mut text = String::new();
    let sites: Vec<String> = plan.hosts.iter().map(|host| format!("{}://{host}{}", plan.scheme(), plan.shown_port())).collect();
    let _ = write!(
        text,
        r"# {title}. Print it anew when doorward.toml changes.
# Caddy 2.11 or newer: before, a header that Doorward's answer lacks stayed what the client had made it.

{sites} {{
    route {{
        # What only Doorward and this proxy may say, in every spelling that a service may read as the same name.
        # X-Forwarded-For, -Proto and -Host Caddy sets itself, as long as no `trusted_proxies` stand in its options.
        request_header -Doorward*
        request_header -X_*
        request_header -X.*
",
        title = plan.title,
        sites = sites.join(", "),
    );
    for name in CLEARED.iter().filter(|name| !matches!(**name, "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host")) {
        let _ = writeln!(text, "        request_header -{}", title_case(name));
    }
    let words: BTreeSet<&str> = CLEARED.iter().filter_map(|name| name.split_once('-')).map(|(word, _)| word).collect();
    for word in words.iter().filter(|word| **word != "x") {
        for other in ['_', '.'] {
            let _ = writeln!(text, "        request_header -{}{other}*", title_case(word));
        }
    }
    let copied: Vec<String> = IDENTITY.iter().chain(&CREDENTIALS).map(|name| title_case(name)).collect();
    let _ = write!(
        text,
        r"
        # What Doorward answers itself, and judges as everything else.
        @own path_regexp {own}
        handle @own {{
            reverse_proxy {doorward}
        }}

        # The first of these that matches takes the request, in this order.
        route {{
            # It would change the method behind the back of whoever judges it.
            request_header -X-Http-Method-Override
            # Who it is, and what `credentials` of [[upstream]] leaves of them. What Doorward refuses is its answer.
            forward_auth {doorward} {{
                uri {judge}
                copy_headers {copied} Set-Cookie>Doorward-Set-Cookie
            }}
            # A session's cookie is sent again now and then.
            @again header Doorward-Set-Cookie *
            vars @again doorward_set_cookie {{http.request.header.Doorward-Set-Cookie}}
            header @again {{
                +Set-Cookie {{vars.doorward_set_cookie}}
                defer
            }}
            request_header -Doorward-Set-Cookie

            # The service behind, by path as in [[upstream]].
",
        own = plan.own_pattern(),
        doorward = plan.doorward,
        judge = plan.judge,
        copied = copied.join(" "),
    );
    for service in &plan.services {
        let _ = write!(
            text,
            "            @{name} path_regexp {path}\n            handle @{name} {{\n                reverse_proxy {address}\n            }}\n",
            name = service.name,
            path = below(&service.path),
            address = service.address,
        );
    }
    let _ = write!(
        text,
        "            # What is nobody's, Doorward refuses.\n            handle {{\n                reverse_proxy {}\n            }}\n        }}\n    }}\n}}\n",
        plan.doorward
    );
    text
}
