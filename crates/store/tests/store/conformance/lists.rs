//! Accounts, many of them: pages and counts.

use super::*;

judge!(
    lists_accounts_by_directory_and_id,
    lists_accounts_a_page_at_a_time,
    lists_accounts_that_hold_a_text_or_have_a_role,
    counts_accounts_by_directory_and_kind,
    names_the_cost_of_each_hash_once,
);

async fn lists_accounts_by_directory_and_id(store: &dyn Store) {
    let staff = |login: &str| NewAccount { directory: "staff".into(), ..admin(login) };
    store.add_account(staff("z"), NOW).await.unwrap();
    add(store, "b").await;
    add(store, "a").await;
    let all = AccountFilter { limit: usize::MAX, ..AccountFilter::default() };
    assert_eq!(listed(store, all.clone()).await, ["b", "a", "z"]);
    assert_eq!(listed(store, AccountFilter { directory: Some("staff".into()), ..all.clone() }).await, ["z"]);
    assert!(listed(store, AccountFilter { directory: Some("nobody".into()), ..all }).await.is_empty());
}

async fn listed(store: &dyn Store, filter: AccountFilter) -> Vec<String> {
    store.accounts(&filter).await.unwrap().iter().map(|record| record.account.login.to_string()).collect()
}

async fn lists_accounts_a_page_at_a_time(store: &dyn Store) {
    for number in 0..7 {
        let directory = if number % 3 == 0 { "staff" } else { "admins" };
        store.add_account(NewAccount { directory: directory.into(), ..admin(&format!("a{number}")) }, NOW).await.unwrap();
    }
    for (directory, expected) in [(None, vec!["a1", "a2", "a4", "a5", "a0", "a3", "a6"]), (Some("staff"), vec!["a0", "a3", "a6"])]
    {
        for limit in 1..=8 {
            let mut filter = AccountFilter { directory: directory.map(Arc::from), limit, ..AccountFilter::default() };
            let mut all = Vec::new();
            loop {
                let page = store.accounts(&filter).await.unwrap();
                assert!(page.len() <= limit, "{} of {limit}", page.len());
                let Some(last) = page.last() else { break };
                filter.after = Some((Arc::clone(&last.account.directory), last.account.id));
                all.extend(page.iter().map(|record| record.account.login.to_string()));
            }
            assert_eq!(all, expected, "{directory:?} by {limit}");
        }
    }
}

async fn lists_accounts_that_hold_a_text_or_have_a_role(store: &dyn Store) {
    store.put_role("clerk", holds(&["A::a"]), NOW).await.unwrap();
    store.put_role("idle", holds(&[]), NOW).await.unwrap();
    let email = |login: &str, email: &str| NewAccount { email: Some(email.into()), ..admin(login) };
    store.add_account(email("anna", "A.Clerk@Example.com"), NOW).await.unwrap();
    store.add_account(NewAccount { roles: vec!["clerk".into()], ..email("\u{d6}rs", "o@example.org") }, NOW).await.unwrap();
    store.add_account(admin("clerkenwell_100%"), NOW).await.unwrap();
    let all = AccountFilter { limit: usize::MAX, ..AccountFilter::default() };
    for (text, expected) in [
        ("CLERK", vec!["anna", "clerkenwell_100%"]),
        ("example.COM", vec!["anna"]),
        ("\u{f6}R", vec!["\u{d6}rs"]),
        ("0%", vec!["clerkenwell_100%"]),
        ("a_n", vec![]),
        ("' OR 1", vec![]),
    ] {
        assert_eq!(listed(store, AccountFilter { holding: Some(text.into()), ..all.clone() }).await, expected, "{text}");
    }
    for (role, expected) in [("clerk", vec!["\u{d6}rs"]), ("idle", vec![]), ("nobody", vec![])] {
        assert_eq!(listed(store, AccountFilter { role: Some(role.into()), ..all.clone() }).await, expected, "{role}");
    }
    assert_eq!(store.role_counts().await.unwrap(), [("clerk".into(), 1)]);
}

async fn counts_accounts_by_directory_and_kind(store: &dyn Store) {
    assert_eq!(store.account_counts().await.unwrap(), []);
    for (directory, kind, login) in [("staff", Kind::Admin, "a"), ("shop", Kind::Customer, "a"), ("staff", Kind::Admin, "b")] {
        store.add_account(NewAccount { directory: directory.into(), kind, ..admin(login) }, NOW).await.unwrap();
    }
    let count = |directory: &str, kind, accounts| AccountCount { directory: directory.into(), kind, accounts };
    assert_eq!(store.account_counts().await.unwrap(), [count("shop", Kind::Customer, 1), count("staff", Kind::Admin, 2)]);
    store.delete_account(Kind::Customer, 1, NOW).await.unwrap();
    store.delete_account(Kind::Admin, 1, NOW).await.unwrap();
    assert_eq!(store.account_counts().await.unwrap(), [count("staff", Kind::Admin, 1)]);
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
    let (dear, cheap) = ("$argon2id$v=19$m=19456,t=2,p=1$", "$argon2id$v=19$m=64,t=1,p=1$");
    assert_eq!(costs, [dear.into(), cheap.into()]);
    // One that no hash has any more is forgotten: another password, a new hash of the same one, an account that is gone.
    let password = |cost: &str| -> Arc<str> { format!("{cost}{salt}${hash}").into() };
    let change = async |id, change| store.change_account(Kind::Admin, id, change, NOW).await.unwrap();
    change(1, AccountChange::Password(password(cheap))).await;
    assert_eq!(store.password_costs().await.unwrap(), [cheap.into()]);
    change(4, AccountChange::Rehash { from: "$2y$10$abcdefghijklmnopqrstuv".into(), to: password(dear) }).await;
    change(5, AccountChange::Password(password(cheap))).await;
    assert_eq!(store.password_costs().await.unwrap().len(), 2);
    for id in [1, 2, 3] {
        store.delete_account(Kind::Admin, id, NOW).await.unwrap();
    }
    assert_eq!(store.password_costs().await.unwrap().len(), 2);
    store.delete_account(Kind::Admin, 4, NOW).await.unwrap();
    assert_eq!(store.password_costs().await.unwrap(), [cheap.into()]);
    store.delete_account(Kind::Admin, 5, NOW).await.unwrap();
    assert!(store.password_costs().await.unwrap().is_empty());
}
