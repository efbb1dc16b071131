//! What a token says, to whom, and how it ends.

use super::{add, pair, post, refused, site, token};
use crate::support::python;
use serde_json::json;
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

#[test]
fn a_service_learns_of_tokens_for_it_until_somebody_ends_them() {
    let site = site("");
    let report = add(&site, "report", &[]);
    let other = add(&site, "other", &[]);
    let orders = add(&site, "orders", &["--resource", "https://orders.example.com"]);
    add(&site, "app", &["--public", "--redirect-uri", "http://127.0.0.1/back"]);
    let server = site.serve();
    let body = "grant_type=client_credentials&resource=https://orders.example.com";
    let reply = post(&server, "/token", &pair("report", &report), body);
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    let ask = |id: &str, secret: &str| post(&server, "/introspect", &pair(id, secret), &format!("token={token}"));
    let said = ask("orders", &orders);
    assert_eq!((said.status, said.header("cache-control")), (200, Some("no-store")), "{said:?}");
    assert_eq!((&said.json()["active"], &said.json()["client_id"]), (&true.into(), &"report".into()));
    assert_eq!(ask("report", &report).json()["active"], true);
    assert_eq!(ask("other", &other).json(), json!({ "active": false }), "it is neither its own nor for it");
    refused(&ask("other", "wrong"), 401, "invalid_client");
    refused(&post(&server, "/introspect", "", &format!("token={token}&client_id=app")), 401, "invalid_client");
    refused(&post(&server, "/introspect", &pair("report", &report), ""), 400, "invalid_request");
    // RFC 7009 2.1: only its own client ends it.
    let end = |id: &str, secret: &str| post(&server, "/revoke", &pair(id, secret), &format!("token={token}"));
    refused(&end("other", &other), 400, "unauthorized_client");
    assert_eq!(ask("orders", &orders).json()["active"], true);
    assert_eq!(end("report", &report).status, 200);
    assert_eq!(ask("orders", &orders).json(), json!({ "active": false }));
    assert_eq!(end("report", &report).status, 200, "once more is no error");
    let nothing = post(&server, "/revoke", &pair("report", &report), "token=nothing&token_type_hint=refresh_token");
    assert_eq!((nothing.status, &*nothing.body), (200, ""));
    assert!(server.logged("action=tokens_revoked").contains("identity=client/report"));
    assert!(!server.log().contains(&token), "a token is never logged");
}

#[test]
fn cve_2020_15223_a_revocation_that_was_not_stored_is_no_success() {
    let site = site("");
    let report = add(&site, "report", &[]);
    let server = site.serve();
    let token = token(&server, "report", &report);
    let said = |path: &str| post(&server, path, &pair("report", &report), &format!("token={token}"));
    // Somebody else writes for longer than the store waits.
    let mut holder = python::command("hold_store.py");
    holder.arg(site.path().join("doorward.db")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let mut held = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut held).unwrap();
    assert_eq!(held, "held\n");
    let refused = said("/revoke");
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(said("/introspect").json()["active"], true, "nothing was stored");
    assert_eq!(said("/revoke").status, 200);
    assert_eq!(said("/introspect").json()["active"], false);
}

#[test]
fn deleting_or_disabling_a_client_ends_its_tokens_for_good() {
    let site = site("");
    let report = add(&site, "report", &[]);
    let orders = add(&site, "orders", &["--resource", "https://orders.example.com"]);
    let server = site.serve();
    let issue = || {
        let body = "grant_type=client_credentials&resource=https://orders.example.com";
        let reply = post(&server, "/token", &pair("report", &report), body);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["access_token"].as_str().unwrap().to_owned()
    };
    let active =
        |token: &str| post(&server, "/introspect", &pair("orders", &orders), &format!("token={token}")).json()["active"].clone();
    let first = issue();
    assert_eq!(active(&first), true);
    site.ok(&["client", "update", "report", "--disable"], "");
    assert_eq!(active(&first), false);
    site.ok(&["client", "update", "report", "--enable"], "");
    assert_eq!(active(&first), false, "what it had does not come back");
    let second = issue();
    assert_eq!(active(&second), true);
    site.ok(&["client", "delete", "report"], "");
    assert_eq!(active(&second), false);
    // Another client of the same name is another one.
    add(&site, "report", &[]);
    assert_eq!((active(&first), active(&second)), (false.into(), false.into()));
}

#[test]
fn metadata_name_what_is_there() {
    let site = site("");
    let secret = add(&site, "report", &[]);
    let server = site.serve();
    let issuer = format!("http://{}", server.public);
    let reply = server.get("/.well-known/oauth-authorization-server", "");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{reply:?}");
    let said = reply.json();
    assert_eq!(server.get("/.well-known/openid-configuration", "").json(), said);
    assert_eq!(said["issuer"], issuer);
    for (name, url) in said.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri") {
        let path = url.as_str().unwrap().strip_prefix(&issuer).unwrap_or_else(|| panic!("{name} {url}"));
        assert_ne!(server.get(path, "").status, 404, "{name} is at {path}");
    }
    for grant in ["password", "implicit", "none"] {
        assert!(!said["grant_types_supported"].to_string().contains(grant), "{said}");
    }
    assert_eq!(said["response_types_supported"], json!(["code"]));
    assert_eq!(said["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(said["id_token_signing_alg_values_supported"], json!(["EdDSA"]));
    assert_eq!(server.send("POST", "/.well-known/openid-configuration", "", "").status, 405);
    token(&server, "report", &secret);
}
