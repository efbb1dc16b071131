//! Sessions.

use super::*;

judge!(
    keeps_what_a_session_says,
    a_session_replaces_another_or_changes_nothing,
    a_replaced_session_leads_to_its_successor_for_a_while,
    nobody_is_carried_over_to_another_account_or_from_nowhere,
    a_successor_that_ended_takes_those_it_replaced_with_it,
    no_session_without_its_account,
    a_session_key_is_used_once,
    ends_sessions_one_by_one_and_together,
    touches_only_forwards,
    lists_sessions_newest_first,
    purges_what_is_idle_or_old,
    purges_what_no_directory_can_find,
);

async fn keeps_what_a_session_says(store: &dyn Store) {
    let account = add(store, "a").await;
    let begun = session(&account, key(1, 2, 3), 42);
    store.create_session(&begun, None).await.unwrap();
    assert_eq!(store.session(&begun.key).await.unwrap(), Some((begun, account)));
    assert_eq!(store.session(&key(3, 2, 1)).await.unwrap(), None);
}

async fn a_session_replaces_another_or_changes_nothing(store: &dyn Store) {
    let account = add(store, "a").await;
    store.create_session(&session(&account, key(0, 0, 1), 1), None).await.unwrap();
    let before = store.last_change().await.unwrap();
    let wrong = doorward_core::session::Session { account_version: 99, ..session(&account, key(0, 0, 2), 2) };
    assert!(matches!(store.create_session(&wrong, Some(key(0, 0, 1).into())).await, Err(StoreError::Missing(_))));
    assert!(store.session(&key(0, 0, 1)).await.unwrap().is_some(), "a sign-in that fails ends nothing");

    store.create_session(&session(&account, key(0, 0, 2), 2), Some(key(0, 0, 1).into())).await.unwrap();
    assert_eq!(store.session(&key(0, 0, 1)).await.unwrap(), None);
    assert!(store.session(&key(0, 0, 2)).await.unwrap().is_some());
    assert_eq!(news(store, before).await, [Changed::Session(key(0, 0, 1))]);
    store.create_session(&session(&account, key(0, 0, 3), 3), Some(key(9, 9, 9).into())).await.unwrap();
}

/// The session `old` is replaced, and carried over until `until`.
fn carried(old: u32, until: u64) -> Option<Replaced> {
    Some(Replaced { key: key(0, 0, old), carried_until: Some(Time(until)) })
}

async fn a_replaced_session_leads_to_its_successor_for_a_while(store: &dyn Store) {
    let account = add(store, "a").await;
    store.create_session(&session(&account, key(0, 0, 1), 1), None).await.unwrap();
    let before = store.last_change().await.unwrap();
    store.create_session(&session(&account, key(0, 0, 2), 10), carried(1, 40)).await.unwrap();
    assert_eq!(store.session(&key(0, 0, 1)).await.unwrap(), None, "the old one is gone all the same");
    assert_eq!(news(store, before).await, [Changed::Session(key(0, 0, 1))], "and every node hears of it");
    let successor = async |old: u32, at: u64| store.successor(&key(0, 0, old), Time(at)).await.unwrap();
    assert_eq!([successor(1, 10).await, successor(1, 39).await], [Some(key(0, 0, 2)); 2]);
    assert_eq!([successor(1, 40).await, successor(2, 20).await], [None; 2]);
    // Another sign-in: both old ones lead to the newest, and the first no longer than it did.
    store.create_session(&session(&account, key(0, 0, 3), 20), carried(2, 50)).await.unwrap();
    assert_eq!([successor(1, 39).await, successor(2, 49).await], [Some(key(0, 0, 3)); 2]);
    assert_eq!([successor(1, 40).await, successor(2, 50).await], [None; 2]);
}

async fn nobody_is_carried_over_to_another_account_or_from_nowhere(store: &dyn Store) {
    let (one, two) = (add(store, "a").await, add(store, "b").await);
    store.create_session(&session(&one, key(0, 0, 1), 1), None).await.unwrap();
    store.create_session(&session(&two, key(0, 0, 2), 10), carried(1, 40)).await.unwrap();
    store.create_session(&session(&two, key(0, 0, 3), 10), carried(9, 40)).await.unwrap();
    store.create_session(&session(&two, key(0, 0, 4), 10), Some(key(0, 0, 3).into())).await.unwrap();
    for number in [1, 9, 3, 4] {
        assert_eq!(store.successor(&key(0, 0, number), Time(11)).await.unwrap(), None, "{number}");
    }
}

async fn a_successor_that_ended_takes_those_it_replaced_with_it(store: &dyn Store) {
    let account = add(store, "a").await;
    let id = account.account.id;
    for (step, how) in (0..).zip(["sign-out", "everywhere", "disable", "password"]) {
        let (old, new) = (key(0, step, 1), key(0, step, 2));
        let record = store.account(Kind::Admin, id).await.unwrap().unwrap();
        store.create_session(&session(&record, old, 1), None).await.unwrap();
        let replaced = Replaced { key: old, carried_until: Some(Time(40)) };
        store.create_session(&session(&record, new, 10), Some(replaced)).await.unwrap();
        assert_eq!(store.successor(&old, Time(11)).await.unwrap(), Some(new));
        match how {
            "sign-out" => assert!(store.delete_session(&new, NOW).await.unwrap()),
            "everywhere" => assert_eq!(store.delete_sessions_of(Kind::Admin, id, NOW).await.unwrap(), 1),
            "disable" => {
                store.change_account(Kind::Admin, id, AccountChange::Disable, NOW).await.unwrap();
                store.change_account(Kind::Admin, id, AccountChange::Enable, NOW).await.unwrap();
            }
            _ => {
                let hash = AccountChange::Password("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA".into());
                store.change_account(Kind::Admin, id, hash, NOW).await.unwrap();
            }
        }
        assert_eq!(store.successor(&old, Time(11)).await.unwrap(), None, "{how}");
    }
}

async fn no_session_without_its_account(store: &dyn Store) {
    let account = add(store, "a").await;
    let good = session(&account, key(0, 0, 1), 1);
    for wrong in [
        doorward_core::session::Session { account: 2, ..good.clone() },
        doorward_core::session::Session { account: u64::MAX, ..good.clone() },
        doorward_core::session::Session { directory: "customers".into(), ..good.clone() },
        doorward_core::session::Session { account_version: account.version + 1, ..good.clone() },
    ] {
        let refused = store.create_session(&wrong, None).await;
        assert!(matches!(refused, Err(StoreError::Missing(_))), "{wrong:?}");
    }
    assert_eq!(store.session_count().await.unwrap(), 0);
}

async fn a_session_key_is_used_once(store: &dyn Store) {
    let (one, two) = (add(store, "a").await, add(store, "b").await);
    store.create_session(&session(&one, key(0, 0, 1), 1), None).await.unwrap();
    let refused = store.create_session(&session(&two, key(0, 0, 1), 2), None).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))));
    assert_eq!(store.session(&key(0, 0, 1)).await.unwrap().unwrap().1, one);
}

async fn ends_sessions_one_by_one_and_together(store: &dyn Store) {
    let (one, two) = (add(store, "a").await, add(store, "b").await);
    for step in 0..4 {
        store.create_session(&session(&one, key(0, 0, step), 1), None).await.unwrap();
    }
    store.create_session(&session(&two, key(0, 1, 0), 1), None).await.unwrap();
    assert!(store.delete_session(&key(0, 0, 0), NOW).await.unwrap());
    assert!(!store.delete_session(&key(0, 0, 0), NOW).await.unwrap());
    assert_eq!(store.session_count().await.unwrap(), 4);
    assert_eq!(store.delete_sessions_of(Kind::Admin, 1, NOW).await.unwrap(), 3);
    assert_eq!(store.delete_sessions_of(Kind::Admin, 1, NOW).await.unwrap(), 0);
    assert_eq!(store.session_count().await.unwrap(), 1);
}

async fn touches_only_forwards(store: &dyn Store) {
    let account = add(store, "a").await;
    store.create_session(&session(&account, key(0, 0, 1), 100), None).await.unwrap();
    let seen = |at| [(key(0, 0, 1), Time(at)), (key(9, 9, 9), Time(at))];
    let last_seen = async || store.session(&key(0, 0, 1)).await.unwrap().unwrap().0.last_seen;
    store.touch_sessions(&seen(200)).await.unwrap();
    assert_eq!(last_seen().await, Time(200));
    store.touch_sessions(&seen(150)).await.unwrap();
    assert_eq!(last_seen().await, Time(200));
    assert_eq!(store.session_count().await.unwrap(), 1);
    let many: Vec<(SessionKey, Time)> = (0..1200).map(|step| (key(0, 0, step), Time(300))).collect();
    store.touch_sessions(&many).await.unwrap();
    assert_eq!(last_seen().await, Time(300));
}

async fn lists_sessions_newest_first(store: &dyn Store) {
    let (one, two) = (add(store, "a").await, add(store, "b").await);
    for (owner, task, step) in [(&one, 0, 1), (&two, 1, 2), (&one, 0, 3)] {
        store.create_session(&session(owner, key(0, task, step), u64::from(step)), None).await.unwrap();
    }
    let list = async |account, limit| {
        let found = store.sessions(SessionFilter { account, limit }).await.unwrap();
        found.iter().map(|s| s.created.0).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 10).await, [3, 2, 1]);
    assert_eq!(list(None, 2).await, [3, 2]);
    assert_eq!(list(Some(("admins".into(), 1)), 10).await, [3, 1]);
    assert!(list(Some(("customers".into(), 1)), 10).await.is_empty());
    assert!(list(None, 0).await.is_empty());
}

async fn purges_what_is_idle_or_old(store: &dyn Store) {
    let account = add(store, "a").await;
    let staff = store.add_account(NewAccount { directory: "staff".into(), ..admin("s") }, NOW).await.unwrap();
    for step in 0..1100 {
        store.create_session(&session(&account, key(0, 0, step), u64::from(step)), None).await.unwrap();
    }
    store.create_session(&session(&staff, key(0, 1, 0), 0), None).await.unwrap();
    store.touch_sessions(&[(key(0, 0, 5), Time(5000)), (key(0, 0, 6), Time(5000))]).await.unwrap();
    let before = store.last_change().await.unwrap();
    // 0..=1098 rested too long, but for 5 and 6; of these 5 began too long ago.
    assert_eq!(store.purge_sessions("admins", Time(1099), Time(6)).await.unwrap(), 1098);
    assert_eq!(store.session_count().await.unwrap(), 3);
    assert!(store.session(&key(0, 0, 6)).await.unwrap().is_some());
    assert!(store.session(&key(0, 1, 0)).await.unwrap().is_some(), "another directory has its own times");
    assert_eq!(news(store, before).await.len(), 1098);
    assert_eq!(store.purge_sessions("admins", Time(1099), Time(6)).await.unwrap(), 0);
}

async fn purges_what_no_directory_can_find(store: &dyn Store) {
    let account = add(store, "a").await;
    let staff = store.add_account(NewAccount { directory: "staff".into(), ..admin("s") }, NOW).await.unwrap();
    for step in 0..600 {
        store.create_session(&session(&account, key(0, 0, step), 1), None).await.unwrap();
    }
    store.create_session(&session(&staff, key(0, 1, 0), 1), None).await.unwrap();
    let (admins, staff) = (("admins".into(), Kind::Admin), ("staff".into(), Kind::Admin));
    assert_eq!(store.purge_foreign_sessions(&[admins, staff.clone()]).await.unwrap(), 0);
    let before = store.last_change().await.unwrap();
    // Another kind is another directory.
    assert_eq!(store.purge_foreign_sessions(&[("admins".into(), Kind::Customer), staff]).await.unwrap(), 600);
    assert_eq!(news(store, before).await.len(), 600, "whoever caches them hears of it");
    assert!(store.session(&key(0, 1, 0)).await.unwrap().is_some());
    assert_eq!(store.purge_foreign_sessions(&[]).await.unwrap(), 1);
}
