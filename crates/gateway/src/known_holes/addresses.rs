//! Where a request comes from, said by itself; and health checks, which come from nowhere in particular.

use super::{House, Sent};
use crate::forward_auth::tests::rule;
use doorward_core::{Policy, access::AccessRule};
use std::sync::Arc;

/// `/internal` is for one network within that of the proxies, and closed to all others.
fn internal(policy: &mut Policy) {
    let inside = AccessRule { ips: vec!["10.1.0.0/16".parse().unwrap()], roles: Vec::new(), ..(*rule("^/internal")).clone() };
    policy.access.extend([Arc::new(inside), rule("^/internal")]);
}

const INSIDE: &str = "10.1.2.3";

#[tokio::test]
async fn cve_2024_21494_an_address_that_a_client_says_opens_nothing() {
    let house = House::new(internal).await;
    for said in [INSIDE, "10.1.2.3, 10.1.2.3", "::ffff:10.1.2.3"] {
        for came in house.everywhere(&Sent::get("/internal").with("x-forwarded-for", said)).await {
            came.is_denied();
        }
    }
    // The same of a client that is there, as the proxy says.
    for came in house.everywhere(&Sent::get("/internal").from(INSIDE)).await {
        assert_eq!(came.seen.is_some(), came.proxied, "{came:?}");
    }
}

#[tokio::test]
async fn cve_2023_36456_no_other_header_is_a_source_of_addresses() {
    let house = House::new(internal).await;
    for name in [
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "x-client-ip",
        "client-ip",
        "x-cluster-client-ip",
        "x-original-forwarded-for",
        "forwarded-for",
        "x-forwarded",
        "x-envoy-external-address",
    ] {
        for came in house.everywhere(&Sent::get("/internal").with(name, INSIDE)).await {
            came.is_denied();
        }
    }
}

#[tokio::test]
async fn cve_2024_47070_an_address_that_cannot_be_read_is_a_refusal() {
    let house = House::new(internal).await;
    for said in ["", "unknown", "10.1.2", "10.1.2.3.4", "_hidden", "10.1.2.3, x"] {
        for path in ["/open", "/internal"] {
            for came in house.everywhere(&Sent::get(path).from(said)).await.iter().filter(|came| came.proxied) {
                came.is_refused();
            }
        }
    }
}

#[tokio::test]
async fn traefik_12657_forwarded_is_not_believed() {
    let house = House::new(|policy| {
        internal(policy);
        policy.access.push(Arc::new(AccessRule { host: regex::Regex::new("^shop").ok(), ..(*rule("^/closed")).clone() }));
    })
    .await;
    for said in ["for=10.1.2.3;host=open.test;proto=https", "for=\"10.1.2.3\"", "host=open.test", "for=_x;host=\"open.test\""] {
        for path in ["/internal", "/closed"] {
            for came in house.everywhere(&Sent::get(path).with("forwarded", said)).await {
                came.is_denied();
            }
        }
    }
}

/// Nothing skips a decision: not the names by which load balancers ask, and not the paths.
#[tokio::test]
async fn ghsa_5hvv_m4w4_gf6v_no_health_check_is_believed_by_its_name() {
    let house = House::new(|policy| policy.access.push(rule("^/"))).await;
    for agent in
        ["GoogleHC/1.0", "GoogleStackdriverMonitoring-UptimeChecks", "kube-probe/1.31", "ELB-HealthChecker/2.0", "Envoy/HC"]
    {
        for path in ["/", "/closed", "/ping", "/health", "/healthz", "/readyz", "/metrics"] {
            for came in house.everywhere(&Sent::get(path).with("user-agent", agent).with("x-health-check", "1")).await {
                came.is_denied();
            }
        }
    }
}
