//! Providers that are away, speak nonsense, or change their keys.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

async fn begin(world: &World) -> Result<String, Failure> {
    world.provider().begin(&world.journey(), BACK, OURS, &world.clock).await
}

#[tokio::test]
async fn a_provider_that_is_away_is_asked_again_with_growing_pauses() {
    let world = World::new(|_| {});
    *world.server.away.lock().unwrap() = true;
    let mut asked = Vec::new();
    for second in 0..300 {
        let before = world.server.asked(DISCOVERY);
        let (word, text) = failed(begin(&world).await);
        assert_eq!(word, "unavailable");
        assert!(text.contains("it hung up"), "{text}");
        if world.server.asked(DISCOVERY) > before {
            asked.push(second);
        }
        world.clock.advance(SECOND);
    }
    assert_eq!(asked, [0, 5, 15, 35, 75, 135, 195, 255]);
    *world.server.away.lock().unwrap() = false;
    world.clock.advance(60 * SECOND);
    assert!(begin(&world).await.is_ok());
    assert!(begin(&world).await.is_ok());
    assert_eq!(world.server.asked(DISCOVERY), asked.len() + 1, "what is known is not asked for again");
}

#[tokio::test]
async fn what_is_known_outlives_an_outage_for_a_day() {
    let world = World::new(|_| {});
    begin(&world).await.unwrap();
    *world.server.away.lock().unwrap() = true;
    world.clock.advance(23 * 3600 * SECOND);
    assert!(begin(&world).await.is_ok());
    world.clock.advance(2 * 3600 * SECOND);
    assert_eq!(failed(begin(&world).await).0, "unavailable");
}

#[tokio::test]
async fn a_document_of_another_issuer_or_without_what_is_needed_is_none() {
    let without = |name: &str| {
        let mut document = metadata();
        document.as_object_mut().unwrap().remove(name);
        document
    };
    let with = |name: &str, value: Value| {
        let mut document = metadata();
        document[name] = value;
        document
    };
    for (document, says) in [
        (with("issuer", json!("https://idp.example.com/realm/")), "another issuer"),
        (with("issuer", json!("https://evil.example")), "another issuer"),
        (without("issuer"), "another issuer"),
        (without("token_endpoint"), "token_endpoint"),
        (without("jwks_uri"), "jwks_uri"),
        (with("token_endpoint", json!("http://idp.example.com/token")), "token_endpoint"),
        (with("jwks_uri", json!("file:///etc/passwd")), "jwks_uri"),
        (with("authorization_endpoint", json!("javascript:alert(1)")), "authorization_endpoint"),
        (with("response_types_supported", json!(["id_token"])), "response_types_supported"),
        (with("id_token_signing_alg_values_supported", json!(["HS256", "none"])), "ID tokens"),
        (json!([]), "no JSON object"),
        (json!("<html>"), "no JSON object"),
    ] {
        let world = World::new(|_| {});
        world.server.says(DISCOVERY, document);
        let (word, text) = failed(begin(&world).await);
        assert!(word == "unavailable" && text.contains(says), "{text}");
    }
    let world = World::new(|_| {});
    world.server.answers(DISCOVERY, 302);
    assert!(failed(begin(&world).await).1.contains("redirect"));
}

#[tokio::test]
async fn other_keys_are_fetched_for_an_unknown_kid_and_seldom() {
    let mut world = World::new(|_| {});
    world.arrive(json!({})).await.unwrap();
    world.key = key(Algorithm::EdDsa);
    world.server.says("/jwks", set([world.key.verifying()]));
    world.clock.advance(5 * SECOND);
    assert!(world.arrive(json!({})).await.is_ok(), "the provider changed its keys");
    assert_eq!(world.server.asked("/jwks"), 2);
    world.key = key(Algorithm::EdDsa);
    for _ in 0..20 {
        assert_eq!(failed(world.arrive(json!({})).await).0, "refused");
    }
    assert_eq!(world.server.asked("/jwks"), 2, "a flood of unknown keys asks nobody");
    world.clock.advance(5 * SECOND);
    assert_eq!(failed(world.arrive(json!({})).await).0, "refused");
    assert_eq!(world.server.asked("/jwks"), 3);
    // Nobody knows whether it is a new key.
    world.clock.advance(5 * SECOND);
    *world.server.away.lock().unwrap() = true;
    let journey = world.journey();
    let token = world.key.sign(&world.claims(&journey)).unwrap();
    assert_eq!(failed(world.provider().logout(&token, &world.clock).await).0, "refused", "it is no logout token anyway");
    assert_eq!(failed(world.arrive(json!({})).await).0, "unavailable");
}

#[tokio::test]
async fn garbage_from_the_token_endpoint_signs_nobody_in() {
    let world = World::new(|_| {});
    let journey = world.journey();
    let token = world.key.sign(&world.claims(&journey)).unwrap();
    for document in [
        json!({}),
        json!([]),
        json!({ "id_token": token, "access_token": ACCESS }),
        json!({ "id_token": token, "access_token": ACCESS, "token_type": "DPoP" }),
        json!({ "id_token": token, "token_type": "Bearer" }),
        json!({ "access_token": ACCESS, "token_type": "Bearer" }),
        json!({ "id_token": 1, "access_token": ACCESS, "token_type": "Bearer" }),
    ] {
        world.server.says("/token", document.clone());
        assert_eq!(failed(world.finish(&journey, &world.answer(&journey)).await).0, "unavailable", "{document}");
    }
    world.gives(&token);
    world.server.answers("/token", 500);
    assert_eq!(failed(world.finish(&journey, &world.answer(&journey)).await).0, "unavailable");
}

#[tokio::test]
async fn a_provider_that_is_slow_holds_up_a_bounded_number() {
    let world = World::new(|_| {});
    begin(&world).await.unwrap();
    let provider = world.provider();
    let places: Vec<_> = (0..super::super::AT_ONCE).map(|_| provider.place().unwrap()).collect();
    assert_eq!(failed(world.arrive(json!({})).await).0, "unavailable");
    drop(places);
    assert!(world.arrive(json!({})).await.is_ok());
}

#[tokio::test]
async fn a_reload_keeps_what_is_known_of_the_same_provider() {
    let world = World::new(|_| {});
    begin(&world).await.unwrap();
    let settings = world.provider().settings().clone();
    world.providers.set(vec![ProviderSettings { client: "another".into(), ..settings.clone() }]);
    assert!(begin(&world).await.unwrap().contains("client_id=another"));
    assert_eq!(world.server.asked(DISCOVERY), 1);
    world.providers.set(vec![ProviderSettings { issuer: "https://other.example.com".into(), ..settings }]);
    assert_eq!(failed(begin(&world).await).0, "unavailable");
    world.providers.set(Vec::new());
    assert!(world.providers.get("idp").is_none());
}
