//! Another password without the old one: a link by mail.

use super::{LinkState, Whose, links};
use crate::{Auth, network};
use doorward_core::{
    mail::About,
    password::Flaw,
    policy::Directory,
    ports::{AccountChange, AccountRecord, LinkPurpose, StoreError},
};
use doorward_crypto::password::{Busy, Person, flaw};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// What a stranger who asks for a link is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// That a mail was sent, if there is such an account. This is all they learn, unless `reveal_accounts` is set.
    Alike,
    /// That nobody has this address (`reveal_accounts`).
    Unknown,
    /// That there is nothing to confirm (`reveal_accounts`).
    NotNeeded,
}

/// No link was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// 400: too many for this address or from this network. The text of magento-webapi 8.4 is [`RequestError::TEMPLATE`].
    #[error("too many requests for links by mail")]
    TooMany {
        /// What belongs in place of `%1`.
        contact: Option<Arc<str>>,
    },
    /// 503: mail is not set up.
    #[error("mail is not set up")]
    NoMail,
    /// 503: the store cannot be asked.
    #[error("the store is unavailable")]
    Unavailable(#[source] StoreError),
}

impl RequestError {
    /// What [`RequestError::TooMany`] says (magento-webapi 8.4).
    pub const TEMPLATE: &'static str =
        "We received too many requests for password resets. Please wait and try again later or contact %1.";
}

/// The password stays as it was, and so does the link, unless it was gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedeemError {
    /// 400: nobody was given this token, it was used, or it is somebody else's.
    #[error("the link is unknown or was used")]
    Unknown,
    /// 400: it is too old.
    #[error("the link has expired")]
    Expired,
    /// 400: the new password breaks the rules.
    #[error("{0}")]
    Flaw(Flaw),
    /// 503: too many passwords are being hashed.
    #[error("too many passwords are being hashed")]
    Busy {
        /// When to come back; at least a second.
        retry_after: Duration,
    },
    /// 503: the store cannot be asked.
    #[error("the store is unavailable")]
    Unavailable(#[source] StoreError),
}

impl From<Busy> for RedeemError {
    fn from(busy: Busy) -> Self {
        Self::Busy { retry_after: busy.retry_after }
    }
}

impl Auth {
    /// Sends a link for another password to the account with this e-mail address or login, if there is one that may sign in.
    /// The link is made and sent in the background, so that the answer comes as soon for a stranger. Its path begins with `base`,
    /// which names the site that was asked, such as `/admin`; `""` is the root.
    ///
    /// # Errors
    /// When too many were asked for, mail is not set up, or the store cannot be asked.
    pub async fn request_reset(
        self: &Arc<Self>,
        directory: &Directory,
        website: Option<u32>,
        email: &str,
        (address, base): (IpAddr, &str),
    ) -> Result<Answered, RequestError> {
        let found = self.ask_for_link(directory, website, email, address).await?;
        match found {
            Some(record) if record.enabled => self.invite_later(record, LinkPurpose::Reset, base),
            None if self.account_rules().reveal_accounts => return Ok(Answered::Unknown),
            _ => {}
        }
        Ok(Answered::Alike)
    }

    /// Sends another link to confirm an address, if there is such an account and it needs one. As [`Auth::request_reset`],
    /// with which it shares its limits.
    ///
    /// # Errors
    /// As [`Auth::request_reset`].
    pub async fn resend_confirmation(
        self: &Arc<Self>,
        directory: &Directory,
        website: Option<u32>,
        email: &str,
        address: IpAddr,
    ) -> Result<Answered, RequestError> {
        let found = self.ask_for_link(directory, website, email, address).await?;
        let reveal = self.account_rules().reveal_accounts;
        match found {
            Some(record) if record.enabled && !record.confirmed => self.invite_later(record, LinkPurpose::Confirm, ""),
            Some(record) if record.confirmed && reveal => return Ok(Answered::NotNeeded),
            None if reveal => return Ok(Answered::Unknown),
            _ => {}
        }
        Ok(Answered::Alike)
    }

    /// Sets another password by a link's token. All sessions and tokens of the account end, the address counts as confirmed
    /// (whoever has the link reads its mail), failed sign-ins are forgotten, and a mail says so.
    ///
    /// # Errors
    /// When the token is no good, the password breaks the directory's rules, or it cannot be done now.
    pub async fn redeem_reset(
        &self,
        directory: &Directory,
        whose: Whose<'_>,
        token: &str,
        new: &str,
        address: IpAddr,
    ) -> Result<AccountRecord, RedeemError> {
        let purpose = LinkPurpose::Reset;
        let state = self.link_state(purpose, directory, whose, token).await.map_err(RedeemError::Unavailable)?;
        let record = match state {
            LinkState::Good(record) => record,
            LinkState::Expired => return Err(RedeemError::Expired),
            LinkState::Unknown => return Err(RedeemError::Unknown),
        };
        let person = Person { login: &record.account.login, email: record.email.as_deref() };
        if let Some(flaw) = flaw(&directory.passwords, new, person) {
            return Err(RedeemError::Flaw(flaw));
        }
        let hash = self.pool().hash(network(address), new).await?;
        let key = links::key(purpose, token).ok_or(RedeemError::Unknown)?;
        let mut changes = vec![AccountChange::Password(hash.into()), AccountChange::Unlock];
        if !record.confirmed {
            changes.push(AccountChange::Confirmed);
        }
        // Only now the link is taken, with the change: a password that breaks a rule leaves it, a race has one winner.
        let now = self.clock().now();
        let taken = self.store().redeem_link(purpose, &key, changes, now).await.map_err(RedeemError::Unavailable)?;
        let record = taken.ok_or(RedeemError::Unknown)?;
        self.apply_changes().await.map_err(RedeemError::Unavailable)?;
        self.mail_to(&record, About::PasswordChanged);
        Ok(record)
    }

    /// Whoever asks: limits first, then the look-up, the same for those who are known and those who are not.
    async fn ask_for_link(
        &self,
        directory: &Directory,
        website: Option<u32>,
        email: &str,
        address: IpAddr,
    ) -> Result<Option<AccountRecord>, RequestError> {
        if !self.can_mail() {
            return Err(RequestError::NoMail);
        }
        let rules = self.account_rules();
        if !self.requests.admit(&directory.name, email, address, &rules, self.clock().now()) {
            return Err(RequestError::TooMany { contact: self.contact() });
        }
        self.find_person(directory, website, email).await.map_err(RequestError::Unavailable)
    }

    /// The account with this login or, failing that, this e-mail address. Both are always looked up.
    pub(crate) async fn find_person(
        &self,
        directory: &Directory,
        website: Option<u32>,
        name: &str,
    ) -> Result<Option<AccountRecord>, StoreError> {
        if name.is_empty() || name.len() > crate::sign_in::LONGEST_LOGIN {
            return Ok(None);
        }
        let website = directory.website.map(|default| website.unwrap_or(default));
        let by_login = self.store().account_by_login(&directory.name, website, name).await?;
        let by_email = self.store().account_by_email(&directory.name, website, name).await?;
        Ok(by_login.or(by_email).filter(|record| record.account.kind == directory.kind))
    }

    pub(super) fn invite_later(self: &Arc<Self>, record: AccountRecord, purpose: LinkPurpose, base: &str) {
        let (auth, base) = (Arc::clone(self), base.to_owned());
        tokio::spawn(async move {
            if let Err(error) = auth.invite(&record, purpose, &base).await {
                let (purpose, account) = (purpose.as_str(), record.account.id);
                tracing::warn!(%error, purpose, account, "a link could not be made, so no mail is sent");
            }
        });
    }
}
