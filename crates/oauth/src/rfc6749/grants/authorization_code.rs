//! A code that a person's browser brought (RFC 6749 4.1.3).

use super::person::{self, Issue, key, no_grant};
use crate::{
    OAuthError, Provider,
    rfc6749::{client::Caller, token::Issued},
    rfc7636::{Challenge, Verifier},
};
use doorward_core::ports::{Authorization, Client, Code, Once};

/// Runs the grant for a client that proved itself and may use it.
pub(in crate::rfc6749) async fn run(provider: &Provider<'_>, client: &Client, caller: Caller<'_>) -> Result<Issued, OAuthError> {
    let (code, verifier) = (key(person::required(caller, "code")?), person::required(caller, "code_verifier")?);
    let grants = provider.store().grants();
    let found = grants.code(&code).await?.filter(|(_, authorization)| authorization.client == client.id);
    // Section 4.1.3: the code must have been issued to this client.
    let (known, authorization) = found.ok_or_else(|| no_grant("there is no such code for this client"))?;
    if let Err(why) = fits(&known, &authorization, caller, verifier) {
        // Somebody has the code who did not ask for it (RFC 9700 4.5): it is worth nothing any more.
        person::end(provider, &authorization).await?;
        return Err(no_grant(why));
    }
    let grounded = person::grounds(provider, &authorization, caller.address).await?;
    let refresh = person::first_refresh(provider, client);
    let next = refresh.as_deref().map(key);
    match grants.redeem_code(&code, person::binding(client, caller), next.as_ref(), provider.now()).await? {
        Once::First(authorization) => {
            let nonce = known.nonce.as_deref();
            person::issue(provider, client, caller, Issue { authorization: &authorization, grounded, nonce, refresh }).await
        }
        Once::Again => {
            provider.auth.apply_changes().await?;
            Err(no_grant("the code was used before: what it gave has ended"))
        }
        Once::Never => Err(no_grant("the code has expired, or its session ended")),
    }
}

/// Whether the request is from whoever asked for the code.
fn fits(code: &Code, _: &Authorization, caller: Caller<'_>, verifier: &str) -> Result<(), &'static str> {
    // Section 4.1.3: identical, if the authorization request named it.
    let named = caller.params.get("redirect_uri");
    if named.is_some_and(|uri| *uri != *code.redirect_uri) || (code.named && named.is_none()) {
        return Err("`redirect_uri` is not that of the authorization request");
    }
    // RFC 7636 4.6.
    let challenge = Challenge::from_bytes(code.challenge);
    if !Verifier::parse(verifier).is_some_and(|verifier| challenge.verify(&verifier)) {
        return Err("`code_verifier` does not fit");
    }
    // RFC 9449 10: the code is for the key that its request named.
    if code.dpop_jkt.as_ref().is_some_and(|named| caller.key() != Some(named)) {
        return Err("the code is bound to another key");
    }
    Ok(())
}
