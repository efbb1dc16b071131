mod crowds;

use super::*;
use crate::{AccessProfile, LiveToken, testing::Bench};
use async_trait::async_trait;
use doorward_core::{
    Kind,
    policy::Directory,
    ports::{AccountChange, Answer, Call, Clock, FetchError, Store as _, Subject},
    possession::Bound,
};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};
use std::{
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::sync::Semaphore;

const IDP: &str = "https://idp.example.com";
const SECOND: Duration = Duration::from_secs(1);
const CACHE: Duration = Duration::from_secs(30);

/// Of these tests: every scope that is said.
const PROFILE: AccessProfile = AccessProfile { typ: "at+jwt", scopes: spoken, bound: confirmed, introspected: spoken };

fn spoken(claims: &jwt::Claims) -> Result<Vec<Arc<str>>, &'static str> {
    Ok(claims.text("scope").unwrap_or_default().split_whitespace().map(Arc::from).collect())
}

fn confirmed(claims: &jwt::Claims) -> Result<Bound, &'static str> {
    let key = claims.get("cnf").map(|cnf| cnf["jkt"].as_str().ok_or("it is bound to something else"));
    Ok(Bound { key: key.transpose()?.map(Arc::from), certificate: None })
}

/// A server that is asked about tokens.
struct Idp {
    says: Mutex<Result<Value, FetchError>>,
    asked: AtomicUsize,
    calls: Mutex<Vec<Call>>,
    /// How many may be answered.
    room: Semaphore,
}

impl Idp {
    fn that_says(says: Value) -> Arc<Self> {
        Arc::new(Self {
            says: Mutex::new(Ok(says)),
            asked: AtomicUsize::new(0),
            calls: Mutex::default(),
            room: Semaphore::new(1_000_000),
        })
    }

    fn says(&self, says: Value) {
        *self.says.lock().unwrap() = Ok(says);
    }

    fn is_away(&self) {
        *self.says.lock().unwrap() = Err(FetchError::new("it hung up"));
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

#[async_trait]
impl Fetch for Idp {
    async fn fetch(&self, call: Call) -> Result<Answer, FetchError> {
        self.asked.fetch_add(1, SeqCst);
        self.calls.lock().unwrap().push(call);
        self.room.acquire().await.unwrap().forget();
        let headers: HeaderMap = [(CONTENT_TYPE, "application/json".parse().unwrap())].into_iter().collect();
        let says = self.says.lock().unwrap().clone();
        says.map(|says| Answer { status: StatusCode::OK, headers, body: says.to_string().into_bytes() })
    }
}

fn settings(idp: &Arc<Idp>) -> IntrospectionSettings {
    IntrospectionSettings {
        issuer: IDP.into(),
        endpoint: RemoteUrl::parse("https://idp.example.com/introspect").unwrap(),
        fetch: Arc::clone(idp) as _,
        proof: ClientProof::Header(HeaderValue::from_static("Basic ZG9vcjpzZWNyZXQ=")),
        client: "door".into(),
        audience: ["shop".into()].into(),
        directory: "customers".into(),
        login: ClaimPath::new(["username"]),
        roles: Some(RoleClaims {
            path: ClaimPath::new(["groups"]).unwrap(),
            roles: vec![("editors".into(), vec!["ROLE_EDITOR".into()])],
        }),
        leeway: Duration::ZERO,
        timeout: 5 * SECOND,
        cache: CACHE,
    }
}

struct World {
    bench: Bench,
    idp: Arc<Idp>,
}

impl World {
    async fn new() -> Self {
        let bench = Bench::new().await;
        bench.add(Kind::Customer, "jane").await;
        bench.clock.advance(SECOND);
        let world = Self { idp: Idp::that_says(json!({})), bench };
        world.idp.says(world.active(json!({})));
        world.tokens().set_introspection(vec![settings(&world.idp)]);
        world
    }

    fn tokens(&self) -> &Tokens {
        self.bench.auth.tokens()
    }

    /// What is said of a good token, with changes.
    fn active(&self, changes: Value) -> Value {
        let now = self.bench.clock.now().seconds();
        let mut all = json!({
            "active": true, "aud": ["other", "shop"], "iat": now, "exp": now + 3600, "username": "Jane", "scope": "read write",
            "groups": ["editors", "ROLE_ADMIN"], "token_type": "Bearer", "sub": "1", "client_id": "app",
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => all.as_object_mut().unwrap().remove(name),
                value => all.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        all
    }

    async fn find_for(
        &self,
        token: &str,
        directories: &[Arc<Directory>],
        audience: &[Arc<str>],
    ) -> Result<Arc<LiveToken>, WebError> {
        let asked = AccessAsked { directories, profile: &PROFILE, own: None, audience, client: network(1) };
        self.tokens().find_access(token, &asked).await
    }

    /// The same from one of several networks.
    async fn whose_from(&self, from: u8, token: &str) -> String {
        let directories = self.bench.both();
        let asked = AccessAsked { directories: &directories, profile: &PROFILE, own: None, audience: &[], client: network(from) };
        word(self.tokens().find_access(token, &asked).await)
    }

    async fn find(&self, token: &str) -> Result<Arc<LiveToken>, WebError> {
        self.find_for(token, &self.bench.both(), &[]).await
    }

    async fn whose(&self, token: &str) -> String {
        word(self.find(token).await)
    }
}

fn network(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

fn word(found: Result<Arc<LiveToken>, WebError>) -> String {
    match found {
        Ok(live) => format!("{}/{} {}", live.account().directory, live.account().id, live.account().roles.join(",")),
        Err(WebError::Refused { fault, .. }) => format!("{fault:?}"),
        Err(WebError::Unknown(_) | WebError::Unavailable(_)) => "unknown".to_owned(),
    }
}

const JANE: &str = "customers/1 ROLE_EDITOR,ROLE_OAUTH2_READ,ROLE_OAUTH2_WRITE";

#[tokio::test]
async fn an_opaque_token_is_asked_about_once_in_a_while() {
    let world = World::new().await;
    let live = world.find("0paque+/=").await.unwrap();
    assert_eq!((live.issuer().map(|issuer| &**issuer), live.form()), (Some(IDP), "opaque"));
    assert_eq!(live.scopes().unwrap().join(" "), "read write");
    for _ in 0..3 {
        assert_eq!(world.whose("0paque+/=").await, JANE);
    }
    assert_eq!(world.idp.asked(), 1);
    let call = world.idp.calls.lock().unwrap()[0].clone();
    assert_eq!(call.form.as_deref(), Some(&b"token=0paque%2B%2F%3D&token_type_hint=access_token"[..]));
    assert_eq!(call.headers["authorization"], "Basic ZG9vcjpzZWNyZXQ=");
    // The old answer counts for a time, and then it is asked again.
    world.idp.says(json!({ "active": false }));
    world.bench.clock.advance(CACHE - SECOND);
    assert_eq!((world.whose("0paque+/=").await, world.idp.asked()), (JANE.to_owned(), 1));
    world.bench.clock.advance(SECOND);
    assert_eq!((world.whose("0paque+/=").await, world.idp.asked()), ("Invalid".to_owned(), 2));
    assert!(live.has_ended(), "its connections end");
    // That is remembered, too, for a shorter time.
    assert_eq!((world.whose("0paque+/=").await, world.idp.asked()), ("Invalid".to_owned(), 2));
    world.idp.says(world.active(json!({})));
    world.bench.clock.advance(10 * SECOND);
    assert_eq!((world.whose("0paque+/=").await, world.idp.asked()), (JANE.to_owned(), 3));
    let counts = IntrospectionCounts { issuer: IDP.into(), active: 2, inactive: 1, failed: 0, crowded: 0 };
    assert_eq!(world.tokens().introspections(), [counts]);
}

#[tokio::test]
async fn an_answer_never_counts_for_longer_than_the_token() {
    let world = World::new().await;
    let now = world.bench.clock.now().seconds();
    world.idp.says(world.active(json!({ "exp": now + 10 })));
    assert_eq!(world.whose("t").await, JANE);
    world.bench.clock.advance(10 * SECOND);
    assert_eq!(world.whose("t").await, "Expired");
    // One without an end counts as long as an answer does.
    world.idp.says(world.active(json!({ "exp": null })));
    let live = world.find("u").await.unwrap();
    world.bench.clock.advance(CACHE);
    world.tokens().tend_introspected();
    assert!(live.has_ended(), "nothing rests on an answer that is too old");
}

#[tokio::test]
async fn what_is_not_known_is_neither_yes_nor_no() {
    let world = World::new().await;
    world.idp.is_away();
    assert_eq!((world.whose("t").await, world.idp.asked()), ("unknown".to_owned(), 1));
    world.idp.says(world.active(json!({})));
    assert_eq!(world.whose("t").await, JANE);
    // An outage is no reason to believe an old answer, nor one to forget it before its time.
    world.idp.is_away();
    world.bench.clock.advance(CACHE - SECOND);
    assert_eq!(world.whose("t").await, JANE);
    world.bench.clock.advance(SECOND);
    assert_eq!(world.whose("t").await, "unknown");
    for nonsense in
        [json!({}), json!({ "active": "true" }), json!({ "active": 1 }), json!({ "active": null }), json!([]), json!(true)]
    {
        world.idp.says(nonsense.clone());
        assert_eq!(world.whose("other").await, "unknown", "{nonsense}");
    }
    assert_eq!(world.tokens().introspections()[0].failed, 8);
}

#[tokio::test]
async fn what_is_said_must_be_of_a_token_for_us() {
    let world = World::new().await;
    let now = world.bench.clock.now().seconds();
    let cases = [
        (json!({ "iss": IDP }), JANE),
        (json!({ "iss": "https://evil.example.com" }), "Invalid"),
        (json!({ "iss": 1 }), "Invalid"),
        (json!({ "aud": null }), "Invalid"),
        (json!({ "aud": "another" }), "Invalid"),
        (json!({ "aud": [] }), "Invalid"),
        (json!({ "aud": [1] }), "Invalid"),
        (json!({ "aud": "shop" }), JANE),
        (json!({ "exp": now }), "Expired"),
        (json!({ "exp": "2100-01-01" }), "Invalid"),
        (json!({ "nbf": now + 60 }), "Invalid"),
        (json!({ "nbf": true }), "Invalid"),
        (json!({ "iat": null }), "Invalid"),
        (json!({ "iat": now + 60 }), "Invalid"),
        (json!({ "token_type": null }), JANE),
        (json!({ "token_type": "bearer" }), JANE),
        (json!({ "token_type": "refresh_token" }), "Invalid"),
        (json!({ "token_type": "DPoP" }), "Invalid"),
        (json!({ "token_type": "DPoP", "cnf": { "jkt": "x" } }), JANE),
        (json!({ "token_type": "DPoP", "cnf": { "x5t#S256": "x" } }), "Invalid"),
        (json!({ "cnf": { "jkt": "x" } }), JANE),
        (json!({ "cnf": { "other": "x" } }), "Invalid"),
        (json!({ "token_type": 1 }), "Invalid"),
        (json!({ "username": null }), "NoUsername"),
        (json!({ "username": "" }), "NoUsername"),
        (json!({ "username": ["jane"] }), "NoUsername"),
        (json!({ "username": "nobody" }), "Account"),
        (json!({ "groups": 1 }), "Invalid"),
    ];
    for (number, (changes, expected)) in cases.into_iter().enumerate() {
        world.idp.says(world.active(changes.clone()));
        assert_eq!(world.whose(&format!("t{number}")).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn a_client_may_prove_itself_in_the_form() {
    let world = World::new().await;
    let proof = ClientProof::Form("client_id=door%3Aa&client_secret=a+b".into());
    world.tokens().set_introspection(vec![IntrospectionSettings { proof, ..settings(&world.idp) }]);
    assert_eq!(world.whose("t").await, JANE);
    let call = world.idp.calls.lock().unwrap()[0].clone();
    assert!(call.headers.get("authorization").is_none());
    let form = String::from_utf8(call.form.unwrap()).unwrap();
    assert_eq!(form, "token=t&token_type_hint=access_token&client_id=door%3Aa&client_secret=a+b");
}

/// ASVS 10.3.3: issuer and subject say for ever who somebody is; a login can become somebody else's.
#[tokio::test]
async fn somebody_can_be_who_the_subject_is_linked_with() {
    let world = World::new().await;
    world.tokens().set_introspection(vec![IntrospectionSettings { login: None, ..settings(&world.idp) }]);
    world.idp.says(world.active(json!({ "sub": "5", "username": "jane" })));
    assert_eq!(world.whose("t").await, "Account", "the login says nothing");
    let link = async |account: u64, issuer: &str| {
        let who = Subject { issuer: issuer.into(), subject: "5".into() };
        let identities = world.bench.store.identities();
        identities.link_identity(&who, Kind::Customer, account, world.bench.clock.now()).await.unwrap();
        world.bench.auth.apply_changes().await.unwrap();
    };
    link(1, "https://other.example.com").await;
    assert_eq!(world.whose("t").await, "Account", "another issuer's subject is somebody else");
    link(1, IDP).await;
    let live = world.find("t").await.unwrap();
    assert_eq!(word(Ok(Arc::clone(&live))), JANE);
    for (nobody, word) in [
        (json!({ "sub": null }), "NoUsername"),
        (json!({ "sub": "" }), "NoUsername"),
        (json!({ "sub": "\u{e4}" }), "NoUsername"),
        (json!({ "sub": 5 }), "Invalid"),
    ] {
        world.idp.says(world.active(nobody.clone()));
        assert_eq!(world.whose("u").await, word, "{nobody}");
    }
    // Taking the link back ends what rests on it.
    let who = Subject { issuer: IDP.into(), subject: "5".into() };
    assert!(world.bench.store.identities().unlink_identity("customers", &who).await.unwrap());
    world.bench.auth.apply_changes().await.unwrap();
    assert!(live.has_ended());
}

/// Whoever finds it asks for the proof.
#[tokio::test]
async fn what_a_token_is_bound_to_is_handed_on() {
    let world = World::new().await;
    assert_eq!(world.find("t").await.unwrap().bound(), Bound::default());
    world.idp.says(world.active(json!({ "cnf": { "jkt": "x" } })));
    assert_eq!(world.find("u").await.unwrap().bound(), Bound { key: Some("x".into()), certificate: None });
}

#[tokio::test]
async fn what_has_not_the_form_of_a_token_is_told_to_nobody() {
    let world = World::new().await;
    for bad in ["=", "a b", "a\"b", "a&b", "a=b", "\u{e4}", &"a".repeat(LONGEST + 1)] {
        assert_eq!(world.whose(bad).await, "Invalid", "{bad}");
    }
    assert_eq!(world.idp.asked(), 0);
}

/// oathkeeper CVE-2021-32701: a remembered answer says nothing to whoever demands something else of the token.
#[tokio::test]
async fn cve_2021_32701_an_answer_is_remembered_for_its_audience_and_directories_alone() {
    let world = World::new().await;
    world.idp.says(world.active(json!({ "aud": ["shop", "https://api.example.com/a"] })));
    let (both, customers) = (world.bench.both(), [Arc::clone(&world.bench.customers)]);
    let (a, b) = (["https://api.example.com/a".into()], ["https://api.example.com/b".into()]);
    for _ in 0..2 {
        assert_eq!(word(world.find_for("t", &both, &a).await), JANE);
        assert_eq!(word(world.find_for("t", &both, &b).await), "Invalid");
        assert_eq!(word(world.find_for("t", &both, &[]).await), JANE);
        assert_eq!(word(world.find_for("t", &customers, &b).await), "Invalid");
        assert_eq!(word(world.find_for("t", &[Arc::clone(&world.bench.admins)], &[]).await), "Invalid");
    }
}

/// oathkeeper GHSA-4mq7-pvjg-xp2r: what one server said is nothing that another one said.
#[tokio::test]
async fn ghsa_4mq7_pvjg_xp2r_an_answer_of_one_server_is_none_of_another() {
    let world = World::new().await;
    assert_eq!(world.whose("t").await, JANE);
    let other = Idp::that_says(json!({ "active": false }));
    for change in [
        |settings: &mut IntrospectionSettings| settings.issuer = "https://other.example.com".into(),
        |settings: &mut IntrospectionSettings| settings.endpoint = RemoteUrl::parse("https://idp.example.com/other").unwrap(),
        |settings: &mut IntrospectionSettings| settings.client = "another".into(),
        |settings: &mut IntrospectionSettings| settings.audience = ["another".into()].into(),
    ] {
        let mut changed = settings(&other);
        change(&mut changed);
        let asked = other.asked();
        world.tokens().set_introspection(vec![changed]);
        assert_eq!((world.whose("t").await, other.asked()), ("Invalid".to_owned(), asked + 1));
    }
    world.tokens().set_introspection(Vec::new());
    assert_eq!(world.whose("t").await, "Invalid");
}

#[tokio::test]
async fn what_ends_an_account_or_its_tokens_here_ends_a_token_that_was_remembered() {
    let world = World::new().await;
    let live = world.find("t").await.unwrap();
    world.bench.change(Kind::Customer, 1, AccountChange::Disable).await;
    assert!(live.has_ended());
    assert_eq!(world.whose("t").await, "Account");
}

#[tokio::test]
async fn nothing_shows_the_token_or_the_secret() {
    let world = World::new().await;
    let token = "very-secret-token";
    let live = world.find(token).await.unwrap();
    let by_form = IntrospectionSettings { proof: ClientProof::Form("client_secret=hidden".into()), ..settings(&world.idp) };
    world.tokens().set_introspection(vec![by_form.clone()]);
    world.find("another").await.unwrap();
    let shown = format!("{live:?} {:?} {by_form:?} {:?}", settings(&world.idp), world.idp.calls.lock().unwrap());
    assert!(!shown.contains(token) && !shown.contains("ZG9vcjpzZWNyZXQ") && !shown.contains("hidden"), "{shown}");
    world.idp.is_away();
    let error = world.find("another-secret-token").await.unwrap_err().to_string();
    assert!(error.contains("https://idp.example.com/introspect") && !error.contains("another-secret"), "{error}");
}

#[tokio::test]
async fn what_its_server_calls_an_id_token_or_a_refresh_token_is_none_for_access() {
    let world = World::new().await;
    for (said, came) in [
        (json!({ "typ": "Bearer" }), JANE),
        (json!({ "typ": "at+jwt", "token_use": "access" }), JANE),
        (json!({ "typ": "ID" }), "Invalid"),
        (json!({ "typ": "Refresh" }), "Invalid"),
        (json!({ "typ": "Offline", "token_type": "Bearer" }), "Invalid"),
        (json!({ "typ": "logout+jwt" }), "Invalid"),
        (json!({ "typ": 1 }), "Invalid"),
        (json!({ "token_use": "id" }), "Invalid"),
        (json!({ "token_use": ["access"] }), "Invalid"),
    ] {
        world.idp.says(world.active(said.clone()));
        assert_eq!(world.whose(&format!("t{}", world.idp.asked())).await, came, "{said}");
    }
}
