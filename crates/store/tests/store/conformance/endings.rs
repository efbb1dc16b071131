//! What ends with an account's password, with its right to sign in, and with the account.

use super::*;

judge!(
    disabling_ends_sessions_and_what_was_proved,
    a_new_password_ends_sessions,
    a_rehash_keeps_sessions_and_never_revives_an_old_password,
    deleting_an_account_ends_its_sessions,
    tokens_end_without_sessions,
    keeps_tokens_while_their_accounts_are_what_they_were,
);

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

async fn tokens_end_without_sessions(store: &dyn Store) {
    let made = store.add_account(admin("a"), NOW).await.unwrap();
    let later = Time(NOW.0 + 5);
    let changed = store.change_account(Kind::Admin, made.account.id, AccountChange::EndTokens(later), later).await.unwrap();
    assert_eq!((changed.tokens_not_before, changed.updated, changed.version), (later, later, made.version));
    let back = store.change_account(Kind::Admin, made.account.id, AccountChange::EndTokens(NOW), later).await.unwrap();
    assert_eq!(back.tokens_not_before, later, "it never goes back");
}
