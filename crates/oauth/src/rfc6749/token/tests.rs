use super::*;
use crate::{
    rfc6749::Parameters,
    testing::{Bench, ISSUER, ORDERS},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::ports::{ClientChange, ClientMethod};
use doorward_crypto::jwt::{BadToken, Rules, Unverified};
use http::HeaderMap;
use serde_json::Value;
use std::time::Duration;

const SECRET: &str = "0123456789-0123456789-0123456789";

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.client("shop", ClientMethod::SecretPost, Some(SECRET)).await;
    bench
}

async fn ask(bench: &Bench, rest: &str) -> Outcome {
    let body = format!("client_id=shop&client_secret={SECRET}&{rest}");
    let params = Parameters::parse(&body).unwrap();
    let none = HeaderMap::new();
    let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap());
    answer(&bench.provider(), caller).await
}

async fn tokens(bench: &Bench, rest: &str) -> Tokens {
    ask(bench, rest).await.result.unwrap().tokens
}

async fn error(bench: &Bench, rest: &str) -> ErrorCode {
    ask(bench, rest).await.result.unwrap_err().code
}

fn part(token: &str, at: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_gets_an_access_token_of_rfc_9068() {
    let bench = bench().await;
    let answer = tokens(&bench, "grant_type=client_credentials").await;
    assert_eq!((answer.token_type, answer.expires_in, &*answer.scope), ("Bearer", 3600, "default"));
    assert_eq!((answer.refresh_token.as_ref(), answer.id_token.as_ref()), (None, None), "RFC 6749 4.4.3");
    let (header, claims) = (part(&answer.access_token, 0), part(&answer.access_token, 1));
    assert_eq!((&header["typ"], &header["alg"]), (&"at+jwt".into(), &"EdDSA".into()));
    let now = bench.now().seconds();
    for (name, value) in [
        ("iss", Value::from(ISSUER)),
        ("aud", ISSUER.into()),
        ("sub", "shop".into()),
        ("client_id", "shop".into()),
        ("scope", "default".into()),
        ("iat", now.into()),
        ("exp", (now + 3600).into()),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    let other = tokens(&bench, "grant_type=client_credentials").await;
    assert_ne!(claims["jti"], part(&other.access_token, 1)["jti"]);
    assert!(claims["jti"].as_str().unwrap().len() >= 22, "128 bits");
    // Its key is the published one, and no reader of other tokens takes it for one of them (RFC 8725 3.11).
    let keys = bench.auth.tokens().oauth_keys();
    let audience = [std::sync::Arc::from(ISSUER)];
    let rules = Rules { issuer: Some(ISSUER), audience: &audience, types: &["at+jwt"], ..Rules::default() };
    let verify = |rules: &Rules<'_>| {
        let token = Unverified::parse(&answer.access_token).unwrap();
        token.verify(keys.iter().map(|key| key.verifying()), rules, bench.now())
    };
    assert!(verify(&rules).is_ok());
    assert_eq!(verify(&Rules { types: &[], ..rules }).unwrap_err(), BadToken::Type);
    let set = bench.auth.tokens().oauth_key_set().await.unwrap();
    assert_eq!(set["keys"][0]["kid"], header["kid"]);
    assert!(!set.to_string().contains("\"d\""), "no private part");
}

#[tokio::test]
async fn scopes_are_those_of_the_configuration_and_the_client() {
    let bench = bench().await;
    let scope = async |asked: &str| tokens(&bench, &format!("grant_type=client_credentials&scope={asked}")).await.scope;
    assert_eq!(scope("orders").await, "orders");
    assert_eq!(scope("orders+default+orders").await, "orders default");
    // `admin` is not the client's, `gone` no longer the configuration's.
    for asked in ["admin", "default+admin", "gone", "nothing", "Default", "+", "default++orders", "default%09orders"] {
        let code = error(&bench, &format!("grant_type=client_credentials&scope={asked}")).await;
        assert_eq!(code, ErrorCode::InvalidScope, "{asked}");
    }
    let change = ClientChange { scopes: Some(vec!["orders".into()]), ..ClientChange::default() };
    bench.auth.store().change_client("shop", change, bench.now()).await.unwrap();
    assert_eq!(error(&bench, "grant_type=client_credentials").await, ErrorCode::InvalidScope, "there is no usual one for it");
}

#[tokio::test]
async fn a_token_is_for_the_resources_that_the_client_names() {
    let bench = bench().await;
    let audience = async |rest: &str| {
        let answer = tokens(&bench, &format!("grant_type=client_credentials{rest}")).await;
        part(&answer.access_token, 1)["aud"].clone()
    };
    assert_eq!(audience(&format!("&resource={ORDERS}")).await, Value::from(ORDERS));
    assert_eq!(audience(&format!("&resource={ORDERS}&resource={ISSUER}")).await, serde_json::json!([ORDERS, ISSUER]));
    for wrong in ["https://evil.example/", "https://orders.example.com", "https://orders.example.com/%23x", "orders"] {
        let code = error(&bench, &format!("grant_type=client_credentials&resource={wrong}")).await;
        assert_eq!(code, ErrorCode::InvalidTarget, "{wrong}");
    }
}

#[tokio::test]
async fn v10_4_4_a_client_has_its_grants_and_nobody_has_implicit_or_password() {
    let bench = bench().await;
    for grant in ["password", "implicit", "token", "", "CLIENT_CREDENTIALS", "authorization_code+refresh_token"] {
        let code = error(&bench, &format!("grant_type={grant}&username=a&password=b")).await;
        let expected = if grant.is_empty() { ErrorCode::InvalidRequest } else { ErrorCode::UnsupportedGrantType };
        assert_eq!(code, expected, "{grant}");
    }
    assert_eq!(error(&bench, "scope=default").await, ErrorCode::InvalidRequest);
    let change = ClientChange { grants: Some(vec![Grant::RefreshToken]), ..ClientChange::default() };
    bench.auth.store().change_client("shop", change, bench.now()).await.unwrap();
    assert_eq!(error(&bench, "grant_type=client_credentials").await, ErrorCode::UnauthorizedClient);
    bench.client("public", ClientMethod::None, None).await;
    let params = Parameters::parse("client_id=public&grant_type=client_credentials").unwrap();
    let none = HeaderMap::new();
    let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap());
    let refused = answer(&bench.provider(), caller).await.result.unwrap_err();
    assert_eq!(refused.code, ErrorCode::UnauthorizedClient, "a public client proves nothing, so it has nothing of its own");
}

#[tokio::test]
async fn a_token_is_never_older_than_the_end_of_the_ones_before() {
    let bench = bench().await;
    let end = ClientChange { end_tokens: true, ..ClientChange::default() };
    let ended = bench.auth.store().change_client("shop", end, bench.now()).await.unwrap();
    bench.advance(Duration::from_secs(1));
    let answer = tokens(&bench, "grant_type=client_credentials").await;
    let iat = part(&answer.access_token, 1)["iat"].as_u64().unwrap();
    assert!(iat > ended.tokens_not_before.seconds());
}
