//! Accounts that a certificate names. The certificate was verified before; here its owner's name finds an account, and what
//! was found is remembered for as long as nothing happened to the account.

mod memory;
#[cfg(test)]
mod tests;

pub(crate) use memory::Named;

use crate::{Auth, Standing, Why};
use doorward_core::{
    Account, Kind, Time,
    policy::Directory,
    ports::{AccountRecord, Deed, StoreError},
};
use memory::{Moment, Question};
use std::{
    fmt,
    future::Future,
    ops::Deref,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// After how long somebody is told again that a certificate is in use (milliseconds).
const TOLD_AGAIN: u64 = 3_600_000;
/// How often a request asks again when what it was told is in doubt already.
const ROUNDS: usize = 4;

/// A certificate names somebody.
#[derive(Clone, Copy, Debug)]
pub struct HolderAsked<'a> {
    /// Names of the directories that are asked, in order; the first that has the login decides.
    pub directories: &'a [Arc<str>],
    /// The name in the certificate.
    pub login: &'a str,
    /// The number of the website that the request is about; `None` is the first one.
    pub website: Option<u32>,
}

/// Why a name is nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HolderError {
    /// No account, or not one that may be used.
    Refused {
        /// What is wrong: nobody has the name, or its account is disabled, kept out of the website, not confirmed, or gone
        /// meanwhile.
        why: Why,
        /// Whose name it is.
        account: Option<Arc<Account>>,
    },
    /// It cannot be known.
    Unavailable(StoreError),
}

impl HolderError {
    /// Judges what was found under a name; `excluded` says that its group is kept out of the website.
    ///
    /// # Errors
    /// It is nobody's, or its account may not be used.
    pub fn judge(found: Option<&AccountRecord>, excluded: bool) -> Result<&AccountRecord, HolderError> {
        let why = match found {
            None => Why::UnknownLogin,
            Some(record) if !record.enabled => Why::Disabled,
            Some(_) if excluded => Why::Excluded,
            Some(record) if !record.confirmed => Why::Unconfirmed,
            Some(record) => return Ok(record),
        };
        Err(HolderError::Refused { why, account: found.map(|record| Arc::clone(&record.account)) })
    }
}

/// An account that a certificate names now.
pub struct LiveHolder {
    standing: Standing,
    /// How many accounts had come, or got another name, before the store was asked.
    arrivals: AtomicU64,
    /// When somebody was told last that it is in use (milliseconds); 0 before the first time.
    told: AtomicU64,
}

impl LiveHolder {
    /// One that nobody remembers.
    pub fn of(record: &AccountRecord) -> Arc<Self> {
        let (arrivals, told) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { standing: Standing::new(Arc::clone(&record.account)), arrivals, told })
    }

    /// What it proves, for as long as it does.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Whether its use is still to be written down: the first one, and one an hour after that. Whoever asks does so.
    pub fn take_news(&self, now: Time) -> bool {
        let told = self.told.load(SeqCst);
        let due = told == 0 || now.0.saturating_sub(told) >= TOLD_AGAIN;
        due && self.told.compare_exchange(told, now.0.max(1), SeqCst, SeqCst).is_ok()
    }

    fn is_of(&self, kind: Kind, id: u64) -> bool {
        let account = self.account();
        account.kind == kind && account.id == id
    }
}

impl Deref for LiveHolder {
    type Target = Standing;
    fn deref(&self) -> &Standing {
        &self.standing
    }
}

impl fmt::Debug for LiveHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveHolder").field("account", &self.account()).finish_non_exhaustive()
    }
}

/// An answer that is being found out.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Result<Arc<LiveHolder>, HolderError>> + Send + 'a>>;

/// Who knows whom certificates name.
pub trait Holders: Send + Sync {
    /// What time it is, for certificates that expire.
    fn now(&self) -> Time;

    /// The account, if it is remembered. This waits for nothing.
    fn remembered_holder(&self, asked: HolderAsked<'_>) -> Option<Arc<LiveHolder>>;

    /// Finds the account.
    fn find_holder<'a>(&'a self, asked: HolderAsked<'a>) -> Finding<'a>;

    /// Whether a refusal is still to be written down: the first one of a name, and one a minute after that. Whoever asks
    /// does so.
    fn take_refusal(&self, asked: HolderAsked<'_>) -> bool {
        let _ = asked;
        false
    }
}

impl Holders for Arc<Auth> {
    fn now(&self) -> Time {
        self.clock().now()
    }

    fn remembered_holder(&self, asked: HolderAsked<'_>) -> Option<Arc<LiveHolder>> {
        self.named().sure(&question(asked))
    }

    fn find_holder<'a>(&'a self, asked: HolderAsked<'a>) -> Finding<'a> {
        Box::pin(async move {
            let question = question(asked);
            for _ in 0..ROUNDS {
                let moment = self.named().now();
                let live = self.ask_for_holder(&question, moment).await?;
                // Asked when this request was there already, so what was acknowledged before it is known.
                if live.is_sure() || self.named().is_still(moment) {
                    return Ok(live);
                }
            }
            Err(HolderError::Unavailable(StoreError::Unavailable("accounts change too often to know".to_owned())))
        })
    }

    fn take_refusal(&self, asked: HolderAsked<'_>) -> bool {
        self.named().take_refusal(question(asked), self.clock().now())
    }
}

fn question(HolderAsked { directories, login, website }: HolderAsked<'_>) -> Question {
    Question { directories: directories.to_vec(), login: login.to_owned(), website }
}

impl Auth {
    async fn ask_for_holder(&self, question: &Question, moment: Moment) -> Result<Arc<LiveHolder>, HolderError> {
        let found = self.account_named(question).await.map_err(HolderError::Unavailable)?;
        let excluded = match &found {
            Some(record) => self.keeps_out(record, question.website).await.map_err(HolderError::Unavailable)?,
            None => false,
        };
        let verdict = HolderError::judge(found.as_ref(), excluded);
        let live = self.named().keep(question, verdict.as_ref().ok().copied(), moment);
        match (live, verdict) {
            (Some(live), _) => Ok(live),
            (None, Err(why)) => Err(why),
            (None, Ok(record)) => Err(HolderError::Refused { why: Why::Changed, account: Some(Arc::clone(&record.account)) }),
        }
    }

    /// The account of the first directory that has the login.
    async fn account_named(&self, question: &Question) -> Result<Option<AccountRecord>, StoreError> {
        let all = self.directories();
        let directories = question.directories.iter().filter_map(|name| all.iter().find(|directory| directory.name == *name));
        for directory in directories {
            let Directory { name, website, kind, .. } = &**directory;
            let website = website.map(|default| question.website.unwrap_or(default));
            let record = self.store().account_by_login(name, website, &question.login).await?;
            // An account of another kind was made before the directory's kind was changed: it is nobody's here.
            if let Some(record) = record.filter(|record| record.account.kind == *kind) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Something happened to an account: it is asked about at once. It may have the name of another one now.
    pub(crate) async fn holder_changed(&self, kind: Kind, id: u64, deed: Deed) {
        if !matches!(deed, Deed::Sessions | Deed::Tokens | Deed::Roles | Deed::Password | Deed::Disabled | Deed::Deleted) {
            self.named().somebody_came();
        }
        for (question, live) in self.named().doubt_those(|live| live.is_of(kind, id)) {
            self.recheck_holder(&question, &live).await;
        }
    }

    /// Much may have happened.
    pub(crate) async fn all_holders_changed(&self) {
        self.named().somebody_came();
        for (question, live) in self.named().doubt_those(|_| true) {
            if live.is_watched() {
                self.recheck_holder(&question, &live).await;
            }
        }
    }

    /// Those of directories that are gone, or hold others now, end.
    pub(crate) fn directories_of_holders_changed(&self) {
        let directories = self.directories();
        for (_, live) in self.named().doubt_those(|_| true) {
            let account = live.account();
            if !directories.iter().any(|directory| directory.name == account.directory && directory.kind == account.kind) {
                live.end();
            }
        }
    }

    async fn recheck_holder(&self, question: &Question, live: &LiveHolder) {
        match self.ask_for_holder(question, self.named().now()).await {
            Ok(_) | Err(HolderError::Refused { .. }) => {}
            Err(HolderError::Unavailable(error)) => {
                tracing::warn!(%error, holder = ?live, "a certificate's account cannot be checked, so its connections end");
                live.end();
            }
        }
    }
}
