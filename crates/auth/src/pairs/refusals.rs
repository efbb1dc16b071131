//! Pairs that were refused a moment ago: the same guess is one guess. A proxy that asks for a verdict and then lets us say
//! the refusal in the caller's words sends it twice, and so does whoever tries again what was wrong.
//!
//! Nobody learns anything by asking twice, so it is neither hashed nor counted again. What could make the pair right makes all of
//! this forgotten.

use super::{
    Failed,
    memory::{KeyHasher, PairKey},
};
use crate::{SignInError, Why};
use doorward_core::Time;
use std::{
    collections::HashMap,
    hash::BuildHasherDefault,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long the same guess is one.
const LASTS: Duration = Duration::from_secs(10);
/// How many are remembered. What finds no room is counted each time.
const MOST: usize = 4096;

/// All that were refused lately.
#[derive(Default)]
pub(super) struct Refusals {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// Grows with each [`Refusals::forget`].
    epoch: u64,
    by_key: HashMap<PairKey, (Arc<Failed>, Time), BuildHasherDefault<KeyHasher>>,
}

impl Refusals {
    /// Taken before a pair is judged, for [`Refusals::note`].
    pub(super) fn epoch(&self) -> u64 {
        self.table().epoch
    }

    /// Why the pair was refused, if it was a moment ago.
    pub(super) fn get(&self, key: &PairKey, now: Time) -> Option<Arc<Failed>> {
        let table = self.table();
        table.by_key.get(key).filter(|(_, until)| now < *until).map(|(failed, _)| Arc::clone(failed))
    }

    /// Remembers a guess that was judged in `epoch`. Not being able to judge is none.
    pub(super) fn note(&self, key: PairKey, failed: &Arc<Failed>, epoch: u64, now: Time) {
        // Of an account that is not confirmed the password is right; where too many wait it was not looked at, and soon will be.
        let passing = |why: &Why| matches!(why, Why::Unconfirmed | Why::Crowded);
        if !matches!(&failed.error, SignInError::Invalid { why, .. } if !passing(why)) {
            return;
        }
        let mut table = self.table();
        if table.by_key.len() >= MOST {
            table.by_key.retain(|_, (_, until)| now < *until);
        }
        if table.epoch == epoch && table.by_key.len() < MOST {
            table.by_key.insert(key, (Arc::clone(failed), now + LASTS));
        }
    }

    /// Something happened by which a pair may be right now.
    pub(super) fn forget(&self) {
        let mut table = self.table();
        table.epoch += 1;
        table.by_key.clear();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing under this lock can stop half-way.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
