//! Tokens by which an application behind us learns who is calling, made as it makes them itself.

use crate::{Auth, LiveSession, Standing, assertions::Assertions};
use doorward_core::{
    Account, Identity, Time, UpstreamIdentity,
    policy::Upstream,
    upstream_identity::{SharedKey, Signing},
};
use doorward_crypto::{
    assertion::LIFETIME,
    ibexa_token::{self, IbexaClaims},
    user_token::{Algorithm, TokenSigner, UserClaims},
};
use http::HeaderValue;
use std::sync::Arc;

/// The `kid` of the one key that Magento signs with (magento-webapi 6.5).
const MAGENTO_KID: &str = "1";

/// How a token is made of a key, an account and its seconds.
type Make = fn(&SharedKey, &Account, u64, u64) -> Option<String>;

impl Auth {
    /// `Authorization` for an upstream that has tokens of its own: `Bearer` and a token of 60 s. The same one serves a
    /// session for half its life, and is dropped with the session's assertions. `None` for guests, for accounts that the
    /// upstream does not know, and for upstreams without such tokens: they see a guest.
    pub fn upstream_token(&self, live: Option<&LiveSession>, identity: &Identity, upstream: &Upstream) -> Option<HeaderValue> {
        self.token_for(live.map(|live| (live.account(), &live.assertions)), identity, upstream)
    }

    /// The same for whoever was proved in another way; it is dropped with what was proved.
    pub fn upstream_token_of(&self, standing: &Standing, identity: &Identity, upstream: &Upstream) -> Option<HeaderValue> {
        self.token_for(Some((standing.account(), &standing.assertions())), identity, upstream)
    }

    /// `slot` is where it is kept, and whose that is.
    fn token_for(
        &self,
        slot: Option<(Arc<Account>, &Assertions)>,
        identity: &Identity,
        upstream: &Upstream,
    ) -> Option<HeaderValue> {
        let (kind, signing, make): (_, &Signing, Make) = match &upstream.identity {
            UpstreamIdentity::Doorward => return None,
            UpstreamIdentity::MagentoJwt(signing) => ("magento-jwt", signing, magento),
            UpstreamIdentity::IbexaJwt(signing) => ("ibexa-jwt", signing, ibexa),
        };
        let account = identity.account()?;
        if !signing.directories.contains(&account.directory) {
            return None;
        }
        let now = self.clock().now();
        let sign = || bearer(make, &signing.key, account, now);
        match slot {
            // The slot must be about this very account, else the token is made for this request alone.
            Some((owner, slot)) if *owner == **account => slot.get_or_sign(&upstream.name, kind, Some(&signing.key), now, sign),
            _ => sign(),
        }
    }
}

fn bearer(make: Make, key: &SharedKey, account: &Account, now: Time) -> Option<HeaderValue> {
    let iat = now.seconds();
    let token = make(key, account, iat, iat.saturating_add(LIFETIME.as_secs()))?;
    let mut value = HeaderValue::from_maybe_shared(format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn magento(key: &SharedKey, account: &Account, iat: u64, exp: u64) -> Option<String> {
    let signer = TokenSigner::padded(MAGENTO_KID, key.bytes(), Algorithm::Hs256);
    signer.sign(&UserClaims { kind: account.kind, uid: account.id, iat, exp })
}

fn ibexa(key: &SharedKey, account: &Account, iat: u64, exp: u64) -> Option<String> {
    Some(ibexa_token::sign(key.bytes(), &IbexaClaims { username: &account.login, iat, exp }))
}

#[cfg(test)]
mod tests;
