//! The table of firewalls and credentials through every face that gives verdicts: what the gateway decides, all others decide.

use super::matrix::{self, Callers};
use crate::support::{
    Server, Site,
    client::{Connection, Reply},
    grpc,
    upstream::Upstream,
};
use doorward_crypto::jwt::SigningKey;
use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

/// A way to ask for a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    Nginx,
    Caddy,
    Traefik,
    Haproxy,
    Envoy,
    EnvoyGrpc,
}

const FACES: [Face; 6] = [Face::Nginx, Face::Caddy, Face::Traefik, Face::Haproxy, Face::Envoy, Face::EnvoyGrpc];

impl Face {
    /// The question about a `GET` of `path`: its own path, and the headers that say so.
    fn question(self, host: &str, path: &str) -> (String, String) {
        let forwarded = format!(
            "X-Forwarded-Method: GET\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: {host}\r\nX-Forwarded-Uri: {path}\r\n"
        );
        match self {
            Face::Nginx => ("/_ask/nginx".into(), format!("X-Original-Method: GET\r\nX-Original-URL: https://{host}{path}\r\n")),
            Face::Caddy => ("/_ask/caddy".into(), forwarded),
            Face::Traefik => ("/_ask/traefik".into(), forwarded),
            Face::Haproxy => ("/_ask/haproxy".into(), forwarded),
            Face::Envoy | Face::EnvoyGrpc => (format!("/_ask/envoy{path}"), "X-Forwarded-Proto: https\r\n".into()),
        }
    }
}

/// The same rules, where proxies ask and say whose certificate a client showed.
fn site(upstream: &Upstream, idp: &SigningKey) -> Site {
    let site = matrix::site(upstream, idp);
    let file = site.path().join("doorward.toml");
    let mut config = fs::read_to_string(&file).unwrap();
    for (old, new) in [
        ("[server]\n", "[server]\nlisten_plain = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1\"]\n"),
        ("client_ca = \"clients.pem\"\n", ""),
        ("[certificate]\n", "[certificate]\nheader = \"X-SSL-Client-S-DN\"\n"),
    ] {
        assert!(config.contains(old), "{old}");
        config = config.replacen(old, new, 1);
    }
    for convention in ["nginx", "caddy", "traefik", "haproxy", "envoy"] {
        config += &format!("[[forward_auth]]\nconvention = \"{convention}\"\npath = \"/_ask/{convention}\"\n");
    }
    fs::write(file, config).unwrap();
    site
}

/// The listener without TLS.
fn plain(server: &Server) -> SocketAddr {
    let address = server.ready.split_whitespace().find_map(|word| word.strip_prefix("http://"));
    address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{}", server.ready))
}

fn cell(reply: &Reply) -> String {
    if reply.status == 200 {
        return reply.header("doorward-identity").unwrap_or("?").to_owned();
    }
    let challenge = reply.header("www-authenticate").and_then(|value| value.split(' ').next());
    format!("{}{}", reply.status, challenge.map(|scheme| format!(" {scheme}")).unwrap_or_default())
}

/// The tables of the page.
fn documented() -> String {
    let page = matrix::documented();
    let (_, tables) = page.split_once("\n## ").expect("a page with tables");
    format!("\n## {tables}")
}

fn same(documented: &str, page: &str, face: &str) {
    for (expected, found) in documented.lines().zip(page.lines()) {
        assert_eq!(expected, found, "{face}");
    }
    assert_eq!(documented, page, "{face}");
}

/// How a proxy says whose certificate it saw.
fn shown(certificate: &str) -> String {
    match certificate {
        "" => String::new(),
        name => format!("X-SSL-Client-S-DN: CN={name}\r\nX-SSL-Client-Verify: SUCCESS\r\n"),
    }
}

fn ask(http: &mut Connection, at: SocketAddr, path: &str, host: &str, headers: &str) -> Reply {
    http.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"));
    let reply = http.reply();
    if reply.header("connection") == Some("close") {
        *http = Connection::open(at);
    }
    reply
}

#[test]
fn every_face_decides_as_the_gateway_does() {
    let upstream = Upstream::start();
    let idp = matrix::idp();
    let site = site(&upstream, &idp);
    let server = site.serve();
    let mut callers = Callers { site: &site, server: &server, open: BTreeMap::new() };
    let credentials = matrix::credentials(&mut callers, &idp);
    // The door without TLS answers questions too.
    let mut http = Connection::open(plain(&server));
    let mut envoy = grpc::Client::connect(plain(&server));
    let host = server.public.to_string();
    // A verdict has no body.
    let documented = documented().replace(", empty", "");
    for face in FACES {
        let page = matrix::sections(&credentials, |certificate, path, headers| {
            let (question, said) = face.question(&host, path);
            let headers = format!("{headers}{}{said}", shown(certificate));
            match face {
                Face::EnvoyGrpc => cell(&envoy.check("GET", path, &host, &headers)),
                _ => cell(&ask(&mut http, plain(&server), &question, &host, &headers)),
            }
        });
        same(&documented, &page, &format!("{face:?}"));
    }
    assert!(upstream.received().is_empty(), "a verdict sends nothing");
}

/// A service with Doorward inside it: the library's example that says what it was told.
struct Echo {
    child: Child,
    address: SocketAddr,
}

impl Echo {
    /// Over the store of `site`, at the public address of `server`.
    fn start(site: &Site, server: &Server) -> Self {
        let config = fs::read_to_string(site.path().join("doorward.toml")).unwrap();
        let without_tls = [
            ("[server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n", ""),
            ("listen_plain = \"127.0.0.1:0\"\n", &format!("public_url = \"https://{}\"\n", server.public)),
        ];
        let config = without_tls.iter().fold(config, |config, (old, new)| {
            assert!(config.contains(old), "{old}");
            config.replacen(old, new, 1)
        });
        let file = site.path().join("library.toml");
        fs::write(&file, config).unwrap();
        // Examples are built beside the tests of the workspace.
        let tests = env::current_exe().unwrap();
        let program = tests.parent().and_then(Path::parent).unwrap().join("examples/echo");
        assert!(program.exists(), "{} is not built: run `cargo build -p doorward-tower --examples`", program.display());
        let mut child = Command::new(program).arg(file).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let address = ready.trim().strip_prefix("ready http://").and_then(|address| address.parse().ok());
        Self { address: address.unwrap_or_else(|| panic!("{ready:?}")), child }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_library_decides_as_the_gateway_does() {
    let upstream = Upstream::start();
    let idp = matrix::idp();
    let site = site(&upstream, &idp);
    let server = site.serve();
    let mut callers = Callers { site: &site, server: &server, open: BTreeMap::new() };
    let credentials = matrix::credentials(&mut callers, &idp);
    let echo = Echo::start(&site, &server);
    let mut http = Connection::open(echo.address);
    let host = server.public.to_string();
    let page = matrix::sections(&credentials, |certificate, path, headers| {
        let reply = ask(&mut http, echo.address, path, &host, &format!("{headers}{}", shown(certificate)));
        matrix::cell(&reply, || {
            let told = reply.json();
            assert_eq!(told["headers"]["doorward-identity"][0], told["identity"], "{reply:?}");
            told["identity"].as_str().unwrap_or("?").to_owned()
        })
    });
    same(&documented(), &page, "library");
    assert!(upstream.received().is_empty(), "a layer sends nothing");
}
