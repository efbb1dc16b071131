use super::*;
use crate::system::SystemEntropy;
use std::collections::HashSet;

/// magento-webapi 6.5.
const VECTOR: &str = "eyJraWQiOiIxIiwiYWxnIjoiSFMyNTYifQ.eyJ1aWQiOjEsInV0eXBpZCI6MywiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2MDB9\
                      .c3qqD3fBPiUEg9JS4Kzr_CdtC4CsyvVRW-yAkyfxUqo";
const CLAIMS: UserClaims = UserClaims { kind: Kind::Customer, uid: 1, iat: 1_700_000_000, exp: 1_700_003_600 };
const NOW: Time = Time(1_700_000_001_000);
const PAYLOAD: &str = r#"{"uid":1,"utypid":3,"iat":1700000000,"exp":1700003600}"#;

fn magento() -> TokenSigner {
    TokenSigner::padded("1", b"0123456789abcdef0123456789abcdef", Algorithm::Hs256)
}

/// A token of any header and payload, signed by the right key.
fn signed(header: &str, payload: &str) -> String {
    let text = format!("{}.{}", compact::encode(header), compact::encode(payload));
    let tag = hmac::sign(&magento().key, text.as_bytes());
    format!("{text}.{}", compact::encode(tag))
}

fn judge(token: &str, now: Time) -> Result<UserClaims, BadToken> {
    verify(token, [&magento()], now).map(|(claims, _)| claims)
}

#[test]
fn signs_and_reads_the_published_vector() {
    assert_eq!(magento().sign(&CLAIMS).unwrap(), VECTOR);
    assert_eq!(judge(VECTOR, NOW), Ok(CLAIMS));
    assert_eq!(kid(VECTOR).as_deref(), Ok("1"));
}

#[test]
fn an_odd_key_is_padded_less_on_the_left() {
    // 2048 - 3 = 2045: 1022 on the left, 1023 on the right.
    let whole = [vec![b'&'; 1022], b"abc".to_vec(), vec![b'&'; 1023]].concat();
    let text = b"text";
    let by_hand = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &whole), text);
    let ours = hmac::sign(&TokenSigner::padded("1", b"abc", Algorithm::Hs256).key, text);
    assert_eq!(by_hand.as_ref(), ours.as_ref());
}

#[test]
fn a_token_counts_until_the_second_of_its_end() {
    assert!(judge(VECTOR, Time(1_700_003_599_999)).is_ok());
    assert_eq!(judge(VECTOR, Time(1_700_003_600_000)), Err(BadToken::Expired));
    assert!(judge(VECTOR, Time(1_699_999_940_000)).is_ok());
    assert_eq!(judge(VECTOR, Time(1_699_999_939_999)), Err(BadToken::Early));
}

#[test]
fn refuses_headers_that_are_not_ours() {
    for (header, why) in [
        (r#"{"kid":"2","alg":"HS256"}"#, BadToken::UnknownKey),
        (r#"{"kid":"1","alg":"none"}"#, BadToken::Algorithm),
        (r#"{"kid":"1","alg":"HS384"}"#, BadToken::Algorithm),
        (r#"{"kid":"1","alg":"hs256"}"#, BadToken::Algorithm),
        (r#"{"kid":1,"alg":"HS256"}"#, BadToken::Malformed),
        (r#"{"alg":"HS256"}"#, BadToken::Malformed),
        (r#"{"kid":"1"}"#, BadToken::Malformed),
        (r#"{"kid":"1","alg":"HS256","cty":"JWT"}"#, BadToken::Malformed),
        (r#"{"kid":"1","alg":"HS256","crit":["exp"]}"#, BadToken::Malformed),
        (r#"{"kid":"1","alg":"HS256","jwk":{}}"#, BadToken::Malformed),
        (r#"{"kid":"1","alg":"HS256","typ":"at+jwt"}"#, BadToken::Malformed),
        (r#"{"kid":"1","kid":"1","alg":"HS256"}"#, BadToken::Malformed),
        (r#"["1","HS256",null]"#, BadToken::Malformed),
        ("", BadToken::Malformed),
    ] {
        assert_eq!(judge(&signed(header, PAYLOAD), NOW), Err(why), "{header}");
    }
    assert_eq!(judge(&signed(r#"{"alg":"HS256","kid":"1","typ":"JWT"}"#, PAYLOAD), NOW), Ok(CLAIMS));
}

#[test]
fn refuses_claims_that_are_not_ours() {
    for payload in [
        r#"{"utypid":3,"iat":1700000000,"exp":1700003600}"#,
        r#"{"uid":1,"iat":1700000000,"exp":1700003600}"#,
        r#"{"uid":1,"utypid":3,"exp":1700003600}"#,
        r#"{"uid":1,"utypid":3,"iat":1700000000}"#,
        r#"{"uid":0,"utypid":3,"iat":1700000000,"exp":1700003600}"#,
        r#"{"uid":-1,"utypid":3,"iat":1700000000,"exp":1700003600}"#,
        r#"{"uid":"1","utypid":3,"iat":1700000000,"exp":1700003600}"#,
        r#"{"uid":1.0,"utypid":3,"iat":1700000000,"exp":1700003600}"#,
        r#"{"uid":1,"utypid":1,"iat":1700000000,"exp":1700003600}"#,
        r#"{"uid":1,"utypid":4,"iat":1700000000,"exp":1700003600}"#,
        r#"{"uid":1,"utypid":"3","iat":1700000000,"exp":1700003600}"#,
        r#"{"uid":1,"utypid":3,"iat":0,"exp":1700003600}"#,
        r#"{"uid":1,"utypid":3,"iat":1700000000,"exp":"1700003600"}"#,
        r#"{"uid":1,"uid":2,"utypid":3,"iat":1700000000,"exp":1700003600}"#,
        r#"{"uid":1,"utypid":3,"iat":1700000000,"exp":1700003600,"exp":1700003600}"#,
        r#"{"uid":1,"utypid":3,"iat":1700000000,"exp":1700003600,"nbf":1}"#,
        r#"{"uid":1,"utypid":3,"iat":1700000000,"exp":1700003600,"aud":"x"}"#,
        r#"{"uid":1,"utypid":3,"iat":1700000000,"exp":1700003600,"iss":"x"}"#,
        r"[1,3,1700000000,1700003600,null,null,null]",
        "null",
    ] {
        assert_eq!(judge(&signed(r#"{"kid":"1","alg":"HS256"}"#, payload), NOW), Err(BadToken::Claims), "{payload}");
    }
    let more = r#"{"uid":1,"utypid":3,"iat":1700000000,"exp":1700003600,"extension":true}"#;
    assert_eq!(judge(&signed(r#"{"kid":"1","alg":"HS256"}"#, more), NOW), Ok(CLAIMS));
}

#[test]
fn refuses_every_other_form() {
    let [head, body, tag] = VECTOR.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let flattened = format!(r#"{{"protected":"{head}","payload":"{body}","signature":"{tag}"}}"#);
    let general = format!(r#"{{"payload":"{body}","signatures":[{{"protected":"{head}","signature":"{tag}"}}]}}"#);
    let long = format!("{VECTOR}{}", "A".repeat(LONGEST));
    for token in [
        "",
        "..",
        &flattened,
        &general,
        &long,
        &format!("{head}.{body}"),
        &format!("{head}.{body}.{tag}."),
        &format!("{head}.{body}.{tag}="),
        &format!(" {head}.{body}.{tag}"),
        &format!("{head}=.{body}.{tag}"),
    ] {
        assert_eq!(judge(token, NOW), Err(BadToken::Malformed), "{token}");
    }
    assert_eq!(judge(&format!("{head}.{body}."), NOW), Err(BadToken::Signature));
    let other = format!("{head}.{}.{tag}", compact::encode(PAYLOAD.replace(":1,", ":2,")));
    assert_eq!(judge(&other, NOW), Err(BadToken::Signature));
    let stranger = TokenSigner::padded("1", b"another key", Algorithm::Hs256).sign(&CLAIMS).unwrap();
    assert_eq!(judge(&stranger, NOW), Err(BadToken::Signature));
}

#[test]
fn each_algorithm_reads_its_own_alone() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
        let signer = TokenSigner::padded("k", b"key", algorithm);
        let token = signer.sign(&CLAIMS).unwrap();
        for other in Algorithm::ALL {
            let read = verify(&token, [&TokenSigner::padded("k", b"key", other)], NOW).map(|(claims, _)| claims);
            assert_eq!(read, if other == algorithm { Ok(CLAIMS) } else { Err(BadToken::Algorithm) });
        }
    }
    assert_eq!(Algorithm::parse("none"), None);
    let integration = UserClaims { kind: Kind::Integration, ..CLAIMS };
    assert_eq!(magento().sign(&integration), None);
}

#[test]
fn opaque_tokens_are_well_formed_and_differ() {
    let all: HashSet<String> = (0..1000).map(|_| opaque(&SystemEntropy)).collect();
    assert_eq!(all.len(), 1000);
    assert!(all.iter().all(|token| is_opaque(token)));
    let seen: HashSet<char> = all.iter().flat_map(|token| token.chars()).collect();
    assert_eq!(seen.len(), 36);
    for wrong in ["", "a", &"A".repeat(32), &"a".repeat(33), &"-".repeat(32), &"é".repeat(16)] {
        assert!(!is_opaque(wrong), "{wrong}");
    }
}

#[test]
fn no_key_is_shown() {
    assert!(!format!("{:?}", magento()).contains("0123"));
}
