//! The one place where a grant of the authorization server asks whether somebody may still have tokens. A code, a refresh
//! token and a device code rest on what an account proved once; whatever ended that since ends them (CVE-2026-9798,
//! CVE-2026-16103, CVE-2026-88770: looking in each grant by itself forgot one).

use crate::{Auth, Sessions, throttle::Subject};
use arc_swap::ArcSwap;
use doorward_core::{
    Kind, Time,
    policy::Directory,
    ports::{AccountRecord, Clock, Store, StoreError},
    session::SessionKey,
};
use std::{net::IpAddr, sync::Arc};

/// What an account proved, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// The account's kind.
    pub kind: Kind,
    /// The account's id.
    pub id: u64,
    /// Its version then ([`AccountRecord::version`]).
    pub version: u64,
    /// When it was proved.
    pub proved: Time,
}

/// The account may have tokens.
#[derive(Clone, Debug)]
pub struct Grounded {
    /// The account as it is now.
    pub account: AccountRecord,
    /// What its new tokens are dated to, in whole seconds: whatever ends its tokens after it was looked at ends them, too.
    pub dated: Time,
}

/// The account may have none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Groundless {
    /// What was proved no longer counts; the text is for the operator.
    #[error("{0}")]
    Ended(&'static str),
    /// The account is locked where the request comes from: too many sign-ins failed.
    #[error("the account is locked")]
    Locked,
    /// It cannot be known.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

/// Where it is known whether what an account proved still counts: for new tokens, and for each use of those that rest on it.
#[derive(Clone)]
pub struct Ground {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) directories: Arc<ArcSwap<Vec<Arc<Directory>>>>,
}

impl Ground {
    /// With these directories, and none of whose sessions is remembered yet.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, directories: Vec<Arc<Directory>>) -> Self {
        let sessions = Arc::new(Sessions::new(Arc::clone(&store), Arc::clone(&clock)));
        Self { store, clock, sessions, directories: Arc::new(ArcSwap::from_pointee(directories)) }
    }

    /// The account and its directory as they are now, if what it proved still counts.
    ///
    /// # Errors
    /// When it does not, or nobody can say. Whether it is locked somewhere is not asked.
    pub(crate) async fn holds(&self, grounds: &Grounds) -> Result<(AccountRecord, Arc<Directory>), Groundless> {
        let record = self.store.account(grounds.kind, grounds.id).await?.ok_or(Groundless::Ended("the account is gone"))?;
        if !record.enabled {
            return Err(Groundless::Ended("the account is disabled"));
        }
        if !record.confirmed {
            return Err(Groundless::Ended("the account's e-mail address is not confirmed"));
        }
        if record.version != grounds.version {
            return Err(Groundless::Ended("its password changed, or its sessions were ended"));
        }
        if grounds.proved <= record.tokens_not_before {
            return Err(Groundless::Ended("its tokens were ended"));
        }
        let account = &record.account;
        let of_its = |directory: &&Arc<Directory>| directory.name == account.directory && directory.kind == account.kind;
        let directory = self.directories.load().iter().find(of_its).cloned();
        match directory {
            Some(directory) => Ok((record, directory)),
            None => Err(Groundless::Ended("its directory is gone, or of another kind")),
        }
    }

    /// Until when a session lives unless it is used, as far as this node knows; `None` when it does not.
    pub(crate) async fn session_end(&self, key: &SessionKey) -> Result<Option<Time>, StoreError> {
        self.sessions.lives_until(key, &self.directories.load_full()).await
    }
}

impl Auth {
    /// The account as it is now, if what it proved still counts, wherever it is asked for. A token that it has already is no sign-in,
    /// so nobody asks whether the account is locked.
    ///
    /// # Errors
    /// When it does not, or nobody can say.
    pub async fn still_proved(&self, grounds: &Grounds) -> Result<AccountRecord, Groundless> {
        Ok(self.ground().holds(grounds).await?.0)
    }

    /// Whether the account may still have tokens by what it proved, for a request from `address`. Every grant asks this
    /// before it issues anything.
    ///
    /// # Errors
    /// When it may not, or nobody can say.
    pub async fn may_have_tokens(&self, grounds: &Grounds, address: IpAddr) -> Result<Grounded, Groundless> {
        let now = self.clock().now();
        let (record, directory) = self.ground().holds(grounds).await?;
        if self.throttle().bars(&Subject::new(&directory, &record.account.login, address, None), now) {
            return Err(Groundless::Locked);
        }
        let (account, dated) = self.tokens().after_the_last_end(&record, now, 1000).await.map_err(|error| match error {
            StoreError::Missing(_) => Groundless::Ended("it changed just now"),
            other => Groundless::Unavailable(other),
        })?;
        Ok(Grounded { account, dated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, MINUTE, attempt_from};
    use doorward_core::ports::AccountChange;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 9));

    async fn proved(bench: &Bench, login: &str) -> Grounds {
        let made = bench.add(Kind::Customer, login).await;
        bench.clock.advance(MINUTE);
        Grounds { kind: Kind::Customer, id: made.account.id, version: made.version, proved: bench.clock.now() }
    }

    #[tokio::test]
    async fn who_proved_it_may_have_tokens_until_something_ends_it() {
        let bench = Bench::new().await;
        let grounds = proved(&bench, "anna").await;
        bench.clock.advance(MINUTE);
        let grounded = bench.auth.may_have_tokens(&grounds, HERE).await.unwrap();
        assert_eq!((grounded.account.account.id, grounded.dated), (grounds.id, bench.clock.now()));
        for (login, change) in [
            ("disabled", AccountChange::Disable),
            ("password", AccountChange::Password("$argon2id$other".into())),
            ("tokens", AccountChange::EndTokens(bench.clock.now() + 100 * MINUTE)),
            ("address", AccountChange::UnconfirmedEmail("new@example.com".into())),
        ] {
            let grounds = proved(&bench, login).await;
            assert!(bench.auth.may_have_tokens(&grounds, HERE).await.is_ok(), "{login}");
            bench.change(Kind::Customer, grounds.id, change).await;
            let refused = bench.auth.may_have_tokens(&grounds, HERE).await;
            assert!(matches!(refused, Err(Groundless::Ended(_))), "{login}: {refused:?}");
        }
        bench.store.delete_account(Kind::Customer, grounds.id, bench.clock.now()).await.unwrap();
        assert!(matches!(bench.auth.may_have_tokens(&grounds, HERE).await, Err(Groundless::Ended(_))));
    }

    #[tokio::test]
    async fn cve_2026_9798_a_locked_account_gets_no_tokens_where_it_is_locked() {
        let bench = Bench::new().await;
        let grounds = proved(&bench, "anna").await;
        for _ in 0..bench.customers.max_failures {
            let _ = bench.auth.verify(&bench.both(), attempt_from("192.0.2.1", "anna", "wrong")).await;
        }
        assert!(matches!(bench.auth.may_have_tokens(&grounds, HERE).await, Err(Groundless::Locked)));
        assert!(bench.auth.may_have_tokens(&grounds, ELSEWHERE).await.is_ok(), "nobody can lock another one out");
    }

    #[tokio::test]
    async fn what_cannot_be_known_is_no_yes() {
        let bench = Bench::new().await;
        let grounds = proved(&bench, "anna").await;
        bench.store.away.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(matches!(bench.auth.may_have_tokens(&grounds, HERE).await, Err(Groundless::Unavailable(_))));
    }
}
