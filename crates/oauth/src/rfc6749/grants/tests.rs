//! What a person allowed is renewed as far as it may still be had.

use crate::{
    ErrorCode, Person,
    rfc6749::{
        Parameters, Scopes,
        authorize::{Request, Way},
        client::Caller,
        token::{self, Tokens},
    },
    rfc7636::Challenge,
    rfc7662,
    testing::Bench,
};
use doorward_core::{
    Account,
    ports::{ClientChange, ClientMethod, Grant},
    session::Session,
};
use doorward_crypto::sha256;
use http::HeaderMap;
use serde_json::{Value, json};

const SECRET: &str = "0123456789-0123456789-0123456789";
const VERIFIER: &str = "0123456789-0123456789-0123456789-0123456789";

/// A client to which somebody allowed something.
struct World {
    bench: Bench,
    account: Account,
    session: Session,
}

impl World {
    async fn new() -> Self {
        let bench = Bench::new().await;
        bench.client("shop", ClientMethod::SecretPost, Some(SECRET)).await;
        let (account, session) = bench.person().await;
        Self { bench, account, session }
    }

    async fn ask(&self, body: &str) -> Result<Tokens, ErrorCode> {
        let params = Parameters::parse(&format!("client_id=shop&client_secret={SECRET}&{body}")).unwrap();
        let none = HeaderMap::new();
        let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap());
        let outcome = token::answer(&self.bench.provider(), caller).await;
        outcome.result.map(|issued| issued.tokens).map_err(|error| error.code)
    }

    /// What comes of a code for these scopes.
    async fn allow(&self, scopes: &str) -> Tokens {
        let request = Request {
            way: Way { redirect_uri: "https://app.example.com/".into(), named: false, state: None },
            scopes: Scopes::parse(scopes).unwrap(),
            resources: Vec::new(),
            challenge: Challenge::from_bytes(sha256(VERIFIER.as_bytes())),
            dpop_jkt: None,
            nonce: None,
            max_age: None,
            prompt: Default::default(),
            login_hint: None,
            id_token_hint: None,
        };
        let client = self.bench.auth.store().client("shop").await.unwrap().unwrap();
        let person = Person { account: &self.account, session: &self.session };
        let code = self.bench.provider().code(&client, person, &request, None).await.unwrap().unwrap();
        self.ask(&format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}")).await.unwrap()
    }

    async fn renew(&self, tokens: &Tokens, rest: &str) -> Result<Tokens, ErrorCode> {
        self.ask(&format!("grant_type=refresh_token&refresh_token={}{rest}", refresh(tokens))).await
    }

    /// What is said of a token.
    async fn said(&self, token: &str) -> Value {
        let params = Parameters::parse(&format!("client_id=shop&client_secret={SECRET}&token={token}")).unwrap();
        let none = HeaderMap::new();
        let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap());
        rfc7662::introspect(&self.bench.provider(), caller).await.unwrap()
    }

    async fn grants(&self, grants: &[Grant]) {
        let change = ClientChange { grants: Some(grants.to_vec()), ..ClientChange::default() };
        self.bench.auth.store().change_client("shop", change, self.bench.now()).await.unwrap();
    }
}

fn refresh(tokens: &Tokens) -> &str {
    tokens.refresh_token.as_deref().unwrap()
}

#[tokio::test]
async fn a_scope_that_is_gone_is_neither_renewed_nor_said_of_what_was_issued() {
    let mut world = World::new().await;
    let tokens = world.allow("orders default").await;
    for token in [&*tokens.access_token, refresh(&tokens)] {
        assert_eq!(world.said(token).await["scope"], "orders default");
    }
    world.bench.settings.scopes.retain(|scope| *scope.name != *"orders");
    for token in [&*tokens.access_token, refresh(&tokens)] {
        let said = world.said(token).await;
        assert_eq!((&said["active"], &said["scope"]), (&true.into(), &"default".into()));
    }
    assert_eq!(world.renew(&tokens, "&scope=orders").await.unwrap_err(), ErrorCode::InvalidScope);
    let renewed = world.renew(&tokens, "").await.unwrap();
    assert_eq!(renewed.scope, "default");
    assert_eq!(world.said(&renewed.access_token).await["scope"], "default");
}

#[tokio::test]
async fn what_was_allowed_by_a_way_that_the_client_lost_is_not_renewed() {
    let world = World::new().await;
    let tokens = world.allow("orders").await;
    world.grants(&[Grant::DeviceCode, Grant::ClientCredentials, Grant::RefreshToken]).await;
    assert_eq!(world.renew(&tokens, "").await.unwrap_err(), ErrorCode::InvalidGrant);
    for token in [&*tokens.access_token, refresh(&tokens)] {
        assert_eq!(world.said(token).await, json!({ "active": false }));
    }
    // Nothing was used up: whoever gives the way back has not to ask everybody again.
    world.grants(&[Grant::AuthorizationCode, Grant::RefreshToken]).await;
    assert_eq!(world.said(refresh(&tokens)).await["active"], true);
    let renewed = world.renew(&tokens, "").await.unwrap();
    world.grants(&[Grant::AuthorizationCode]).await;
    assert_eq!(world.renew(&renewed, "").await.unwrap_err(), ErrorCode::UnauthorizedClient);
    assert_eq!(world.said(refresh(&renewed)).await, json!({ "active": false }), "nobody may renew by it");
    assert_eq!(world.said(&renewed.access_token).await["active"], true);
}
