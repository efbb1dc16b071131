//! Old sessions that are exchanged at most once, told of any store.

use crate::{admin, key, session};
use doorward_core::{
    Kind, Time,
    ports::{AccountChange, AccountRecord, ExchangeKey, Exchanged, Exchanges, Store, StoreError},
    session::SessionKey,
};
use doorward_store::{Options, Sqlite};
use std::sync::Arc;

const NOW: Time = Time(1_700_000_000_000);
const LATER: Time = Time(1_700_000_030_000);
const OLD: ExchangeKey = ExchangeKey([9; 32]);

/// Judges a store in a file, and one in memory.
async fn both(case: impl AsyncFn(&dyn Store)) {
    let folder = tempfile::tempdir().unwrap();
    case(&Sqlite::open(&folder.path().join("store.db"), Options::default()).unwrap()).await;
    case(&Sqlite::memory().unwrap()).await;
}

async fn exchange(store: &dyn Store, owner: &AccountRecord, new: SessionKey) -> Result<bool, StoreError> {
    store.exchange(&OLD, &session(owner, new, NOW.0), Some(LATER)).await
}

#[tokio::test]
async fn an_old_session_begins_one_of_ours_and_is_spent() {
    both(async |store| {
        let owner = store.add_account(admin("anna"), NOW).await.unwrap();
        assert_eq!(store.exchanged(&OLD, NOW).await, Ok(Exchanged::No));
        assert_eq!(exchange(store, &owner, key(1, 0, 0)).await, Ok(true));
        assert!(store.session(&key(1, 0, 0)).await.unwrap().is_some());
        assert_eq!(store.exchanged(&OLD, NOW).await, Ok(Exchanged::Carried(key(1, 0, 0))));
        assert_eq!(store.exchanged(&OLD, LATER).await, Ok(Exchanged::Spent), "the grace is over");
        assert_eq!(exchange(store, &owner, key(1, 0, 1)).await, Ok(false));
        assert!(store.session(&key(1, 0, 1)).await.unwrap().is_none());
        assert!(store.delete_session(&key(1, 0, 0), NOW).await.unwrap());
        assert_eq!(store.exchanged(&OLD, NOW).await, Ok(Exchanged::Spent), "nothing is carried to a session that ended");
        assert_eq!(exchange(store, &owner, key(1, 0, 2)).await, Ok(false));
        assert_eq!(store.session_count().await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn without_grace_nothing_is_carried() {
    both(async |store| {
        let owner = store.add_account(admin("anna"), NOW).await.unwrap();
        assert_eq!(store.exchange(&OLD, &session(&owner, key(1, 0, 0), NOW.0), None).await, Ok(true));
        assert_eq!(store.exchanged(&OLD, NOW).await, Ok(Exchanged::Spent));
    })
    .await;
}

#[tokio::test]
async fn an_exchange_that_fails_spends_nothing() {
    both(async |store| {
        let owner = store.add_account(admin("anna"), NOW).await.unwrap();
        let mut stale = session(&owner, key(1, 0, 0), NOW.0);
        stale.account_version += 1;
        let mut nobody = session(&owner, key(1, 0, 0), NOW.0);
        nobody.account += 1;
        for session in [stale, nobody] {
            let failed = store.exchange(&OLD, &session, None).await;
            assert!(matches!(failed, Err(StoreError::Missing(_))), "{failed:?}");
            assert_eq!(store.exchanged(&OLD, NOW).await, Ok(Exchanged::No));
        }
        assert_eq!(exchange(store, &owner, key(1, 0, 0)).await, Ok(true));
    })
    .await;
}

#[tokio::test]
async fn what_an_account_proved_before_it_was_ended_here_begins_nothing() {
    let ends: [(&str, AccountChange); 3] = [
        ("password", AccountChange::Password("$argon2id$new".into())),
        ("disabled", AccountChange::Disable),
        ("tokens", AccountChange::EndTokens(NOW)),
    ];
    for (how, change) in ends {
        both(async |store| {
            let owner = store.add_account(admin("anna"), NOW).await.unwrap();
            store.change_account(Kind::Admin, owner.account.id, change.clone(), NOW).await.unwrap();
            let now = store.change_account(Kind::Admin, owner.account.id, AccountChange::Enable, NOW).await.unwrap();
            assert!(matches!(exchange(store, &now, key(1, 0, 0)).await, Err(StoreError::Missing(_))), "{how}");
            assert_eq!(store.session_count().await, Ok(0), "{how}");
        })
        .await;
    }
    both(async |store| {
        let owner = store.add_account(admin("anna"), NOW).await.unwrap();
        let other = store.add_account(admin("berta"), NOW).await.unwrap();
        store.delete_sessions_of(Kind::Admin, owner.account.id, NOW).await.unwrap();
        assert!(matches!(exchange(store, &owner, key(1, 0, 0)).await, Err(StoreError::Missing(_))));
        assert_eq!(exchange(store, &other, key(1, 0, 0)).await, Ok(true), "another's are not ended");
    })
    .await;
}

#[tokio::test]
async fn what_was_spent_at_a_sign_out_begins_nothing() {
    both(async |store| {
        let owner = store.add_account(admin("anna"), NOW).await.unwrap();
        store.spend_exchanges(&[OLD, ExchangeKey([8; 32])], NOW).await.unwrap();
        store.spend_exchanges(&[OLD], LATER).await.unwrap();
        assert_eq!(store.exchanged(&OLD, NOW).await, Ok(Exchanged::Spent));
        assert_eq!(exchange(store, &owner, key(1, 0, 0)).await, Ok(false));
        assert_eq!(store.session_count().await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn of_many_at_the_same_time_on_two_nodes_one_begins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let stores = [1, 2].map(|_| Arc::new(Sqlite::open(&path, Options::default()).unwrap()));
    let owner = stores[0].add_account(admin("anna"), NOW).await.unwrap();
    let tasks = (0..16_u32).map(|n| {
        let (store, owner) = (Arc::clone(&stores[n as usize % 2]), owner.clone());
        tokio::spawn(async move { exchange(&*store, &owner, key(1, 0, n)).await.unwrap() })
    });
    let mut begun = 0;
    for task in tasks.collect::<Vec<_>>() {
        begun += u32::from(task.await.unwrap());
    }
    assert_eq!((begun, stores[1].session_count().await), (1, Ok(1)));
}

#[tokio::test]
async fn it_is_remembered_when_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open(&path, Options::default()).unwrap();
    let owner = store.add_account(admin("anna"), NOW).await.unwrap();
    assert_eq!(exchange(&store, &owner, key(1, 0, 0)).await, Ok(true));
    drop(store);
    let store = Sqlite::open(&path, Options::default()).unwrap();
    assert_eq!(store.exchanged(&OLD, LATER).await, Ok(Exchanged::Spent));
    assert_eq!(exchange(&store, &owner, key(1, 0, 1)).await, Ok(false));
}

#[tokio::test]
async fn what_was_spent_long_ago_is_forgotten() {
    both(async |store| {
        let keys: Vec<_> = (0..1200).map(|n| ExchangeKey(key(1, 1, n).0)).collect();
        store.spend_exchanges(&keys[1..], NOW).await.unwrap();
        store.spend_exchanges(&keys[..2], LATER).await.unwrap();
        assert_eq!(store.purge_exchanges(NOW).await, Ok(0));
        assert_eq!(store.purge_exchanges(LATER).await, Ok(1199));
        assert_eq!(store.purge_exchanges(Time(LATER.0 + 1)).await, Ok(1));
    })
    .await;
}
