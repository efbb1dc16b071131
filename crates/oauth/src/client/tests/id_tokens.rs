//! ID tokens that count, and all those that do not (OpenID Connect Core 3.1.3.7).

use super::*;

#[tokio::test]
async fn each_kind_of_key_that_we_read_may_sign() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let mut world = World::new(|_| {});
        world.key = key(algorithm);
        world.server.says("/jwks", set([world.key.verifying()]));
        assert!(world.arrive(json!({})).await.is_ok(), "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_claim_that_is_wrong_or_missing_makes_an_id_token_worthless() {
    let world = World::new(|_| {});
    let now = world.clock.now().seconds();
    for changes in [
        json!({ "iss": "https://idp.example.com" }),
        json!({ "iss": "https://idp.example.com/realm/" }),
        json!({ "iss": null }),
        json!({ "aud": "another" }),
        json!({ "aud": [] }),
        json!({ "aud": null }),
        json!({ "aud": [CLIENT, "another"], "azp": CLIENT }),
        json!({ "aud": [CLIENT, CLIENT] }),
        json!({ "azp": "another" }),
        json!({ "azp": 1 }),
        json!({ "exp": now - 61 }),
        json!({ "exp": null }),
        json!({ "exp": (now + 300).to_string() }),
        json!({ "iat": now + 120 }),
        json!({ "iat": null }),
        json!({ "nbf": now + 120 }),
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "sub": "" }),
        json!({ "sub": null }),
        json!({ "sub": "a".repeat(256) }),
        json!({ "sub": "b\u{f6}b" }),
        json!({ "sub": 1 }),
        json!({ "at_hash": URL_SAFE_NO_PAD.encode(&sha256(b"another token")[..16]) }),
        json!({ "at_hash": "" }),
        json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
    ] {
        assert_eq!(failed(world.arrive(changes.clone()).await).0, "refused", "{changes}");
    }
    for changes in [
        json!({ "at_hash": null }),
        json!({ "aud": [CLIENT] }),
        json!({ "azp": CLIENT }),
        json!({ "exp": now - 30 }),
        json!({ "sub": "auth0|5f7c8ec7c33c6c004bbafe82" }),
    ] {
        assert!(world.arrive(changes.clone()).await.is_ok(), "{changes}");
    }
}

#[tokio::test]
async fn an_id_token_may_be_for_those_besides_us_who_are_named() {
    let world = World::new(|settings| settings.also = vec!["project".into()]);
    let both = json!({ "aud": ["project", CLIENT], "azp": CLIENT });
    assert!(world.arrive(both).await.is_ok());
    for changes in
        [json!({ "aud": ["project", CLIENT] }), json!({ "aud": "project" }), json!({ "aud": [CLIENT, "x"], "azp": CLIENT })]
    {
        assert_eq!(failed(world.arrive(changes.clone()).await).0, "refused", "{changes}");
    }
}

#[tokio::test]
async fn neither_none_nor_hmac_with_a_public_key_nor_a_key_in_the_token_signs() {
    let world = World::new(|_| {});
    let journey = world.journey();
    let claims = Value::Object(world.claims(&journey)).to_string();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let public = world.key.verifying().jwk().unwrap();
    let kid = public["kid"].as_str().unwrap();
    let x = URL_SAFE_NO_PAD.decode(public["x"].as_str().unwrap()).unwrap();
    let hmac = |header: &str, secret: &[u8]| {
        let signed = format!("{}.{}", encode(header), encode(&claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(doorward_crypto::hmac_sha256(secret, signed.as_bytes())))
    };
    let secret = b"s:cr t".as_slice();
    for token in [
        format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&claims)),
        format!("{}.{}.", encode(&format!(r#"{{"alg":"none","kid":"{kid}"}}"#)), encode(&claims)),
        hmac(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#), &x),
        hmac(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#), public.to_string().as_bytes()),
        // The client's secret: whoever learns it could be anybody.
        hmac(r#"{"alg":"HS256"}"#, secret),
        hmac(&format!(r#"{{"alg":"EdDSA","kid":"{kid}","jwk":{public}}}"#), &x),
        String::new(),
        "a.b.c".into(),
    ] {
        world.gives(&token);
        assert_eq!(failed(world.finish(&journey, &world.answer(&journey)).await).0, "refused", "{token}");
    }
    // Another key under the same name.
    let stranger = key(Algorithm::EdDsa);
    let forged = stranger.sign(&world.claims(&journey)).unwrap();
    let (_, rest) = forged.split_once('.').unwrap();
    world.gives(&format!("{}.{rest}", encode(&format!(r#"{{"typ":"JWT","alg":"EdDSA","kid":"{kid}"}}"#))));
    assert_eq!(failed(world.finish(&journey, &world.answer(&journey)).await).0, "refused");
}

#[tokio::test]
async fn tokens_of_other_kinds_are_no_id_tokens() {
    let world = World::new(|_| {});
    let journey = world.journey();
    for typ in ["at+jwt", "logout+jwt", "application/at+jwt", "secevent+jwt"] {
        world.gives(&world.key.sign_typed(typ, &world.claims(&journey)).unwrap());
        assert_eq!(failed(world.finish(&journey, &world.answer(&journey)).await).0, "refused", "{typ}");
    }
}

#[tokio::test]
async fn an_id_token_of_another_sign_in_is_worthless_here() {
    let world = World::new(|_| {});
    let (mine, stolen) = (world.journey(), world.journey());
    world.gives(&world.key.sign(&world.claims(&stolen)).unwrap());
    let (word, text) = failed(world.finish(&mine, &world.answer(&mine)).await);
    assert_eq!(word, "refused");
    assert!(text.contains("nonce"), "{text}");
}
