//! What changed, told to whoever caches it.

use super::*;

judge!(
    tells_what_changed_in_order,
    a_refused_change_leaves_no_trace,
    a_reader_from_another_database_forgets_everything,
    answers_a_ping,
);

async fn tells_what_changed_in_order(store: &dyn Store) {
    assert_eq!(store.last_change().await.unwrap(), 0);
    assert!(store.changes_since(0).await.unwrap().is_empty());
    let account = add(store, "Anna").await;
    store.create_session(&session(&account, key(0, 0, 1), 1), None).await.unwrap();
    store.put_role("clerk", holds(&[]), NOW).await.unwrap();
    store.change_account(Kind::Admin, 1, AccountChange::Unlock, NOW).await.unwrap();
    store.change_account(Kind::Admin, 1, AccountChange::Disable, NOW).await.unwrap();
    let expected = [
        Changed::Account(Kind::Admin, 1, Deed::Added),
        Changed::Role("clerk".into(), Deed::Added),
        Changed::Unlocked("admins".into(), "Anna".into()),
        Changed::Session(key(0, 0, 1)),
        Changed::Account(Kind::Admin, 1, Deed::Disabled),
    ];
    let changes = store.changes_since(0).await.unwrap();
    let anna: Option<(Arc<str>, Arc<str>)> = Some(("admins".into(), "Anna".into()));
    let whose = [anna.clone(), None, anna.clone(), None, anna];
    let numbered = (1..).zip(expected).zip(whose).map(|((sequence, what), whose)| Change { sequence, what, whose, run: None });
    let numbered: Vec<Change> = numbered.collect();
    assert_eq!(changes, numbered);
    assert_eq!(store.changes_since(3).await.unwrap(), numbered[3..]);
    assert_eq!(
        [store.claim_change(2).await, store.claim_change(2).await, store.claim_change(9).await],
        [Ok(true), Ok(false), Ok(false)]
    );
    assert_eq!(store.last_change().await.unwrap(), 5);
    assert!(store.changes_since(5).await.unwrap().is_empty());
}

async fn a_refused_change_leaves_no_trace(store: &dyn Store) {
    add(store, "a").await;
    let before = store.last_change().await.unwrap();
    let refused = NewAccount { roles: vec!["nobody".into()], ..admin("b") };
    assert!(store.add_account(refused, NOW).await.is_err());
    assert!(!store.delete_session(&key(0, 0, 1), NOW).await.unwrap());
    assert_eq!(store.last_change().await.unwrap(), before);
    assert_eq!(store.account_by_login("admins", None, "b").await.unwrap(), None);
}

async fn a_reader_from_another_database_forgets_everything(store: &dyn Store) {
    add(store, "a").await;
    assert_eq!(store.changes_since(77).await.unwrap(), [everything(1)]);
    assert_eq!(store.changes_since(u64::MAX).await.unwrap(), [everything(1)]);
}

fn everything(sequence: u64) -> Change {
    Change { sequence, what: Changed::Everything, whose: None, run: None }
}

async fn answers_a_ping(store: &dyn Store) {
    assert_eq!(store.ping().await, Ok(()));
}
