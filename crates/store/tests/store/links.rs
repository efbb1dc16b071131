//! Links that work once, told of any store.

use crate::{admin, key, session};
use doorward_core::{
    Kind, Time,
    ports::{AccountChange, AccountRecord, Link, LinkKey, LinkPurpose, Links, NewAccount, Store, StoreError},
};
use doorward_store::{Options, Sqlite};
use std::sync::Arc;

const NOW: Time = Time(1_700_000_000_000);
const LATER: Time = Time(1_700_000_001_000);

/// Judges a store in a file, and one in memory.
async fn both(case: impl AsyncFn(&dyn Store)) {
    let folder = tempfile::tempdir().unwrap();
    case(&Sqlite::open(&folder.path().join("store.db"), Options::default()).unwrap()).await;
    case(&Sqlite::memory().unwrap()).await;
}

fn with_email(login: &str, email: &str) -> NewAccount {
    NewAccount { email: Some(email.into()), ..admin(login) }
}

fn link(owner: &AccountRecord, purpose: LinkPurpose, n: u8) -> Link {
    Link { purpose, key: LinkKey([n; 32]), kind: Kind::Admin, account: owner.account.id, created: NOW, expires: LATER }
}

async fn take(store: &dyn Store, purpose: LinkPurpose, n: u8, now: Time) -> Option<AccountRecord> {
    let changes = vec![AccountChange::Password("$argon2id$new".into())];
    store.redeem_link(purpose, &LinkKey([n; 32]), changes, now).await.unwrap()
}

#[tokio::test]
async fn a_link_is_kept_and_taken_once_with_its_change() {
    both(async |store| {
        let owner = store.add_account(admin("anna"), NOW).await.unwrap();
        let kept = link(&owner, LinkPurpose::Reset, 1);
        store.put_link(kept.clone(), owner.email.clone()).await.unwrap();
        assert_eq!(store.link(LinkPurpose::Reset, &kept.key).await, Ok(Some(kept.clone())));
        assert_eq!(store.link(LinkPurpose::Confirm, &kept.key).await, Ok(None), "another purpose's link is none");
        assert!(take(store, LinkPurpose::Confirm, 1, NOW).await.is_none());
        assert!(take(store, LinkPurpose::Reset, 2, NOW).await.is_none());

        store.create_session(&session(&owner, key(1, 1, 1), NOW.0), None).await.unwrap();
        let changed = take(store, LinkPurpose::Reset, 1, NOW).await.unwrap();
        assert_eq!((changed.password.as_deref(), changed.version), (Some("$argon2id$new"), owner.version + 1));
        assert!(store.session(&key(1, 1, 1)).await.unwrap().is_none());
        assert!(take(store, LinkPurpose::Reset, 1, NOW).await.is_none());
        assert_eq!(store.link(LinkPurpose::Reset, &kept.key).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn a_change_that_fails_leaves_the_link_and_the_account() {
    both(async |store| {
        let owner = store.add_account(admin("anna"), NOW).await.unwrap();
        store.put_link(link(&owner, LinkPurpose::Reset, 1), owner.email.clone()).await.unwrap();
        let changes = vec![AccountChange::Password("$argon2id$new".into()), AccountChange::Roles(vec!["nobody".into()])];
        let failed = store.redeem_link(LinkPurpose::Reset, &LinkKey([1; 32]), changes, NOW).await;
        assert!(matches!(failed, Err(StoreError::Missing(_))), "{failed:?}");
        assert_eq!(store.account(Kind::Admin, owner.account.id).await.unwrap().unwrap().password, owner.password);
        assert!(take(store, LinkPurpose::Reset, 1, NOW).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn one_of_many_at_the_same_time_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let stores = [1, 2].map(|_| Arc::new(Sqlite::open(&path, Options::default()).unwrap()));
    let owner = stores[0].add_account(admin("anna"), NOW).await.unwrap();
    stores[0].put_link(link(&owner, LinkPurpose::Reset, 1), owner.email.clone()).await.unwrap();
    let tasks = (0..16).map(|n| {
        let store: Arc<dyn Store> = Arc::clone(&stores[n % 2]) as _;
        tokio::spawn(async move { take(&*store, LinkPurpose::Reset, 1, NOW).await.is_some() })
    });
    let mut taken = 0;
    for task in tasks.collect::<Vec<_>>() {
        taken += usize::from(task.await.unwrap());
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_a_newer_one() {
    both(async |store| {
        let owner = store.add_account(admin("anna"), NOW).await.unwrap();
        store.put_link(link(&owner, LinkPurpose::Reset, 1), owner.email.clone()).await.unwrap();
        store.put_link(link(&owner, LinkPurpose::Confirm, 2), owner.email.clone()).await.unwrap();
        store.put_link(link(&owner, LinkPurpose::Reset, 3), owner.email.clone()).await.unwrap();
        assert!(take(store, LinkPurpose::Reset, 1, NOW).await.is_none(), "a newer one for the same purpose");
        assert!(take(store, LinkPurpose::Reset, 3, LATER).await.is_none());
        assert!(store.link(LinkPurpose::Reset, &LinkKey([3; 32])).await.unwrap().is_some(), "it can still be told from none");
        assert_eq!(store.purge_links(LATER).await, Ok(0));
        assert_eq!(store.purge_links(Time(LATER.0 + 1)).await, Ok(2));
    })
    .await;
}

#[tokio::test]
async fn whatever_ends_trust_in_an_account_ends_its_links() {
    both(async |store| {
        for (n, change) in [
            AccountChange::Password("$argon2id$other".into()),
            AccountChange::Email(Some("new@example.com".into())),
            AccountChange::Disable,
        ]
        .into_iter()
        .enumerate()
        {
            let owner = store.add_account(admin(&format!("u{n}")), NOW).await.unwrap();
            let n = u8::try_from(n).unwrap();
            store.put_link(link(&owner, LinkPurpose::Reset, n), owner.email.clone()).await.unwrap();
            store.change_account(Kind::Admin, owner.account.id, change.clone(), NOW).await.unwrap();
            store.change_account(Kind::Admin, owner.account.id, AccountChange::Enable, NOW).await.unwrap();
            assert!(take(store, LinkPurpose::Reset, n, NOW).await.is_none(), "{change:?}");
        }
        let gone = store.add_account(admin("gone"), NOW).await.unwrap();
        store.put_link(link(&gone, LinkPurpose::Reset, 9), gone.email.clone()).await.unwrap();
        store.delete_account(Kind::Admin, gone.account.id, NOW).await.unwrap();
        assert_eq!(store.link(LinkPurpose::Reset, &LinkKey([9; 32])).await, Ok(None));
        assert!(matches!(
            store.put_link(link(&gone, LinkPurpose::Reset, 9), gone.email.clone()).await,
            Err(StoreError::Missing(_))
        ));
    })
    .await;
}

#[tokio::test]
async fn a_link_that_was_made_for_another_address_is_refused() {
    both(async |store| {
        let owner = store.add_account(with_email("anna", "old@example.com"), NOW).await.unwrap();
        store.put_link(link(&owner, LinkPurpose::Confirm, 1), owner.email.clone()).await.unwrap();
        let change = AccountChange::UnconfirmedEmail("new@example.com".into());
        let changed = store.change_account(Kind::Admin, owner.account.id, change, NOW).await.unwrap();
        // What was made before the change is stored after it.
        let late = store.put_link(link(&owner, LinkPurpose::Confirm, 2), owner.email.clone()).await;
        assert!(matches!(late, Err(StoreError::Missing(_))), "{late:?}");
        assert!(store.link(LinkPurpose::Confirm, &LinkKey([2; 32])).await.unwrap().is_none());
        store.put_link(link(&changed, LinkPurpose::Confirm, 3), changed.email.clone()).await.unwrap();
        let late = store.put_link(link(&owner, LinkPurpose::Confirm, 4), None).await;
        assert!(matches!(late, Err(StoreError::Missing(_))), "{late:?}");
        assert!(store.link(LinkPurpose::Confirm, &LinkKey([3; 32])).await.unwrap().is_some(), "the good one stays");
    })
    .await;
}

#[tokio::test]
async fn an_email_address_finds_its_one_account() {
    both(async |store| {
        let anna = store.add_account(with_email("anna", "Anna@example.com"), NOW).await.unwrap();
        for login in ["b1", "b2"] {
            store.add_account(with_email(login, "both@example.com"), NOW).await.unwrap();
        }
        let find = async |directory: &str, email: &str| store.account_by_email(directory, None, email).await.unwrap();
        assert_eq!(find("admins", "aNNa@example.com").await, Some(anna));
        for (directory, email) in
            [("admins", "both@example.com"), ("admins", ""), ("others", "anna@example.com"), ("admins", "anna")]
        {
            assert_eq!(find(directory, email).await, None, "{directory} {email}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_login_that_is_the_address_goes_with_it() {
    both(async |store| {
        let anna = store.add_account(with_email("anna@example.com", "anna@example.com"), NOW).await.unwrap();
        let bert = store.add_account(with_email("bert", "bert@example.com"), NOW).await.unwrap();
        let change = async |record: &AccountRecord, email: &str| {
            store.change_account(Kind::Admin, record.account.id, AccountChange::Email(Some(email.into())), LATER).await
        };
        assert!(matches!(change(&anna, "BERT").await, Err(StoreError::Exists(_))), "the login is taken");
        let moved = change(&anna, "Neu@example.com").await.unwrap();
        assert_eq!((&*moved.account.login, moved.email.as_deref()), ("Neu@example.com", Some("Neu@example.com")));
        assert!(store.account_by_login("admins", None, "neu@example.com").await.unwrap().is_some());
        assert!(store.account_by_login("admins", None, "anna@example.com").await.unwrap().is_none());
        let stays = change(&bert, "b@example.com").await.unwrap();
        assert_eq!((&*stays.account.login, stays.email.as_deref()), ("bert", Some("b@example.com")));
        assert_eq!(&*change(&moved, "NEU@example.com").await.unwrap().account.login, "NEU@example.com", "its own is not taken");
    })
    .await;
}

#[tokio::test]
async fn nobody_signs_in_before_the_address_is_confirmed() {
    both(async |store| {
        let owner = store.add_account(NewAccount { confirmed: false, ..admin("anna") }, NOW).await.unwrap();
        let refused = store.create_session(&session(&owner, key(1, 1, 1), NOW.0), None).await;
        assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
        store.put_link(link(&owner, LinkPurpose::Confirm, 1), owner.email.clone()).await.unwrap();
        let changes = vec![AccountChange::Confirmed];
        let owner = store.redeem_link(LinkPurpose::Confirm, &LinkKey([1; 32]), changes, NOW).await.unwrap().unwrap();
        store.create_session(&session(&owner, key(1, 1, 1), NOW.0), None).await.unwrap();
    })
    .await;
}
