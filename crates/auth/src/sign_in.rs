//! Signing in: verify who it is, then start a session.
//!
//! ```text
//! network limit -> account -> throttle -> (slowed) -> hash -> settle     verify
//! new id -> stored, the old one ended in the same transaction -> index   start
//! ```
//! Every refusal takes about as long as a wrong password, whether there is an account or not.

use crate::{
    Auth, LiveSession, device, network,
    throttle::{Gate, Outcome, Pass, Subject},
};
use doorward_core::{
    Account, Kind, Time,
    policy::Directory,
    ports::{AccountChange, AccountRecord, ProviderSession, StoreError},
    session::{Replaced, Session, SessionKey},
};
use doorward_crypto::{password::Busy, session_id};
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

/// The longest login that is looked up, in bytes. Nobody has a longer one.
pub(crate) const LONGEST_LOGIN: usize = 1024;

/// Somebody wants to sign in.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The login as typed.
    pub login: &'a str,
    /// The password as typed.
    pub password: &'a str,
    /// The client's address as far as it may be believed.
    pub address: IpAddr,
    /// The device token that a cookie carries, sound or not.
    pub device_token: Option<&'a str>,
    /// `User-Agent`, for the session's device label.
    pub user_agent: Option<&'a str>,
    /// The site.
    pub site: &'a str,
    /// The website that is meant, where a request says one (magento-webapi 6.1).
    pub website: Option<u32>,
}

/// How many failures are too many for one way of signing in, and how long they lock. What is counted is the same for all
/// ways, so whoever used up the tries of one way has used up those of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub max_failures: u32,
    /// How long.
    pub lock: Duration,
}

/// What a right password is to the counters of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Somebody signed in: earlier failures are forgotten.
    SignIn,
    /// Nobody typed it: it was right before, and nothing is forgotten for its sake.
    Renewal,
    /// Somebody who is in gives it for what takes it. As a sign-in, but it is not for a website that groups may be kept out of.
    Proof,
}

/// Whoever proved to be this account. No session yet.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The account as it is stored.
    pub record: AccountRecord,
    /// Its directory.
    pub directory: Arc<Directory>,
    /// Whether the device had signed in to this account before.
    pub known_device: bool,
    /// When it was asked: whatever changed since may not be known here.
    pub began: Time,
    pub(crate) device: device::DeviceId,
    pub(crate) label: &'static str,
    pub(crate) site: Arc<str>,
    pub(crate) at: Time,
    /// How it was proved (RFC 8176 words).
    pub(crate) factors: Vec<Arc<str>>,
    /// The session at a provider that vouched for it, if one did.
    pub(crate) provider: Option<ProviderSession>,
}

/// A session has begun.
#[derive(Clone)]
pub struct SignedIn {
    /// Its id: for the client, and nobody else.
    pub id: String,
    /// The session.
    pub live: Arc<LiveSession>,
    /// Its directory.
    pub directory: Arc<Directory>,
    /// For a long-lived cookie: by this the device is known again.
    pub device_token: String,
}

/// Why nobody was signed in, for the audit log. The caller learns none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// No directory has the login.
    UnknownLogin,
    /// The password is wrong.
    WrongPassword,
    /// The account may not sign in.
    Disabled,
    /// The password is right, and the account's e-mail address was not confirmed yet.
    Unconfirmed,
    /// The password is right, and the account's group is kept out of the website.
    Excluded,
    /// The account has no password.
    NoPassword,
    /// Too many failures of this account from this network or device; the password was not looked at.
    Locked,
    /// Too many failures of this account from everywhere, and too many already wait.
    Crowded,
    /// The account changed between the proof and the session.
    Changed,
    /// Nobody here is linked with the identity that a provider vouches for.
    NotLinked,
    /// The provider does not say that it verified an e-mail address, by which the account would be found.
    NoEmail,
    /// The account is linked with another identity of the same provider.
    LinkedOtherwise,
    /// The identity has no account yet, and another one has the login or the e-mail address that its own would have.
    Taken,
}

impl Why {
    /// One word for logs and metrics; stable.
    pub fn code(self) -> &'static str {
        match self {
            Why::UnknownLogin => "unknown_login",
            Why::WrongPassword => "wrong_password",
            Why::Disabled => "disabled",
            Why::Unconfirmed => "unconfirmed",
            Why::Excluded => "excluded",
            Why::NoPassword => "no_password",
            Why::Locked => "locked",
            Why::Crowded => "crowded",
            Why::Changed => "changed",
            Why::NotLinked => "not_linked",
            Why::NoEmail => "no_verified_email",
            Why::LinkedOtherwise => "linked_otherwise",
            Why::Taken => "taken",
        }
    }
}

/// Nobody was signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// 401, and always the same words.
    #[error("invalid credentials")]
    Invalid {
        /// For the audit log alone.
        why: Why,
        /// Whose account it was about, if there is one; for the audit log alone.
        account: Option<Arc<Account>>,
    },
    /// 429: too many failures of this network.
    #[error("too many failed sign-ins")]
    TooMany {
        /// When to come back; at least a second.
        retry_after: Duration,
    },
    /// 503: too many passwords are being hashed.
    #[error("too many sign-ins at once")]
    Busy {
        /// When to come back; at least a second.
        retry_after: Duration,
    },
    /// 503: the store cannot be asked.
    #[error("sign-in is unavailable")]
    Unavailable(#[source] StoreError),
}

impl SignInError {
    /// One word for logs and metrics; stable.
    pub fn code(&self) -> &'static str {
        match self {
            SignInError::Invalid { why, .. } => why.code(),
            SignInError::TooMany { .. } => "too_many",
            SignInError::Busy { .. } => "busy",
            SignInError::Unavailable(_) => "unavailable",
        }
    }

    /// Whether the pair of login and password is wrong, whoever asks.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, SignInError::Invalid { why, .. } if !matches!(why, Why::Locked | Why::Crowded))
    }
}

impl From<Busy> for SignInError {
    fn from(busy: Busy) -> Self {
        SignInError::Busy { retry_after: busy.retry_after }
    }
}

impl Auth {
    /// Verifies and starts in one go; `replaces` ends in the same transaction.
    ///
    /// # Errors
    /// When nobody is signed in. The old session stays then.
    pub async fn sign_in(
        &self,
        directories: &[Arc<Directory>],
        attempt: Attempt<'_>,
        replaces: Option<SessionKey>,
    ) -> Result<SignedIn, SignInError> {
        let verified = self.verify(directories, attempt).await?;
        self.start(verified, replaces).await
    }

    /// Verifies the password. Directories are asked in order; the first that has the login decides, and a wrong password
    /// there is final.
    ///
    /// # Errors
    /// When it is not proved, for whatever reason.
    pub async fn verify(&self, directories: &[Arc<Directory>], attempt: Attempt<'_>) -> Result<Verified, SignInError> {
        self.verify_within(directories, attempt, None).await
    }

    /// The same by a way that has a limit of its own in place of the directory's.
    ///
    /// # Errors
    /// When it is not proved, for whatever reason.
    pub async fn verify_within(
        &self,
        directories: &[Arc<Directory>],
        attempt: Attempt<'_>,
        limit: Option<Limit>,
    ) -> Result<Verified, SignInError> {
        self.verify_weighed(directories, attempt, limit, Weight::SignIn).await
    }

    /// The password of whoever is signed in already.
    pub(crate) async fn verify_again(&self, directory: &Arc<Directory>, attempt: Attempt<'_>) -> Result<Verified, SignInError> {
        self.verify_weighed(std::slice::from_ref(directory), attempt, None, Weight::Proof).await
    }

    /// The one place where passwords are verified, whoever signs in.
    pub(crate) async fn verify_weighed(
        &self,
        directories: &[Arc<Directory>],
        attempt: Attempt<'_>,
        limit: Option<Limit>,
        weight: Weight,
    ) -> Result<Verified, SignInError> {
        let now = self.clock().now();
        self.throttle().begin(attempt.address, now).map_err(|retry_after| SignInError::TooMany { retry_after })?;
        let found = self.find_login(directories, attempt).await.map_err(SignInError::Unavailable)?;
        let account = found.as_ref().map(|(record, _)| Arc::clone(&record.account));
        // A login that nobody has is counted as if the first directory had it.
        let Some(directory) = found
            .as_ref()
            .map(|(_, directory)| directory)
            .or_else(|| directories.iter().find(|directory| has_passwords(directory)))
        else {
            return Err(SignInError::Invalid { why: Why::UnknownLogin, account: None });
        };
        let known = account
            .as_ref()
            .zip(attempt.device_token)
            .and_then(|(account, token)| device::known(self.device_key(), account, token));
        let login = account.as_ref().map_or(attempt.login, |account| &account.login);
        let mut subject = Subject::new(directory, login, attempt.address, known);
        if let Some(Limit { max_failures, lock }) = limit {
            subject = subject.within(max_failures, lock);
        }
        let pass = self.pass_gate(&subject, account.as_ref(), now).await?;
        let verdict = self.judge(found, attempt, weight).await;
        pass.settle(match &verdict {
            Ok(_) if weight != Weight::Renewal => Outcome::Succeeded,
            Ok(_) => Outcome::Unjudged,
            // The password is right, and the caller may be told that it is.
            Err(SignInError::Invalid { why: Why::Unconfirmed, .. }) => Outcome::Unjudged,
            Err(SignInError::Invalid { .. }) => Outcome::Failed,
            Err(_) => Outcome::Unjudged,
        });
        let (record, directory) = verdict?;
        Ok(Verified {
            record,
            directory,
            known_device: known.is_some(),
            began: now,
            device: known.unwrap_or_else(|| device::new_device(self.entropy())),
            label: device::label(attempt.user_agent),
            site: attempt.site.into(),
            at: self.clock().now(),
            factors: vec!["pwd".into()],
            provider: None,
        })
    }

    /// Starts a session for whoever was verified, under a new id; `replaces` ends in the same transaction.
    ///
    /// # Errors
    /// When the account changed since, or the store cannot be asked. The old session stays then.
    pub async fn start(&self, verified: Verified, replaces: Option<SessionKey>) -> Result<SignedIn, SignInError> {
        self.start_after(verified, replaces, Duration::ZERO).await
    }

    /// As [`Auth::start`]; where `replaces` was of the same account, requests that were on their way are carried over
    /// ([`Sessions::find_carried`](crate::Sessions::find_carried)), as a shop's clients expect (magento-webapi 8.1).
    ///
    /// # Errors
    /// As [`Auth::start`].
    pub async fn start_and_carry_over(&self, verified: Verified, replaces: Option<SessionKey>) -> Result<SignedIn, SignInError> {
        self.start_after(verified, replaces, self.grace()).await
    }

    async fn start_after(
        &self,
        verified: Verified,
        replaces: Option<SessionKey>,
        grace: Duration,
    ) -> Result<SignedIn, SignInError> {
        let Verified { record, directory, device, label, site, at, factors, provider, .. } = verified;
        // Where each site has sessions of its own, it is of the one whose cookie will hold it.
        let site = directory.site.clone().unwrap_or(site);
        let now = self.clock().now();
        let id = session_id::generate(self.entropy());
        let key = session_id::key(&id);
        let session = Session {
            key,
            directory: Arc::clone(&directory.name),
            account: record.account.id,
            account_version: record.version,
            created: now,
            last_seen: now,
            authenticated: at,
            factors,
            site,
            device: label.into(),
        };
        let epoch = self.sessions().epoch(&key);
        let carried_until = (!grace.is_zero()).then(|| now + grace);
        let replaced = replaces.map(|key| Replaced { key, carried_until });
        let begun = match &provider {
            Some(of) => self.store().identities().create_provider_session(&session, replaced, of).await,
            None => self.store().create_session(&session, replaced).await,
        };
        begun.map_err(|error| match error {
            StoreError::Missing(_) => SignInError::Invalid { why: Why::Changed, account: Some(Arc::clone(&record.account)) },
            other => SignInError::Unavailable(other),
        })?;
        let live = self.sessions().admit(&directory, session, &record, epoch);
        match replaces {
            Some(old) if carried_until.is_some() => self.sessions().hand_over(&old, &live),
            Some(old) => self.sessions().end(&old),
            None => {}
        }
        let device_token = device::token(self.device_key(), &record.account, &device);
        Ok(SignedIn { id, live, directory, device_token })
    }

    /// Ends a session; whether there was one. It is over for every request and connection of it when this returns.
    ///
    /// # Errors
    /// When the store cannot be told. Then the session is over on this node only until it is asked for again.
    pub async fn sign_out(&self, key: &SessionKey) -> Result<bool, StoreError> {
        let was_there = self.store().delete_session(key, self.clock().now()).await;
        self.sessions().end(key);
        let was_there = was_there?;
        // What was allowed in it ends with it, here at once.
        self.apply_changes().await?;
        Ok(was_there)
    }

    async fn find_login(
        &self,
        directories: &[Arc<Directory>],
        Attempt { login, website, .. }: Attempt<'_>,
    ) -> Result<Option<(AccountRecord, Arc<Directory>)>, StoreError> {
        if login.len() > LONGEST_LOGIN {
            return Ok(None);
        }
        for directory in directories.iter().filter(|directory| has_passwords(directory)) {
            let website = directory.website.map(|default| website.unwrap_or(default));
            // An account of another kind was made before the directory's kind was changed: it is nobody's here.
            if let Some(record) = self.store().account_by_login(&directory.name, website, login).await?
                && record.account.kind == directory.kind
            {
                return Ok(Some((record, Arc::clone(directory))));
            }
        }
        Ok(None)
    }

    pub(crate) async fn pass_gate(
        &self,
        subject: &Subject,
        account: Option<&Arc<Account>>,
        now: Time,
    ) -> Result<Pass, SignInError> {
        let why = match self.throttle().enter(subject, now).await {
            Gate::Open(pass) => return Ok(pass),
            Gate::Slowed(delay, pass, place) => {
                tokio::time::sleep(delay).await;
                drop(place);
                return Ok(pass);
            }
            Gate::Busy => return Err(SignInError::Busy { retry_after: Duration::from_secs(1) }),
            Gate::Locked => Why::Locked,
            Gate::Crowded => Why::Crowded,
        };
        // As long as a wrong password takes, without the work.
        tokio::time::sleep(self.pool().stats().typical).await;
        Err(SignInError::Invalid { why, account: account.cloned() })
    }

    async fn judge(
        &self,
        found: Option<(AccountRecord, Arc<Directory>)>,
        attempt: Attempt<'_>,
        weight: Weight,
    ) -> Result<(AccountRecord, Arc<Directory>), SignInError> {
        let phc = found.as_ref().and_then(|(record, _)| record.password.clone());
        let right = self.pool().verify(network(attempt.address), attempt.password, phc.as_deref()).await?;
        let refuse = |why, account| Err(SignInError::Invalid { why, account });
        let Some((record, directory)) = found else { return refuse(Why::UnknownLogin, None) };
        let account = Some(Arc::clone(&record.account));
        let Some(phc) = phc else { return refuse(Why::NoPassword, account) };
        if !record.enabled {
            return refuse(Why::Disabled, account);
        }
        if !right {
            return refuse(Why::WrongPassword, account);
        }
        let website = attempt.website.or(directory.website);
        if weight != Weight::Proof && self.keeps_out(&record, website).await.map_err(SignInError::Unavailable)? {
            return refuse(Why::Excluded, account);
        }
        if !record.confirmed {
            return refuse(Why::Unconfirmed, account);
        }
        self.renew_hash(&record, &phc, attempt).await;
        Ok((record, directory))
    }

    /// Whether the group of a customer is kept out of the website that is meant (magento-webapi 6.3). The store is asked: a
    /// sign-in is rare, and what it says is so now.
    pub(crate) async fn keeps_out(&self, record: &AccountRecord, website: Option<u32>) -> Result<bool, StoreError> {
        if record.account.kind != Kind::Customer {
            return Ok(false);
        }
        let first = || self.account_rules().stores.as_ref().map_or(1, |stores| stores.default_view().website_id);
        let exclusions = self.store().customers().exclusions().await?;
        Ok(exclusions.exclude(record.account.membership.as_ref(), website.unwrap_or_else(first)))
    }

    /// Hashes anew what was hashed at another cost. A sign-in does not fail for its sake.
    async fn renew_hash(&self, record: &AccountRecord, phc: &Arc<str>, attempt: Attempt<'_>) {
        if !self.pool().cost().differs_from(phc) {
            return;
        }
        let Ok(hash) = self.pool().hash(network(attempt.address), attempt.password).await else { return };
        let change = AccountChange::Rehash { from: Arc::clone(phc), to: hash.into() };
        let Account { kind, id, .. } = *record.account;
        if let Err(error) = self.store().change_account(kind, id, change, self.clock().now()).await {
            tracing::warn!(%error, account = id, "a password could not be hashed anew");
        }
    }
}

/// Whether anybody signs in there by password: programs call with tokens.
fn has_passwords(directory: &Directory) -> bool {
    directory.kind != Kind::Integration
}

/// Without the password.
impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("login", &self.login).field("address", &self.address).finish_non_exhaustive()
    }
}

/// Without the id.
impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("live", &self.live).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
