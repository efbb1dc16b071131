//! Exchange: a session of an old application for one of ours. The gateway asks the application who the old session belongs
//! to; here it is decided whether that names an account, and the session begins.

use crate::{Auth, LiveSession, sign_in::LONGEST_LOGIN};
use doorward_core::{
    Account, Time,
    policy::Directory,
    ports::{AccountRecord, ExchangeKey, Exchanged, StoreError},
    session::Session,
    site::ONLY,
};
use doorward_crypto::session_id;
use std::{fmt, sync::Arc, time::Duration};

/// How long it is remembered that an old session is spent: longer than browsers keep a cookie that is not set again
/// (RFC 6265bis, 5.5: 400 days).
const REMEMBERED: Duration = Duration::from_secs(400 * 86_400);

/// Whom an old application named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The account's id there. Where it is asked for, the account here must have it too.
    pub id: Option<u64>,
    /// The account's login or e-mail address there. The account here must have it, whatever the case of ASCII letters: an
    /// id alone, which another program gave, names nobody.
    pub login: String,
}

/// What became of an old session before.
#[derive(Clone, Debug)]
pub enum Before {
    /// Nothing: the application may be asked.
    Nothing,
    /// It is spent.
    Spent,
    /// It was exchanged a moment ago, for this session.
    Carried(Arc<LiveSession>),
}

/// A session has begun in exchange for an old one.
#[derive(Clone)]
pub struct ExchangedSession {
    /// Its id: for the client, and nobody else.
    pub id: String,
    /// The session.
    pub live: Arc<LiveSession>,
}

/// Without the id.
impl fmt::Debug for ExchangedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangedSession").field("live", &self.live).finish_non_exhaustive()
    }
}

/// Why no session began, for the audit log. The caller is a guest and learns none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotExchanged {
    /// The directory has no such account.
    NoAccount,
    /// The account of that id has another login and another e-mail address: it is somebody else.
    OtherAccount(Arc<Account>),
    /// The account may not sign in.
    Disabled(Arc<Account>),
    /// What the account proved before was ended here (another password, disabling, `session end`, revoked tokens), or it
    /// changed meanwhile: the old session may be part of that.
    Ended(Arc<Account>),
    /// The old session is spent.
    Spent,
    /// The store cannot be asked.
    Unavailable(StoreError),
}

impl NotExchanged {
    /// One word for logs and metrics; stable.
    pub fn code(&self) -> &'static str {
        match self {
            NotExchanged::NoAccount => "no_account",
            NotExchanged::OtherAccount(_) => "other_account",
            NotExchanged::Disabled(_) => "disabled",
            NotExchanged::Ended(_) => "ended_here",
            NotExchanged::Spent => "spent",
            NotExchanged::Unavailable(_) => "unavailable",
        }
    }

    /// Whose account it was about, if there is one.
    pub fn account(&self) -> Option<&Arc<Account>> {
        match self {
            NotExchanged::OtherAccount(account) | NotExchanged::Disabled(account) | NotExchanged::Ended(account) => Some(account),
            NotExchanged::NoAccount | NotExchanged::Spent | NotExchanged::Unavailable(_) => None,
        }
    }
}

impl Auth {
    /// What became of an old session before.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn exchanged(&self, directory: &Directory, key: &ExchangeKey) -> Result<Before, StoreError> {
        Ok(match self.store().exchanged(key, self.clock().now()).await? {
            Exchanged::No => Before::Nothing,
            Exchanged::Spent => Before::Spent,
            Exchanged::Carried(successor) => match self.sessions().successor(directory, &successor).await? {
                Some(live) => Before::Carried(live),
                None => Before::Spent,
            },
        })
    }

    /// Begins a session for whom the old application named, in exchange for the old session of this key. `device` is what
    /// the person would call the device.
    ///
    /// # Errors
    /// When no session began; the old session is spent only by a session that did.
    pub async fn exchange(
        &self,
        directory: &Directory,
        key: &ExchangeKey,
        claim: &Claim,
        device: &str,
    ) -> Result<ExchangedSession, NotExchanged> {
        let record = self.claimed(directory, claim).await?;
        let account = &record.account;
        if !record.enabled || !record.confirmed {
            return Err(NotExchanged::Disabled(Arc::clone(account)));
        }
        let now = self.clock().now();
        let id = session_id::generate(self.entropy());
        let session = Session {
            key: session_id::key(&id),
            directory: Arc::clone(&directory.name),
            account: account.id,
            account_version: record.version,
            created: now,
            last_seen: now,
            authenticated: now,
            factors: vec!["exchange".into()],
            site: directory.site.clone().unwrap_or_else(|| ONLY.into()),
            device: device.into(),
        };
        let epoch = self.sessions().epoch(&session.key);
        let carried_until = Some(self.grace()).filter(|grace| !grace.is_zero()).map(|grace| now + grace);
        match self.store().exchange(key, &session, carried_until).await {
            Ok(true) => Ok(ExchangedSession { id, live: self.sessions().admit(directory, session, &record, epoch) }),
            Ok(false) => Err(NotExchanged::Spent),
            Err(StoreError::Missing(_)) => Err(NotExchanged::Ended(Arc::clone(account))),
            Err(error) => Err(NotExchanged::Unavailable(error)),
        }
    }

    /// Whoever carried these old sessions signs out: they are good for nothing any more.
    ///
    /// # Errors
    /// When the store cannot be told. Then whoever still has one could exchange it.
    pub async fn spend(&self, keys: &[ExchangeKey]) -> Result<(), StoreError> {
        if keys.is_empty() { Ok(()) } else { self.store().spend_exchanges(keys, self.clock().now()).await }
    }

    /// The account that a claim names.
    async fn claimed(&self, directory: &Directory, claim: &Claim) -> Result<AccountRecord, NotExchanged> {
        if claim.login.is_empty() || claim.login.len() > LONGEST_LOGIN {
            return Err(NotExchanged::NoAccount);
        }
        let found = match claim.id {
            Some(id) => self.store().account(directory.kind, id).await,
            None => self.store().account_by_login(&directory.name, directory.website, &claim.login).await,
        };
        let found = found.map_err(NotExchanged::Unavailable)?;
        let here = |record: &AccountRecord| record.account.directory == directory.name && record.account.kind == directory.kind;
        let record = found.filter(here).ok_or(NotExchanged::NoAccount)?;
        // Stores fold more than ASCII letters, and two addresses that look alike are two people's.
        let is_called = |name: &str| name.eq_ignore_ascii_case(&claim.login);
        if is_called(&record.account.login) || record.email.as_deref().is_some_and(is_called) {
            Ok(record)
        } else {
            Err(NotExchanged::OtherAccount(record.account))
        }
    }

    pub(crate) async fn purge_exchanges(&self, now: Time) -> Result<u64, StoreError> {
        let remembered = u64::try_from(REMEMBERED.as_millis()).unwrap_or(u64::MAX);
        self.store().purge_exchanges(Time(now.0.saturating_sub(remembered))).await
    }
}

#[cfg(test)]
mod tests;
