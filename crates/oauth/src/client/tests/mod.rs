//! A provider that says whatever a test wants, and what is made of it.

mod answers;
mod id_tokens;
mod logout;
mod outages;

use super::{Failure, Journey, Mapping, Person, Provider, ProviderSettings, Providers, RoleMap, Secret};
use crate::rfc6749::Parameters;
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    Time,
    ports::{Answer, Call, Clock, Fetch, FetchError},
};
use doorward_crypto::{
    jwt::{Algorithm, SigningKey, set},
    sha256,
    system::SystemEntropy,
};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use url::{Url, form_urlencoded};

const ISSUER: &str = "https://idp.example.com/realm";
const CLIENT: &str = "shop";
const BACK: &str = "https://shop.example.com/oauth2/check/idp";
const OURS: &[u8] = b"a key of ours";
const ACCESS: &str = "an-access-token";
const START: u64 = 1_700_000_000;

/// A clock that only moves when told.
struct Hand(AtomicU64);

impl Hand {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Time {
        Time(self.0.load(SeqCst))
    }
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::from_pkcs8(&SigningKey::generate(algorithm, &SystemEntropy).unwrap()).unwrap()
}

/// What the provider says at each of its places: a status and a JSON document, or nothing at all.
struct Server {
    places: Mutex<Map<String, Value>>,
    statuses: Mutex<Vec<(&'static str, u16)>>,
    away: Mutex<bool>,
    calls: Mutex<Vec<(String, Option<String>, HeaderMap)>>,
}

impl Server {
    fn says(&self, place: &str, document: Value) {
        self.places.lock().unwrap().insert(place.to_owned(), document);
    }

    fn answers(&self, place: &'static str, status: u16) {
        self.statuses.lock().unwrap().push((place, status));
    }

    fn asked(&self, place: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|(asked, ..)| asked == place).count()
    }
}

#[async_trait]
impl Fetch for Server {
    async fn fetch(&self, call: Call) -> Result<Answer, FetchError> {
        let place = call.url.target().to_owned();
        let form = call.form.map(|form| String::from_utf8(form).unwrap());
        self.calls.lock().unwrap().push((place.clone(), form, call.headers));
        if *self.away.lock().unwrap() {
            return Err(FetchError::new("it hung up"));
        }
        let places = self.places.lock().unwrap();
        let body = places.get(&place).map(|document| document.to_string().into_bytes());
        let status = self.statuses.lock().unwrap().iter().rev().find(|(at, _)| *at == place).map_or(200, |(_, status)| *status);
        Ok(Answer {
            status: body.as_ref().map_or(StatusCode::NOT_FOUND, |_| StatusCode::from_u16(status).unwrap()),
            headers: [(CONTENT_TYPE, "application/json".parse().unwrap())].into_iter().collect(),
            body: body.unwrap_or_default(),
        })
    }
}

const DISCOVERY: &str = "/realm/.well-known/openid-configuration";

/// A provider, and somebody who signs in there.
struct World {
    server: Arc<Server>,
    clock: Hand,
    key: SigningKey,
    providers: Providers,
}

fn metadata() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://idp.example.com/authorize?tenant=1",
        "token_endpoint": "https://idp.example.com/token",
        "userinfo_endpoint": "https://idp.example.com/userinfo",
        "jwks_uri": "https://idp.example.com/jwks",
        "response_types_supported": ["code"],
        "id_token_signing_alg_values_supported": ["RS256", "EdDSA"],
        "authorization_response_iss_parameter_supported": true,
    })
}

impl World {
    fn new(change: impl FnOnce(&mut ProviderSettings)) -> Self {
        let server = Arc::new(Server {
            places: Mutex::default(),
            statuses: Mutex::default(),
            away: Mutex::default(),
            calls: Mutex::default(),
        });
        let key = key(Algorithm::EdDsa);
        server.says(DISCOVERY, metadata());
        server.says("/jwks", set([key.verifying()]));
        let mut settings = ProviderSettings {
            name: "idp".into(),
            issuer: ISSUER.into(),
            client: CLIENT.into(),
            secret: Some(Secret::new("s:cr t")),
            scopes: vec!["openid".into(), "email".into()],
            also: Vec::new(),
            mapping: Mapping::Subject,
            roles: None,
            fetch: Arc::clone(&server) as _,
        };
        change(&mut settings);
        let providers = Providers::default();
        providers.set(vec![settings]);
        Self { server, clock: Hand(AtomicU64::new(START * 1000)), key, providers }
    }

    fn provider(&self) -> Arc<Provider> {
        self.providers.get("idp").unwrap()
    }

    fn journey(&self) -> Journey {
        Journey::begin(&"idp".into(), "/orders", &SystemEntropy, self.clock.now())
    }

    /// Claims that count, for this journey.
    fn claims(&self, journey: &Journey) -> Map<String, Value> {
        let now = self.clock.now().seconds();
        let claims = json!({
            "iss": ISSUER, "aud": CLIENT, "sub": "248289761001", "iat": now, "exp": now + 300,
            "nonce": journey.nonce(OURS), "at_hash": URL_SAFE_NO_PAD.encode(&sha256(ACCESS.as_bytes())[..16]),
        });
        claims.as_object().unwrap().clone()
    }

    /// The claims with changes; `null` takes one away.
    fn changed(&self, journey: &Journey, changes: &Value) -> Value {
        let mut claims = self.claims(journey);
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.remove(name)
            } else {
                claims.insert(name.clone(), value.clone())
            };
        }
        Value::Object(claims)
    }

    fn gives(&self, id_token: &str) {
        let tokens = json!({ "token_type": "Bearer", "access_token": ACCESS, "id_token": id_token, "expires_in": 60 });
        self.server.says("/token", tokens);
    }

    /// The answer that the provider sends the browser back with.
    fn answer(&self, journey: &Journey) -> Parameters {
        parameters(&[("code", "c0de"), ("state", &journey.state(OURS)), ("iss", ISSUER)])
    }

    async fn finish(&self, journey: &Journey, answer: &Parameters) -> Result<Person, Failure> {
        self.provider().finish(journey, answer, BACK, OURS, &self.clock).await
    }

    /// Whoever comes with an ID token of these changes.
    async fn arrive(&self, changes: Value) -> Result<Person, Failure> {
        let journey = self.journey();
        self.gives(&self.key.sign(&self.changed(&journey, &changes)).unwrap());
        self.finish(&journey, &self.answer(&journey)).await
    }
}

fn parameters(pairs: &[(&str, &str)]) -> Parameters {
    Parameters::parse(&form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()).unwrap()
}

/// The word for it, and what it says.
fn failed<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> (&'static str, String) {
    let failure = outcome.unwrap_err();
    (failure.code(), failure.text().to_owned())
}
