use super::*;

fn with(changes: Value) -> String {
    let mut claims = sound();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    key(Algorithm::Hs256).sign(&claims).unwrap()
}

fn at(token: &str, rules: &Rules<'_>, now: u64) -> Result<(), BadToken> {
    Unverified::parse(token)?.verify([key(Algorithm::Hs256).verifying()], rules, Time(now)).map(|_| ())
}

#[test]
fn a_token_counts_from_its_beginning_to_its_end() {
    let (plain, lenient) = (Rules::default(), Rules { leeway: Duration::from_secs(30), ..Rules::default() });
    let token = with(json!({}));
    assert_eq!(at(&token, &plain, 1_700_003_599_999), Ok(()));
    assert_eq!(at(&token, &plain, 1_700_003_600_000), Err(BadToken::Expired));
    assert_eq!(at(&token, &lenient, 1_700_003_629_999), Ok(()));
    assert_eq!(at(&token, &lenient, 1_700_003_630_000), Err(BadToken::Expired));
    // One second is for rounding.
    for name in ["iat", "nbf"] {
        let token = with(json!({ name: 1_700_000_100 }));
        assert_eq!(at(&token, &plain, 1_700_000_099_000), Ok(()), "{name}");
        assert_eq!(at(&token, &plain, 1_700_000_098_999), Err(BadToken::Early), "{name}");
        assert_eq!(at(&token, &lenient, 1_700_000_069_000), Ok(()), "{name}");
        assert_eq!(at(&token, &lenient, 1_700_000_068_999), Err(BadToken::Early), "{name}");
    }
    assert_eq!(at(&with(json!({ "iat": null })), &plain, NOW.0), Ok(()));
    assert_eq!(at(&with(json!({ "exp": 1_700_000_000.75, "iat": 1_699_999_999.5 })), &plain, 1_700_000_000_749), Ok(()));
    assert_eq!(at(&with(json!({ "exp": 1_700_000_000.75 })), &plain, 1_700_000_000_750), Err(BadToken::Expired));
}

/// Security 4.3, 32 (CVE-2026-25537).
#[test]
fn security_32_a_claim_of_the_wrong_type_is_not_an_absent_one() {
    for changes in [
        json!({ "exp": null }),
        json!({ "exp": "1700003600" }),
        json!({ "exp": true }),
        json!({ "exp": [1_700_003_600] }),
        json!({ "exp": {} }),
        json!({ "exp": -1 }),
        json!({ "exp": -0.5 }),
        json!({ "exp": 1e300 }),
        json!({ "exp": u64::MAX }),
        json!({ "exp": 253_402_300_800_u64 }),
        json!({ "nbf": "1600000000" }),
        json!({ "nbf": false }),
        json!({ "nbf": [] }),
        json!({ "nbf": -1 }),
        json!({ "iat": "1600000000" }),
        json!({ "iat": {} }),
        json!({ "iss": 1 }),
        json!({ "iss": ["https://a.example"] }),
        json!({ "sub": 14 }),
        json!({ "sub": ["admins/1"] }),
        json!({ "jti": 7 }),
        json!({ "aud": 1 }),
        json!({ "aud": {} }),
        json!({ "aud": [] }),
        json!({ "aud": ["shop", 1] }),
        json!({ "aud": [["shop"]] }),
    ] {
        assert_eq!(judge_secret(&with(changes.clone())), Err(BadToken::Claims), "{changes}");
    }
    // `null` is a type, too.
    for name in ["exp", "nbf", "iat", "iss", "sub", "aud"] {
        let body = format!(r#"{{"exp":1700003600,"{name}":null}}"#).replace(r#""exp":1700003600,"exp""#, r#""exp""#);
        assert_eq!(judge_secret(&signed(r#"{"alg":"HS256"}"#, &body)), Err(BadToken::Claims), "{name}");
    }
}

#[test]
fn the_issuer_is_the_expected_one_letter_for_letter() {
    let expected = Rules { issuer: Some("https://shop.example.com"), ..Rules::default() };
    for (iss, plain, strict) in [
        (json!(null), Ok(()), Err(BadToken::Issuer)),
        (json!("https://shop.example.com"), Err(BadToken::Issuer), Ok(())),
        (json!("https://shop.example.com/"), Err(BadToken::Issuer), Err(BadToken::Issuer)),
        (json!("https://SHOP.example.com"), Err(BadToken::Issuer), Err(BadToken::Issuer)),
        (json!(""), Err(BadToken::Issuer), Err(BadToken::Issuer)),
    ] {
        let token = with(json!({ "iss": iss }));
        assert_eq!(at(&token, &Rules::default(), NOW.0), plain, "{iss}");
        assert_eq!(at(&token, &expected, NOW.0), strict, "{iss}");
    }
}

#[test]
fn an_audience_is_one_of_ours_or_none_where_none_is_named() {
    let ours: [Arc<str>; 2] = ["shop".into(), "https://api.example.com".into()];
    let expected = Rules { audience: &ours, ..Rules::default() };
    let wrong = Err(BadToken::Audience);
    for (aud, plain, strict) in [
        (json!(null), Ok(()), wrong),
        (json!("shop"), wrong, Ok(())),
        (json!(["x", "https://api.example.com"]), wrong, Ok(())),
        (json!(["shop"]), wrong, Ok(())),
        (json!(["x"]), wrong, wrong),
        (json!("Shop"), wrong, wrong),
        (json!("shop2"), wrong, wrong),
        (json!(""), wrong, wrong),
    ] {
        let token = with(json!({ "aud": aud }));
        assert_eq!(at(&token, &Rules::default(), NOW.0), plain, "{aud}");
        assert_eq!(at(&token, &expected, NOW.0), strict, "{aud}");
    }
}

#[test]
fn what_it_says_of_its_end_is_known_before_it_is_believed() {
    let token = signed(r#"{"alg":"none"}"#, r#"{"exp":1600000000,"iss":"https://a.example"}"#);
    let unverified = Unverified::parse(&token).unwrap();
    assert!(unverified.says_ended(Duration::ZERO, NOW));
    assert!(!unverified.says_ended(Duration::from_secs(200_000_000), NOW));
    assert_eq!(unverified.issuer(), Some("https://a.example"));
    assert_eq!(unverified.verify([key(Algorithm::Hs256).verifying()], &Rules::default(), NOW), Err(BadToken::Algorithm));
}
