//! A code that a person typed elsewhere (RFC 8628 3.4).

use super::person::{self, Issue, key, no_grant};
use crate::{
    ErrorCode, OAuthError, Provider,
    rfc6749::{client::Caller, token::Issued},
};
use doorward_core::ports::{Client, Polled};

/// Runs the grant for a client that proved itself and may use it.
pub(in crate::rfc6749) async fn run(provider: &Provider<'_>, client: &Client, caller: Caller<'_>) -> Result<Issued, OAuthError> {
    let device = key(person::required(caller, "device_code")?);
    let refresh = person::first_refresh(provider, client);
    let next = refresh.as_deref().map(key);
    let (grants, binding) = (provider.store().grants(), person::binding(client, caller));
    match grants.poll_device(&device, &client.id, binding, next.as_ref(), provider.now()).await? {
        Polled::Pending => Err(OAuthError::new(ErrorCode::AuthorizationPending, "Nobody decided yet.")),
        Polled::SlowDown => Err(OAuthError::new(ErrorCode::SlowDown, "Ask less often: the interval is five seconds longer now.")),
        Polled::Denied => Err(OAuthError::new(ErrorCode::AccessDenied, "The person said no.")),
        Polled::Expired => Err(OAuthError::new(ErrorCode::ExpiredToken, "The device code has expired.")),
        Polled::Never => Err(no_grant("there is no such device code for this client, or its session ended")),
        Polled::Allowed(authorization) => {
            // The person may have been locked or disabled since (CVE-2026-88770).
            let grounded = person::grounds(provider, &authorization, caller.address).await?;
            let issue = Issue { authorization: &authorization, grounded, nonce: None, refresh };
            person::issue(provider, client, caller, issue).await
        }
    }
}
