//! Libraries of other authors get tokens and believe them.

use super::people::{PASSWORD, Play, REDIRECT};
use crate::support::python::{browse, run_by_node, screenshots};

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
