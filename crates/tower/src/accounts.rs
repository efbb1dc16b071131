//! Accounts and roles, for a program that makes its own: as `doorward user` and `doorward role` do.

use crate::{Doorward, Kind};
use doorward_assembly::{
    accounts::{Unfit, check_password, check_role, known_resources, unfit_role},
    parts,
};
use doorward_core::ports::{AccountChange, AccountRecord, NewAccount, Store, StoreError};
use doorward_crypto::password::{Person, flaw, hash_password};
use std::{fmt, sync::Arc};

/// Why an account or a role is not as it was to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// There is one already, there is none, its name is unfit, or the store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration has no such directory.
    #[error("the configuration has no directory {0}")]
    NoDirectory(String),
    /// A role, a resource or a password cannot be so.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The password could not be hashed: the runtime is ending.
    #[error("the password could not be hashed")]
    Unhashed,
}

/// Accounts and roles: see [`Doorward::accounts`]. What it changes counts at once in this program, and within a second in
/// others on the same store.
#[derive(Clone, Copy, Debug)]
pub struct Accounts<'d> {
    door: &'d Doorward,
}

/// An account to be.
#[derive(Clone)]
pub struct NewUser {
    directory: String,
    login: String,
    email: Option<String>,
    password: Option<String>,
    roles: Vec<String>,
}

impl NewUser {
    /// Somebody who signs in at this directory by this name.
    pub fn new(directory: &str, login: &str) -> Self {
        Self { directory: directory.into(), login: login.into(), email: None, password: None, roles: Vec::new() }
    }

    /// The password. Admins and customers have one; programs (directories of kind `integration`) have none.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The e-mail address.
    #[must_use]
    pub fn email(mut self, email: &str) -> Self {
        self.email = Some(email.into());
        self
    }

    /// A role that it has; may be called repeatedly.
    #[must_use]
    pub fn role(mut self, role: &str) -> Self {
        self.roles.push(role.into());
        self
    }
}

/// Without the password.
impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewUser({}/{})", self.directory, self.login)
    }
}

/// An account that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its id, unique among all accounts of its kind.
    pub id: u64,
    /// What is weak about its password, which was taken all the same.
    pub weak: Option<String>,
}

impl<'d> Accounts<'d> {
    pub(crate) fn new(door: &'d Doorward) -> Self {
        Self { door }
    }

    /// Adds an account. A weak password is taken, and said to be weak.
    ///
    /// # Errors
    /// There is such an account already, or its directory or roles do not exist.
    pub async fn add(&self, user: NewUser) -> Result<Added, AccountError> {
        let NewUser { directory, login, email, password, roles } = user;
        let policy = self.door.gateway().policy();
        let directory = policy.directory(&directory).ok_or(AccountError::NoDirectory(directory))?;
        self.check_given(&roles).await?;
        let person = Person { login: &login, email: email.as_deref() };
        let weak = password.as_deref().and_then(|text| flaw(&directory.passwords, text, person)).map(|flaw| flaw.plain());
        let new = NewAccount {
            directory: Arc::clone(&directory.name),
            kind: directory.kind,
            id: None,
            password: self.hash(directory.kind, password).await?,
            login: login.into(),
            email: email.map(Arc::from),
            roles: roles.into_iter().map(Arc::from).collect(),
            per_website: false,
            membership: None,
            confirmed: true,
            profile: "{}".into(),
        };
        let record = self.store().add_account(new, self.door.clock().now()).await?;
        self.apply().await?;
        Ok(Added { id: record.account.id, weak })
    }

    /// Whether there is an account of this name.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn exists(&self, directory: &str, login: &str) -> Result<bool, AccountError> {
        Ok(self.store().account_by_login(directory, None, login).await?.is_some())
    }

    /// Gives an account another password, which ends its sessions.
    ///
    /// # Errors
    /// There is no such account, or it is a program.
    pub async fn set_password(&self, directory: &str, login: &str, password: &str) -> Result<(), AccountError> {
        let record = self.find(directory, login).await?;
        let hash = self.hash(record.account.kind, Some(password.to_owned())).await?.ok_or(Unfit::Program)?;
        self.change(&record, AccountChange::Password(hash)).await
    }

    /// Lets an account sign in again, or ends its sessions and refuses further sign-ins.
    ///
    /// # Errors
    /// There is no such account.
    pub async fn set_enabled(&self, directory: &str, login: &str, enabled: bool) -> Result<(), AccountError> {
        let record = self.find(directory, login).await?;
        self.change(&record, if enabled { AccountChange::Enable } else { AccountChange::Disable }).await
    }

    /// Gives an account these roles and no others.
    ///
    /// # Errors
    /// There is no such account, or one of the roles does not exist.
    pub async fn set_roles(&self, directory: &str, login: &str, roles: &[&str]) -> Result<(), AccountError> {
        self.check_given(roles).await?;
        let record = self.find(directory, login).await?;
        self.change(&record, AccountChange::Roles(roles.iter().map(|role| Arc::from(*role)).collect())).await
    }

    /// Deletes an account and its sessions. Its id is never used again.
    ///
    /// # Errors
    /// There is no such account.
    pub async fn delete(&self, directory: &str, login: &str) -> Result<(), AccountError> {
        let account = self.find(directory, login).await?.account;
        self.store().delete_account(account.kind, account.id, self.door.clock().now()).await?;
        self.apply().await
    }

    /// Makes a role that grants exactly these resources, or changes it so.
    ///
    /// # Errors
    /// The name is one of those that are not given, or the configuration knows no such resource.
    pub async fn put_role(&self, name: &str, resources: &[&str]) -> Result<(), AccountError> {
        check_role(name)?;
        let policy = self.door.gateway().policy();
        let holds = known_resources(&policy.resources, resources)?;
        self.store().put_role(name, holds.into(), self.door.clock().now()).await?;
        self.apply().await
    }

    async fn check_given(&self, wanted: &[impl AsRef<str>]) -> Result<(), AccountError> {
        unfit_role(&**self.store(), wanted).await?.map_or(Ok(()), |unfit| Err(unfit.into()))
    }

    /// The hash that is stored. It takes a while on purpose, so it is made where nobody waits for it.
    async fn hash(&self, kind: Kind, password: Option<String>) -> Result<Option<Arc<str>>, AccountError> {
        check_password(kind, password.as_deref())?;
        let Some(password) = password else { return Ok(None) };
        let (cost, entropy) = (parts::cost(&self.door.assembly().settings()), self.door.entropy());
        let hashing = tokio::task::spawn_blocking(move || hash_password(&password, cost, &*entropy));
        hashing.await.map(|hash| Some(hash.into())).map_err(|_| AccountError::Unhashed)
    }

    async fn find(&self, directory: &str, login: &str) -> Result<AccountRecord, AccountError> {
        let found = self.store().account_by_login(directory, None, login).await?;
        found.ok_or_else(|| StoreError::Missing(format!("the account {directory}/{login}")).into())
    }

    async fn change(&self, record: &AccountRecord, change: AccountChange) -> Result<(), AccountError> {
        self.store().change_account(record.account.kind, record.account.id, change, self.door.clock().now()).await?;
        self.apply().await
    }

    async fn apply(&self) -> Result<(), AccountError> {
        Ok(self.door.assembly().auth.apply_changes().await.map(drop)?)
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.door.assembly().auth.store()
    }
}
