//! Signing in elsewhere: an OpenID provider vouches for somebody, and here it is decided which account that is (ibexa-rest 5.2).
//!
//! Who somebody is there is the issuer and the subject together (ASVS 6.8.1). An e-mail address finds an account at most once,
//! only when the provider verified it, and never one that is somebody else's there.

use crate::{
    Auth, Why, device,
    sign_in::{SignInError, Verified},
    throttle::{Outcome, Subject as Counted},
};
use doorward_core::{
    Account, Kind, Membership, Time, name,
    policy::Directory,
    ports::{AccountChange, AccountRecord, EndedThere, NewAccount, ProviderSession, SpentUse, StoreError, Subject},
};
use serde_json::{Map, Value};
use std::{net::IpAddr, sync::Arc};

/// The first word of how such a session was proved; what the provider says of it follows.
const FACTOR: &str = "provider";

/// How somebody known elsewhere becomes an account here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The account that the identity was linked with.
    Subject,
    /// The same; at first the one with the verified e-mail address, which is linked then.
    Email,
    /// The same; at first a new one, whose login is this prefix and the subject.
    Create(Arc<str>),
}

/// Roles that a provider gives.
#[derive(Clone, Copy, Debug)]
pub struct GivenRoles<'a> {
    /// Those that it gives now.
    pub given: &'a [Arc<str>],
    /// All that it could give: what it does not give now, it takes.
    pub managed: &'a [Arc<str>],
}

/// Somebody for whom a provider vouches.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Who it is there.
    pub who: &'a Subject,
    /// Who we are there.
    pub client: &'a Arc<str>,
    /// The session there.
    pub sid: Option<&'a Arc<str>>,
    /// The e-mail address, if the provider verified it.
    pub email: Option<&'a str>,
    /// First and last name.
    pub name: (Option<&'a str>, Option<&'a str>),
    /// When the person last proved it there.
    pub authenticated: Option<Time>,
    /// How (RFC 8176 words).
    pub factors: &'a [Arc<str>],
    /// Roles, where the provider has a say in them.
    pub roles: Option<GivenRoles<'a>>,
    /// Which account it is.
    pub mapping: &'a Mapping,
    /// The client's address as far as it may be believed.
    pub address: IpAddr,
    /// The device token that a cookie carries, sound or not.
    pub device_token: Option<&'a str>,
    /// `User-Agent`, for the session's device label.
    pub user_agent: Option<&'a str>,
    /// The site.
    pub site: &'a str,
    /// Website and store view, for customers of a shop.
    pub view: Option<(u32, u32)>,
}

/// How the account was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquaintance {
    /// It was linked before.
    Known,
    /// By its e-mail address, or its login; from now on it is linked.
    Linked,
    /// It was made.
    Created,
}

impl Auth {
    /// The account of whom the provider vouches for, ready for [`Auth::start`].
    ///
    /// # Errors
    /// When there is none that may sign in, or it cannot be known.
    pub async fn verify_elsewhere(
        &self,
        directory: &Arc<Directory>,
        arrival: Arrival<'_>,
    ) -> Result<(Verified, Acquaintance), SignInError> {
        let now = self.clock().now();
        self.throttle().begin(arrival.address, now).map_err(|retry_after| SignInError::TooMany { retry_after })?;
        let found = self.acquainted(directory, &arrival).await?;
        let (record, how) = match found {
            Some((record, how)) => {
                self.may_sign_in(&record, directory, &arrival, now).await?;
                if how == Acquaintance::Linked {
                    self.link(&record, arrival.who, now).await?;
                }
                (self.with_roles(record, arrival.roles, now).await?, how)
            }
            None => (self.create(directory, &arrival, now).await?, Acquaintance::Created),
        };
        if how != Acquaintance::Known {
            self.apply_changes().await.map_err(SignInError::Unavailable)?;
        }
        let known = arrival.device_token.and_then(|token| device::known(self.device_key(), &record.account, token));
        let verified = Verified {
            directory: Arc::clone(directory),
            known_device: known.is_some(),
            began: now,
            device: known.unwrap_or_else(|| device::new_device(self.entropy())),
            label: device::label(arrival.user_agent),
            site: arrival.site.into(),
            // Nobody proves anything in the future.
            at: arrival.authenticated.map_or(now, |at| at.min(now)),
            factors: std::iter::once(FACTOR.into()).chain(arrival.factors.iter().cloned()).collect(),
            provider: Some(ProviderSession {
                who: arrival.who.clone(),
                client: Arc::clone(arrival.client),
                sid: arrival.sid.cloned(),
            }),
            record,
        };
        Ok((verified, how))
    }

    /// Sessions at a provider ended, and so do those that came of them; how many there were. `None`: the provider's word was
    /// taken before.
    ///
    /// # Errors
    /// When the store cannot be told. Then nothing ended, and the word may be taken again.
    pub async fn end_elsewhere(&self, there: &EndedThere, word: &[u8; 32], until: Time) -> Result<Option<u64>, StoreError> {
        let ended = self.store().identities().end_provider_sessions(there, word, until, self.clock().now()).await?;
        self.apply_changes().await?;
        Ok(ended)
    }

    /// Ends a sign-in at a provider, however it ends; whether it had not ended before. `journey` is a SHA-256.
    ///
    /// # Errors
    /// When the store cannot be told. Then nobody may rely on it.
    pub async fn end_journey(&self, journey: &[u8; 32], until: Time) -> Result<bool, StoreError> {
        self.store().spend(SpentUse::Journey, journey, until, self.clock().now()).await
    }

    /// The account, if there is one; `None` says that one is to be made.
    async fn acquainted(
        &self,
        directory: &Directory,
        arrival: &Arrival<'_>,
    ) -> Result<Option<(AccountRecord, Acquaintance)>, SignInError> {
        let identities = self.store().identities();
        let linked = identities.account_of(&directory.name, arrival.who).await.map_err(SignInError::Unavailable)?;
        if let Some(record) = linked.filter(|record| record.account.kind == directory.kind) {
            return Ok(Some((record, Acquaintance::Known)));
        }
        let website = directory.website.map(|default| arrival.view.map_or(default, |(website, _)| website));
        let found = match arrival.mapping {
            Mapping::Subject => return Err(refused(Why::NotLinked, None)),
            Mapping::Email => {
                let email = arrival.email.ok_or(refused(Why::NoEmail, None))?;
                let found = self.store().account_by_email(&directory.name, website, email).await;
                let found = found.map_err(SignInError::Unavailable)?;
                Some(found.filter(|record| record.account.kind == directory.kind).ok_or(refused(Why::NotLinked, None))?)
            }
            Mapping::Create(prefix) => {
                let login = login(prefix, arrival.who);
                let found = self.store().account_by_login(&directory.name, website, &login).await;
                // Stores fold letters, and subjects differ by them.
                match found.map_err(SignInError::Unavailable)? {
                    Some(record) if *record.account.login != *login || record.account.kind != directory.kind => {
                        return Err(refused(Why::Taken, Some(&record.account)));
                    }
                    found => found,
                }
            }
        };
        Ok(found.map(|record| (record, Acquaintance::Linked)))
    }

    /// As every sign-in: neither a disabled nor a locked account, nor one that is kept out or not confirmed yet.
    async fn may_sign_in(
        &self,
        record: &AccountRecord,
        directory: &Directory,
        arrival: &Arrival<'_>,
        now: Time,
    ) -> Result<(), SignInError> {
        let account = &record.account;
        let known = arrival.device_token.and_then(|token| device::known(self.device_key(), account, token));
        let counted = Counted::new(directory, &account.login, arrival.address, known);
        // What was proved elsewhere tells nothing of guesses here: they are neither added to nor forgotten.
        self.pass_gate(&counted, Some(account), now).await?.settle(Outcome::Unjudged);
        if !record.enabled {
            return Err(refused(Why::Disabled, Some(account)));
        }
        let website = arrival.view.map(|(website, _)| website).or(directory.website);
        if self.keeps_out(record, website).await.map_err(SignInError::Unavailable)? {
            return Err(refused(Why::Excluded, Some(account)));
        }
        // Whoever signed up with somebody else's address is waiting for just this.
        if !record.confirmed {
            return Err(refused(Why::Unconfirmed, Some(account)));
        }
        Ok(())
    }

    async fn link(&self, record: &AccountRecord, who: &Subject, now: Time) -> Result<(), SignInError> {
        let Account { kind, id, .. } = *record.account;
        self.store().identities().link_identity(who, kind, id, now).await.map_err(|error| match error {
            StoreError::Exists(_) => refused(Why::LinkedOtherwise, Some(&record.account)),
            StoreError::Missing(_) => refused(Why::Changed, Some(&record.account)),
            other => SignInError::Unavailable(other),
        })
    }

    /// The account with the roles that the provider gives now.
    async fn with_roles(
        &self,
        record: AccountRecord,
        roles: Option<GivenRoles<'_>>,
        now: Time,
    ) -> Result<AccountRecord, SignInError> {
        let Some(roles) = roles else { return Ok(record) };
        let account = &record.account;
        let kept = account.roles.iter().filter(|role| !roles.managed.contains(role)).cloned();
        let wanted: Vec<Arc<str>> = kept.chain(self.known_roles(roles.given).await?).collect();
        if wanted.len() == account.roles.len() && wanted.iter().all(|role| account.roles.contains(role)) {
            return Ok(record);
        }
        let change = AccountChange::Roles(wanted);
        let changed = self.store().change_account(account.kind, account.id, change, now).await;
        let changed = changed.map_err(|error| match error {
            StoreError::Missing(_) => refused(Why::Changed, Some(account)),
            other => SignInError::Unavailable(other),
        })?;
        self.apply_changes().await.map_err(SignInError::Unavailable)?;
        Ok(changed)
    }

    /// Those that there are: one that nobody made holds nothing.
    async fn known_roles(&self, given: &[Arc<str>]) -> Result<Vec<Arc<str>>, SignInError> {
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let there = self.store().roles().await.map_err(SignInError::Unavailable)?;
        let (known, unknown): (Vec<_>, Vec<_>) =
            given.iter().cloned().partition(|role| there.iter().any(|(name, _)| name == role));
        if let Some(role) = unknown.first() {
            tracing::warn!(%role, "a provider gives a role that does not exist");
        }
        Ok(known)
    }

    async fn create(&self, directory: &Directory, arrival: &Arrival<'_>, now: Time) -> Result<AccountRecord, SignInError> {
        let Mapping::Create(prefix) = arrival.mapping else { return Err(refused(Why::NotLinked, None)) };
        let login = login(prefix, arrival.who);
        if name::flaw(&login).is_some() {
            return Err(refused(Why::Taken, None));
        }
        let membership = self.membership_of(directory, arrival).await?;
        if let Some(email) = arrival.email {
            // Two accounts of one address would take from the first one what is found by it.
            let website = directory.website.and(membership.map(|membership| membership.website));
            let other = self.find_person(directory, website, email).await.map_err(SignInError::Unavailable)?;
            if let Some(other) = other {
                return Err(refused(Why::Taken, Some(&other.account)));
            }
        }
        let given = arrival.roles.map(|roles| roles.given).unwrap_or_default();
        let new = NewAccount {
            directory: Arc::clone(&directory.name),
            kind: directory.kind,
            id: None,
            login: login.into(),
            per_website: directory.website.is_some(),
            email: arrival.email.map(Into::into),
            password: None,
            roles: self.known_roles(given).await?,
            membership,
            confirmed: true,
            profile: profile(arrival).into(),
        };
        self.store().identities().add_account_of(arrival.who, new, now).await.map_err(|error| match error {
            StoreError::Exists(_) | StoreError::Unfit(_) => refused(Why::Taken, None),
            StoreError::Missing(_) => refused(Why::Changed, None),
            other => SignInError::Unavailable(other),
        })
    }

    /// What a customer of a shop belongs to: where the sign-in was, and the group of those who sign up there.
    async fn membership_of(&self, directory: &Directory, arrival: &Arrival<'_>) -> Result<Option<Membership>, SignInError> {
        let Some((website, store)) = arrival.view.filter(|_| directory.kind == Kind::Customer) else { return Ok(None) };
        let group = self.store().customers().default_group(store).await.map_err(SignInError::Unavailable)?;
        Ok(Some(Membership { website, store, group: group.id }))
    }
}

fn refused(why: Why, account: Option<&Arc<Account>>) -> SignInError {
    SignInError::Invalid { why, account: account.cloned() }
}

fn login(prefix: &str, who: &Subject) -> String {
    format!("{prefix}{}", who.subject)
}

/// What is known of the person, in the words of customers' documents (magento-webapi 9.1).
fn profile(arrival: &Arrival<'_>) -> String {
    let (first, last) = arrival.name;
    let named = [("firstname", first), ("lastname", last)];
    let known = named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?))));
    Value::Object(known.collect::<Map<_, _>>()).to_string()
}

#[cfg(test)]
mod tests;
