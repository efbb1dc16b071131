//! The token endpoint (RFC 6749 3.2): who asks, for which grant, and what comes of it.

use super::{
    Scopes,
    client::{self, Caller},
    grants,
};
use crate::{
    ErrorCode, OAuthError, Provider, rfc8705,
    rfc9068::{AccessToken, Confirmation},
    rfc9449,
};
use doorward_core::{
    Account, OAuthEndpoint,
    ports::{Client, Grant},
};
use serde::Serialize;
use std::{fmt, sync::Arc};

/// The answer (section 5.1), in the order in which Ibexa writes it (ibexa-rest 5.1). Secrets.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// How the access token is used: `Bearer` (RFC 6750) or `DPoP` (RFC 9449).
    pub token_type: &'static str,
    /// In seconds.
    pub expires_in: u64,
    /// The access token.
    pub access_token: String,
    /// With what the client gets the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Who signed in, for the client (OpenID Connect Core 3.1.3.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// What was granted, whether it is what was asked for or not.
    pub scope: String,
}

/// Without the tokens.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("expires_in", &self.expires_in).field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Tokens {
    /// An access token alone.
    pub fn new(access: &AccessToken, scopes: &Scopes) -> Self {
        Self {
            // RFC 9449 5: whoever knows nothing of proofs must not take it for a bearer token.
            token_type: if access.bound { "DPoP" } else { "Bearer" },
            expires_in: access.lifetime.as_secs(),
            access_token: access.token.clone(),
            refresh_token: None,
            id_token: None,
            scope: scopes.to_string(),
        }
    }
}

/// What a grant came to.
#[derive(Clone, Debug)]
pub struct Issued {
    /// For the client.
    pub tokens: Tokens,
    /// For whom the client acts, if not for itself.
    pub account: Option<Arc<Account>>,
}

/// What became of a request, for the answer and for the audit log.
#[derive(Debug)]
pub struct Outcome {
    /// The client, once it proved itself.
    pub client: Option<Client>,
    /// The grant that it asked for, if there is such a one.
    pub grant: Option<Grant>,
    /// The tokens, or what it is told.
    pub result: Result<Issued, OAuthError>,
}

/// Answers a request for tokens.
pub async fn answer(provider: &Provider<'_>, caller: Caller<'_>) -> Outcome {
    let client = match client::authenticate(provider, caller).await {
        Ok(client) => client,
        Err(error) => return Outcome { client: None, grant: None, result: Err(error) },
    };
    let grant = match grant(&client, caller) {
        Ok(grant) => grant,
        Err(error) => return Outcome { client: Some(client), grant: None, result: Err(error) },
    };
    let confirmation = match bound(provider, &client, caller).await {
        Ok(confirmation) => confirmation,
        Err(error) => return Outcome { client: Some(client), grant: Some(grant), result: Err(error) },
    };
    let caller = Caller { confirmation: confirmation.as_ref(), ..caller };
    let result = match grant {
        Grant::ClientCredentials => grants::client_credentials::run(provider, &client, caller).await,
        Grant::AuthorizationCode => grants::authorization_code::run(provider, &client, caller).await,
        Grant::RefreshToken => grants::refresh_token::run(provider, &client, caller).await,
        Grant::DeviceCode => grants::device_code::run(provider, &client, caller).await,
    };
    Outcome { client: Some(client), grant: Some(grant), result }
}

/// What the tokens of a request are to be bound to.
async fn bound(provider: &Provider<'_>, client: &Client, caller: Caller<'_>) -> Result<Option<Confirmation>, OAuthError> {
    let certificate = rfc8705::binding(provider, client, caller)?;
    // RFC 9449 5: whoever shows a key gets tokens that are bound to it.
    let url = caller.url(provider.settings, OAuthEndpoint::Token);
    let key = rfc9449::binding(provider, caller.headers, &url).await?.map(Confirmation::Key);
    match (certificate, key) {
        (Some(_), Some(_)) => {
            Err(OAuthError::new(ErrorCode::InvalidRequest, "The client's tokens are bound to its certificate, not to a key."))
        }
        (certificate, key) => Ok(certificate.or(key)),
    }
}

/// The grant that the client asks for and may use. Neither `password` nor what the implicit grant had is one (RFC 9700 2.4,
/// 2.1.2).
fn grant(client: &Client, caller: Caller<'_>) -> Result<Grant, OAuthError> {
    let missing = || OAuthError::new(ErrorCode::InvalidRequest, "grant_type is missing");
    let grant = Grant::parse(caller.params.get("grant_type").ok_or_else(missing)?).ok_or_else(unsupported)?;
    if client.may(grant) {
        Ok(grant)
    } else {
        Err(OAuthError::new(ErrorCode::UnauthorizedClient, "The client may not use this grant."))
    }
}

fn unsupported() -> OAuthError {
    OAuthError::new(ErrorCode::UnsupportedGrantType, "There is no such grant here.")
}

#[cfg(test)]
mod tests;
