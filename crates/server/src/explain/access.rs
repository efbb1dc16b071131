//! The access token that `--as` presumes: an opaque one, and a server that vouches for it in this command alone.

use super::credential::Presumed;
use doorward_assembly::issuers::Always;
use doorward_auth::{ClaimPath, ClientProof, IntrospectionSettings};
use doorward_core::{
    Policy,
    ports::{Clock, RemoteUrl},
};
use doorward_crypto::{session_id, system::SystemClock, system::SystemEntropy};
use http::HeaderValue;
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// Whose tokens they are, and what they are for.
const HERE: &str = "explain";

/// A token and the server that vouches for it.
pub(super) struct Granted {
    /// The token. It counts in this command alone.
    pub(super) token: String,
    /// What it is good for.
    pub(super) scopes: Vec<Arc<str>>,
    /// Who says so.
    pub(super) server: IntrospectionSettings,
}

impl Granted {
    /// One that is good for these scopes or, without any, for all that rules demand. `None` never comes of these constants.
    pub(super) fn to(presumed: &Presumed, policy: &Policy, scopes: &[String]) -> Option<Self> {
        let scopes = if scopes.is_empty() { demanded(policy) } else { scopes.iter().map(|name| name.as_str().into()).collect() };
        let audience: Vec<&str> =
            policy.firewalls.iter().flat_map(|firewall| &firewall.access.audience).map(|name| &**name).chain([HERE]).collect();
        let says = json!({
            "active": presumed.record.enabled, "aud": audience, "iat": SystemClock.now().seconds(), "scope": scopes.join(" "),
            "username": &*presumed.record.account.login,
        });
        let server = IntrospectionSettings {
            issuer: HERE.into(),
            endpoint: RemoteUrl::parse("http://localhost/").ok()?,
            fetch: Arc::new(Always(says.to_string())),
            proof: ClientProof::Header(HeaderValue::from_static(HERE)),
            client: HERE.into(),
            audience: [HERE.into()].into(),
            directory: Arc::clone(&presumed.directory.name),
            login: Some(ClaimPath::new(["username"])?),
            roles: None,
            leeway: Duration::ZERO,
            timeout: Duration::from_secs(1),
            cache: Duration::from_secs(60),
        };
        Some(Self { token: session_id::generate(&SystemEntropy), scopes, server })
    }
}

/// All that any rule demands, each once.
fn demanded(policy: &Policy) -> Vec<Arc<str>> {
    let routes = policy.routes.native.iter().flat_map(|rule| &rule.scopes);
    let mut all: Vec<Arc<str>> = policy.access.iter().flat_map(|rule| &rule.scopes).chain(routes).cloned().collect();
    all.sort_unstable();
    all.dedup();
    all
}
