use super::*;
use crate::testing::Bench;
use doorward_core::ports::{ClientMethod, RegistrationToken};
use doorward_crypto::{
    jwt::{Algorithm, SigningKey, set},
    system::SystemEntropy,
};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const TOKEN: &str = "an initial access token";

fn rules() -> Registration {
    Registration { grants: vec![Grant::AuthorizationCode, Grant::RefreshToken], most: 1000 }
}

/// A server that gave out a token for so many clients.
async fn bench(uses: u32) -> Bench {
    let bench = Bench::new().await;
    let now = bench.now();
    let token = RegistrationToken {
        id: "t1".into(),
        key: key(TOKEN),
        name: "tests".into(),
        scopes: vec!["default".into(), "orders".into()],
        left: uses,
        created: now,
        expires: now + Duration::from_secs(3600),
    };
    bench.auth.store().add_registration_token(&token).await.unwrap();
    bench
}

async fn ask(bench: &Bench, token: Option<&str>, body: &Value) -> Result<Registered, Refused> {
    register(&bench.provider(), &rules(), token, body.to_string().as_bytes(), HERE).await
}

fn least() -> Value {
    json!({ "redirect_uris": ["https://app.example.com/back"] })
}

#[tokio::test]
async fn a_client_with_a_token_gets_what_it_registered_and_a_secret_once() {
    let bench = bench(3).await;
    let Registered { client, answer } = ask(&bench, Some(TOKEN), &least()).await.unwrap();
    assert_eq!(bench.auth.store().client(&client.id).await.unwrap(), Some(client.clone()));
    assert!(Client::is_id(&client.id) && client.registered.as_deref() == Some("t1"), "{client:?}");
    // RFC 7591 2: what is left out.
    assert_eq!(
        (&answer["token_endpoint_auth_method"], &answer["grant_types"]),
        (&"client_secret_basic".into(), &json!(["authorization_code"]))
    );
    assert_eq!((&answer["scope"], &answer["client_name"]), (&"default orders".into(), &(*client.id).into()));
    assert_eq!((&answer["client_secret_expires_at"], &answer["response_types"]), (&0.into(), &json!(["code"])));
    let secret = answer["client_secret"].as_str().unwrap();
    assert_eq!(client.secret.as_deref(), Some(&*hash_secret(secret)));
    let public = json!({
        "redirect_uris": ["com.example.app:/back", "http://127.0.0.1/back"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "orders",
        "client_name": "An App",
        "client_uri": "https://app.example.com/",
        "subject_type": "public",
        "something_else": { "nobody": "knows" },
    });
    let Registered { client, answer } = ask(&bench, Some(TOKEN), &public).await.unwrap();
    assert!(client.is_public() && answer.get("client_secret").is_none() && answer.get("something_else").is_none(), "{answer}");
    assert_eq!((&*client.name, &answer["scope"]), ("An App", &"orders".into()));
    let key = SigningKey::from_pkcs8(&SigningKey::generate(Algorithm::Es256, &SystemEntropy).unwrap()).unwrap();
    let keys: Value = serde_json::from_str(&set([key.verifying()]).to_string()).unwrap();
    let by_key =
        json!({ "redirect_uris": ["https://a.example/"], "token_endpoint_auth_method": "private_key_jwt", "jwks": keys });
    let Registered { client, answer } = ask(&bench, Some(TOKEN), &by_key).await.unwrap();
    assert_eq!((client.method, &answer["jwks"]), (ClientMethod::PrivateKeyJwt, &keys));
    assert_eq!(ask(&bench, Some(TOKEN), &least()).await.unwrap_err(), Refused::Token, "it was for three");
}

#[tokio::test]
async fn nobody_registers_without_a_token_that_counts() {
    let bench = bench(1).await;
    assert_eq!(ask(&bench, None, &least()).await.unwrap_err(), Refused::NoToken);
    // Neither a wrong body nor a right one is told apart.
    for body in [least(), json!({})] {
        assert_eq!(ask(&bench, Some("guess"), &body).await.unwrap_err(), Refused::Token);
    }
    bench.advance(Duration::from_secs(3600));
    assert_eq!(ask(&bench, Some(TOKEN), &least()).await.unwrap_err(), Refused::Token);
    for _ in 0..100 {
        let _ = ask(&bench, Some("guess"), &least()).await;
    }
    assert!(matches!(ask(&bench, Some("guess"), &least()).await, Err(Refused::TooMany(_))));
    assert!(bench.auth.store().clients().await.unwrap().is_empty());
}

#[tokio::test]
async fn of_fifty_that_bring_the_same_token_at_once_one_registers() {
    let bench = std::sync::Arc::new(bench(1).await);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let bench = std::sync::Arc::clone(&bench);
            tokio::spawn(async move { ask(&bench, Some(TOKEN), &least()).await.is_ok() })
        })
        .collect();
    let mut registered = 0;
    for task in tasks {
        registered += usize::from(task.await.unwrap());
    }
    assert_eq!((registered, bench.auth.store().clients().await.unwrap().len()), (1, 1));
}

#[tokio::test]
async fn no_more_register_than_may() {
    let bench = bench(3).await;
    let rules = Registration { most: 1, ..rules() };
    // One that an operator made does not count.
    bench.client("shop", ClientMethod::None, None).await;
    let ask = async || register(&bench.provider(), &rules, Some(TOKEN), least().to_string().as_bytes(), HERE).await;
    assert!(ask().await.is_ok());
    assert_eq!(ask().await.unwrap_err(), Refused::Full);
}

#[tokio::test]
async fn what_leads_elsewhere_or_asks_for_too_much_is_refused() {
    let bench = bench(1).await;
    let with = |name: &str, value: Value| {
        let mut body = least();
        body[name] = value;
        body
    };
    for uris in [
        json!(["javascript:alert(1)"]),
        json!(["data:text/html,x"]),
        json!(["http://app.example.com/back"]),
        json!(["https://*.example.com/back"]),
        json!(["https://app.example.com/back#x"]),
        json!(["https://user@app.example.com/back"]),
        json!(["https://app.example.com/a/../b"]),
        json!(["/back"]),
        json!([]),
        Value::Null,
    ] {
        let error = ask(&bench, Some(TOKEN), &with("redirect_uris", uris.clone())).await.unwrap_err();
        assert!(matches!(error, Refused::Redirect(_)), "{uris}: {error:?}");
        assert!(!error.to_string().contains("alert"), "{error}");
    }
    let private = json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] });
    for (name, value) in [
        ("redirect_uris", json!("https://app.example.com/back")),
        ("redirect_uris", json!([1])),
        ("token_endpoint_auth_method", json!("tls_client_auth")),
        ("token_endpoint_auth_method", json!("client_secret_jwt")),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("grant_types", json!(["password"])),
        ("grant_types", json!(["implicit"])),
        ("grant_types", json!(["authorization_code", "client_credentials"])),
        ("grant_types", json!(["refresh_token"])),
        ("grant_types", json!([])),
        ("response_types", json!(["token"])),
        ("response_types", json!(["code", "code id_token"])),
        ("response_types", json!([])),
        ("scope", json!("admin")),
        ("scope", json!("gone")),
        ("scope", json!("a  b")),
        ("jwks", private),
        ("jwks_uri", json!("http://169.254.169.254/latest")),
        ("logo_uri", json!("javascript:alert(1)")),
        ("policy_uri", json!("data:text/html,x")),
        ("tos_uri", json!("http://app.example.com/")),
        ("client_uri", json!(7)),
        ("client_name", json!("")),
        ("client_name", json!("The\u{202e}Bank")),
        ("client_name", json!("x".repeat(101))),
        ("post_logout_redirect_uris", json!(["javascript:alert(1)"])),
        ("dpop_bound_access_tokens", json!(true)),
        ("require_pushed_authorization_requests", json!(true)),
        ("tls_client_certificate_bound_access_tokens", json!(true)),
        ("tls_client_certificate_bound_access_tokens", json!("yes")),
        ("subject_type", json!("pairwise")),
        ("id_token_signed_response_alg", json!("none")),
    ] {
        let error = ask(&bench, Some(TOKEN), &with(name, value.clone())).await.unwrap_err();
        assert!(matches!(error, Refused::Metadata(_)), "{name} {value}: {error:?}");
    }
    let text = register(&bench.provider(), &rules(), Some(TOKEN), b"[]", HERE).await.unwrap_err();
    assert!(matches!(text, Refused::Metadata(_)));
    // What was refused used nothing up.
    assert!(ask(&bench, Some(TOKEN), &least()).await.is_ok());
}
