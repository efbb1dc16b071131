//! A place with a configuration, the binary running there, a client that hides nothing, and an upstream that records.
//! Everything is on free ports and in folders of its own, so that tests run side by side.
#![allow(dead_code, clippy::allow_attributes, reason = "each module uses a part of it")]

pub(crate) mod client;
pub(crate) mod grpc;
pub(crate) mod proxy;
pub(crate) mod python;
pub(crate) mod upstream;

use client::Reply;
pub(crate) use client::exchange;
use upstream::Upstream;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// No wait in a test is longer; the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The configuration of [`Site::basic`].
const BASIC: &str = r#"[server]
listen = "127.0.0.1:0"
[operations]
listen = "127.0.0.1:0"
[log]
requests = "all"
[[directory]]
name = "admins"
kind = "admin"
[[directory]]
name = "customers"
kind = "customer"
[passwords]
memory_kib = 19456
[routes]
files = ["routes.toml"]
[[upstream]]
name = "test"
url = "{upstream}"
"#;

/// Its rules.
const ROUTES: &str = r#"[[route]]
methods = ["GET", "POST"]
path = "/open"
require = ["anonymous"]
[[route]]
methods = ["GET", "POST"]
path = "/closed"
require = ["self"]
"#;

/// What a command said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Output {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// What most configurations of tests share: any port for operations, and hashes that cost next to nothing.
pub(crate) const QUICK: &str = "[operations]\nlisten = \"127.0.0.1:0\"\n[passwords]\nmemory_kib = 1024\niterations = 1\n";

/// A folder with `doorward.toml`, gone at the end of the test.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    /// A place with this configuration. Where it names no `[store]`, `doorward.db` in the folder is the store.
    pub(crate) fn new(config: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        site.write("doorward.toml", config);
        site
    }

    /// The same with [`QUICK`].
    pub(crate) fn quick(config: &str) -> Self {
        Self::new(&format!("{config}{QUICK}"))
    }

    /// A place with the directories `admins` and `customers`, an upstream for everything, and two routes: `/open` for
    /// everyone and `/closed` for every customer and for admins who may do everything.
    pub(crate) fn basic(upstream: &Upstream) -> Self {
        let site = Self::new(&BASIC.replace("{upstream}", &upstream.url()));
        site.write("routes.toml", ROUTES);
        site
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file there, and the folders on the way.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs `doorward ARGUMENTS` in the folder to its end.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Output {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed.
    pub(crate) fn ok(&self, arguments: &[&str], input: &str) -> Output {
        let output = self.run(arguments, input);
        assert_eq!(output.code, 0, "{arguments:?}: {output:?}");
        output
    }

    /// Adds an account with this password.
    pub(crate) fn user(&self, account: &str, password: &str, roles: &[&str]) {
        let mut arguments = vec!["user", "add", account, "--password-stdin"];
        roles.iter().for_each(|role| arguments.extend(["--role", role]));
        self.ok(&arguments, password);
    }

    /// Starts `doorward serve` in the folder and waits until it is ready.
    pub(crate) fn serve(&self) -> Server {
        Server::start(&mut self.command(&["serve", "--config", "doorward.toml"]))
    }

    /// Starts `doorward demo` in the folder, which also takes its temporary files, and waits until it is ready.
    pub(crate) fn demo(&self) -> Server {
        let mut command = self.command(&["demo", "--listen", "127.0.0.1:0"]);
        Server::start(command.env("TMPDIR", self.path()))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.args(arguments).current_dir(self.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
        command
    }
}

/// A server that is ready.
pub(crate) struct Server {
    child: Child,
    /// The line that said so.
    pub(crate) ready: String,
    /// The first public listener.
    pub(crate) public: SocketAddr,
    /// The operations listener.
    pub(crate) operations: Option<SocketAddr>,
    log: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let reader = thread::spawn({
            let (log, err) = (Arc::clone(&log), child.stderr.take().unwrap());
            move || {
                for line in BufReader::new(err).lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    log.push_str(&line);
                    log.push('\n');
                }
            }
        });
        // The demo greets first.
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
        let ready = lines.into_iter().find(|line| line.starts_with("ready ")).unwrap_or_default();
        let address = |after: &str| {
            let rest = ready.split_once(after)?.1;
            rest.split_whitespace().next()?.split_once("://")?.1.parse().ok()
        };
        let Some(public) = address("ready ") else {
            let _ = child.wait();
            let _ = reader.join();
            panic!("not ready: {ready:?}\n{}", log.lock().unwrap());
        };
        let operations = address("operations ");
        Self { child, ready: format!("{ready}\n"), public, operations, log, reader: Some(reader) }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success(), "kill -{name} failed");
    }

    /// Ends it by SIGTERM. Its exit code and everything it logged.
    pub(crate) fn stop(mut self) -> (i32, String) {
        self.signal("TERM");
        let code = self.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        (code, self.log())
    }

    /// Waits for its end; the exit code.
    pub(crate) fn wait(&mut self) -> i32 {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < until, "the server does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the log holds something, and returns the first line with it.
    pub(crate) fn logged(&self, text: &str) -> String {
        eventually(&format!("{text} in the log"), || self.log().lines().find(|line| line.contains(text)).map(str::to_owned))
    }

    /// One request on a connection of its own, to the public listener.
    pub(crate) fn exchange(&self, raw: &str) -> Reply {
        exchange(self.public, raw)
    }

    /// `GET path` with these header lines (each ending in CR LF).
    pub(crate) fn get(&self, path: &str, headers: &str) -> Reply {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.public))
    }

    /// A request with a body.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let length = body.len();
        self.exchange(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}",
            self.public
        ))
    }

    /// Signs in over REST in JSON; the login stands in the JSON as it is.
    pub(crate) fn try_sign_in(&self, login: &str, password: &str) -> Reply {
        let headers = "Content-Type: application/vnd.ibexa.api.SessionInput+json\r\nAccept: application/json\r\n";
        let body = format!("{{\"SessionInput\":{{\"login\":\"{login}\",\"password\":\"{password}\"}}}}");
        self.send("POST", "/api/ibexa/v2/user/sessions", headers, &body)
    }

    /// Signs in, which must succeed.
    pub(crate) fn sign_in(&self, login: &str, password: &str) -> Session {
        let reply = self.try_sign_in(login, password);
        assert_eq!(reply.status, 201, "{reply:?}");
        let session = &reply.json()["Session"];
        let word = |name: &str| session[name].as_str().unwrap().to_owned();
        let (id, token) = (word("identifier"), word("csrfToken"));
        Session { cookie: format!("{}={id}", word("name")), id, token }
    }

    /// `GET path` on the operations listener.
    pub(crate) fn operate(&self, path: &str) -> Reply {
        let address = self.operations.expect("no operations listener");
        exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
    }

    /// The value of a metric, named with its labels.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let text = self.operate("/metrics").body;
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A session that was begun over REST.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// `NAME=VALUE` for a `Cookie` header.
    pub(crate) cookie: String,
    pub(crate) id: String,
    pub(crate) token: String,
}

/// `doorward demo`, running.
pub(crate) struct Demo {
    child: Child,
    temporary: tempfile::TempDir,
    log: tempfile::NamedTempFile,
    /// Everything that it printed until it was ready.
    pub(crate) said: String,
}

impl Demo {
    /// Starts it on a free port.
    pub(crate) fn start() -> Self {
        let (temporary, log) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.as_mut().unwrap());
        while !said.lines().any(|line| line.starts_with("ready ")) {
            assert_ne!(out.read_line(&mut said).unwrap(), 0, "the demo ended: {said}");
        }
        Self { child, temporary, log, said }
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// The folder of its database.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        fs::read_dir(self.temporary.path()).unwrap().flatten().map(|entry| entry.path()).next()
    }

    /// Ends it by Ctrl-C; the exit code.
    pub(crate) fn stop(mut self) -> i32 {
        let status = Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "there never was {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Everything of a reader.
pub(crate) fn read_all(mut reader: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = reader.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
