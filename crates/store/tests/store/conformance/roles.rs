//! Roles and who has them.

use super::*;

judge!(
    roles_change_under_a_session,
    refuses_unknown_roles,
    a_deleted_role_is_lost_by_its_accounts,
    a_role_is_given_other_resources,
    a_role_keeps_the_order_of_its_rows,
);

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

async fn a_role_keeps_the_order_of_its_rows(store: &dyn Store) {
    let row = |resource: &str, allow| RoleRow { resource: resource.into(), allow };
    let rows = Holds::Rows(vec![row("B::b", false), row("A::a", true), row("B::b", true)]);
    store.put_role("clerk", rows.clone(), NOW).await.unwrap();
    assert_eq!(store.roles().await.unwrap(), [("clerk".into(), rows)]);
    store.put_role("clerk", holds(&["A::c"]), NOW).await.unwrap();
    assert_eq!(store.roles().await.unwrap(), [("clerk".into(), holds(&["A::c"]))]);
}
