//! The way to a provider and back, through the pages, with a provider that says whatever a test wants.

use crate::api::world::{COOKIE, PREFIX, Reply, World};
use async_trait::async_trait;
use doorward_auth::Mapping;
use doorward_core::{
    policy::{SameSite, SignInProvider},
    ports::{Answer, Call, Fetch, FetchError},
};
use doorward_crypto::{
    jwt::{Algorithm, SigningKey, set},
    system::SystemEntropy,
};
use doorward_oauth::client::ProviderSettings;
use http::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

const ISSUER: &str = "https://idp.example.com";
const OURS: (&str, &str) = ("sec-fetch-site", "same-origin");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

struct Idp {
    key: SigningKey,
    places: Mutex<BTreeMap<String, Value>>,
}

#[async_trait]
impl Fetch for Idp {
    async fn fetch(&self, call: Call) -> Result<Answer, FetchError> {
        let body = self.places.lock().unwrap().get(call.url.target()).cloned().ok_or(FetchError::new("it hung up"))?;
        let headers = [(CONTENT_TYPE, "application/json".parse().unwrap())].into_iter().collect();
        Ok(Answer { status: StatusCode::OK, headers, body: body.to_string().into() })
    }
}

impl Idp {
    fn says(&self, place: &str, document: Value) {
        self.places.lock().unwrap().insert(place.to_owned(), document);
    }
}

/// Somebody on the way: the browser's cookie, and what went to the provider.
struct Journey {
    cookie: String,
    state: String,
    nonce: String,
}

async fn world(mapping: Mapping) -> (World, Arc<Idp>) {
    let mut world = World::with(|policy| {
        policy.origins = vec!["http://127.0.0.1".into()];
        let provider = |name: &str, directory: &str| SignInProvider {
            name: name.into(),
            title: "Example <ID>".into(),
            directory: directory.into(),
        };
        policy.providers = vec![provider("idp", "admins"), provider("other", "admins"), provider("third", "customers")];
    })
    .await;
    let key = SigningKey::from_pkcs8(&SigningKey::generate(Algorithm::EdDsa, &SystemEntropy).unwrap()).unwrap();
    let idp = Arc::new(Idp { places: Mutex::default(), key });
    idp.says(
        "/.well-known/openid-configuration",
        json!({ "issuer": ISSUER, "authorization_endpoint": "https://idp.example.com/authorize",
                "token_endpoint": "https://idp.example.com/token", "jwks_uri": "https://idp.example.com/jwks" }),
    );
    idp.says("/jwks", set([idp.key.verifying()]));
    let settings = |name: &str| ProviderSettings {
        name: name.into(),
        issuer: ISSUER.into(),
        client: "shop".into(),
        secret: None,
        scopes: vec!["openid".into()],
        also: Vec::new(),
        mapping: mapping.clone(),
        roles: None,
        fetch: Arc::clone(&idp) as _,
    };
    world.providers = doorward_oauth::client::Providers::default();
    world.providers.set(vec![settings("idp"), settings("other"), settings("third")]);
    (world, idp)
}

fn of_url(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).unwrap_or_else(|| panic!("{name} in {url}")).1.into_owned()
}

fn pair(set_cookie: &str) -> String {
    set_cookie.split(';').next().unwrap().to_owned()
}

async fn set_out(world: &World, path: &str) -> Journey {
    let reply = world.send("GET", path, &[OURS], "").await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    let url = reply.header("location").unwrap();
    Journey { cookie: pair(reply.cookies()[0]), state: of_url(url, "state"), nonce: of_url(url, "nonce") }
}

/// The provider gives a code for an ID token of this journey.
fn vouch(world: &World, idp: &Idp, journey: &Journey, sub: &str, more: Value) {
    let now = world.auth.clock().now().seconds();
    let mut claims = json!({
        "iss": ISSUER, "aud": "shop", "sub": sub, "iat": now, "exp": now + 60, "nonce": journey.nonce, "sid": "s1",
    });
    more.as_object().unwrap().iter().for_each(|(name, value)| claims[name] = value.clone());
    let token = idp.key.sign(&claims).unwrap();
    idp.says("/token", json!({ "token_type": "Bearer", "access_token": "a", "id_token": token }));
}

async fn come_back(world: &World, journey: &Journey) -> Reply {
    let path = format!("/oauth2/check/idp?code=c&state={}", journey.state);
    world.send("GET", &path, &[("cookie", &journey.cookie), ("sec-fetch-site", "cross-site")], "").await
}

async fn user(world: &World, cookie: &str) -> u16 {
    world.send("GET", &format!("{PREFIX}/user/current"), &[("cookie", cookie)], "").await.status
}

#[tokio::test]
async fn somebody_signs_in_elsewhere_and_goes_where_they_wanted_to() {
    let (world, idp) = world(Mapping::Create("idp:".into())).await;
    let page = world.send("GET", "/login/admins?return=%2Forders%3Fx%3D1", &[], "").await;
    assert_eq!(page.text.matches("Sign in with Example &#60;ID&#62;").count(), 2, "those of this directory: {}", page.text);
    let href = page.text.split("href=\"/oauth2/connect/idp").nth(1).unwrap().split('"').next().unwrap();
    let path = format!("/oauth2/connect/idp{}", href.replace("&#38;", "&"));
    let journey = set_out(&world, &path).await;
    vouch(&world, &idp, &journey, "7", json!({}));
    let reply = come_back(&world, &journey).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/orders?x=1")));
    let cookies = reply.cookies();
    assert!(cookies[0].starts_with(&format!("{COOKIE}=")), "{cookies:?}");
    assert!(cookies.contains(&"doorward_journey=; path=/; Max-Age=0; HttpOnly; SameSite=Lax"), "{cookies:?}");
    assert_eq!(user(&world, &pair(cookies[0])).await, 307);
    let log = world.log.0.lock().unwrap().clone();
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].starts_with("account_created success admins") && log[1].starts_with("sign_in success admins"), "{log:?}");
}

#[tokio::test]
async fn no_other_site_begins_a_sign_in() {
    let (world, _) = world(Mapping::Subject).await;
    for headers in [&[][..], &[("sec-fetch-site", "cross-site")], &[("sec-fetch-site", "same-site")]] {
        let page = world.send("GET", "/oauth2/connect/idp?return=/orders", headers, "").await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("action=\"/oauth2/connect/idp\"") && page.header("location").is_none());
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self' https://idp.example.com;"), "{policy}");
        let cookie = pair(page.cookies()[0]);
        let token = page.text.split("name=\"_csrf_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let body = format!("_csrf_token={token}&_target_path=/orders");
        let send = async |headers: &[(&str, &str)], body: &str| {
            let headers = [&[FORM][..], headers].concat();
            world.send("POST", "/oauth2/connect/idp", &headers, body).await.status
        };
        assert_eq!(send(&[("cookie", &cookie)], &body).await, 303);
        assert_eq!(send(&[], &body).await, 400, "the token is this browser's");
        assert_eq!(send(&[("cookie", &cookie)], "_target_path=/orders").await, 400);
        assert_eq!(send(&[("cookie", &cookie), ("sec-fetch-site", "cross-site")], &body).await, 401);
    }
}

#[tokio::test]
async fn an_answer_counts_once_in_the_browser_that_set_out() {
    let (world, idp) = world(Mapping::Create("idp:".into())).await;
    let (journey, other) = (set_out(&world, "/oauth2/connect/idp").await, set_out(&world, "/oauth2/connect/idp").await);
    vouch(&world, &idp, &journey, "7", json!({}));
    let path = format!("/oauth2/check/idp?code=c&state={}", journey.state);
    // Without the cookie, with another browser's, and with one that was begun at another provider.
    let elsewhere = set_out(&world, "/oauth2/connect/other").await;
    for cookie in ["", &other.cookie, &elsewhere.cookie, "doorward_journey=x"] {
        assert_eq!(world.send("GET", &path, &[("cookie", cookie)], "").await.status, 400, "{cookie}");
    }
    // A stranger who leads the browser there with another state ends nothing.
    let stray = world.send("GET", "/oauth2/check/idp?code=c&state=x", &[("cookie", &journey.cookie)], "").await;
    assert_eq!((stray.status, stray.cookies().len()), (400, 0));
    for twice in ["code=a&code=b", "state=a&state=b"] {
        let path = format!("/oauth2/check/idp?{twice}&state={}", journey.state);
        assert_eq!(world.send("GET", &path, &[("cookie", &journey.cookie)], "").await.status, 400);
    }
    assert_eq!(come_back(&world, &journey).await.status, 303);
    let again = come_back(&world, &journey).await;
    assert_eq!(again.status, 400, "a second time");
    assert!(!again.cookies().iter().any(|cookie| cookie.starts_with(COOKIE)));
}

#[tokio::test]
async fn fifty_answers_at_once_sign_in_once() {
    let (world, idp) = world(Mapping::Create("idp:".into())).await;
    let journey = set_out(&world, "/oauth2/connect/idp").await;
    vouch(&world, &idp, &journey, "7", json!({}));
    let replies = futures_util::future::join_all((0..50).map(|_| come_back(&world, &journey))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 303).count(), 1);
}

#[tokio::test]
async fn a_journey_that_failed_does_not_begin_again() {
    let (world, idp) = world(Mapping::Create("idp:".into())).await;
    let journey = set_out(&world, "/oauth2/connect/idp").await;
    vouch(&world, &idp, &journey, "7", json!({ "nonce": "another" }));
    assert_eq!(come_back(&world, &journey).await.status, 403);
    vouch(&world, &idp, &journey, "7", json!({}));
    assert_eq!(come_back(&world, &journey).await.status, 400);
}

#[tokio::test]
async fn no_target_leaves_this_origin() {
    let (world, idp) = world(Mapping::Create("idp:".into())).await;
    for wanted in ["https://evil.example", "//evil.example", "/\\evil.example", "/oauth2/connect/idp", "/login"] {
        let wanted: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
        let journey = set_out(&world, &format!("/oauth2/connect/idp?return={wanted}")).await;
        vouch(&world, &idp, &journey, "7", json!({}));
        assert_eq!(come_back(&world, &journey).await.header("location"), Some("/"), "{wanted}");
    }
}

#[tokio::test]
async fn a_session_that_the_browser_had_ends_and_the_new_one_has_another_id() {
    let (world, idp) = world(Mapping::Create("idp:".into())).await;
    let old = world.login().await.cookie();
    let journey = set_out(&world, "/oauth2/connect/idp").await;
    vouch(&world, &idp, &journey, "7", json!({}));
    let cookies = format!("{old}; {}", journey.cookie);
    let reply =
        world.send("GET", &format!("/oauth2/check/idp?code=c&state={}", journey.state), &[("cookie", &cookies)], "").await;
    assert_eq!((reply.status, user(&world, &old).await), (303, 401));
    assert_ne!(pair(reply.cookies()[0]), old);
}

#[tokio::test]
async fn whoever_has_no_account_here_is_told_so_and_nothing_more() {
    let (world, idp) = world(Mapping::Subject).await;
    let journey = set_out(&world, "/oauth2/connect/idp").await;
    vouch(&world, &idp, &journey, "7", json!({}));
    let reply = come_back(&world, &journey).await;
    assert_eq!(reply.status, 403);
    assert!(reply.text.contains("belongs to no account here"), "{}", reply.text);
    assert!(!reply.cookies().iter().any(|cookie| cookie.starts_with(COOKIE)));
    let denied = set_out(&world, "/oauth2/connect/idp").await;
    let path = format!("/oauth2/check/idp?error=access_denied&error_description=%3Cscript%3E&state={}", denied.state);
    let reply = world.send("GET", &path, &[("cookie", &denied.cookie)], "").await;
    assert_eq!(reply.status, 403);
    assert!(reply.text.contains("You did not sign in at") && !reply.text.contains("<script>"));
}

#[tokio::test]
async fn a_provider_that_is_away_is_no_dead_end() {
    let (world, idp) = world(Mapping::Subject).await;
    let journey = set_out(&world, "/oauth2/connect/idp").await;
    let reply = come_back(&world, &journey).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("30")));
    assert!(reply.text.contains("cannot be reached") && reply.text.contains("/login"), "{}", reply.text);
    idp.places.lock().unwrap().clear();
    world.providers.set(vec![ProviderSettings { issuer: "https://gone.example.com".into(), ..settings_of(&world) }]);
    for headers in [&[OURS][..], &[]] {
        assert_eq!(world.send("GET", "/oauth2/connect/idp", headers, "").await.status, 503);
    }
    assert_eq!(world.send("GET", "/login", &[], "").await.status, 200, "passwords still work");
}

fn settings_of(world: &World) -> ProviderSettings {
    world.providers.get("idp").unwrap().settings().clone()
}

#[tokio::test]
async fn a_strict_cookie_is_sent_along_from_our_own_page() {
    let (mut world, idp) = world(Mapping::Create("idp:".into())).await;
    let mut policy = (*world.policy).clone();
    for directory in &mut policy.directories {
        let mut strict = (**directory).clone();
        strict.cookie.same_site = SameSite::Strict;
        *directory = Arc::new(strict);
    }
    world.policy = Arc::new(policy);
    let journey = set_out(&world, "/oauth2/connect/idp?return=/orders").await;
    vouch(&world, &idp, &journey, "7", json!({}));
    let reply = come_back(&world, &journey).await;
    assert_eq!((reply.status, reply.header("location")), (200, None));
    assert!(reply.text.contains("href=\"/orders\"") && reply.cookies()[0].contains("SameSite=Strict"), "{}", reply.text);
}

#[tokio::test]
async fn the_providers_own_word_ends_a_session_at_once_and_once() {
    let (world, idp) = world(Mapping::Create("idp:".into())).await;
    let sign_in = async || {
        let journey = set_out(&world, "/oauth2/connect/idp").await;
        vouch(&world, &idp, &journey, "7", json!({}));
        pair(come_back(&world, &journey).await.cookies()[0])
    };
    let session = sign_in().await;
    let now = world.auth.clock().now().seconds();
    let word = |jti: &str, typ: &'static str| {
        let claims = json!({
            "iss": ISSUER, "aud": "shop", "iat": now, "exp": now + 60, "jti": jti, "sid": "s1",
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        format!("logout_token={}", idp.key.sign_typed(typ, &claims).unwrap())
    };
    let send = async |body: &str| world.send("POST", "/oauth2/backchannel/idp", &[FORM], body).await;
    for body in ["", "logout_token=x", &word("1", "JWT")] {
        let reply = send(body).await;
        assert_eq!((reply.status, reply.json()["error"].as_str()), (400, Some("invalid_request")), "{body}");
    }
    assert_eq!(user(&world, &session).await, 307);
    let first = word("1", "logout+jwt");
    let reply = send(&first).await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")));
    assert_eq!(user(&world, &session).await, 401);
    let session = sign_in().await;
    assert_eq!(send(&first).await.status, 400, "the same word a second time");
    assert_eq!(user(&world, &session).await, 307);
    assert_eq!(send(&word("2", "logout+jwt")).await.status, 200);
    assert_eq!(user(&world, &session).await, 401);
}

#[tokio::test]
async fn nothing_stands_there_for_other_names_methods_and_firewalls() {
    let (world, _) = world(Mapping::Subject).await;
    assert!(super::recognise(&world.policy, "/oauth2/connect/nobody").is_none());
    assert!(super::recognise(&world.policy, "/oauth2/connect/idp/").is_none());
    assert!(super::recognise(&world.policy, "/oauth2/idp").is_none());
    for (method, path, status) in [
        ("PUT", "/oauth2/connect/idp", 405),
        ("POST", "/oauth2/check/idp", 405),
        ("HEAD", "/oauth2/check/idp", 405),
        ("GET", "/oauth2/backchannel/idp", 405),
        ("OPTIONS", "/oauth2/backchannel/idp", 200),
    ] {
        assert_eq!(world.send(method, path, &[], "").await.status, status, "{method} {path}");
    }
}
