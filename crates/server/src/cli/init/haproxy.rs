//! HAProxy: it cannot ask another server about a request by itself, but its Lua can, with the HTTP client that is built in.

use super::plan::{CLEARED, Plan, below, pattern};
use std::fmt::Write;

/// The script that asks.
pub(super) const SCRIPT: &str = include_str!("../../../../../examples/forward-auth/doorward.lua");

/// The file.
pub(super) fn render(plan: &Plan) -> String {
    let mut text = String::new();
    let tls = if plan.secure { format!(" ssl crt /etc/haproxy/{}.pem", plan.certificate()) } else { String::new() };
    let authority = format!("%[req.hdr(host),host_only,lower]{}", plan.shown_port());
    let _ = write!(
        text,
        r"# {title}. Print it anew when doorward.toml changes.
# HAProxy 2.6 or newer with Lua (`haproxy -vv` says USE_LUA=1). The script is printed by
# `doorward init haproxy --lua > /etc/haproxy/doorward.lua`.

global
    lua-load /etc/haproxy/doorward.lua

defaults
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 75s
    timeout tunnel 1h

frontend doorward_front
    bind :{port}{tls}

    # What only Doorward and this proxy may say, in every spelling that a service may read as the same name.
    http-request del-header ^[Dd][Oo][Oo][Rr][Ww][Aa][Rr][Dd][^a-zA-Z0-9] -m reg
    http-request del-header [^-a-zA-Z0-9] -m reg
",
        title = plan.title,
        port = plan.port,
    );
    for name in CLEARED {
        let _ = writeln!(text, "    http-request del-header {name}");
    }
    let _ = write!(
        text,
        r"    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto {scheme}
    http-request set-header X-Forwarded-Host {authority}
    http-request set-header X-Forwarded-Port {port}
    # What `Connection` names is for the next hop alone, and a client could name what Doorward says of it.
    http-request del-header connection unless {{ req.hdr(upgrade) -m found }}
    http-request set-header Connection upgrade if {{ req.hdr(upgrade) -m found }}

    # What Doorward answers itself, and judges as everything else.
",
        scheme = plan.scheme(),
        port = plan.port,
    );
    for place in &plan.own {
        let _ = writeln!(text, "    acl doorward_own path -m reg {}", pattern(place));
    }
    if plan.own.is_empty() {
        text.push_str("    acl doorward_own always_false\n");
    }
    if plan.cors {
        let _ = write!(
            text,
            "    # A browser asks whether a page of another origin may send a request. Who asks for verdicts is believed: no client.\n    \
             acl doorward_question path,url_dec -m reg {}\n    \
             http-request set-var(txn.doorward_preflight) bool(true) if METH_OPTIONS {{ req.hdr(origin) -m found }} \
             {{ req.hdr(access-control-request-method) -m found }} !doorward_question\n    \
             acl doorward_own var(txn.doorward_preflight) -m bool\n",
            plan.question_pattern()
        );
    }
    text.push_str(
        "\n    # It would change the method behind the back of whoever judges it.\n    \
         http-request del-header x-http-method-override if !doorward_own\n\n    \
         # Who it is, and what `credentials` of [[upstream]] leaves of them. What Doorward refuses is its answer; the second\n    \
         # line is for what the script could not ask.\n",
    );
    let _ = write!(
        text,
        "    http-request lua.doorward http://doorward.internal{} {} if !doorward_own\n    \
         http-request deny if !doorward_own !{{ var(txn.doorward) -m str permit }}\n    \
         # Cookies of sessions are sent again now and then, and deleted; and what pages of other origins may do.\n    \
         http-response lua.doorward_answer\n\n    \
         # The service behind, by path as in [[upstream]]; the first that matches counts. What is nobody's, Doorward refuses.\n    \
         use_backend doorward if doorward_own\n",
        plan.judge, plan.doorward
    );
    for service in &plan.services {
        let _ = writeln!(text, "    use_backend {} if {{ path,url_dec -m reg {} }}", service.name, below(&service.path));
    }
    let _ = write!(text, "    default_backend doorward\n\nbackend doorward\n    server doorward {}\n", plan.doorward);
    for service in &plan.services {
        let _ = write!(text, "\nbackend {name}\n    server {name} {}\n", service.address, name = service.name);
    }
    text
}
