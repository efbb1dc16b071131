mod accounts;
mod issuers;
mod keys;

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
        login: ClaimPath::new(["preferred_username"]),
        roles: Some(RoleClaims {
            path: ClaimPath::new(["realm_access", "roles"]).unwrap(),
            roles: vec![
                ("editors".into(), vec!["ROLE_EDITOR".into()]),
                ("all".into(), vec!["ROLE_A".into(), "ROLE_EDITOR".into()]),
            ],
        }),
        algorithms: Algorithm::PUBLIC.to_vec(),
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
