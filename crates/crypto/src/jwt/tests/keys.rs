use super::*;
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding},
};

const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn okp(extra: &str) -> Result<VerifyingKey, BadKey> {
    VerifyingKey::from_jwk(format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"{extra}}}"#).as_bytes())
}

fn rsa(n: &[u8], e: &[u8]) -> Result<VerifyingKey, BadKey> {
    let (n, e) = (compact::encode(n), compact::encode(e));
    VerifyingKey::from_jwk(json!({ "kty": "RSA", "n": n, "e": e }).to_string().as_bytes())
}

fn modulus() -> Vec<u8> {
    let jwk = key(Algorithm::Rs256).verifying().jwk().unwrap();
    compact::decode(jwk["n"].as_str().unwrap()).unwrap()
}

#[test]
fn what_we_publish_is_what_we_read() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let signer = key(algorithm);
        let jwk = signer.verifying().jwk().unwrap();
        let read = VerifyingKey::from_jwk(jwk.to_string().as_bytes()).unwrap();
        assert_eq!(read.kid(), signer.verifying().kid());
        assert_eq!(read.algorithm(), algorithm);
        assert_eq!(read.jwk(), Some(jwk));
        assert!(judge(&signer.sign(&sound()).unwrap(), [&read]).is_ok());
    }
}

#[test]
fn an_rsa_key_that_says_ps256_has_that_algorithm_alone() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
    let [n, e] = [n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero()].map(compact::encode);
    let read = |alg: &str| {
        let jwk = json!({ "kty": "RSA", "n": n, "e": e, "alg": alg, "kid": "k" });
        VerifyingKey::from_jwk(jwk.to_string().as_bytes())
    };
    let token = |alg: &str, padding| {
        let header = compact::encode(json!({ "alg": alg, "kid": "k" }).to_string());
        compact::join(&header, sound().to_string().as_bytes(), |text| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &SystemRandom::new(), text, &mut signature).unwrap();
            signature
        })
    };
    let (pss, pkcs1): (&dyn RsaEncoding, &dyn RsaEncoding) = (&RSA_PSS_SHA256, &RSA_PKCS1_SHA256);
    let (new, old) = (read("PS256").unwrap(), read("RS256").unwrap());
    assert_eq!((new.algorithm(), new.jwk().unwrap()["alg"].as_str()), (Algorithm::Ps256, Some("PS256")));
    assert_eq!(new.thumbprint(), old.thumbprint(), "it is the same key");
    assert!(judge(&token("PS256", pss), [&new]).is_ok());
    assert!(judge(&token("RS256", pkcs1), [&old]).is_ok());
    assert_eq!(judge(&token("PS256", pss), [&old]).unwrap_err(), BadToken::Algorithm);
    assert_eq!(judge(&token("RS256", pkcs1), [&new]).unwrap_err(), BadToken::Algorithm);
    assert_eq!(judge(&token("PS256", pkcs1), [&new]).unwrap_err(), BadToken::Signature);
    assert_eq!(judge(&token("RS256", pss), [&old]).unwrap_err(), BadToken::Signature);
    assert!(matches!(read("PS384"), Err(BadKey::Unsupported(_))));
    assert!(matches!(read("ES256"), Err(BadKey::Unsound(_))));
}

#[test]
fn a_key_of_p384_reads_es384_alone() {
    let rng = SystemRandom::new();
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
    let jwk = json!({ "kty": "EC", "crv": "P-384", "x": compact::encode(x), "y": compact::encode(y) });
    let key = VerifyingKey::from_jwk(jwk.to_string().as_bytes()).unwrap();
    let token = |alg: &str| {
        let header = compact::encode(json!({ "alg": alg }).to_string());
        compact::join(&header, sound().to_string().as_bytes(), |text| pair.sign(&rng, text).unwrap().as_ref().to_vec())
    };
    assert!(judge(&token("ES384"), [&key]).is_ok());
    assert_eq!(judge(&token("ES256"), [&key]).unwrap_err(), BadToken::Algorithm);
    assert!(SigningKey::generate(Algorithm::Es384, &SystemEntropy).is_err());
}

#[test]
fn a_secret_is_never_published() {
    let (secret, public) = (key(Algorithm::Hs256), key(Algorithm::EdDsa));
    assert_eq!(secret.verifying().jwk(), None);
    assert_eq!(secret.verifying().thumbprint(), None);
    let published = set([secret.verifying(), public.verifying()]);
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
    assert_eq!(published["keys"][0]["kty"], "OKP");
}

#[test]
fn members_that_do_not_fit_are_refused() {
    assert!(okp("").is_ok());
    assert!(okp(r#","use":"sig","key_ops":["verify"],"alg":"EdDSA","kid":"k","x5t":"abc","ext":true"#).is_ok());
    let foreign = |extra| assert!(matches!(okp(extra), Err(BadKey::Unsupported(_))), "{extra}");
    foreign(r#","use":"enc""#);
    foreign(r#","use":"SIG""#);
    foreign(r#","key_ops":["sign"]"#);
    foreign(r#","key_ops":["verify","sign"]"#);
    foreign(r#","key_ops":["verify","verify"]"#);
    foreign(r#","key_ops":[]"#);
    foreign(r#","alg":"ES512""#);
    foreign(r#","alg":"none""#);
    let unsound = |extra| assert!(matches!(okp(extra), Err(BadKey::Unsound(_))), "{extra}");
    unsound(r#","alg":"HS256""#);
    unsound(r#","alg":"RS256""#);
    unsound(r#","alg":1"#);
    unsound(r#","kid":1"#);
    unsound(r#","use":["sig"]"#);
    unsound(r#","key_ops":"verify""#);
    assert!(matches!(okp(r#","kty":"OKP""#), Err(BadKey::NotJson(_))));
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(okp(&format!(r#","{private}":"AA""#)).unwrap_err(), BadKey::Private);
    }
}

#[test]
fn kinds_and_curves_go_together() {
    for (jwk, unsupported) in [
        (json!({ "kty": "OKP", "crv": "Ed448", "x": X }), true),
        (json!({ "kty": "OKP", "crv": "X25519", "x": X }), true),
        (json!({ "kty": "EC", "crv": "P-521", "x": X, "y": X }), true),
        (json!({ "kty": "EC", "crv": "secp256k1", "x": X, "y": X }), true),
        (json!({ "kty": "EC", "crv": "Ed25519", "x": X }), true),
        (json!({ "kty": "OKP", "crv": "P-256", "x": X, "y": X }), true),
        (json!({ "kty": "okp", "crv": "Ed25519", "x": X }), true),
        (json!({ "kty": "OKP", "x": X }), false),
        (json!({ "crv": "Ed25519", "x": X }), false),
        (json!({ "kty": "OKP", "crv": "Ed25519" }), false),
        (json!({ "kty": "RSA", "crv": "P-256", "n": X, "e": "AQAB" }), false),
        // Not on the curve, too short, padded, in the other alphabet.
        (json!({ "kty": "EC", "crv": "P-256", "x": X, "y": X }), false),
        (json!({ "kty": "EC", "crv": "P-256", "x": X, "y": "AA" }), false),
        (json!({ "kty": "EC", "crv": "P-384", "x": X, "y": X }), false),
        (json!({ "kty": "EC", "crv": "P-384", "x": "A".repeat(64), "y": "B".repeat(64) }), false),
        (json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }), false),
        (json!({ "kty": "OKP", "crv": "Ed25519", "x": format!("{X}=") }), false),
        (json!({ "kty": "OKP", "crv": "Ed25519", "x": X.replace('_', "/") }), false),
    ] {
        let read = VerifyingKey::from_jwk(jwk.to_string().as_bytes()).unwrap_err();
        assert_eq!(matches!(read, BadKey::Unsupported(_)), unsupported, "{jwk}: {read}");
    }
    let secret = json!({ "kty": "oct", "x": X }).to_string();
    assert_eq!(VerifyingKey::from_jwk(secret.as_bytes()).unwrap_err(), BadKey::Private);
}

#[test]
fn weak_rsa_keys_are_refused() {
    let n = modulus();
    assert!(rsa(&n, &[1, 0, 1]).is_ok());
    assert!(rsa(&n, &[3]).is_ok());
    // 2047 bits, a leading zero, an even modulus.
    let mut short = n.clone();
    short[0] = 0x7f;
    let mut even = n.clone();
    *even.last_mut().unwrap() &= 0xfe;
    for (n, e) in [
        (&n[1..], &[1, 0, 1][..]),
        (&short, &[1, 0, 1]),
        (&[&[0], &n[..]].concat(), &[1, 0, 1]),
        (&even, &[1, 0, 1]),
        (&[], &[1, 0, 1]),
        (&n, &[]),
        (&n, &[0]),
        (&n, &[1]),
        (&n, &[2]),
        (&n, &[1, 0, 0]),
        (&n, &[0, 1, 0, 1]),
        (&n, &[4, 0, 0, 0, 1]),
        (&[0xff; 1025], &[1, 0, 1]),
    ] {
        assert!(matches!(rsa(n, e), Err(BadKey::Unsound(_))), "{} bytes, {e:?}", n.len());
    }
}

/// With such a key everyone could sign.
#[test]
fn points_of_low_order_are_refused() {
    let identity = [&[1][..], &[0; 31]].concat();
    let order_2 = [&[0xec][..], &[0xff; 30], &[0x7f]].concat();
    let order_4 = vec![0; 32];
    let order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let order_8: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&order_8[2 * at..2 * at + 2], 16).unwrap()).collect();
    for mut point in [identity, order_2, order_4, order_8] {
        for sign in [0, 0x80] {
            point[31] = (point[31] & 0x7f) | sign;
            let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": compact::encode(&point) });
            assert!(matches!(VerifyingKey::from_jwk(jwk.to_string().as_bytes()), Err(BadKey::Unsound(_))), "{jwk}");
        }
    }
}

#[test]
fn short_secrets_are_refused() {
    assert!(SigningKey::secret(SECRET).is_ok());
    assert!(matches!(SigningKey::secret(&SECRET[1..]), Err(BadKey::Unsound(_))));
    assert!(matches!(VerifyingKey::secret(b""), Err(BadKey::Unsound(_))));
    assert!(matches!(SigningKey::generate(Algorithm::Hs256, &SystemEntropy), Err(BadKey::Unsupported(_))));
}

#[test]
fn private_keys_of_other_kinds_are_refused() {
    assert!(matches!(SigningKey::from_pkcs8(b""), Err(BadKey::Unsupported(_))));
    assert!(matches!(SigningKey::from_pkcs8(&[0x30; 100]), Err(BadKey::Unsupported(_))));
    let p384 = aws_lc_rs::signature::EcdsaKeyPair::generate_pkcs8(
        &aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        &aws_lc_rs::rand::SystemRandom::new(),
    );
    assert!(matches!(SigningKey::from_pkcs8(p384.unwrap().as_ref()), Err(BadKey::Unsupported(_))));
}

#[test]
fn a_set_keeps_what_it_can_use_and_says_what_it_cannot() {
    let good = key(Algorithm::Es256).verifying().jwk().unwrap();
    let text = json!({ "keys": [
        { "kty": "EC", "crv": "P-521", "x": X, "y": X },
        good,
        { "kty": "OKP", "crv": "Ed25519", "x": "AA" },
    ], "more": 1 });
    let set = KeySet::parse(text.to_string().as_bytes()).unwrap();
    assert_eq!(set.keys.len(), 1);
    assert!(matches!(set.others[..], [(0, BadKey::Unsupported(_)), (2, BadKey::Unsound(_))]));
    assert!(KeySet::parse(br#"{"keys":[]}"#).unwrap().keys.is_empty());
}

#[test]
fn a_set_that_cannot_be_right_is_refused_whole() {
    let good = key(Algorithm::Es256).verifying().jwk().unwrap();
    let parse = |value: Value| KeySet::parse(value.to_string().as_bytes()).unwrap_err();
    assert_eq!(parse(json!({ "keys": [good, good] })), BadKey::Twice);
    assert_eq!(parse(json!({ "keys": [good, { "kty": "OKP", "crv": "Ed25519", "x": X, "d": X }] })), BadKey::Private);
    assert_eq!(parse(json!({ "keys": [good, { "kty": "oct", "k": X }] })), BadKey::Private);
    let many: Vec<Value> = (0..=MOST_KEYS).map(|_| json!({})).collect();
    for wrong in [json!([good]), json!({}), json!({ "keys": {} }), json!({ "keys": ["x"] }), json!({ "keys": many })] {
        assert!(matches!(parse(wrong.clone()), BadKey::NotJson(_)), "{wrong}");
    }
    assert!(matches!(KeySet::parse(br#"{"keys":[],"keys":[]}"#), Err(BadKey::NotJson(_))));
    assert!(matches!(KeySet::parse(b"-----BEGIN PUBLIC KEY-----"), Err(BadKey::NotJson(_))));
}
