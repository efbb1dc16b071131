//! Accounts: what they say, how they are found, and which ids they get.

use super::*;

judge!(
    keeps_what_an_account_says,
    finds_a_login_whatever_its_case,
    takes_no_letter_for_another_one,
    refuses_a_login_that_differs_only_by_case,
    refuses_names_that_hide_something,
    a_login_is_unique_on_its_website,
    counts_ids_per_kind,
    never_uses_an_id_again,
    takes_an_explicit_id_once,
    refuses_ids_that_cannot_be,
    keeps_a_directory_to_one_kind,
    changing_nobody_is_missing,
);

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
    assert_eq!(everyone(store).await, [made]);
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
    assert!(everyone(store).await.is_empty());
    assert_eq!(add(store, "a").await.account.id, 1);
}

async fn keeps_a_directory_to_one_kind(store: &dyn Store) {
    add(store, "a").await;
    let other = NewAccount { kind: Kind::Customer, ..admin("b") };
    assert!(matches!(store.add_account(other, NOW).await, Err(StoreError::Exists(_))));
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

async fn refuses_names_that_hide_something(store: &dyn Store) {
    for name in ["ad\u{202e}min", "admin\u{200b}", " admin", "ad\u{e000}min", "a\nb", ""] {
        let refused = store.add_account(admin(name), NOW).await;
        assert!(matches!(&refused, Err(StoreError::Unfit(why)) if why.starts_with("a login ")), "{name:?}: {refused:?}");
        let refused = store.put_role(name, resources(&[]).into(), NOW).await;
        assert!(matches!(&refused, Err(StoreError::Unfit(why)) if why.starts_with("a role name ")), "{name:?}: {refused:?}");
    }
    assert_eq!(store.last_change().await.unwrap(), 0);
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
