//! What clients have to know of an API that takes access tokens (RFC 9728 2): what is there, and no more.

use crate::rfc9449;
use doorward_core::{Policy, possession::Demand, protected::Protected};
use serde_json::{Map, Value, json};

/// The document about what is protected at this host.
pub fn metadata(policy: &Policy, protected: &Protected<'_>, host: &str) -> Value {
    let mut all = Map::new();
    let mut say = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    say("resource", json!(&*protected.resource));
    let asked = |directory: &str| {
        protected.firewalls.iter().any(|firewall| firewall.directories.iter().any(|asked| **asked == *directory))
    };
    let own = policy.oauth.iter().map(|oauth| &*oauth.issuer);
    let others = policy.issuers.iter().filter(|issuer| asked(&issuer.directory)).map(|issuer| &*issuer.issuer);
    let mut issuers: Vec<&str> = Vec::new();
    for issuer in own.chain(others) {
        if !issuers.contains(&issuer) {
            issuers.push(issuer);
        }
    }
    // Section 3.2: what would be empty is left out.
    if !issuers.is_empty() {
        say("authorization_servers", json!(issuers));
    }
    let scopes: Vec<&str> = policy.scopes_at(host).into_iter().map(|scope| &**scope).collect();
    if !scopes.is_empty() {
        say("scopes_supported", json!(scopes));
    }
    // Neither a form nor a query is looked at (RFC 9700 4.3.2).
    say("bearer_methods_supported", json!(["header"]));
    // RFC 9449 5.1 and RFC 8705 3.3, as section 2 names them here.
    let demands = || protected.firewalls.iter().map(|firewall| firewall.access.proof);
    if demands().any(|demand| demand != Some(Demand::Certificate)) {
        say("dpop_signing_alg_values_supported", json!(rfc9449::ALGORITHMS));
    }
    if demands().all(|demand| demand == Some(Demand::Dpop)) {
        say("dpop_bound_access_tokens_required", true.into());
    }
    if demands().flatten().any(Demand::reads_certificates) {
        say("tls_client_certificate_bound_access_tokens", true.into());
    }
    Value::Object(all)
}
