//! People who sign in from many addresses, for the tests of sign-in, accounts and sessions.

use crate::support::{Server, Session, Site, client::Reply, upstream::Upstream};

/// Where sessions are started.
pub(crate) const SESSIONS: &str = "/api/ibexa/v2/user/sessions";

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

const CONFIG: &str = r#"[server]
listen = "127.0.0.1:0"
trusted_proxies = ["127.0.0.1/32"]
client_address = "x-forwarded-for"
[operations]
listen = "127.0.0.1:0"
[log]
format = "json"
[[directory]]
name = "admins"
kind = "admin"
{admins}
[[directory]]
name = "customers"
kind = "customer"
{customers}
[passwords]
{passwords}
[routes]
files = ["routes.toml"]
[[upstream]]
name = "test"
url = "{upstream}"
{more}
"#;

const ROUTES: &str = r#"[[route]]
methods = ["GET", "POST"]
path = "/open"
require = ["anonymous"]
[[route]]
methods = ["GET", "POST"]
path = "/closed"
require = ["self"]
[[route]]
methods = ["GET"]
path = "/orders"
require = ["Example_Sales::orders"]
[[resource]]
id = "Example_Sales::orders"
title = "Orders"
"#;

/// What differs from test to test; each is TOML, and may be empty.
#[derive(Clone, Copy, Default)]
pub(crate) struct Town<'a> {
    pub(crate) admins: &'a str,
    pub(crate) customers: &'a str,
    /// Cheap hashes unless something is said.
    pub(crate) passwords: &'a str,
    /// Further tables.
    pub(crate) more: &'a str,
}

impl Town<'_> {
    /// A place with `admins/admin` and `customers/jane`, who believe in proxies on this machine.
    pub(crate) fn site(self, upstream: &Upstream) -> Site {
        let passwords = if self.passwords.is_empty() { "memory_kib = 1024\niterations = 1" } else { self.passwords };
        let config = CONFIG
            .replace("{admins}", self.admins)
            .replace("{customers}", self.customers)
            .replace("{passwords}", passwords)
            .replace("{upstream}", &upstream.url())
            .replace("{more}", self.more);
        let site = Site::new(&config);
        site.write("routes.toml", ROUTES);
        site.user("admins/admin", PASSWORD, &[]);
        site.user("customers/jane", PASSWORD, &[]);
        site
    }
}

/// Tries to sign in from `address`, with further header lines.
pub(crate) fn attempt(server: &Server, address: &str, login: &str, password: &str, headers: &str) -> Reply {
    server.exchange(&sign_in(server, address, login, password, &format!("Connection: close\r\n{headers}")))
}

/// The request of an attempt.
pub(crate) fn sign_in(server: &Server, address: &str, login: &str, password: &str, headers: &str) -> String {
    let body = serde_json::json!({ "SessionInput": { "login": login, "password": password } }).to_string();
    format!(
        "POST {SESSIONS} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\
         Content-Type: application/vnd.ibexa.api.SessionInput+json\r\nAccept: application/json\r\n\
         X-Forwarded-For: {address}\r\n{headers}\r\n{body}",
        server.public,
        body.len()
    )
}

/// The request that ends a session.
pub(crate) fn sign_out(server: &Server, session: &Session) -> String {
    let Session { cookie, id, token } = session;
    let host = server.public;
    format!("DELETE {SESSIONS}/{id} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nX-CSRF-Token: {token}\r\n\r\n")
}

/// Whether a session is alive: 200 or 404.
pub(crate) fn check(server: &Server, cookie: &str) -> u16 {
    server.get(&format!("{SESSIONS}/current"), &format!("Cookie: {cookie}\r\nAccept: application/json\r\n")).status
}

/// Everything of an answer that a caller can compare with another one.
pub(crate) fn visible(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let changing = ["date", "x-request-id", "doorward-request-id"];
    let headers = reply.headers.iter().filter(|(name, _)| !changing.contains(&name.as_str())).cloned().collect();
    (reply.status, headers, reply.body.clone())
}
