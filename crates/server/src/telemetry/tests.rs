//! What is written and counted for events.

use super::{writer::tests::Memory, *};
use doorward_core::Time;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Time {
        Time(1_732_276_800_000)
    }
}

fn telemetry(format: Format, requests: Requests) -> (Arc<Telemetry>, Memory) {
    let memory = Memory::default();
    (Telemetry::to(memory.clone(), format, requests, Arc::new(Noon)).unwrap(), memory)
}

fn request<'a>(outcome: &'a str, reason: &'a str) -> RequestEvent<'a> {
    RequestEvent {
        request_id: "0123456789abcdef0123456789abcdef",
        policy: "00ff00ff00ff00ff",
        method: "GET",
        host: "shop.example.com",
        site: "-",
        route: "/orders/:id",
        client: Some(IpAddr::from([192, 0, 2, 7])),
        firewall: "main",
        authentication: "session",
        identity: "admin/1",
        outcome,
        reason,
        detail: "",
        upstream: "-",
        face: "-",
        report_id: "-",
        status: 200,
        duration: Duration::from_micros(700),
    }
}

fn sign_in<'a>(event: &'a str, outcome: &'a str, login: &'a str) -> AuditEvent<'a> {
    AuditEvent {
        event,
        outcome,
        request_id: "0123456789abcdef0123456789abcdef",
        directory: "admins",
        identity: "-",
        login,
        client: None,
        method: "session pwd",
        detail: "",
    }
}

#[test]
fn the_setting_says_which_requests_are_logged_and_audit_events_always_are() {
    for (requests, expected) in [(Requests::All, 3), (Requests::Refused, 2), (Requests::Off, 1)] {
        let (telemetry, memory) = telemetry(Format::Json, requests);
        telemetry.request(&request("permit", "-"));
        telemetry.request(&request("refusal", "csrf"));
        telemetry.audit(&sign_in("sign_in", "success", "admin"));
        telemetry.flush();
        assert_eq!(memory.text().lines().count(), expected, "{requests:?}");
    }
}

#[test]
fn the_setting_can_change_while_the_server_runs() {
    let (telemetry, memory) = telemetry(Format::Human, Requests::Off);
    telemetry.set_requests(Requests::All);
    telemetry.request(&request("permit", "-"));
    telemetry.flush();
    assert!(memory.text().contains("route=/orders/:id status=200 outcome=permit identity=admin/1"), "{}", memory.text());
}

#[test]
fn a_login_cannot_forge_a_line() {
    for format in [Format::Human, Format::Json] {
        let (telemetry, memory) = telemetry(format, Requests::All);
        telemetry.audit(&sign_in("sign_in_failed", "wrong_password", "x\n2026 audit action=sign_in outcome=success \u{1b}[2J"));
        telemetry.flush();
        let text = memory.text();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

#[test]
fn metrics_count_decisions_by_firewall_method_outcome_and_reason() {
    let (telemetry, _) = telemetry(Format::Human, Requests::Off);
    for _ in 0..3 {
        telemetry.request(&request("permit", "-"));
    }
    telemetry.request(&RequestEvent { method: "BREW", ..request("refusal", "csrf") });
    telemetry.audit(&sign_in("sign_in", "success", "admin"));
    telemetry.upstream("shop", UpstreamOutcome::TimedOut, Duration::from_secs(3));
    telemetry.connection(true);
    telemetry.parser_refusal(IpAddr::from([127, 0, 0, 1]), "invalid header");
    telemetry.reload_failed("unsound");
    telemetry.reloaded("1111111111111111");
    let sample = Sample {
        sessions: 5,
        tokens: 6,
        pairs: 12,
        throttled: 7,
        hashes_queued: 2,
        hashes_running: 1,
        hashes_done: 8,
        hashes_refused: 9,
        hashes_failed: 10,
        hashes_peak: 11,
        hash_memory: 1024,
        hash_time: Duration::from_millis(250),
        store_up: true,
        log_drops: 4,
        introspections: vec![doorward_auth::IntrospectionCounts {
            issuer: "idp".into(),
            active: 4,
            inactive: 5,
            failed: 6,
            crowded: 7,
        }],
        issuers: vec![issuer("https://a.example.com", Some(Time(1_000))), issuer("https://b.example.com", None)],
        now: Time(3_500),
    };
    let text = telemetry.metrics().text(sample).unwrap();
    for line in [
        "doorward_decisions_total{firewall=\"main\",method=\"session\",http_method=\"GET\",outcome=\"permit\",reason=\"-\"} 3",
        "doorward_decisions_total{firewall=\"main\",method=\"session\",http_method=\"other\",outcome=\"refusal\",reason=\"csrf\"} 1",
        "doorward_request_duration_seconds_count{firewall=\"main\",outcome=\"permit\"} 3",
        "doorward_sign_ins_total{directory=\"admins\",outcome=\"success\"} 1",
        "doorward_upstream_exchanges_total{upstream=\"shop\",outcome=\"timed_out\"} 1",
        "doorward_connections 1",
        "doorward_sessions 5",
        "doorward_tokens 6",
        "doorward_basic_pairs 12",
        "doorward_throttle_entries 7",
        "doorward_password_hashes_total 8",
        "doorward_password_hashes_refused_total 9",
        "doorward_password_hashes_failed_total 10",
        "doorward_password_hashes_peak 11",
        "doorward_password_hash_memory_bytes 1024",
        "doorward_password_hash_typical_seconds 0.25",
        "doorward_password_hashes_queued 2",
        "doorward_password_hashes_running 1",
        "doorward_store_up 1",
        "doorward_log_drops_total 4",
        "doorward_parser_refusals_total 1",
        "doorward_reloads_total{result=\"failure\"} 1",
        "doorward_reloads_total{result=\"success\"} 1",
        "doorward_last_reload_failed 0",
        "doorward_issuer_fetches_total{issuer=\"https://a.example.com\",outcome=\"ok\"} 2",
        "doorward_issuer_fetches_total{issuer=\"https://b.example.com\",outcome=\"failed\"} 3",
        "doorward_issuer_keys_age_seconds{issuer=\"https://a.example.com\"} 2.5",
        "doorward_introspections_total{issuer=\"idp\",outcome=\"inactive\"} 5",
        "doorward_introspections_total{issuer=\"idp\",outcome=\"crowded\"} 7",
        "doorward_policy{hash=\"1111111111111111\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("issuer_keys_age_seconds{issuer=\"https://b"), "it has none yet");
}

fn issuer(name: &str, fetched: Option<Time>) -> doorward_auth::IssuerKeys {
    doorward_auth::IssuerKeys { issuer: name.into(), fetched, fetches: 2, failures: 3 }
}

#[test]
fn only_the_policy_that_decides_is_named() {
    let (telemetry, _) = telemetry(Format::Human, Requests::Off);
    telemetry.policy("aaaa");
    telemetry.reloaded("bbbb");
    let text = telemetry.metrics().text(Sample::default()).unwrap();
    assert!(text.contains("hash=\"bbbb\"") && !text.contains("hash=\"aaaa\""), "{text}");
}
