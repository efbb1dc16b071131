//! What a person allowed a client becomes an authorization, and a code for it.

use crate::{
    Provider, oidc,
    rfc6749::{
        Scopes,
        authorize::Request,
        grants::person::{key, secret},
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    Account, Time,
    ports::{Authorization, Client, Code, Device, Grant, StoreError, TokenKey},
    session::Session,
};
use doorward_crypto::{random, sha256};
use std::{sync::Arc, time::Duration};

/// Who said yes, in which session.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// The account.
    pub account: &'a Account,
    /// Its session.
    pub session: &'a Session,
}

impl Provider<'_> {
    /// A code for a request that a person said yes to. `None` when the pushed request was used up meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the session ended meanwhile; others when nobody can say.
    pub async fn code(
        &self,
        client: &Client,
        person: Person<'_>,
        request: &Request,
        pushed: Option<&TokenKey>,
    ) -> Result<Option<String>, StoreError> {
        let code = secret(self);
        let ends = self.now() + self.settings.code_lifetime;
        let (way, scopes) = (Grant::AuthorizationCode, &request.scopes);
        let authorization = self.authorization(client, person, (way, scopes, &request.resources), ends);
        let stored = Code {
            key: key(&code),
            redirect_uri: Arc::clone(&request.way.redirect_uri),
            named: request.way.named,
            challenge: request.challenge.bytes(),
            nonce: request.nonce.clone(),
            dpop_jkt: request.dpop_jkt.clone(),
            lasts: self.lasts(client),
        };
        let fresh = self.store().grants().add_code(&authorization, &stored, pushed).await?;
        Ok(fresh.then_some(code))
    }

    /// Decides about a device, for a person who said yes, or for nobody. Whether it still waited.
    ///
    /// # Errors
    /// As [`Provider::code`].
    pub async fn decide_device(
        &self,
        client: &Client,
        device: &Device,
        user_code: &TokenKey,
        person: Option<Person<'_>>,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let scopes: Scopes = device.scopes.iter().cloned().collect();
        let what = (Grant::DeviceCode, &scopes, &*device.resources);
        let allow = |person| self.authorization(client, person, what, now + self.lasts(client));
        let authorization = person.map(allow);
        self.store().grants().decide_device(user_code, authorization.as_ref(), now).await
    }

    /// How long what a client is allowed lasts, from its first tokens on.
    pub fn lasts(&self, client: &Client) -> Duration {
        let renews = client.may(Grant::RefreshToken);
        if renews { self.settings.refresh_token_lifetime } else { self.settings.access_token_lifetime }
    }

    /// Whether what is allowed with these scopes outlives the person's session (OpenID Connect Core 11).
    pub fn is_offline(client: &Client, scopes: &Scopes) -> bool {
        scopes.has(oidc::OFFLINE) && client.may(Grant::RefreshToken)
    }

    /// An authorization by this person, that is not stored yet: in which way, and for what.
    pub(crate) fn authorization(
        &self,
        client: &Client,
        Person { account, session }: Person<'_>,
        (grant, scopes, resources): (Grant, &Scopes, &[Arc<str>]),
        expires: Time,
    ) -> Authorization {
        Authorization {
            id: URL_SAFE_NO_PAD.encode(random::<16>(self.auth.entropy())).into(),
            client: Arc::clone(&client.id),
            kind: account.kind,
            account: account.id,
            account_version: session.account_version,
            session: (!Self::is_offline(client, scopes)).then_some(session.key),
            sid: sid(session),
            grant: Some(grant),
            scopes: scopes.names().to_vec(),
            resources: resources.to_vec(),
            authenticated: session.authenticated,
            factors: session.factors.clone(),
            binding: None,
            created: self.now(),
            expires,
        }
    }
}

/// What clients know a session by (OpenID Connect Front-Channel Logout 3, `sid`).
pub fn sid(session: &Session) -> Arc<str> {
    let mut text = b"doorward sid v1\0".to_vec();
    text.extend_from_slice(&session.key.0);
    URL_SAFE_NO_PAD.encode(&sha256(&text)[..16]).into()
}
