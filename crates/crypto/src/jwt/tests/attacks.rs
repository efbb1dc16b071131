//! Security 4.3, 30 to 41, and ASVS V9, each by name.

use super::*;

const GOOD: &str = r#"{"iat":1700000000,"exp":1700003600,"username":"admin"}"#;

fn header(text: &str) -> Result<Verified, BadToken> {
    judge_secret(&signed(text, GOOD))
}

/// CVE-2026-39999, CVE-2015-9235: the public key, in each form in which it is published, is no HMAC secret.
#[test]
fn security_30_a_public_key_is_never_a_secret() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let honest = key(algorithm);
        let kid = honest.verifying().kid().unwrap();
        let jwk = honest.verifying().jwk().unwrap();
        let base64 = base64::engine::general_purpose::STANDARD;
        let n = jwk.get("n").or(jwk.get("x")).and_then(Value::as_str).unwrap();
        let raw = compact::decode(n).unwrap();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64::Engine::encode(&base64, &raw));
        for secret in [jwk.to_string().into_bytes(), n.as_bytes().to_vec(), raw, pem.clone().into_bytes()] {
            let head = compact::encode(format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{kid}"}}"#));
            let forged = compact::join(&head, GOOD.as_bytes(), |text| crate::hmac_sha256(&secret, text).to_vec());
            assert_eq!(judge(&forged, [honest.verifying()]), Err(BadToken::Algorithm));
            // Even under the right name of the algorithm.
            let head = compact::encode(format!(r#"{{"alg":"{}","kid":"{kid}"}}"#, algorithm.as_str()));
            let forged = compact::join(&head, GOOD.as_bytes(), |text| crate::hmac_sha256(&secret, text).to_vec());
            assert_eq!(judge(&forged, [honest.verifying()]), Err(BadToken::Signature));
        }
        // And who configures the published key as the secret is told.
        assert!(matches!(SigningKey::secret(pem.as_bytes()), Err(BadKey::Unsound(_))));
        assert!(matches!(VerifyingKey::secret(pem.as_bytes()), Err(BadKey::Unsound(_))));
    }
}

/// CVE-2026-49230: what is encrypted is never taken for signed, whatever would decrypt it.
#[test]
fn security_31_an_encrypted_token_is_none() {
    let part = compact::encode("x");
    for head in [r#"{"alg":"dir","enc":"A128GCM"}"#, r#"{"alg":"HS256","enc":"A128GCM"}"#, r#"{"alg":"HS256","zip":"DEF"}"#] {
        let head = compact::encode(head);
        assert_eq!(judge_secret(&format!("{head}..{part}.{part}.{part}")), Err(BadToken::Malformed));
        let signed = compact::join(&head, GOOD.as_bytes(), |text| crate::hmac_sha256(SECRET, text).to_vec());
        assert_eq!(judge_secret(&signed), Err(BadToken::Malformed));
    }
}

/// CVE-2026-16093: what stands beside the signature is not signed, and a header says nothing of anybody.
#[test]
fn security_33_what_is_not_signed_says_nothing() {
    let body = compact::encode(GOOD);
    for head in [r#"{"alg":"HS256"}"#, r#"{"alg":"HS256","username":"admin","exp":1700003600,"iss":"us"}"#] {
        for token in [format!("{}.{body}.", compact::encode(head)), format!("{}.{body}", compact::encode(head))] {
            assert!(judge_secret(&token).is_err(), "{head}");
        }
        let empty =
            compact::join(&compact::encode(head), br#"{"iat":1700000000}"#, |text| crate::hmac_sha256(SECRET, text).to_vec());
        assert_eq!(judge_secret(&empty), Err(BadToken::Claims), "{head}");
    }
    // The JSON form, whose header may be unprotected (RFC 7515 7.2).
    let (head, tag) = (compact::encode(r#"{"alg":"HS256"}"#), compact::encode([0; 32]));
    let json = format!(r#"{{"protected":"{head}","header":{{"kid":"x"}},"payload":"{body}","signature":"{tag}"}}"#);
    assert_eq!(judge_secret(&json), Err(BadToken::Malformed));
}

#[test]
fn security_41_none_is_no_algorithm() {
    for alg in ["none", "None", "NONE", "nOnE", "", " none", "none ", "null"] {
        let head = compact::encode(format!(r#"{{"typ":"JWT","alg":"{alg}"}}"#));
        let body = compact::encode(GOOD);
        for algorithm in Algorithm::OURS {
            let signer = key(algorithm);
            for token in [format!("{head}.{body}."), format!("{head}.{body}.AA")] {
                assert_eq!(judge(&token, [signer.verifying()]), Err(BadToken::Algorithm), "{alg}");
            }
            assert!(judge(&format!("{head}.{body}"), [signer.verifying()]).is_err());
        }
    }
    assert_eq!(Algorithm::parse("none"), None);
}

#[test]
fn security_41_the_algorithm_is_compared_letter_for_letter() {
    for alg in ["hs256", "Hs256", "HS256 ", "HS384", "HS512", "RS256", "ES256", "EdDSA", "PS256"] {
        assert_eq!(header(&format!(r#"{{"alg":"{alg}"}}"#)), Err(BadToken::Algorithm), "{alg}");
    }
    assert!(header(r#"{"alg":"HS256"}"#).is_ok());
    for text in [r#"{"typ":"JWT"}"#, r#"{"alg":null}"#, r#"{"alg":["HS256"]}"#, r#"{"alg":256}"#, r#"{"alg":{}}"#] {
        assert_eq!(header(text), Err(BadToken::Malformed), "{text}");
    }
}

/// CVE-2018-0114, and the SSRF of `jku` and `x5u`.
#[test]
fn security_41_a_key_that_the_token_brings_is_refused() {
    let own = key(Algorithm::EdDsa);
    let jwk = own.verifying().jwk().unwrap();
    for extra in [
        format!(r#""jwk":{jwk}"#),
        r#""jku":"https://evil.example/jwks.json""#.to_owned(),
        r#""x5u":"https://evil.example/cert.pem""#.to_owned(),
        r#""x5c":["MIIB"]"#.to_owned(),
        r#""jwk":null"#.to_owned(),
    ] {
        assert_eq!(header(&format!(r#"{{"alg":"HS256",{extra}}}"#)), Err(BadToken::Malformed), "{extra}");
    }
    // Digests of certificates and private names bring nothing along (RFC 7515 4).
    assert!(header(r#"{"alg":"HS256","x5t":"abc","x5t#S256":"abc","nonce":"1"}"#).is_ok());
}

/// RFC 7515 4.1.11: what must be understood is not understood here.
#[test]
fn critical_and_other_extensions_are_refused() {
    for extra in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""zip":"DEF""#,
        r#""enc":"A128GCM""#,
        r#""cty":"JWT""#,
        r#""alg":"HS256""#,
        r#""kid":1"#,
        r#""kid":null"#,
        r#""typ":1"#,
        r#""typ":null"#,
    ] {
        assert_eq!(header(&format!(r#"{{"alg":"HS256",{extra}}}"#)), Err(BadToken::Malformed), "{extra}");
    }
    let long = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(257));
    assert_eq!(header(&long), Err(BadToken::Malformed));
}

#[test]
fn security_36_a_token_of_another_type_is_refused() {
    for typ in ["JWT", "jwt", "application/jwt", "APPLICATION/JWT"] {
        assert!(header(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#)).is_ok(), "{typ}");
    }
    for typ in [crate::assertion::TYPE, "at+jwt", "dpop+jwt", "logout+jwt", "JOSE", "JWT ", "", "text/jwt", "é"] {
        assert_eq!(header(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#)), Err(BadToken::Type), "{typ}");
    }
    let token = signed(r#"{"alg":"HS256","typ":"application/at+JWT"}"#, GOOD);
    let rules = Rules { types: &["at+jwt"], ..Rules::default() };
    assert!(Unverified::parse(&token).unwrap().verify([key(Algorithm::Hs256).verifying()], &rules, NOW).is_ok());
}

/// ASVS 9.2.2: where one type is wanted, a token of no type or of the plain one is another token, such as an ID token.
#[test]
fn security_36_where_a_type_is_demanded_no_other_will_do() {
    let rules = Rules { types: &["at+jwt"], typed: true, ..Rules::default() };
    for (head, counts) in [
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, true),
        (r#"{"alg":"HS256","typ":"application/AT+jwt"}"#, true),
        (r#"{"alg":"HS256","typ":"JWT"}"#, false),
        (r#"{"alg":"HS256","typ":""}"#, false),
        (r#"{"alg":"HS256"}"#, false),
    ] {
        let token = signed(head, GOOD);
        let judged = Unverified::parse(&token).unwrap().verify([key(Algorithm::Hs256).verifying()], &rules, NOW);
        assert_eq!(judged.map(drop), if counts { Ok(()) } else { Err(BadToken::Type) }, "{head}");
    }
}

/// An assertion to an upstream, even under the very key of the tokens.
#[test]
fn security_36_an_assertion_is_no_credential() {
    let pkcs8 = SigningKey::generate(Algorithm::EdDsa, &SystemEntropy).unwrap();
    let assertion = crate::assertion::Signer::from_pkcs8(&pkcs8).unwrap().sign(&crate::assertion::Claims {
        iss: "https://shop.example.com",
        aud: "shop",
        sub: "admin/1",
        login: Some("admin"),
        roles: Vec::new(),
        method: "session",
        iat: NOW,
    });
    let ours = SigningKey::from_pkcs8(&pkcs8).unwrap();
    assert_eq!(judge(&assertion, [ours.verifying()]), Err(BadToken::Type));
}

#[test]
fn security_41_kid_is_only_compared() {
    for kid in ["../../../../dev/null", "/dev/null", "' UNION SELECT 'x", "x\\u0000", "|id", "0", ""] {
        let (a, b) = (key(Algorithm::EdDsa), key(Algorithm::Es256));
        let token = signed(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#), GOOD);
        assert_eq!(judge(&token, [a.verifying(), b.verifying()]), Err(BadToken::UnknownKey), "{kid}");
    }
}

/// CVE-2022-21449: r and s of zero, of the order, and other forms than 64 bytes.
#[test]
fn security_41_psychic_signatures_are_wrong() {
    let signer = key(Algorithm::Es256);
    let token = signer.sign(&sound()).unwrap();
    let (text, good) = token.rsplit_once('.').unwrap();
    let good = compact::decode(good).unwrap();
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (zero, one) = ([0_u8; 32], [[0; 31].as_slice(), &[1]].concat());
    let der = [&[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01][..]].concat();
    for signature in [
        Vec::new(),
        [zero, zero].concat(),
        [&zero[..], &one].concat(),
        [&one[..], &zero].concat(),
        [order, order].concat(),
        [&good[..32], &zero].concat(),
        [&zero[..], &good[32..]].concat(),
        good[..63].to_vec(),
        [&good[..], &[0]].concat(),
        [&[0], &good[..]].concat(),
        vec![0xff; 64],
        der,
    ] {
        let forged = format!("{text}.{}", compact::encode(&signature));
        assert_eq!(judge(&forged, [signer.verifying()]), Err(BadToken::Signature), "{signature:?}");
    }
    assert!(judge(&token, [signer.verifying()]).is_ok());
}

/// RFC 8032 5.1.7: S is below the order of the group, so nobody makes a second signature of the first.
#[test]
fn an_ed25519_signature_cannot_be_changed() {
    let signer = key(Algorithm::EdDsa);
    let token = signer.sign(&sound()).unwrap();
    let (text, good) = token.rsplit_once('.').unwrap();
    let mut signature = compact::decode(good).unwrap();
    let order: [u16; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + add + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    let forged = format!("{text}.{}", compact::encode(&signature));
    assert_eq!(judge(&forged, [signer.verifying()]), Err(BadToken::Signature));
}

#[test]
fn empty_and_foreign_signatures_are_wrong() {
    for algorithm in Algorithm::OURS {
        let signer = key(algorithm);
        let token = signer.sign(&sound()).unwrap();
        let (text, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(judge(&format!("{text}."), [signer.verifying()]), Err(BadToken::Signature));
        let (head, _) = text.split_once('.').unwrap();
        let forged = format!("{head}.{}.{signature}", compact::encode(GOOD.replace("admin", "root")));
        assert_eq!(judge(&forged, [signer.verifying()]), Err(BadToken::Signature));
        let mut bytes = compact::decode(signature).unwrap();
        bytes.pop();
        let short = format!("{text}.{}", compact::encode(&bytes));
        assert_eq!(judge(&short, [signer.verifying()]), Err(BadToken::Signature));
    }
}

#[test]
fn members_that_stand_twice_are_refused() {
    for body in [
        r#"{"exp":1700003600,"exp":1700003600}"#,
        r#"{"exp":1700003600,"username":"a","username":"b"}"#,
        r#"{"exp":1700003600,"username":"a","\u0075sername":"b"}"#,
        r#"{"exp":1700003600,"x":{"a":1,"a":2}}"#,
        "[1700003600]",
        "1700003600",
        "null",
        "",
    ] {
        assert_eq!(judge_secret(&signed(r#"{"alg":"HS256"}"#, body)), Err(BadToken::Malformed), "{body}");
    }
    assert_eq!(header(r#"{"alg":"none","alg":"HS256"}"#), Err(BadToken::Malformed));
    assert_eq!(header(r#"["HS256"]"#), Err(BadToken::Malformed));
}

#[test]
fn base64url_is_read_strictly() {
    let good = key(Algorithm::Hs256).sign(&sound()).unwrap();
    let [head, body, tag] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(tag.len(), 43);
    // The last character carries two bits that must be zero.
    let last = tag.chars().last().unwrap();
    let next = char::from(u8::try_from(u32::from(last)).unwrap() + 1);
    let flattened = format!(r#"{{"protected":"{head}","payload":"{body}","signature":"{tag}"}}"#);
    let long = format!("{good}{}", "A".repeat(LONGEST));
    for token in [
        String::new(),
        "..".to_owned(),
        flattened,
        long,
        format!("{head}.{body}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{head}..{body}.{tag}"),
        format!("{good}="),
        format!("{head}=.{body}.{tag}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{head}.{body}\n.{tag}"),
        format!("{head}.{body}.{}{next}", &tag[..42]),
        format!("{head}.{body}.+{}", &tag[1..]),
        format!("{head}.{body}./{}", &tag[1..]),
        format!("{head}.{body}.é{}", &tag[2..]),
        // Five parts: an encrypted one.
        format!("{good}.AA.AA"),
    ] {
        assert_eq!(judge_secret(&token), Err(BadToken::Malformed), "{token}");
    }
    assert!(judge_secret(&good).is_ok());
}

proptest::proptest! {
    /// Whatever comes is refused, without a panic.
    #[test]
    fn nothing_at_random_counts(token in "[A-Za-z0-9_.=-]{0,80}|\\PC{0,40}") {
        proptest::prop_assert!(judge_secret(&token).is_err());
    }

    /// One changed character, anywhere, and it does not count.
    #[test]
    fn a_changed_token_does_not_count(at in 0_usize..200, with in "[A-Za-z0-9_.-]") {
        let good = key(Algorithm::Hs256).sign(&sound()).unwrap();
        let at = at % good.len();
        let changed = format!("{}{with}{}", &good[..at], &good[at + 1..]);
        proptest::prop_assert_eq!(judge_secret(&changed).is_ok(), changed == good);
    }
}
