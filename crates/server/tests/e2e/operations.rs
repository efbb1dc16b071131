//! The operations listener.

use crate::support::{Site, upstream::Upstream};

#[test]
fn it_shows_health_readiness_metrics_and_keys_and_nothing_else() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    let server = site.serve();
    assert_eq!((server.operate("/healthz").status, server.operate("/readyz").status), (200, 200));
    let keys = server.operate("/assertion-keys");
    assert_eq!(keys.status, 200);
    assert_eq!(keys.json()["keys"][0]["crv"], "Ed25519", "{keys:?}");
    assert!(keys.json()["keys"][0].get("d").is_none(), "a private key is shown");
    for path in ["/", "/login", "/metrics/", "/user/sessions/current", "/debug"] {
        assert_eq!(server.operate(path).status, 404, "{path}");
    }
    let (code, log) = server.stop();
    assert_eq!(code, 0, "{log}");
}

#[test]
fn metrics_count_what_happens() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    site.user("customers/admin", "correct horse", &[]);
    let server = site.serve();
    assert_eq!(server.metric("doorward_sessions"), Some(0.0));
    assert_eq!(server.metric("doorward_store_up"), Some(1.0));
    assert_eq!(server.get("/open", "").status, 200);
    assert_eq!(server.get("/closed", "").status, 401);
    let session = server.sign_in("admin", "correct horse");
    assert_eq!(server.get("/closed", &format!("Cookie: {}\r\n", session.cookie)).status, 200);
    let wrong = server.try_sign_in("admin", "wrong");
    assert_eq!(wrong.status, 401);
    let decisions = |outcome: &str, reason: &str| {
        let series = format!(
            "doorward_decisions_total{{firewall=\"default\",method=\"session\",http_method=\"GET\",outcome=\"{outcome}\",reason=\"{reason}\"}}"
        );
        server.metric(&series)
    };
    assert_eq!(decisions("permit", "-"), Some(2.0));
    assert_eq!(decisions("refusal", "not_granted"), Some(1.0));
    assert_eq!(server.metric("doorward_sessions"), Some(1.0));
    assert_eq!(server.metric("doorward_sign_ins_total{directory=\"customers\",outcome=\"success\"}"), Some(1.0));
    assert_eq!(server.metric("doorward_upstream_exchanges_total{upstream=\"test\",outcome=\"answered\"}"), Some(2.0));
    assert_eq!(
        server.metric("doorward_request_duration_seconds_count{firewall=\"default\",outcome=\"permit\"}").map(|n| n >= 2.0),
        Some(true)
    );
}

#[test]
fn what_the_parser_refuses_is_counted_and_logged() {
    let upstream = Upstream::start();
    let server = Site::basic(&upstream).serve();
    let reply = server.exchange("GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n");
    assert_eq!(reply.status, 400, "{reply:?}");
    server.logged("parser_refusal");
    assert_eq!(server.metric("doorward_parser_refusals_total"), Some(1.0));
    assert!(upstream.received().is_empty());
}
