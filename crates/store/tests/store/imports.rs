//! Moving in.

use super::{admin, everyone};
use doorward_core::{
    Kind, Membership, Time,
    ports::{Changed, ImportAccount, ImportBatch, ImportItem, ImportStore, ImportToken, Imported, NewAccount, Store, StoreError},
};
use doorward_store::Sqlite;

const NOW: Time = Time(1_700_000_000_000);

fn account(new: NewAccount) -> ImportItem {
    ImportItem::Account(Box::new(ImportAccount { new, enabled: true, created: Some(Time(1000)) }))
}

fn customer(login: &str, id: Option<u64>, website: u32) -> NewAccount {
    NewAccount {
        directory: "customers".into(),
        kind: Kind::Customer,
        id,
        email: Some(login.into()),
        per_website: true,
        membership: Some(Membership { website, store: 1, group: 1 }),
        ..admin(login)
    }
}

async fn import(store: &Sqlite, rows: u64, items: Vec<ImportItem>) -> Vec<Result<Imported, StoreError>> {
    store.import(ImportBatch { source: "data".into(), rows, items }, NOW).await.unwrap()
}

fn exists(what: &str) -> Result<Imported, StoreError> {
    Err(StoreError::Exists(what.into()))
}

#[tokio::test]
async fn rows_stand_or_fall_by_themselves_and_are_counted() {
    let store = Sqlite::memory().unwrap();
    store.put_role("sales", std::collections::BTreeSet::from(["A::a".into()]).into(), NOW).await.unwrap();
    assert_eq!(store.imported_rows("data").await.unwrap(), 0);
    let before = store.last_change().await.unwrap();
    let items = vec![
        account(NewAccount { id: Some(70), roles: vec!["sales".into()], ..admin("anna") }),
        account(NewAccount { roles: vec!["nobody".into()], ..admin("bert") }),
        account(NewAccount { id: Some(70), ..admin("carl") }),
        account(NewAccount { id: Some(70), ..admin("ANNA") }),
        account(admin("dora")),
        account(admin("dora")),
        account(NewAccount { email: Some("other@example.com".into()), ..admin("Dora") }),
    ];
    let answers = import(&store, 9, items).await;
    let expected = [
        Ok(Imported::Added),
        Err(StoreError::Missing("the role nobody".into())),
        exists("an account that has or had the id admin/70"),
        Ok(Imported::There),
        Ok(Imported::Added),
        Ok(Imported::There),
        exists("the account admins/Dora"),
    ];
    assert_eq!(answers, expected);
    let logins: Vec<_> = everyone(&store).await.iter().map(|r| (r.account.id, r.account.login.to_string())).collect();
    // The refused ones took no id.
    assert_eq!(logins, [(70, "anna".to_owned()), (71, "dora".to_owned())]);
    let anna = store.account(Kind::Admin, 70).await.unwrap().unwrap();
    assert_eq!((anna.created, anna.updated, &*anna.account.roles[0]), (Time(1000), NOW, "sales"));
    assert_eq!(store.imported_rows("data").await.unwrap(), 9);
    assert_eq!(store.last_change().await.unwrap(), before, "nobody has to forget a new account");
    store.delete_account(Kind::Admin, 70, NOW).await.unwrap();
    let again = import(&store, 9, vec![account(NewAccount { id: Some(70), ..admin("anna") })]).await;
    assert_eq!(again, [exists("an account that has or had the id admin/70")], "an id is never used again");
}

/// Whatever is asked for each row is found by an index: ten times as many accounts do not make the next ones slower.
#[tokio::test]
async fn an_account_costs_no_more_among_many() {
    let store = Sqlite::memory().unwrap();
    let mut number = 0;
    let mut portion = async || {
        let items = (0..200).map(|_| {
            number += 1;
            account(customer(&format!("person{number}@example.com"), Some(number), 1))
        });
        let items: Vec<_> = items.collect();
        let began = std::time::Instant::now();
        let answers = import(&store, number, items).await;
        assert!(answers.iter().all(|answer| *answer == Ok(Imported::Added)));
        began.elapsed()
    };
    let mut times = Vec::new();
    for _ in 0..30 {
        times.push(portion().await);
    }
    let fastest = |times: &[std::time::Duration]| times.iter().min().unwrap().as_secs_f64();
    let (first, last) = (fastest(&times[..5]), fastest(&times[25..]));
    assert!(last < 5.0 * first, "{first} s for 200 accounts, then {last} s");
}

#[tokio::test]
async fn a_customer_is_unique_on_each_website() {
    let store = Sqlite::memory().unwrap();
    let items = vec![
        account(customer("anna@example.com", Some(1), 1)),
        account(customer("Anna@Example.com", Some(2), 2)),
        account(customer("anna@example.COM", Some(3), 1)),
        account(NewAccount { login: "anna".into(), ..customer("anna@example.com", Some(4), 2) }),
        account(NewAccount { login: "anna".into(), ..customer("anna@example.com", Some(5), 3) }),
        account(NewAccount { per_website: false, ..customer("anna@example.com", Some(6), 4) }),
        account(NewAccount { id: Some(1), ..admin("anna@example.com") }),
    ];
    let same_mail = || exists("an account of this e-mail address");
    let expected = [
        Ok(Imported::Added),
        Ok(Imported::Added),
        same_mail(),
        same_mail(),
        Ok(Imported::Added),
        same_mail(),
        Ok(Imported::Added),
    ];
    assert_eq!(import(&store, 7, items).await, expected);
}

#[tokio::test]
async fn tokens_and_roles_belong_to_accounts_that_are_there() {
    let store = Sqlite::memory().unwrap();
    store.put_role("sales", std::collections::BTreeSet::new().into(), NOW).await.unwrap();
    store.put_role("support", std::collections::BTreeSet::new().into(), NOW).await.unwrap();
    let id = store.add_account(NewAccount { roles: vec!["sales".into()], ..admin("anna") }, NOW).await.unwrap().account.id;
    let member = |account: u64, role: &str| ImportItem::Member {
        directory: "admins".into(),
        kind: Kind::Admin,
        account,
        role: role.into(),
    };
    let token = |account: u64, directory: &str| {
        let token = ImportToken {
            key: [account as u8; 32],
            directory: directory.into(),
            kind: Kind::Admin,
            account,
            created: Time(1),
            expires: None,
        };
        ImportItem::Token(token)
    };
    let before = store.last_change().await.unwrap();
    let items = vec![
        member(id, "support"),
        member(id, "sales"),
        member(id, "nobody"),
        member(99, "sales"),
        token(id, "admins"),
        token(id, "admins"),
        token(id, "others"),
        token(99, "admins"),
    ];
    let missing = |what: &str| Err(StoreError::Missing(what.into()));
    let expected = [
        Ok(Imported::Added),
        Ok(Imported::There),
        missing("the role nobody"),
        missing("the account admin/99"),
        Ok(Imported::Added),
        Ok(Imported::There),
        missing(&format!("the account admin/{id}")),
        missing("the account admin/99"),
    ];
    assert_eq!(import(&store, 8, items).await, expected);
    let roles = store.account(Kind::Admin, id).await.unwrap().unwrap().account.roles.clone();
    assert_eq!(roles, ["sales".into(), "support".into()]);
    // Whoever remembers the account hears of its new role.
    let changes = store.changes_since(before).await.unwrap();
    assert!(matches!(changes[..], [ref one] if matches!(one.what, Changed::Account(Kind::Admin, _, _))), "{changes:?}");
}

#[tokio::test]
async fn a_copy_takes_what_the_database_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("store.db"), folder.path().join("copy.db"));
    let store = Sqlite::open(&path, doorward_store::Options::default()).unwrap();
    store.add_account(admin("anna"), NOW).await.unwrap();
    doorward_store::copy(&path, &copy).unwrap();
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&copy.metadata().unwrap().permissions()) & 0o777, 0o600);
    let other = Sqlite::open(&copy, doorward_store::Options::default()).unwrap();
    assert_eq!(import(&other, 2, vec![account(admin("anna")), account(admin("bert"))]).await.len(), 2);
    assert_eq!((everyone(&other).await.len(), everyone(&store).await.len()), (2, 1));
    assert!(doorward_store::copy(&path, &copy).is_err(), "nothing is overwritten");
}
