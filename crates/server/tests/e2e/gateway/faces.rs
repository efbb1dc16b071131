//! The table of firewalls and credentials through every face that gives verdicts: what the gateway decides, all others decide.

use super::matrix::{self, Callers};
use crate::support::{
    Server, Site,
    client::{Connection, Reply},
    grpc,
    upstream::Upstream,
};
use doorward_crypto::jwt::SigningKey;
use std::{collections::BTreeMap, fs, net::SocketAddr};

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
    let documented = matrix::documented().replace(", empty", "");
    let (_, documented) = documented.split_once("\n## ").expect("a page with tables");
    let documented = format!("\n## {documented}");
    for face in FACES {
        let page = matrix::sections(&credentials, |certificate, path, headers| {
            let shown = match certificate {
                "" => String::new(),
                name => format!("X-SSL-Client-S-DN: CN={name}\r\nX-SSL-Client-Verify: SUCCESS\r\n"),
            };
            let (question, said) = face.question(&host, path);
            let headers = format!("{headers}{shown}{said}");
            match face {
                Face::EnvoyGrpc => cell(&envoy.check("GET", path, &host, &headers)),
                _ => {
                    http.send(&format!("GET {question} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"));
                    let reply = http.reply();
                    if reply.header("connection") == Some("close") {
                        http = Connection::open(plain(&server));
                    }
                    cell(&reply)
                }
            }
        });
        for (expected, found) in documented.lines().zip(page.lines()) {
            assert_eq!(expected, found, "{face:?}");
        }
        assert_eq!(documented, page, "{face:?}");
    }
    assert!(upstream.received().is_empty(), "a verdict sends nothing");
}
