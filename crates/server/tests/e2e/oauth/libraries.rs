//! Libraries of other authors get tokens and believe them.

use super::{
    device::decide,
    people::{PASSWORD, Play, REDIRECT},
};
use crate::support::python::{browse, in_rust, run_by_node, screenshots};
use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

#[test]
fn authlib_and_requests_oauthlib_get_tokens_for_a_person() {
    for algorithm in ["EdDSA", "RS256"] {
        let play = Play::set(&format!("algorithm = \"{algorithm}\"\n"));
        browse("oauth_person.py", &play.server, &[&*play.secret, "jane", PASSWORD], 14);
    }
}

#[test]
fn a_person_allows_an_application_and_a_device_in_a_browser() {
    let play = Play::new();
    super::add(&play.site, "tv", &["--public", "--name", "The Telly", "--grant", "device_code", "--scope", "orders"]);
    let shots = screenshots();
    browse("browser_oauth.py", &play.server, &["jane".as_ref(), PASSWORD.as_ref(), shots.as_os_str()], 20);
}

#[test]
fn openid_client_and_oauth4webapi_get_tokens_for_a_person() {
    let play = Play::new();
    let grants = ["--grant", "authorization_code", "--grant", "refresh_token", "--grant", "device_code"];
    play.site.ok(&[&["client", "update", "shop"], &grants[..]].concat(), "");
    super::add(&play.site, "app", &["--public", "--redirect-uri", REDIRECT, "--scope", "openid", "--scope", "orders"]);
    run_by_node("oauth_client.mjs", &play.server, &[&*play.secret, "jane", PASSWORD], 14);
}

#[test]
fn the_crate_openidconnect_gets_tokens_for_a_person_and_a_device() {
    let play = Play::new();
    // The crate asks for `openid` by itself.
    let scopes = ["--scope", "orders", "--scope", "openid"];
    super::add(&play.site, "tv", &[&["--public", "--name", "The Telly", "--grant", "device_code"][..], &scopes].concat());
    let jane = play.jane();
    let mut client = in_rust("openidconnect-client")
        .args([format!("http://{}", play.server.public), play.secret.clone()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(client.stdout.take().unwrap()).lines().map(Result::unwrap) {
        if let Some(url) = line.strip_prefix("visit ") {
            let query = url.split_once("/authorize?").unwrap().1;
            let reply = play.decide(query, &jane, "allow");
            writeln!(input, "{}", reply.header("location").unwrap_or_else(|| panic!("{reply:?}"))).unwrap();
        } else if let Some(code) = line.strip_prefix("type ") {
            assert_eq!(decide(&play, &jane, code, "allow").status, 200);
            writeln!(input, "done").unwrap();
        } else {
            said.push(line);
        }
    }
    let output = client.wait_with_output().unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said:#?}{why}\n{}", play.server.log());
    assert!(said.len() >= 15 && said.iter().all(|line| line.starts_with("ok: ")), "{said:#?}");
}
