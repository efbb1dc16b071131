//! Every method of a firewall meets every credential, in each dialect, on a route for people and on an open one. The table is
//! a page of the documentation: `UPDATE=1 cargo test --test e2e matrix` writes it anew; read the difference.

use super::{PASSWORD, basic::pair};
use crate::{
    support::{Server, Site, client::Reply, upstream::Upstream},
    tls::{
        authority::{Authority, params},
        tools::Open,
    },
};
use doorward_core::ports::Clock;
use doorward_crypto::{
    jwt::{Algorithm, SigningKey, set},
    system::{SystemClock, SystemEntropy},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// Method and `invalid`.
const FIREWALLS: [(&str, &str); 11] = [
    ("session", "refuse"),
    ("session", "guest"),
    ("jwt", "refuse"),
    ("jwt", "guest"),
    ("oauth", "refuse"),
    ("oauth", "guest"),
    ("basic", "refuse"),
    ("basic", "guest"),
    ("certificate", "refuse"),
    ("certificate", "guest"),
    ("none", "refuse"),
];

/// The dialects, by where their routes stand.
const DIALECTS: [(&str, &str); 3] = [("Ibexa", "/api/ibexa/v2/V1"), ("Magento", "/rest/V1"), ("elsewhere", "/V1")];

const TARGETS: [&str; 2] = ["closed", "open"];

const SERVER: &str = r#"[server]
listen = "127.0.0.1:0"
[server.tls]
certificate = "server.pem"
private_key = "server.key"
client_ca = "clients.pem"
[certificate]
map = "cn"
[operations]
listen = "127.0.0.1:0"
[passwords]
memory_kib = 1024
iterations = 1
[sign_in]
address_failures = 1000
[api]
magento_prefix = "/rest"
serve = ["sessions", "tokens"]
[[directory]]
name = "customers"
kind = "customer"
max_failures = 1000
[[issuer]]
issuer = "https://idp.example.com"
keys = "idp.json"
audience = "shop"
directory = "customers"
"#;

/// The key of another authorization server.
pub(super) fn idp() -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate(Algorithm::Es256, &SystemEntropy).unwrap()).unwrap()
}

/// What another authorization server issued to a program of jane's, that many seconds ago, for an hour.
fn access_token(idp: &SigningKey, ago: u64) -> String {
    let issued = SystemClock.now().seconds() - ago;
    let claims = json!({
        "iss": "https://idp.example.com", "aud": "shop", "iat": issued, "exp": issued + 3600, "sub": "7", "client_id": "app",
        "jti": "1", "preferred_username": "jane", "scope": "orders",
    });
    format!("Authorization: Bearer {}\r\n", idp.sign_typed("at+jwt", &claims).unwrap())
}

pub(super) fn site(upstream: &Upstream, idp: &SigningKey) -> Site {
    let (mut config, mut xml) = (SERVER.to_owned(), String::new());
    let mut routes = String::new();
    for (method, invalid) in FIREWALLS {
        let name = format!("{method}-{invalid}");
        let _ = writeln!(
            config,
            "[[firewall]]\nname = \"{name}\"\npath = '/V1/{name}/'\nauthentication = \"{method}\"\ninvalid = \"{invalid}\""
        );
        for target in TARGETS {
            let requires = if target == "open" { "anonymous" } else { "self" };
            let _ = writeln!(
                xml,
                "<route url=\"/V1/{name}/{target}\" method=\"GET\"><service class=\"C\" method=\"m\"/>\
                 <resources><resource ref=\"{requires}\"/></resources></route>"
            );
            for prefix in ["/api/ibexa/v2/V1", "/V1"] {
                let path = format!("{prefix}/{name}/{target}");
                let _ = writeln!(routes, "[[route]]\nmethods = [\"GET\"]\npath = \"{path}\"\nrequire = [\"{requires}\"]");
            }
        }
    }
    let url = upstream.url();
    let _ = write!(
        config,
        "[[firewall]]\nname = \"main\"\n[routes]\nfiles = [\"webapi.xml\", \"routes.toml\"]\n\
         [[upstream]]\nname = \"test\"\nurl = \"{url}\"\n"
    );
    let site = Site::new(&config);
    site.write("routes.toml", &routes);
    site.write("idp.json", &set([idp.verifying()]).to_string());
    site.write("webapi.xml", &format!("<routes>{xml}</routes>"));
    Authority::root(site.path(), "root").server("server", &["127.0.0.1"]);
    let clients = Authority::root(site.path(), "clients");
    for client in ["jane", "nobody", "dora"] {
        clients.issue(client, &params(&[client]), "");
    }
    site.user("customers/jane", PASSWORD, &[]);
    site.user("customers/carl", PASSWORD, &[]);
    site.user("customers/dora", PASSWORD, &[]);
    site.ok(&["user", "disable", "customers/dora"], "");
    site
}

/// A connection for each certificate that a client shows, and one for those that show none.
pub(super) struct Callers<'a> {
    pub(super) site: &'a Site,
    pub(super) server: &'a Server,
    pub(super) open: BTreeMap<&'static str, Open>,
}

impl Callers<'_> {
    pub(super) fn ask(&mut self, certificate: &'static str, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let host = self.server.public.to_string();
        let caller = self.open.entry(certificate).or_insert_with(|| {
            let shown = (!certificate.is_empty()).then_some((self.site.path(), certificate));
            Open::with(self.server, "localhost", &self.site.path().join("root.pem"), shown)
        });
        let reply = caller.ask(method, &host, path, headers, body);
        if reply.status == 0 || reply.header("connection") == Some("close") {
            self.open.remove(certificate);
        }
        reply
    }
}

/// A credential as a reader knows it, the certificate that is shown, and the headers that are sent.
pub(super) type Credential = (&'static str, &'static str, String);

pub(super) fn credentials(callers: &mut Callers<'_>, idp: &SigningKey) -> Vec<Credential> {
    let mut sign_in = |login: &str| {
        let input = json!({ "SessionInput": { "login": login, "password": PASSWORD } }).to_string();
        let headers = "Content-Type: application/vnd.ibexa.api.SessionInput+json\r\nAccept: application/json\r\n";
        let reply = callers.ask("", "POST", "/api/ibexa/v2/user/sessions", headers, &input);
        let session = reply.json()["Session"].clone();
        let word = |name: &str| session[name].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned();
        let (id, token) = (word("identifier"), word("csrfToken"));
        (format!("Cookie: {}={id}\r\n", word("name")), id, token)
    };
    let ((jane, ..), (carl, ..), (dead, id, token)) = (sign_in("jane"), sign_in("carl"), sign_in("jane"));
    let path = format!("/api/ibexa/v2/user/sessions/{id}");
    let ended = callers.ask("", "DELETE", &path, &format!("{dead}X-CSRF-Token: {token}\r\n"), "");
    assert_eq!(ended.status, 204, "{ended:?}");
    let json_type = "Content-Type: application/json\r\n";
    let body = json!({ "username": "jane", "password": PASSWORD }).to_string();
    let token = callers.ask("", "POST", "/rest/V1/integration/customer/token", json_type, &body);
    let token = token.json().as_str().unwrap_or_else(|| panic!("{token:?}")).to_owned();
    let body = json!({ "JWTInput": { "username": "jane", "password": PASSWORD } }).to_string();
    let jwt = callers.ask("", "POST", "/api/ibexa/v2/user/token/jwt", json_type, &body);
    let jwt = jwt.json()["JWT"]["token"].as_str().unwrap_or_else(|| panic!("{jwt:?}")).to_owned();
    let jwt = format!("Authorization: Bearer {jwt}\r\n");
    let right = pair("jane", PASSWORD);
    let wrong = pair("jane", "wrong");
    vec![
        ("none", "", String::new()),
        ("cookie of a live session", "", jane.clone()),
        ("cookie of no session", "", dead.clone()),
        ("Basic, right", "", right.clone()),
        ("Basic, wrong", "", wrong.clone()),
        ("Basic, malformed", "", "Authorization: Basic !!\r\n".to_owned()),
        ("Bearer, a token of the Magento dialect", "", format!("Authorization: Bearer {token}\r\n")),
        ("Bearer, a JSON Web Token", "", jwt.clone()),
        ("Bearer, an access token", "", access_token(idp, 0)),
        ("Bearer, an access token that has ended", "", access_token(idp, 7200)),
        ("Bearer, not followed by one token", "", "Authorization: Bearer a b\r\n".to_owned()),
        ("Bearer, nobody's", "", "Authorization: Bearer nobody\r\n".to_owned()),
        ("certificate", "jane", String::new()),
        ("certificate of nobody", "nobody", String::new()),
        ("certificate of a disabled account", "dora", String::new()),
        ("Basic, right; and the cookie of another's session", "", format!("{right}{carl}")),
        ("Basic, wrong; and the cookie of another's session", "", format!("{wrong}{carl}")),
        ("Basic, right; and the cookie of no session", "", format!("{right}{dead}")),
        ("Basic, right; and the certificate of nobody", "nobody", right),
        ("Bearer, nobody's; and the cookie of another's session", "", format!("Authorization: Bearer nobody\r\n{carl}")),
        ("Bearer, a JSON Web Token; and the certificate of nobody", "nobody", jwt),
        ("Bearer, an access token; and the cookie of another's session", "", format!("{}{carl}", access_token(idp, 0))),
        ("certificate; and the cookie of another's session", "jane", carl),
        ("certificate; and Basic, wrong", "jane", wrong),
        ("certificate of nobody; and the cookie of a live session", "nobody", jane),
    ]
}

/// What came of it: the identity for 200 (`told` to whoever is behind), else the status, the challenge, and whether the body
/// is empty.
pub(super) fn cell(reply: &Reply, told: impl FnOnce() -> String) -> String {
    if reply.status == 200 {
        return told();
    }
    let challenge = reply.header("www-authenticate").and_then(|value| value.split(' ').next());
    let challenge = challenge.map(|scheme| format!(" {scheme}")).unwrap_or_default();
    let empty = if reply.body.is_empty() { ", empty" } else { "" };
    format!("{}{challenge}{empty}", reply.status)
}

fn table() -> String {
    let upstream = Upstream::start();
    let idp = idp();
    let site = site(&upstream, &idp);
    let server = site.serve();
    let mut callers = Callers { site: &site, server: &server, open: BTreeMap::new() };
    let credentials = credentials(&mut callers, &idp);
    let mut page = String::from(
        "# Who a credential is, under which firewall\n\n\
         Each method of a firewall meets each credential, on a route that is for customers (`closed`) and on one that is open to\n\
         `anonymous`, in the three dialects. A cell holds the identity that the upstream was told, or the status of the refusal, the scheme\n\
         of its challenge (`WWW-Authenticate`) and whether its body is empty. `customer/1` is whose credentials are sent, `customer/2` is the\n\
         other one. A certificate that is not trusted, or expired, or revoked, ends the handshake under whichever firewall.\n\n\
         This page is written by a test that asks a running server.\n",
    );
    page += &sections(&credentials, |certificate, path, headers| {
        let reply = callers.ask(certificate, "GET", path, headers, "");
        cell(&reply, || upstream.last().header("doorward-identity").unwrap_or("?").to_owned())
    });
    page
}

/// A table for each firewall. `ask` is given a certificate, a path and headers, and says what came of it.
pub(super) fn sections(credentials: &[Credential], mut ask: impl FnMut(&'static str, &str, &str) -> String) -> String {
    let mut page = String::new();
    for (method, invalid) in FIREWALLS {
        let _ = writeln!(page, "\n## `authentication = \"{method}\"`, `invalid = \"{invalid}\"`\n");
        let heads = DIALECTS.iter().flat_map(|(dialect, _)| TARGETS.map(|target| format!("{dialect}, {target}")));
        let heads: Vec<String> = heads.collect();
        let _ = writeln!(page, "| credential | {} |\n| --- |{}", heads.join(" | "), " --- |".repeat(heads.len()));
        for (name, certificate, headers) in credentials {
            let _ = write!(page, "| {name} |");
            for (_, prefix) in DIALECTS {
                for target in TARGETS {
                    let path = format!("{prefix}/{method}-{invalid}/{target}");
                    let ajax = "Accept: application/json\r\nX-Requested-With: XMLHttpRequest\r\n";
                    let _ = write!(page, " {} |", ask(certificate, &path, &format!("{headers}{ajax}")));
                }
            }
            page.push('\n');
        }
    }
    page
}

/// The page as it is written.
pub(super) fn documented() -> String {
    fs::read_to_string(page()).unwrap_or_default()
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/authentication-matrix.md")
}

#[test]
fn the_matrix_of_firewalls_and_credentials_is_as_documented() {
    let page = table();
    if env::var_os("UPDATE").is_some() {
        fs::write(self::page(), &page).unwrap();
    }
    let documented = documented();
    for (expected, found) in documented.lines().zip(page.lines()) {
        assert_eq!(expected, found, "UPDATE=1 writes the page anew");
    }
    assert_eq!(documented, page);
}
