//! Rules, reasons and the way through: what callers get, what the upstream receives, and what is written down.

mod access_control;
mod basic;
mod basic_clients;
mod client_address;
mod client_http2;
mod exchange;
mod explain_agrees;
mod faces;
mod firewalls;
mod magento_oracle;
mod magento_rules;
mod matrix;
mod monolith;
mod parameters;
mod policy_swap;
pub(crate) mod raw;
mod refusal_reasons;
pub(crate) mod revocation;
mod streams;
mod upstream;
mod upstream_trouble;

use crate::support::{
    Server, Site,
    client::{Connection, Reply},
};
use serde_json::Value;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// What every server here begins with: free ports, a log that tests can read, passwords that cost little.
const BASE: &str = r#"
[operations]
listen = "127.0.0.1:0"
[log]
format = "json"
[passwords]
memory_kib = 1024
iterations = 1
[[directory]]
name = "customers"
kind = "customer"
[[directory]]
name = "admins"
kind = "admin"
"#;

/// A password that nobody warns of.
pub(crate) use basic::pair;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A configuration of `[server]` with a free port, [`BASE`], and what a test adds.
pub(crate) fn config(server: &str, rest: &str) -> String {
    format!("[server]\nlisten = \"127.0.0.1:0\"\n{server}\n{BASE}\n{rest}")
}

/// A place with this configuration and these route rules.
fn site(server: &str, rest: &str, routes: &str) -> Site {
    let site = Site::new(&config(server, rest));
    site.write("routes.toml", routes);
    site
}

/// Tables for one upstream at `address` and the rules of `routes.toml`.
fn to_upstream(address: SocketAddr) -> String {
    format!("[routes]\nfiles = [\"routes.toml\"]\n[[upstream]]\nname = \"shop\"\nurl = \"http://{address}\"\n")
}

/// A session, as its owner holds it.
pub(crate) struct SignedIn {
    /// `Cookie` line with its end.
    pub(crate) cookie: String,
    /// `X-CSRF-Token` line with its end.
    pub(crate) token: String,
    /// The session's id.
    pub(crate) id: String,
}

impl SignedIn {
    /// Signs in over REST.
    pub(crate) fn new(server: &Server, login: &str) -> Self {
        let input = serde_json::json!({ "SessionInput": { "login": login, "password": PASSWORD } }).to_string();
        let headers = "Content-Type: application/vnd.ibexa.api.SessionInput+json\r\n\
                       Accept: application/vnd.ibexa.api.Session+json\r\n";
        let reply = server.send("POST", "/api/ibexa/v2/user/sessions", headers, &input);
        assert_eq!(reply.status, 201, "{login}: {reply:?}");
        let session = &reply.json()["Session"];
        Self {
            cookie: format!("Cookie: {}\r\n", reply.cookie("").unwrap()),
            token: format!("X-CSRF-Token: {}\r\n", session["csrfToken"].as_str().unwrap()),
            id: session["identifier"].as_str().unwrap().to_owned(),
        }
    }
}

/// A request on a connection that stays; without a body.
fn ask(connection: &mut Connection, method: &str, path: &str, headers: &str) -> Reply {
    let length = if matches!(method, "POST" | "PUT" | "PATCH") { "Content-Length: 0\r\n" } else { "" };
    connection.send(&format!("{method} {path} HTTP/1.1\r\nHost: shop.test\r\n{length}{headers}\r\n"));
    connection.reply()
}

/// The `request` event of this reason and, where given, more of the line; it may take a moment to be written.
fn event(server: &Server, has: &[(&str, &str)]) -> Value {
    crate::support::eventually(&format!("an event with {has:?}"), || {
        events(server).into_iter().find(|event| has.iter().all(|(name, value)| event[*name] == *value))
    })
}

/// All `request` events so far.
fn events(server: &Server) -> Vec<Value> {
    let log = server.log();
    let all = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|event| event["event"] == "request").collect()
}

/// The event of the request that this answer belongs to, known by the id that the upstream was told.
fn event_of(server: &Server, request_id: &str) -> Value {
    event(server, &[("request_id", request_id)])
}

/// Magento's own files. They are no part of this project.
pub(crate) fn magento_data() -> PathBuf {
    shared_file("data/magento")
}

/// A file or folder of what is no part of this project.
pub(crate) fn shared_file(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut places: Vec<PathBuf> = std::env::var_os("DOORWARD_SHARED").map(PathBuf::from).into_iter().collect();
    places.extend(["../../../shared", "../../../../shared"].iter().map(|up| root.join(up)));
    let found = places.iter().map(|place| place.join(name)).find(|place| place.exists());
    let found = found.unwrap_or_else(|| panic!("set DOORWARD_SHARED to the folder that holds {name}; looked in {places:?}"));
    found.canonicalize().unwrap()
}
