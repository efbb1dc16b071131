//! Signing up.

use super::{LinkState, Whose, links, reset::RedeemError};
use crate::{Auth, network};
use doorward_core::{
    Kind, Membership,
    mail::{About, is_address},
    password::Flaw,
    policy::Directory,
    ports::{AccountChange, AccountRecord, AddressDraft, LinkPurpose, NewAccount, StoreError},
};
use doorward_crypto::password::{Busy, Person, flaw};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Somebody signs up, or is signed up by somebody who may.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    /// The e-mail address, which becomes the login.
    pub email: &'a str,
    /// The password; without one a link to set it is sent.
    pub password: Option<&'a str>,
    /// What the customer belongs to.
    pub membership: Option<Membership>,
    /// What is known of the person besides: a JSON object.
    pub profile: &'a str,
    /// A customer's addresses.
    pub addresses: &'a [AddressDraft],
    /// The client's address.
    pub address: IpAddr,
}

/// Nobody was signed up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// 400: no e-mail address.
    #[error("this is no e-mail address")]
    Email,
    /// 400: the password breaks the rules.
    #[error("{0}")]
    Flaw(Flaw),
    /// 400: somebody has this address already.
    #[error("an account with this e-mail address exists already")]
    Exists,
    /// 503: the address must be confirmed, or a password set by mail, and mail is not set up.
    #[error("mail is not set up")]
    NoMail,
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

impl From<Busy> for RegisterError {
    fn from(busy: Busy) -> Self {
        Self::Busy { retry_after: busy.retry_after }
    }
}

impl Auth {
    /// Makes an account. Where `confirm_email` is set it cannot sign in (`confirmed` is false) until [`Auth::confirm`]; a link
    /// is on its way when this returns.
    ///
    /// # Errors
    /// When the address or password is no good, the address is taken, or it cannot be done now.
    pub async fn register(
        self: &Arc<Self>,
        directory: &Directory,
        new: Registration<'_>,
    ) -> Result<AccountRecord, RegisterError> {
        let rules = self.account_rules();
        if !is_address(new.email) {
            return Err(RegisterError::Email);
        }
        if let Some(password) = new.password {
            let person = Person { login: new.email, email: Some(new.email) };
            if let Some(flaw) = flaw(&directory.passwords, password, person) {
                return Err(RegisterError::Flaw(flaw));
            }
        }
        if (rules.confirm_email || new.password.is_none()) && !self.can_mail() {
            return Err(RegisterError::NoMail);
        }
        if !self.email_is_free(directory, new.membership, new.email).await.map_err(RegisterError::Unavailable)? {
            return Err(RegisterError::Exists);
        }
        let password = match new.password {
            Some(password) => Some(self.pool().hash(network(new.address), password).await?.into()),
            None => None,
        };
        let account = NewAccount {
            directory: Arc::clone(&directory.name),
            kind: directory.kind,
            id: None,
            login: new.email.into(),
            per_website: directory.website.is_some(),
            email: Some(new.email.into()),
            password,
            roles: Vec::new(),
            membership: new.membership,
            confirmed: !rules.confirm_email,
            profile: new.profile.into(),
        };
        let now = self.clock().now();
        // In one go: nobody is left without the addresses that were sent along.
        let added = match directory.kind {
            Kind::Customer => {
                let added = self.store().customers().add_customer(account, new.addresses.to_vec(), now).await;
                added.map(|customer| customer.record)
            }
            Kind::Admin | Kind::Integration => self.store().add_account(account, now).await,
        };
        let record = added.map_err(|error| match error {
            StoreError::Exists(_) => RegisterError::Exists,
            other => RegisterError::Unavailable(other),
        })?;
        self.apply_changes().await.map_err(RegisterError::Unavailable)?;
        self.greet(&record);
        Ok(record)
    }

    /// Confirms an address by a link's token.
    ///
    /// # Errors
    /// [`RedeemError::Unknown`] or [`RedeemError::Expired`] when the token is no good, or when the store cannot be asked.
    pub async fn confirm(&self, directory: &Directory, whose: Whose<'_>, token: &str) -> Result<AccountRecord, RedeemError> {
        let purpose = LinkPurpose::Confirm;
        match self.link_state(purpose, directory, whose, token).await.map_err(RedeemError::Unavailable)? {
            LinkState::Good(_) => {}
            LinkState::Expired => return Err(RedeemError::Expired),
            LinkState::Unknown => return Err(RedeemError::Unknown),
        }
        let key = links::key(purpose, token).ok_or(RedeemError::Unknown)?;
        let changes = vec![AccountChange::Confirmed];
        let taken = self.store().redeem_link(purpose, &key, changes, self.clock().now()).await;
        let record = taken.map_err(RedeemError::Unavailable)?.ok_or(RedeemError::Unknown)?;
        self.apply_changes().await.map_err(RedeemError::Unavailable)?;
        if self.account_rules().welcome_mail {
            self.mail_to(&record, About::Welcome);
        }
        Ok(record)
    }

    /// Whether a stranger is told that this address is free: always, unless `reveal_accounts` is set and it is not.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn email_available(&self, directory: &Directory, website: Option<u32>, email: &str) -> Result<bool, StoreError> {
        Ok(!self.account_rules().reveal_accounts || self.find_person(directory, website, email).await?.is_none())
    }

    async fn email_is_free(
        &self,
        directory: &Directory,
        membership: Option<Membership>,
        email: &str,
    ) -> Result<bool, StoreError> {
        let website = membership.map(|membership| membership.website);
        Ok(self.find_person(directory, website, email).await?.is_none())
    }

    /// The first mail of an account.
    fn greet(self: &Arc<Self>, record: &AccountRecord) {
        if !record.confirmed {
            self.invite_later(record.clone(), LinkPurpose::Confirm, "");
        } else if record.password.is_none() {
            self.invite_later(record.clone(), LinkPurpose::Reset, "");
        } else if self.account_rules().welcome_mail {
            self.mail_to(record, About::Welcome);
        }
    }
}

/// Without the password.
impl std::fmt::Debug for Registration<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").field("email", &self.email).field("address", &self.address).finish_non_exhaustive()
    }
}
