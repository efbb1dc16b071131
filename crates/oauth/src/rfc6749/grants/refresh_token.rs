//! A refresh token (RFC 6749 6). It works once, and the next one takes its place (RFC 9700 4.14.2).

use super::person::{self, Issue, key, no_grant};
use crate::{
    OAuthError, Provider,
    rfc6749::{client::Caller, token::Issued},
};
use doorward_core::ports::{Client, Once};

/// Runs the grant for a client that proved itself and may use it.
pub(in crate::rfc6749) async fn run(provider: &Provider<'_>, client: &Client, caller: Caller<'_>) -> Result<Issued, OAuthError> {
    let token = key(person::required(caller, "refresh_token")?);
    let grants = provider.store().grants();
    let found = grants.refresh_token(&token).await?.filter(|refresh| refresh.authorization.client == client.id);
    // Section 6: the token must have been issued to this client.
    let found = found.ok_or_else(|| no_grant("there is no such refresh token for this client"))?;
    // What is wrong with the request is told before the token is used up.
    let grounded = if found.used {
        None
    } else {
        person::check(provider, client, caller, &found.authorization)?;
        if !found.authorization.is_upheld_by(client) {
            return Err(no_grant("its client may no longer act for people in the way by which it was allowed to"));
        }
        // RFC 9449 5, RFC 8705 4: whoever stole it has not the key.
        if found.authorization.binding.is_some() && found.authorization.binding != caller.binding() {
            return Err(no_grant("the refresh token is bound to another key or certificate"));
        }
        Some(person::grounds(provider, &found.authorization, caller.address).await?)
    };
    let next = person::secret(provider);
    match (grants.rotate_refresh(&token, &key(&next), provider.now()).await?, grounded) {
        (Once::First(authorization), Some(grounded)) => {
            let issue = Issue { authorization: &authorization, grounded, nonce: None, refresh: Some(next) };
            person::issue(provider, client, caller, issue).await
        }
        (Once::Never, _) => Err(no_grant("the refresh token has expired, or its session ended")),
        (Once::Again | Once::First(_), _) => {
            provider.auth.apply_changes().await?;
            Err(no_grant("the refresh token was used before: all that came of it has ended"))
        }
    }
}
