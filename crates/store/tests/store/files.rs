//! The file: whose it is, of which version, and what another process may do to it.

use crate::{admin, everyone, key, session};
use doorward_core::{
    Kind, Time,
    acl::Holds,
    ports::{AccountChange, AccountCount, Change, Changed, Deed, NewAccount, Store, StoreError},
};
use doorward_store::{Options, Sqlite};
use rusqlite::Connection;
use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, Options::default()).unwrap()
}

fn refusal(path: &Path) -> String {
    match Sqlite::open(path, Options::default()) {
        Err(StoreError::Unavailable(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn keeps_its_accounts_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let made = open(&path).add_account(admin("a"), Time(1)).await.unwrap();
    assert_eq!(open(&path).account_by_login("admins", None, "A").await.unwrap(), Some(made));
}

#[test]
fn many_may_open_a_new_database_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    std::fs::write(&path, b"").unwrap();
    std::thread::scope(|scope| {
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| Sqlite::open(&path, Options::default()).map(drop))).collect();
        for opener in openers {
            assert_eq!(opener.join().unwrap(), Ok(()));
        }
    });
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db"));
    store.add_account(admin("a"), Time(1)).await.unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["store.db", "store.db-shm", "store.db-wal"]);
}

#[tokio::test]
async fn an_empty_database_of_nobody_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    std::fs::write(&path, b"").unwrap();
    open(&path).add_account(admin("a"), Time(1)).await.unwrap();
}

#[test]
fn a_newer_database_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(open(&path));
    let raw = Connection::open(&path).unwrap();
    let known: i64 = raw.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    raw.pragma_update(None, "user_version", 77).unwrap();
    let why = refusal(&path);
    assert!(
        why.contains("schema version 77") && why.contains(&format!("versions up to {known};")) && why.contains("store.db"),
        "{why}"
    );
    let version: i64 = raw.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 77);
}

#[test]
fn a_database_of_another_application_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("plain.db", "CREATE TABLE notes (text)"),
        ("marked.db", "PRAGMA application_id = 77"),
        ("both.db", "PRAGMA application_id = 77; CREATE TABLE account (id)"),
        ("numbered.db", "PRAGMA user_version = 3"),
    ] {
        let path = folder.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = std::fs::read(&path).unwrap();
        let why = refusal(&path);
        assert!(why.contains("another application"), "{name}: {why}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
    }
}

#[test]
fn what_is_no_database_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let text = "[server]\nlisten = '127.0.0.1:8080'\n".repeat(99);
    std::fs::write(&path, &text).unwrap();
    let why = refusal(&path);
    assert!(why.contains("not a database"), "{why}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_path_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let why = refusal(&folder.path().join("absent").join("store.db"));
    assert!(why.contains("absent/store.db"), "{why}");
}

#[tokio::test]
async fn a_special_name_of_sqlite_is_a_file_like_any() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(":memory:");
    open(&path).add_account(admin("a"), Time(1)).await.unwrap();
    assert!(path.metadata().unwrap().len() > 0);
}

#[tokio::test]
async fn opening_does_not_wait_for_a_thousand_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    {
        let store = open(&path);
        for number in 0..1000 {
            store.add_account(admin(&format!("login-{number}")), Time(1)).await.unwrap();
        }
    }
    // Best of several, since other work may run beside.
    let best = (0..10)
        .map(|_| {
            let begun = std::time::Instant::now();
            drop(open(&path));
            begun.elapsed()
        })
        .min();
    assert!(best < Some(Duration::from_millis(100)), "{best:?}");
}

#[tokio::test]
async fn sees_what_another_process_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (server, tool) = (open(&path), open(&path));
    let account = server.add_account(admin("a"), Time(1)).await.unwrap();
    server.create_session(&session(&account, key(0, 0, 1), 1), None).await.unwrap();
    let known = server.last_change().await.unwrap();
    tool.delete_account(account.account.kind, account.account.id, Time(2)).await.unwrap();
    assert_eq!(server.changes_since(known).await.unwrap().len(), 2);
    assert_eq!(server.session(&key(0, 0, 1)).await.unwrap(), None);
}

#[tokio::test]
async fn accounts_are_counted_without_leaving_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("st?re #1%.db");
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert!(Sqlite::count_accounts(&path).is_err(), "nothing is there");
    assert!(names().is_empty(), "nothing is made");
    let store = open(&path);
    store.add_account(admin("a"), Time(1)).await.unwrap();
    let expected = [AccountCount { directory: "admins".into(), kind: Kind::Admin, accounts: 1 }];
    assert_eq!(Sqlite::count_accounts(&path).unwrap(), expected, "what stands in the log of a running server counts");
    drop(store);
    let before = (names(), std::fs::read(&path).unwrap());
    assert_eq!(Sqlite::count_accounts(&path).unwrap(), expected);
    assert_eq!((names(), std::fs::read(&path).unwrap()), before);
    let with_version = |version: u32| Connection::open(&path).unwrap().pragma_update(None, "user_version", version).unwrap();
    Connection::open(&path).unwrap().execute_batch("DROP TABLE account_count").unwrap();
    with_version(7);
    assert_eq!(Sqlite::count_accounts(&path).unwrap(), expected, "an older one that counts nothing is looked through");
    with_version(77);
    assert!(Sqlite::count_accounts(&path).is_err(), "a newer one may mean something else");
}

/// As an earlier version took them.
#[tokio::test]
async fn accounts_and_roles_with_names_that_are_refused_now_still_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    let made = store.add_account(admin("a"), Time(1)).await.unwrap();
    store.put_role("clerk", BTreeSet::new().into(), Time(1)).await.unwrap();
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch(
        "UPDATE account SET login = 'a' || char(0x200b), login_key = 'a' || char(0x200b);
         UPDATE role SET name = 'clerk' || char(0x202e);",
    )
    .unwrap();
    let found = store.account_by_login("admins", None, "A\u{200b}").await.unwrap().unwrap();
    assert_eq!((found.account.id, &*found.account.login), (made.account.id, "a\u{200b}"));
    store.change_account(Kind::Admin, 1, AccountChange::Roles(vec!["clerk\u{202e}".into()]), Time(1)).await.unwrap();
    store.put_role("clerk\u{202e}", BTreeSet::from(["A::a".into()]).into(), Time(1)).await.unwrap();
    store.delete_role("clerk\u{202e}", Time(1)).await.unwrap();
    store.delete_account(Kind::Admin, 1, Time(1)).await.unwrap();
}

#[tokio::test]
async fn what_a_command_does_carries_its_run_and_is_claimed_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let server = open(&path);
    let account = server.add_account(admin("a"), Time(1)).await.unwrap();
    for number in 1..=3 {
        server.create_session(&session(&account, key(0, 0, number), 1), None).await.unwrap();
    }
    server.delete_session(&key(0, 0, 1), Time(2)).await.unwrap();
    let before = server.last_change().await.unwrap();
    let tool = Sqlite::open(&path, Options { run: Some(0xab), ..Options::default() }).unwrap();
    tool.delete_session(&key(0, 0, 2), Time(2)).await.unwrap();
    assert!(!tool.delete_session(&key(0, 0, 2), Time(2)).await.unwrap());
    tool.delete_account(account.account.kind, account.account.id, Time(2)).await.unwrap();
    assert!(server.changes_since(0).await.unwrap()[..usize::try_from(before).unwrap()].iter().all(|change| change.run.is_none()));
    let changes = server.changes_since(before).await.unwrap();
    let own = Some(("admins".into(), "a".into()));
    let account = |deed| (Changed::Account(Kind::Admin, 1, deed), own.clone());
    let expected = [
        (Changed::Session(key(0, 0, 2)), None),
        account(Deed::Sessions),
        (Changed::Session(key(0, 0, 3)), None),
        account(Deed::Deleted),
    ];
    assert_eq!(changes.iter().map(|change| (change.what.clone(), change.whose.clone())).collect::<Vec<_>>(), expected);
    for change in changes {
        assert_eq!(change.run.as_deref(), Some("000000000000000000000000000000ab"));
        let claims = tokio::join!(server.claim_change(change.sequence), tool.claim_change(change.sequence));
        assert!(matches!(claims, (Ok(true), Ok(false)) | (Ok(false), Ok(true))), "{claims:?}");
    }
}

#[tokio::test]
async fn changes_that_were_pruned_are_everything() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { changes: 10, ..Options::default() };
    let store = Sqlite::open(&folder.path().join("store.db"), options).unwrap();
    for number in 0..200 {
        store.add_account(admin(&format!("login-{number}")), Time(1)).await.unwrap();
    }
    assert_eq!(
        store.changes_since(3).await.unwrap(),
        [Change { sequence: 200, what: Changed::Everything, whose: None, run: None }]
    );
    assert_eq!(store.changes_since(198).await.unwrap().len(), 2);
    assert_eq!(store.last_change().await.unwrap(), 200);
}

#[tokio::test]
async fn a_scratch_copy_holds_everything_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open(&path, Options::default()).unwrap();
    store.put_role("clerk", Holds::Selection(["A::a".into()].into()), Time(0)).await.unwrap();
    for login in ["a", "b", "c"] {
        store.add_account(NewAccount { roles: vec!["clerk".into()], ..admin(login) }, Time(0)).await.unwrap();
    }
    store.delete_account(Kind::Admin, 3, Time(0)).await.unwrap();
    let names = || -> BTreeSet<_> { std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect() };
    let before = names();
    let scratch = Sqlite::scratch(&path).unwrap();
    assert_eq!(names(), before, "it has no name, so nothing of it stays when the process is killed");
    assert_eq!(everyone(&scratch).await, everyone(&store).await);
    assert_eq!((scratch.roles().await, scratch.account_counts().await), (store.roles().await, store.account_counts().await));
    assert_eq!(scratch.last_change().await, store.last_change().await);
    assert_eq!(scratch.add_account(admin("d"), Time(0)).await.unwrap().account.id, 4, "ids go on where they were");
    let refused = scratch.add_account(NewAccount { roles: vec!["nobody".into()], ..admin("e") }, Time(0)).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    assert_eq!((everyone(&scratch).await.len(), everyone(&store).await.len()), (3, 2), "what is tried out there stays there");
    drop(scratch);
    assert_eq!(names(), before);
}

#[tokio::test]
async fn programs_whose_role_is_called_like_them_are_found_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    assert!(Sqlite::programs_with_own_role(&path).is_err(), "nothing is there");
    let store = open(&path);
    for role in ["programs/ERP", "programs/crm", "clerk", "programs/nobody", "admins/a"] {
        store.put_role(role, Holds::Selection(BTreeSet::new()), Time(1)).await.unwrap();
    }
    let program = |login: &str, roles: &[&str]| NewAccount {
        directory: "programs".into(),
        kind: Kind::Integration,
        password: None,
        roles: roles.iter().map(|role| Arc::from(*role)).collect(),
        ..admin(login)
    };
    store.add_account(program("erp", &["clerk", "programs/ERP"]), Time(1)).await.unwrap();
    store.add_account(program("crm", &["clerk"]), Time(1)).await.unwrap();
    store.add_account(NewAccount { roles: vec!["admins/a".into()], ..admin("a") }, Time(1)).await.unwrap();
    assert_eq!(Sqlite::programs_with_own_role(&path).unwrap(), ["programs/ERP".into()]);
}
