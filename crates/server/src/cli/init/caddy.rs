//! Caddy: `reverse_proxy` with `handle_response`, which is what `forward_auth` stands for.

use super::plan::{CLEARED, CORS, CREDENTIALS, IDENTITY, Plan, below, title_case};
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
    let _ = write!(
        text,
        r"
        # Caddy drops what `Connection` names, and a client could name what Doorward says of it.
        @upgrade header Upgrade *
        @plain not header Upgrade *
        request_header @upgrade Connection Upgrade
        request_header @plain -Connection

        # What Doorward answers itself, and judges as everything else.
        @own path_regexp {own}
        handle @own {{
            reverse_proxy {doorward}
        }}

{preflight}        # The first of these that matches takes the request, in this order.
        route {{
            # It would change the method behind the back of whoever judges it.
            request_header -X-Http-Method-Override
",
        own = plan.own_pattern(),
        doorward = plan.doorward,
        preflight = if plan.cors { preflight(plan) } else { String::new() },
    );
    judge(plan, &mut text);
    text.push_str("            # The service behind, by path as in [[upstream]].\n");
    for service in &plan.services {
        let _ = write!(
            text,
            "            @{name} path_regexp {path}\n            handle @{name} {{\n                reverse_proxy {address}{silent}\n            }}\n",
            silent = if plan.cors { " {\n                    header_down -Access-Control-*\n                }" } else { "" },
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

/// A browser asks whether a page of another origin may send a request.
fn preflight(plan: &Plan) -> String {
    format!(
        r"        # Doorward answers preflights, and says alone what pages of other origins may do with an answer.
        @preflight {{
            method OPTIONS
            header Origin *
            header Access-Control-Request-Method *
            not path_regexp {questions}
        }}
        handle @preflight {{
            reverse_proxy {doorward}
        }}

",
        questions = plan.question_pattern(),
        doorward = plan.doorward
    )
}

/// The question: what `forward_auth` stands for, and each `Set-Cookie` of the answer, of which `copy_headers` would make one.
fn judge(plan: &Plan, text: &mut String) {
    let _ = write!(
        text,
        r"            # Who it is, and what `credentials` of [[upstream]] leaves of them. What Doorward refuses is its answer.
            reverse_proxy {doorward} {{
                method GET
                rewrite {judge}
                header_up X-Forwarded-Method {{http.request.method}}
                header_up X-Forwarded-Uri {{http.request.uri}}
                @permit status 200
                handle_response @permit {{
                    # Cookies of sessions are sent again now and then, and deleted.
                    copy_response_headers {{
                        include Set-Cookie{cors}{vary}
                    }}
                    route {{
",
        doorward = plan.doorward,
        judge = plan.judge,
        cors = if plan.cors { CORS.map(|name| format!(" {}", title_case(name))).concat() } else { String::new() },
        vary = if plan.vary { " Vary" } else { "" },
    );
    for name in IDENTITY.iter().chain(&CREDENTIALS) {
        let (header, word) = (title_case(name), name.replace('-', "_"));
        let _ = write!(
            text,
            "                        request_header -{header}\n                        \
             @{word} not vars {{http.reverse_proxy.header.{header}}} \"\"\n                        \
             request_header @{word} {header} {{http.reverse_proxy.header.{header}}}\n"
        );
    }
    text.push_str("                    }\n                }\n            }\n\n");
}
