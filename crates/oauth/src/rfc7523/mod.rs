//! A client proves itself by a token that its own key signed (RFC 7523 2.2, 3; OpenID Connect Core 9, `private_key_jwt`).

use crate::{OAuthError, Provider};
use doorward_core::{
    OAuthEndpoint, Time,
    ports::{Client, SpentUse},
};
use doorward_crypto::{
    jwt::{KeySet, Rules, Unverified, Verified},
    sha256,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// `client_assertion_type` (section 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead an assertion may end: its `jti` is remembered for so long. It is what libraries of clients say by themselves.
const LONGEST: Duration = Duration::from_secs(3600);
/// By how much clocks may differ.
const LEEWAY: Duration = Duration::from_secs(10);
/// How long a `jti` may be, in bytes.
const LONGEST_JTI: usize = 256;

/// The client that an assertion names, unverified: good for finding its keys, and for nothing else.
pub fn claimed(assertion: &str) -> Option<String> {
    Unverified::parse(assertion).ok()?.issuer().map(str::to_owned)
}

/// Whether an assertion is this client's, for us, and was never used before (section 3). Its `jti` is used up by this.
///
/// # Errors
/// `invalid_client`; the reason is for the operator.
pub async fn verify(provider: &Provider<'_>, client: &Client, assertion: &str) -> Result<(), OAuthError> {
    let (key, ends) = read(provider, client, assertion).map_err(OAuthError::client)?;
    // Last, so that nobody without the key can use one up (GHSA-3p3g-vpw6-4w66).
    let first = provider.store().spend(SpentUse::ClientAssertion, &key, ends + LEEWAY, provider.now()).await?;
    if first { Ok(()) } else { Err(OAuthError::client("its assertion was used before")) }
}

/// The key of its `jti`, and when it ends.
fn read(provider: &Provider<'_>, client: &Client, assertion: &str) -> Result<([u8; 32], Time), &'static str> {
    let settings = provider.settings;
    let keys = client.jwks.as_ref().and_then(|jwks| KeySet::parse(jwks.as_bytes()).ok()).ok_or("it has no keys")?;
    let mut audience: Vec<Arc<str>> = vec![Arc::clone(&settings.issuer)];
    audience.extend(settings.url(OAuthEndpoint::Token).map(Arc::from));
    audience.extend(settings.mtls_url(OAuthEndpoint::Token).map(Arc::from));
    let rules = Rules {
        // Sections 3.1, 3.2: `iss` and `sub` are the client.
        issuer: Some(&client.id),
        audience: &audience,
        leeway: LEEWAY,
        types: &["client-authentication+jwt"],
        ..Rules::default()
    };
    let now = provider.now();
    let unverified = Unverified::parse(assertion).map_err(|bad| bad.text())?;
    let Verified { claims, .. } = unverified.verify(&keys.keys, &rules, now).map_err(|bad| bad.text())?;
    if claims.text("sub") != Some(&client.id) {
        return Err("the `sub` of its assertion is another one");
    }
    // Whoever else reads an assertion for several could use it here.
    if claims.get("aud").and_then(Value::as_array).is_some_and(|list| list.len() != 1) {
        return Err("its assertion is for somebody else, too");
    }
    if claims.expires > now + LONGEST + LEEWAY {
        return Err("its assertion lasts too long");
    }
    let jti = claims.text("jti").filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI).ok_or("its assertion has no `jti`")?;
    Ok((sha256(format!("{}\0{jti}", client.id).as_bytes()), claims.expires))
}

#[cfg(test)]
mod tests;
