//! The question, the answer, and the code.

use super::*;

#[tokio::test]
async fn the_question_has_state_nonce_and_pkce_of_this_journey_alone() {
    let world = World::new(|_| {});
    let (one, two) = (world.journey(), world.journey());
    let ask = async |journey: &Journey| world.provider().begin(journey, BACK, OURS, &world.clock).await.unwrap();
    let url = Url::parse(&ask(&one).await).unwrap();
    let get = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    assert_eq!((url.host_str(), url.path(), get("tenant").as_str()), (Some("idp.example.com"), "/authorize", "1"));
    assert_eq!((get("response_type"), get("client_id"), get("redirect_uri")), ("code".into(), CLIENT.into(), BACK.into()));
    assert_eq!((get("scope"), get("code_challenge_method")), ("openid email".into(), "S256".into()));
    let verifier = one.verifier(OURS);
    assert_eq!((get("code_challenge"), verifier.len()), (URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes())), 43));
    assert_eq!((get("state"), get("nonce")), (one.state(OURS), one.nonce(OURS)));
    let values = [one.state(OURS), one.nonce(OURS), verifier, two.state(OURS), two.nonce(OURS), two.verifier(OURS)];
    for (n, value) in values.iter().enumerate() {
        assert!(!values[..n].contains(value) && one.state(b"another key") != *value);
    }
    assert!(!one.seal(OURS).contains(&values[2]) && !ask(&one).await.contains(&values[2]), "the verifier stays here");
}

#[tokio::test]
async fn a_journey_is_of_one_browser_one_provider_and_a_quarter_of_an_hour() {
    let world = World::new(|_| {});
    let (journey, now) = (world.journey(), world.clock.now());
    let (sealed, idp) = (journey.seal(OURS), Arc::<str>::from("idp"));
    assert_eq!(Journey::unseal(OURS, &idp, &sealed, now), Some(journey.clone()));
    assert_eq!(journey.target(), "/orders");
    assert_eq!(Journey::unseal(OURS, &"other".into(), &sealed, now), None, "mix-up: another provider's answer");
    assert_eq!(Journey::unseal(b"another key", &idp, &sealed, now), None);
    assert_eq!(Journey::unseal(OURS, &idp, &sealed, now + super::super::LIFETIME), None);
    assert_eq!(Journey::unseal(OURS, &idp, &sealed, Time(now.0 - 1)), None);
    let parts: Vec<&str> = sealed.split('.').collect();
    let evil = URL_SAFE_NO_PAD.encode("//evil.example");
    for forged in [
        format!("{}.{}.{evil}.{}", parts[0], parts[1], parts[3]),
        format!("{}.{}.{}.{}", parts[0], now.0 + 1, parts[2], parts[3]),
        format!("{}.{}.{}", parts[0], parts[1], parts[2]),
        format!("{sealed}.x"),
        format!("{sealed}="),
        "a".repeat(5000),
        String::new(),
        "...".into(),
    ] {
        assert_eq!(Journey::unseal(OURS, &idp, &forged, now), None, "{forged}");
    }
    assert!(!format!("{journey:?}").contains("orders"));
}

#[tokio::test]
async fn an_answer_without_the_right_state_is_a_strangers() {
    let world = World::new(|_| {});
    let (journey, other) = (world.journey(), world.journey());
    world.gives(&world.key.sign(&world.claims(&journey)).unwrap());
    for answer in [
        parameters(&[("code", "c"), ("iss", ISSUER)]),
        parameters(&[("code", "c"), ("iss", ISSUER), ("state", &other.state(OURS))]),
        parameters(&[("code", "c"), ("iss", ISSUER), ("state", &journey.nonce(OURS))]),
        parameters(&[("error", "access_denied"), ("iss", ISSUER)]),
    ] {
        assert_eq!(failed(world.finish(&journey, &answer).await).0, "stray");
    }
    assert_eq!(world.server.asked("/token"), 0, "no code is redeemed for a stranger");
}

#[tokio::test]
async fn mix_up_an_answer_that_names_another_issuer_or_none_is_refused() {
    let world = World::new(|_| {});
    let journey = world.journey();
    world.gives(&world.key.sign(&world.claims(&journey)).unwrap());
    let state = journey.state(OURS);
    for issuer in ["https://idp.example.com/realm/", "https://evil.example", "https://IDP.example.com/realm"] {
        let answer = parameters(&[("code", "c"), ("state", &state), ("iss", issuer)]);
        assert_eq!(failed(world.finish(&journey, &answer).await).0, "stray", "{issuer}");
        let answer = parameters(&[("error", "access_denied"), ("state", &state), ("iss", issuer)]);
        assert_eq!(failed(world.finish(&journey, &answer).await).0, "stray", "errors too");
    }
    // Metadata says that there always is one.
    let none = parameters(&[("code", "c"), ("state", &state)]);
    assert_eq!(failed(world.finish(&journey, &none).await).0, "stray");
    assert_eq!(world.server.asked("/token"), 0);
    let silent = World::new(|_| {});
    let mut document = metadata();
    document.as_object_mut().unwrap().remove("authorization_response_iss_parameter_supported");
    silent.server.says(DISCOVERY, document);
    let journey = silent.journey();
    silent.gives(&silent.key.sign(&silent.claims(&journey)).unwrap());
    let none = parameters(&[("code", "c"), ("state", &journey.state(OURS))]);
    assert!(silent.finish(&journey, &none).await.is_ok(), "a provider that never says it need not");
}

#[tokio::test]
async fn the_code_goes_to_the_token_endpoint_once_with_the_verifier_and_the_secret() {
    let world = World::new(|_| {});
    let journey = world.journey();
    world.gives(&world.key.sign(&world.claims(&journey)).unwrap());
    let person = world.finish(&journey, &world.answer(&journey)).await.unwrap();
    assert_eq!((&*person.subject, &*person.issuer, &*person.client), ("248289761001", ISSUER, CLIENT));
    let calls = world.server.calls.lock().unwrap();
    let (_, form, headers) = calls.iter().find(|(place, ..)| place == "/token").unwrap();
    let form: Vec<(String, String)> = form_urlencoded::parse(form.as_ref().unwrap().as_bytes()).into_owned().collect();
    let verifier = journey.verifier(OURS);
    let expected = [("grant_type", "authorization_code"), ("code", "c0de"), ("redirect_uri", BACK), ("code_verifier", &verifier)];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // RFC 6749 2.3.1: `shop:s:cr t`, encoded as in a form.
    assert_eq!(headers["authorization"], "Basic c2hvcDpzJTNBY3IrdA==");
    assert!(headers["authorization"].is_sensitive());
    assert!(!format!("{:?}", world.provider()).contains("cr t"));
}

#[tokio::test]
async fn a_client_shows_itself_as_the_metadata_says() {
    let form_of = async |methods: Value, secret: Option<Secret>| {
        let world = World::new(|settings| settings.secret = secret);
        let mut document = metadata();
        document["token_endpoint_auth_methods_supported"] = methods;
        world.server.says(DISCOVERY, document);
        let outcome = world.arrive(json!({})).await;
        let calls = world.server.calls.lock().unwrap();
        let form = calls.iter().find(|(place, ..)| place == "/token").map(|(_, form, _)| form.clone().unwrap());
        (outcome.is_ok(), form.unwrap_or_default())
    };
    let secret = || Some(Secret::new("hush"));
    let (done, form) = form_of(json!(["client_secret_post", "private_key_jwt"]), secret()).await;
    assert!(done && form.contains("client_id=shop&client_secret=hush"), "{form}");
    let (done, form) = form_of(json!(["client_secret_post", "client_secret_basic"]), secret()).await;
    assert!(done && !form.contains("hush"), "{form}");
    let (done, form) = form_of(json!(["none"]), None).await;
    assert!(done && form.contains("client_id=shop") && !form.contains("secret"), "{form}");
    assert_eq!(form_of(json!(["private_key_jwt"]), secret()).await, (false, String::new()), "no secret is sent");
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_apart_from_what_it_cannot_do() {
    let world = World::new(|_| {});
    let journey = world.journey();
    let answer = |error: &str| parameters(&[("error", error), ("state", &journey.state(OURS)), ("iss", ISSUER)]);
    let outcome = async |error: &str| failed(world.finish(&journey, &answer(error)).await);
    assert_eq!(outcome("access_denied").await, ("denied", "access_denied".into()));
    assert_eq!(outcome("<script>\r\nx").await, ("denied", "scriptx".into()));
    assert_eq!(outcome("temporarily_unavailable").await.0, "unavailable");
    // A code that was redeemed before.
    world.server.says("/token", json!({ "error": "invalid_grant" }));
    world.server.answers("/token", 400);
    assert_eq!(failed(world.finish(&journey, &world.answer(&journey)).await).0, "refused");
    world.server.says("/token", json!({ "error": "invalid_client" }));
    let (word, text) = failed(world.finish(&journey, &world.answer(&journey)).await);
    assert_eq!(word, "unavailable");
    assert!(text.contains("invalid_client"), "{text}");
}

#[tokio::test]
async fn userinfo_is_asked_only_where_the_id_token_says_too_little_and_of_the_same_person() {
    let world = World::new(|_| {});
    world.arrive(json!({})).await.unwrap();
    assert_eq!(world.server.asked("/userinfo"), 0, "a subject is all that is needed");
    let world = World::new(|settings| settings.mapping = Mapping::Email);
    world.server.says("/userinfo", json!({ "sub": "248289761001", "email": "ann@shop.test", "email_verified": true }));
    assert_eq!(world.arrive(json!({})).await.unwrap().email.as_deref(), Some("ann@shop.test"));
    assert_eq!(world.server.calls.lock().unwrap().last().unwrap().2["authorization"], format!("Bearer {ACCESS}"));
    let said = json!({ "email": "own@shop.test", "email_verified": true });
    assert_eq!(world.arrive(said).await.unwrap().email.as_deref(), Some("own@shop.test"));
    assert_eq!(world.server.asked("/userinfo"), 1);
    for sub in [json!("another"), json!(null), json!(248_289_761_001_u64)] {
        world.server.says("/userinfo", json!({ "sub": sub, "email": "evil@shop.test", "email_verified": true }));
        assert_eq!(failed(world.arrive(json!({})).await).0, "refused", "{sub}");
    }
}

#[tokio::test]
async fn an_address_counts_only_beside_a_true_email_verified() {
    let world = World::new(|settings| settings.mapping = Mapping::Email);
    for (claims, email) in [
        (json!({ "email": "ann@shop.test", "email_verified": true }), Some("ann@shop.test")),
        (json!({ "email": "ann@shop.test", "email_verified": false }), None),
        (json!({ "email": "ann@shop.test", "email_verified": "true" }), None),
        (json!({ "email": "ann@shop.test", "email_verified": 1 }), None),
        (json!({ "email": "ann@shop.test" }), None),
        (json!({ "email": "ann@evil.example@shop.test", "email_verified": true }), None),
        (json!({ "email": ["ann@shop.test"], "email_verified": true }), None),
    ] {
        // What userinfo says of another address does not vouch for that of the ID token.
        world.server.says("/userinfo", json!({ "sub": "248289761001", "email": "x@shop.test", "email_verified": true }));
        assert_eq!(world.arrive(claims.clone()).await.unwrap().email.as_deref(), email, "{claims}");
    }
}

#[tokio::test]
async fn only_roles_that_are_mapped_are_given() {
    let map = RoleMap {
        claim: vec!["realm_access".into(), "roles".into()],
        roles: vec![("staff".into(), vec!["editor".into(), "clerk".into()]), ("boss".into(), vec!["editor".into()])],
    };
    let world = World::new(|settings| settings.roles = Some(map.clone()));
    world.server.says("/userinfo", json!({ "sub": "248289761001" }));
    for (said, given) in [
        (json!(["boss", "ROLE_ADMIN", "editor"]), vec!["editor"]),
        (json!(["staff", "boss"]), vec!["editor", "clerk"]),
        (json!("staff"), vec!["editor", "clerk"]),
        (json!("Staff"), vec![]),
        (json!({ "staff": true }), vec![]),
    ] {
        let person = world.arrive(json!({ "realm_access": { "roles": said } })).await.unwrap();
        assert_eq!(person.roles.unwrap().iter().map(|role| &**role).collect::<Vec<_>>(), given, "{said}");
    }
    assert_eq!(world.arrive(json!({})).await.unwrap().roles, Some(Vec::new()), "without the claim none is given");
    let person = World::new(|_| {}).arrive(json!({ "roles": ["editor"] })).await.unwrap();
    assert_eq!(person.roles, None);
}
