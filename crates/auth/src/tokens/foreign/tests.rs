use super::*;
use crate::testing::Bench;
use async_trait::async_trait;
use doorward_core::{
    Kind,
    ports::{AccountChange, Answer, Call, Clock, Fetch, FetchError, RemoteUrl, Store},
};
use doorward_crypto::{
    jwt::{KeySet, SigningKey, set},
    system::SystemEntropy,
};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use tokio::sync::Semaphore;

const IDP: &str = "https://idp.example.com";
const SECOND: Duration = Duration::from_secs(1);
const REFRESH: Duration = Duration::from_secs(900);
const STALE: Duration = Duration::from_secs(4 * 3600);
const RETRY: Duration = Duration::from_secs(10);

fn key() -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate(Algorithm::EdDsa, &SystemEntropy).unwrap()).unwrap()
}

/// A server that publishes keys.
struct Server {
    says: Mutex<Result<Vec<u8>, FetchError>>,
    asked: AtomicUsize,
    /// How many may be answered.
    room: Semaphore,
}

impl Server {
    fn of(keys: &[&SigningKey]) -> Arc<Self> {
        let says = Mutex::new(Ok(published(keys)));
        Arc::new(Self { says, asked: AtomicUsize::new(0), room: Semaphore::new(1000) })
    }

    fn says(&self, keys: &[&SigningKey]) {
        *self.says.lock().unwrap() = Ok(published(keys));
    }

    fn is_away(&self) {
        *self.says.lock().unwrap() = Err(FetchError::new("it hung up"));
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

fn published(keys: &[&SigningKey]) -> Vec<u8> {
    set(keys.iter().map(|key| key.verifying())).to_string().into_bytes()
}

#[async_trait]
impl Fetch for Server {
    async fn fetch(&self, call: Call) -> Result<Answer, FetchError> {
        assert_eq!(call.url.as_str(), "https://idp.example.com/jwks");
        self.asked.fetch_add(1, SeqCst);
        self.room.acquire().await.unwrap().forget();
        let headers: HeaderMap = [(CONTENT_TYPE, "application/jwk-set+json".parse().unwrap())].into_iter().collect();
        self.says.lock().unwrap().clone().map(|body| Answer { status: StatusCode::OK, headers, body })
    }
}

fn fixed(keys: &[&SigningKey]) -> KeySource {
    KeySource::Fixed(KeySet::parse(&published(keys)).unwrap().keys.into())
}

fn fetched(server: &Arc<Server>) -> KeySource {
    KeySource::Fetched(Arc::new(FetchedKeys {
        url: RemoteUrl::parse("https://idp.example.com/jwks").unwrap(),
        fetch: Arc::clone(server) as _,
        refresh: REFRESH,
        stale: STALE,
        retry: RETRY,
    }))
}

/// Believed about customers; `editors` there are `ROLE_EDITOR` here.
fn settings(keys: KeySource) -> IssuerSettings {
    IssuerSettings {
        issuer: IDP.into(),
        keys,
        audience: ["shop".into()].into(),
        directory: "customers".into(),
        login: ClaimPath::new(["preferred_username"]).unwrap(),
        roles: Some(RoleClaims {
            path: ClaimPath::new(["realm_access", "roles"]).unwrap(),
            roles: vec![
                ("editors".into(), vec!["ROLE_EDITOR".into()]),
                ("all".into(), vec!["ROLE_A".into(), "ROLE_EDITOR".into()]),
            ],
        }),
        algorithms: Algorithm::ALL.to_vec(),
        types: vec!["JWT".into()],
        leeway: Duration::ZERO,
    }
}

struct World {
    bench: Bench,
    record: AccountRecord,
}

impl World {
    async fn new(issuers: Vec<IssuerSettings>) -> Self {
        let bench = Bench::new().await;
        let record = bench.add(Kind::Customer, "jane").await;
        bench.auth.tokens().set_issuers(issuers);
        bench.clock.advance(SECOND);
        Self { bench, record }
    }

    fn tokens(&self) -> &Tokens {
        self.bench.auth.tokens()
    }

    fn claims(&self, changes: Value) -> Value {
        let now = self.bench.clock.now().seconds();
        let mut claims = json!({
            "iss": IDP, "aud": ["other", "shop"], "iat": now, "exp": now + 36_000, "sub": "f:1:2",
            "preferred_username": "Jane", "realm_access": { "roles": ["editors", "ROLE_ADMIN", "unheard"] },
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        claims
    }

    fn sign(&self, key: &SigningKey, changes: Value) -> String {
        key.sign(&self.claims(changes)).unwrap()
    }

    async fn find(&self, token: &str) -> Result<Arc<crate::LiveToken>, WebError> {
        self.tokens().find_web(token, &self.bench.both()).await
    }

    /// The account, or why not.
    async fn whose(&self, token: &str) -> String {
        match self.find(token).await {
            Ok(live) => format!("{}/{} {}", live.account().directory, live.account().id, live.account().roles.join(",")),
            Err(WebError::Refused { fault, .. }) => format!("{fault:?}"),
            Err(WebError::Unknown(_) | WebError::Unavailable(_)) => "unknown".to_owned(),
        }
    }

    /// A beat of the background, and what it began.
    async fn beat(&self) {
        self.tokens().tend_issuers();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.tokens().tend_issuers();
    }
}

const JANE: &str = "customers/1 ROLE_EDITOR";

#[tokio::test]
async fn a_token_of_another_issuer_is_an_account_of_ours() {
    let idp = key();
    let world = World::new(vec![settings(fixed(&[&idp]))]).await;
    let token = world.sign(&idp, json!({}));
    let live = world.find(&token).await.unwrap();
    assert_eq!((live.issuer().map(|issuer| &**issuer), live.form()), (Some(IDP), "signed"));
    // Only the roles that are mapped, besides those of the account, and for this token alone.
    assert_eq!(live.account().roles, ["ROLE_EDITOR".into()]);
    let stored = world.bench.store.account(Kind::Customer, 1).await.unwrap().unwrap();
    assert!(stored.account.roles.is_empty());
    assert_eq!(world.whose(&world.sign(&idp, json!({"realm_access": null}))).await, "customers/1 ");
    assert_eq!(world.whose(&world.sign(&idp, json!({"realm_access": {"roles": "all"}}))).await, "customers/1 ROLE_A,ROLE_EDITOR");
    let now = world.bench.clock.now();
    world.bench.store.put_role("ROLE_B", doorward_core::acl::Holds::Selection(Default::default()), now).await.unwrap();
    world.bench.change(Kind::Customer, 1, AccountChange::Roles(vec!["ROLE_B".into()])).await;
    assert_eq!(world.whose(&token).await, "customers/1 ROLE_B,ROLE_EDITOR");
    // Remembered: neither the store nor the signature is asked again.
    world.bench.store.away.store(true, SeqCst);
    assert_eq!(world.whose(&token).await, "customers/1 ROLE_B,ROLE_EDITOR");
    // The firewall asks other directories.
    world.bench.store.away.store(false, SeqCst);
    let admins = [Arc::clone(&world.bench.admins)];
    assert!(matches!(world.tokens().find_web(&token, &admins).await, Err(WebError::Refused { fault: Fault::Invalid, .. })));
    world.bench.clock.advance(Duration::from_secs(36_000));
    assert_eq!(world.whose(&token).await, "Expired");
}

#[tokio::test]
async fn whatever_is_missing_wrong_or_not_ours_is_refused() {
    let (idp, stranger) = (key(), key());
    let world = World::new(vec![settings(fixed(&[&idp]))]).await;
    for (changes, found) in [
        (json!({"aud": null}), "Invalid"),
        (json!({"aud": "other"}), "Invalid"),
        (json!({"aud": []}), "Invalid"),
        (json!({"aud": ["shop", 1]}), "Invalid"),
        (json!({"iss": "https://idp.example.com/"}), "Invalid"),
        (json!({"iss": "https://IDP.example.com"}), "Invalid"),
        (json!({"iss": "https://evil.example.com"}), "Invalid"),
        (json!({"iss": null}), "Invalid"),
        (json!({"iss": [IDP]}), "Invalid"),
        (json!({"iat": null}), "Invalid"),
        (json!({"exp": null}), "Invalid"),
        (json!({"exp": "1900000000"}), "Invalid"),
        (json!({"nbf": "0"}), "Invalid"),
        (json!({"exp": 1}), "Expired"),
        (json!({"preferred_username": null}), "NoUsername"),
        (json!({"preferred_username": 1}), "NoUsername"),
        (json!({"preferred_username": ""}), "NoUsername"),
        (json!({"preferred_username": ["jane"]}), "NoUsername"),
        (json!({"preferred_username": "j".repeat(256)}), "NoUsername"),
        (json!({"preferred_username": "nobody"}), "Account"),
        (json!({"realm_access": {"roles": 1}}), "Invalid"),
        (json!({"realm_access": {"roles": ["editors", 1]}}), "Invalid"),
        // What we say of ourselves means nothing in a token of somebody else.
        (json!({"preferred_username": null, "username": "jane", "sub": "customers/1"}), "NoUsername"),
    ] {
        assert_eq!(world.whose(&world.sign(&idp, changes.clone())).await, found, "{changes}");
    }
    assert_eq!(world.whose(&world.sign(&stranger, json!({}))).await, "Invalid");
    assert_eq!(world.whose(&world.sign(&idp, json!({}))).await, JANE);
    // Nobody was made.
    assert_eq!(world.bench.store.account_by_login("customers", None, "nobody").await, Ok(None));
    // An account that may not sign in.
    world.bench.change(Kind::Customer, 1, AccountChange::Disable).await;
    assert_eq!(world.whose(&world.sign(&idp, json!({}))).await, "Account");
    world.bench.change(Kind::Customer, 1, AccountChange::Enable).await;
    world.bench.clock.advance(2 * SECOND);
    world.bench.change(Kind::Customer, 1, AccountChange::UnconfirmedEmail("j@example.com".into())).await;
    world.bench.clock.advance(2 * SECOND);
    assert_eq!(world.whose(&world.sign(&idp, json!({}))).await, "Account");
}

#[tokio::test]
async fn an_address_counts_only_when_its_issuer_verified_it() {
    let idp = key();
    let login = ClaimPath::new(["email"]).unwrap();
    let world = World::new(vec![IssuerSettings { login, ..settings(fixed(&[&idp])) }]).await;
    for (verified, found) in
        [(json!(true), JANE), (json!(false), "NoUsername"), (json!("true"), "NoUsername"), (Value::Null, "NoUsername")]
    {
        let token = world.sign(&idp, json!({"email": "jane", "email_verified": verified}));
        assert_eq!(world.whose(&token).await, found, "{verified}");
    }
}

/// CVE-2024-47616: a signature is not enough; who it is by, for whom, and of which type decide.
#[tokio::test]
async fn security_36_issuers_do_not_mix() {
    let (one, other, ours) = (key(), key(), key());
    // The second publishes its key under the name of the first one's.
    let mut taken = set([other.verifying()]);
    taken["keys"][0]["kid"] = json!(**one.verifying().kid().unwrap());
    let keys = KeySource::Fixed(KeySet::parse(taken.to_string().as_bytes()).unwrap().keys.into());
    let second = IssuerSettings { issuer: "https://second.example.com".into(), ..settings(keys) };
    let world = World::new(vec![settings(fixed(&[&one])), second]).await;
    let named = |issuer: &str| json!({ "iss": issuer });
    assert_eq!(world.whose(&world.sign(&one, named(IDP))).await, JANE);
    assert_eq!(world.whose(&world.sign(&one, named("https://second.example.com"))).await, "Invalid");
    assert_eq!(world.whose(&world.sign(&other, named(IDP))).await, "Invalid");
    // A token of ours names no other issuer, and keys of other issuers sign none of ours.
    let own = world.tokens().issue_web(&world.record, world.bench.clock.now()).await.unwrap().token;
    assert_eq!(world.whose(&own).await, "customers/1 ");
    let now = world.bench.clock.now().seconds();
    let forged = one.sign(&json!({"iat": now, "exp": now + 60, "username": "jane", "sub": "customers/1"})).unwrap();
    assert_eq!(world.whose(&forged).await, "Invalid");
    // An assertion to an upstream names its issuer, and is a token of another type.
    let pkcs8 = SigningKey::generate(Algorithm::EdDsa, &SystemEntropy).unwrap();
    let signer = doorward_crypto::assertion::Signer::from_pkcs8(&pkcs8).unwrap();
    let assertion = signer.sign(&doorward_crypto::assertion::Claims {
        iss: IDP,
        aud: "shop",
        sub: "customer/1",
        login: Some("jane"),
        roles: Vec::new(),
        method: "session",
        iat: world.bench.clock.now(),
    });
    let itself = SigningKey::from_pkcs8(&pkcs8).unwrap();
    world.tokens().set_issuers(vec![settings(fixed(&[&itself, &ours]))]);
    assert_eq!(world.whose(&assertion).await, "Invalid");
}

#[tokio::test]
async fn only_the_types_and_algorithms_that_are_allowed_count() {
    let idp = key();
    let es256 = IssuerSettings { algorithms: vec![Algorithm::Es256], ..settings(fixed(&[&idp])) };
    let world = World::new(vec![es256]).await;
    let token = world.sign(&idp, json!({}));
    assert_eq!(world.whose(&token).await, "Invalid");
    world.tokens().set_issuers(vec![IssuerSettings { types: vec!["at+jwt".into()], ..settings(fixed(&[&idp])) }]);
    assert_eq!(world.whose(&token).await, "Invalid");
    world.tokens().set_issuers(vec![settings(fixed(&[&idp]))]);
    assert_eq!(world.whose(&token).await, JANE);
}

#[tokio::test]
async fn what_happens_to_the_account_happens_to_its_tokens() {
    let idp = key();
    let world = World::new(vec![settings(fixed(&[&idp]))]).await;
    let token = world.sign(&idp, json!({}));
    let live = world.find(&token).await.unwrap();
    let ended = live.ended().clone();
    // `token_not_before`: what was issued up to then has ended, a newer one has not.
    world.bench.change(Kind::Customer, 1, AccountChange::EndTokens(world.bench.clock.now())).await;
    assert!(ended.is_cancelled());
    assert_eq!(world.whose(&token).await, "Invalid");
    world.bench.clock.advance(2 * SECOND);
    let token = world.sign(&idp, json!({}));
    let ended = world.find(&token).await.unwrap().ended().clone();
    assert_eq!(world.whose(&token).await, JANE);
    // Another one takes the login: the token is not the old one's any more, and the newcomer's tokens are the newcomer's.
    world.bench.clock.advance(2 * SECOND);
    world.bench.change(Kind::Customer, 1, AccountChange::Email(Some("jane".into()))).await;
    world.bench.clock.advance(2 * SECOND);
    world.bench.change(Kind::Customer, 1, AccountChange::Email(Some("janet@example.com".into()))).await;
    assert!(ended.is_cancelled());
    assert_eq!(world.whose(&token).await, "Account");
    world.bench.add(Kind::Customer, "jane").await;
    world.bench.clock.advance(2 * SECOND);
    assert_eq!(world.whose(&world.sign(&idp, json!({}))).await, "customers/2 ROLE_EDITOR");
}

#[tokio::test]
async fn keys_are_fetched_in_the_background_or_for_the_first_token() {
    let idp = key();
    let server = Server::of(&[&idp]);
    let world = World::new(vec![settings(fetched(&server))]).await;
    assert_eq!(server.asked(), 0, "nobody waits for it at the start");
    let token = world.sign(&idp, json!({}));
    assert_eq!(world.whose(&token).await, JANE);
    assert_eq!(server.asked(), 1);
    world.beat().await;
    assert_eq!(server.asked(), 1);
    world.bench.clock.advance(REFRESH);
    world.beat().await;
    assert_eq!(server.asked(), 2);
    let state = world.tokens().issuer_keys();
    assert_eq!((state[0].fetches, state[0].failures, state[0].fetched), (2, 0, Some(world.bench.clock.now())));
}

#[tokio::test]
async fn unknown_keys_are_asked_for_seldom_and_once_for_all_who_wait() {
    let (idp, next, stranger) = (key(), key(), key());
    let server = Server::of(&[&idp]);
    let world = World::new(vec![settings(fetched(&server))]).await;
    world.beat().await;
    assert_eq!(server.asked(), 1);
    let foreign = world.sign(&stranger, json!({}));
    for _ in 0..100 {
        assert_eq!(world.whose(&foreign).await, "Invalid");
    }
    assert_eq!(server.asked(), 1, "it was asked just now");
    world.bench.clock.advance(RETRY);
    // A hundred at once, while the server takes its time.
    server.room.forget_permits(1000);
    server.says(&[&idp, &next]);
    let tokens: Vec<String> = (0..100).map(|n| world.sign(&next, json!({ "jti": n.to_string() }))).collect();
    let all = futures_util::future::join_all(tokens.iter().map(|token| world.whose(token)));
    let release = async {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        server.room.add_permits(1000);
    };
    let (found, ()) = tokio::join!(all, release);
    assert!(found.iter().all(|found| found == JANE), "{found:?}");
    assert_eq!(server.asked(), 2);
    // One that says of itself that it has ended, and one without the form, are asked about no server.
    world.bench.clock.advance(RETRY);
    assert_eq!(world.whose(&world.sign(&stranger, json!({"exp": 1}))).await, "Expired");
    assert_eq!(world.whose("a.b.c").await, "Invalid");
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn a_key_that_its_issuer_takes_back_vouches_for_nothing_any_more() {
    let (idp, next) = (key(), key());
    let server = Server::of(&[&idp]);
    let world = World::new(vec![settings(fetched(&server))]).await;
    let (old, new) = (world.sign(&idp, json!({})), world.sign(&next, json!({})));
    let ended = world.find(&old).await.unwrap().ended().clone();
    server.says(&[&idp, &next]);
    world.bench.clock.advance(RETRY);
    assert_eq!((&*world.whose(&new).await, &*world.whose(&old).await), (JANE, JANE));
    assert!(!ended.is_cancelled());
    server.says(&[&next]);
    world.bench.clock.advance(REFRESH);
    world.beat().await;
    assert!(ended.is_cancelled(), "streams of it end");
    assert_eq!((&*world.whose(&new).await, &*world.whose(&old).await), (JANE, "Invalid"));
}

#[tokio::test]
async fn an_outage_is_outlived_for_a_time_and_then_nobody_knows() {
    let (idp, stranger) = (key(), key());
    let server = Server::of(&[&idp]);
    let world = World::new(vec![settings(fetched(&server))]).await;
    let token = world.sign(&idp, json!({}));
    let ended = world.find(&token).await.unwrap().ended().clone();
    server.is_away();
    world.bench.clock.advance(REFRESH);
    world.beat().await;
    assert_eq!(server.asked(), 2);
    assert_eq!(world.whose(&token).await, JANE, "the old keys count");
    assert_eq!(world.whose(&world.sign(&idp, json!({"jti": "1"}))).await, JANE);
    assert_eq!(world.whose(&world.sign(&stranger, json!({}))).await, "unknown", "it may be a new key");
    // Pauses grow: 10, 20, 40 s and so on, up to the usual one.
    let mut times = Vec::new();
    for second in 0..2000 {
        let before = server.asked();
        world.bench.clock.advance(SECOND);
        world.tokens().tend_issuers();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        if server.asked() > before {
            times.push(second + 1);
        }
    }
    assert_eq!(times, [10, 30, 70, 150, 310, 630, 1270]);
    world.bench.clock.advance(STALE);
    world.beat().await;
    assert!(ended.is_cancelled());
    assert_eq!(world.whose(&token).await, "unknown");
    let why = world.find(&token).await.unwrap_err().to_string();
    assert!(why.contains(IDP) && why.contains("too old") && why.contains("it hung up"), "{why}");
    let failures = world.tokens().issuer_keys()[0].failures;
    assert!(failures >= 8, "{failures}");
    // It is back.
    server.says(&[&idp]);
    world.bench.clock.advance(REFRESH);
    world.beat().await;
    assert_eq!(world.whose(&token).await, JANE);
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_takes_no_key_away() {
    let idp = key();
    let server = Server::of(&[&idp]);
    let world = World::new(vec![settings(fetched(&server))]).await;
    let token = world.sign(&idp, json!({}));
    assert_eq!(world.whose(&token).await, JANE);
    for wrong in ["", "<html>", "{}", r#"{"keys":1}"#, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, r#"{"keys":[],"keys":[]}"#] {
        *server.says.lock().unwrap() = Ok(wrong.into());
        world.bench.clock.advance(REFRESH);
        world.beat().await;
        assert_eq!(world.whose(&token).await, JANE, "{wrong}");
        assert!(world.tokens().issuer_keys()[0].failures > 0);
    }
    // A set without a key is one.
    server.says(&[]);
    world.bench.clock.advance(REFRESH);
    world.beat().await;
    assert_eq!(world.whose(&token).await, "Invalid");
}

#[tokio::test]
async fn who_never_was_reached_is_no_reason_to_refuse() {
    let idp = key();
    let server = Server::of(&[]);
    server.is_away();
    let world = World::new(vec![settings(fetched(&server))]).await;
    let token = world.sign(&idp, json!({}));
    for _ in 0..10 {
        assert_eq!(world.whose(&token).await, "unknown");
    }
    assert_eq!(server.asked(), 1, "it is left alone for a while");
    server.says(&[&idp]);
    world.bench.clock.advance(RETRY);
    assert_eq!(world.whose(&token).await, JANE);
}

#[tokio::test]
async fn other_settings_judge_again_and_keep_keys_from_the_same_place() {
    let idp = key();
    let server = Server::of(&[&idp]);
    let source = fetched(&server);
    let world = World::new(vec![settings(source.clone())]).await;
    let token = world.sign(&idp, json!({}));
    let ended = world.find(&token).await.unwrap().ended().clone();
    world.tokens().set_issuers(vec![IssuerSettings { audience: ["another".into()].into(), ..settings(source.clone()) }]);
    assert!(ended.is_cancelled());
    assert_eq!(world.whose(&token).await, "Invalid");
    world.tokens().set_issuers(vec![IssuerSettings { roles: None, ..settings(source) }]);
    assert_eq!(world.whose(&token).await, "customers/1 ");
    assert_eq!(server.asked(), 1, "the keys are known");
    world.tokens().set_issuers(Vec::new());
    assert_eq!(world.whose(&token).await, "Invalid");
}

const ACCESS: AccessProfile = AccessProfile {
    typ: "at+jwt",
    scopes: |claims| match claims.get("cnf") {
        None => Ok(claims.text("scope").unwrap_or_default().split_whitespace().map(Into::into).collect()),
        Some(_) => Err("it is bound"),
    },
};

/// Security 4.3, 36 and 39: an access token and every other kind are never taken for each other, remembered or not.
#[tokio::test]
async fn security_39_what_counts_under_one_method_says_nothing_under_another() {
    let idp = key();
    let world = World::new(vec![settings(fixed(&[&idp]))]).await;
    let access = |changes: Value| idp.sign_typed("at+jwt", &world.claims(changes)).unwrap();
    let find = async |token: &str| match world.tokens().find_access(token, &world.bench.both(), &ACCESS).await {
        Ok(live) => live.account().roles.join(","),
        Err(WebError::Refused { fault, .. }) => format!("{fault:?}"),
        Err(error) => panic!("{error}"),
    };
    let (token, plain) = (access(json!({ "scope": "default orders:read" })), world.sign(&idp, json!({})));
    for _ in 0..2 {
        assert_eq!(find(&token).await, "ROLE_EDITOR,ROLE_OAUTH2_DEFAULT,ROLE_OAUTH2_ORDERS:READ");
        assert_eq!(world.whose(&token).await, "Invalid");
        assert_eq!(find(&plain).await, "Invalid");
        assert_eq!(world.whose(&plain).await, JANE);
    }
    assert_eq!(find(&access(json!({}))).await, "ROLE_EDITOR");
    // Typed or not at all: whatever `types` of the issuer says about other firewalls.
    world.tokens().set_issuers(vec![IssuerSettings { types: vec!["JWT".into(), "at+jwt".into()], ..settings(fixed(&[&idp])) }]);
    assert_eq!((&*find(&plain).await, &*world.whose(&token).await), ("Invalid", JANE));
    for refused in [json!({ "cnf": { "jkt": "x" } }), json!({ "aud": "other" }), json!({ "iss": "https://evil.example.com" })] {
        assert_eq!(find(&access(refused)).await, "Invalid");
    }
    // One of ours names no other issuer, and is of another type.
    let own = world.tokens().issue_web(&world.record, world.bench.clock.now()).await.unwrap().token;
    assert_eq!(find(&own).await, "Invalid");
    world.bench.change(Kind::Customer, 1, AccountChange::Disable).await;
    assert_eq!(find(&token).await, "Account");
}
