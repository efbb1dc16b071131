//! What is remembered of the names in certificates.

use super::LiveHolder;
use doorward_core::{Time, ports::AccountRecord};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

/// How many are remembered: only names that verified certificates have, and that accounts have too.
const MOST: usize = 65_536;
/// How many names are remembered of which somebody was told that they are refused.
const MOST_REFUSED: usize = 1024;
/// After how long somebody is told again that a name is refused (milliseconds).
const REFUSED_AGAIN: u64 = 60_000;

/// Whom a certificate names, where, on which website.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) directories: Vec<Arc<str>>,
    pub(super) login: String,
    pub(super) website: Option<u32>,
}

/// What [`Auth`] remembers of them.
#[derive(Default)]
pub(crate) struct Named {
    by_question: RwLock<HashMap<Question, Arc<LiveHolder>>>,
    /// Raised by whoever doubts anything, before it looks which ones are there.
    epoch: AtomicU64,
    /// How many accounts came, or may have got another name: then one in a directory that is asked earlier may have the name.
    arrivals: AtomicU64,
    /// When somebody was told of a refusal.
    refused: Mutex<HashMap<Question, Time>>,
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

    /// An account came, or may have got another name.
    pub(super) fn somebody_came(&self) {
        self.arrivals.fetch_add(1, SeqCst);
    }

    /// What is true before the store is asked.
    pub(super) fn now(&self) -> Moment {
        Moment { epoch: self.epoch.load(SeqCst), arrivals: self.arrivals.load(SeqCst) }
    }

    /// Whether nothing was doubted since.
    pub(super) fn is_still(&self, moment: Moment) -> bool {
        self.epoch.load(SeqCst) == moment.epoch
    }

    /// The one that is remembered, if it is trusted without the store.
    pub(super) fn sure(&self, question: &Question) -> Option<Arc<LiveHolder>> {
        let live = self.get(question)?;
        let first = question.directories.first().is_some_and(|name| *name == live.account().directory);
        let nobody_before = first || live.arrivals.load(SeqCst) == self.arrivals.load(SeqCst);
        (nobody_before && self.is_sure(&live)).then_some(live)
    }

    pub(super) fn take_refusal(&self, question: Question, now: Time) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |at: &Time| now.0.saturating_sub(at.0) < REFUSED_AGAIN;
        if refused.get(&question).is_some_and(recent) {
            return false;
        }
        if refused.len() >= MOST_REFUSED {
            refused.retain(|_, at| recent(at));
        }
        // Better told too often than never.
        if refused.len() < MOST_REFUSED {
            refused.insert(question, now);
        }
        true
    }

    fn get(&self, question: &Question) -> Option<Arc<LiveHolder>> {
        self.by_question.read().unwrap_or_else(PoisonError::into_inner).get(question).cloned()
    }

    fn is_sure(&self, live: &LiveHolder) -> bool {
        live.is_sure() && !self.deaf.load(SeqCst)
    }

    /// Doubts those that are meant, and returns them.
    pub(super) fn doubt_those(&self, meant: impl Fn(&LiveHolder) -> bool) -> Vec<(Question, Arc<LiveHolder>)> {
        self.epoch.fetch_add(1, SeqCst);
        let all = self.by_question.read().unwrap_or_else(PoisonError::into_inner);
        let doubted: Vec<_> =
            all.iter().filter(|(_, live)| meant(live)).map(|(question, live)| (question.clone(), Arc::clone(live))).collect();
        doubted.iter().for_each(|(_, live)| live.doubt());
        doubted
    }

    /// What the store said when it was asked at `moment`; the one that is remembered now.
    pub(super) fn keep(&self, question: &Question, found: Option<&AccountRecord>, moment: Moment) -> Option<Arc<LiveHolder>> {
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
            Some(live) if self.is_still(moment) => {
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
        live.arrivals.fetch_max(moment.arrivals, SeqCst);
        drop(all);
        if !self.is_still(moment) {
            live.doubt();
        }
        Some(live)
    }
}

/// What was true before the store was asked.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    epoch: u64,
    arrivals: u64,
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
