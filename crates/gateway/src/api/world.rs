//! What tests of endpoints and pages share: real accounts in a real store, and requests that are judged as the
//! pipeline judges them, without connections.

use super::{Asked, Call, Presented, USERS, cookie, recognise};
use crate::{
    Admitted, Body,
    admit::SessionCookie,
    answer::{self, Reader},
    record::{AuditEvent, Recorder, RequestEvent, UpstreamOutcome},
};
use doorward_auth::{Auth, AuthSettings, ThrottleLimits};
use doorward_core::{
    Carries, Evidence, Kind, Offer, Policy, Provenance, Source, Time,
    acl::{Resource, Tree},
    decide,
    firewall::{Authentication, Entry, Firewall, Guards, Invalid},
    policy::{CookieSpec, Directory, SameSite, Serve, Unmatched},
    ports::{Clock, NewAccount, Store},
};
use doorward_crypto::{
    csrf,
    password::{Cost, PoolLimits, hash_password},
    system::SystemEntropy,
};
use doorward_oauth::client::Providers;
use doorward_store::Sqlite;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header::SET_COOKIE};
use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(crate) const COOKIE: &str = "IBX_SESSION_ID";
pub(crate) const PREFIX: &str = "/api/ibexa/v2";
pub(crate) const JSON: &str = r#"{"SessionInput":{"login":"admin","password":"publish"}}"#;
const COST: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
const NOW: Time = Time(1_700_000_000_000);

struct Still;

impl Clock for Still {
    fn now(&self) -> Time {
        NOW
    }
}

/// Audit events as text.
#[derive(Default)]
pub(crate) struct Log(pub(crate) Mutex<Vec<String>>);

impl Recorder for Log {
    fn request(&self, _: &RequestEvent<'_>) {}
    fn audit(&self, e: &AuditEvent<'_>) {
        self.0.lock().unwrap().push(format!("{} {} {} {} {}", e.event, e.outcome, e.directory, e.identity, e.login));
    }
    fn parser_refusal(&self, _: IpAddr, _: &str) {}
    fn connection(&self, _: bool) {}
    fn upstream(&self, _: &str, _: UpstreamOutcome, _: Duration) {}
}

pub(crate) struct World {
    store: Arc<Sqlite>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) log: Log,
    pub(crate) providers: Providers,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let text = match body {
            Body::Empty | Body::Full(None) => String::new(),
            Body::Full(Some(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        Self { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn description(&self) -> String {
        self.json()["ErrorMessage"]["errorDescription"].as_str().unwrap().to_owned()
    }
}

/// A session as a client keeps it.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) href: String,
}

impl Client {
    pub(crate) fn cookie(&self) -> String {
        format!("{COOKIE}={}", self.id)
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Policy)) -> Self {
        let directories = vec![directory("customers", Kind::Customer, "PHPSESSID"), directory("admins", Kind::Admin, COOKIE)];
        let store = Arc::new(Sqlite::memory().unwrap());
        store.put_role("keepers", BTreeSet::from([USERS.into()]).into(), NOW).await.unwrap();
        for (kind, id, login, password, roles) in [
            (Kind::Admin, 14, "admin", "publish", vec!["keepers".into()]),
            (Kind::Admin, 15, "editor", "publish", Vec::new()),
            (Kind::Customer, 42, "carla", "customer", Vec::new()),
        ] {
            let directory = if kind == Kind::Admin { "admins" } else { "customers" };
            let password = Some(hash_password(password, COST, &SystemEntropy).into());
            let email = Some(format!("{login}@example.com").into());
            let new = NewAccount {
                directory: directory.into(),
                kind,
                id: Some(id),
                login: login.into(),
                email,
                password,
                roles,
                per_website: false,
                membership: None,
                confirmed: true,
                profile: "{}".into(),
            };
            store.add_account(new, NOW).await.unwrap();
        }
        let mut policy = policy(directories.clone());
        change(&mut policy);
        Self::over(store, directories, Arc::new(policy)).await
    }

    /// Another node of the same store.
    pub(crate) async fn beside(&self) -> Self {
        Self::over(Arc::clone(&self.store), self.policy.directories.clone(), Arc::clone(&self.policy)).await
    }

    async fn over(store: Arc<Sqlite>, directories: Vec<Arc<Directory>>, policy: Arc<Policy>) -> Self {
        let settings = AuthSettings {
            directories,
            issuer: "http://127.0.0.1".into(),
            cost: COST,
            pool: PoolLimits { workers: 1, queue: 64, per_address: 64 },
            crypt_keys: Default::default(),
            throttle: ThrottleLimits::default(),
            tokens: Default::default(),
        };
        let auth = Auth::open(Arc::clone(&store) as _, Arc::new(Still), Arc::new(SystemEntropy), settings).await.unwrap();
        Self { store, auth, policy, log: Log::default(), providers: Providers::default() }
    }

    /// From now on nobody listens to changes of the store.
    pub(crate) async fn deafen(&self) {
        let listening = tokio::spawn(Arc::clone(&self.auth).background(std::future::pending()));
        // It has begun once it was polled; then it is gone.
        tokio::task::yield_now().await;
        listening.abort();
        assert!(listening.await.unwrap_err().is_cancelled());
    }

    /// Sends a request the way the pipeline would; paths without a leading prefix are as they stand.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = self.admitted(method, path, headers);
        let endpoint = recognise(&self.policy, &request.method, &request.path, request.dialect, &request.prefix)
            .unwrap_or_else(|| panic!("{method} {path} is not ours"));
        request.body = body.to_owned().into();
        let facts = request.facts();
        let found = self.policy.find(&facts, Some(endpoint.own()));
        let firewall = found.firewall.unwrap();
        let (mut session, mut dead) = (None, Vec::new());
        for cookie in request.cookies.iter().filter(|_| firewall.authentication == Authentication::Session) {
            match self.auth.find(&cookie.directory, &cookie.value).await.unwrap() {
                None => dead.push(Arc::clone(&cookie.directory)),
                Some(live) if session.is_none() => {
                    session = Some(Presented { directory: Arc::clone(&cookie.directory), id: cookie.value.clone(), live });
                }
                Some(_) => {}
            }
        }
        let offer = session.as_ref().map_or(Offer::Absent, |session: &Presented| {
            let token = super::read::csrf_token(&request.headers);
            let csrf_valid = token.is_some_and(|token| csrf::verify(&session.id, token));
            Offer::Verified(Evidence { account: session.live.account(), ambient: true, csrf_valid, scopes: None })
        });
        let permit = match decide(&self.policy, &self.auth.roles(), &facts, &found, &offer) {
            Ok(permit) => permit,
            Err(refusal) => return Reply::of(answer::refuse(&refusal, &Reader::of(&request))),
        };
        let body = std::mem::take(&mut request.body);
        let call = Call {
            auth: &self.auth,
            policy: &self.policy,
            providers: &self.providers,
            recorder: &self.log,
            request: Asked::from(&request),
            body,
            firewall,
            identity: permit.identity(),
            session: session.as_ref(),
            dead: &dead,
        };
        Reply::of(must_be_send(endpoint.run(call)).await)
    }

    pub(crate) fn admitted(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Admitted {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query.to_owned())));
        let (dialect, prefix) = self.policy.dialect(path);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let cookies: Vec<_> = self
            .policy
            .directories
            .iter()
            .filter_map(|directory| {
                let value = cookie::value(&map, &directory.cookie.name)?.to_owned();
                Some(SessionCookie { directory: Arc::clone(directory), value })
            })
            .collect();
        let text = |name: &str| map.get(name).map(|value| value.to_str().unwrap().to_owned());
        let provenance = match text("sec-fetch-site").as_deref() {
            None => Provenance::Unstated,
            Some("same-origin" | "none") => Provenance::Ours,
            Some(_) => Provenance::Foreign,
        };
        Admitted {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            host: "127.0.0.1".into(),
            authority: "127.0.0.1".into(),
            path: path.into(),
            site: None,
            crossing: None,
            query,
            version: http::Version::HTTP_11,
            body: Body::Empty,
            upgrade: false,
            on_upgrade: None,
            client: [127, 0, 0, 1].into(),
            secure: false,
            dialect,
            prefix: prefix.into(),
            carries: Carries { cookie: !cookies.is_empty(), ..Carries::default() },
            certificate: None,
            cookies,
            ajax: text("x-requested-with").as_deref() == Some("XMLHttpRequest"),
            navigation: text("sec-fetch-mode").as_deref() == Some("navigate"),
            provenance,
            acceptable: true,
            expected_user: text("x-expected-user").filter(|user| !user.is_empty() && user != "0"),
            request_id: "0af1".repeat(8),
            extensions: http::Extensions::new(),
            headers: map,
        }
    }

    /// Creates a session over REST in JSON.
    pub(crate) async fn create(&self, body: &str, extra: &[(&str, &str)]) -> Reply {
        let mut headers = vec![
            ("content-type", "application/vnd.ibexa.api.SessionInput+json"),
            ("accept", "application/vnd.ibexa.api.Session+json"),
        ];
        headers.extend(extra);
        self.send("POST", &format!("{PREFIX}/user/sessions"), &headers, body).await
    }

    /// Signs a customer in: the cookie.
    pub(crate) async fn login_customer(&self) -> String {
        let reply = self.create(r#"{"SessionInput":{"login":"carla","password":"customer"}}"#, &[]).await;
        format!("PHPSESSID={}", client(&reply).id)
    }

    /// Signs `admin` in.
    pub(crate) async fn login(&self) -> Client {
        client(&self.create(JSON, &[]).await)
    }
}

/// The session of a sign-in's answer.
pub(crate) fn client(reply: &Reply) -> Client {
    let session = &reply.json()["Session"];
    let text = |name: &str| session[name].as_str().unwrap_or_else(|| panic!("{name}: {}", reply.text)).to_owned();
    Client { id: text("identifier"), token: text("csrfToken"), href: text("_href") }
}

fn must_be_send<F: Future + Send>(future: F) -> F {
    future
}

fn directory(name: &str, kind: Kind, cookie: &str) -> Arc<Directory> {
    Arc::new(Directory {
        website: None,
        site: None,
        name: name.into(),
        kind,
        cookie: CookieSpec {
            name: cookie.into(),
            domain: (kind == Kind::Admin).then(|| ".example.net".into()),
            path: "/".into(),
            lifetime: (kind == Kind::Admin).then(|| Duration::from_secs(3600)),
            same_site: SameSite::Lax,
            secure: false,
        },
        idle_timeout: Duration::from_secs(1800),
        lifetime: Duration::from_secs(43_200),
        max_failures: 6,
        lock: Duration::from_secs(1800),
        passwords: doorward_core::PasswordRules::of(kind),
    })
}

/// One session firewall, the Ibexa dialect under its usual prefix and at the root.
fn policy(directories: Vec<Arc<Directory>>) -> Policy {
    let source = Source::new("doorward.toml", 1);
    let users = Resource { id: USERS.into(), title: "Users".into(), parent: None, source: source.clone() };
    Policy {
        hash: "0".into(),
        hosts: None,
        origins: Vec::new(),
        cors: doorward_core::Cors::default(),
        sites: doorward_core::Sites::default(),
        ibexa_prefixes: vec![PREFIX.into(), "".into()],
        serve: Serve { sessions: true, tokens: false, accounts: false, root: true, users: true, pages: true, jwt: true },
        firewalls: vec![Arc::new(Firewall {
            name: "main".into(),
            host: None,
            path: None,
            methods: Vec::new(),
            when: None,
            authentication: Authentication::Session,
            realm: "".into(),
            access: Default::default(),
            directories: directories.iter().map(|directory| Arc::clone(&directory.name)).collect(),
            guards: Guards { csrf: true, ajax: false },
            invalid: Invalid::Refuse,
            entry: Entry::Page,
            source,
        })],
        directories,
        access: Vec::new(),
        routes: doorward_core::route::RouteTable::default(),
        resources: Tree::new([users]),
        unmatched: Unmatched::Deny,
        upstreams: Vec::new(),
        oauth: None,
        issuers: Vec::new(),
        providers: Vec::new(),
    }
}
