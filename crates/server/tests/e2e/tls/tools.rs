//! The clients that people have: curl, and OpenSSL's `s_client`.

use crate::support::{
    Server,
    client::{Connection, Reply},
};
use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

/// What curl printed: head and body, and its exit code.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) code: i32,
    pub(crate) text: String,
    /// For messages.
    #[allow(dead_code, clippy::allow_attributes, reason = "shown where a test fails")]
    pub(super) err: String,
}

impl Got {
    /// The status of the answer; 0 without one.
    pub(crate) fn status(&self) -> u16 {
        self.text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    /// `HTTP/2` or `HTTP/1.1`.
    pub(super) fn version(&self) -> &str {
        self.text.split_whitespace().next().unwrap_or("")
    }

    /// A header's value, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// `curl -i https://HOST:PORT/PATH` with more arguments, HOST being this machine.
pub(crate) fn curl(server: &Server, host: &str, path: &str, arguments: &[&str]) -> Got {
    curl_at(server.public.port(), host, path, arguments)
}

/// The same on another port.
pub(crate) fn curl_at(port: u16, host: &str, path: &str, arguments: &[&str]) -> Got {
    let output = Command::new("curl")
        .args(["-sS", "-i", "--max-time", "30", "--noproxy", "*", "--resolve", &format!("{host}:{port}:127.0.0.1")])
        .args(arguments)
        .arg(format!("https://{host}:{port}{path}"))
        .stdin(Stdio::null())
        .output()
        .expect("curl runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Got { code: output.status.code().unwrap_or(-1), text: text(output.stdout), err: text(output.stderr) }
}

/// Everything that `openssl s_client` says about one handshake.
pub(super) fn s_client(server: &Server, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &server.public.to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("openssl runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// A connection of `s_client` that stays open.
pub(crate) struct Open {
    child: Child,
    connection: Connection,
}

impl Open {
    pub(crate) fn new(server: &Server, host: &str, authority: &Path) -> Self {
        Self::with(server, host, authority, None)
    }

    /// With the certificate `NAME.pem` and its key, of this folder.
    pub(crate) fn with(server: &Server, host: &str, authority: &Path, client: Option<(&Path, &str)>) -> Self {
        Self::to(server.public, host, authority, client)
    }

    /// With whoever is there.
    pub(crate) fn to(address: SocketAddr, host: &str, authority: &Path, client: Option<(&Path, &str)>) -> Self {
        let file = |(folder, name): (&Path, &str), kind: &str| folder.join(format!("{name}.{kind}"));
        let client = client.into_iter().flat_map(|client| {
            ["-cert".into(), file(client, "pem").into_os_string(), "-key".into(), file(client, "key").into_os_string()]
        });
        let mut child = Command::new("openssl")
            .args(["s_client", "-quiet", "-ign_eof", "-verify_return_error", "-servername", host])
            .args(["-connect", &address.to_string(), "-CAfile"])
            .arg(authority)
            .args(client)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        let connection = Connection::over(child.stdout.take().unwrap(), child.stdin.take().unwrap());
        Self { child, connection }
    }

    /// One request on it; the status.
    pub(crate) fn get(&mut self, host: &str, path: &str) -> u16 {
        let status = self.ask("GET", host, path, "", "").status;
        assert_ne!(status, 0, "the connection ended");
        status
    }

    /// One request with these header lines (each ending in CR LF).
    pub(crate) fn ask(&mut self, method: &str, host: &str, path: &str, headers: &str, body: &str) -> Reply {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.connection.send(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{length}{headers}\r\n{body}"));
        self.connection.reply()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
