//! What somebody changes who proves the current password.

use crate::{Attempt, Auth, SignInError, SignedIn, Verified, network, sign_in::Why};
use doorward_core::{
    Account, Kind,
    mail::{About, is_address},
    password::Flaw,
    policy::Directory,
    ports::{AccountChange, AccountRecord, Customer, CustomerChange, LinkPurpose, StoreError},
};
use doorward_crypto::password::{Busy, Person, flaw};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Who asks, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The account of the session or token.
    pub account: &'a Account,
    /// The client's address as far as it may be believed.
    pub address: IpAddr,
    /// The device token that a cookie carries, sound or not.
    pub device_token: Option<&'a str>,
    /// `User-Agent`.
    pub user_agent: Option<&'a str>,
}

/// The password was changed. All sessions and tokens from before have ended.
#[derive(Clone, Debug)]
pub struct PasswordChanged {
    /// The account as it is now.
    pub record: AccountRecord,
    /// The present session under a new id, where there was one: its cookie must be set.
    pub session: Option<SignedIn>,
}

/// Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The current password was not proved: wrong, locked, too many, busy. It counted like a failed sign-in.
    #[error(transparent)]
    NotVerified(SignInError),
    /// 400: the new password breaks the rules.
    #[error("{0}")]
    Flaw(Flaw),
    /// 400: no e-mail address.
    #[error("this is no e-mail address")]
    Email,
    /// 400: somebody has this address already.
    #[error("an account with this e-mail address exists already")]
    Exists,
    /// 404: what is to be changed is not there, as an address of somebody else.
    #[error("what is to be changed is not there")]
    Missing,
    /// 503: the new address must be confirmed, and mail is not set up.
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

impl ChangeError {
    /// One word for logs; stable.
    pub fn code(&self) -> &'static str {
        match self {
            ChangeError::NotVerified(error) => error.code(),
            ChangeError::Flaw(flaw) => flaw.code(),
            ChangeError::Email | ChangeError::Exists | ChangeError::Missing => "refused",
            ChangeError::NoMail => "no_mail",
            ChangeError::Busy { .. } => "busy",
            ChangeError::Unavailable(_) => "unavailable",
        }
    }

    fn of_store(error: StoreError) -> Self {
        match error {
            StoreError::Exists(_) => Self::Exists,
            StoreError::Missing(_) => Self::Missing,
            other => Self::Unavailable(other),
        }
    }
}

impl From<Busy> for ChangeError {
    fn from(busy: Busy) -> Self {
        Self::Busy { retry_after: busy.retry_after }
    }
}

impl Auth {
    /// Sets another password for whoever proves the current one. All sessions and tokens of the account end; with
    /// `keep_session` a new session begins in place of the caller's. A mail says so.
    ///
    /// # Errors
    /// When the current password is not proved, the new one breaks the rules, or it cannot be done now.
    pub async fn change_password(
        &self,
        directory: &Arc<Directory>,
        caller: Caller<'_>,
        current: &str,
        new: &str,
        keep_session: bool,
    ) -> Result<PasswordChanged, ChangeError> {
        let verified = self.prove(directory, caller, current).await?;
        let account = Arc::clone(&verified.record.account);
        let person = Person { login: &account.login, email: verified.record.email.as_deref() };
        if let Some(flaw) = flaw(&directory.passwords, new, person) {
            return Err(ChangeError::Flaw(flaw));
        }
        let hash = self.pool().hash(network(caller.address), new).await?;
        let record = self.change(&account, AccountChange::Password(hash.into())).await?;
        self.mail_to(&record, About::PasswordChanged);
        let session = match keep_session {
            // If it cannot begin, its owner signs in with the new password.
            true => self.start(Verified { record: record.clone(), ..verified }, None).await.ok(),
            false => None,
        };
        Ok(PasswordChanged { record, session })
    }

    /// Sets another e-mail address for a customer who proves the current password, and with it, all or nothing, whatever else
    /// `change` names. A login that is the address goes with it. Links that went to the old address end; a mail goes there. An
    /// address that is the present one stays.
    ///
    /// Where `confirm_email` is set the new address has to be confirmed, as that of a new account: a link goes there, all
    /// sessions and tokens end, and until then the account cannot sign in.
    ///
    /// # Errors
    /// When the password is not proved, the address is no good or taken, what is named is not there, or it cannot be done now.
    pub async fn change_email(
        self: &Arc<Self>,
        directory: &Arc<Directory>,
        caller: Caller<'_>,
        current: &str,
        email: &str,
        change: CustomerChange,
    ) -> Result<Customer, ChangeError> {
        let before = self.prove(directory, caller, current).await?.record;
        let account = &before.account;
        if account.kind != Kind::Customer {
            return Err(ChangeError::Missing);
        }
        let another = before.email.as_deref() != Some(email);
        let website = account.membership.as_ref().map(|membership| membership.website);
        let unconfirmed = another && self.admit_email(directory, account, website, email).await?;
        let change = CustomerChange { email: another.then(|| email.into()), unconfirmed, ..change };
        let changed = self.store().customers().change_customer(account.id, change, self.clock().now()).await;
        let customer = changed.map_err(ChangeError::of_store)?;
        self.apply_changes().await.map_err(ChangeError::Unavailable)?;
        if another {
            self.tell_of_new_email(&before, &customer.record);
        }
        Ok(customer)
    }

    /// That an account may have this other address on that website, and whether it then has to be confirmed.
    ///
    /// # Errors
    /// When it is no address, somebody else's login or address, could not be confirmed, or that cannot be known now.
    pub async fn admit_email(
        &self,
        directory: &Directory,
        account: &Account,
        website: Option<u32>,
        email: &str,
    ) -> Result<bool, ChangeError> {
        if !is_address(email) {
            return Err(ChangeError::Email);
        }
        let holder = self.find_person(directory, website, email).await.map_err(ChangeError::Unavailable)?;
        if holder.is_some_and(|holder| holder.account.id != account.id) {
            return Err(ChangeError::Exists);
        }
        let confirm = directory.kind == Kind::Customer && self.account_rules().confirm_email;
        if confirm && !self.can_mail() { Err(ChangeError::NoMail) } else { Ok(confirm) }
    }

    /// The mails after an account's address became another one: to the old one that it did and, where the new one is to be
    /// confirmed, a link to that.
    pub fn tell_of_new_email(self: &Arc<Self>, before: &AccountRecord, after: &AccountRecord) {
        self.mail_to(before, About::EmailChanged);
        if !after.confirmed {
            self.invite_later(after.clone(), LinkPurpose::Confirm, "");
        }
    }

    /// The current password, by the one way there is to prove it: throttled, counted, refused for a disabled account.
    async fn prove(&self, directory: &Arc<Directory>, caller: Caller<'_>, current: &str) -> Result<Verified, ChangeError> {
        let attempt = Attempt {
            login: &caller.account.login,
            password: current,
            address: caller.address,
            device_token: caller.device_token,
            user_agent: caller.user_agent,
            site: "default",
            website: caller.account.membership.as_ref().map(|membership| membership.website),
        };
        let verified = self.verify_again(directory, attempt).await.map_err(ChangeError::NotVerified)?;
        // The login may be somebody else's by now.
        if verified.record.account.id != caller.account.id || verified.record.account.kind != caller.account.kind {
            return Err(ChangeError::NotVerified(SignInError::Invalid { why: Why::Changed, account: None }));
        }
        Ok(verified)
    }

    async fn change(&self, account: &Account, change: AccountChange) -> Result<AccountRecord, ChangeError> {
        let changed = self.store().change_account(account.kind, account.id, change, self.clock().now()).await;
        let record = changed.map_err(ChangeError::of_store)?;
        self.apply_changes().await.map_err(ChangeError::Unavailable)?;
        Ok(record)
    }
}
