//! The port's promises, told of any store: another database is judged by the same cases.

use crate::{admin, key, session};
use doorward_core::{
    Kind, Membership, Time,
    acl::{Holds, RoleRow},
    ports::{
        AccountChange, AccountCount, AccountRecord, Change, Changed, Deed, NewAccount, SessionFilter, Store, StoreError,
        StoredKey, TokenKey, TokenRecord,
    },
    session::{Replaced, SessionKey},
};
use doorward_store::{Options, Sqlite};
use std::{collections::BTreeSet, sync::Arc};

macro_rules! judge {
    ($($case:ident),* $(,)?) => {
        mod file {
            $(#[tokio::test]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::Sqlite::open(&folder.path().join("store.db"), super::Options::default()).unwrap();
                super::$case(&store).await;
            })*
        }
        mod memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(&super::Sqlite::memory().unwrap()).await;
            })*
        }
    };
}

judge!(
    keeps_what_an_account_says,
    finds_a_login_whatever_its_case,
    refuses_a_login_that_differs_only_by_case,
    takes_no_letter_for_another_one,
    refuses_names_that_hide_something,
    lists_accounts_by_directory_and_id,
    counts_ids_per_kind,
    never_uses_an_id_again,
    takes_an_explicit_id_once,
    refuses_ids_that_cannot_be,
    keeps_a_directory_to_one_kind,
    disabling_ends_sessions_and_what_was_proved,
    a_new_password_ends_sessions,
    a_rehash_keeps_sessions_and_never_revives_an_old_password,
    roles_change_under_a_session,
    refuses_unknown_roles,
    a_deleted_role_is_lost_by_its_accounts,
    a_role_is_given_other_resources,
    a_role_keeps_the_order_of_its_rows,
    a_login_is_unique_on_its_website,
    tokens_end_without_sessions,
    keeps_tokens_while_their_accounts_are_what_they_were,
    forgets_expired_tokens_alone,
    adds_and_retires_keys,
    deleting_an_account_ends_its_sessions,
    changing_nobody_is_missing,
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
    counts_accounts_by_directory_and_kind,
    names_the_cost_of_each_hash_once,
    keeps_the_first_key_of_a_purpose,
    tells_what_changed_in_order,
    a_refused_change_leaves_no_trace,
    a_reader_from_another_database_forgets_everything,
    answers_a_ping,
);

const NOW: Time = Time(1_700_000_000_000);

async fn add(store: &dyn Store, login: &str) -> AccountRecord {
    store.add_account(admin(login), NOW).await.unwrap()
}

fn holds(ids: &[&str]) -> Holds {
    resources(ids).into()
}

fn resources(ids: &[&str]) -> BTreeSet<Arc<str>> {
    ids.iter().map(|id| Arc::from(*id)).collect()
}

async fn news(store: &dyn Store, since: u64) -> Vec<Changed> {
    store.changes_since(since).await.unwrap().into_iter().map(|change| change.what).collect()
}

async fn keeps_what_an_account_says(store: &dyn Store) {
    store.put_role("clerk", holds(&["A::a"]), NOW).await.unwrap();
    store.put_role("auditor", holds(&[]), NOW).await.unwrap();
    let new = NewAccount {
        email: Some("anna@example.com".into()),
        roles: vec!["clerk".into(), "auditor".into(), "clerk".into()],
        ..admin("Anna")
    };
    let made = store.add_account(new, NOW).await.unwrap();
    assert_eq!(made.account.id, 1);
    assert_eq!((&*made.account.directory, made.account.kind, &*made.account.login), ("admins", Kind::Admin, "Anna"));
    assert_eq!(made.account.roles, ["clerk".into(), "auditor".into()]);
    assert_eq!(made.email.as_deref(), Some("anna@example.com"));
    assert_eq!(made.password.as_deref(), Some("$argon2id$first"));
    assert!(made.enabled);
    assert_eq!((made.created, made.not_before), (NOW, NOW));
    assert_eq!(store.account(Kind::Admin, 1).await.unwrap(), Some(made.clone()));
    assert_eq!(store.accounts(None).await.unwrap(), [made]);
    assert_eq!(store.account(Kind::Customer, 1).await.unwrap(), None);
    assert_eq!(store.account(Kind::Admin, u64::MAX).await.unwrap(), None);
}

async fn finds_a_login_whatever_its_case(store: &dyn Store) {
    let made = add(store, "Örs@Example.com").await;
    for login in ["Örs@Example.com", "örs@example.com", "ÖRS@EXAMPLE.COM"] {
        assert_eq!(store.account_by_login("admins", None, login).await.unwrap().as_ref(), Some(&made), "{login}");
    }
    assert_eq!(store.account_by_login("customers", None, "Örs@Example.com").await.unwrap(), None);
    assert_eq!(store.account_by_login("admins", None, "ors@example.com").await.unwrap(), None);
}

/// Case is folded as Unicode lower case has it, and nothing else is: what looks alike is somebody else.
async fn takes_no_letter_for_another_one(store: &dyn Store) {
    let logins = ["istanbul", "strasse", "\u{e9}lodie", "admin", "\u{3c3}"];
    for login in logins {
        store.add_account(admin(login), Time(1)).await.unwrap();
    }
    let find = async |login: &str| {
        store.account_by_login("admins", None, login).await.unwrap().map(|found| found.account.login.to_string())
    };
    assert_eq!(find("\u{c9}LODIE").await.as_deref(), Some("\u{e9}lodie"));
    assert_eq!(find("\u{3a3}").await.as_deref(), Some("\u{3c3}"));
    // A dotted I, a sharp s, a combining accent, a Cyrillic a, a zero-width space, a full-width letter, a space.
    for other in [
        "\u{130}stanbul",
        "stra\u{df}e",
        "e\u{301}lodie",
        "\u{430}dmin",
        "ad\u{200b}min",
        "\u{ff41}dmin",
        "admin ",
        " admin",
        "admin\0",
    ] {
        assert_eq!(find(other).await, None, "{other:?}");
    }
}

async fn refuses_a_login_that_differs_only_by_case(store: &dyn Store) {
    add(store, "Ägidius").await;
    let refused = store.add_account(admin("äGIDIUS"), NOW).await;
    assert_eq!(refused, Err(StoreError::Exists("the account admins/äGIDIUS".into())));
    let elsewhere = NewAccount { directory: "staff".into(), ..admin("ägidius") };
    assert!(store.add_account(elsewhere, NOW).await.is_ok());
}

async fn lists_accounts_by_directory_and_id(store: &dyn Store) {
    let staff = |login: &str| NewAccount { directory: "staff".into(), ..admin(login) };
    store.add_account(staff("z"), NOW).await.unwrap();
    add(store, "b").await;
    add(store, "a").await;
    let logins = |accounts: Vec<AccountRecord>| accounts.iter().map(|a| a.account.login.to_string()).collect::<Vec<_>>();
    assert_eq!(logins(store.accounts(None).await.unwrap()), ["b", "a", "z"]);
    assert_eq!(logins(store.accounts(Some("staff")).await.unwrap()), ["z"]);
    assert!(store.accounts(Some("nobody")).await.unwrap().is_empty());
}

async fn counts_ids_per_kind(store: &dyn Store) {
    let customer = NewAccount { directory: "customers".into(), kind: Kind::Customer, ..admin("c") };
    assert_eq!(add(store, "a").await.account.id, 1);
    assert_eq!(store.add_account(customer, NOW).await.unwrap().account.id, 1);
    let staff = NewAccount { directory: "staff".into(), ..admin("s") };
    assert_eq!(store.add_account(staff, NOW).await.unwrap().account.id, 2);
}

async fn never_uses_an_id_again(store: &dyn Store) {
    add(store, "a").await;
    let highest = add(store, "b").await;
    store.delete_account(Kind::Admin, highest.account.id, NOW).await.unwrap();
    assert_eq!(add(store, "b").await.account.id, 3);
    let again = store.add_account(NewAccount { id: Some(2), ..admin("c") }, NOW).await;
    assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
}

async fn takes_an_explicit_id_once(store: &dyn Store) {
    let with = |id, login: &str| NewAccount { id: Some(id), ..admin(login) };
    assert_eq!(store.add_account(with(14, "a"), NOW).await.unwrap().account.id, 14);
    assert!(matches!(store.add_account(with(14, "b"), NOW).await, Err(StoreError::Exists(_))));
    assert_eq!(add(store, "c").await.account.id, 15);
    assert_eq!(store.add_account(with(5, "d"), NOW).await.unwrap().account.id, 5);
    assert_eq!(add(store, "e").await.account.id, 16);
}

async fn refuses_ids_that_cannot_be(store: &dyn Store) {
    for id in [0, 1 << 53, u64::MAX] {
        let refused = store.add_account(NewAccount { id: Some(id), ..admin("a") }, NOW).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{id}: {refused:?}");
    }
    assert!(store.accounts(None).await.unwrap().is_empty());
    assert_eq!(add(store, "a").await.account.id, 1);
}

async fn keeps_a_directory_to_one_kind(store: &dyn Store) {
    add(store, "a").await;
    let other = NewAccount { kind: Kind::Customer, ..admin("b") };
    assert!(matches!(store.add_account(other, NOW).await, Err(StoreError::Exists(_))));
}

async fn disabling_ends_sessions_and_what_was_proved(store: &dyn Store) {
    let account = add(store, "a").await;
    store.create_session(&session(&account, key(0, 0, 1), 1), None).await.unwrap();
    let later = Time(NOW.0 + 5);
    let disabled = store.change_account(Kind::Admin, 1, AccountChange::Disable, later).await.unwrap();
    assert!(!disabled.enabled && disabled.version > account.version);
    assert_eq!(disabled.not_before, later);
    assert_eq!(store.session(&key(0, 0, 1)).await.unwrap(), None);
    let refused = store.create_session(&session(&disabled, key(0, 0, 2), 1), None).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))));

    let enabled = store.change_account(Kind::Admin, 1, AccountChange::Enable, later).await.unwrap();
    assert!(enabled.enabled);
    // A sign-in that began before the account was disabled does not end as a session of the account enabled again.
    let stale = store.create_session(&session(&account, key(0, 0, 3), 1), None).await;
    assert!(matches!(stale, Err(StoreError::Missing(_))));
    store.create_session(&session(&enabled, key(0, 0, 4), 1), None).await.unwrap();
}

async fn a_new_password_ends_sessions(store: &dyn Store) {
    let account = add(store, "a").await;
    store.create_session(&session(&account, key(0, 0, 1), 1), None).await.unwrap();
    let later = Time(NOW.0 + 5);
    let changed = store.change_account(Kind::Admin, 1, AccountChange::Password("$argon2id$second".into()), later).await.unwrap();
    assert_eq!(changed.password.as_deref(), Some("$argon2id$second"));
    assert!(changed.version > account.version && changed.not_before == later);
    assert_eq!(store.session_count().await.unwrap(), 0);
}

async fn a_rehash_keeps_sessions_and_never_revives_an_old_password(store: &dyn Store) {
    let account = add(store, "a").await;
    store.create_session(&session(&account, key(0, 0, 1), 1), None).await.unwrap();
    let rehash = |from: &str, to: &str| AccountChange::Rehash { from: from.into(), to: to.into() };
    let stronger = rehash("$argon2id$first", "$argon2id$stronger");
    let changed = store.change_account(Kind::Admin, 1, stronger.clone(), NOW).await.unwrap();
    assert_eq!((changed.password.as_deref(), changed.version), (Some("$argon2id$stronger"), account.version));
    assert!(store.session(&key(0, 0, 1)).await.unwrap().is_some());

    store.change_account(Kind::Admin, 1, AccountChange::Password("$argon2id$second".into()), NOW).await.unwrap();
    assert!(matches!(store.change_account(Kind::Admin, 1, stronger, NOW).await, Err(StoreError::Missing(_))));
    let now = store.account(Kind::Admin, 1).await.unwrap().unwrap();
    assert_eq!(now.password.as_deref(), Some("$argon2id$second"));
}

async fn roles_change_under_a_session(store: &dyn Store) {
    store.put_role("clerk", holds(&["A::a"]), NOW).await.unwrap();
    let account = add(store, "a").await;
    store.create_session(&session(&account, key(0, 0, 1), 1), None).await.unwrap();
    let before = store.last_change().await.unwrap();
    store.change_account(Kind::Admin, 1, AccountChange::Roles(vec!["clerk".into()]), NOW).await.unwrap();
    let (_, owner) = store.session(&key(0, 0, 1)).await.unwrap().unwrap();
    assert_eq!(owner.account.roles, ["clerk".into()]);
    assert_eq!(news(store, before).await, [Changed::Account(Kind::Admin, 1, Deed::Roles)]);
    let rehashed = AccountChange::Rehash { from: account.password.clone().unwrap(), to: "$argon2id$stronger".into() };
    store.change_account(Kind::Admin, 1, rehashed, NOW).await.unwrap();
    assert_eq!(news(store, before).await.len(), 1, "the same password under another hash is no change");
    let mail = AccountChange::Email(Some("a@example.com".into()));
    assert_eq!(store.change_account(Kind::Admin, 1, mail, NOW).await.unwrap().email.as_deref(), Some("a@example.com"));
}

async fn refuses_unknown_roles(store: &dyn Store) {
    let refused = store.add_account(NewAccount { roles: vec!["clerk".into()], ..admin("a") }, NOW).await;
    assert_eq!(refused, Err(StoreError::Missing("the role clerk".into())));
    let account = add(store, "a").await;
    assert_eq!(account.account.id, 1, "a refused account takes no id");
    let refused = store.change_account(Kind::Admin, 1, AccountChange::Roles(vec!["clerk".into()]), NOW).await;
    assert_eq!(refused, Err(StoreError::Missing("the role clerk".into())));
}

async fn a_deleted_role_is_lost_by_its_accounts(store: &dyn Store) {
    store.put_role("clerk", holds(&["A::a"]), NOW).await.unwrap();
    store.add_account(NewAccount { roles: vec!["clerk".into()], ..admin("a") }, NOW).await.unwrap();
    add(store, "b").await;
    let before = store.last_change().await.unwrap();
    store.delete_role("clerk", NOW).await.unwrap();
    assert!(store.account(Kind::Admin, 1).await.unwrap().unwrap().account.roles.is_empty());
    assert!(store.roles().await.unwrap().is_empty());
    assert_eq!(
        news(store, before).await,
        [Changed::Account(Kind::Admin, 1, Deed::Roles), Changed::Role("clerk".into(), Deed::Deleted)]
    );
    assert_eq!(store.delete_role("clerk", NOW).await, Err(StoreError::Missing("the role clerk".into())));
}

async fn a_role_is_given_other_resources(store: &dyn Store) {
    store.put_role("clerk", holds(&["A::a", "A::b"]), NOW).await.unwrap();
    store.put_role("auditor", holds(&[]), NOW).await.unwrap();
    store.put_role("clerk", holds(&["A::c"]), NOW).await.unwrap();
    let expected = [("auditor".into(), holds(&[])), ("clerk".into(), holds(&["A::c"]))];
    assert_eq!(store.roles().await.unwrap(), expected);
}

async fn deleting_an_account_ends_its_sessions(store: &dyn Store) {
    let (gone, stays) = (add(store, "gone").await, add(store, "stays").await);
    store.create_session(&session(&gone, key(0, 0, 1), 1), None).await.unwrap();
    store.create_session(&session(&stays, key(0, 0, 2), 1), None).await.unwrap();
    let before = store.last_change().await.unwrap();
    store.delete_account(Kind::Admin, gone.account.id, NOW).await.unwrap();
    assert_eq!(store.session(&key(0, 0, 1)).await.unwrap(), None);
    assert!(store.session(&key(0, 0, 2)).await.unwrap().is_some());
    assert_eq!(store.account_by_login("admins", None, "gone").await.unwrap(), None);
    assert_eq!(news(store, before).await, [Changed::Session(key(0, 0, 1)), Changed::Account(Kind::Admin, 1, Deed::Deleted)]);
    let again = store.delete_account(Kind::Admin, gone.account.id, NOW).await;
    assert_eq!(again, Err(StoreError::Missing("the account admin/1".into())));
}

async fn changing_nobody_is_missing(store: &dyn Store) {
    let missing = StoreError::Missing("the account customer/9".into());
    for change in [
        AccountChange::Enable,
        AccountChange::Disable,
        AccountChange::Password("x".into()),
        AccountChange::Roles(Vec::new()),
        AccountChange::Email(None),
        AccountChange::Unlock,
    ] {
        assert_eq!(store.change_account(Kind::Customer, 9, change.clone(), NOW).await, Err(missing.clone()), "{change:?}");
    }
    assert_eq!(store.delete_sessions_of(Kind::Customer, 9, NOW).await, Err(missing));
}

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

async fn refuses_names_that_hide_something(store: &dyn Store) {
    for name in ["ad\u{202e}min", "admin\u{200b}", " admin", "ad\u{e000}min", "a\nb", ""] {
        let refused = store.add_account(admin(name), NOW).await;
        assert!(matches!(&refused, Err(StoreError::Unfit(why)) if why.starts_with("a login ")), "{name:?}: {refused:?}");
        let refused = store.put_role(name, resources(&[]).into(), NOW).await;
        assert!(matches!(&refused, Err(StoreError::Unfit(why)) if why.starts_with("a role name ")), "{name:?}: {refused:?}");
    }
    assert_eq!(store.last_change().await.unwrap(), 0);
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

async fn counts_accounts_by_directory_and_kind(store: &dyn Store) {
    assert_eq!(store.account_counts().await.unwrap(), []);
    for (directory, kind, login) in [("staff", Kind::Admin, "a"), ("shop", Kind::Customer, "a"), ("staff", Kind::Admin, "b")] {
        store.add_account(NewAccount { directory: directory.into(), kind, ..admin(login) }, NOW).await.unwrap();
    }
    let count = |directory: &str, kind, accounts| AccountCount { directory: directory.into(), kind, accounts };
    assert_eq!(store.account_counts().await.unwrap(), [count("shop", Kind::Customer, 1), count("staff", Kind::Admin, 2)]);
}

async fn names_the_cost_of_each_hash_once(store: &dyn Store) {
    assert!(store.password_costs().await.unwrap().is_empty());
    let (salt, hash) = ("c29tZXNhbHQrLzAx", "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi+4");
    for (login, password) in [
        ("a", Some(format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${hash}"))),
        ("b", Some(format!("$argon2id$v=19$m=64,t=1,p=1${salt}${hash}"))),
        ("c", Some(format!("$argon2id$v=19$m=64,t=1,p=1${hash}${salt}"))),
        ("d", Some("$2y$10$abcdefghijklmnopqrstuv".to_owned())),
        ("e", None),
    ] {
        store.add_account(NewAccount { password: password.map(Into::into), ..admin(login) }, NOW).await.unwrap();
    }
    let mut costs = store.password_costs().await.unwrap();
    costs.sort();
    assert_eq!(costs, ["$argon2id$v=19$m=19456,t=2,p=1$".into(), "$argon2id$v=19$m=64,t=1,p=1$".into()]);
}

async fn keeps_tokens_while_their_accounts_are_what_they_were(store: &dyn Store) {
    let made = store.add_account(admin("a"), NOW).await.unwrap();
    let id = made.account.id;
    let token = |n: u8, created| TokenRecord { key: TokenKey([n; 32]), kind: Kind::Admin, account: id, created, expires: None };
    store.add_token(&token(1, NOW), made.version).await.unwrap();
    assert!(matches!(store.add_token(&token(1, NOW), made.version).await, Err(StoreError::Exists(_))));
    let (found, record) = store.token(&TokenKey([1; 32])).await.unwrap().unwrap();
    assert_eq!((found, record.account.id), (token(1, NOW), id));
    assert!(store.token(&TokenKey([2; 32])).await.unwrap().is_none());
    // What was issued up to a moment ends, what comes later stays.
    let later = Time(NOW.0 + 5);
    store.add_token(&token(2, Time(later.0 + 1)), made.version).await.unwrap();
    let before = store.last_change().await.unwrap();
    store.change_account(Kind::Admin, id, AccountChange::EndTokens(later), later).await.unwrap();
    assert_eq!(news(store, before).await, [Changed::Account(Kind::Admin, id, Deed::Tokens)]);
    assert_eq!(store.token_count_of(Kind::Admin, id).await, Ok(1));
    let changed = store.change_account(Kind::Admin, id, AccountChange::Disable, later).await.unwrap();
    assert_eq!((store.token_count_of(Kind::Admin, id).await, changed.tokens_not_before), (Ok(0), later));
    for version in [made.version, changed.version] {
        assert!(matches!(store.add_token(&token(3, later), version).await, Err(StoreError::Missing(_))), "{version}");
    }
    store.delete_account(Kind::Admin, id, later).await.unwrap();
    assert!(matches!(store.add_token(&token(3, later), changed.version).await, Err(StoreError::Missing(_))));
}

async fn forgets_expired_tokens_alone(store: &dyn Store) {
    let made = store.add_account(admin("a"), NOW).await.unwrap();
    for (n, expires) in [(1, Some(NOW)), (2, Some(Time(NOW.0 + 1))), (3, None)] {
        let token = TokenRecord { key: TokenKey([n; 32]), kind: Kind::Admin, account: made.account.id, created: NOW, expires };
        store.add_token(&token, made.version).await.unwrap();
    }
    assert_eq!(store.purge_tokens(NOW).await, Ok(1));
    assert!(store.token(&TokenKey([1; 32])).await.unwrap().is_none());
    assert_eq!(store.token_count_of(Kind::Admin, made.account.id).await, Ok(2));
}

async fn adds_and_retires_keys(store: &dyn Store) {
    let made = |id: &str, created| StoredKey {
        purpose: "token".into(),
        id: id.into(),
        secret: id.as_bytes().into(),
        algorithm: Some("HS256".into()),
        created: Time(created),
        active_from: Some(Time(created + 1)),
        retired: None,
    };
    store.add_key(made("one", 1)).await.unwrap();
    store.add_key(made("two", 2)).await.unwrap();
    assert!(matches!(store.add_key(made("one", 3)).await, Err(StoreError::Exists(_))));
    store.retire_key("token", "one", Time(9)).await.unwrap();
    assert!(matches!(store.retire_key("token", "none", Time(9)).await, Err(StoreError::Missing(_))));
    assert!(matches!(store.retire_key("form", "one", Time(9)).await, Err(StoreError::Missing(_))));
    let expected = [made("two", 2), StoredKey { retired: Some(Time(9)), ..made("one", 1) }];
    assert_eq!(store.keys("token").await.unwrap(), expected);
    assert_eq!(store.all_keys().await.unwrap(), expected);
    let keys = Changed::Keys("token".into());
    assert_eq!(news(store, 0).await, [keys.clone(), keys.clone(), keys]);
    assert!(!format!("{:?}", expected[0]).contains("secret: ["), "no secret is shown");
}

async fn keeps_the_first_key_of_a_purpose(store: &dyn Store) {
    let made = |purpose: &str, id: &str, created| StoredKey {
        purpose: purpose.into(),
        id: id.into(),
        secret: id.as_bytes().into(),
        algorithm: None,
        created: Time(created),
        active_from: None,
        retired: None,
    };
    assert_eq!(&*store.key_or_insert(made("assertion", "one", 1)).await.unwrap().id, "one");
    let kept = store.key_or_insert(made("assertion", "two", 2)).await.unwrap();
    assert_eq!((&*kept.id, &*kept.secret, kept.created), ("one", &b"one"[..], Time(1)));
    assert_eq!(&*store.key_or_insert(made("form", "two", 2)).await.unwrap().id, "two");
    let ids = |keys: Vec<StoredKey>| keys.iter().map(|k| k.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(store.keys("assertion").await.unwrap()), ["one"]);
    assert!(store.keys("nothing").await.unwrap().is_empty());
}

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

async fn a_role_keeps_the_order_of_its_rows(store: &dyn Store) {
    let row = |resource: &str, allow| RoleRow { resource: resource.into(), allow };
    let rows = Holds::Rows(vec![row("B::b", false), row("A::a", true), row("B::b", true)]);
    store.put_role("clerk", rows.clone(), NOW).await.unwrap();
    assert_eq!(store.roles().await.unwrap(), [("clerk".into(), rows)]);
    store.put_role("clerk", holds(&["A::c"]), NOW).await.unwrap();
    assert_eq!(store.roles().await.unwrap(), [("clerk".into(), holds(&["A::c"]))]);
}

async fn a_login_is_unique_on_its_website(store: &dyn Store) {
    let on = |website| NewAccount {
        directory: "customers".into(),
        kind: Kind::Customer,
        per_website: true,
        membership: (website != 0).then_some(Membership { website, store: website, group: 1 }),
        ..admin("jane@example.com")
    };
    let first = store.add_account(on(1), NOW).await.unwrap();
    let second = store.add_account(on(2), NOW).await.unwrap();
    for refused in [on(1), on(0), NewAccount { per_website: false, ..on(3) }] {
        let refused = store.add_account(refused, NOW).await;
        assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    }
    let found = async |website| store.account_by_login("customers", website, "JANE@example.com").await.unwrap();
    assert_eq!((found(Some(1)).await, found(Some(2)).await), (Some(first), Some(second)));
    assert_eq!((found(Some(3)).await, found(None).await), (None, None), "nobody, and nobody in particular");
    let everywhere = store.add_account(NewAccount { login: "all@example.com".into(), ..on(0) }, NOW).await.unwrap();
    assert_eq!(store.account_by_login("customers", Some(7), "all@example.com").await.unwrap(), Some(everywhere));
}

async fn tokens_end_without_sessions(store: &dyn Store) {
    let made = store.add_account(admin("a"), NOW).await.unwrap();
    let later = Time(NOW.0 + 5);
    let changed = store.change_account(Kind::Admin, made.account.id, AccountChange::EndTokens(later), later).await.unwrap();
    assert_eq!((changed.tokens_not_before, changed.updated, changed.version), (later, later, made.version));
    let back = store.change_account(Kind::Admin, made.account.id, AccountChange::EndTokens(NOW), later).await.unwrap();
    assert_eq!(back.tokens_not_before, later, "it never goes back");
}
