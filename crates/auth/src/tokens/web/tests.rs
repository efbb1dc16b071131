use super::*;
use crate::{
    Auth,
    testing::{Bench, PASSWORD, attempt},
    tokens::{PUBLISHED_AHEAD, new_signing_key},
};
use doorward_core::{
    Identity, Kind,
    ports::{AccountChange, Clock, StoredKey, TokenStore},
};
use doorward_crypto::jwt::SigningKey;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn hs256() -> WebSettings {
    WebSettings {
        algorithm: Algorithm::Hs256,
        secret: Some(Arc::new(SigningKey::secret(SECRET).unwrap())),
        ..WebSettings::default()
    }
}

impl Bench {
    async fn web_of(&self, record: &AccountRecord) -> String {
        self.auth.tokens().issue_web(record, self.clock.now()).await.unwrap().token
    }

    async fn whose_web(&self, token: &str) -> Result<String, WebError> {
        whose(&self.auth, token, &self.both()).await
    }

    /// What the claims say, under the secret, at this bench's time.
    fn signed(&self, changes: Value) -> String {
        let now = self.clock.now().seconds();
        let mut claims = json!({ "iat": now, "exp": now + 3600, "roles": ["ROLE_USER"], "username": "jane" });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        SigningKey::secret(SECRET).unwrap().sign(&claims).unwrap()
    }

    async fn web_keys(&self) -> Vec<StoredKey> {
        self.store.inner.keys(PURPOSE).await.unwrap()
    }
}

async fn whose(auth: &Auth, token: &str, asked: &[Arc<Directory>]) -> Result<String, WebError> {
    let live = auth.tokens().find_web(token, asked).await?;
    Ok(format!("{}/{}", live.account().directory, live.account().id))
}

fn fault(found: Result<String, WebError>) -> Fault {
    match found {
        Err(WebError::Refused { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

fn said(token: &str) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn kid_of(token: &str) -> Option<String> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    header["kid"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_token_is_its_accounts_until_it_expires() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256, Algorithm::Hs256] {
        let bench = Bench::new().await;
        let settings = if algorithm == Algorithm::Hs256 { hs256() } else { WebSettings { algorithm, ..WebSettings::default() } };
        bench.auth.tokens().set_web_settings(settings);
        let jane = bench.add(Kind::Admin, "jane").await;
        let token = bench.web_of(&jane).await;
        let id = jane.account.id;
        assert_eq!(said(&token)["sub"], format!("admins/{id}"));
        for _ in 0..2 {
            assert_eq!(bench.whose_web(&token).await, Ok(format!("admins/{id}")), "{algorithm:?}");
        }
        assert_eq!(bench.auth.tokens().len(), 1);
        let watched = bench.auth.tokens().find_web(&token, &bench.both()).await.unwrap().ended().clone();
        bench.clock.advance(HOUR);
        assert_eq!(fault(bench.whose_web(&token).await), Fault::Expired, "{algorithm:?}: remembered");
        bench.auth.tokens().sweep();
        assert!(watched.is_cancelled() && bench.auth.tokens().is_empty());
        assert_eq!(fault(bench.whose_web(&token).await), Fault::Expired, "{algorithm:?}: read anew");
    }
}

#[tokio::test]
async fn the_claims_are_those_of_ibexa_and_ours_behind_them() {
    let bench = Bench::new().await;
    let audience: [Arc<str>; 2] = ["shop".into(), "api".into()];
    let issuer = Some("https://shop.example.com".into());
    bench.auth.tokens().set_web_settings(WebSettings { issuer, audience: audience.into(), ..hs256() });
    let jane = bench.add(Kind::Admin, "jane").await;
    let token = bench.web_of(&jane).await;
    let claims = said(&token);
    let now = bench.clock.now().seconds();
    assert_eq!(
        claims,
        json!({
            "iat": now, "exp": now + 3600, "roles": ["ROLE_USER"], "username": "jane", "sub": format!("admins/{}", jane.account.id),
            "iss": "https://shop.example.com", "aud": ["shop", "api"],
        })
    );
    assert_eq!(
        claims.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>(),
        ["iat", "exp", "roles", "username", "sub", "iss", "aud"]
    );
    assert!(bench.whose_web(&token).await.is_ok());
}

/// Security 4.3, 57: one choke point for whoever is disabled or was ended.
#[tokio::test]
async fn security_57_what_ends_the_tokens_of_an_account_ends_these() {
    let ends = [
        ("end", AccountChange::EndTokens(Time(0))),
        ("disable", AccountChange::Disable),
        ("password", AccountChange::Password("$argon2id$other".into())),
    ];
    for (name, change) in ends {
        let bench = Bench::new().await;
        let (jane, june) = (bench.add(Kind::Customer, "jane").await, bench.add(Kind::Customer, "june").await);
        let (token, other) = (bench.web_of(&jane).await, bench.web_of(&june).await);
        bench.clock.advance(SECOND);
        // The account is known by then, this one is not.
        let unseen = bench.web_of(&jane).await;
        let another = bench.another().await;
        assert!(bench.whose_web(&token).await.is_ok() && whose(&another, &token, &bench.both()).await.is_ok());
        let watched = bench.auth.tokens().find_web(&token, &bench.both()).await.unwrap().ended().clone();
        let change = if name == "end" { AccountChange::EndTokens(bench.clock.now()) } else { change };
        bench.change(Kind::Customer, jane.account.id, change).await;
        assert!(watched.is_cancelled(), "{name}: streams end");
        let expected = if name == "disable" { Fault::Account } else { Fault::Invalid };
        assert_eq!(fault(bench.whose_web(&token).await), expected, "{name}");
        assert_eq!(fault(bench.whose_web(&unseen).await), expected, "{name}: one that comes for the first time");
        another.apply_changes().await.unwrap();
        assert!(whose(&another, &token, &bench.both()).await.is_err(), "{name}: elsewhere");
        assert!(bench.whose_web(&other).await.is_ok(), "{name}: of another account");
    }
}

#[tokio::test]
async fn no_token_for_a_proof_that_is_no_longer_so() {
    let bench = Bench::new().await;
    bench.add(Kind::Customer, "jane").await;
    let verified = bench.auth.verify(&bench.both(), attempt("jane", PASSWORD)).await.unwrap();
    bench.clock.advance(Duration::from_millis(5));
    bench.change(Kind::Customer, 1, AccountChange::Password("$argon2id$other".into())).await;
    bench.clock.advance(10 * SECOND);
    match bench.auth.tokens().issue_web(&verified.record, verified.began).await {
        Ok(issued) => assert!(bench.whose_web(&issued.token).await.is_err(), "dead from the start"),
        Err(error) => assert!(matches!(error, StoreError::Missing(_)), "{error}"),
    }
}

#[tokio::test]
async fn a_token_without_sub_counts_where_one_directory_is_asked() {
    let bench = Bench::new().await;
    bench.auth.tokens().set_web_settings(hs256());
    let jane = bench.add(Kind::Admin, "jane").await;
    bench.add(Kind::Customer, "jane").await;
    let token = bench.signed(json!({}));
    let [customers, admins] = bench.both();
    let asks = async |asked: &[Arc<Directory>]| whose(&bench.auth, &token, asked).await;
    assert_eq!(asks(&[Arc::clone(&admins)]).await, Ok(format!("admins/{}", jane.account.id)));
    assert_eq!(fault(asks(&bench.both()).await), Fault::Invalid);
    assert_eq!(fault(asks(&[]).await), Fault::Invalid);
    // Whom it is about depends on who is asked, and so does what is remembered (security 4.3, 39).
    assert_eq!(asks(&[customers]).await, Ok("customers/1".to_owned()));
    assert_eq!(asks(&[admins]).await, Ok(format!("admins/{}", jane.account.id)));
}

#[tokio::test]
async fn a_subject_is_a_directory_that_is_asked_and_an_id_of_it() {
    let bench = Bench::new().await;
    bench.auth.tokens().set_web_settings(hs256());
    let (jane, _) = (bench.add(Kind::Admin, "jane").await, bench.add(Kind::Customer, "june").await);
    let id = jane.account.id;
    assert!(bench.whose_web(&bench.signed(json!({ "sub": format!("admins/{id}"), "username": null }))).await.is_ok());
    for (sub, expected) in [
        ("admins/999", Fault::Account),
        ("customers/999", Fault::Account),
        ("nobody/1", Fault::Invalid),
        ("admins", Fault::Invalid),
        ("", Fault::Invalid),
        ("admins/", Fault::Invalid),
        ("admins/x", Fault::Invalid),
        ("admins/-1", Fault::Invalid),
        ("admins/+1", Fault::Invalid),
        ("admins/01", Fault::Invalid),
        ("admins/1/1", Fault::Invalid),
        ("admins/18446744073709551616", Fault::Invalid),
        ("ADMINS/1", Fault::Invalid),
    ] {
        assert_eq!(fault(bench.whose_web(&bench.signed(json!({ "sub": sub }))).await), expected, "{sub}");
    }
    let [customers, _] = bench.both();
    let token = bench.signed(json!({ "sub": format!("admins/{id}") }));
    assert_eq!(fault(whose(&bench.auth, &token, &[customers]).await), Fault::Invalid);
}

#[tokio::test]
async fn the_faults_are_told_apart() {
    let bench = Bench::new().await;
    bench.auth.tokens().set_web_settings(hs256());
    bench.add(Kind::Admin, "jane").await;
    let [_, admins] = bench.both();
    let now = bench.clock.now().seconds();
    let other = SigningKey::secret(b"another secret of the same length, or so").unwrap();
    let forged = |exp: u64| other.sign(&json!({ "iat": now - 10, "exp": exp, "username": "jane" })).unwrap();
    for (token, expected) in [
        (bench.signed(json!({ "username": null })), Fault::NoUsername),
        (bench.signed(json!({ "username": 1 })), Fault::NoUsername),
        (bench.signed(json!({ "username": "nobody" })), Fault::Account),
        (bench.signed(json!({ "exp": now })), Fault::Expired),
        (bench.signed(json!({ "exp": null })), Fault::Invalid),
        (bench.signed(json!({ "iat": null })), Fault::Invalid),
        (bench.signed(json!({ "iat": now + 60 })), Fault::Invalid),
        (bench.signed(json!({ "iss": "somebody" })), Fault::Invalid),
        (bench.signed(json!({ "aud": "somebody" })), Fault::Invalid),
        (forged(now + 60), Fault::Invalid),
        // What it says of its end is answered, and not believed (ibexa-rest 3.3).
        (forged(now - 1), Fault::Expired),
        ("x".to_owned(), Fault::Invalid),
        ("a.b.c".to_owned(), Fault::Invalid),
        ("a".repeat(jwt::LONGEST + 1), Fault::Invalid),
    ] {
        assert_eq!(fault(whose(&bench.auth, &token, std::slice::from_ref(&admins)).await), expected, "{token}");
    }
    assert!(bench.auth.tokens().is_empty());
}

/// Security 4.3, 36: each kind of token is judged by its own keys.
#[tokio::test]
async fn security_36_tokens_of_other_purposes_are_none_of_these() {
    let bench = Bench::new().await;
    let jane = bench.add(Kind::Customer, "jane").await;
    let magento = bench.auth.tokens().issue(&jane, bench.clock.now()).await.unwrap().token;
    let ours = bench.web_of(&jane).await;
    let identity = doorward_core::Identity::Known(Arc::clone(&jane.account));
    let assertion = bench.auth.assertion(None, &identity, &"shop".into(), "jwt").unwrap();
    assert_eq!(fault(bench.whose_web(&magento).await), Fault::Invalid);
    assert_eq!(fault(bench.whose_web(assertion.to_str().unwrap()).await), Fault::Invalid);
    assert!(bench.auth.tokens().find(&ours).await.is_err());
    assert!(bench.whose_web(&ours).await.is_ok());
    assert!(bench.auth.tokens().find(&ours).await.is_err(), "remembered");
    assert!(bench.auth.tokens().find(&magento).await.is_ok());
    assert!(bench.whose_web(&magento).await.is_err(), "remembered");
}

#[tokio::test]
async fn what_is_remembered_is_judged_again_by_other_settings() {
    let bench = Bench::new().await;
    bench.auth.tokens().set_web_settings(hs256());
    let jane = bench.add(Kind::Admin, "jane").await;
    let token = bench.web_of(&jane).await;
    assert!(bench.whose_web(&token).await.is_ok());
    bench.auth.tokens().set_web_settings(WebSettings { audience: [Arc::from("shop")].into(), ..hs256() });
    assert_eq!(fault(bench.whose_web(&token).await), Fault::Invalid);
    bench.auth.tokens().set_web_settings(hs256());
    assert!(bench.whose_web(&token).await.is_ok());
    // Another secret, or none: what the old one signed is worth nothing.
    bench.auth.tokens().set_web_settings(WebSettings::default());
    assert_eq!(fault(bench.whose_web(&token).await), Fault::Invalid);
}

#[tokio::test]
async fn leeway_is_for_clocks_that_differ() {
    let bench = Bench::new().await;
    bench.auth.tokens().set_web_settings(WebSettings { leeway: 30 * SECOND, ..hs256() });
    let jane = bench.add(Kind::Admin, "jane").await;
    let token = bench.web_of(&jane).await;
    bench.clock.advance(HOUR + 29 * SECOND);
    for _ in 0..2 {
        assert!(bench.whose_web(&token).await.is_ok());
    }
    bench.clock.advance(SECOND);
    assert_eq!(fault(bench.whose_web(&token).await), Fault::Expired);
}

#[tokio::test]
async fn a_token_that_comes_for_the_first_time_has_the_roles_of_this_moment() {
    let bench = Bench::new().await;
    let jane = bench.add(Kind::Admin, "jane").await;
    let (first, second) = (bench.web_of(&jane).await, {
        bench.clock.advance(SECOND);
        bench.web_of(&jane).await
    });
    let told = async |token: &str| {
        let live = bench.auth.tokens().find_web(token, &bench.both()).await.unwrap();
        let assertion = bench.auth.assertion_of(&live, &Identity::Known(live.account()), &"shop".into(), "jwt").unwrap();
        said(assertion.to_str().unwrap())["roles"].clone()
    };
    assert_eq!(told(&first).await, json!(["ROLE_USER", "ROLE_ADMIN"]));
    let resources = std::collections::BTreeSet::from(["A::b".into()]);
    bench.store.put_role("editors", resources.into(), bench.clock.now()).await.unwrap();
    bench.change(Kind::Admin, jane.account.id, AccountChange::Roles(vec!["editors".into()])).await;
    for token in [&second, &first] {
        assert_eq!(told(token).await, json!(["ROLE_USER", "ROLE_ADMIN", "editors"]));
    }
}

#[tokio::test]
async fn a_token_of_an_account_that_is_known_costs_no_look_into_the_store() {
    let bench = Bench::new().await;
    let (jane, june) = (bench.add(Kind::Admin, "jane").await, bench.add(Kind::Admin, "june").await);
    let first = bench.web_of(&jane).await;
    bench.clock.advance(SECOND);
    let (second, stranger) = (bench.web_of(&jane).await, bench.web_of(&june).await);
    assert!(bench.whose_web(&first).await.is_ok());
    bench.store.away.store(true, SeqCst);
    assert!(bench.whose_web(&second).await.is_ok());
    assert!(matches!(bench.whose_web(&stranger).await, Err(WebError::Unavailable(_))));
}

/// Guarantee 3: whoever cannot hear of changes trusts nothing that is remembered.
#[tokio::test]
async fn a_deaf_node_asks_the_store() {
    let bench = Bench::new().await;
    let jane = bench.add(Kind::Customer, "jane").await;
    let (token, unseen) = (bench.web_of(&jane).await, {
        bench.clock.advance(SECOND);
        bench.web_of(&jane).await
    });
    assert!(bench.whose_web(&token).await.is_ok());
    bench.auth.tokens().set_deaf(true);
    bench.store.change_account(Kind::Customer, jane.account.id, AccountChange::Disable, bench.clock.now()).await.unwrap();
    assert_eq!(fault(bench.whose_web(&token).await), Fault::Account);
    assert_eq!(fault(bench.whose_web(&unseen).await), Fault::Account);
}

#[tokio::test]
async fn another_node_verifies_what_this_one_signed_just_now() {
    let bench = Bench::new().await;
    let another = bench.another().await;
    let jane = bench.add(Kind::Customer, "jane").await;
    let token = bench.web_of(&jane).await;
    bench.clock.advance(2 * SECOND);
    // It has not heard of the key, and asks the store because of it.
    assert!(whose(&another, &token, &bench.both()).await.is_ok());
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_the_old_one_verifies_on() {
    let bench = Bench::new().await;
    let jane = bench.add(Kind::Customer, "jane").await;
    let tokens = bench.auth.tokens();
    let first = bench.web_of(&jane).await;
    assert_eq!(bench.web_keys().await.len(), 1);
    tokens.rotate_web_if_due().await.unwrap();
    assert_eq!(bench.web_keys().await.len(), 1, "it is not due");
    bench.clock.advance(90 * DAY - PUBLISHED_AHEAD);
    let last = bench.web_of(&jane).await;
    assert_eq!(kid_of(&first), kid_of(&last));
    tokens.rotate_web_if_due().await.unwrap();
    tokens.rotate_web_if_due().await.unwrap();
    assert_eq!(bench.web_keys().await.len(), 2, "once");
    let published = tokens.web_key_set().await.unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 2);
    assert_eq!(kid_of(&bench.web_of(&jane).await), kid_of(&first), "it is published, and does not sign yet");
    bench.clock.advance(PUBLISHED_AHEAD);
    let newer = bench.web_of(&jane).await;
    assert_ne!(kid_of(&newer), kid_of(&first));
    let very_last = last;
    assert!(bench.whose_web(&newer).await.is_ok());
    bench.clock.advance(HOUR - PUBLISHED_AHEAD - SECOND);
    assert!(bench.whose_web(&very_last).await.is_ok(), "until its last second");
    bench.clock.advance(2 * DAY);
    assert_eq!(tokens.web_key_set().await.unwrap()["keys"].as_array().unwrap().len(), 1, "the old one is gone");
}

#[tokio::test]
async fn a_retired_key_takes_its_tokens_along_at_once() {
    let bench = Bench::new().await;
    let jane = bench.add(Kind::Customer, "jane").await;
    let token = bench.web_of(&jane).await;
    let watched = bench.auth.tokens().find_web(&token, &bench.both()).await.unwrap().ended().clone();
    let key = bench.web_keys().await.remove(0);
    bench.store.inner.retire_key(PURPOSE, &key.id, bench.clock.now()).await.unwrap();
    bench.auth.apply_changes().await.unwrap();
    assert!(watched.is_cancelled());
    assert_eq!(fault(bench.whose_web(&token).await), Fault::Invalid);
    let next = bench.web_of(&jane).await;
    assert_ne!(kid_of(&next), kid_of(&token));
    assert!(bench.whose_web(&next).await.is_ok());
}

#[tokio::test]
async fn another_algorithm_signs_once_its_key_was_published_for_long_enough() {
    let bench = Bench::new().await;
    let jane = bench.add(Kind::Customer, "jane").await;
    let first = bench.web_of(&jane).await;
    bench.auth.tokens().set_web_settings(WebSettings { algorithm: Algorithm::Es256, ..WebSettings::default() });
    assert_eq!(kid_of(&bench.web_of(&jane).await), kid_of(&first), "the old one, meanwhile");
    assert_eq!(bench.web_keys().await.len(), 2);
    bench.clock.advance(PUBLISHED_AHEAD);
    let second = bench.web_of(&jane).await;
    assert_ne!(kid_of(&second), kid_of(&first));
    assert_eq!(bench.web_keys().await.len(), 2);
    for token in [first, second] {
        assert!(bench.whose_web(&token).await.is_ok());
    }
}

/// A key that waits and is itself replaced never takes over: it retires too early for that.
#[tokio::test]
async fn a_key_that_was_replaced_before_it_signed_never_does() {
    let bench = Bench::new().await;
    let jane = bench.add(Kind::Customer, "jane").await;
    bench.web_of(&jane).await;
    let now = bench.clock.now();
    let keys = [PUBLISHED_AHEAD, 5 * SECOND]
        .map(|lead| new_signing_key(PURPOSE, Algorithm::EdDsa, bench.auth.entropy(), now, now + lead).unwrap());
    for (key, lead) in keys.iter().zip([PUBLISHED_AHEAD, 5 * SECOND]) {
        bench.store.inner.rotate_key(key.clone(), now + lead + DAY).await.unwrap();
    }
    bench.auth.apply_changes().await.unwrap();
    bench.clock.advance(5 * SECOND);
    assert_eq!(kid_of(&bench.web_of(&jane).await).as_deref(), Some(&*keys[1].id));
    bench.clock.advance(2 * PUBLISHED_AHEAD);
    assert_eq!(kid_of(&bench.web_of(&jane).await).as_deref(), Some(&*keys[1].id));
}

#[tokio::test]
async fn a_secret_has_no_key_to_publish_or_to_store() {
    let bench = Bench::new().await;
    bench.auth.tokens().set_web_settings(hs256());
    let jane = bench.add(Kind::Customer, "jane").await;
    let token = bench.web_of(&jane).await;
    assert_eq!(kid_of(&token), None);
    assert_eq!(bench.auth.tokens().web_key_set().await.unwrap(), json!({ "keys": [] }));
    bench.auth.tokens().rotate_web_if_due().await.unwrap();
    assert!(bench.web_keys().await.is_empty());
    // Without the secret that it needs nothing is issued, and no other key takes its place.
    bench.auth.tokens().set_web_settings(WebSettings { algorithm: Algorithm::Hs256, ..WebSettings::default() });
    assert!(bench.auth.tokens().issue_web(&jane, bench.clock.now()).await.is_err());
    assert!(bench.whose_web(&token).await.is_err());
}

#[tokio::test]
async fn published_keys_are_never_those_of_assertions() {
    let bench = Bench::new().await;
    let published = bench.auth.tokens().web_key_set().await.unwrap();
    let assertions = bench.auth.assertion_keys();
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
    assert_ne!(published["keys"][0]["kid"], assertions["keys"][0]["kid"]);
    assert!(published["keys"][0].get("d").is_none());
}
