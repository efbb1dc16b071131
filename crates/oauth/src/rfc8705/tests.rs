use super::*;
use crate::{
    rfc6749::{Parameters, client::authenticate, token},
    rfc7662,
    testing::Bench,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    certificate::CertificateKind,
    oauth::Mtls,
    ports::{ClientChange, ClientMethod},
};
use http::HeaderMap;
use serde_json::{Value, json};

const SECRET: &str = "0123456789-0123456789-0123456789";

fn certificate(subject: &str, thumbprint: &str) -> Shown {
    Ok(Certificate { subject: Some(subject.into()), thumbprint: Some(thumbprint.into()), ..Certificate::default() })
}

/// A server that looks at certificates, and the client `shop` with this method.
async fn bench(method: ClientMethod, bound: bool) -> Bench {
    let mut bench = Bench::new().await;
    bench.settings.mtls = Some(Mtls { url: "https://mtls.example.com".into(), host: "mtls.example.com".into() });
    let secret = method.is_by_secret().then_some(SECRET);
    bench.client("shop", method, secret).await;
    let name = CertificateName::new(CertificateKind::Subject, "CN=shop,O=Example").unwrap().to_string();
    let certificate = (method == ClientMethod::TlsClientAuth).then(|| name.into());
    let change = ClientChange { certificate, certificate_bound: Some(bound), ..ClientChange::default() };
    bench.auth.store().change_client("shop", change, bench.now()).await.unwrap();
    bench
}

async fn ask(bench: &Bench, body: &str, shown: Option<&Shown>, headers: &HeaderMap) -> token::Outcome {
    let params = Parameters::parse(body).unwrap();
    let caller = Caller::new(headers, &params, "192.0.2.1".parse().unwrap()).with_certificate(shown);
    token::answer(&bench.provider(), caller).await
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_certificate_of_the_registered_name_proves_the_client_and_no_other_does() {
    let mut bench = bench(ClientMethod::TlsClientAuth, false).await;
    let none = HeaderMap::new();
    let (own, other) = (certificate("CN=shop,O=Example", "t"), certificate("CN=shop,O=Example,C=FR", "t"));
    let bad: Shown = Err("the certificate does not count any more");
    for (body, shown, right) in [
        ("client_id=shop", Some(&own), true),
        ("client_id=shop", Some(&other), false),
        ("client_id=shop", Some(&bad), false),
        ("client_id=shop", None, false),
        // RFC 8705 2: `client_id` says who it means to be.
        ("", Some(&own), false),
        ("client_id=shop&client_secret=x", Some(&own), false),
        ("client_id=nobody", Some(&own), false),
    ] {
        let params = Parameters::parse(body).unwrap();
        let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap()).with_certificate(shown);
        let said = authenticate(&bench.provider(), caller).await;
        assert_eq!(said.is_ok(), right, "{body} {shown:?}");
        if let Err(error) = said {
            assert_eq!((error.code, &*error.description), (ErrorCode::InvalidClient, "Client authentication failed."), "{body}");
        }
    }
    // A client of another method is not proved by whatever certificate comes along.
    bench.client("post", ClientMethod::SecretPost, Some(SECRET)).await;
    let params = Parameters::parse("client_id=post").unwrap();
    let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap()).with_certificate(Some(&own));
    assert!(authenticate(&bench.provider(), caller).await.is_err());
    // Where the configuration does not ask for certificates, none counts.
    bench.settings.mtls = None;
    let params = Parameters::parse("client_id=shop").unwrap();
    let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap()).with_certificate(Some(&own));
    assert!(authenticate(&bench.provider(), caller).await.is_err());
}

#[tokio::test]
async fn tokens_of_a_client_that_says_so_are_bound_to_its_certificate() {
    let bench = bench(ClientMethod::SecretPost, true).await;
    let none = HeaderMap::new();
    let body = format!("grant_type=client_credentials&client_id=shop&client_secret={SECRET}");
    let own = certificate("CN=anything", "dGh1bWI");
    let tokens = ask(&bench, &body, Some(&own), &none).await.result.unwrap().tokens;
    // RFC 8705 3: how it is sent does not change.
    assert_eq!(tokens.token_type, "Bearer");
    assert_eq!(claims(&tokens.access_token)["cnf"], json!({ "x5t#S256": "dGh1bWI" }));
    let params = Parameters::parse(&format!("client_id=shop&client_secret={SECRET}&token={}", tokens.access_token)).unwrap();
    let caller = Caller::new(&none, &params, "192.0.2.1".parse().unwrap());
    let said = rfc7662::introspect(&bench.provider(), caller).await.unwrap();
    assert_eq!((&said["active"], &said["cnf"]), (&true.into(), &json!({ "x5t#S256": "dGh1bWI" })));
    // Never a token that is bound to nothing.
    let names: Shown = Ok(Certificate { subject: Some("CN=anything".into()), ..Certificate::default() });
    for shown in [None, Some(&names), Some(&Err("it cannot be read"))] {
        let error = ask(&bench, &body, shown, &none).await.result.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest, "{shown:?}");
    }
}

#[tokio::test]
async fn a_certificate_alone_binds_nothing() {
    let bench = bench(ClientMethod::SecretPost, false).await;
    let body = format!("grant_type=client_credentials&client_id=shop&client_secret={SECRET}");
    let own = certificate("CN=anything", "dGh1bWI");
    let tokens = ask(&bench, &body, Some(&own), &HeaderMap::new()).await.result.unwrap().tokens;
    assert_eq!(claims(&tokens.access_token).get("cnf"), None);
}
