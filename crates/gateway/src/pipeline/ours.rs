//! Endpoints of ours: which one a request is for, and its answer.

use super::{Gateway, Onward, Snapshot, identify::Identified};
use crate::{
    Admitted, Body, Crossing,
    admit::Rejected,
    answer::{self, Reader},
    api::{self, Asked, Call, Endpoint, magento},
    cors, oauth,
};
use doorward_core::{
    Found, OAuthEndpoint, Permit, Reason, Refusal,
    firewall::Firewall,
    policy::{Dialect, Own, Policy},
    ports::StoreError,
};
use doorward_crypto::{session_id, sha256_hex};
use doorward_oauth::rfc9728;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use std::{mem, sync::Arc};

/// An endpoint of ours.
pub enum Ours {
    /// Of the sign-in API, or a page.
    Endpoint(Endpoint),
    /// The public keys of assertions.
    Keys,
    /// The public keys of JSON Web Tokens.
    TokenKeys,
    /// What clients have to know of an API that takes access tokens.
    Resource,
    /// Of the authorization server.
    OAuth(OAuthEndpoint),
    /// OPTIONS on a route in the Ibexa dialect: the methods of its rules (ibexa-rest 7).
    Options(HeaderValue),
}

/// Where the public keys of JSON Web Tokens are ('What the upstream receives').
pub(super) const TOKEN_KEYS_PATH: &str = "/.well-known/jwks.json";

/// The keys' endpoint: wherever the configuration says; it is open to verifiers.
const KEYS: Own = Own { name: "assertion.keys", access_control: false, csrf: false, provenance: false, apart: false };

/// Theirs.
const TOKEN_KEYS: Own = Own { name: "token.keys", access_control: false, csrf: false, provenance: false, apart: false };

/// RFC 9728: open to everyone, as the metadata of authorization servers is.
const RESOURCE: Own = Own { name: "oauth.resource", access_control: false, csrf: false, provenance: false, apart: true };

/// It tells what the rules say, and needs nobody to be known.
const OPTIONS: Own = Own { name: "options", access_control: false, csrf: false, provenance: false, apart: false };

/// The answer to a browser that asks whether a page may send a request.
pub(super) const PREFLIGHT: Own = Own { name: "preflight", access_control: false, csrf: false, provenance: false, apart: false };

impl Ours {
    /// What the decision needs to know of it.
    pub fn own(&self) -> Own {
        match self {
            Ours::Endpoint(endpoint) => endpoint.own(),
            Ours::Keys => KEYS,
            Ours::TokenKeys => TOKEN_KEYS,
            Ours::Resource => RESOURCE,
            Ours::OAuth(endpoint) => oauth::own(*endpoint),
            Ours::Options(_) => OPTIONS,
        }
    }

    /// Whether browsers show it as a page. Scripts of other origins have no business there: they could say yes in somebody's name.
    fn is_page(&self) -> bool {
        match self {
            Ours::Endpoint(Endpoint::Page(page)) => page.is_shown(),
            Ours::OAuth(endpoint) => matches!(
                endpoint,
                OAuthEndpoint::Authorize
                    | OAuthEndpoint::Consent
                    | OAuthEndpoint::Device
                    | OAuthEndpoint::Applications
                    | OAuthEndpoint::EndSession
            ),
            Ours::Endpoint(_) | Ours::Keys | Ours::TokenKeys | Ours::Resource | Ours::Options(_) => false,
        }
    }
}

/// What the answer may say to pages of other origins, whether the request is admitted or not.
pub(super) fn crossing(now: &Snapshot, admitted: Result<&Admitted, &Rejected>) -> Option<Crossing> {
    let (crossing, policy, at, method) = match admitted {
        Ok(admitted) => (admitted.crossing.clone(), admitted.policy(&now.policy), At::of(admitted), &admitted.method),
        Err(rejected) => {
            let headed = rejected.headed.as_ref()?;
            let policy = headed.site.as_ref().map_or(&now.policy, |site| &site.policy);
            let (dialect, prefix) = policy.dialect(&headed.path);
            let at = At { host: &headed.host, path: &headed.path, dialect, prefix };
            (Some(headed.crossing.clone()), policy, at, &rejected.method)
        }
    };
    let crossing = crossing?;
    let asked = |method| recognise_as(policy, now.jwks_path.as_deref(), at, method);
    let page = crossing.is_allowed() && [method, &Method::GET].into_iter().filter_map(asked).any(|ours| ours.is_page());
    Some(if page { crossing.withheld() } else { crossing })
}

/// What endpoints of ours are recognised by, besides the method.
#[derive(Clone, Copy)]
struct At<'a> {
    host: &'a str,
    path: &'a str,
    dialect: Dialect,
    prefix: &'a str,
}

impl<'a> At<'a> {
    fn of(admitted: &'a Admitted) -> Self {
        Self { host: &admitted.host, path: &admitted.path, dialect: admitted.dialect, prefix: &admitted.prefix }
    }
}

/// The answer to a preflight; `None` where the request is none. Whoever asks for a verdict answers by itself: there it is judged
/// as every request.
pub(super) fn preflight(
    now: &Snapshot,
    admitted: &Admitted,
    crossing: Option<&Crossing>,
    onward: &Onward<'_>,
) -> Option<Response<Body>> {
    let crossing = crossing.filter(|_| !matches!(onward, Onward::Verdict(_)))?;
    if !crossing.is_preflight(&admitted.method, &admitted.headers) {
        return None;
    }
    let policy = admitted.policy(&now.policy);
    let asked = |method| recognise_as(policy, now.jwks_path.as_deref(), At::of(admitted), method);
    let methods = match asked(&Method::GET) {
        Some(Ours::Keys | Ours::TokenKeys | Ours::Resource) => vec![Method::GET],
        _ => match asked(&Method::OPTIONS) {
            Some(Ours::Endpoint(Endpoint::Options(allowed))) => listed(allowed.methods),
            Some(Ours::OAuth(endpoint)) => listed(oauth::methods(endpoint)),
            _ => policy.methods_at(&admitted.path),
        },
    };
    Some(crossing.preflight(&admitted.headers, methods, &Reader::of(admitted)))
}

/// Methods of an `Allow`.
fn listed(methods: &str) -> Vec<Method> {
    methods.split(',').filter_map(|method| method.trim().parse().ok()).collect()
}

/// The endpoint of ours that a request is for, if any. `jwks_path` is where the assertion keys are published.
pub fn recognise(policy: &Policy, jwks_path: Option<&str>, admitted: &Admitted) -> Option<Ours> {
    recognise_as(policy, jwks_path, At::of(admitted), &admitted.method)
}

/// As if it had this method.
fn recognise_as(policy: &Policy, jwks_path: Option<&str>, at: At<'_>, method: &Method) -> Option<Ours> {
    let path = at.path;
    if let Some(endpoint) = policy.oauth.as_ref().and_then(|oauth| oauth.endpoint(path)) {
        return Some(Ours::OAuth(endpoint));
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        if jwks_path == Some(path) {
            return Some(Ours::Keys);
        }
        if policy.serve.jwt && path == TOKEN_KEYS_PATH {
            return Some(Ours::TokenKeys);
        }
        if policy.protected_at(at.host, path).is_some() {
            return Some(Ours::Resource);
        }
    }
    let endpoint = api::recognise(policy, method, path, at.dialect, at.prefix).map(Ours::Endpoint);
    endpoint.or_else(|| options(policy, method, path, at.dialect))
}

/// OPTIONS on a route of the Ibexa dialect, unless a rule speaks about that method, too.
fn options(policy: &Policy, method: &Method, path: &str, dialect: Dialect) -> Option<Ours> {
    if dialect != Dialect::Ibexa || *method != Method::OPTIONS || policy.routes.find(method, path).is_some() {
        return None;
    }
    let methods = policy.routes.methods_at(path);
    let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(",");
    (!allow.is_empty()).then(|| HeaderValue::try_from(allow).ok().map(Ours::Options)).flatten()
}

impl Gateway {
    /// The answer of an endpoint of ours. It too needs a permit.
    pub(super) async fn answer_ourselves(
        &self,
        ours: Ours,
        policy: &Arc<Policy>,
        mut admitted: Box<Admitted>,
        firewall: &Firewall,
        permit: &Permit,
        identified: &Identified,
    ) -> Response<Body> {
        let body = mem::take(&mut admitted.body);
        let call = self.call(policy, &admitted, body, firewall, permit, identified);
        let tokens = self.parts.auth.tokens();
        let reads = matches!(admitted.method, Method::GET | Method::HEAD);
        match (ours, &policy.oauth) {
            (Ours::Endpoint(endpoint), _) => endpoint.run(call).await,
            (Ours::Options(allow), _) => answer::options(allow),
            (Ours::Keys, _) => published(&self.parts.auth.assertion_keys(), KEY_SET, &admitted.headers),
            (Ours::TokenKeys, _) => token_keys(tokens.web_key_set().await, &admitted),
            (Ours::Resource, _) => resource(policy, &admitted),
            (Ours::OAuth(OAuthEndpoint::Keys), Some(_)) if reads => token_keys(tokens.oauth_key_set().await, &admitted),
            (Ours::OAuth(endpoint), Some(settings)) => oauth::answer(endpoint, settings, call).await,
            // Only a policy with such a server recognises one of its endpoints.
            (Ours::OAuth(_), None) => call.refuse(Reason::NoRoute),
        }
    }

    /// The answer of a route rule that is ours to serve.
    pub(super) async fn answer_route(
        &self,
        policy: &Arc<Policy>,
        mut admitted: Box<Admitted>,
        firewall: &Firewall,
        found: &Found<'_>,
        permit: &Permit,
        identified: &Identified,
    ) -> Response<Body> {
        let body = mem::take(&mut admitted.body);
        let call = self.call(policy, &admitted, body, firewall, permit, identified);
        magento::answer(call, permit, found.store).await
    }

    /// What endpoints of ours see of a request.
    fn call<'c>(
        &'c self,
        policy: &'c Arc<Policy>,
        admitted: &'c Admitted,
        body: Body,
        firewall: &'c Firewall,
        permit: &'c Permit,
        identified: &'c Identified,
    ) -> Call<'c> {
        Call {
            auth: &self.parts.auth,
            policy,
            providers: &self.parts.providers,
            recorder: &*self.parts.recorder,
            request: Asked::from(admitted),
            body,
            firewall,
            identity: permit.identity(),
            // A session that does not count (the guard made its caller a guest) is none.
            session: identified.session.as_ref().filter(|_| permit.identity().account().is_some()),
            dead: &identified.dead,
        }
    }
}

/// Keys of tokens, which nobody may be able to tell.
fn token_keys(set: Result<serde_json::Value, StoreError>, admitted: &Admitted) -> Response<Body> {
    match set {
        Ok(set) => published(&set, KEY_SET, &admitted.headers),
        Err(error) => {
            let refusal = Refusal::new(Reason::Unavailable(error.to_string().into()), false);
            let mut response = answer::refuse(&refusal, &Reader::of(admitted));
            response.extensions_mut().insert(refusal);
            response
        }
    }
}

/// What is protected here. The recogniser found it, so it is there.
fn resource(policy: &Policy, admitted: &Admitted) -> Response<Body> {
    match policy.protected_at(&admitted.host, &admitted.path) {
        Some(protected) => {
            published(&rfc9728::metadata(policy, &protected, &admitted.host), "application/json", &admitted.headers)
        }
        None => answer::refuse(&Refusal::new(Reason::NoRoute, false), &Reader::of(admitted)),
    }
}

/// The media type of sets of keys (RFC 7517 8.5.2).
const KEY_SET: &str = "application/jwk-set+json";

/// A public document, such as a set of keys. Others may keep it for a while, which is why a new key is published before it signs.
fn published(set: &serde_json::Value, kind: &'static str, headers: &HeaderMap) -> Response<Body> {
    let body = set.to_string();
    let etag = format!("\"{}\"", &sha256_hex(body.as_bytes())[..32]);
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(','));
    let same = known.map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag);
    let mut response = Response::new(if same { Body::Empty } else { Body::from(body) });
    if same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(ETAG, etag);
    }
    response.extensions_mut().insert(cors::Public);
    response
}

/// A path as it may be shown: a segment that is a session id by its form is a secret.
pub fn shown_path(path: &str) -> String {
    let shown = path.split('/').map(|segment| if session_id::is_well_formed(segment) { "{id}" } else { segment });
    shown.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_never_shown() {
        let id = session_id::generate(&doorward_crypto::system::SystemEntropy);
        assert_eq!(shown_path(&format!("/user/sessions/{id}/refresh")), "/user/sessions/{id}/refresh");
        assert_eq!(shown_path(&format!("/user/sessions/{id}")), "/user/sessions/{id}");
        assert_eq!(shown_path("/orders/5/"), "/orders/5/");
    }
}
