use super::*;
use crate::{
    rfc6749::{Parameters, token},
    testing::{Bench, ORDERS},
};
use doorward_core::ports::{ClientChange, ClientMethod, Grant};
use http::HeaderMap;
use std::time::Duration;

const SECRET: &str = "0123456789-0123456789-0123456789";

async fn ask(bench: &Bench, id: &str, token: &str) -> Result<Value, OAuthError> {
    let body = format!("client_id={id}&client_secret={SECRET}&token={token}");
    let params = Parameters::parse(&body).unwrap();
    let none = HeaderMap::new();
    let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap());
    introspect(&bench.provider(), caller).await
}

async fn token(bench: &Bench, rest: &str) -> String {
    let body = format!("client_id=shop&client_secret={SECRET}&grant_type=client_credentials{rest}");
    let params = Parameters::parse(&body).unwrap();
    let none = HeaderMap::new();
    let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap());
    token::answer(&bench.provider(), caller).await.result.unwrap().tokens.access_token
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    for id in ["shop", "other", "orders"] {
        bench.client(id, ClientMethod::SecretPost, Some(SECRET)).await;
    }
    let change = ClientChange { resources: Some(vec![ORDERS.into()]), ..ClientChange::default() };
    bench.auth.store().change_client("orders", change, bench.now()).await.unwrap();
    bench
}

fn inactive() -> Value {
    json!({ "active": false })
}

#[tokio::test]
async fn a_client_learns_of_its_own_tokens_and_a_service_of_those_for_it() {
    let bench = bench().await;
    let usual = token(&bench, "").await;
    let said = ask(&bench, "shop", &usual).await.unwrap();
    assert_eq!((&said["active"], &said["client_id"], &said["sub"]), (&true.into(), &"shop".into(), &"shop".into()));
    assert_eq!((&said["scope"], &said["token_type"]), (&"default".into(), &"Bearer".into()));
    assert_eq!(said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(), 3600);
    // For everybody else it is nothing.
    assert_eq!(ask(&bench, "other", &usual).await.unwrap(), inactive());
    assert_eq!(ask(&bench, "orders", &usual).await.unwrap(), inactive(), "it is for another place");
    let for_orders = token(&bench, &format!("&resource={ORDERS}")).await;
    assert_eq!(ask(&bench, "orders", &for_orders).await.unwrap()["aud"], ORDERS);
    assert_eq!(ask(&bench, "other", &for_orders).await.unwrap(), inactive());
}

#[tokio::test]
async fn what_does_not_count_is_inactive_and_nothing_more() {
    let bench = bench().await;
    let good = token(&bench, "").await;
    let mut forged = good.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    for wrong in ["x", "a.b.c", &good[1..], &forged, &"x".repeat(20_000)] {
        assert_eq!(ask(&bench, "shop", wrong).await.unwrap(), inactive(), "{:.40}", wrong);
    }
    bench.advance(Duration::from_secs(3600));
    assert_eq!(ask(&bench, "shop", &good).await.unwrap(), inactive(), "it has expired");
    let another = token(&bench, "").await;
    assert_eq!(ask(&bench, "shop", &another).await.unwrap()["active"], true);
    let end = ClientChange { end_tokens: true, ..ClientChange::default() };
    bench.auth.store().change_client("shop", end, bench.now()).await.unwrap();
    assert_eq!(ask(&bench, "shop", &another).await.unwrap(), inactive(), "its client's tokens were ended");
}

#[tokio::test]
async fn v10_4_10_whoever_asks_proves_who_it_is() {
    let bench = bench().await;
    bench.client("public", ClientMethod::None, None).await;
    let good = token(&bench, "").await;
    let params = Parameters::parse(&format!("client_id=public&token={good}")).unwrap();
    let none = HeaderMap::new();
    let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap());
    assert_eq!(introspect(&bench.provider(), caller).await.unwrap_err().code, ErrorCode::InvalidClient);
    assert_eq!(ask(&bench, "nobody", &good).await.unwrap_err().code, ErrorCode::InvalidClient);
    assert_eq!(ask(&bench, "shop", "").await.unwrap_err().code, ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn what_a_client_may_no_longer_have_is_not_said_of_its_tokens() {
    let bench = bench().await;
    let good = token(&bench, "").await;
    let change = async |change| bench.auth.store().change_client("shop", change, bench.now()).await.unwrap();
    assert_eq!(ask(&bench, "shop", &good).await.unwrap()["scope"], "default");
    change(ClientChange { scopes: Some(vec!["orders".into()]), ..ClientChange::default() }).await;
    let said = ask(&bench, "shop", &good).await.unwrap();
    assert_eq!((&said["active"], &said["scope"]), (&true.into(), &"".into()));
    change(ClientChange { grants: Some(vec![Grant::AuthorizationCode]), ..ClientChange::default() }).await;
    assert_eq!(ask(&bench, "shop", &good).await.unwrap(), inactive(), "it may no longer act for itself");
}
