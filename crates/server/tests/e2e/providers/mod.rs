//! People who sign in at a certified OpenID provider (npm's `oidc-provider`), which runs beside.

mod certified;
mod changes;
mod introspection;
mod several;
mod unreachable;

use crate::{
    support::{Output, Server, Site, client::Reply, eventually, exchange, upstream::Upstream},
    tls::{Authority, tools::Open},
};
use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

const SECRET: &str = "a secret: of & two";

const CONFIG: &str = r#"[server]
listen = "127.0.0.1:0"
[operations]
listen = "127.0.0.1:0"
[log]
format = "json"
[passwords]
memory_kib = 1024
iterations = 1
[[directory]]
name = "admins"
kind = "admin"
[routes]
files = ["routes.toml"]
[[upstream]]
name = "test"
url = "{upstream}"
[[provider]]
name = "idp"
title = "Example"
issuer = "{issuer}"
client_id = "shop"
client_secret = "file:client.secret"
directory = "admins"
"#;

const ROUTES: &str = r#"[[route]]
methods = ["GET"]
path = "/orders"
require = ["Example_Sales::orders"]
[[resource]]
id = "Example_Sales::orders"
title = "Orders"
"#;

/// A place with one provider, of which `more` says more.
fn site(upstream: &Upstream, issuer: &str, more: &str) -> Site {
    let config = CONFIG.replace("{upstream}", &upstream.url()).replace("{issuer}", issuer);
    let site = Site::new(&format!("{config}{more}"));
    site.write("routes.toml", ROUTES);
    site.write("client.secret", SECRET);
    site.ok(&["role", "add", "sellers", "--allow", "Example_Sales::orders"], "");
    site
}

/// The provider; it ends with this value.
pub(crate) struct Idp {
    child: Child,
    input: ChildStdin,
    said: BufReader<std::process::ChildStdout>,
    pub(crate) issuer: String,
    /// Who vouches for it, where it speaks TLS.
    authority: Option<PathBuf>,
}

impl Idp {
    /// Starts one. It answers once it [knows](Idp::serve) its client.
    pub(crate) fn start() -> Self {
        Self::run(&[], None, "0")
    }

    /// One that also gives programs opaque access tokens, and tells about them.
    fn with_api() -> Self {
        Self::run(&[], None, "1")
    }

    /// One that speaks TLS, with a certificate of this authority in this folder.
    fn secure(authority: &Authority, folder: &Path) -> Self {
        authority.server("idp", &["localhost"]);
        Self::run(&[folder.join("idp.pem"), folder.join("idp.key")], Some(authority.file()), "0")
    }

    fn run(certificate: &[PathBuf], authority: Option<PathBuf>, api: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/node/provider.mjs");
        let mut child = Command::new("node")
            .args([script, modules()])
            .args(certificate)
            .env("NODE_NO_WARNINGS", "1")
            .env("PROVIDER_API", api)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("node: {error}: run scripts/test, which installs what the tests need"));
        let input = child.stdin.take().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let issuer = Self::line(&mut said, |line| line.starts_with("http"));
        Self { child, input, said, issuer, authority }
    }

    /// From now on it serves this client, where it is called `idp`.
    pub(crate) fn serve(&mut self, server: &Server) {
        self.serve_as("idp", server);
    }

    /// The same under another name.
    fn serve_as(&mut self, name: &str, server: &Server) {
        writeln!(self.input, "http://{} {name}", server.public).unwrap();
        Self::line(&mut self.said, |line| line == "ready");
    }

    fn line(said: &mut BufReader<std::process::ChildStdout>, wanted: impl Fn(&str) -> bool) -> String {
        let lines = said.lines().map(|line| line.unwrap());
        lines.into_iter().find(|line| wanted(line)).expect("the provider ended: run scripts/test, which installs what it needs")
    }

    fn address(&self) -> SocketAddr {
        self.issuer.replace("https://localhost", "http://127.0.0.1").strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// It forgets everything and has another key, of this algorithm.
    fn restart(&self, algorithm: &str) {
        let reply = self.ask("POST", &format!("/restart?alg={algorithm}"), "", "");
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    fn ask(&self, method: &str, path: &str, cookies: &str, form: &str) -> Reply {
        let address = self.address();
        if let Some(authority) = &self.authority {
            let host = format!("localhost:{}", address.port());
            let headers =
                format!("Connection: close\r\nCookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
            return Open::to(address, "localhost", authority, None).ask(method, &host, path, &headers, form);
        }
        exchange(
            address,
            &format!(
                "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nCookie: {cookies}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                form.len()
            ),
        )
    }

    /// Signs in there as `name` and returns where the browser is sent in the end: back to us. Without a name nobody does.
    pub(crate) fn sign_in(&self, url: &str, name: &str) -> String {
        let mut cookies: Vec<String> = Vec::new();
        let (mut url, mut form): (String, Option<String>) = (url.to_owned(), None);
        for _ in 0..8 {
            let Some(path) = url.strip_prefix(&self.issuer).or(url.strip_prefix('/').map(|_| &*url)) else { return url };
            let method = if form.is_some() { "POST" } else { "GET" };
            let reply = self.ask(method, path, &cookies.join("; "), &form.take().unwrap_or_default());
            for set in reply.all("set-cookie") {
                let pair = set.split(';').next().unwrap();
                let key = format!("{}=", pair.split('=').next().unwrap());
                cookies.retain(|other| !other.starts_with(&key));
                if !pair.ends_with('=') {
                    cookies.push(pair.to_owned());
                }
            }
            match reply.header("location") {
                Some(location) => url = location.to_owned(),
                // Its page.
                None if path.starts_with("/interaction/") => form = Some(format!("name={name}")),
                None => panic!("{reply:?}"),
            }
        }
        panic!("the provider leads nowhere: {url}");
    }
}

impl Drop for Idp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `scripts/test` installs what runs in Node.
fn modules() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-node");
    let folder = std::env::var_os("DOORWARD_TEST_NODE").map_or(installed, PathBuf::from);
    assert!(folder.join("node_modules").exists(), "{} is missing: run scripts/test, which installs it", folder.display());
    folder
}

/// Leaves for the provider from our page: where to, and the cookie that the browser keeps.
pub(crate) fn set_out(server: &Server, target: &str) -> (String, String) {
    set_out_to(server, "idp", target)
}

/// The same for the provider of this name.
fn set_out_to(server: &Server, name: &str, target: &str) -> (String, String) {
    let reply = server.get(&format!("/oauth2/connect/{name}?return={target}"), "Sec-Fetch-Site: same-origin\r\n");
    assert_eq!(reply.status, 303, "{reply:?}\n{}", server.log());
    (reply.header("location").unwrap().to_owned(), reply.cookie("doorward_journey").unwrap())
}

/// Comes back from the provider.
pub(crate) fn come_back(server: &Server, url: &str, cookie: &str) -> Reply {
    let path = url.strip_prefix(&format!("http://{}", server.public)).unwrap_or_else(|| panic!("{url}"));
    server.get(path, &format!("Cookie: {cookie}\r\nSec-Fetch-Site: cross-site\r\n"))
}

/// The whole way.
fn sign_in(server: &Server, idp: &Idp, name: &str) -> Reply {
    let (url, cookie) = set_out(server, "/orders");
    come_back(server, &idp.sign_in(&url, name), &cookie)
}

fn status(server: &Server, session: &str) -> u16 {
    server.get("/orders", &format!("Cookie: {session}\r\n")).status
}

fn said(output: &Output) -> String {
    format!("{}{}", output.out, output.err)
}
