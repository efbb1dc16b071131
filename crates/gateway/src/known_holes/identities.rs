//! Who somebody is, said by themselves.

use super::{House, OURS, Sent};
use crate::{
    admit::{Certificates, Network},
    forward_auth::tests::rule,
};
use doorward_core::{
    Policy,
    firewall::{Authentication, Firewall},
};
use doorward_tls::{Form, Map};
use std::sync::Arc;

const MADE_UP: &str = "admin/1-made-up";

fn spoofed(sent: Sent) -> Sent {
    OURS.iter().fold(sent, |sent, name| sent.with(name, MADE_UP))
}

#[tokio::test]
async fn cve_2026_39998_identity_headers_of_a_client_reach_no_service() {
    let house = House::new(|_| {}).await;
    let session = house.place.login().await;
    for (sent, identity, login) in
        [(Sent::get("/open"), "guest", &[][..]), (Sent::get("/open").of(&session), "admin/14", &["admin"][..])]
    {
        for came in house.everywhere(&spoofed(sent)).await {
            assert_eq!(
                (came.told("doorward-identity"), came.told("doorward-login")),
                (vec![identity], login.to_vec()),
                "{came:?}"
            );
            assert!(!came.tells("made-up"), "{came:?}");
        }
    }
}

/// There is nothing to configure about it, and nothing that could be left out.
#[tokio::test]
async fn cve_2026_44087_identity_headers_are_ours_by_default() {
    let house = House::new(|_| {}).await.with(|snapshot| snapshot.network = Network::default());
    let sent = spoofed(Sent::get("/open"));
    for came in [house.socket(&sent).await, house.library("library", super::STRANGER, &sent).await] {
        assert_eq!(came.told("doorward-identity"), ["guest"], "{came:?}");
        assert!(!came.tells("made-up"), "{came:?}");
    }
}

/// What decides asks sessions and tokens, and never what a request says of its sender.
#[tokio::test]
async fn cve_2026_49231_no_decision_hears_of_identities_that_a_client_says() {
    let house = House::new(|policy| policy.access.push(rule("^/closed"))).await;
    let customer = house.place.world.login_customer().await;
    let admin = [
        ("doorward-identity", "admin/14"),
        ("doorward-login", "admin"),
        ("doorward-roles", "ROLE_USER,ROLE_ADMIN,keepers"),
        ("doorward-method", "session"),
        ("x-userinfo", "eyJsb2dpbiI6ImFkbWluIn0="),
        ("x-consumer-username", "admin"),
        ("x-forwarded-user", "admin"),
        ("remote-user", "admin"),
    ];
    for (sent, status) in [(Sent::get("/closed"), 401), (Sent::get("/closed").with("cookie", &customer), 403)] {
        for came in house.everywhere(&sent.all(&admin)).await {
            came.is_denied();
            assert_eq!(came.status, status, "{came:?}");
        }
    }
}

/// Neither the values of a request nor how it is written make a header of their own, on the way to us, to a service or back.
#[tokio::test]
async fn cve_2026_31908_nothing_that_a_client_says_becomes_a_header() {
    let house = House::new(|policy| policy.access.push(rule("^/closed"))).await;
    let injected = "%0d%0aDoorward-Identity:%20admin/14%0d%0aX-Injected:%20yes";
    for path in [format!("/open{injected}"), format!("/open/{injected}/x")] {
        for came in house.everywhere(&Sent::get(&path)).await {
            came.is_refused();
        }
    }
    for came in house.everywhere(&Sent::get(&format!("/open?x={injected}")).with("x-note", injected)).await {
        assert_eq!(came.told("doorward-identity"), ["guest"], "{came:?}");
        assert!(!came.seen().contains_key("x-injected"), "{came:?}");
    }
    for came in house.everywhere(&Sent::get(&format!("/closed?x={injected}")).navigating()).await {
        assert!(came.seen.is_none() && matches!(came.status, 303 | 401), "{came:?}");
        assert!(!came.headers.contains_key("x-injected") && !came.headers.contains_key("doorward-identity"), "{came:?}");
        assert!(came.location().unwrap().ends_with("%250d%250aX-Injected%3A%2520yes"), "{came:?}");
    }
    // Envoy hands values over as they are, and no connection would have carried these.
    house.grpc(&Sent::get("/open").with("x-note", "1\r\ndoorward-identity: admin/14")).await.is_refused();
    house.grpc(&Sent::get("/open\r\ndoorward-identity: admin/14")).await.is_refused();
    for odd in ["X-Note: 1\rDoorward-Identity: admin/14\r\n", "X-Note: 1\r\n Doorward-Identity: admin/14\r\n", "X Note: 1\r\n"] {
        let answer = house.place.raw(&format!("GET /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{odd}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{odd:?} {answer}");
        assert_eq!(house.place.received(), Vec::<String>::new());
    }
}

/// PHP, CGI and their like read one variable of all of these; dots were forgotten where underscores were not.
#[tokio::test]
async fn ghsa_x677_9fxg_v5c5_no_alias_of_an_identity_header_reaches_a_service() {
    let house = House::new(|_| {}).await;
    let session = house.place.login().await;
    for mark in "!#$%&'*+.^_`|~".chars() {
        for name in [format!("doorward{mark}identity"), format!("doorward-request{mark}id"), format!("doorward{mark}roles")] {
            for came in house.everywhere(&Sent::get("/open").of(&session).with(&name, MADE_UP)).await {
                assert!(!came.tells("made-up"), "{name}: {came:?}");
                // Whoever sends a request on itself cannot be told to leave out what it does not know.
                assert!(came.status == 200 || came.proxied, "{name}: {came:?}");
            }
        }
    }
}

#[tokio::test]
async fn traefik_12961_underscores_say_nothing_that_proxies_say_with_dashes() {
    let house = House::new(|policy| policy.access.push(rule("^/closed"))).await;
    for (name, value) in [
        ("x_forwarded_uri", "/open"),
        ("x_forwarded_proto", "https"),
        ("x_forwarded_host", "open.test"),
        ("x_forwarded-for", "10.0.0.1"),
        ("x.forwarded.method", "OPTIONS"),
        ("x_original_url", "https://shop.test/open"),
        ("x_original_method", "OPTIONS"),
        ("x_real_ip", "10.0.0.1"),
        ("x_csrf_token", "x"),
    ] {
        for came in house.everywhere(&Sent::get("/closed").with(name, value)).await {
            came.is_refused();
        }
        for came in house.everywhere(&Sent::get("/open").with(name, value)).await {
            assert!(came.seen.is_none() || !came.seen().contains_key(name), "{came:?}");
        }
    }
}

/// A proxy that adds its own line to the client's, under a name that everybody knows.
#[tokio::test]
async fn keycloak_17059_a_certificate_that_a_client_says_too_is_nobodys() {
    let certificates = |policy: &mut Policy| {
        let firewall = Firewall { authentication: Authentication::Certificate, ..(*policy.firewalls[0]).clone() };
        policy.firewalls = vec![Arc::new(firewall)];
    };
    let form = |form| Certificates { map: Map::Cn, asked: true, form };
    let said = |name: &str| Sent::get("/open").with(name, "CN=admin").with("x-ssl-client-verify", "SUCCESS");
    let name = "x-ssl-client-s-dn";

    let house = House::new(certificates).await.with(|snapshot| snapshot.network.certificates = form(Some(Form::Subject)));
    for came in house.everywhere(&said(name)).await {
        match came.proxied {
            true => assert_eq!(came.told("doorward-identity"), ["admin/14"], "the proxy set it: {came:?}"),
            false => assert_eq!(came.told("doorward-identity"), ["guest"], "{came:?}"),
        }
    }
    for other in ["CN=admin", "CN=editor", "", "(null)"] {
        for came in house.everywhere(&said(name).with(name, other)).await.iter().filter(|came| came.proxied) {
            came.is_refused();
        }
    }
    for alias in ["x_ssl_client_s_dn", "ssl_client_s_dn", "client-cert", "x-forwarded-client-cert"] {
        for came in house.everywhere(&said(alias)).await {
            assert!(came.seen.is_none() || came.told("doorward-identity") == ["guest"], "{alias}: {came:?}");
        }
    }
    // Where no header is named, none is one, whoever says it.
    let house = house.with(|snapshot| snapshot.network.certificates = form(None));
    for came in house.everywhere(&said(name)).await {
        assert!(came.seen.is_none() || came.told("doorward-identity") == ["guest"], "{came:?}");
    }
}
