//! What tests of this crate share: a server on a store in memory, and clients.

use crate::{Provider, rfc6749::client::hash_secret};
use doorward_auth::{Auth, AuthSettings, KeyRules, ThrottleLimits};
use doorward_core::{
    Account, Kind, OAuth, OAuthEndpoint, PasswordRules, Source, Time,
    firewall::{Authentication, Entry, Firewall, Guards, Invalid},
    oauth::Scope,
    policy::{CookieSpec, Directory, SameSite},
    ports::{Client, ClientMethod, Clock, Grant, NewAccount},
    session::{Session, SessionKey},
};
use doorward_crypto::{
    jwt::Algorithm,
    password::{Cost, PoolLimits},
    system::SystemEntropy,
};
use doorward_store::Sqlite;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

pub(crate) const ISSUER: &str = "https://shop.example.com";
/// A resource besides the issuer.
pub(crate) const ORDERS: &str = "https://orders.example.com/";

/// A clock that only moves when told.
pub(crate) struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Time {
        Time(self.0.load(SeqCst))
    }
}

pub(crate) struct Bench {
    pub(crate) auth: Arc<Auth>,
    pub(crate) settings: OAuth,
    clock: Arc<Hand>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(Hand(AtomicU64::new(1_700_000_000_000)));
        let settings = AuthSettings {
            directories: vec![customers()],
            issuer: ISSUER.into(),
            cost: Cost { memory_kib: 64, iterations: 1, parallelism: 1 },
            pool: PoolLimits::default(),
            crypt_keys: Default::default(),
            throttle: ThrottleLimits::default(),
            tokens: Default::default(),
        };
        let store = Arc::new(Sqlite::memory().unwrap());
        let auth = Auth::open(store, Arc::clone(&clock) as _, Arc::new(SystemEntropy), settings).await.unwrap();
        let hour = Duration::from_secs(3600);
        auth.tokens().set_oauth_scopes(oauth().scopes.iter().map(|scope| Arc::clone(&scope.name)).collect());
        auth.tokens().set_oauth_keys(Some(KeyRules { algorithm: Algorithm::EdDsa, rotation: None, longest: hour }));
        Self { auth, settings: oauth(), clock }
    }

    pub(crate) fn provider(&self) -> Provider<'_> {
        Provider { auth: &self.auth, settings: &self.settings }
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), SeqCst);
    }

    /// A client that was made a second ago, with all grants and the scopes `default` and `orders`.
    pub(crate) async fn client(&self, id: &str, method: ClientMethod, secret: Option<&str>) -> Client {
        let now = self.now();
        let client = Client {
            id: id.into(),
            name: id.into(),
            method,
            secret: secret.map(|secret| hash_secret(secret).into()),
            jwks: None,
            certificate: None,
            certificate_bound: false,
            registered: None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            grants: Grant::ALL.to_vec(),
            scopes: vec!["default".into(), "orders".into(), "gone".into()],
            resources: Vec::new(),
            enabled: true,
            tokens_not_before: now,
            created: now,
            updated: now,
        };
        self.auth.store().add_client(&client).await.unwrap();
        self.advance(Duration::from_secs(1));
        client
    }

    /// The customer `jane`, who has just signed in.
    pub(crate) async fn person(&self) -> (Account, Session) {
        let new = NewAccount {
            directory: "customers".into(),
            kind: Kind::Customer,
            id: None,
            login: "jane".into(),
            per_website: false,
            email: None,
            password: None,
            roles: Vec::new(),
            membership: None,
            confirmed: true,
            profile: "{}".into(),
        };
        let record = self.auth.store().add_account(new, self.now()).await.unwrap();
        self.advance(Duration::from_secs(1));
        let session = Session {
            key: SessionKey([7; 32]),
            directory: "customers".into(),
            account: record.account.id,
            account_version: record.version,
            created: self.now(),
            last_seen: self.now(),
            authenticated: self.now(),
            factors: Vec::new(),
            site: "default".into(),
            device: "curl".into(),
        };
        self.auth.store().create_session(&session, None).await.unwrap();
        ((*record.account).clone(), session)
    }
}

fn customers() -> Arc<Directory> {
    Arc::new(Directory {
        name: "customers".into(),
        kind: Kind::Customer,
        website: None,
        site: None,
        cookie: CookieSpec {
            name: "doorward_customers".into(),
            domain: None,
            path: "/".into(),
            lifetime: None,
            same_site: SameSite::Lax,
            secure: false,
        },
        idle_timeout: Duration::from_secs(24 * 3600),
        lifetime: Duration::from_secs(24 * 3600),
        max_failures: 10,
        lock: Duration::from_secs(1800),
        passwords: PasswordRules::of(Kind::Customer),
    })
}

fn oauth() -> OAuth {
    let scope = |name: &str| Scope { name: name.into(), description: format!("Use {name}").into() };
    OAuth {
        issuer: ISSUER.into(),
        audience: None,
        resources: vec![ORDERS.into()],
        scopes: vec![scope("default"), scope("orders"), scope("admin")],
        default_scopes: vec!["default".into()],
        access_token_lifetime: Duration::from_secs(3600),
        code_lifetime: Duration::from_secs(60),
        refresh_token_lifetime: Duration::from_secs(30 * 24 * 3600),
        dpop_nonce: false,
        require_pushed: false,
        mtls: None,
        registration: None,
        paths: vec![("/token".into(), OAuthEndpoint::Token), ("/authorize/jwks".into(), OAuthEndpoint::Keys)],
        firewall: Arc::new(Firewall {
            name: "oauth".into(),
            host: None,
            path: None,
            methods: Vec::new(),
            when: None,
            authentication: Authentication::None,
            realm: "".into(),
            access: Default::default(),
            directories: Vec::new(),
            guards: Guards { csrf: false, ajax: false },
            invalid: Invalid::Refuse,
            entry: Entry::Status,
            source: Source::new("doorward.toml", 1),
        }),
    }
}
