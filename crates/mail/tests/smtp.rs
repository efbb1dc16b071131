//! Mail through a real mail server on loopback (`tests/smtp_server.py`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of tests may fail a test")]

use doorward_core::{
    Time,
    mail::{About, Invitation, Letter, Post},
    ports::{Clock, Entropy},
};
use doorward_mail::{Certificates, Ledger, MailEvent, Mailer, Patience, Setup, Templates, Transport};
use serde_json::Value;
use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

struct Fixed(AtomicU8);

impl Clock for Fixed {
    fn now(&self) -> Time {
        Time(1_800_000_000_000)
    }
}

impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

/// What was noted, as `reset sent 1 `, and what the log showed.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Ledger for Notes {
    fn mail(&self, event: &MailEvent<'_>) {
        let note = format!("{} {} {} {}", event.mail, event.outcome.as_str(), event.tries, event.detail);
        self.0.lock().unwrap().push(note);
    }

    fn show(&self, mail: &'static str, to: &str, subject: &str, _: &str, link: Option<&str>) {
        self.0.lock().unwrap().push(format!("{mail} shown {to} {subject} {}", link.unwrap_or_default()));
    }
}

impl Notes {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    async fn until(&self, count: usize) -> Vec<String> {
        let began = Instant::now();
        while self.all().len() < count {
            assert!(began.elapsed() < Duration::from_secs(60), "{:?}", self.all());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.all()
    }
}

struct MailServer {
    child: Child,
    lines: BufReader<ChildStdout>,
    port: u64,
    certificates: String,
}

impl MailServer {
    fn start(arguments: &[&str]) -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let python = env::var_os("DOORWARD_TEST_PYTHON").map_or(workspace.join("target/test-venv/bin/python"), PathBuf::from);
        assert!(python.exists(), "{} is missing: run scripts/test, which installs what the tests need", python.display());
        let mut child = Command::new(python)
            .arg(workspace.join("tests/smtp_server.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It complains of every client that turns away.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, lines, port: 0, certificates: String::new() };
        let ready = server.next();
        server.port = ready["port"].as_u64().unwrap();
        server.certificates = ready["certificates"].as_str().unwrap().to_owned();
        server
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the mail server said {line:?}"))
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn setup(url: &str, certificates: &str) -> Setup {
    let mut transport = Transport::parse(url).unwrap().unwrap();
    if let Transport::Smtp(smtp) = &mut transport {
        smtp.certificates = Certificates(certificates.to_owned());
    }
    Setup {
        transport,
        from: "The Shop <shop@example.com>".parse().unwrap(),
        reply_to: None,
        templates: Arc::new(Templates::built_in()),
    }
}

fn mailer(setup: Setup, patience: Patience) -> (Mailer, Arc<Notes>) {
    let world = Arc::new(Fixed(AtomicU8::new(1)));
    let notes = Arc::new(Notes::default());
    let url = "https://shop.example.com".into();
    (Mailer::new(Some(setup), url, world.clone(), world, Arc::clone(&notes) as _, patience, Handle::current()), notes)
}

fn quick() -> Patience {
    Patience { pauses: vec![Duration::from_millis(1); 3], ..Patience::default() }
}

fn reset(to: &str) -> Letter {
    Letter {
        to: to.into(),
        directory: "customers".into(),
        login: to.into(),
        about: About::Reset(Invitation {
            link: "https://shop.example.com/password/customers/SECRET".into(),
            token: "SECRET".into(),
            lifetime: Duration::from_secs(7200),
        }),
    }
}

#[tokio::test]
async fn a_mail_arrives_in_the_clear_on_loopback_alone() {
    let mut server = MailServer::start(&[]);
    let (mailer, notes) = mailer(setup(&format!("smtp://127.0.0.1:{}", server.port), ""), quick());
    mailer.send(reset("anna@example.net"));
    assert_eq!(notes.until(1).await, ["reset sent 1 "]);
    let mail = server.next();
    assert_eq!(
        (&mail["tls"], &mail["user"], &mail["hello"], &mail["from"], &mail["to"][0]),
        (&false.into(), &Value::Null, &"example.com".into(), &"shop@example.com".into(), &"anna@example.net".into())
    );
    let data = mail["data"].as_str().unwrap();
    assert!(data.contains("From: \"The Shop\" <shop@example.com>\r\n") && data.contains("To: anna@example.net\r\n"), "{data}");
    assert!(data.contains("Subject: Set a new password for shop.example.com\r\n"), "{data}");
    assert!(data.contains("https://shop.example.com/password/customers/SECRET"), "{data}");
    assert!(data.contains("text/plain; charset=utf-8") && data.contains("text/html; charset=utf-8"), "{data}");
}

#[tokio::test]
async fn tls_is_verified_and_never_given_up() {
    for (tls, scheme, query) in [("starttls", "smtp", "?tls=starttls"), ("implicit", "smtps", "")] {
        let mut server = MailServer::start(&["--tls", tls, "--user", "shop", "--password", "p@ss word"]);
        let url = |host: &str, password: &str| format!("{scheme}://shop:{password}@{host}:{}{query}", server.port);
        let (right, wrong) = (url("localhost", "p%40ss%20word"), url("localhost", "guess"));
        let certificates = server.certificates.clone();

        let (stranger, notes) = mailer(setup(&right, ""), Patience { pauses: Vec::new(), ..Patience::default() });
        stranger.send(reset("anna@example.net"));
        let said = notes.until(1).await.remove(0);
        assert!(said.starts_with("reset failed 1 ") && said.contains("certificate"), "an unknown authority: {said}");

        let (stranger, notes) = mailer(setup(&wrong, &certificates), quick());
        stranger.send(reset("anna@example.net"));
        assert_eq!(
            notes.until(1).await,
            ["reset failed 1 the mail server answered 535"],
            "a wrong password is no matter of time"
        );

        let (mailer, notes) = mailer(setup(&right, &certificates), quick());
        mailer.send(reset("anna@example.net"));
        assert_eq!(notes.until(1).await, ["reset sent 1 "], "{tls}");
        let mail = server.next();
        assert_eq!((&mail["tls"], &mail["user"]), (&true.into(), &"shop".into()));
    }
    // A server without TLS gets nothing where TLS is wanted.
    let server = MailServer::start(&[]);
    let (mailer, notes) = mailer(setup(&format!("smtp://localhost:{}?tls=starttls", server.port), ""), quick());
    mailer.send(reset("anna@example.net"));
    let said = notes.until(4).await;
    assert!(said[3].starts_with("reset failed 4 "), "{said:?}");
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let mut server = MailServer::start(&["--refuse", "451", "2"]);
    let (patient, notes) = mailer(setup(&format!("smtp://127.0.0.1:{}", server.port), ""), quick());
    patient.send(reset("anna@example.net"));
    let busy = "the mail server answered 451";
    assert_eq!(
        notes.until(3).await,
        [format!("reset delayed 1 {busy}"), format!("reset delayed 2 {busy}"), "reset sent 3 ".into()]
    );
    assert_eq!(server.next()["to"][0], "anna@example.net");

    let server = MailServer::start(&["--refuse", "550", "9"]);
    let (mailer, notes) = mailer(setup(&format!("smtp://127.0.0.1:{}", server.port), ""), quick());
    mailer.send(reset("anna@example.net"));
    assert_eq!(notes.until(1).await, ["reset failed 1 the mail server answered 550"]);
    assert!(notes.all().iter().all(|note| !note.contains("anna") && !note.contains("SECRET")));
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_is_away_and_the_queue_is_bounded() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (mailer, notes) = mailer(setup(&url, ""), Patience { letters: 3, ..quick() });
    let began = Instant::now();
    for _ in 0..5 {
        mailer.send(reset("anna@example.net"));
    }
    assert!(began.elapsed() < Duration::from_secs(1), "it never answers, and nobody noticed");
    let dropped = "reset dropped 0 too many mails wait already";
    assert_eq!(notes.until(2).await, [dropped, dropped]);
}

#[tokio::test]
async fn a_folder_gets_one_file_for_each_mail_that_only_we_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("mail");
    let (mailer, notes) = mailer(setup(&format!("folder:{}", folder.display()), ""), quick());
    mailer.send(reset("anna@example.net"));
    mailer.send(Letter { about: About::Welcome, ..reset("bert@example.net") });
    let mut said = notes.until(2).await;
    said.sort();
    assert_eq!(said, ["reset sent 1 ", "welcome sent 1 "]);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert!(names.len() == 2 && names[0].starts_with("1800000000000-reset-") && names[1].starts_with("1800000000000-welcome-"));
    assert!(names.iter().all(|name| name.ends_with(".eml")), "{names:?}");
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn the_log_shows_a_mail_for_development() {
    let (mailer, notes) = mailer(setup("log:", ""), quick());
    mailer.send(reset("anna@example.net"));
    let link = "https://shop.example.com/password/customers/SECRET";
    let shown = format!("reset shown anna@example.net Set a new password for shop.example.com {link}");
    assert_eq!(notes.until(2).await, [shown, "reset sent 1 ".into()]);
}

#[tokio::test]
async fn an_address_that_is_none_gets_no_mail_and_no_one_else_does() {
    let mut server = MailServer::start(&[]);
    let (mailer, notes) = mailer(setup(&format!("smtp://127.0.0.1:{}", server.port), ""), quick());
    for odd in ["anna@example.net\r\nBcc: all@example.com", "anna@example.net, all@example.com", "<all@example.com>", ""] {
        mailer.send(reset(odd));
    }
    let said = notes.until(4).await;
    assert!(said.iter().all(|note| note.starts_with("reset failed 1 the account's address is none")), "{said:?}");
    mailer.send(reset("anna@example.net"));
    notes.until(5).await;
    assert_eq!(server.next()["to"], serde_json::json!(["anna@example.net"]), "the first mail that the server ever saw");
}

#[tokio::test]
async fn closing_tries_once_more_and_then_gives_up() {
    // Held and never listened on, so that nobody else gets it.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = held.local_addr().unwrap();
    let slow = Patience { pauses: vec![Duration::from_secs(3600); 9], ..Patience::default() };
    let (mailer, notes) = mailer(setup(&format!("smtp://{closed}"), ""), slow);
    mailer.send(reset("anna@example.net"));
    notes.until(1).await;
    let began = Instant::now();
    mailer.close(Duration::from_secs(30)).await;
    assert!(began.elapsed() < Duration::from_secs(20));
    let said = notes.all();
    assert!(said.len() == 2 && said[0].starts_with("reset delayed 1 ") && said[1].starts_with("reset failed 2 "), "{said:?}");
}
