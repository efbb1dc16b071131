//! What clients have to know of the server (RFC 8414 2, OpenID Connect Discovery 3): exactly what is there, and no more.

use crate::{Provider, oidc, rfc9449};
use doorward_core::{
    OAuthEndpoint,
    ports::{ClientMethod, Grant},
};
use doorward_crypto::jwt::Algorithm;
use serde_json::{Map, Value, json};

/// The methods by which clients prove themselves.
const METHODS: [ClientMethod; 4] =
    [ClientMethod::None, ClientMethod::SecretBasic, ClientMethod::SecretPost, ClientMethod::PrivateKeyJwt];
/// The grants that there are.
const GRANTS: [Grant; 4] = Grant::ALL;
/// The endpoints that are named, if they are there.
const ENDPOINTS: [(&str, OAuthEndpoint); 10] = [
    ("authorization_endpoint", OAuthEndpoint::Authorize),
    ("token_endpoint", OAuthEndpoint::Token),
    ("jwks_uri", OAuthEndpoint::Keys),
    ("introspection_endpoint", OAuthEndpoint::Introspect),
    ("revocation_endpoint", OAuthEndpoint::Revoke),
    ("pushed_authorization_request_endpoint", OAuthEndpoint::Pushed),
    ("device_authorization_endpoint", OAuthEndpoint::DeviceAuthorization),
    ("registration_endpoint", OAuthEndpoint::Register),
    ("userinfo_endpoint", OAuthEndpoint::UserInfo),
    ("end_session_endpoint", OAuthEndpoint::EndSession),
];
/// Those at which a certificate may count.
const CALLED_BY_CLIENTS: [OAuthEndpoint; 6] = [
    OAuthEndpoint::Token,
    OAuthEndpoint::Introspect,
    OAuthEndpoint::Revoke,
    OAuthEndpoint::Pushed,
    OAuthEndpoint::DeviceAuthorization,
    OAuthEndpoint::UserInfo,
];
/// What assertions of clients may be signed with.
const ALGORITHMS: [Algorithm; 5] = Algorithm::PUBLIC;

/// The document, which is the same at both places.
pub fn metadata(provider: &Provider<'_>) -> Value {
    let settings = provider.settings;
    let mut all = Map::new();
    let mut say = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    say("issuer", (*settings.issuer).into());
    for (name, endpoint) in ENDPOINTS {
        if let Some(url) = settings.url(endpoint) {
            say(name, url.into());
        }
    }
    // Where nobody is asked for a certificate, none proves anything.
    let certificate = settings.mtls.is_some().then_some(ClientMethod::TlsClientAuth);
    let methods: Vec<&str> = METHODS.iter().copied().chain(certificate).map(ClientMethod::as_str).collect();
    let proving: Vec<&str> = methods.iter().copied().filter(|method| *method != "none").collect();
    let names: Vec<&str> = settings.scopes.iter().map(|scope| &*scope.name).collect();
    say("scopes_supported", json!(names));
    say("response_types_supported", json!(["code"]));
    say("response_modes_supported", json!(["query"]));
    say("grant_types_supported", GRANTS.iter().map(|grant| grant.as_str()).collect::<Value>());
    say("code_challenge_methods_supported", json!(["S256"]));
    say("authorization_response_iss_parameter_supported", true.into());
    say("token_endpoint_auth_methods_supported", json!(methods));
    say("revocation_endpoint_auth_methods_supported", json!(methods));
    say("introspection_endpoint_auth_methods_supported", json!(proving));
    for endpoint in ["token", "revocation", "introspection"] {
        say(&format!("{endpoint}_endpoint_auth_signing_alg_values_supported"), json!(ALGORITHMS.map(Algorithm::as_str)));
    }
    if settings.mtls.is_some() {
        // RFC 8705 3.3, 5.
        say("tls_client_certificate_bound_access_tokens", true.into());
        let aliases: Map<String, Value> = ENDPOINTS
            .iter()
            .filter(|(_, endpoint)| CALLED_BY_CLIENTS.contains(endpoint))
            .filter_map(|(name, endpoint)| Some(((*name).to_owned(), settings.mtls_url(*endpoint)?.into())))
            .collect();
        if !aliases.is_empty() {
            say("mtls_endpoint_aliases", aliases.into());
        }
    }
    if settings.require_pushed {
        // RFC 9126 5.
        say("require_pushed_authorization_requests", true.into());
    }
    say("dpop_signing_alg_values_supported", json!(rfc9449::ALGORITHMS));
    say("subject_types_supported", json!(["public"]));
    say("id_token_signing_alg_values_supported", json!(provider.auth.tokens().oauth_algorithms()));
    say("acr_values_supported", json!([oidc::id_token::ACR]));
    say("prompt_values_supported", json!(["none", "login", "consent", "select_account"]));
    say(
        "claims_supported",
        json!([
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "acr",
            "amr",
            "at_hash",
            "sid",
            "preferred_username",
            "updated_at",
            "email",
            "email_verified"
        ]),
    );
    say("request_parameter_supported", false.into());
    say("request_uri_parameter_supported", false.into());
    Value::Object(all)
}
