//! Keys, and tokens that expire.

use super::*;

judge!(forgets_expired_tokens_alone, adds_and_retires_keys, keeps_the_first_key_of_a_purpose,);

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
    // Another one takes the place of those that sign, in one go.
    let verifies = StoredKey { active_from: None, ..made("foreign", 3) };
    store.add_key(verifies.clone()).await.unwrap();
    assert!(matches!(store.rotate_key(made("two", 4), Time(50)).await, Err(StoreError::Exists(_))));
    assert_eq!(store.keys("token").await.unwrap()[1..], expected, "nothing is retired by what fails");
    let before = store.last_change().await.unwrap();
    assert_eq!(store.rotate_key(made("new", 5), Time(50)).await, Ok(1));
    let rotated = [
        made("new", 5),
        verifies,
        StoredKey { retired: Some(Time(50)), ..made("two", 2) },
        StoredKey { retired: Some(Time(9)), ..made("one", 1) },
    ];
    assert_eq!(store.keys("token").await.unwrap(), rotated);
    assert_eq!(news(store, before).await, [Changed::Keys("token".into())], "one change");
    assert_eq!(store.rotate_key(made("newest", 6), Time(60)).await, Ok(1), "only those that have no end yet");
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
