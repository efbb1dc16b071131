//! What a provider says of itself (OpenID Connect Discovery 1.0).

use doorward_core::ports::{FetchError, RemoteUrl};
use doorward_crypto::jwt::Algorithm;
use serde_json::{Map, Value};

/// Where the document is: below the issuer (Discovery 4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// The document, as far as it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) authorization_endpoint: RemoteUrl,
    pub(super) token_endpoint: RemoteUrl,
    pub(super) userinfo_endpoint: Option<RemoteUrl>,
    pub(super) jwks_uri: RemoteUrl,
    /// Whether answers name the issuer (RFC 9207 3).
    pub(super) names_itself: bool,
    /// How a client proves who it is.
    pub(super) proof: ClientProof,
}

/// How a client that has a secret shows it at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientProof {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
    /// Neither of both.
    Other,
}

/// The document's URL (Discovery 4): the issuer without a slash at its end, and the path.
pub(super) fn url(issuer: &str) -> Result<RemoteUrl, &'static str> {
    RemoteUrl::parse(&[issuer.strip_suffix('/').unwrap_or(issuer), WELL_KNOWN].concat())
}

impl Metadata {
    /// Reads the document of this issuer.
    ///
    /// # Errors
    /// What is wrong with it; the text is about the provider.
    pub(super) fn read(json: &[u8], issuer: &str) -> Result<Self, FetchError> {
        let all: Map<String, Value> =
            serde_json::from_slice(json).map_err(|_| FetchError::new("its discovery document is no JSON object"))?;
        // Discovery 4.3, ASVS 10.5.3: else anybody could publish a document that names somebody else's endpoints.
        if all.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(FetchError::new("its discovery document names another issuer"));
        }
        lists(&all, "response_types_supported", "code")?;
        let ours = Algorithm::PUBLIC.map(Algorithm::as_str);
        let signs = texts(&all, "id_token_signing_alg_values_supported");
        if signs.is_some_and(|algorithms| !algorithms.iter().any(|name| ours.contains(name))) {
            return Err(FetchError::new("it signs ID tokens by none of EdDSA, ES256, ES384, PS256 and RS256"));
        }
        Ok(Self {
            authorization_endpoint: required(&all, "authorization_endpoint")?,
            token_endpoint: required(&all, "token_endpoint")?,
            userinfo_endpoint: endpoint(&all, "userinfo_endpoint")?,
            jwks_uri: required(&all, "jwks_uri")?,
            names_itself: all.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
            proof: proof(&all),
        })
    }
}

/// Left out, it means `client_secret_basic` (Discovery 3).
fn proof(all: &Map<String, Value>) -> ClientProof {
    match texts(all, "token_endpoint_auth_methods_supported") {
        None => ClientProof::Basic,
        Some(methods) if methods.contains(&"client_secret_basic") => ClientProof::Basic,
        Some(methods) if methods.contains(&"client_secret_post") => ClientProof::Post,
        Some(_) => ClientProof::Other,
    }
}

/// A list that is there must hold the word.
fn lists(all: &Map<String, Value>, name: &str, word: &str) -> Result<(), FetchError> {
    match texts(all, name) {
        Some(list) if !list.contains(&word) => Err(FetchError::new(format!("its `{name}` do not hold `{word}`"))),
        _ => Ok(()),
    }
}

fn texts<'a>(all: &'a Map<String, Value>, name: &str) -> Option<Vec<&'a str>> {
    Some(all.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
}

fn required(all: &Map<String, Value>, name: &str) -> Result<RemoteUrl, FetchError> {
    endpoint(all, name)?.ok_or_else(|| FetchError::new(format!("its discovery document has no `{name}`")))
}

fn endpoint(all: &Map<String, Value>, name: &str) -> Result<Option<RemoteUrl>, FetchError> {
    let Some(value) = all.get(name) else { return Ok(None) };
    let url = value.as_str().ok_or("is no URL").and_then(RemoteUrl::parse);
    url.map(Some).map_err(|why| FetchError::new(format!("its `{name}` {why}")))
}
