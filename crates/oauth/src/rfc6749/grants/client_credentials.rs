//! A client for itself (RFC 6749 4.4).

use crate::{
    ErrorCode, OAuthError, Provider,
    rfc6749::{
        client::Caller,
        token::{Issued, Tokens},
    },
    rfc9068::{self, Draft},
};
use doorward_core::ports::Client;

/// Runs the grant for a client that proved itself and may use it.
pub(in crate::rfc6749) async fn run(provider: &Provider<'_>, client: &Client, caller: Caller<'_>) -> Result<Issued, OAuthError> {
    // Section 4.4: only for those that can prove who they are.
    if client.is_public() {
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "A public client has no tokens of its own."));
    }
    let scopes = super::scopes(provider, client, caller.params.get("scope"))?;
    let audience = super::audience(provider, caller.params)?;
    let dated = provider.dated(client).await?;
    let draft = Draft {
        client,
        account: None,
        authenticated: None,
        scopes: &scopes,
        audience: &audience,
        confirmation: caller.confirmation,
        authorization: None,
        dated,
    };
    let access = rfc9068::issue(provider, draft).await?;
    // Section 4.4.3: no refresh token; the client can ask again.
    Ok(Issued { tokens: Tokens::new(&access, &scopes), account: None })
}
