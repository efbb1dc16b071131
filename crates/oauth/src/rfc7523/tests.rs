use super::*;
use crate::{
    ErrorCode,
    rfc6749::{
        Parameters,
        client::{Caller, authenticate},
    },
    testing::{Bench, ISSUER},
};
use doorward_core::ports::{ClientChange, ClientMethod};
use doorward_crypto::{
    jwt::{Algorithm, SigningKey, set},
    system::SystemEntropy,
};
use http::HeaderMap;
use serde_json::json;

struct Signer {
    bench: Bench,
    key: SigningKey,
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate(algorithm, &SystemEntropy).unwrap()).unwrap()
}

async fn signer() -> Signer {
    let (bench, key) = (Bench::new().await, key(Algorithm::Es256));
    bench.client("report", ClientMethod::PrivateKeyJwt, None).await;
    let jwks = set([key.verifying()]).to_string();
    let change = ClientChange { jwks: Some(jwks.into()), ..ClientChange::default() };
    bench.auth.store().change_client("report", change, bench.now()).await.unwrap();
    Signer { bench, key }
}

impl Signer {
    fn claims(&self, jti: &str) -> Value {
        let now = self.bench.now().seconds();
        json!({ "iss": "report", "sub": "report", "aud": ISSUER, "jti": jti, "iat": now, "exp": now + 60 })
    }

    async fn ask(&self, assertion: &str, rest: &str) -> Result<Client, OAuthError> {
        let body = format!("client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}{rest}");
        let params = Parameters::parse(&body).unwrap();
        let none = HeaderMap::new();
        let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap());
        authenticate(&self.bench.provider(), caller).await
    }

    /// With one claim changed, or taken away.
    async fn with(&self, jti: &str, name: &str, value: Value) -> Result<Client, OAuthError> {
        let mut claims = self.claims(jti);
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        self.ask(&self.key.sign(&claims).unwrap(), "").await
    }
}

#[tokio::test]
async fn a_key_proves_the_client_by_a_fresh_assertion() {
    let signer = signer().await;
    let assertion = signer.key.sign(&signer.claims("one")).unwrap();
    assert_eq!(&*signer.ask(&assertion, "&client_id=report").await.unwrap().id, "report");
    let endpoint = format!("{ISSUER}/token");
    assert!(signer.with("two", "aud", endpoint.into()).await.is_ok());
    assert!(signer.with("three", "aud", json!([ISSUER])).await.is_ok());
    assert!(signer.with("four", "iat", Value::Null).await.is_ok());
    let typed = signer.key.sign_typed("client-authentication+jwt", &signer.claims("five")).unwrap();
    assert!(signer.ask(&typed, "").await.is_ok());
}

#[tokio::test]
async fn hydra_ghsa_3p3g_vpw6_4w66_an_assertion_works_once() {
    let signer = signer().await;
    let assertion = signer.key.sign(&signer.claims("one")).unwrap();
    assert!(signer.ask(&assertion, "").await.is_ok());
    let again = signer.ask(&assertion, "").await.unwrap_err();
    assert_eq!((again.code, &*again.why), (ErrorCode::InvalidClient, "its assertion was used before"));
    assert!(signer.with("one", "nonce", "other".into()).await.is_err(), "another one with the same `jti`");
    signer.bench.advance(Duration::from_secs(61));
    assert!(signer.ask(&assertion, "").await.is_err(), "nor after its end, within what clocks may differ");
}

#[tokio::test]
async fn of_fifty_that_bring_the_same_assertion_at_once_one_is_believed() {
    let signer = Arc::new(signer().await);
    let assertion: Arc<str> = signer.key.sign(&signer.claims("one")).unwrap().into();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (signer, assertion) = (Arc::clone(&signer), Arc::clone(&assertion));
        tasks.spawn(async move { signer.ask(&assertion, "").await.is_ok() });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|won| *won).count(), 1);
}

#[tokio::test]
async fn an_assertion_that_says_anything_else_is_refused() {
    let signer = signer().await;
    let now = signer.bench.now().seconds();
    for (name, value) in [
        ("iss", json!("other")),
        ("iss", Value::Null),
        ("sub", json!("other")),
        ("sub", Value::Null),
        ("aud", Value::Null),
        ("aud", json!("https://evil.example")),
        ("aud", json!([ISSUER, "https://evil.example"])),
        ("aud", json!(format!("{ISSUER}/"))),
        ("exp", json!(now - 11)),
        ("exp", json!(now + 3611)),
        ("exp", json!(format!("{}", now + 60))),
        ("nbf", json!(now + 60)),
        ("iat", json!(now + 60)),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("x".repeat(257))),
    ] {
        let error = signer.with("one", name, value.clone()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidClient, "{name} {value}");
    }
    // None of them used up the `jti` of the real one.
    assert!(signer.ask(&signer.key.sign(&signer.claims("one")).unwrap(), "").await.is_ok());
}

#[tokio::test]
async fn security_33_only_a_signature_of_the_clients_own_key_counts() {
    let signer = signer().await;
    let good = signer.key.sign(&signer.claims("one")).unwrap();
    let (_, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let encode = |text: &str| {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.encode(text)
    };
    let stranger = key(Algorithm::Es256).sign(&signer.claims("one")).unwrap();
    let secret = SigningKey::secret(b"0123456789abcdef0123456789abcdef").unwrap().sign(&signer.claims("one")).unwrap();
    for assertion in [
        stranger,
        secret,
        format!("{}.{payload}.", encode(r#"{"alg":"none"}"#)),
        format!("{}.{payload}.{signature}", encode(r#"{"alg":"none"}"#)),
        format!("{}.{payload}.{signature}", encode(r#"{"alg":"EdDSA"}"#)),
        good.replacen('.', "", 1),
        String::from("x"),
    ] {
        assert_eq!(signer.ask(&assertion, "").await.unwrap_err().code, ErrorCode::InvalidClient, "{assertion}");
    }
    assert!(signer.ask(&good, "").await.is_ok());
}

#[tokio::test]
async fn an_assertion_stands_alone_and_for_its_own_client() {
    let signer = signer().await;
    let bench = &signer.bench;
    bench.client("other", ClientMethod::SecretPost, Some("0123456789-0123456789-0123456789")).await;
    let assertion = signer.key.sign(&signer.claims("one")).unwrap();
    for (rest, code) in [("&client_secret=x", ErrorCode::InvalidRequest), ("&client_id=other", ErrorCode::InvalidRequest)] {
        assert_eq!(signer.ask(&assertion, rest).await.unwrap_err().code, code, "{rest}");
    }
    let provider = bench.provider();
    let ask = async |body: &str| {
        let params = Parameters::parse(body).unwrap();
        let none = HeaderMap::new();
        let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap());
        authenticate(&provider, caller).await.unwrap_err().code
    };
    assert_eq!(ask(&format!("client_assertion={assertion}")).await, ErrorCode::InvalidRequest, "of no type");
    let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    assert_eq!(ask(&format!("client_assertion_type={saml}&client_assertion={assertion}")).await, ErrorCode::InvalidRequest);
    assert_eq!(ask("client_id=report").await, ErrorCode::InvalidClient, "without its assertion it is nobody");
    assert!(signer.ask(&assertion, "").await.is_ok(), "nothing of this used it up");
}
