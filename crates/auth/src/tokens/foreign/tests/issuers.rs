//! What makes a token one of its issuer, and of no other and no other kind.

use super::*;
use crate::AccessProfile;

/// CVE-2024-47616: a signature is not enough; who it is by, for whom, and of which type decide.
#[tokio::test]
async fn security_36_issuers_do_not_mix() {
    let (one, other, ours) = (key(), key(), key());
    // The second publishes its key under the name of the first one's.
    let mut taken = set([other.verifying()]);
    taken["keys"][0]["kid"] = json!(**one.verifying().kid().unwrap());
    let keys = KeySource::Fixed(KeySet::parse(taken.to_string().as_bytes()).unwrap().keys.into());
    let second = IssuerSettings { issuer: "https://second.example.com".into(), ..settings(keys) };
    let world = World::new(vec![settings(fixed(&[&one])), second]).await;
    let named = |issuer: &str| json!({ "iss": issuer });
    assert_eq!(world.whose(&world.sign(&one, named(IDP))).await, JANE);
    assert_eq!(world.whose(&world.sign(&one, named("https://second.example.com"))).await, "Invalid");
    assert_eq!(world.whose(&world.sign(&other, named(IDP))).await, "Invalid");
    // A token of ours names no other issuer, and keys of other issuers sign none of ours.
    let own = world.tokens().issue_web(&world.record, world.bench.clock.now()).await.unwrap().token;
    assert_eq!(world.whose(&own).await, "customers/1 ");
    let now = world.bench.clock.now().seconds();
    let forged = one.sign(&json!({"iat": now, "exp": now + 60, "username": "jane", "sub": "customers/1"})).unwrap();
    assert_eq!(world.whose(&forged).await, "Invalid");
    // An assertion to an upstream names its issuer, and is a token of another type.
    let pkcs8 = SigningKey::generate(Algorithm::EdDsa, &SystemEntropy).unwrap();
    let signer = doorward_crypto::assertion::Signer::from_pkcs8(&pkcs8).unwrap();
    let assertion = signer.sign(&doorward_crypto::assertion::Claims {
        iss: IDP,
        aud: "shop",
        sub: "customer/1",
        login: Some("jane"),
        roles: Vec::new(),
        method: "session",
        iat: world.bench.clock.now(),
    });
    let itself = SigningKey::from_pkcs8(&pkcs8).unwrap();
    world.tokens().set_issuers(vec![settings(fixed(&[&itself, &ours]))]);
    assert_eq!(world.whose(&assertion).await, "Invalid");
}

#[tokio::test]
async fn only_the_types_and_algorithms_that_are_allowed_count() {
    let idp = key();
    let es256 = IssuerSettings { algorithms: vec![Algorithm::Es256], ..settings(fixed(&[&idp])) };
    let world = World::new(vec![es256]).await;
    let token = world.sign(&idp, json!({}));
    assert_eq!(world.whose(&token).await, "Invalid");
    world.tokens().set_issuers(vec![IssuerSettings { types: vec!["at+jwt".into()], ..settings(fixed(&[&idp])) }]);
    assert_eq!(world.whose(&token).await, "Invalid");
    world.tokens().set_issuers(vec![settings(fixed(&[&idp]))]);
    assert_eq!(world.whose(&token).await, JANE);
}

#[tokio::test]
async fn other_settings_judge_again_and_keep_keys_from_the_same_place() {
    let idp = key();
    let server = Server::of(&[&idp]);
    let source = fetched(&server);
    let world = World::new(vec![settings(source.clone())]).await;
    let token = world.sign(&idp, json!({}));
    let ended = world.find(&token).await.unwrap().ended().clone();
    world.tokens().set_issuers(vec![IssuerSettings { audience: ["another".into()].into(), ..settings(source.clone()) }]);
    assert!(ended.is_cancelled());
    assert_eq!(world.whose(&token).await, "Invalid");
    world.tokens().set_issuers(vec![IssuerSettings { roles: None, ..settings(source) }]);
    assert_eq!(world.whose(&token).await, "customers/1 ");
    assert_eq!(server.asked(), 1, "the keys are known");
    world.tokens().set_issuers(Vec::new());
    assert_eq!(world.whose(&token).await, "Invalid");
}

const ACCESS: AccessProfile = AccessProfile {
    typ: "at+jwt",
    scopes: |claims| match claims.get("cnf") {
        None => Ok(claims.text("scope").unwrap_or_default().split_whitespace().map(Into::into).collect()),
        Some(_) => Err("it is bound"),
    },
    bound: |_| Ok(Bound::default()),
    introspected: |_| Ok(Vec::new()),
};

/// Security 4.3, 36 and 39: an access token and every other kind are never taken for each other, remembered or not.
#[tokio::test]
async fn security_39_what_counts_under_one_method_says_nothing_under_another() {
    let idp = key();
    let world = World::new(vec![settings(fixed(&[&idp]))]).await;
    let access = |changes: Value| idp.sign_typed("at+jwt", &world.claims(changes)).unwrap();
    let both = world.bench.both();
    let asked = AccessAsked { directories: &both, profile: &ACCESS, own: None, audience: &[], client: [192, 0, 2, 1].into() };
    let find = async |token: &str| match world.tokens().find_access(token, &asked).await {
        Ok(live) => live.account().roles.join(","),
        Err(WebError::Refused { fault, .. }) => format!("{fault:?}"),
        Err(error) => panic!("{error}"),
    };
    let (token, plain) = (access(json!({ "scope": "default orders:read" })), world.sign(&idp, json!({})));
    for _ in 0..2 {
        assert_eq!(find(&token).await, "ROLE_EDITOR,ROLE_OAUTH2_DEFAULT,ROLE_OAUTH2_ORDERS:READ");
        assert_eq!(world.whose(&token).await, "Invalid");
        assert_eq!(find(&plain).await, "Invalid");
        assert_eq!(world.whose(&plain).await, JANE);
    }
    assert_eq!(find(&access(json!({}))).await, "ROLE_EDITOR");
    // Typed or not at all: whatever `types` of the issuer says about other firewalls.
    world.tokens().set_issuers(vec![IssuerSettings { types: vec!["JWT".into(), "at+jwt".into()], ..settings(fixed(&[&idp])) }]);
    assert_eq!((&*find(&plain).await, &*world.whose(&token).await), ("Invalid", JANE));
    for refused in [json!({ "cnf": { "jkt": "x" } }), json!({ "aud": "other" }), json!({ "iss": "https://evil.example.com" })] {
        assert_eq!(find(&access(refused)).await, "Invalid");
    }
    // One of ours names no other issuer, and is of another type.
    let own = world.tokens().issue_web(&world.record, world.bench.clock.now()).await.unwrap().token;
    assert_eq!(find(&own).await, "Invalid");
    world.bench.change(Kind::Customer, 1, AccountChange::Disable).await;
    assert_eq!(find(&token).await, "Account");
}
