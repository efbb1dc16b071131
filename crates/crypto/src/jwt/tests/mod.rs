use super::*;
use crate::system::SystemEntropy;
use doorward_core::Time;
use serde_json::{Value, json};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

mod attacks;
mod claims;
mod keys;
mod vectors;
mod wycheproof;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: Time = Time(1_700_000_000_500);

fn key(algorithm: Algorithm) -> SigningKey {
    // Making one for RSA takes long, and any one will do.
    static RSA: LazyLock<zeroize::Zeroizing<Vec<u8>>> =
        LazyLock::new(|| SigningKey::generate(Algorithm::Rs256, &SystemEntropy).unwrap());
    match algorithm {
        Algorithm::Hs256 => SigningKey::secret(SECRET).unwrap(),
        Algorithm::Rs256 => SigningKey::from_pkcs8(&RSA).unwrap(),
        Algorithm::EdDsa | Algorithm::Es256 => another(algorithm),
        Algorithm::Es384 | Algorithm::Ps256 => panic!("nothing is signed with it"),
    }
}

/// A key that is not the one of another test.
fn another(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate(algorithm, &SystemEntropy).unwrap()).unwrap()
}

/// Claims that are sound at [`NOW`].
fn sound() -> Value {
    json!({ "iat": 1_700_000_000, "exp": 1_700_003_600, "roles": ["ROLE_USER"], "username": "admin" })
}

/// A token of any header and payload, signed by HS256.
fn signed(header: &str, payload: &str) -> String {
    compact::join(&compact::encode(header), payload.as_bytes(), |text| crate::hmac_sha256(SECRET, text).to_vec())
}

fn judge<'k>(token: &str, keys: impl IntoIterator<Item = &'k VerifyingKey>) -> Result<Verified, BadToken> {
    Unverified::parse(token)?.verify(keys, &Rules::default(), NOW)
}

fn judge_secret(token: &str) -> Result<Verified, BadToken> {
    judge(token, [key(Algorithm::Hs256).verifying()])
}

#[test]
fn each_algorithm_reads_its_own_tokens_alone() {
    let keys = Algorithm::OURS.map(key);
    for signer in &keys {
        let token = signer.sign(&sound()).unwrap();
        assert_eq!(Algorithm::parse(signer.verifying().algorithm().as_str()), Some(signer.verifying().algorithm()));
        let read = judge(&token, keys.iter().map(SigningKey::verifying)).unwrap();
        assert_eq!(read.kid.as_ref(), signer.verifying().kid());
        assert_eq!(read.claims.text("username"), Some("admin"));
        assert_eq!(read.claims.expires, Time(1_700_003_600_000));
        assert_eq!(read.claims.issued, Some(Time(1_700_000_000_000)));
        for other in &keys {
            let alone = judge(&token, [other.verifying()]);
            let same = other.verifying().algorithm() == signer.verifying().algorithm();
            assert_eq!(alone.is_ok(), same, "{:?} {:?}", signer.verifying(), other.verifying());
            if same && other.verifying().kid().is_some() {
                let another = another(other.verifying().algorithm());
                assert_eq!(judge(&token, [another.verifying()]), Err(BadToken::UnknownKey));
                let disguised = another.verifying().clone().named(signer.verifying().kid().cloned());
                assert_eq!(judge(&token, [&disguised]), Err(BadToken::Signature));
            }
        }
    }
}

#[test]
fn an_independent_library_reads_our_tokens_and_keys() {
    for algorithm in Algorithm::OURS {
        let signer = key(algorithm);
        let token = signer.sign(&sound()).unwrap();
        let (theirs, decoding) = match signer.verifying().jwk() {
            None => (jsonwebtoken::Algorithm::HS256, jsonwebtoken::DecodingKey::from_secret(SECRET)),
            Some(jwk) => {
                let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(jwk).unwrap();
                let kid = signer.verifying().kid().map(|kid| kid.to_string());
                assert_eq!(jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).ok(), kid);
                (algorithm.as_str().parse().unwrap(), jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap())
            }
        };
        let mut rules = jsonwebtoken::Validation::new(theirs);
        rules.validate_exp = false;
        let said = jsonwebtoken::decode::<Value>(&token, &decoding, &rules).unwrap();
        assert_eq!(said.claims, sound());
        assert_eq!(said.header.typ.as_deref(), Some("JWT"));
        assert_eq!(said.header.kid.as_deref(), signer.verifying().kid().map(|kid| &**kid));
    }
}

#[test]
fn we_read_the_tokens_of_an_independent_library() {
    let pkcs8 = SigningKey::generate(Algorithm::EdDsa, &SystemEntropy).unwrap();
    let ours = SigningKey::from_pkcs8(&pkcs8).unwrap();
    let theirs = jsonwebtoken::EncodingKey::from_ed_der(&pkcs8);
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    header.kid = ours.verifying().kid().map(|kid| kid.to_string());
    let token = jsonwebtoken::encode(&header, &sound(), &theirs).unwrap();
    assert!(judge(&token, [ours.verifying()]).is_ok());
    let token = jsonwebtoken::encode(
        &jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256),
        &sound(),
        &jsonwebtoken::EncodingKey::from_secret(SECRET),
    );
    assert!(judge_secret(&token.unwrap()).is_ok());
}

#[test]
fn a_token_under_a_secret_begins_as_that_of_ibexa() {
    // ibexa-rest 3.2.
    let token = key(Algorithm::Hs256).sign(&json!({ "iat": 1_602_840_780 })).unwrap();
    assert!(token.starts_with("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE2MDI4NDA3ODB9."), "{token}");
}

#[test]
fn names_of_keys_choose_among_several() {
    let (a, b, secret) = (key(Algorithm::EdDsa), key(Algorithm::EdDsa), key(Algorithm::Hs256));
    let all = [a.verifying(), b.verifying(), secret.verifying()];
    for signer in [&a, &b, &secret] {
        assert_eq!(judge(&signer.sign(&sound()).unwrap(), all).unwrap().kid.as_ref(), signer.verifying().kid());
    }
    let body = sound().to_string();
    let unnamed = signed(r#"{"alg":"EdDSA"}"#, &body);
    assert_eq!(judge(&unnamed, [a.verifying(), b.verifying()]), Err(BadToken::UnknownKey));
    assert_eq!(judge(&unnamed, []), Err(BadToken::UnknownKey));
    // One key alone is meant, unless it has another name.
    assert!(judge(&signed(r#"{"alg":"HS256","kid":"x"}"#, &body), [secret.verifying()]).is_ok());
    assert_eq!(judge(&signed(r#"{"alg":"EdDSA","kid":"x"}"#, &body), [a.verifying()]), Err(BadToken::UnknownKey));
    assert_eq!(judge(&unnamed, [a.verifying()]), Err(BadToken::Signature));
    assert_eq!(judge(&signed(r#"{"alg":"HS256"}"#, &body), [secret.verifying(), secret.verifying()]), Err(BadToken::UnknownKey));
}

#[test]
fn nothing_secret_is_shown() {
    for algorithm in Algorithm::OURS {
        let signer = key(algorithm);
        let text = format!("{signer:?} {:?}", signer.verifying());
        assert!(!text.contains("0123") && text.len() < 300, "{text}");
    }
    let token = key(Algorithm::Hs256).sign(&sound()).unwrap();
    assert!(!format!("{:?}", Unverified::parse(&token).unwrap()).contains("admin"));
}
