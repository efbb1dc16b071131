//! `doorward init`: what it prints is taken by the real programs, and what they then do with requests.

use crate::{
    gateway::PASSWORD,
    support::{
        Server, Site,
        client::{Reply, exchange},
        grpc::{framed, question},
        proxy::Proxy,
        python,
        upstream::Upstream,
    },
};
use serde_json::Value;
use std::{net::SocketAddr, process::Command};

const CONFIG: &str = r#"[server]
listen = "{listen}"
public_url = "http://shop.test"
trusted_proxies = ["127.0.0.1"]
client_address = "x-forwarded-for"
[operations]
listen = "127.0.0.1:0"
[passwords]
memory_kib = 1024
iterations = 1
[[directory]]
name = "customers"
kind = "customer"
[[forward_auth]]
convention = "{proxy}"
path = "/_doorward/{proxy}"
[routes]
files = ["routes.toml"]
[[upstream]]
name = "orders"
url = "{orders}"
path = "/orders"
[[upstream]]
name = "shop"
url = "{shop}"
"#;

const ROUTES: &str = r#"[[route]]
methods = ["GET", "POST"]
path = "/open"
require = ["anonymous"]
[[route]]
methods = ["GET", "POST"]
path = "/orders/:id"
require = ["self"]
"#;

/// The name of a configuration's file, the text with `{port}`, and the command that runs it.
type Local = (&'static str, String, Vec<String>);

/// Doorward behind a proxy that its own configuration was printed for.
struct Behind {
    name: &'static str,
    site: Site,
    server: Server,
    proxy: Proxy,
    orders: Upstream,
    shop: Upstream,
}

impl Behind {
    /// `local` makes of the printed configuration one for a free port of this machine, and names what runs it.
    fn new(name: &'static str, local: impl FnOnce(&Site, &str) -> Local) -> Self {
        let (orders, shop) = (Upstream::start(), Upstream::start());
        let config = |listen: &str| {
            CONFIG
                .replace("{listen}", listen)
                .replace("{proxy}", name)
                .replace("{orders}", &orders.url())
                .replace("{shop}", &shop.url())
        };
        let site = Site::new(&config("127.0.0.1:0"));
        site.write("routes.toml", ROUTES);
        site.user("customers/jane", PASSWORD, &[]);
        let server = site.serve();
        site.write("bound.toml", &config(&server.public.to_string()));
        let printed = site.ok(&["init", name, "--config", "bound.toml"], "").out;
        let (file, text, command) = local(&site, &printed);
        assert_ne!(text, printed, "a port of this machine is in it");
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let proxy = Proxy::start(&site, file, &text, &command);
        Self { name, site, server, proxy, orders, shop }
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let address = SocketAddr::from(([127, 0, 0, 1], self.proxy.port));
        let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        exchange(
            address,
            &format!("{method} {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n{length}{headers}\r\n{body}"),
        )
    }

    /// What is true behind whichever proxy.
    fn serves(&self) {
        let input = format!(r#"{{"SessionInput":{{"login":"jane","password":"{PASSWORD}"}}}}"#);
        let kind = "Content-Type: application/vnd.ibexa.api.SessionInput+json\r\nAccept: application/json\r\n";
        let session = self.ask("POST", "/api/ibexa/v2/user/sessions", kind, &input);
        assert_eq!(session.status, 201, "{session:?}\n{}", self.server.log());
        let session = session.json()["Session"].clone();
        let word = |name: &str| session[name].as_str().unwrap().to_owned();
        let cookie = format!("Cookie: b=2; {}={}\r\n", word("name"), word("identifier"));

        let known = self.ask("GET", "/orders/5?x=1", &format!("{cookie}{SPOOFED}"), "");
        assert_eq!((known.status, &*known.body), (200, "upstream"), "{known:?}\n{}", self.server.log());
        let received = self.orders.last();
        assert_eq!(received.line(), "GET /orders/5?x=1 HTTP/1.1");
        Self::introduces(&received.head, "customer/1", "jane");
        assert_eq!(received.all("cookie").collect::<Vec<_>>(), ["b=2"], "{}", received.head);

        let guest = self.ask("GET", "/orders/5", SPOOFED, "");
        assert_eq!(guest.status, 401, "{guest:?}");
        assert!(guest.header("www-authenticate").is_some_and(|value| value.starts_with("Session")), "{guest:?}");
        assert_eq!(guest.all("www-authenticate").count(), 1, "{guest:?}");
        assert_eq!(self.orders.received().len(), 1, "nothing more arrived");

        let open = self.ask("GET", "/open", SPOOFED, "");
        assert_eq!(open.status, 200, "{open:?}");
        Self::introduces(&self.shop.last().head, "guest", "");

        // The method and its guard are those of the request, not of the question; the body arrives whole.
        let without = self.ask("POST", "/orders/5", &cookie, "all of it");
        assert_eq!(without.status, 401, "{without:?}");
        let with = self.ask("POST", "/orders/5", &format!("{cookie}X-CSRF-Token: {}\r\n", word("csrfToken")), "all of it");
        assert_eq!(with.status, 200, "{with:?}");
        assert_eq!((self.orders.last().line(), &*self.orders.last().body), ("POST /orders/5 HTTP/1.1", "all of it"));
        assert_eq!(self.orders.last().header("x-csrf-token"), None, "it is the session's");

        assert!(matches!(self.ask("GET", "/nobody", "", "").status, 403 | 404));
        assert!(matches!(self.ask("GET", "/open/../orders/5", "", "").status, 400 | 401 | 403));
        assert_eq!(self.ask("GET", "/login", "", "").status, 200, "a page");
        // The endpoint itself is not for clients.
        let path = format!("/_doorward/{}", self.name);
        assert_ne!(self.ask("GET", &path, SPOOFED, "").status, 200);
    }

    /// A service learns of one caller, and of nothing that a client made up.
    fn introduces(head: &str, identity: &str, login: &str) {
        let mut names: Vec<(String, &str)> = Vec::new();
        for line in head.lines().skip(1) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let name: String =
                name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
            names.push((name, value.trim()));
        }
        let all = |wanted: &str| names.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value).collect::<Vec<_>>();
        assert_eq!(all("doorward-identity"), [identity], "{head}");
        assert_eq!(all("doorward-login").concat(), login, "{head}");
        assert_eq!(all("doorward-assertion").len(), 1, "{head}");
        assert!(!head.contains("made-up"), "{head}");
        assert!(!head.contains("203.0.113."), "{head}");
    }
}

/// What a client might say to be somebody else, from somewhere else, about something else.
const SPOOFED: &str = "Doorward-Identity: admin/666-made-up\r\nDoorward-Login: made-up\r\nDoorward-Roles: made-up\r\n\
    Doorward-Assertion: made-up\r\nX-Forwarded-For: 203.0.113.1\r\nX-Real-IP: 203.0.113.2\r\n\
    Forwarded: for=203.0.113.3\r\nX-Forwarded-Host: made-up.test\r\nX-Original-URL: /open?made-up\r\n\
    X-Original-URI: /open?made-up\r\nX-Forwarded-Uri: /open?made-up\r\nX-Forwarded-Method: OPTIONS\r\n\
    X-Original-Method: OPTIONS\r\nX-Forwarded-Prefix: /made-up\r\nX-Rewrite-URL: /open?made-up\r\n\
    X-HTTP-Method-Override: DELETE-made-up\r\nAuthorization: Bearer made-up\r\n";

fn file(site: &Site, name: &str) -> String {
    site.path().join(name).to_string_lossy().into_owned()
}

#[test]
fn nginx_serves_what_init_prints() {
    let behind = Behind::new("nginx", |site, printed| {
        let printed = printed.replace("listen 80;", "listen 127.0.0.1:{port};");
        let text = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\n\
             client_body_temp_path t1;\nproxy_temp_path t2;\nfastcgi_temp_path t3;\nuwsgi_temp_path t4;\nscgi_temp_path t5;\n\
             {printed}\n}}\n"
        );
        let command = ["nginx", "-p", &file(site, ""), "-c", &file(site, "nginx.conf"), "-e", "stderr"].map(str::to_owned);
        ("nginx.conf", text, command.to_vec())
    });
    behind.serves();
    // Spellings that nginx does not take for headers, and that services would.
    behind.ask("GET", "/open", "doorward_login: made-up\r\nDoorward.Roles: made-up\r\nx_forwarded_for: 203.0.113.1\r\n", "");
    Behind::introduces(&behind.shop.last().head, "guest", "");
}

#[test]
fn caddy_serves_what_init_prints() {
    let behind = Behind::new("caddy", |site, printed| {
        let text = printed.replace("http://shop.test {", "{\n    admin off\n}\nhttp://shop.test:{port} {");
        let program = python::beside("caddy").to_string_lossy().into_owned();
        let command = [&*program, "run", "--adapter", "caddyfile", "--config", &file(site, "Caddyfile")].map(str::to_owned);
        ("Caddyfile", text, command.to_vec())
    });
    behind.serves();
    behind.ask("GET", "/open", "doorward_login: made-up\r\nDoorward.Roles: made-up\r\nx_forwarded_for: 203.0.113.1\r\n", "");
    Behind::introduces(&behind.shop.last().head, "guest", "");
}

#[test]
fn haproxy_serves_what_init_prints() {
    let behind = Behind::new("haproxy", |site, printed| {
        let script = site.ok(&["init", "haproxy", "--lua", "--config", "bound.toml"], "").out;
        site.write("doorward.lua", &script);
        let text = printed
            .replace("bind :80", "bind 127.0.0.1:{port}")
            .replace("/etc/haproxy/doorward.lua", &file(site, "doorward.lua"));
        let command = ["haproxy", "-db", "-f", &file(site, "haproxy.cfg")].map(str::to_owned);
        ("haproxy.cfg", text, command.to_vec())
    });
    behind.serves();
    behind.ask("GET", "/open", "doorward_login: made-up\r\nDoorward.Roles: made-up\r\nx_forwarded_for: 203.0.113.1\r\n", "");
    Behind::introduces(&behind.shop.last().head, "guest", "");
}

/// Traefik is nowhere that tests could take it from: its file is read as what it is, and its words are looked at.
#[test]
fn traefik_is_told_all_that_it_must_do() {
    let site = Site::new(
        &CONFIG
            .replace("{listen}", "127.0.0.1:8080")
            .replace("{proxy}", "traefik")
            .replace("{orders}", "http://127.0.0.1:9001")
            .replace("{shop}", "http://127.0.0.1:9000"),
    );
    site.write("routes.toml", ROUTES);
    let printed = site.ok(&["init", "traefik", "--config", "doorward.toml"], "").out;
    site.write("doorward.yml", &printed);
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let read = Command::new(python::beside("python")).args(["-c", script, &file(&site, "doorward.yml")]).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let http = serde_json::from_slice::<Value>(&read.stdout).unwrap()["http"].clone();
    let (routers, middlewares) = (&http["routers"], &http["middlewares"]);
    let judged = ["doorward-clear", "doorward-method", "doorward-judge"];
    for (name, path, service) in [("service_orders", "^/orders(/|$)", "service_orders"), ("service_shop", "^/", "service_shop")] {
        let router = &routers[name];
        assert_eq!(router["rule"], format!("(Host(`shop.test`)) && PathRegexp(`{path}`)"));
        assert_eq!(router["middlewares"], serde_json::json!(judged));
        assert_eq!(router["service"], service);
    }
    assert!(routers["service_orders"]["priority"].as_u64() > routers["service_shop"]["priority"].as_u64());
    assert!(routers["doorward"]["priority"].as_u64() > routers["service_orders"]["priority"].as_u64());
    assert_eq!(routers["doorward"]["service"], "doorward");
    let judge = &middlewares["doorward-judge"]["forwardAuth"];
    assert_eq!(judge["address"], "http://127.0.0.1:8080/_doorward/traefik");
    assert_eq!(judge["trustForwardHeader"], false);
    assert_eq!(judge["authResponseHeadersRegex"], "(?i)^doorward[^a-z0-9]");
    let cleared = middlewares["doorward-clear"]["headers"]["customRequestHeaders"].as_object().unwrap();
    assert!(cleared.values().all(|value| value == ""), "{cleared:?}");
    for name in ["Forwarded", "X-Original-Url", "X_forwarded_for", "X-Forwarded-Uri", "Proxy"] {
        assert!(cleared.contains_key(name), "{name}: {cleared:?}");
    }
    assert_eq!(http["services"]["doorward"]["loadBalancer"]["servers"][0]["url"], "http://127.0.0.1:8080");
}

#[test]
fn what_is_missing_is_said_line_by_line() {
    let rest_of_it =
        "[[directory]]\nname = \"people\"\nkind = \"customer\"\n[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:9000\"\n";
    let site = Site::new(&format!("[server]\nlisten = \"127.0.0.1:8080\"\n{rest_of_it}"));
    let output = site.run(&["init", "caddy"], "");
    assert_eq!(output.code, 1);
    assert_eq!(output.out, "");
    for line in [
        "public_url = \"https://shop.example.com\"",
        "trusted_proxies = [\"127.0.0.1\"]",
        "client_address = \"x-forwarded-for\"",
        "[[forward_auth]]\nconvention = \"caddy\"\npath = \"/_doorward/caddy\"",
    ] {
        assert!(output.err.contains(line), "{line}: {}", output.err);
    }
    // What it says makes it sound.
    let lines = output.err.split_once("\n\n").unwrap().1;
    let (server, rest) = lines.split_once("[[forward_auth]]").unwrap();
    let server = server.replace("[server]\n", "[server]\nlisten = \"127.0.0.1:8080\"\n");
    site.write("doorward.toml", &format!("{server}[[forward_auth]]{rest}\n{rest_of_it}"));
    let printed = site.ok(&["init", "caddy"], "").out;
    assert!(printed.contains("https://shop.example.com {"), "{printed}");
    assert_eq!(site.run(&["init", "caddy", "--lua"], "").code, 2);
}

#[test]
fn what_a_proxy_could_misread_is_not_printed() {
    for (path, upstream) in [("/_doorward/nginx", "/a$b"), ("/_doorward/ng;inx", "/a")] {
        let config = CONFIG
            .replace("{listen}", "127.0.0.1:8080")
            .replace("path = \"/_doorward/{proxy}\"", &format!("path = \"{path}\""))
            .replace("{proxy}", "nginx")
            .replace("{orders}", "http://127.0.0.1:9001")
            .replace("{shop}", "http://127.0.0.1:9000")
            .replace("path = \"/orders\"", &format!("path = \"{upstream}\""));
        let site = Site::new(&config);
        site.write("routes.toml", ROUTES);
        let output = site.run(&["init", "nginx"], "");
        assert_eq!((output.code, &*output.out), (1, ""), "{output:?}");
        assert!(output.err.contains("may mean something else to a proxy"), "{output:?}");
    }
}

#[test]
fn envoy_serves_what_init_prints() {
    let behind = Behind::new("envoy", |site, printed| {
        let text = printed.replace("address: \"0.0.0.0\", port_value: 80 ", "address: \"127.0.0.1\", port_value: {port} ");
        let program = python::beside("envoy").to_string_lossy().into_owned();
        let more = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
        let config = file(site, "envoy.yaml");
        let command = [&[&*program, "-c", &*config], &more[..]].concat();
        ("envoy.yaml", text, command.into_iter().map(str::to_owned).collect())
    });
    behind.serves();
    behind.ask("GET", "/open", "doorward_login: made-up\r\nDoorward.Roles: made-up\r\nx_forwarded_for: 203.0.113.1\r\n", "");
    Behind::introduces(&behind.shop.last().head, "guest", "");
    only_sound_questions_of_trusted_proxies_are_answered(&behind);
}

/// A call of gRPC about a request of somebody at 192.0.2.1.
fn call(method: &str, path: &str, host: &str, (name, value): (&str, &str)) -> Vec<u8> {
    framed(&question(method, path, host, &format!("x-forwarded-for: 192.0.2.1\r\n{name}: {value}\r\n")))
}

/// Headers and trailers of the answer, and its message.
fn check(site: &Site, server: SocketAddr, from: &str, call: &[u8]) -> (String, String) {
    let question = site.path().join("question");
    std::fs::write(&question, call).unwrap();
    let output = Command::new("curl")
        .args(["-s", "-D", &file(site, "head"), "--http2-prior-knowledge", "--interface", from, "--max-time", "30"])
        .args(["-H", "Content-Type: application/grpc", "-H", "TE: trailers", "--data-binary"])
        .arg(format!("@{}", question.display()))
        .arg(format!("http://{server}/envoy.service.auth.v3.Authorization/Check"))
        .output()
        .unwrap();
    let head = std::fs::read_to_string(site.path().join("head")).unwrap();
    (head.to_ascii_lowercase(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whatever is no sound question of a trusted proxy has an error of gRPC for an answer, which is a refusal.
fn only_sound_questions_of_trusted_proxies_are_answered(behind: &Behind) {
    let ask = |from: &str, question: &[u8]| check(&behind.site, behind.server.public, from, question);
    let plain = ("accept", "*/*");
    let (head, message) = ask("127.0.0.1", &call("GET", "/open", "shop.test", plain));
    assert!(head.contains("grpc-status: 0"), "{head}");
    assert!(message.contains("doorward-identity") && message.contains("guest"), "{message:?}");
    let (head, message) = ask("127.0.0.1", &call("GET", "/orders/5", "shop.test", plain));
    assert!(head.contains("grpc-status: 0") && !message.contains("doorward-identity"), "{head}{message:?}");
    for (from, question, status) in [
        // Whoever is not trusted is answered before the message is read, so a client may still be sending one: this has none.
        ("127.0.0.3", Vec::new(), 7),
        ("127.0.0.1", call("", "/open", "shop.test", plain), 3),
        ("127.0.0.1", call("GET", "", "shop.test", plain), 3),
        ("127.0.0.1", call("GET", "/open", "", plain), 3),
        ("127.0.0.1", call("GET", "/open#/../orders/5", "shop.test", plain), 3),
        ("127.0.0.1", framed(b"\xff\xff"), 3),
        ("127.0.0.1", framed(b""), 3),
    ] {
        let (head, message) = ask(from, &question);
        assert!(head.contains(&format!("grpc-status: {status}")), "{status}: {head}");
        assert_eq!(message, "", "{status}");
    }
    // What a client could have said, where Envoy does not take it away.
    for (question, said) in [
        (call("GET", "/open", "other.test", plain), "another host"),
        (call("GET", "/open", "shop.test", ("host", "other.test")), "two hosts"),
        (call("GET", "/open/../orders/5", "shop.test", plain), "a path with two meanings"),
        (call("GET", "/orders/5", "shop.test", ("x-original-url", "/open")), "another path"),
        (call("GET", "/open", "shop.test", ("doorward_login", "root")), "a name that folds to one of ours"),
        (call("GET", "/open", "shop.test", ("x-http-method-override", "DELETE")), "another method"),
    ] {
        let (head, message) = ask("127.0.0.1", &question);
        assert!(head.contains("grpc-status: 0") && !message.contains("doorward-identity"), "{said}: {head}{message:?}");
    }
    let (_, message) = ask("127.0.0.1", &call("GET", "/open", "shop.test", ("doorward-login", "root")));
    assert!(message.contains("guest") && message.contains("doorward-login") && !message.contains("root"), "{message:?}");
}
