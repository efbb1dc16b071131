//! What operators read: metrics that are documented, a log of objects, and warnings before anything is served.

use crate::{
    people::{PASSWORD, Town, attempt, sign_out},
    support::{Session, Site, eventually, upstream::Upstream},
};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

fn documentation() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics-and-logs.md")).unwrap()
}

/// The names of metrics in the tables of the page.
fn documented() -> BTreeSet<String> {
    let page = documentation();
    page.lines()
        .filter_map(|line| line.strip_prefix("| `doorward_")?.split('`').next().map(|rest| format!("doorward_{rest}")))
        .collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_one_exists() {
    let old = Upstream::start();
    let keys = Upstream::answering(|_| {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}".to_owned()
    });
    let exchanging = format!(
        "[[upstream]]\nname = \"old\"\nurl = \"{}\"\npath = \"/old\"\nexchange = \"/me\"\nexchange_directory = \"customers\"\n\
         [[issuer]]\nissuer = \"idp\"\njwks_url = \"{}/jwks\"\naudience = \"shop\"\ndirectory = \"customers\"\n\
         [[introspection]]\nissuer = \"idp\"\nendpoint = \"http://localhost:9/\"\nclient_id = \"door\"\nclient_secret = \"x\"\n\
         audience = \"shop\"\ndirectory = \"customers\"\n\
         [[provider]]\nname = \"idp\"\nissuer = \"{}\"\nclient_id = \"shop\"\ndirectory = \"customers\"\nlink = \"subject\"\n\
         [[forward_auth]]\nconvention = \"caddy\"\npath = \"/_doorward/verdict\"\n",
        old.url(),
        keys.url(),
        keys.url()
    );
    let site = Town { more: &exchanging, ..Town::default() }.site(&Upstream::start());
    let server = site.serve();
    // So that each family has a series.
    server.get("/closed", "Cookie: PHPSESSID=0123456789abcdefghijklmnop\r\n");
    let cookie = attempt(&server, "203.0.113.1", "jane", PASSWORD, "").cookie("doorward_customers").unwrap();
    assert_eq!(server.get("/closed", &format!("Cookie: {cookie}\r\n")).status, 200);
    // Nobody set out from here.
    assert_eq!(server.get("/oauth2/check/idp?code=c&state=s", "").status, 400);
    // It says of no request that it is about it.
    assert_eq!(server.get("/_doorward/verdict", "").status, 403);
    server.signal("HUP");
    server.logged("\"event\":\"reload\"");
    eventually("keys", || server.metric("doorward_issuer_keys_age_seconds{issuer=\"idp\"}"));
    let text = server.operate("/metrics").body;
    let mut families = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        families.insert(if kind == "counter" { format!("{name}_total") } else { name.to_owned() });
    }
    assert_eq!(families, documented(), "left: exported, right: documented");
    assert!(families.len() >= 15, "{families:?}");
}

#[test]
fn metrics_are_in_the_format_that_they_claim() {
    let site = Town::default().site(&Upstream::start());
    let server = site.serve();
    assert_eq!(server.get("/open", "").status, 200);
    let reply = server.operate("/metrics");
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"), "{reply:?}");
    assert!(reply.body.ends_with("# EOF\n"));
    let mut described = BTreeSet::new();
    for line in reply.body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            assert!(["HELP ", "TYPE ", "UNIT ", "EOF"].iter().any(|word| comment.starts_with(word)), "{line}");
            described.extend(comment.strip_prefix("TYPE ").and_then(|rest| rest.split(' ').next()).map(str::to_owned));
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        assert!(labels.ends_with('}'), "{line}");
        let family = ["", "_total", "_bucket", "_sum", "_count"]
            .iter()
            .find(|end| name.strip_suffix(**end).is_some_and(|f| described.contains(f)));
        assert!(family.is_some(), "{name} has no TYPE before it");
    }
}

#[test]
fn each_event_is_one_object_and_each_act_has_an_audit_event_with_its_request() {
    let site = Town::default().site(&Upstream::start());
    let server = site.serve();
    let reply = attempt(&server, "203.0.113.1", "jane", PASSWORD, "");
    let json = reply.json();
    let word = |name: &str| json["Session"][name].as_str().unwrap().to_owned();
    let session =
        Session { cookie: format!("{}={}", word("name"), word("identifier")), id: word("identifier"), token: word("csrfToken") };
    assert_eq!(attempt(&server, "203.0.113.1", "jane", "wrong-4711", "").status, 401);
    // A login may hold anything at all.
    let forged = "x\r\n{\"event\":\"audit\",\"action\":\"sign_in\",\"outcome\":\"success\"}\u{1b}[2J\u{202e}\u{2028}\u{85}";
    assert_eq!(attempt(&server, "203.0.113.2", forged, "x", "").status, 401);
    assert_eq!(server.get("/orders", &format!("Cookie: {}\r\n", session.cookie)).status, 403);
    assert_eq!(server.get("/open", "").status, 200);
    assert_eq!(server.exchange(&sign_out(&server, &session)).status, 204);
    let (code, log) = server.stop();
    assert_eq!(code, 0);

    let events: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    let (requests, audit) = (of("request"), of("audit"));
    assert_eq!(requests.len(), 6, "{log}");
    let acts: Vec<(&str, &str)> = audit.iter().map(|e| (e["action"].as_str().unwrap(), e["outcome"].as_str().unwrap())).collect();
    assert_eq!(
        acts,
        [
            ("sign_in", "success"),
            ("sign_in_failed", "wrong_password"),
            ("sign_in_failed", "unknown_login"),
            ("refusal", "not_granted"),
            ("sign_out", "success"),
        ],
        "{log}"
    );
    let ids: BTreeSet<&str> = requests.iter().map(|event| event["request_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 6, "a request id is used twice: {log}");
    for event in &audit {
        assert!(ids.contains(event["request_id"].as_str().unwrap()), "no request of {event}");
        assert!(event["time"].as_str().unwrap().ends_with('Z') && event["client"].is_string(), "{event}");
    }
    // Escaped, not passed on: no character that acts on a terminal or on whoever reads lines.
    assert!(!log.contains(['\u{1b}', '\u{202e}', '\u{2028}', '\u{85}', '\r']), "{log:?}");
    for secret in [session.id.as_str(), &session.token, PASSWORD, "wrong-4711"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn a_server_whose_store_is_gone_is_alive_and_not_ready() {
    let site = Town::default().site(&Upstream::start());
    let server = site.serve();
    assert_eq!((server.operate("/healthz").status, server.operate("/readyz").status), (200, 200));
    for name in ["doorward.db", "doorward.db-wal", "doorward.db-shm"] {
        // Overwritten, as a failing disk or a careless restore would.
        let path = site.path().join(name);
        if let Ok(length) = path.metadata().map(|metadata| metadata.len()) {
            fs::write(&path, vec![0xa5; usize::try_from(length).unwrap()]).unwrap();
        }
    }
    crate::support::eventually("an answer that it is not ready", || (server.operate("/readyz").status == 503).then_some(()));
    assert_eq!(server.operate("/healthz").status, 200);
    assert_eq!(server.metric("doorward_store_up"), Some(0.0));
    let refused = attempt(&server, "203.0.113.1", "jane", PASSWORD, "");
    assert_eq!(refused.status, 503, "not being able to know is no 401: {refused:?}");
    assert!(refused.all("set-cookie").next().is_none(), "{refused:?}");
}

const SOUND: &str = r#"[[directory]]
name = "admins"
kind = "admin"
[[upstream]]
name = "shop"
url = "http://127.0.0.1:9"
[routes]
files = ["routes.toml"]
"#;

#[test]
fn check_says_what_is_unwise_and_what_nothing_closes() {
    let rule = "[[route]]\nmethods = [\"GET\"]\npath = \"/internal\"\nrequire = [\"anonymous\"]\n";
    let outside = "[server]\nlisten = \"0.0.0.0:8080\"\npublic_url = \"http://shop.example.com\"\n";
    let firewall = |lines: &str| format!("[[firewall]]\n{lines}\n");
    let control = |lines: &str| format!("[[access_control]]\npath = '^/internal'\n{lines}\n");
    for (name, config, code, problem) in [
        ("nothing", String::new(), 0, None),
        ("plain HTTP off loopback", outside.to_owned(), 0, Some("in the clear: plain HTTP off loopback")),
        ("ips that nothing closes", control("ips = [\"10.0.0.0/8\"]\nroles = []"), 1, Some("no later rule closes it")),
        (
            "ips that a later rule closes",
            control("ips = [\"10.0.0.0/8\"]\nroles = []") + &control("roles = [\"ROLE_NO_ACCESS\"]"),
            0,
            None,
        ),
        ("a second rule", control("roles = []") + &control("roles = [\"ROLE_ADMIN\"]"), 0, Some("this rule can never match")),
        ("no firewall for all", firewall("name = \"a\"\npath = '^/a'"), 0, Some("some requests match no firewall")),
        (
            "a firewall behind another",
            firewall("name = \"all\"") + &firewall("name = \"late\"\npath = '^/late'"),
            0,
            Some("firewall `late` can never match"),
        ),
        ("weak hashes", "[passwords]\nmemory_kib = 1024\n".to_owned(), 0, Some("easy to guess")),
    ] {
        let site = Site::new(&format!("{config}{SOUND}"));
        site.write("routes.toml", rule);
        let output = site.run(&["check", "--json"], "");
        assert_eq!(output.code, code, "{name}: {output:?}");
        let problems = output.json()["problems"].as_array().unwrap().clone();
        match problem {
            None => assert!(problems.is_empty(), "{name}: {problems:?}"),
            Some(text) => {
                let found = problems.iter().find(|found| found["message"].as_str().unwrap().contains(text));
                let found = found.unwrap_or_else(|| panic!("{name}: no {text:?} in {problems:?}"));
                assert!(found["line"].as_u64().is_some_and(|line| line > 0), "{name}: {found}");
                // For people, with the place.
                let shown = site.run(&["check"], "");
                assert!(shown.err.contains(text) && shown.err.contains("doorward.toml:"), "{name}: {shown:?}");
            }
        }
    }
}

#[test]
fn check_says_which_route_rules_never_match_and_which_nothing_guards() {
    let config = format!(
        "[[firewall]]\nname = \"open\"\npath = '^/guest'\nauthentication = \"none\"\n[[firewall]]\nname = \"main\"\n{SOUND}"
    );
    let site = Site::new(&config);
    let rule = |path: &str| format!("[[route]]\nmethods = [\"GET\"]\npath = \"{path}\"\nrequire = [\"self\"]\n");
    site.write("routes.toml", &(rule("/fine") + &rule("/api/ibexa/v2/user/sessions/current") + &rule("/guest/only")));
    let output = site.run(&["check", "--json"], "");
    assert_eq!(output.code, 0, "{output:?}");
    let json = output.json();
    let found: Vec<(u64, &str)> = json["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["line"].as_u64().unwrap(), problem["message"].as_str().unwrap()))
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].0 == 7 && found[0].1.contains("can never match: Doorward answers"), "{found:?}");
    assert!(found[1].0 == 11 && found[1].1.contains("nobody can pass this rule: firewall `open`"), "{found:?}");
}
