//! `doorward explain` says of a request what the running server does with it (guarantee 6).

use super::{PASSWORD, SignedIn, event, site, to_upstream};
use crate::support::upstream::Upstream;
use serde_json::Value;

const REST: &str = r#"
[api]
magento_prefix = "/rest"
[[store_view]]
code = "default"
website = "base"
[[store_view]]
code = "fr"
website = "base"
[[store_view]]
code = "us"
website = "us_site"
[[firewall]]
name = "ajax"
path = '^/rest(/|$)'
guard = ["ajax"]
invalid = "guest"
[[firewall]]
name = "strict-ajax"
path = '^/strict/'
guard = ["ajax"]
[[firewall]]
name = "open"
path = '^/open'
authentication = "none"
[[firewall]]
name = "main"
path = '^/(api|orders|mine|internal|nowhere|missing|rest2)'
[[access_control]]
path = '^/internal'
ips = ["10.0.0.0/8"]
roles = ["PUBLIC_ACCESS"]
[[access_control]]
path = '^/internal'
roles = ["clerk"]
"#;

const ROUTES: &str = r#"
[[resource]]
id = "Example_Sales::orders"
title = "Orders"

[[route]]
methods = ["GET", "POST"]
path = "/orders/:id"
require = ["Example_Sales::orders"]

[[route]]
methods = ["GET"]
path = "/mine"
require = ["self"]

[[route]]
methods = ["GET"]
path = "/internal/x"
require = ["anonymous"]

[[route]]
methods = ["GET"]
path = "/open/*rest"
require = ["anonymous"]

[[route]]
methods = ["GET"]
path = "/strict/x"
require = ["anonymous"]

[[route]]
methods = ["GET"]
path = "/unguarded"
require = ["anonymous"]

[[route]]
methods = ["GET"]
path = "/rest/own/x"
require = ["anonymous"]
"#;

const WEBAPI: &str = r#"<routes>
<route url="/V1/mine" method="GET"><service class="C" method="m"/><resources><resource ref="self"/></resources></route>
<route url="/V1/open" method="GET"><service class="C" method="m"/><resources><resource ref="anonymous"/></resources></route>
<route url="/V1/open" method="POST"><service class="C" method="m"/><resources><resource ref="anonymous"/></resources></route>
<route url="/V1/forced" method="POST"><service class="C" method="m"/><resources><resource ref="self"/></resources><data><parameter name="customerId" force="true">%customer_id%</parameter></data></route>
<route url="/V1/secure" method="GET" secure="true"><service class="C" method="m"/><resources><resource ref="anonymous"/></resources></route>
</routes>"#;

/// One request: method, path, account, header lines.
type Case<'c> = (&'c str, &'c str, Option<&'c str>, &'c [&'c str]);

#[test]
fn explain_and_the_server_agree() {
    let upstream = Upstream::start();
    let server = "trusted_proxies = [\"127.0.0.1\"]\nclient_address = \"x-forwarded-for\"";
    let files = to_upstream(upstream.address).replace("\"routes.toml\"", "\"routes.toml\", \"webapi.xml\"");
    let site = site(server, &format!("{REST}{files}"), ROUTES);
    site.write("webapi.xml", WEBAPI);
    site.ok(&["role", "add", "clerk", "--allow", "Example_Sales::orders"], "");
    site.user("customers/jane", PASSWORD, &[]);
    site.user("admins/clerk", PASSWORD, &["clerk"]);
    site.user("admins/other", PASSWORD, &[]);
    let server = site.serve();
    let sessions = ["jane", "clerk", "other"].map(|login| (login, SignedIn::new(&server, login)));

    const AJAX: &str = "X-Requested-With: XMLHttpRequest";
    let cases: [Case<'_>; 48] = [
        ("GET", "/orders/7", None, &[]),
        ("GET", "/orders/7", Some("customers/jane"), &[]),
        ("GET", "/orders/7", Some("admins/clerk"), &[]),
        ("GET", "/orders/7", Some("admins/other"), &[]),
        ("HEAD", "/orders/7", Some("admins/clerk"), &[]),
        ("POST", "/orders/7", Some("admins/clerk"), &[]),
        ("POST", "/orders/7", Some("admins/clerk"), &["X-CSRF-Token: wrong"]),
        ("POST", "/orders/7", Some("admins/clerk"), &["Origin: https://evil.example"]),
        ("DELETE", "/orders/7", Some("admins/clerk"), &[]),
        ("GET", "/orders", Some("admins/clerk"), &[]),
        ("GET", "/orders/7/", Some("admins/clerk"), &[]),
        ("GET", "/orders/../orders/7", Some("admins/clerk"), &[]),
        ("GET", "/orders//7", Some("admins/clerk"), &[]),
        ("GET", "/mine", Some("customers/jane"), &[]),
        ("GET", "/mine", Some("admins/clerk"), &[]),
        ("GET", "/internal/x", None, &[]),
        ("GET", "/internal/x", None, &["X-Forwarded-For: 10.1.2.3"]),
        ("GET", "/internal/x", None, &["X-Forwarded-For: 10.1.2.3, 192.0.2.1"]),
        ("GET", "/internal/x", Some("admins/clerk"), &[]),
        ("GET", "/internal/x", None, &["X-Forwarded-For: nonsense"]),
        ("GET", "/open/a/b", Some("customers/jane"), &[]),
        ("GET", "/strict/x", Some("customers/jane"), &[]),
        ("GET", "/strict/x", Some("customers/jane"), &[AJAX]),
        ("GET", "/strict/x", None, &[]),
        ("GET", "/unguarded", None, &[]),
        ("GET", "/rest/V1/mine", Some("customers/jane"), &[AJAX]),
        ("GET", "/rest/V1/mine", Some("customers/jane"), &[]),
        ("GET", "/rest/V1/mine", Some("customers/jane"), &[AJAX, "Sec-Fetch-Site: cross-site"]),
        ("GET", "/rest/V1/secure", None, &[]),
        ("GET", "/rest/fr/V1/mine", Some("customers/jane"), &[AJAX]),
        ("GET", "/rest/us/V1/mine", Some("customers/jane"), &[AJAX]),
        ("GET", "/rest/all/V1/mine", Some("customers/jane"), &[AJAX]),
        ("GET", "/rest/us/V1/mine", Some("admins/other"), &[AJAX]),
        ("GET", "/rest/nosuch/V1/mine", Some("customers/jane"), &[AJAX]),
        ("GET", "/rest/V1/mine", None, &["Accept: text/html"]),
        ("PATCH", "/rest/V1/mine", Some("customers/jane"), &[AJAX]),
        ("HEAD", "/rest/V1/mine", Some("customers/jane"), &[AJAX]),
        ("GET", "/rest", None, &[]),
        ("GET", "/rest/schema", None, &[]),
        ("GET", "/rest/async/V1/mine", None, &[]),
        ("POST", "/rest/async/V1/open", None, &[]),
        ("POST", "/rest/async/bulk/V1/forced", Some("customers/jane"), &[AJAX]),
        ("GET", "/rest/V1/open", Some("customers/jane"), &[]),
        ("POST", "/rest/V1/open", Some("customers/jane"), &[AJAX, "Origin: https://evil.example"]),
        ("GET", "/index.php/rest/fr/V1/mine", Some("customers/jane"), &[AJAX]),
        ("GET", "/rest/own/x", None, &["Accept: text/html"]),
        ("GET", "/api/ibexa/v2/user/sessions/current", Some("customers/jane"), &["X-Expected-User: other"]),
        ("GET", "/api/ibexa/v2/missing", None, &[]),
    ];
    for case in cases {
        compare(&site, &server, &sessions, case);
    }
}

fn compare(
    site: &crate::support::Site,
    server: &crate::support::Server,
    sessions: &[(&str, SignedIn)],
    (method, path, account, lines): Case<'_>,
) {
    let mut arguments = vec!["explain", "--json", method, path];
    account.iter().for_each(|account| arguments.extend(["--as", account]));
    lines.iter().for_each(|line| arguments.extend(["--header", line]));
    let told = site.run(&arguments, "");
    let what = format!("{method} {path} {account:?} {lines:?}\n{told:?}");
    let explained = told.json();

    let mut headers: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    if let Some(login) = account.and_then(|account| account.split_once('/')).map(|(_, login)| login) {
        let session = &sessions.iter().find(|(own, _)| *own == login).unwrap().1;
        headers.push_str(&session.cookie);
        if method == "POST" && !lines.iter().any(|line| line.starts_with("X-CSRF-Token")) {
            headers.push_str(&session.token);
        }
    }
    // The event is found by a name of the host that this request alone uses.
    let host = format!("h{}.test", HOSTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
    let raw = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}{headers}\r\n");
    let mut connection = crate::support::client::Connection::open(server.public);
    connection.send(&raw);
    let reply = connection.reply();
    let event = match explained["host"].as_str() {
        // Before a host is known there is none in the log either.
        None | Some("") => event(server, &[("reason", explained["reason"].as_str().unwrap())]),
        Some(_) => event(server, &[("host", &host)]),
    };

    let permitted = event["outcome"] == "permit";
    assert_eq!(explained["outcome"] == "permit", permitted, "{what}\n{event}");
    assert_eq!(told.code, i32::from(!permitted), "{what}");
    assert_eq!(explained["policy"], event["policy"], "{what}");
    if permitted {
        assert!(reply.status < 400, "{what}\n{reply:?}");
    } else {
        assert_eq!(explained["status"], reply.status, "{what}\n{reply:?}");
        assert_eq!(explained["reason"], event["reason"], "{what}");
    }
    // A guard that did not pass made a guest or a refusal, and one that did made neither.
    let guards = explained["guards"].as_array().unwrap();
    assert!(!permitted || guards.iter().all(|guard| guard["passed"] == true || explained["identity"] == "guest"), "{what}");
    if permitted && !guards.is_empty() {
        assert_eq!(event["identity"] != "guest", guards.iter().all(|guard| guard["passed"] == true), "{what}\n{event}");
    }
    let won = explained["firewalls"].as_array().unwrap().iter().find(|firewall| firewall["matched"] == true);
    assert_eq!(won.map_or("-", |firewall| firewall["name"].as_str().unwrap()), event["firewall"], "{what}\n{event}");
    if let Value::String(template) = &explained["target"]["name"]
        && explained["target"]["kind"] == "route"
    {
        assert_eq!(event["route"], template.as_str(), "{what}");
    }
    for (reason, source) in
        [("not_granted", &explained["target"]["source"]), ("access_control", &explained["access_control"]["source"])]
    {
        if event["reason"] == reason {
            let (file_and_line, detail) = (source.as_str().unwrap(), event["detail"].as_str().unwrap());
            let line = file_and_line.rsplit('/').next().unwrap();
            assert!(detail.contains(line), "{what}\n{event}");
        }
    }
}

static HOSTS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
