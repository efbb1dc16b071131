//! Opaque access tokens, about which another server is asked.

use super::get;
use crate::support::{Site, eventually, upstream::Upstream};
use doorward_core::ports::Clock;
use doorward_crypto::system::SystemClock;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

const CONFIG: &str = r#"[server]
listen = "127.0.0.1:0"
[operations]
listen = "127.0.0.1:0"
[[directory]]
name = "admins"
kind = "admin"
[[firewall]]
name = "a"
path = '^/(orders|thing|editors)'
authentication = "oauth"
[[firewall]]
name = "main"
[[introspection]]
issuer = "idp"
endpoint = "{endpoint}"
client_id = "door:a"
client_secret = "file:client.secret"
audience = "shop"
directory = "admins"
login_claim = "username"
roles_claim = "groups"
cache = "{cache}"
timeout = "10s"
[introspection.roles]
"editors" = "ROLE_EDITOR"
[[access_control]]
path = '^/editors'
roles = ["ROLE_EDITOR"]
[routes]
files = ["routes.toml"]
unmatched = "authenticated"
[[upstream]]
name = "test"
url = "{upstream}"
"#;

const ROUTES: &str = r#"[[route]]
methods = ["GET"]
path = "/orders"
require = ["anonymous"]
scopes = ["orders:read"]
[[resource]]
id = "Example_Api::edit"
"#;

/// A server that says what is known of tokens; it ends with the test's process.
#[derive(Clone)]
struct Idp {
    endpoint: String,
    /// The status line's rest, and what is said of each token; without the token it is not active.
    known: Arc<Mutex<(String, HashMap<String, Value>)>>,
    /// Head and form of each question.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Idp {
    fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/introspect", socket.local_addr().unwrap());
        let idp = Self { endpoint, known: Arc::new(Mutex::new(("200 OK".into(), HashMap::new()))), asked: Arc::default() };
        let served = idp.clone();
        thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                served.answer(stream);
            }
        });
        idp
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&line);
        }
        let mut form = vec![0; length];
        if reader.read_exact(&mut form).is_err() {
            return;
        }
        let form = String::from_utf8(form).unwrap();
        let (status, known) = self.known.lock().unwrap().clone();
        let token = form.strip_prefix("token=").and_then(|rest| rest.split('&').next()).unwrap_or_default();
        let body = known.get(token).cloned().unwrap_or(json!({ "active": false })).to_string();
        self.asked.lock().unwrap().push((head, form));
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }

    fn knows(&self, token: &str, changes: Value) {
        let now = SystemClock.now().seconds();
        let mut all =
            json!({ "active": true, "aud": "shop", "iat": now, "exp": now + 3600, "username": "jane", "client_id": "app" });
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.known.lock().unwrap().1.insert(token.into(), all);
    }

    fn forget(&self, token: &str) {
        self.known.lock().unwrap().1.remove(token);
    }

    fn answers(&self, status: &str) {
        self.known.lock().unwrap().0 = status.into();
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn site(upstream: &Upstream, idp: &Idp, cache: &str) -> Site {
    let config = CONFIG.replace("{upstream}", &upstream.url()).replace("{endpoint}", &idp.endpoint);
    let site = Site::new(&config.replace("{cache}", cache));
    site.write("routes.toml", ROUTES);
    site.write("client.secret", "a secret & more");
    site.user("admins/jane", "a quiet brown fox", &[]);
    site.ok(&["role", "add", "ROLE_EDITOR", "--allow", "Example_Api::edit"], "");
    site
}

#[test]
fn an_opaque_token_counts_as_its_server_says() {
    let (upstream, idp) = (Upstream::start(), Idp::start());
    let site = site(&upstream, &idp, "1h");
    let checked = site.ok(&["check", "--config", "doorward.toml"], "");
    assert!(!checked.err.contains("issuer") && !checked.out.contains("issuer"), "{checked:?}");
    let server = site.serve();
    idp.knows("good", json!({ "scope": "orders:read default", "groups": ["editors", "ROLE_ADMIN"] }));
    idp.knows("plain", json!({}));
    for _ in 0..3 {
        assert_eq!(get(&server, "/orders", "good").status, 200, "{}", server.log());
    }
    let received = upstream.last();
    assert_eq!(received.header("doorward-identity"), Some("admin/1"));
    assert_eq!(
        received.header("doorward-roles"),
        Some("ROLE_USER,ROLE_ADMIN,ROLE_EDITOR,ROLE_OAUTH2_ORDERS:READ,ROLE_OAUTH2_DEFAULT")
    );
    assert_eq!(received.header("authorization"), None);
    assert_eq!((get(&server, "/editors", "good").status, get(&server, "/editors", "plain").status), (200, 403));
    // Remembered or not, each route looks at the scopes (oathkeeper CVE-2021-32701).
    assert_eq!((get(&server, "/thing", "plain").status, get(&server, "/orders", "plain").status), (200, 403));
    assert_eq!(idp.asked(), 2);
    let (head, form) = idp.asked.lock().unwrap()[0].clone();
    assert_eq!(form, "token=good&token_type_hint=access_token");
    // RFC 6749 2.3.1: each part is encoded as in a form.
    assert!(head.contains("authorization: Basic ZG9vciUzQWE6YStzZWNyZXQrJTI2K21vcmU=\r\n"), "{head}");
    for bad in ["unknown", "b\"ad"] {
        let reply = get(&server, "/thing", bad);
        assert!(reply.status == 401 && reply.header("www-authenticate").unwrap().contains("invalid_token"), "{reply:?}");
    }
    assert_eq!(idp.asked(), 3, "what is no token is told to nobody");
    // What ends an account here ends its tokens at once.
    site.ok(&["user", "disable", "admins/jane"], "");
    assert_eq!(get(&server, "/thing", "good").status, 401);
    for (outcome, count) in [("active", 2.0), ("inactive", 1.0), ("failed", 0.0)] {
        let series = format!("doorward_introspections_total{{issuer=\"idp\",outcome=\"{outcome}\"}}");
        assert!(server.metric(&series).is_some_and(|found| found >= count), "{series} {:?}", server.metric(&series));
    }
    assert!(!server.log().contains("token=good") && !server.log().contains("a secret"), "{}", server.log());
}

#[test]
fn an_outage_is_503_and_an_answer_counts_for_its_time_alone() {
    let (upstream, idp) = (Upstream::start(), Idp::start());
    let server = site(&upstream, &idp, "1s").serve();
    idp.knows("good", json!({}));
    assert_eq!(get(&server, "/thing", "good").status, 200);
    // Whatever is no answer is no verdict either; an old one is believed for a second at most.
    for trouble in ["500 Internal Server Error", "401 Unauthorized", "302 Found"] {
        idp.answers(trouble);
        let refused = eventually("503", || {
            let reply = get(&server, "/thing", "good");
            assert!(matches!(reply.status, 200 | 503), "{reply:?}");
            (reply.status == 503).then_some(reply)
        });
        assert_eq!(refused.header("www-authenticate"), None);
        idp.answers("200 OK");
        assert_eq!(get(&server, "/thing", "good").status, 200, "{trouble}");
    }
    let line = server.logged("cannot be asked about tokens");
    assert!(line.contains("idp") && !line.contains("good"), "{line}");
    // Ended there: here after a second at most.
    idp.forget("good");
    eventually("its end", || (get(&server, "/thing", "good").status == 401).then_some(()));
}

#[test]
fn explain_presumes_an_access_token_and_asks_nobody() {
    let (upstream, idp) = (Upstream::start(), Idp::start());
    let site = site(&upstream, &idp, "30s");
    let explain = |more: &[&str]| {
        let output = site.run(&[&["explain", "--config", "doorward.toml", "GET", "/orders"], more].concat(), "");
        (output.code, output.out)
    };
    let good = [
        "admins/jane sends a good access token for this firewall, with orders:read",
        "an access token of `admins/jane`",
        "scope       orders:read: granted, the access token has it",
    ];
    let lacking =
        ["with default", "scope       orders:read: lacking, the access token has only default", "403 (insufficient_scope)"];
    let asks = ["an access token that nobody can judge here", "`explain` asks nobody", "503 (unavailable)"];
    let none = ["none: there is no access token", "401 (insufficient_scope)"];
    for (arguments, code, words) in [
        (&["--as", "admins/jane"][..], 0, &good[..]),
        (&["--as", "admins/jane", "--with", "bearer"], 0, &good),
        (&["--as", "admins/jane", "--scope", "default"], 1, &lacking),
        (&["--header", "Authorization: Bearer opaque"], 1, &asks),
        (&[], 1, &none),
    ] {
        let (found, said) = explain(arguments);
        assert_eq!(found, code, "{arguments:?}: {said}");
        words.iter().for_each(|words| assert!(said.contains(words), "{words}: {said}"));
    }
    site.ok(&["user", "disable", "admins/jane"], "");
    let (code, said) = explain(&["--as", "admins/jane"]);
    assert!(code == 1 && said.contains("is disabled, so its token proves nothing"), "{said}");
    assert_eq!(idp.asked(), 0);
}
