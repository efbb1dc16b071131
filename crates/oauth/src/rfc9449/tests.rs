use super::*;
use crate::{
    rfc6749::{
        Parameters,
        client::Caller,
        token::{self, Outcome},
    },
    testing::{Bench, ISSUER},
};
use doorward_core::{
    OAuthEndpoint,
    oauth::Mtls,
    ports::ClientMethod,
    possession::{Bound, Demand},
};
use doorward_crypto::{
    jwt::{Algorithm, SigningKey},
    system::SystemEntropy,
};
use http::HeaderValue;
use serde_json::{Value, json};

const SECRET: &str = "0123456789-0123456789-0123456789";
const NOW: Time = Time(1_700_000_000_000);

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate(algorithm, &SystemEntropy).unwrap()).unwrap()
}

fn claims(jti: &str, now: Time) -> Value {
    json!({ "jti": jti, "htm": "POST", "htu": format!("{ISSUER}/token"), "iat": now.seconds() })
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A proof with this header in place of the library's.
fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    key.sign_under(header, claims).unwrap()
}

fn proof(key: &SigningKey, claims: &Value) -> String {
    signed(key, &header(key), claims)
}

fn header(key: &SigningKey) -> Value {
    let mut jwk = key.verifying().jwk().unwrap();
    for name in ["use", "alg", "kid"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    json!({ "typ": TYPE, "alg": key.verifying().algorithm().as_str(), "jwk": jwk })
}

fn url() -> String {
    format!("{ISSUER}/token")
}

fn shows(proof: &str) -> Result<Shown, &'static str> {
    read(proof, &Request { method: "POST", url: &url(), access_token: None }, NOW)
}

#[test]
fn a_proof_shows_the_key_that_signed_it() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let key = key(algorithm);
        let shown = shows(&proof(&key, &claims("one", NOW))).unwrap();
        assert_eq!(Some(&*shown.thumbprint), key.verifying().thumbprint().as_deref());
    }
}

#[test]
fn a_url_is_compared_without_its_query_and_in_one_form() {
    let key = key(Algorithm::EdDsa);
    let with = |htu: &str| {
        let mut claims = claims("one", NOW);
        claims["htu"] = htu.into();
        shows(&proof(&key, &claims))
    };
    for same in ["https://shop.example.com/token?x=y", "HTTPS://Shop.Example.Com:443/token", "https://shop.example.com/token#x"] {
        assert!(with(same).is_ok(), "{same}");
    }
    for other in [
        "https://shop.example.com/token/",
        "https://shop.example.com/Token",
        "http://shop.example.com/token",
        "https://shop.example.com:444/token",
        "https://evil.example/token",
        "https://a@shop.example.com/token",
        "/token",
        "",
    ] {
        assert!(with(other).is_err(), "{other}");
    }
}

#[test]
fn a_proof_that_says_anything_else_is_none() {
    let key = key(Algorithm::Es256);
    let seconds = NOW.seconds();
    for (name, value) in [
        ("jti", Value::Null),
        ("jti", "".into()),
        ("jti", 7.into()),
        ("jti", "x".repeat(257).into()),
        ("htm", Value::Null),
        ("htm", "GET".into()),
        ("htm", "post".into()),
        ("htu", Value::Null),
        ("iat", Value::Null),
        ("iat", (seconds - 61).into()),
        ("iat", (seconds + 11).into()),
        ("iat", seconds.to_string().into()),
        ("iat", u64::MAX.into()),
    ] {
        let mut claims = claims("one", NOW);
        match value.clone() {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        assert!(shows(&proof(&key, &claims)).is_err(), "{name} {value}");
    }
}

#[test]
fn security_41_a_proof_proves_only_its_own_public_key() {
    let (key, other) = (key(Algorithm::Es256), key(Algorithm::Es256));
    let said = claims("one", NOW);
    let with = |name: &str, value: Value| {
        let mut header = header(&key);
        match value {
            Value::Null => drop(header.as_object_mut().unwrap().remove(name)),
            value => header[name] = value,
        }
        shows(&signed(&key, &header, &said))
    };
    for typ in [Value::Null, "JWT".into(), "at+jwt".into(), "".into()] {
        assert!(with("typ", typ).is_err());
    }
    for alg in [Value::Null, "none".into(), "HS256".into(), "EdDSA".into(), "RS256".into()] {
        assert!(with("alg", alg).is_err());
    }
    assert!(with("jwk", Value::Null).is_err(), "a key that it does not bring");
    assert!(with("jwk", header(&other)["jwk"].clone()).is_err(), "a key of somebody else");
    let mut private = header(&key)["jwk"].clone();
    private["d"] = "AA".into();
    assert!(with("jwk", private).is_err(), "a key with its private part");
    assert!(with("jwk", json!({ "kty": "oct", "k": "AA" })).is_err());
    for name in ["crit", "x5c", "jku", "x5u", "zip"] {
        assert!(with(name, json!(["x"])).is_err(), "{name}");
    }
    let good = proof(&key, &said);
    let (start, _) = good.rsplit_once('.').unwrap();
    for wrong in [format!("{start}."), format!("{start}.AAAA"), start.to_owned(), format!("{good}.x"), encode("{}")] {
        assert!(shows(&wrong).is_err(), "{wrong}");
    }
    assert!(shows(&good).is_ok());
}

#[test]
fn beside_an_access_token_a_proof_is_for_that_token() {
    let key = key(Algorithm::EdDsa);
    let request = Request { method: "POST", url: &url(), access_token: Some("the token") };
    let with = |ath: Value| {
        let mut claims = claims("one", NOW);
        claims["ath"] = ath;
        read(&proof(&key, &claims), &request, NOW)
    };
    assert!(with(URL_SAFE_NO_PAD.encode(sha256(b"the token")).into()).is_ok());
    assert!(with(URL_SAFE_NO_PAD.encode(sha256(b"another")).into()).is_err());
    assert!(with(Value::Null).is_err());
    assert!(with("the token".into()).is_err());
}

#[test]
fn a_request_carries_one_proof() {
    let mut headers = HeaderMap::new();
    assert_eq!(carried(&headers), Ok(None));
    headers.append(HEADER, HeaderValue::from_static("one"));
    assert_eq!(carried(&headers), Ok(Some("one")));
    headers.append(HEADER, HeaderValue::from_static("one"));
    assert!(carried(&headers).is_err());
}

async fn ask(bench: &Bench, proof: &str) -> Outcome {
    ask_at(bench, "shop.example.com", proof).await
}

async fn ask_at(bench: &Bench, host: &str, proof: &str) -> Outcome {
    let body = format!("client_id=shop&client_secret={SECRET}&grant_type=client_credentials");
    let params = Parameters::parse(&body).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, HeaderValue::from_str(proof).unwrap());
    let caller = Caller::new(&headers, &params, "192.0.2.1".parse().unwrap()).at(host);
    token::answer(&bench.provider(), caller).await
}

#[tokio::test]
async fn a_token_is_bound_to_the_key_and_a_proof_works_once() {
    let bench = Bench::new().await;
    bench.client("shop", ClientMethod::SecretPost, Some(SECRET)).await;
    let key = key(Algorithm::Es256);
    let one = proof(&key, &claims("one", bench.now()));
    let tokens = ask(&bench, &one).await.result.unwrap().tokens;
    assert_eq!(tokens.token_type, "DPoP");
    let said = tokens.access_token.split('.').nth(1).unwrap();
    let said: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(said).unwrap()).unwrap();
    assert_eq!(said["cnf"], json!({ "jkt": key.verifying().thumbprint().unwrap() }));
    let error = ask(&bench, &one).await.result.unwrap_err();
    assert_eq!((error.code, &*error.why), (ErrorCode::InvalidDpopProof, "the proof was used before"));
    assert_eq!(ask(&bench, "x").await.result.unwrap_err().code, ErrorCode::InvalidDpopProof);
    // The same `jti` under another key is another proof.
    let other = self::key(Algorithm::Es256);
    assert!(ask(&bench, &proof(&other, &claims("one", bench.now()))).await.result.is_ok());
}

/// Section 4.3: "the htu claim matches the HTTP URI value for the HTTP request in which the JWT was received".
#[tokio::test]
async fn a_proof_is_for_the_url_at_which_it_is_shown() {
    let mut bench = Bench::new().await;
    bench.settings.mtls = Some(Mtls { url: "https://mtls.example.com:8443".into(), host: "mtls.example.com".into() });
    bench.client("shop", ClientMethod::SecretPost, Some(SECRET)).await;
    let key = key(Algorithm::Es256);
    let counts = async |host: &str, htu: &str| {
        let mut claims = claims(&format!("{host} {htu}"), bench.now());
        claims["htu"] = htu.into();
        match ask_at(&bench, host, &proof(&key, &claims)).await.result {
            Ok(_) => true,
            Err(error) => {
                assert_eq!((error.code, &*error.why), (ErrorCode::InvalidDpopProof, "the proof is for another URL"));
                false
            }
        }
    };
    let (usual, alias) = (format!("{ISSUER}/token"), "https://mtls.example.com:8443/token");
    for (host, htu, right) in [
        ("shop.example.com", &*usual, true),
        ("shop.example.com", alias, false),
        ("mtls.example.com", alias, true),
        ("mtls.example.com", &usual, false),
        ("mtls.example.com", "https://mtls.example.com/token", false),
        ("mtls.example.com", "https://mtls.example.com:8443/authorize/jwks", false),
        // What else is served is the issuer's, as far as its clients know.
        ("other.example.com", &usual, true),
        ("other.example.com", alias, false),
        ("other.example.com", "https://other.example.com/token", false),
        ("", &usual, true),
    ] {
        assert_eq!(counts(host, htu).await, right, "{htu} at {host}");
    }
    // A handshake knows the host alone, and so do we: at the issuer's own one it is the issuer's URL.
    let mut settings = bench.settings.clone();
    settings.mtls = Some(Mtls { url: format!("{ISSUER}:8443").into(), host: "shop.example.com".into() });
    assert_eq!(settings.url_at(OAuthEndpoint::Token, "shop.example.com"), Some(usual));
}

#[tokio::test]
async fn of_fifty_that_bring_the_same_proof_at_once_one_is_believed() {
    let bench = Arc::new(Bench::new().await);
    bench.client("shop", ClientMethod::SecretPost, Some(SECRET)).await;
    let proof: Arc<str> = proof(&key(Algorithm::EdDsa), &claims("one", bench.now())).into();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (bench, proof) = (Arc::clone(&bench), Arc::clone(&proof));
        tasks.spawn(async move { ask(&bench, &proof).await.result.is_ok() });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|won| *won).count(), 1);
}

/// A token that is bound to both a key and a certificate needs both, and looking at a proof without a store leaves it unused.
#[tokio::test]
async fn whatever_a_token_is_bound_to_has_to_be_shown_all_of_it() {
    let (bench, holder) = (Bench::new().await, key(Algorithm::Es256));
    let (url, now) = (format!("{ISSUER}/api"), bench.now());
    let proof = |jti: &str| {
        let hash = URL_SAFE_NO_PAD.encode(sha256(b"token"));
        proof(&holder, &json!({ "jti": jti, "htm": "GET", "htu": url, "iat": now.seconds(), "ath": hash }))
    };
    let jkt = holder.verifying().thumbprint().map(Arc::from);
    let (by_key, by_certificate) =
        (Bound { key: jkt.clone(), certificate: None }, Bound { key: None, certificate: Some("c".into()) });
    let by_both = Bound { key: jkt, certificate: Some("c".into()) };
    let (shown, other): (Result<Arc<str>, &str>, _) = (Ok("c".into()), Ok("d".into()));
    let bad = Err("it has expired");
    let provider = bench.provider();
    let ask = async |scheme, bound: &Bound, proof: Option<&str>, certificate, demand, once: bool| {
        let headers: HeaderMap =
            proof.iter().map(|proof| (http::HeaderName::from_static(HEADER), HeaderValue::from_str(proof).unwrap())).collect();
        let sent = Sent { scheme, token: "token", headers: &headers, method: "GET", url: Some(&url), certificate };
        let once = once.then(|| provider.store());
        prove(&sent, bound, &Asks { demand, nonces: None, once, now }).await.is_ok()
    };
    let none = Bound::default();
    for (what, scheme, bound, proven, certificate, demand, counts) in [
        ("nothing", Scheme::Bearer, &none, false, None, None, true),
        ("nothing, with a certificate besides", Scheme::Bearer, &none, false, Some(&shown), None, true),
        ("nothing, and a key is demanded", Scheme::Bearer, &none, false, None, Some(Demand::Dpop), false),
        ("nothing, and anything is demanded", Scheme::Bearer, &none, false, Some(&shown), Some(Demand::Any), false),
        ("nothing, with a proof", Scheme::Dpop, &none, true, None, None, false),
        ("a key", Scheme::Dpop, &by_key, true, None, Some(Demand::Any), true),
        ("a key, and none is shown", Scheme::Dpop, &by_key, false, None, None, false),
        ("a key, and a certificate is demanded", Scheme::Dpop, &by_key, true, Some(&shown), Some(Demand::Certificate), false),
        ("a certificate", Scheme::Bearer, &by_certificate, false, Some(&shown), Some(Demand::Any), true),
        ("a certificate, and none is shown", Scheme::Bearer, &by_certificate, false, None, None, false),
        ("a certificate, and another is shown", Scheme::Bearer, &by_certificate, false, Some(&other), None, false),
        ("a certificate that is no longer good", Scheme::Bearer, &by_certificate, false, Some(&bad), None, false),
        ("a certificate, and a key is demanded", Scheme::Bearer, &by_certificate, false, Some(&shown), Some(Demand::Dpop), false),
        ("both", Scheme::Dpop, &by_both, true, Some(&shown), Some(Demand::Dpop), true),
        ("both, and the key alone is shown", Scheme::Dpop, &by_both, true, None, None, false),
        ("both, and the certificate alone is shown", Scheme::Bearer, &by_both, false, Some(&shown), None, false),
    ] {
        let text = proof(what);
        assert_eq!(ask(scheme, bound, proven.then_some(&*text), certificate, demand, true).await, counts, "{what}");
    }
    let text = proof("looked at");
    for (once, counts) in [(false, true), (false, true), (true, true), (true, false), (false, true)] {
        assert_eq!(ask(Scheme::Dpop, &by_key, Some(&text), None, None, once).await, counts);
    }
}
