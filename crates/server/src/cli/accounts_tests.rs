//! `user`, `role` and `session` on a store in memory: what they say, what they do, and how they end.

use super::{
    args::{Cli, Command},
    context::Context,
    role, session,
    terminal::{Answer, Failure, Terminal},
    user,
};
use clap::Parser;
use doorward_core::{
    Kind, Policy, Source, Time,
    acl::{Resource, Tree},
    policy::{CookieSpec, Directory, SameSite, Serve, Unmatched},
    ports::{Changed, Clock, Entropy, NewAccount, Store},
    route::RouteTable,
    session::{Session, SessionKey},
};
use doorward_crypto::password::Cost;
use doorward_store::Sqlite;
use serde_json::{Value, json};
use std::{
    io::{self, Cursor, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

const NOW: Time = Time(1_700_000_000_000);

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Time {
        NOW
    }
}

impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What a command did.
struct Done {
    out: String,
    err: String,
    answer: Result<Answer, Failure>,
}

impl Done {
    fn json(&self) -> Value {
        assert!(self.answer.is_ok(), "{}", self.why());
        serde_json::from_str(&self.out).unwrap()
    }

    fn why(&self) -> String {
        self.answer.as_ref().err().map(ToString::to_string).unwrap_or_default()
    }
}

/// A configuration with `admins` and `customers`, and its store.
struct Place {
    store: Arc<Sqlite>,
    policy: Arc<Policy>,
}

impl Place {
    fn new() -> Self {
        let options = doorward_store::Options { run: Some(7), ..doorward_store::Options::default() };
        Self { store: Arc::new(Sqlite::memory_with(options).unwrap()), policy: Arc::new(policy()) }
    }

    async fn run(&self, line: &str, input: &str) -> Done {
        let cli = Cli::try_parse_from(["doorward"].into_iter().chain(line.split(' '))).unwrap();
        let (out, err) = (Page::default(), Page::default());
        let input = Cursor::new(input.to_owned().into_bytes());
        let mut terminal = Terminal::new(cli.json, Box::new(out.clone()), Box::new(err.clone()), Box::new(input));
        let mut context = Context {
            tokens: Default::default(),
            oauth: None,
            web: Default::default(),
            policy: Arc::clone(&self.policy),
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            imports: Arc::clone(&self.store) as _,
            has_crypt_keys: false,
            clock: Arc::new(Fixed),
            entropy: Arc::new(Fixed),
            store_path: None,
            format: crate::telemetry::Format::Human,
            before: self.store.last_change().await.unwrap(),
            run: 7,
            cost: Cost { memory_kib: 8, iterations: 1, parallelism: 1 },
            terminal: &mut terminal,
        };
        let answer = match cli.command {
            Command::User { command, .. } => user::run(command, &mut context).await,
            Command::Role { command, .. } => role::run(command, &mut context).await,
            Command::Session { command, .. } => session::run(command, &mut context).await,
            other => panic!("{other:?}"),
        };
        Done { out: out.text(), err: err.text(), answer }
    }

    async fn begin_session(&self, number: u8, device: &str, seen: Time) {
        let owner = self.store.account_by_login("admins", None, "admin").await.unwrap().unwrap();
        let session = Session {
            key: SessionKey([number; 32]),
            directory: "admins".into(),
            account: owner.account.id,
            account_version: owner.version,
            created: seen,
            last_seen: seen,
            authenticated: seen,
            factors: vec!["pwd".into()],
            site: "default".into(),
            device: device.into(),
        };
        self.store.create_session(&session, None).await.unwrap();
    }
}

fn policy() -> Policy {
    let directory = |name: &str, kind| {
        let cookie = CookieSpec {
            name: name.into(),
            domain: None,
            path: "/".into(),
            lifetime: None,
            same_site: SameSite::Lax,
            secure: false,
        };
        let times = (Duration::from_secs(1800), Duration::from_secs(43_200));
        Arc::new(Directory {
            website: None,
            site: None,
            name: name.into(),
            kind,
            cookie,
            idle_timeout: times.0,
            lifetime: times.1,
            max_failures: 6,
            lock: times.0,
            passwords: doorward_core::PasswordRules::of(kind),
        })
    };
    let resource = |id: &str| Resource { id: id.into(), title: "Sales".into(), parent: None, source: Source::new("acl.xml", 1) };
    Policy {
        hash: "0".into(),
        hosts: None,
        origins: Vec::new(),
        cors: doorward_core::Cors::default(),
        sites: doorward_core::Sites::default(),
        ibexa_prefixes: Vec::new(),
        serve: Serve { sessions: true, tokens: false, accounts: false, root: true, users: true, pages: true, jwt: true },
        directories: vec![directory("customers", Kind::Customer), directory("admins", Kind::Admin)],
        firewalls: Vec::new(),
        access: Vec::new(),
        routes: RouteTable::default(),
        resources: Tree::new([resource("Magento_Sales::sales"), resource("Magento_Tax::manage_tax")]),
        unmatched: Unmatched::Deny,
        upstreams: Vec::new(),
        oauth: None,
        issuers: Vec::new(),
        providers: Vec::new(),
    }
}

const ADD: &str = "user add admins/admin --password-stdin";
const GOOD: &str = "correct horse battery\n";

#[tokio::test]
async fn an_account_is_added_shown_and_listed() {
    let place = Place::new();
    place.run("role add clerk --allow Magento_Sales::sales", "").await.answer.unwrap();
    let added = place.run("user add admins/admin --email a@example.com --role clerk --id 14 --password-stdin --json", GOOD).await;
    let expected = json!({
        "directory": "admins", "login": "admin", "kind": "admin", "id": 14, "email": "a@example.com",
        "roles": ["clerk"], "enabled": true, "password": true, "created": "2023-11-14T22:13:20Z",
    });
    assert_eq!(added.json(), expected);
    assert!(added.err.lines().count() == 1 && added.err.contains("audit action=account"), "{}", added.err);
    assert_eq!(place.run("user list --json", "").await.json(), json!([expected]));
    assert_eq!(place.run("user list customers --json", "").await.json(), json!([]));
    let shown = place.run("user show admins/ADMIN", "").await;
    for line in ["account   admins/admin", "id        admin/14", "roles     ROLE_USER, ROLE_ADMIN, clerk", "sessions  0"] {
        assert!(shown.out.lines().any(|l| l == line), "{line:?} is not in\n{}", shown.out);
    }
    let table = place.run("user list", "").await.out;
    assert_eq!(table, "ACCOUNT       ID        STATE    ROLES  E-MAIL\nadmins/admin  admin/14  enabled  clerk  a@example.com\n");
}

#[tokio::test]
async fn many_accounts_are_listed_a_page_at_a_time() {
    let place = Place::new();
    place.run("role add clerk", "").await.answer.unwrap();
    for number in 0..1100 {
        let new = NewAccount {
            directory: "customers".into(),
            kind: Kind::Customer,
            id: None,
            login: format!("c{number}@example.com").into(),
            per_website: false,
            email: None,
            password: None,
            roles: if number % 2 == 0 { vec!["clerk".into()] } else { Vec::new() },
            membership: None,
            confirmed: true,
            profile: "{}".into(),
        };
        place.store.add_account(new, Time(0)).await.unwrap();
    }
    let ids = |document: serde_json::Value| -> Vec<u64> {
        document.as_array().unwrap().iter().map(|account| account["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids(place.run("user list --json", "").await.json()), (1..=1100).collect::<Vec<_>>());
    assert_eq!(ids(place.run("user list customers --limit 501 --json", "").await.json()), (1..=501).collect::<Vec<_>>());
    assert_eq!(place.run("user list --limit 0 --json", "").await.out, "[]\n");
    assert_eq!(
        ids(place.run("user list --holding C109 --json", "").await.json()),
        [110, 1091, 1092, 1093, 1094, 1095, 1096, 1097, 1098, 1099, 1100]
    );
    let clerks = ids(place.run("user list --role clerk --json", "").await.json());
    assert_eq!(clerks, (1..=1100).step_by(2).collect::<Vec<_>>());
    let text = place.run("user list", "").await.out;
    assert_eq!((text.lines().count(), text.matches("ACCOUNT").count()), (1101, 1));
    assert_eq!(place.run("user list --limit 0", "").await.out, "ACCOUNT  ID  STATE  ROLES  E-MAIL\n");
    let role = place.run("role show clerk --json", "").await.json();
    assert_eq!((role["accounts"].as_array().unwrap().len(), &role["account_count"]), (550, &json!(550)));
    assert_eq!(place.run("role list", "").await.out, "ROLE   RESOURCES  ACCOUNTS\nclerk  0          550\n");
}

#[tokio::test]
async fn a_password_is_hashed_without_the_end_of_its_line() {
    for (input, is_same) in [
        ("correct horse battery", true),
        ("correct horse battery\n", true),
        ("correct horse battery\r\n", true),
        (" correct horse battery\n", false),
    ] {
        let place = Place::new();
        assert!(place.run(ADD, input).await.answer.is_ok());
        let stored = place.store.account(Kind::Admin, 1).await.unwrap().unwrap().password.unwrap();
        let same = Place::new();
        assert!(same.run(ADD, "correct horse battery").await.answer.is_ok());
        // Salts are equal here, so equal passwords have equal hashes.
        let reference = same.store.account(Kind::Admin, 1).await.unwrap().unwrap().password.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert_eq!(stored == reference, is_same, "{input:?}");
    }
}

#[tokio::test]
async fn a_weak_password_is_taken_with_a_warning_and_none_is_refused() {
    let place = Place::new();
    let weak = place.run(ADD, "publish").await;
    assert!(weak.answer.is_ok());
    assert!(weak.err.contains("warning: the password is weak") && !weak.err.contains("publish"), "{}", weak.err);
    for input in ["", "\n", "\r\n", &"x".repeat(4097), &"x".repeat(9000)] {
        let refused = place.run("user password admins/admin --password-stdin", input).await;
        assert!(refused.answer.is_err(), "{} bytes were taken", input.len());
    }
}

#[tokio::test]
async fn nothing_secret_is_said() {
    let place = Place::new();
    for line in
        [ADD, "user show admins/admin", "user list", "user password admins/admin --password-stdin", "user delete admins/admin"]
    {
        for line in [line.to_owned(), format!("{line} --json")] {
            let done = place.run(&line, GOOD).await;
            let said = format!("{}{}{}", done.out, done.err, done.why());
            assert!(!said.contains("argon2") && !said.contains("correct horse"), "{line}: {said}");
        }
    }
}

#[tokio::test]
async fn wrong_names_are_refused_with_the_nearest() {
    let place = Place::new();
    place.run(ADD, GOOD).await.answer.unwrap();
    place.run("role add clerk", "").await.answer.unwrap();
    for (line, why) in [
        ("user show admin/admin", "the configuration has no directory admin; did you mean \"admins\"?"),
        ("user show admins/admim", "the account admins/admim does not exist; did you mean \"admin\"?"),
        ("user disable customers/jane", "the account customers/jane does not exist"),
        ("user list --role clark", "the role clark does not exist; did you mean \"clerk\"?"),
        ("user list nobody", "the configuration has no directory nobody"),
        ("user add admins/Admin --password-stdin", "the account admins/Admin exists already"),
        ("user add admins/b --role clark --password-stdin", "the role clark does not exist; did you mean \"clerk\"?"),
        ("user add admins/b --id 1 --password-stdin", "an account that has or had the id admin/1 exists already"),
        ("role show clark", "the role clark does not exist; did you mean \"clerk\"?"),
        ("role delete nobody", "the role nobody does not exist"),
        ("session end 0123456789abcdef", "the session 0123456789abcdef does not exist"),
        ("session end --account admins/nobody", "the account admins/nobody does not exist"),
    ] {
        assert_eq!(place.run(line, GOOD).await.why(), why, "{line}");
    }
}

#[tokio::test]
async fn accounts_are_disabled_enabled_unlocked_and_deleted() {
    let place = Place::new();
    place.run(ADD, GOOD).await.answer.unwrap();
    place.begin_session(1, "", NOW).await;
    assert_eq!(
        place.run("user disable admins/admin", "").await.out,
        "disabled the account admins/admin; its sessions have ended\n"
    );
    assert_eq!(place.store.session_count().await.unwrap(), 0);
    assert_eq!(place.run("user enable admins/admin --json", "").await.json()["enabled"], true);
    let before = place.store.last_change().await.unwrap();
    assert!(place.run("user unlock admins/admin", "").await.answer.is_ok());
    let news = place.store.changes_since(before).await.unwrap();
    assert_eq!(news.first().map(|change| &change.what), Some(&Changed::Unlocked("admins".into(), "admin".into())));
    place.begin_session(2, "", NOW).await;
    assert!(place.run("user password admins/admin --password-stdin", "another good one").await.answer.is_ok());
    assert_eq!(place.store.session_count().await.unwrap(), 0);
    assert_eq!(place.run("user delete admins/admin", "").await.out, "deleted the account admins/admin and its sessions\n");
    assert!(place.run("user show admins/admin", "").await.answer.is_err());
}

#[tokio::test]
async fn logins_that_cannot_be_read_back_are_wrong_usage() {
    let place = Place::new();
    for login in ["a\u{7}b", "\ta", "a\n"] {
        let done = place.run(&format!("user add admins/{login} --password-stdin"), GOOD).await;
        let mut terminal = Terminal::new(true, Box::new(io::sink()), Box::new(io::sink()), Box::new(io::empty()));
        assert_eq!(
            format!("{:?}", terminal.conclude(done.answer)),
            format!("{:?}", std::process::ExitCode::from(2)),
            "{login:?}"
        );
    }
}

#[tokio::test]
async fn a_role_is_made_given_other_resources_and_deleted() {
    let place = Place::new();
    let made = place.run("role add clerk --allow Magento_Sales::sales --allow Magento_Backend::all", "").await;
    assert_eq!(made.out, "added the role clerk, which grants 2 resources\n");
    let changed = place.run("role add clerk --allow Magento_Tax::manage_tax --json", "").await.json();
    assert_eq!(changed, json!({ "name": "clerk", "resources": ["Magento_Tax::manage_tax"] }));
    place.run("user add admins/admin --role clerk --password-stdin", GOOD).await.answer.unwrap();
    let shown = place.run("role show clerk", "").await.out;
    assert!(shown.contains("Magento_Tax::manage_tax  Sales") && shown.contains("Magento_Backend::admin"), "{shown}");
    assert!(shown.contains("accounts: admins/admin"), "{shown}");
    assert_eq!(place.run("role list", "").await.out, "ROLE   RESOURCES  ACCOUNTS\nclerk  1          1\n");
    assert_eq!(place.run("role delete clerk", "").await.out, "deleted the role clerk; 1 account lost it\n");
    assert_eq!(place.run("role list --json", "").await.json(), json!([]));
}

#[tokio::test]
async fn unknown_resources_are_all_named_and_nothing_is_done() {
    let place = Place::new();
    let done = place.run("role add clerk --allow Magento_Sales::sale Magento_Tax::manage_tax Nobody::knows", "").await;
    let why = done.why();
    assert!(why.contains("Magento_Sales::sale ") && why.contains("did you mean \"Magento_Sales::sales\""), "{why}");
    assert!(why.contains("Nobody::knows") && !why.contains("the resource Magento_Tax::manage_tax"), "{why}");
    assert!(place.store.roles().await.unwrap().is_empty());
}

#[tokio::test]
async fn roles_that_nobody_gives_cannot_be_made_or_given() {
    let place = Place::new();
    for name in [
        "ROLE_USER",
        "ROLE_ADMIN",
        "ROLE_CUSTOMER",
        "ROLE_INTEGRATION",
        "PUBLIC_ACCESS",
        "IS_AUTHENTICATED_FULLY",
        "ROLE_OAUTH2_ORDERS",
    ] {
        assert!(place.run(&format!("role add {name}"), "").await.answer.is_err(), "{name} was made");
        let given = place.run(&format!("user add admins/admin --role {name} --password-stdin"), GOOD).await;
        assert!(given.why().contains("is not given"), "{name}: {}", given.why());
    }
}

#[tokio::test]
async fn live_sessions_are_listed_and_ended() {
    let place = Place::new();
    place.run(ADD, GOOD).await.answer.unwrap();
    place.begin_session(0xaa, "Firefox\u{1b}[2J on Linux", NOW).await;
    place.begin_session(0xab, "curl", Time(NOW.0 - 1000)).await;
    place.begin_session(0xcc, "too old", Time(NOW.0 - 3_600_000)).await;
    let listed = place.run("session list", "").await.out;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines[1].starts_with("aaaaaaaaaaaaaaaa  admins/admin  2023-11-14T22:13:20Z"), "{listed}");
    assert!(lines[1].ends_with("Firefox\u{fffd}[2J on Linux") && lines[2].ends_with("curl"), "{listed}");
    let document = place.run("session list --account admins/admin --json", "").await.json();
    assert_eq!((&document[0]["session"], &document[1]["device"]), (&json!("aa".repeat(32)), &json!("curl")));
    assert!(document.get(2).is_none());

    assert!(place.run("session end abcdefg", "").await.why().contains("hex digits"));
    let ended = place.run(&format!("session end {}", "AA".repeat(8)), "").await;
    assert_eq!(ended.out, "ended a session of admins/admin\n");
    assert!(place.store.session(&SessionKey([0xaa; 32])).await.unwrap().is_none());
    assert_eq!(place.run("session end --account admins/admin --json", "").await.json(), json!({ "ended": 2 }));
    assert_eq!(place.run("session end --account admins/admin", "").await.out, "ended 0 sessions of admins/admin\n");
}

#[tokio::test]
async fn a_prefix_of_several_sessions_ends_none() {
    let place = Place::new();
    place.run(ADD, GOOD).await.answer.unwrap();
    place.begin_session(1, "", NOW).await;
    let second = SessionKey(std::array::from_fn(|i| if i < 8 { 1 } else { 2 }));
    let owner = place.store.account(Kind::Admin, 1).await.unwrap().unwrap();
    let (mut other, _) = place.store.session(&SessionKey([1; 32])).await.unwrap().unwrap();
    other.key = second;
    assert_eq!(other.account_version, owner.version);
    place.store.create_session(&other, None).await.unwrap();
    let refused = place.run(&format!("session end {}", "01".repeat(8)), "").await;
    assert!(refused.why().contains("give more digits"), "{}", refused.why());
    assert!(place.run(&format!("session end {}02", "01".repeat(8)), "").await.answer.is_ok());
    assert_eq!(place.store.session_count().await.unwrap(), 1);
}

#[test]
fn wrong_usage_is_found_before_anything_is_opened() {
    for line in [
        "user add admins --password-stdin",
        "user add admins/admin --id 0 --password-stdin",
        "user add admins/admin --id 9007199254740992 --password-stdin",
        "user password admins/admin",
        "session end",
        "session end abcdef01 --account admins/admin",
        "role add",
    ] {
        assert!(Cli::try_parse_from(["doorward"].into_iter().chain(line.split(' '))).is_err(), "{line} was taken");
    }
}

#[tokio::test]
async fn whoever_ends_sessions_by_command_is_written_down_once() {
    let place = Place::new();
    place.run(ADD, GOOD).await.answer.unwrap();
    for (line, sessions, events) in [
        ("session end 0101010101010101", 1, 1),
        ("session end --account admins/admin", 3, 1),
        ("session end --account admins/admin", 0, 0),
        ("user disable admins/admin", 2, 1),
    ] {
        for number in 1..=sessions {
            place.begin_session(number, "", NOW).await;
        }
        let done = place.run(line, "").await;
        assert!(done.answer.is_ok(), "{line}: {}", done.why());
        assert_eq!(done.err.matches(" audit ").count(), events, "{line}: {}", done.err);
        let (action, what) = if line.starts_with("user") { ("account", "disabled") } else { ("session", "sessions ended") };
        let expected = format!(
            "audit action={action} outcome=success directory=admins identity=admin/1 login=admin \
             request_id=00000000000000000000000000000007 detail=\"command: {what}\""
        );
        assert!(events == 0 || done.err.contains(&expected), "{line}: {}", done.err);
        assert!(!done.err.contains("0101"), "{line}: {}", done.err);
    }
}
