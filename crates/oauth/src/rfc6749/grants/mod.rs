//! The ways to a token, a file for each, and what all of them ask.

pub(super) mod authorization_code;
pub(super) mod client_credentials;
pub(super) mod device_code;
pub(crate) mod person;
pub(super) mod refresh_token;

use super::{Parameters, Scopes};
use crate::{ErrorCode, OAuthError, Provider, rfc8707};
use doorward_core::ports::Client;
use std::sync::Arc;

/// What a client gets that asks for these scopes, or for none: never more than the configuration knows and the client may have
/// (RFC 9700 2.3), and never less than it asked for.
///
/// # Errors
/// `invalid_scope` (RFC 6749 5.2), also where nothing was asked for and there is no usual one for the client.
pub fn scopes(provider: &Provider<'_>, client: &Client, asked: Option<&str>) -> Result<Scopes, OAuthError> {
    let settings = provider.settings;
    let may = |name: &str| settings.grants(client, name);
    let invalid = |text| OAuthError::new(ErrorCode::InvalidScope, text);
    let Some(asked) = asked else {
        let usual: Scopes = settings.default_scopes.iter().filter(|name| may(name)).cloned().collect();
        return if usual.is_empty() { Err(invalid("The client has to say which scope it wants.")) } else { Ok(usual) };
    };
    let asked = Scopes::parse(asked).map_err(|bad| OAuthError::new(ErrorCode::InvalidScope, bad.to_string()))?;
    if asked.iter().all(may) { Ok(asked) } else { Err(invalid("The client may not have one of these scopes.")) }
}

/// The `aud` of the token that a request asks for.
///
/// # Errors
/// `invalid_target` (RFC 8707 2).
pub(super) fn audience(provider: &Provider<'_>, params: &Parameters) -> Result<Vec<Arc<str>>, OAuthError> {
    let named = rfc8707::parse(params.all(rfc8707::PARAMETER));
    let named = named.map_err(|bad| OAuthError::new(ErrorCode::InvalidTarget, bad.to_string()))?;
    rfc8707::audience(provider, &named)
}

#[cfg(test)]
mod tests;
