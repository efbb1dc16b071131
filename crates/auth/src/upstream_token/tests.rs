use super::*;
use crate::testing::*;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{Kind, Source, ports::AccountChange};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn signing(key: &str, directories: &[&str]) -> Signing {
    Signing {
        key: SharedKey::new(key.as_bytes()).unwrap(),
        directories: directories.iter().map(|name| Arc::from(*name)).collect(),
    }
}

fn upstream(identity: UpstreamIdentity) -> Upstream {
    Upstream {
        name: "shop".into(),
        base: "http://127.0.0.1:9".into(),
        path: "/".into(),
        pass_credentials: false,
        identity,
        cookies: Vec::new(),
        cart: None,
        exchange: None,
        keep_encoded_slash: false,
        connect_timeout: MINUTE,
        response_timeout: MINUTE,
        idle_timeout: MINUTE,
        max_connections: 1,
        source: Source::new("doorward.toml", 1),
    }
}

fn claims(header: &HeaderValue) -> serde_json::Value {
    let token = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn each_application_is_told_in_its_own_way_and_only_of_accounts_that_it_knows() {
    let bench = Bench::new().await;
    let magento = upstream(UpstreamIdentity::MagentoJwt(signing(KEY, &["customers", "admins"])));
    let customers_only = upstream(UpstreamIdentity::MagentoJwt(signing(KEY, &["customers"])));
    let ibexa = upstream(UpstreamIdentity::IbexaJwt(signing(KEY, &["admins"])));
    let none = upstream(UpstreamIdentity::Doorward);
    let of =
        |kind, upstream: &Upstream| bench.auth.upstream_token(None, &Identity::Known(Arc::new(account(kind, 7, "jo"))), upstream);
    let iat = START.seconds();
    for (kind, utypid) in [(Kind::Admin, 2), (Kind::Customer, 3)] {
        let token = of(kind, &magento).unwrap();
        assert!(token.is_sensitive());
        assert_eq!(claims(&token), serde_json::json!({"uid": 7, "utypid": utypid, "iat": iat, "exp": iat + 60}));
        assert_eq!(of(kind, &none), None);
    }
    let expected = serde_json::json!({"iat": iat, "exp": iat + 60, "roles": ["ROLE_USER"], "username": "jo"});
    assert_eq!(claims(&of(Kind::Admin, &ibexa).unwrap()), expected);
    // A customer with an admin's login is nobody there.
    assert_eq!(of(Kind::Customer, &ibexa), None);
    assert_eq!(of(Kind::Admin, &customers_only), None);
    assert_eq!(of(Kind::Integration, &magento), None);
    assert_eq!(bench.auth.upstream_token(None, &Identity::Guest, &magento), None);
}

#[tokio::test]
async fn one_token_serves_a_session_for_half_its_life_and_goes_with_what_it_says() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let live = bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap().live;
    let ibexa = upstream(UpstreamIdentity::IbexaJwt(signing(KEY, &["admins"])));
    let make = |upstream: &Upstream| bench.auth.upstream_token(Some(&live), &Identity::Known(live.account()), upstream).unwrap();
    let first = make(&ibexa);
    bench.clock.advance(Duration::from_secs(29));
    assert_eq!(make(&ibexa), first);
    bench.clock.advance(Duration::from_secs(1));
    let second = make(&ibexa);
    assert_eq!(claims(&second)["iat"], START.seconds() + 30);
    // Another key or kind of token is never answered from the slot.
    bench.clock.advance(Duration::from_secs(1));
    let rotated = make(&upstream(UpstreamIdentity::IbexaJwt(signing(&KEY.replace('0', "x"), &["admins"]))));
    assert_ne!(rotated, second);
    assert_eq!(claims(&make(&upstream(UpstreamIdentity::MagentoJwt(signing(KEY, &["admins"])))))["utypid"], 2);
    assert_eq!(make(&ibexa), second);
    // What is said of somebody else, or of nobody, leaves the slot alone.
    let other = Identity::Known(Arc::new(account(Kind::Admin, 99, "other")));
    assert_eq!(claims(&bench.auth.upstream_token(Some(&live), &other, &ibexa).unwrap())["username"], "other");
    assert_eq!(bench.auth.upstream_token(Some(&live), &Identity::Guest, &ibexa), None);
    assert_eq!(make(&ibexa), second);
    // A change of the account drops it.
    bench.auth.store().put_role("SALES", BTreeSet::<Arc<str>>::new().into(), START).await.unwrap();
    bench.change(Kind::Admin, admin.account.id, AccountChange::Roles(vec!["SALES".into()])).await;
    assert_eq!(claims(&make(&ibexa))["iat"], START.seconds() + 31);
}

#[tokio::test]
async fn one_token_serves_a_bearer_as_it_serves_a_session() {
    let bench = Bench::new().await;
    let record = bench.add(Kind::Admin, "admin").await;
    let issued = bench.auth.tokens().issue(&record, bench.auth.clock().now()).await.unwrap();
    let find = async || bench.auth.tokens().find(&issued.token).await.unwrap();
    let magento = upstream(UpstreamIdentity::MagentoJwt(signing(KEY, &["admins"])));
    let live = find().await;
    let make = |live: &Standing| bench.auth.upstream_token_of(live, &Identity::Known(live.account()), &magento).unwrap();
    let first = make(&live);
    bench.clock.advance(Duration::from_secs(29));
    assert_eq!(make(&live), first);
    bench.clock.advance(Duration::from_secs(1));
    let second = make(&live);
    assert_ne!(second, first);
    bench.clock.advance(Duration::from_secs(1));
    // What is said of somebody else, or of nobody, leaves the slot alone.
    let other = Identity::Known(Arc::new(account(Kind::Admin, 99, "other")));
    assert_eq!(claims(&bench.auth.upstream_token_of(&live, &other, &magento).unwrap())["uid"], 99);
    assert_eq!(bench.auth.upstream_token_of(&live, &Identity::Guest, &magento), None);
    assert_eq!(make(&live), second);
    // A change of the account drops it.
    bench.auth.store().put_role("SALES", BTreeSet::<Arc<str>>::new().into(), START).await.unwrap();
    bench.change(Kind::Admin, record.account.id, AccountChange::Roles(vec!["SALES".into()])).await;
    assert_ne!(make(&*find().await), second);
}
