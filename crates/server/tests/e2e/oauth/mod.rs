//! The authorization server, as clients see it.

mod certificates;
mod clients;
mod code;
mod device;
mod discovery;
pub(crate) mod dpop;
mod independent;
mod introspection;
mod libraries;
mod oidc;
mod people;
mod pushed;
mod registration;
pub(crate) mod resource;
mod token;

use crate::support::{Server, Site, client::Reply};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

/// A session firewall for everything, people who may sign in, and clients that may ask for `default` and `orders`.
const CONFIG: &str = r#"[server]
listen = "127.0.0.1:0"
[operations]
listen = "127.0.0.1:0"
[[directory]]
name = "admins"
kind = "admin"
[[directory]]
name = "customers"
kind = "customer"
[oauth]
resources = ["https://orders.example.com"]
[oauth.scopes]
default = "Use this service for you"
orders = "See your orders"
"#;

/// A configuration with further lines behind it.
fn site(more: &str) -> Site {
    Site::new(&format!("{CONFIG}{more}"))
}

/// Adds a client and returns the secret that was made for it.
fn add(site: &Site, id: &str, arguments: &[&str]) -> String {
    let mut all = vec!["client", "add", id, "--json"];
    all.extend(arguments);
    site.ok(&all, "").json()["secret"].as_str().unwrap_or_default().to_owned()
}

/// A request in a form, with these header lines.
fn post(server: &Server, path: &str, headers: &str, body: &str) -> Reply {
    let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{headers}");
    server.send("POST", path, &headers, body)
}

/// `Authorization: Basic` with its line's end.
fn pair(id: &str, secret: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{id}:{secret}")))
}

/// Header (0) or claims (1) of a token, unverified.
fn part(token: &str, at: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
}

/// An access token of a client for itself.
fn token(server: &Server, id: &str, secret: &str) -> String {
    let reply = post(server, "/token", &pair(id, secret), "grant_type=client_credentials");
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

/// That a reply is this error of RFC 6749 5.2.
#[track_caller]
fn refused(reply: &Reply, status: u16, error: &str) {
    assert_eq!((reply.status, &reply.json()["error"]), (status, &error.into()), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("www-authenticate").is_some(), status == 401, "{reply:?}");
}
