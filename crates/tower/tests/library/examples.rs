//! The examples, running: each is started as its reader would, and asked over a socket.

use serde_json::Value;
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// No wait is longer; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// An example that is ready.
struct Example {
    child: Child,
    address: String,
    /// What it said before.
    said: String,
}

impl Example {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let path = built(name);
        let mut child = Command::new(&path).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let line = lines.next().expect("the example ended before it was ready").unwrap();
            match line.strip_prefix("ready http://") {
                Some(address) => break address.to_owned(),
                None => said.push_str(&(line + "\n")),
            }
        };
        Self { child, address, said }
    }

    /// Status, head and body of the answer, once it is known who may: a busy door may be deaf for a moment.
    fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
        loop {
            let answer = self.ask_once(line, headers, body);
            if answer.0 != 503 {
                return answer;
            }
        }
    }

    fn ask_once(&self, line: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (host, length) = (&self.address, body.len());
        write!(stream, "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
    }

    /// Signs in; the cookie and the token.
    fn sign_in(&self, login: &str) -> (String, String) {
        let input = format!(r#"{{"SessionInput":{{"login":"{login}","password":"a long one for {login}"}}}}"#);
        let headers = [
            ("Content-Type", "application/vnd.ibexa.api.SessionInput+json"),
            ("Accept", "application/vnd.ibexa.api.Session+json"),
        ];
        let (status, head, body) = self.ask("POST /api/ibexa/v2/user/sessions", &headers, &input);
        assert_eq!(status, 201, "{head}\n{body}");
        let cookie = head.lines().find_map(|line| line.to_lowercase().starts_with("set-cookie:").then(|| line[11..].trim()));
        let session: Value = serde_json::from_str(&body).unwrap();
        let token = session["Session"]["csrfToken"].as_str().unwrap().to_owned();
        (cookie.unwrap().split(';').next().unwrap().to_owned(), token)
    }

    /// Ends it as Ctrl-C does.
    fn interrupt(mut self) {
        let signal = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(signal.success());
        assert!(self.child.wait().unwrap().success(), "it ends well");
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that cargo built beside this test.
fn built(name: &str) -> PathBuf {
    let path = env::current_exe().unwrap();
    let path = path.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: run `cargo test -p doorward-tower` without --test", path.display());
    path
}

#[test]
fn an_existing_axum_api_is_protected() {
    let example = Example::start("protect_axum", &[]);
    assert_eq!(example.ask("GET /open", &[], "").2, "for everyone\n");
    assert_eq!(example.ask("GET /account", &[("Doorward-Identity", "customer/1")], "").0, 401);
    let (cookie, _) = example.sign_in("jane");
    assert_eq!(example.ask("GET /account", &[("Cookie", &cookie)], "").2, "this is customer/1\n");
    example.interrupt();
}

#[test]
fn protecting_an_axum_api_takes_ten_lines() {
    let source = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/protect_axum.rs")).unwrap();
    let ours = ["doorward", "Directory", "Identity", "NewUser", "Route::", "background", "rules", "api."];
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let lines: Vec<&str> =
        code.filter(|line| ours.iter().any(|word| line.to_lowercase().contains(&word.to_lowercase()))).collect();
    assert!(lines.len() <= 10, "{} lines:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn a_handler_demands_more_than_the_rules() {
    let example = Example::start("require_resource", &[]);
    let ((clerk, clerks), (cashier, cashiers)) = (example.sign_in("carl"), example.sign_in("cora"));
    assert_eq!(example.ask("GET /orders/7", &[("Cookie", &clerk)], "").2, "orders, by session\n");
    let refund =
        |cookie: &str, token: &str| example.ask("POST /orders/7/refund", &[("Cookie", cookie), ("X-CSRF-Token", token)], "");
    assert_eq!(refund(&clerk, &clerks).0, 403);
    assert_eq!(refund(&cashier, &cashiers).2, "refunded by admin/2\n");
}

#[test]
fn a_plain_service_is_protected() {
    let example = Example::start("tower_service", &[]);
    assert_eq!(example.ask("GET /", &[], "").2, "hello, guest\n");
    let (status, head, _) = example.ask("GET /api", &[], "");
    assert_eq!(status, 401);
    assert!(head.to_lowercase().contains("www-authenticate: basic realm="), "{head}");
    // carl:a long one for carl
    let pair = ("Authorization", "Basic Y2FybDphIGxvbmcgb25lIGZvciBjYXJs");
    assert_eq!(example.ask("GET /api", &[pair], "").2, "hello, admin/1\n");
}

#[test]
fn a_configuration_is_built_printed_and_replaced() {
    let example = Example::start("builder", &[]);
    assert!(example.said.contains("[[directory]]\nname = \"people\"\nkind = \"customer\"\n"), "{}", example.said);
    assert_eq!(example.ask("GET /news", &[], "").2, "news for a guest\n");
    assert_eq!(example.ask("GET /close", &[], "").2, "closed\n");
    assert_eq!(example.ask("GET /close", &[], "").0, 401);
}

#[test]
fn accounts_and_sessions_are_kept_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.toml");
    fs::write(folder.path().join("routes.toml"), "[[route]]\nmethods = [\"GET\"]\npath = \"/account\"\nrequire = [\"self\"]\n")
        .unwrap();
    fs::write(&file, "[[directory]]\nname = \"people\"\nkind = \"customer\"\n[routes]\nfiles = [\"routes.toml\"]\n").unwrap();
    let arguments = [file.to_str().unwrap()];
    let example = Example::start("sqlite_file", &arguments);
    assert_eq!(example.ask("GET /readyz", &[], "").0, 200);
    let (cookie, _) = example.sign_in("jane");
    example.interrupt();
    let again = Example::start("sqlite_file", &arguments);
    assert_eq!(again.ask("GET /account", &[("Cookie", &cookie)], "").2, "this is customer/1\n");
}

#[test]
fn the_echo_says_what_it_received() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.toml");
    fs::write(
        &file,
        "[store]\nurl = \"memory:\"\n[[directory]]\nname = \"people\"\nkind = \"customer\"\n[routes]\nunmatched = \"allow\"\n",
    )
    .unwrap();
    let example = Example::start("echo", &[file.to_str().unwrap()]);
    let (status, _, body) = example.ask("PUT /a/b?c=1", &[("X-Two", "1"), ("X-Two", "2"), ("Doorward-Login", "x")], "the body");
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!((&told["method"], &told["path"], &told["query"]), (&"PUT".into(), &"/a/b".into(), &"c=1".into()));
    assert_eq!((&told["headers"]["x-two"], &told["body"]), (&serde_json::json!(["1", "2"]), &"the body".into()));
    assert_eq!((&told["identity"], &told["headers"]["doorward-login"]), (&"guest".into(), &Value::Null));
    example.interrupt();
}
