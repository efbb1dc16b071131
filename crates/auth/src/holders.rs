//! Accounts that a certificate names. The certificate was verified before; here its owner's name finds an account, and what
//! was found is remembered for as long as nothing happened to the account.

use crate::{Auth, Standing};
use doorward_core::{
    Kind, Time,
    policy::Directory,
    ports::{AccountRecord, StoreError},
};
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    ops::Deref,
    pin::Pin,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

/// How many are remembered: only names that verified certificates have, and that accounts have too.
const MOST: usize = 65_536;
/// How often a request asks again when what it was told is in doubt already.
const ROUNDS: usize = 4;

/// A certificate names somebody.
#[derive(Clone, Copy, Debug)]
pub struct HolderAsked<'a> {
    /// Names of the directories that are asked, in order; the first that has the login decides.
    pub directories: &'a [Arc<str>],
    /// The name in the certificate.
    pub login: &'a str,
}

/// Why a name is nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HolderError {
    /// No account, or not one that may be used; the text is for the operator.
    Refused(&'static str),
    /// It cannot be known.
    Unavailable(StoreError),
}

/// An account that a certificate names now.
pub struct LiveHolder {
    standing: Standing,
}

impl LiveHolder {
    /// One that nobody remembers.
    pub fn of(record: &AccountRecord) -> Arc<Self> {
        Arc::new(Self { standing: Standing::new(Arc::clone(&record.account)) })
    }

    /// What it proves, for as long as it does.
    pub fn standing(&self) -> &Standing {
        &self.standing
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
}

/// The directories and the login.
type Question = (Vec<Arc<str>>, String);

/// What [`Auth`] remembers of them.
#[derive(Default)]
pub(crate) struct Named {
    by_question: RwLock<HashMap<Question, Arc<LiveHolder>>>,
    /// Raised by whoever doubts anything, before it looks which ones are there.
    epoch: AtomicU64,
    /// Set while changes may be missed: then nothing is trusted without the store.
    deaf: AtomicBool,
}

impl Named {
    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, SeqCst);
    }

    pub(crate) fn forget_assertions(&self) {
        self.by_question.read().unwrap_or_else(PoisonError::into_inner).values().for_each(|live| live.assertions().clear());
    }

    fn get(&self, question: &Question) -> Option<Arc<LiveHolder>> {
        self.by_question.read().unwrap_or_else(PoisonError::into_inner).get(question).cloned()
    }

    fn is_sure(&self, live: &LiveHolder) -> bool {
        live.is_sure() && !self.deaf.load(SeqCst)
    }

    /// Doubts those that are meant, and returns them.
    fn doubt_those(&self, meant: impl Fn(&LiveHolder) -> bool) -> Vec<(Question, Arc<LiveHolder>)> {
        self.epoch.fetch_add(1, SeqCst);
        let all = self.by_question.read().unwrap_or_else(PoisonError::into_inner);
        let doubted: Vec<_> =
            all.iter().filter(|(_, live)| meant(live)).map(|(question, live)| (question.clone(), Arc::clone(live))).collect();
        doubted.iter().for_each(|(_, live)| live.doubt());
        doubted
    }

    /// What the store said in `epoch`, when `doubts` was so much of the one that was known; the one that is remembered now.
    fn keep(&self, question: &Question, found: Option<&AccountRecord>, epoch: u64) -> Option<Arc<LiveHolder>> {
        let mut all = self.by_question.write().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(question).cloned();
        let Some(record) = found else {
            if let Some(live) = all.remove(question) {
                live.end();
            }
            return None;
        };
        let same = |live: &Arc<LiveHolder>| {
            let (account, new) = (live.account(), &record.account);
            !live.has_ended() && account.kind == new.kind && account.id == new.id && account.directory == new.directory
        };
        let live = match known.filter(same) {
            // Whoever doubts raises the epoch first, and then waits for this lock.
            Some(live) if self.epoch.load(SeqCst) == epoch => {
                live.confirm(live.doubts(), &record.account);
                live
            }
            Some(live) => live,
            None => {
                if all.len() >= MOST {
                    make_room(&mut all);
                }
                let live = LiveHolder::of(record);
                if let Some(old) = all.insert(question.clone(), Arc::clone(&live)) {
                    old.end();
                }
                live
            }
        };
        drop(all);
        if self.epoch.load(SeqCst) != epoch {
            live.doubt();
        }
        Some(live)
    }
}

/// Forgets an eighth. Their streams end: nobody could tell them any more that the account was disabled.
fn make_room(all: &mut HashMap<Question, Arc<LiveHolder>>) {
    let some: Vec<Question> = all.keys().take(MOST / 8).cloned().collect();
    for question in some {
        if let Some(live) = all.remove(&question) {
            live.end();
        }
    }
}

impl Holders for Arc<Auth> {
    fn now(&self) -> Time {
        self.clock().now()
    }

    fn remembered_holder(&self, asked: HolderAsked<'_>) -> Option<Arc<LiveHolder>> {
        let live = self.named().get(&(asked.directories.to_vec(), asked.login.to_owned()))?;
        // In a directory before it somebody new may have the name, and nobody tells of that.
        let first = asked.directories.first().is_some_and(|name| *name == live.account().directory);
        (first && self.named().is_sure(&live)).then_some(live)
    }

    fn find_holder<'a>(&'a self, asked: HolderAsked<'a>) -> Finding<'a> {
        Box::pin(async move {
            let question = (asked.directories.to_vec(), asked.login.to_owned());
            for _ in 0..ROUNDS {
                let epoch = self.named().epoch.load(SeqCst);
                let live = self.ask_for_holder(&question, epoch).await?;
                // Asked when this request was there already, so what was acknowledged before it is known.
                if live.is_sure() || self.named().epoch.load(SeqCst) == epoch {
                    return Ok(live);
                }
            }
            Err(HolderError::Unavailable(StoreError::Unavailable("accounts change too often to know".to_owned())))
        })
    }
}

impl Auth {
    async fn ask_for_holder(&self, question: &Question, epoch: u64) -> Result<Arc<LiveHolder>, HolderError> {
        let found = self.account_named(question).await.map_err(HolderError::Unavailable)?;
        let verdict = match &found {
            None => Err("no directory of the firewall has an account of the name in the certificate"),
            Some(record) if !record.enabled => Err("the account is disabled"),
            Some(record) if !record.confirmed => Err("the account's e-mail address was not confirmed yet"),
            Some(record) => Ok(record),
        };
        let live = self.named().keep(question, verdict.ok(), epoch);
        match (live, verdict) {
            (Some(live), _) => Ok(live),
            (None, Err(why)) => Err(HolderError::Refused(why)),
            (None, Ok(_)) => Err(HolderError::Refused("the account is gone")),
        }
    }

    /// The account of the first directory that has the login.
    async fn account_named(&self, (names, login): &Question) -> Result<Option<AccountRecord>, StoreError> {
        let all = self.directories();
        let directories = names.iter().filter_map(|name| all.iter().find(|directory| directory.name == *name));
        for directory in directories {
            let Directory { name, website, kind, .. } = &**directory;
            let record = self.store().account_by_login(name, *website, login).await?;
            // An account of another kind was made before the directory's kind was changed: it is nobody's here.
            if let Some(record) = record.filter(|record| record.account.kind == *kind) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Something happened to an account: it is asked about at once.
    pub(crate) async fn holder_changed(&self, kind: Kind, id: u64) {
        for (question, live) in self.named().doubt_those(|live| live.is_of(kind, id)) {
            self.recheck_holder(&question, &live).await;
        }
    }

    /// Much may have happened.
    pub(crate) async fn all_holders_changed(&self) {
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
        let epoch = self.named().epoch.load(SeqCst);
        match self.ask_for_holder(question, epoch).await {
            Ok(_) | Err(HolderError::Refused(_)) => {}
            Err(HolderError::Unavailable(error)) => {
                tracing::warn!(%error, holder = ?live, "a certificate's account cannot be checked, so its connections end");
                live.end();
            }
        }
    }
}

#[cfg(test)]
mod tests;
