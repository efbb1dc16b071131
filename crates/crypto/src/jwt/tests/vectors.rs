//! What the RFCs print in their appendices.

use super::*;

/// RFC 7515 A.1 and A.2: the claims of both.
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn jwk(value: Value) -> VerifyingKey {
    VerifyingKey::from_jwk(value.to_string().as_bytes()).unwrap()
}

fn rfc_7515(header: &str, signature: &str, key: &VerifyingKey) {
    let token = format!("{header}.{CLAIMS}.{signature}");
    let rules = Rules { issuer: Some("joe"), ..Rules::default() };
    let at = |seconds: u64| Unverified::parse(&token).unwrap().verify([key], &rules, Time(seconds * 1000));
    let read = at(1_300_819_379).unwrap();
    assert_eq!(read.claims.get("http://example.com/is_root"), Some(&Value::Bool(true)));
    assert_eq!(at(1_300_819_380), Err(BadToken::Expired));
}

#[test]
fn rfc_7515_a_1_hs256() {
    let secret = compact::decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    rfc_7515(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        &VerifyingKey::secret(&secret.unwrap()).unwrap(),
    );
}

#[test]
fn rfc_7515_a_2_rs256() {
    rfc_7515(
        "eyJhbGciOiJSUzI1NiJ9",
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQ\
         jbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt\
         FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        &jwk(json!({ "kty": "RSA", "e": "AQAB", "n":
            "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs\
             D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV\
             MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ" })),
    );
}

#[test]
fn rfc_7515_a_3_es256() {
    rfc_7515(
        "eyJhbGciOiJFUzI1NiJ9",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        &jwk(json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" })),
    );
}

/// RFC 7515 A.5: an unsecured token is none.
#[test]
fn rfc_7515_a_5_none() {
    let token = format!("eyJhbGciOiJub25lIn0.{CLAIMS}.");
    let read = Unverified::parse(&token).unwrap().verify([key(Algorithm::Hs256).verifying()], &Rules::default(), Time(0));
    assert_eq!(read, Err(BadToken::Algorithm));
}

/// RFC 7515 A.6 and A.7: other serializations are none.
#[test]
fn rfc_7515_a_6_json() {
    let text = format!(r#"{{"payload":"{CLAIMS}","signatures":[{{"protected":"eyJhbGciOiJFUzI1NiJ9","signature":"AA"}}]}}"#);
    assert_eq!(judge_secret(&text), Err(BadToken::Malformed));
}

/// RFC 7515 Appendix E: what must be understood, and is not.
#[test]
fn rfc_7515_e_crit() {
    let head = r#"{"alg":"none","crit":["http://example.invalid/UNDEFINED"],"http://example.invalid/UNDEFINED":true}"#;
    assert_eq!(judge_secret(&signed(head, &sound().to_string())), Err(BadToken::Malformed));
}

/// RFC 7520 4: the payload is prose, so only the signatures are of interest.
const PROSE: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlv\
                     dSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";

fn rfc_7520(header: &str, signature: &str, key: &VerifyingKey) {
    let signature = compact::decode(signature).unwrap();
    assert!(key.verifies(format!("{header}.{PROSE}").as_bytes(), &signature));
    assert!(!key.verifies(format!("{header}.{PROSE}A").as_bytes(), &signature));
}

#[test]
fn rfc_7520_4_1_rs256() {
    rfc_7520(
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-\
         Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrD\
         aLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
        &jwk(json!({ "kty": "RSA", "kid": "bilbo.baggins@hobbiton.example", "use": "sig", "e": "AQAB", "n":
            "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_Ns\
             YOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCu\
             EHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw" })),
    );
}

#[test]
fn rfc_7520_4_4_hs256() {
    let secret = compact::decode("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg").unwrap();
    rfc_7520(
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9",
        "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
        &VerifyingKey::secret(&secret).unwrap(),
    );
}

/// RFC 7638 3.1.
#[test]
fn rfc_7638_3_1_thumbprint() {
    let key = jwk(json!({ "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29", "n":
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64t\
         Z_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO\
         pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw" }));
    assert_eq!(key.thumbprint().as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
}

/// RFC 8037 A.1 to A.5.
#[test]
fn rfc_8037_a_eddsa() {
    let seed = compact::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    // PKCS#8 (RFC 8410 7) around the seed.
    let head = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let signer = SigningKey::from_pkcs8(&[&head[..], &seed].concat()).unwrap();
    let public = signer.verifying().jwk().unwrap();
    assert_eq!(public["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    assert_eq!(public["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let text = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(compact::encode(signer.signature(text).unwrap()), signature);
    assert!(signer.verifying().verifies(text, &compact::decode(signature).unwrap()));
}
