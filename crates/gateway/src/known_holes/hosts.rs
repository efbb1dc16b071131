//! Which host a request is for.

use super::{House, Sent};
use crate::forward_auth::tests::rule;
use doorward_core::{Policy, access::AccessRule};
use regex::RegexBuilder;
use std::sync::Arc;

/// All of one host is for admins.
fn admins(policy: &mut Policy) {
    let host = RegexBuilder::new(r"^admin\.test$").case_insensitive(true).build().ok();
    policy.access.push(Arc::new(AccessRule { host, ..(*rule("^/")).clone() }));
}

/// What chooses the rule is what the request goes to.
#[tokio::test]
async fn cve_2023_33189_a_host_has_one_reading_or_none() {
    let house = House::new(admins).await;
    for host in ["admin.test", "ADMIN.test", "Admin.TEST.", "admin.test:8443", "admin.test.:443"] {
        for came in house.everywhere(&Sent::new(&format!("GET https://{host}/orders"))).await {
            came.is_denied();
        }
    }
    for host in
        ["open.test@admin.test", "admin.test,open.test", "admin.test..", "admin%2etest", "admin.test:8443:80", "[admin.test]"]
    {
        for came in house.everywhere(&Sent::new(&format!("GET https://{host}/orders"))).await {
            came.is_refused();
        }
    }
    for said in [("x-forwarded-host", "open.test"), ("x-host", "open.test"), ("x-original-host", "open.test")] {
        for came in house.everywhere(&Sent::new("GET https://admin.test/orders").all(&[said])).await {
            came.is_denied();
        }
    }
    // Two hosts, by two lines or by target and line.
    for head in [
        "GET /orders HTTP/1.1\r\nHost: open.test\r\nHost: admin.test\r\n",
        "GET http://admin.test/orders HTTP/1.1\r\nHost: open.test\r\n",
        "GET http://open.test/orders HTTP/1.1\r\nHost: admin.test\r\n",
    ] {
        let answer = house.place.raw(&format!("{head}Connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400") && house.place.received().is_empty(), "{head}{answer}");
    }
    house.grpc(&Sent::new("GET https://open.test/orders").with("host", "admin.test")).await.is_refused();
}

/// Every redirect is a path of the host that a request was sent to.
#[tokio::test]
async fn cve_2023_49097_no_host_that_a_client_says_is_in_an_answer() {
    let house = House::new(|policy| policy.access.push(rule("^/closed"))).await;
    for name in
        ["x-forwarded-host", "x-forwarded-server", "x-host", "forwarded", "x-original-host", "x-forwarded-port", "referer"]
    {
        let value = if name == "forwarded" { "host=evil.test" } else { "https://evil.test" };
        for came in house.everywhere(&Sent::get("/closed?a=1").navigating().with(name, value)).await {
            assert!(came.seen.is_none() && came.status != 200, "{came:?}");
            let said = format!("{:?}", came.headers);
            assert!(!said.contains("evil"), "{said}");
        }
    }
    // Nor where the client's own line says it: such a host is not served.
    let house = House::new(|policy| policy.hosts = Some(vec!["shop.test".into()])).await;
    for came in house.everywhere(&Sent::new("GET https://evil.test/closed").navigating()).await {
        came.is_refused();
        assert!(came.location().is_none(), "{came:?}");
    }
}
