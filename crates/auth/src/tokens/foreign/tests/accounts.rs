//! Which account a token of another issuer is.

use super::*;

#[tokio::test]
async fn a_token_of_another_issuer_is_an_account_of_ours() {
    let idp = key();
    let world = World::new(vec![settings(fixed(&[&idp]))]).await;
    let token = world.sign(&idp, json!({}));
    let live = world.find(&token).await.unwrap();
    assert_eq!((live.issuer().map(|issuer| &**issuer), live.form()), (Some(IDP), "signed"));
    // Only the roles that are mapped, besides those of the account, and for this token alone.
    assert_eq!(live.account().roles, ["ROLE_EDITOR".into()]);
    let stored = world.bench.store.account(Kind::Customer, 1).await.unwrap().unwrap();
    assert!(stored.account.roles.is_empty());
    assert_eq!(world.whose(&world.sign(&idp, json!({"realm_access": null}))).await, "customers/1 ");
    assert_eq!(world.whose(&world.sign(&idp, json!({"realm_access": {"roles": "all"}}))).await, "customers/1 ROLE_A,ROLE_EDITOR");
    let now = world.bench.clock.now();
    world.bench.store.put_role("ROLE_B", doorward_core::acl::Holds::Selection(Default::default()), now).await.unwrap();
    world.bench.change(Kind::Customer, 1, AccountChange::Roles(vec!["ROLE_B".into()])).await;
    assert_eq!(world.whose(&token).await, "customers/1 ROLE_B,ROLE_EDITOR");
    // Remembered: neither the store nor the signature is asked again.
    world.bench.store.away.store(true, SeqCst);
    assert_eq!(world.whose(&token).await, "customers/1 ROLE_B,ROLE_EDITOR");
    // The firewall asks other directories.
    world.bench.store.away.store(false, SeqCst);
    let admins = [Arc::clone(&world.bench.admins)];
    assert!(matches!(world.tokens().find_web(&token, &admins).await, Err(WebError::Refused { fault: Fault::Invalid, .. })));
    world.bench.clock.advance(Duration::from_secs(36_000));
    assert_eq!(world.whose(&token).await, "Expired");
}

#[tokio::test]
async fn whatever_is_missing_wrong_or_not_ours_is_refused() {
    let (idp, stranger) = (key(), key());
    let world = World::new(vec![settings(fixed(&[&idp]))]).await;
    for (changes, found) in [
        (json!({"aud": null}), "Invalid"),
        (json!({"aud": "other"}), "Invalid"),
        (json!({"aud": []}), "Invalid"),
        (json!({"aud": ["shop", 1]}), "Invalid"),
        (json!({"iss": "https://idp.example.com/"}), "Invalid"),
        (json!({"iss": "https://IDP.example.com"}), "Invalid"),
        (json!({"iss": "https://evil.example.com"}), "Invalid"),
        (json!({"iss": null}), "Invalid"),
        (json!({"iss": [IDP]}), "Invalid"),
        (json!({"iat": null}), "Invalid"),
        (json!({"exp": null}), "Invalid"),
        (json!({"exp": "1900000000"}), "Invalid"),
        (json!({"nbf": "0"}), "Invalid"),
        (json!({"exp": 1}), "Expired"),
        (json!({"preferred_username": null}), "NoUsername"),
        (json!({"preferred_username": 1}), "NoUsername"),
        (json!({"preferred_username": ""}), "NoUsername"),
        (json!({"preferred_username": ["jane"]}), "NoUsername"),
        (json!({"preferred_username": "j".repeat(256)}), "NoUsername"),
        (json!({"preferred_username": "nobody"}), "Account"),
        (json!({"realm_access": {"roles": 1}}), "Invalid"),
        (json!({"realm_access": {"roles": ["editors", 1]}}), "Invalid"),
        // What we say of ourselves means nothing in a token of somebody else.
        (json!({"preferred_username": null, "username": "jane", "sub": "customers/1"}), "NoUsername"),
    ] {
        assert_eq!(world.whose(&world.sign(&idp, changes.clone())).await, found, "{changes}");
    }
    assert_eq!(world.whose(&world.sign(&stranger, json!({}))).await, "Invalid");
    assert_eq!(world.whose(&world.sign(&idp, json!({}))).await, JANE);
    // Nobody was made.
    assert_eq!(world.bench.store.account_by_login("customers", None, "nobody").await, Ok(None));
    // An account that may not sign in.
    world.bench.change(Kind::Customer, 1, AccountChange::Disable).await;
    assert_eq!(world.whose(&world.sign(&idp, json!({}))).await, "Account");
    world.bench.change(Kind::Customer, 1, AccountChange::Enable).await;
    world.bench.clock.advance(2 * SECOND);
    world.bench.change(Kind::Customer, 1, AccountChange::UnconfirmedEmail("j@example.com".into())).await;
    world.bench.clock.advance(2 * SECOND);
    assert_eq!(world.whose(&world.sign(&idp, json!({}))).await, "Account");
}

#[tokio::test]
async fn an_address_counts_only_when_its_issuer_verified_it() {
    let idp = key();
    let login = ClaimPath::new(["email"]);
    let world = World::new(vec![IssuerSettings { login, ..settings(fixed(&[&idp])) }]).await;
    for (verified, found) in
        [(json!(true), JANE), (json!(false), "NoUsername"), (json!("true"), "NoUsername"), (Value::Null, "NoUsername")]
    {
        let token = world.sign(&idp, json!({"email": "jane", "email_verified": verified}));
        assert_eq!(world.whose(&token).await, found, "{verified}");
    }
}

#[tokio::test]
async fn what_happens_to_the_account_happens_to_its_tokens() {
    let idp = key();
    let world = World::new(vec![settings(fixed(&[&idp]))]).await;
    let token = world.sign(&idp, json!({}));
    let live = world.find(&token).await.unwrap();
    let ended = live.ended().clone();
    // `token_not_before`: what was issued up to then has ended, a newer one has not.
    world.bench.change(Kind::Customer, 1, AccountChange::EndTokens(world.bench.clock.now())).await;
    assert!(ended.is_cancelled());
    assert_eq!(world.whose(&token).await, "Invalid");
    world.bench.clock.advance(2 * SECOND);
    let token = world.sign(&idp, json!({}));
    let ended = world.find(&token).await.unwrap().ended().clone();
    assert_eq!(world.whose(&token).await, JANE);
    // Another one takes the login: the token is not the old one's any more, and the newcomer's tokens are the newcomer's.
    world.bench.clock.advance(2 * SECOND);
    world.bench.change(Kind::Customer, 1, AccountChange::Email(Some("jane".into()))).await;
    world.bench.clock.advance(2 * SECOND);
    world.bench.change(Kind::Customer, 1, AccountChange::Email(Some("janet@example.com".into()))).await;
    assert!(ended.is_cancelled());
    assert_eq!(world.whose(&token).await, "Account");
    world.bench.add(Kind::Customer, "jane").await;
    world.bench.clock.advance(2 * SECOND);
    assert_eq!(world.whose(&world.sign(&idp, json!({}))).await, "customers/2 ROLE_EDITOR");
}

/// ASVS 10.3.3: issuer and subject say who somebody is, and no claim that could be somebody else's tomorrow.
#[tokio::test]
async fn issuer_and_subject_together_are_the_account_that_they_are_linked_with() {
    let idp = key();
    let linked = || IssuerSettings { login: None, ..settings(fixed(&[&idp])) };
    let second = IssuerSettings { issuer: "https://second.example.com".into(), ..linked() };
    let world = World::new(vec![linked(), second]).await;
    let who = Subject { issuer: IDP.into(), subject: "f:1:2".into() };
    let token = world.sign(&idp, json!({}));
    assert_eq!(world.whose(&token).await, "Account", "a login means nothing");
    let store = &world.bench.store;
    store.identities().link_identity(&who, Kind::Customer, 1, world.bench.clock.now()).await.unwrap();
    world.bench.auth.apply_changes().await.unwrap();
    let ended = world.find(&token).await.unwrap().ended().clone();
    for (changes, found) in [
        (json!({}), JANE),
        (json!({ "preferred_username": "nobody" }), JANE),
        (json!({ "sub": "f:1:3" }), "Account"),
        (json!({ "sub": "F:1:2" }), "Account"),
        (json!({ "iss": "https://second.example.com" }), "Account"),
        (json!({ "sub": null }), "NoUsername"),
        (json!({ "sub": "" }), "NoUsername"),
        (json!({ "sub": "é" }), "NoUsername"),
        (json!({ "sub": "x".repeat(256) }), "NoUsername"),
        (json!({ "sub": 1 }), "Invalid"),
    ] {
        assert_eq!(world.whose(&world.sign(&idp, changes.clone())).await, found, "{changes}");
    }
    // Another login is the same person; without the link it is nobody.
    world.bench.change(Kind::Customer, 1, AccountChange::Email(Some("janet@example.com".into()))).await;
    assert_eq!(world.whose(&token).await, JANE);
    assert!(!ended.is_cancelled());
    assert!(store.identities().unlink_identity("customers", &who).await.unwrap());
    world.bench.auth.apply_changes().await.unwrap();
    assert!(ended.is_cancelled(), "streams of it end");
    assert_eq!(world.whose(&token).await, "Account");
}
