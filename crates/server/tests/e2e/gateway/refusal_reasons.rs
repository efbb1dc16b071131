//! Each refusal reason, provoked over HTTP: its status and body in each dialect and format, its event in the log, its
//! count in the metrics. No body says more than the caller may know.

use super::{PASSWORD, SignedIn, client_http2::Http2, config, events};
use crate::support::{Server, Site, client::Reply, eventually, upstream::Upstream};
use doorward_core::Reason;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Reasons that nothing can provoke by way of the gateway, and why.
const OUT_OF_REACH: [(&str, &str); 1] =
    [("unenforceable", "the proxy carries out all that a rule demands, and signing an assertion does not fail")];

const SERVER: &str = "hosts = [\"shop.test\", \"bare.test\", \"127.0.0.1\"]\ntrusted_proxies = [\"127.0.0.1\"]\n\
                      client_address = \"x-forwarded-for\"\nlimits = { body = \"1KiB\" }";

const REST: &str = r#"
[api]
magento_prefix = "/rest"
[[firewall]]
name = "ajax"
path = '/ajax/'
guard = ["ajax"]
[[firewall]]
name = "pairs"
path = '/pairs/'
authentication = "basic"
[[firewall]]
name = "main"
host = '^(shop\.test|127\.0\.0\.1)$'
[[access_control]]
path = '/internal/'
roles = ["ROLE_SECRET_CLUB"]
[[access_control]]
path = '/open$'
host = '^127'
scopes = ["orders:read"]
[sign_in]
address_failures = 3
[routes]
files = ["routes.toml", "webapi.xml", "acl.xml"]
"#;

const ROUTES: &str = r#"
[[route]]
methods = ["GET", "POST"]
path = "/V1/orders"
require = ["Example_Sales::orders"]
[[route]]
methods = ["GET", "POST"]
path = "/V1/open"
require = ["anonymous"]
[[route]]
methods = ["GET"]
path = "/V1/ajax/x"
require = ["anonymous"]
[[route]]
methods = ["GET"]
path = "/V1/internal/x"
require = ["anonymous"]
[[route]]
methods = ["GET"]
path = "/V1/pairs/x"
require = ["Example_Sales::orders"]
[[route]]
methods = ["GET"]
path = "/V1/nowhere"
require = ["anonymous"]
"#;

const ACL: &str = r#"<config><acl><resources><resource id="Magento_Backend::admin" title="Admin">
<resource id="Example_Sales::orders" title="Orders"/></resource></resources></acl></config>"#;

/// The three dialects, by where their routes stand.
const PREFIXES: [(&str, &str); 3] = [("ibexa", "/api/ibexa/v2/V1"), ("magento", "/rest/V1"), ("problem", "/V1")];

/// A word in what is sent, which no answer may repeat.
const INPUT: &str = "zqmarker";

fn place(rest: &str, upstream: &Upstream) -> Site {
    let mut upstreams = String::new();
    for (at, (_, prefix)) in PREFIXES.iter().enumerate() {
        for path in ["open", "orders", "secure", "forced"] {
            let url = upstream.url();
            upstreams += &format!("[[upstream]]\nname = \"{path}-{at}\"\nurl = \"{url}\"\npath = \"{prefix}/{path}\"\n");
        }
    }
    let site = Site::new(&config(SERVER, &format!("{REST}{rest}{upstreams}")));
    site.write("routes.toml", &format!("{ROUTES}{}", ROUTES.replace("/V1/", "/api/ibexa/v2/V1/")));
    site.write("acl.xml", ACL);
    let mut xml = String::new();
    for (method, path, resource, more) in [
        ("GET", "orders", "Example_Sales::orders", ""),
        ("POST", "orders", "Example_Sales::orders", ""),
        ("GET", "open", "anonymous", ""),
        ("POST", "open", "anonymous", ""),
        ("GET", "ajax/x", "self", ""),
        ("GET", "internal/x", "anonymous", ""),
        ("GET", "pairs/x", "Example_Sales::orders", ""),
        ("GET", "nowhere", "anonymous", ""),
        ("GET", "secure", "anonymous", " secure=\"true\""),
        ("GET", "forced", "anonymous", ""),
        ("POST", "forced", "self", ""),
    ] {
        let name = if method == "GET" { "customerId" } else { "customer.id" };
        let data = format!("<data><parameter name=\"{name}\" force=\"true\">%customer_id%</parameter></data>");
        xml += &format!(
            "<route url=\"/V1/{path}\" method=\"{method}\"{more}><service class=\"C\" method=\"m\"/>\
             <resources><resource ref=\"{resource}\"/></resources>{}</route>",
            if path == "forced" { &data } else { "" }
        );
    }
    site.write("webapi.xml", &format!("<routes>{xml}</routes>"));
    site.user("customers/jane", PASSWORD, &[]);
    site.user("admins/admin", PASSWORD, &[]);
    site
}

/// Sends requests one after another and compares what each leaves in answer and log.
struct Observer {
    server: Server,
    /// How many events of requests there must be by now.
    made: usize,
    /// How often each reason was seen in the log.
    seen: BTreeMap<String, u32>,
}

impl Observer {
    fn new(server: Server) -> Self {
        Self { server, made: 0, seen: BTreeMap::new() }
    }

    fn sign_in(&mut self) -> SignedIn {
        self.made += 1;
        SignedIn::new(&self.server, "jane")
    }

    /// One request. Returns its answer and its event.
    fn request(&mut self, raw: &str) -> (Reply, Value) {
        let reply = self.server.exchange(raw);
        let event = eventually("an event of the request", || events(&self.server).into_iter().nth(self.made));
        self.made += 1;
        (reply, event)
    }

    /// A request that must be refused so, as JSON and as XML. `head` is everything but `Accept` and the empty line.
    fn refused(&mut self, dialect: &str, reason: &str, outcome: &str, status: u16, head: &str, body: &str) {
        for format in ["json", "xml"] {
            let raw = format!("{head}Accept: application/{format}\r\nX-Test: {INPUT}\r\nConnection: close\r\n\r\n{body}");
            let (reply, event) = self.request(&raw);
            let what = format!("{reason} in {dialect} {format}: {raw}\n{reply:?}\n{event}");
            assert_eq!(reply.status, status, "{what}");
            assert_eq!((&event["reason"], &event["outcome"]), (&reason.into(), &outcome.into()), "{what}");
            assert_eq!(event["status"], status, "{what}");
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{what}");
            assert_eq!(reply.header("set-cookie"), None, "{what}");
            shape(dialect, format, status, &reply);
            for secret in [INPUT, "routes.toml", "webapi.xml", "SECRET_CLUB", "ROLE_", "/V1", "firewall", "main", "jane"] {
                assert!(!reply.body.contains(secret), "{secret}: {what}");
            }
            // The Magento dialect names the resources of the route: its contract says so.
            assert!(dialect == "magento" || !reply.body.contains("Example_Sales"), "{what}");
            *self.seen.entry(reason.to_owned()).or_default() += 1;
        }
    }

    /// The metrics count what the log tells.
    fn check_metrics(&self) {
        let metrics = self.server.operate("/metrics").body;
        for (reason, expected) in &self.seen {
            let label = format!("reason=\"{reason}\"");
            let lines = metrics.lines().filter(|line| line.starts_with("doorward_decisions_total{") && line.contains(&label));
            let counted: u32 = lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap()).sum();
            assert_eq!(counted, *expected, "{reason}:\n{metrics}");
        }
    }

    /// Each refusal is audited, too; what has no unambiguous form was never judged.
    fn check_audit(&self) {
        let log = self.server.log();
        for reason in self.seen.keys().filter(|reason| Reason::CODES.contains(&reason.as_str())) {
            let audited = log.lines().filter(|line| line.contains("\"audit\"") && line.contains("\"refusal\""));
            let same = format!("\"outcome\":\"{reason}\"");
            assert_eq!(audited.filter(|line| line.contains(&same)).count(), self.seen[reason] as usize, "{reason}:\n{log}");
        }
    }
}

/// The documents of the three dialects.
fn shape(dialect: &str, format: &str, status: u16, reply: &Reply) {
    let kind = reply.header("content-type").unwrap_or_default();
    if reply.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic ")) {
        assert_eq!(status, 401, "{reply:?}");
        if dialect == "ibexa" {
            assert_eq!((&*reply.body, reply.header("content-length")), ("", Some("0")), "{reply:?}");
            return;
        }
    }
    match (dialect, format) {
        ("ibexa", "json") => {
            assert_eq!(kind, "application/vnd.ibexa.api.ErrorMessage+json", "{reply:?}");
            assert_eq!(reply.json()["ErrorMessage"]["errorCode"], status, "{reply:?}");
        }
        ("ibexa", _) => {
            assert_eq!(kind, "application/vnd.ibexa.api.ErrorMessage+xml", "{reply:?}");
            assert_eq!(reply.element("errorCode"), Some(&*status.to_string()), "{reply:?}");
        }
        ("magento", "json") => {
            assert_eq!(kind, "application/json; charset=utf-8", "{reply:?}");
            assert!(reply.json()["message"].is_string(), "{reply:?}");
        }
        ("magento", _) => {
            assert_eq!(kind, "application/xml; charset=utf-8", "{reply:?}");
            assert!(reply.body.starts_with("<?xml version=\"1.0\"?>\n<response>") && reply.element("message").is_some());
        }
        (_, "json") => {
            assert_eq!(kind, "application/problem+json", "{reply:?}");
            let json = reply.json();
            assert_eq!(json["status"], status, "{reply:?}");
            assert_eq!(json["request_id"].as_str().map(str::len), Some(32), "{reply:?}");
        }
        _ => {
            assert_eq!(kind, "application/problem+xml", "{reply:?}");
            assert_eq!(reply.element("status"), Some(&*status.to_string()), "{reply:?}");
        }
    }
}

fn head(method: &str, host: &str, path: &str, headers: &str) -> String {
    format!("{method} {path}?{INPUT}=1 HTTP/1.1\r\nHost: {host}\r\n{headers}")
}

/// 401 for guests; for those whom we know 403, except in the two dialects.
fn forbidden(dialect: &str) -> u16 {
    if dialect == "problem" { 403 } else { 401 }
}

fn provoke_under_deny(observer: &mut Observer) {
    let jane = observer.sign_in();
    let (cookie, token) = (jane.cookie.clone(), format!("{}{}Content-Length: 0\r\n", jane.cookie, jane.token));
    let no_token = format!("{cookie}Content-Length: 0\r\n");
    for (dialect, prefix) in PREFIXES {
        let mut refused = |reason: &str, status, method: &str, host: &str, path: &str, headers: &str| {
            let head = head(method, host, &format!("{prefix}/{path}"), headers);
            observer.refused(dialect, reason, "refusal", status, &head, "");
        };
        let host = "shop.test";
        refused("no_route", 404, "GET", host, "missing", "");
        refused("no_route", 404, "GET", host, "missing", &cookie);
        refused("no_firewall", 401, "GET", "bare.test", "open", "");
        refused("no_upstream", 404, "GET", host, "nowhere", "");
        refused("not_ajax", 401, "GET", host, "ajax/x", &cookie);
        refused("csrf", 401, "POST", host, "orders", &no_token);
        refused("csrf", 401, "POST", host, "orders", &format!("{no_token}X-CSRF-Token: {INPUT}\r\n"));
        refused(
            "foreign_origin",
            forbidden(dialect),
            "POST",
            host,
            "orders",
            &format!("{token}Origin: https://{INPUT}.example\r\n"),
        );
        refused("access_control", 401, "GET", host, "internal/x", "");
        refused("access_control", forbidden(dialect), "GET", host, "internal/x", &cookie);
        // Those who have a token and not the scope: `issuers/access.rs`.
        refused("insufficient_scope", 401, "GET", "127.0.0.1", "open", "");
        refused("not_granted", 401, "GET", host, "orders", "");
        refused("not_granted", forbidden(dialect), "GET", host, "orders", &cookie);
    }
    provoke_under_basic(observer);
    let ibexa = head("GET", "shop.test", "/api/ibexa/v2/V1/open", &format!("{cookie}X-Expected-User: {INPUT}\r\n"));
    observer.refused("ibexa", "user_changed", "refusal", 401, &ibexa, "");
    let magento = |path: &str| head("GET", "shop.test", path, "");
    observer.refused("magento", "insecure", "refusal", 400, &magento("/rest/V1/secure"), "");
    observer.refused("magento", "no_parameter", "refusal", 400, &magento("/rest/V1/forced"), "");
    observer.refused("magento", "not_processed", "refusal", 400, &magento("/rest/nosuchstore/V1/open"), "");
    let patch = head("PATCH", "shop.test", "/rest/V1/open", "Content-Length: 0\r\n");
    observer.refused("magento", "method_not_supported", "refusal", 405, &patch, "");
    let (reply, event) = observer.request(&format!("{}Accept: text/html\r\nConnection: close\r\n\r\n", magento("/rest/V1/open")));
    assert_eq!((reply.status, &event["reason"]), (406, &"not_acceptable".into()), "{reply:?} {event}");
    observer.seen.insert("not_acceptable".to_owned(), 1);
}

fn provoke_under_basic(observer: &mut Observer) {
    for (dialect, prefix) in PREFIXES {
        let head = |credentials| {
            let headers = format!("X-Forwarded-For: 203.0.113.9\r\nAuthorization: Basic {credentials}\r\n");
            head("GET", "shop.test", &format!("{prefix}/pairs/x"), &headers)
        };
        // What is malformed is no guess, so nothing counts it.
        observer.refused(dialect, "invalid_credential", "refusal", 401, &head("!!"), "");
        if dialect == "ibexa" {
            // zqmarker:x, zqmarker:y and zqmarker:z: the same guess would count once.
            for wrong in ["enFtYXJrZXI6eA==", "enFtYXJrZXI6eQ==", "enFtYXJrZXI6eg=="].map(head) {
                let (reply, event) = observer.request(&format!("{wrong}Connection: close\r\n\r\n"));
                assert_eq!((reply.status, &event["reason"]), (401, &"invalid_credential".into()), "{reply:?} {event}");
                *observer.seen.entry("invalid_credential".to_owned()).or_default() += 1;
            }
        }
        // zqmarker:w
        observer.refused(dialect, "too_many", "refusal", 429, &head("enFtYXJrZXI6dw=="), "");
    }
}

fn provoke_under_authenticated(observer: &mut Observer, site: &Site) {
    for (dialect, prefix) in PREFIXES {
        let path = format!("{prefix}/missing");
        observer.refused(dialect, "guest_on_unmatched", "refusal", 401, &head("GET", "shop.test", &path, ""), "");
    }
    // A session that this process has not seen yet must be looked for in the store.
    let store = ["doorward.db", "doorward.db-wal"].map(|name| site.path().join(name));
    let jane = fs::read_to_string(site.path().join("cookie")).unwrap();
    for file in store.iter().filter(|file| file.exists()) {
        let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
        fs::write(file, vec![0xff; length]).unwrap();
    }
    for (dialect, prefix) in PREFIXES {
        let head = head("GET", "shop.test", &format!("{prefix}/orders"), &jane);
        observer.refused(dialect, "unavailable", "refusal", 503, &head, "");
    }
}

/// An older process, from which the session stays that a newer one has to look for.
fn remember_a_session(site: &Site) {
    let server = site.serve();
    site.write("cookie", &SignedIn::new(&server, "jane").cookie);
    assert_eq!(server.stop().0, 0);
}

#[test]
fn each_reason_of_a_decision_is_seen_by_caller_log_and_metrics() {
    let upstream = Upstream::start();
    let site = place("", &upstream);
    let mut deny = Observer::new(site.serve());
    provoke_under_deny(&mut deny);
    let other = place("unmatched = \"authenticated\"\n", &upstream);
    remember_a_session(&other);
    let mut authenticated = Observer::new(other.serve());
    provoke_under_authenticated(&mut authenticated, &other);
    assert!(upstream.received().is_empty(), "a refused request went upstream: {:?}", upstream.received());

    let mut provoked: BTreeSet<String> = BTreeSet::new();
    for observer in [deny, authenticated] {
        observer.check_metrics();
        observer.check_audit();
        provoked.extend(observer.seen.into_keys());
    }
    provoked.extend(OUT_OF_REACH.iter().map(|(code, _)| (*code).to_owned()));
    assert_eq!(provoked, Reason::CODES.iter().map(|code| (*code).to_owned()).collect());
}

/// `reason` words of one table of the reference page.
fn documented(title: &str) -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/refusal-reasons.md");
    let page = fs::read_to_string(page).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with(title)).unwrap();
    let first = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" |").map(|(cell, _)| cell));
    first.flat_map(|cell| cell.split(", ")).map(|word| word.trim_matches('`').to_owned()).collect()
}

#[test]
fn each_reason_before_a_decision_is_seen_by_caller_log_and_metrics() {
    let upstream = Upstream::start();
    let site = place("[[site]]\nname = \"front\"\n", &upstream);
    let mut observer = Observer::new(site.serve());
    let cookies = "Cookie: doorward_customers=a\r\nCookie: doorward_customers=b\r\n";
    for (dialect, prefix) in PREFIXES {
        let mut refused = |reason: &str, status, line: &str, headers: &str, body: &str| {
            observer.refused(dialect, reason, "bad_request", status, &format!("{line} HTTP/1.1\r\n{headers}"), body);
        };
        let (get, post) = (format!("GET {prefix}/open"), format!("POST {prefix}/open"));
        let host = "Host: shop.test\r\n";
        refused("host_not_served", 421, &get, "Host: evil.test\r\n", "");
        refused("host", 400, &get, "", "");
        refused("host", 400, &get, &host.repeat(2), "");
        refused("host", 400, &get, "Host: user@shop.test\r\n", "");
        refused("host", 400, &format!("GET http://other.test{prefix}/open"), host, "");
        refused("target", 400, &format!("GET ftp://shop.test{prefix}/open"), host, "");
        for path in ["/a/../open", "//open", "/%2e%2e/open", "/a%2Fopen", "/a\\open", "/%zz", "/%00"] {
            refused("path", 400, &format!("GET {prefix}{path}"), host, "");
        }
        refused("method", 400, &format!("TRACE {prefix}/open"), host, "");
        refused("method", 400, &format!("get {prefix}/open"), host, "");
        refused("transfer_encoding", 400, &post, &format!("{host}Transfer-Encoding: gzip, chunked\r\n"), "0\r\n\r\n");
        refused("body_too_large", 413, &post, &format!("{host}Content-Length: 1025\r\n"), &"x".repeat(1025));
        refused("client_address", 400, &get, &format!("{host}X-Forwarded-For: {INPUT}\r\n"), "");
        refused("site", 400, &get, &format!("{host}X-SiteAccess: {INPUT}\r\n"), "");
        refused("site", 400, &get, &format!("{host}X-SiteAccess: front\r\nX-SiteAccess: front\r\n"), "");
        refused("session_cookie", 400, &get, &format!("{host}{cookies}"), "");
        refused("authorization", 400, &get, &format!("{host}Authorization: Bearer a\r\nAuthorization: Basic b\r\n"), "");
        if dialect == "ibexa" {
            let headers = format!("{host}X-HTTP-Method-Override: PATCH\r\nX-HTTP-Method-Override: PUT\r\n");
            refused("method_override", 400, &post, &headers, "");
            refused("method_override", 400, &post, &format!("{host}X-HTTP-Method-Override: A-{INPUT}\r\n"), "");
            refused("expected_user", 400, &get, &format!("{host}X-Expected-User: a\r\nX-Expected-User: a\r\n"), "");
        }
    }
    // The parser of HTTP/1.1 folds equal lengths into one and refuses others itself; in HTTP/2 they come to us.
    let lengths = [("content-length", "2"), ("content-length", "2")];
    let mut client = Http2::open(observer.server.public);
    client.request("POST", "shop.test", "/V1/open", &lengths, Some("ab"));
    let event = eventually("an event of the request", || events(&observer.server).into_iter().nth(observer.made));
    assert_eq!((&event["reason"], &event["status"]), (&"content_length".into(), &400.into()), "{event}");
    observer.seen.insert("content_length".to_owned(), 1);

    observer.check_metrics();
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
    assert_eq!(observer.seen.into_keys().collect::<BTreeSet<_>>(), documented("Before a decision"));
}

/// Bodies in which a rule sets parameters.
#[test]
fn a_body_that_could_be_read_in_two_ways_goes_nowhere() {
    let upstream = Upstream::start();
    let site = place("", &upstream);
    let mut observer = Observer::new(site.serve());
    let jane = observer.sign_in();
    let json = "Content-Type: application/json\r\n";
    for (reason, status, query, kind, body) in [
        ("body_type", 415, "", "Content-Type: text/plain\r\n", "{}"),
        ("body_type", 415, "", "", "{}"),
        ("body_shape", 400, "", json, "[1]"),
        ("body_json", 400, "", json, "{\"a\":"),
        ("body_keys", 400, "", json, "{\"customer\":{},\"cust_omer\":{}}"),
        ("body_json", 400, "", json, "{\"a\":1,\"a\":2}"),
        ("body_xml", 400, "", "Content-Type: application/xml\r\n", "<a>"),
        ("parameter_name", 400, "&a%00=1", json, "{}"),
    ] {
        let (cookie, token, length) = (&jane.cookie, &jane.token, body.len());
        let head = format!(
            "POST /rest/V1/forced?{INPUT}=1{query} HTTP/1.1\r\nHost: shop.test\r\n{cookie}{token}{kind}Content-Length: {length}\r\n"
        );
        observer.refused("magento", reason, "permit", status, &head, body);
    }
    let head = format!("GET /rest/V1/forced HTTP/1.1\r\nHost: shop.test\r\n{}Content-Length: 2\r\n", jane.cookie);
    observer.refused("magento", "body_not_allowed", "permit", 400, &head, "{}");
    observer.check_metrics();
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}
