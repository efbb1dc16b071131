//! Traefik, ForwardAuth, in the form in which Traefik 3 asks: it copies the client's headers without those of a connection, and
//! sets `X-Forwarded-*` itself, whatever a client said.

use super::{Place, ask, claims_of_proxies, how_to};
use crate::support::{client::Reply, python};
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// What Traefik asks about this request.
fn question(place: &Place, method: &str, uri: &str, headers: &str) -> Reply {
    let forwarded = format!(
        "Host: doorward.internal\r\nUser-Agent: curl/8.5.0\r\nAccept-Encoding: gzip\r\nX-Forwarded-For: 203.0.113.9\r\n\
         X-Forwarded-Host: shop.test\r\nX-Forwarded-Method: {method}\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Server: 1f2e3d4c5b6a\r\nX-Forwarded-Uri: {uri}\r\nX-Real-Ip: 203.0.113.9\r\n"
    );
    ask(place.server.public, "GET /_doorward/verdict", &format!("{forwarded}{headers}"), "")
}

#[test]
fn traefik_is_answered_by_headers_alone() {
    let place = Place::trusting("127.0.0.1", "traefik");
    let cookie = format!("Cookie: other=1; {}\r\n", place.session.cookie);
    let told = question(&place, "GET", "/closed/a?x=%41", &cookie);
    assert_eq!((told.status, told.header("content-length"), &*told.body), (200, Some("0"), ""), "{told:?}");
    let said = |name: &str| told.header(name);
    assert_eq!((said("doorward-identity"), said("doorward-login")), (Some("admin/1"), Some("jane")));
    assert_eq!(said("cookie"), Some("other=1"));
    let event = place.server.logged("\"face\":\"traefik\"");
    for part in
        ["\"host\":\"shop.test\"", "\"client\":\"203.0.113.9\"", "\"route\":\"/closed/:name\"", "\"identity\":\"admin/1\""]
    {
        assert!(event.contains(part), "{event}");
    }
    for (method, uri, headers, status) in [
        ("GET", "/closed/a", "", 401),
        ("POST", "/closed/a", &*cookie, 401),
        ("GET", "/nowhere", &cookie, 404),
        ("GET", "/open/../closed/a", &cookie, 400),
        ("DELETE", "/api/ibexa/v2/user/sessions/x", &cookie, 401),
    ] {
        let refused = question(&place, method, uri, headers);
        assert_eq!((refused.status, refused.header("content-length")), (status, Some("0")), "{method} {uri} {refused:?}");
        assert_eq!(refused.header("doorward-status"), Some(&*status.to_string()));
        assert_eq!(refused.header("doorward-identity"), None);
    }
    let (_, log) = place.server.stop();
    assert!(log.contains("Doorward answers this path itself"), "{log}");
}

/// It reads the path of a redirect as one of the host that it asked.
#[test]
fn traefik_13737_browsers_are_led_to_the_sign_in_page_of_their_own_host() {
    let place = Place::trusting("127.0.0.1", "traefik");
    let navigation = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n";
    let led = question(&place, "GET", "/page?a=1", navigation);
    assert_eq!(led.header("location"), Some("https://shop.test/login?return=%2Fpage%3Fa%3D1"), "{led:?}");
    assert_eq!(led.status, 303);
    let circle = question(&place, "GET", "/login?return=%2Fpage", navigation);
    assert_eq!((circle.status, circle.header("location")), (403, None), "{circle:?}");
}

/// What Traefik passes on that a client said (traefik PR#12657, PR#12961).
#[test]
fn what_traefik_leaves_of_a_client_is_not_believed() {
    let place = Place::trusting("127.0.0.1", "traefik");
    for header in [
        "Forwarded: for=127.0.0.1;host=evil.test;proto=http\r\n",
        "X-Forwarded-Prefix: /open\r\n",
        "X-Original-Uri: /open\r\n",
        "Doorward-Identity: admin/1\r\nDoorward-Roles: keepers\r\n",
    ] {
        assert_eq!(question(&place, "GET", "/closed/a", header).status, 401, "{header}");
        let told = question(&place, "GET", "/open", header);
        assert_eq!(
            (told.status, told.header("doorward-identity"), told.header("doorward-roles")),
            (200, Some("guest"), Some(""))
        );
    }
    for header in ["X_Forwarded_Uri: /open\r\n", "X_Auth_User: x\r\nDoorward_Login: root\r\n", "X-Forwarded-Uri: /open\r\n"] {
        let refused = question(&place, "GET", "/closed/a", header);
        assert!(matches!(refused.status, 400 | 403), "{header} {refused:?}");
    }
}

/// What a trusted proxy does not take away is believed to be its own.
#[test]
fn the_how_to_has_traefik_take_away_what_clients_may_not_say() {
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
    let mut child =
        Command::new(python::beside("python")).args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(how_to("yaml", "forwardAuth:", &[]).as_bytes()).unwrap();
    let http = serde_json::from_slice::<Value>(&child.wait_with_output().unwrap().stdout).unwrap()["http"].clone();
    let cleared = http["middlewares"]["cleared"]["headers"]["customRequestHeaders"].as_object().unwrap();
    let empty: Vec<String> =
        cleared.iter().filter(|(_, value)| **value == "").map(|(name, _)| name.to_ascii_lowercase()).collect();
    let itself =
        ["x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-forwarded-server", "x-real-ip"];
    for name in claims_of_proxies().into_iter().chain(["ssl_client_s_dn", "ssl_client_s_dn_email", "ssl_client_verify"]) {
        assert!(itself.contains(&name) || empty.iter().any(|gone| gone == name), "{name}");
    }
    assert_eq!(http["routers"]["ours"]["middlewares"], json!(["cleared"]));
    assert_eq!(http["routers"]["shop"]["middlewares"], json!(["cleared", "doorward"]));
    assert_eq!(http["middlewares"]["doorward"]["forwardAuth"]["trustForwardHeader"], false);
}
