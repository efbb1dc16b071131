//! Clients that register themselves (RFC 7591), each with an initial access token that somebody gave them (section 3): there is
//! no open registration. Nothing that they name is ever fetched.
//!
//! Clients are managed by `doorward client`; there is no endpoint for that (RFC 7592).

mod metadata;

pub use metadata::Metadata;

use crate::{Provider, rfc6749::client::hash_secret, rfc6749::grants::person::key};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    oauth::Registration,
    ports::{Client, Grant, Registering, StoreError},
};
use doorward_crypto::random;
use serde_json::{Map, Value, json};
use std::{borrow::Cow, fmt, net::IpAddr, sync::Arc, time::Duration};

/// Why a client is not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No initial access token came along (RFC 6750 3: whoever showed nothing is told nothing).
    #[error("there is no initial access token")]
    NoToken,
    /// It is none, or none any more.
    #[error("the initial access token is none that counts")]
    Token,
    /// `invalid_redirect_uri` (section 3.2.2).
    #[error("{0}")]
    Redirect(Cow<'static, str>),
    /// `invalid_client_metadata` (section 3.2.2).
    #[error("{0}")]
    Metadata(Cow<'static, str>),
    /// As many have registered as may.
    #[error("as many clients have registered as `registration_limit` allows")]
    Full,
    /// Too many failed from where the request comes.
    #[error("too many attempts failed")]
    TooMany(Duration),
    /// It cannot be known now.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

/// A client that registered itself, and what it is told.
pub struct Registered {
    /// The client.
    pub client: Client,
    /// The answer (section 3.2.1). It holds the secret, which is never shown again.
    pub answer: Value,
}

/// Without the answer.
impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Registers a client that has an initial access token.
///
/// # Errors
/// When the token does not count, or the client asks for what it may not have.
pub async fn register(
    provider: &Provider<'_>,
    rules: &Registration,
    bearer: Option<&str>,
    body: &[u8],
    address: IpAddr,
) -> Result<Registered, Refused> {
    let (throttle, now) = (provider.auth.throttle(), provider.now());
    throttle.begin(address, now).map_err(Refused::TooMany)?;
    let bearer = key(bearer.ok_or(Refused::NoToken)?);
    let refused = || {
        throttle.note_failure(address, now);
        Refused::Token
    };
    // Before the body is looked at: a stranger learns nothing of what would be taken.
    let token = provider.store().registration_token(&bearer, now).await?.ok_or_else(refused)?;
    let metadata = Metadata::parse(provider, rules, &token.scopes, body)?;
    let id: Arc<str> = format!("reg-{}", URL_SAFE_NO_PAD.encode(random::<16>(provider.auth.entropy()))).into();
    let secret = metadata.method.is_by_secret().then(|| crate::secret(provider));
    let client = Client {
        name: metadata.name.clone().unwrap_or_else(|| Arc::clone(&id)),
        id,
        method: metadata.method,
        secret: secret.as_ref().map(|secret| hash_secret(secret).into()),
        jwks: metadata.jwks.clone(),
        certificate: None,
        certificate_bound: metadata.certificate_bound,
        redirect_uris: metadata.redirect_uris.clone(),
        post_logout_redirect_uris: metadata.post_logout_redirect_uris.clone(),
        grants: metadata.grants.clone(),
        scopes: metadata.scopes.clone(),
        resources: Vec::new(),
        registered: Some(token.id),
        enabled: true,
        tokens_not_before: now,
        created: now,
        updated: now,
    };
    match provider.store().register_client(&client, &bearer, rules.most, now).await? {
        Registering::Done => {
            provider.auth.apply_changes().await?;
            let answer = answer(&client, secret.as_deref());
            Ok(Registered { client, answer })
        }
        Registering::Full => Err(Refused::Full),
        // Somebody else was quicker.
        Registering::Never => Err(refused()),
    }
}

/// Section 3.2.1: everything that was registered, whether it was asked for or not.
fn answer(client: &Client, secret: Option<&str>) -> Value {
    let mut said = Map::new();
    let mut say = |name: &str, value: Value| drop(said.insert(name.to_owned(), value));
    say("client_id", (*client.id).into());
    if let Some(secret) = secret {
        say("client_secret", secret.into());
        // It does not expire.
        say("client_secret_expires_at", 0.into());
    }
    say("client_id_issued_at", client.created.seconds().into());
    say("client_name", (*client.name).into());
    say("token_endpoint_auth_method", client.method.as_str().into());
    say("grant_types", client.grants.iter().map(|grant| grant.as_str()).collect());
    say("response_types", if client.may(Grant::AuthorizationCode) { json!(["code"]) } else { json!([]) });
    say("redirect_uris", json!(client.redirect_uris));
    if !client.post_logout_redirect_uris.is_empty() {
        say("post_logout_redirect_uris", json!(client.post_logout_redirect_uris));
    }
    say("scope", client.scopes.join(" ").into());
    if let Some(jwks) = client.jwks.as_ref().and_then(|jwks| serde_json::from_str(jwks).ok()) {
        say("jwks", jwks);
    }
    if client.certificate_bound {
        say("tls_client_certificate_bound_access_tokens", true.into());
    }
    Value::Object(said)
}

#[cfg(test)]
mod tests;
