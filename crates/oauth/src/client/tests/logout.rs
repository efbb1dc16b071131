//! Logout tokens (OpenID Connect Back-Channel Logout 1.0, 2.6; ASVS 10.5.5).

use super::*;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn claims(world: &World, changes: &Value) -> Value {
    let now = world.clock.now().seconds();
    let mut claims = json!({
        "iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "bWJq", "sub": "248289761001", "sid": "08a5019c",
        "events": { EVENT: {} },
    });
    let all = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.remove(name)
        } else {
            all.insert(name.clone(), value.clone())
        };
    }
    claims
}

async fn logout(world: &World, typ: &'static str, changes: Value) -> Result<super::super::Ended, Failure> {
    let token = world.key.sign_typed(typ, &claims(world, &changes)).unwrap();
    world.provider().logout(&token, &world.clock).await
}

#[tokio::test]
async fn a_logout_token_says_whose_sessions_ended() {
    let world = World::new(|_| {});
    let ended = logout(&world, "logout+jwt", json!({})).await.unwrap();
    let there = &ended.there;
    assert_eq!((&*there.issuer, &*there.client), (ISSUER, CLIENT));
    assert_eq!((there.subject.as_deref(), there.sid.as_deref()), (Some("248289761001"), Some("08a5019c")));
    assert!(ended.until > world.clock.now() + Duration::from_secs(180), "as long as it could come again");
    assert_eq!(logout(&world, "logout+jwt", json!({ "sub": null })).await.unwrap().there.subject, None);
    assert_eq!(logout(&world, "application/logout+jwt", json!({ "sid": null })).await.unwrap().there.sid, None);
    let other = logout(&world, "logout+jwt", json!({ "jti": "other" })).await.unwrap();
    assert_ne!(other.key, ended.key);
    assert_eq!(logout(&world, "logout+jwt", json!({ "sub": "x" })).await.unwrap().key, ended.key, "its `jti` counts once");
}

#[tokio::test]
async fn whatever_is_no_logout_token_ends_nothing() {
    let world = World::new(|_| {});
    let now = world.clock.now().seconds();
    for changes in [
        json!({ "nonce": "n" }),
        json!({ "events": null }),
        json!({ "events": {} }),
        json!({ "events": { EVENT: true } }),
        json!({ "events": EVENT }),
        json!({ "events": { "http://schemas.openid.net/event/frontchannel-logout": {} } }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "iat": null }),
        json!({ "exp": null }),
        json!({ "exp": now - 61 }),
        json!({ "iss": "https://evil.example" }),
        json!({ "aud": "another" }),
        json!({ "sub": null, "sid": null }),
        json!({ "sid": 1 }),
        json!({ "sub": "" }),
    ] {
        assert_eq!(failed(logout(&world, "logout+jwt", changes.clone()).await).0, "refused", "{changes}");
    }
    // An ID token, or one without a type, could be anything.
    for typ in ["JWT", "at+jwt", "secevent+jwt", ""] {
        assert_eq!(failed(logout(&world, typ, json!({})).await).0, "refused", "{typ}");
    }
    for token in ["", "x", "a.b.c"] {
        assert_eq!(failed(world.provider().logout(token, &world.clock).await).0, "refused");
    }
    let stranger = key(Algorithm::EdDsa).sign_typed("logout+jwt", &claims(&world, &json!({}))).unwrap();
    assert_eq!(failed(world.provider().logout(&stranger, &world.clock).await).0, "refused");
}
