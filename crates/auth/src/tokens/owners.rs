//! Accounts of tokens that were asked about lately: a token that comes for the first time costs its signature, and no look
//! into the store, when its account is known already.

use crate::assertions::Assertions;
use doorward_core::{Kind, ports::AccountRecord};
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// How many are remembered; only accounts that exist are.
const MOST: usize = 65_536;

/// An account as it is until something happens to it.
pub(super) struct Owner {
    /// Without its password's hash, which no token asks for.
    pub(super) record: AccountRecord,
    /// What upstreams are told of it is the same for all its tokens.
    pub(super) assertions: Arc<Assertions>,
}

impl Owner {
    pub(super) fn of(record: AccountRecord) -> Arc<Self> {
        Arc::new(Self { record: AccountRecord { password: None, ..record }, assertions: Arc::default() })
    }
}

/// All that are remembered.
#[derive(Default)]
pub(super) struct Owners {
    by_account: RwLock<HashMap<(Kind, u64), Arc<Owner>>>,
    /// Raised by whoever forgets anything, before it does.
    epoch: AtomicU64,
}

impl Owners {
    pub(super) fn get(&self, kind: Kind, id: u64) -> Option<Arc<Owner>> {
        self.by_account.read().unwrap_or_else(PoisonError::into_inner).get(&(kind, id)).cloned()
    }

    /// Taken before the store is asked, for [`Owners::keep`].
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(SeqCst)
    }

    /// Remembers what the store said in `epoch`, unless something happened since.
    pub(super) fn keep(&self, record: AccountRecord, epoch: u64) -> Arc<Owner> {
        let owner = Owner::of(record);
        let mut all = self.by_account.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever forgets raises the epoch first, and then waits for this lock.
        if self.epoch() == epoch {
            if all.len() >= MOST {
                let some: Vec<_> = all.keys().take(MOST / 8).copied().collect();
                some.iter().for_each(|account| drop(all.remove(account)));
            }
            all.insert((owner.record.account.kind, owner.record.account.id), Arc::clone(&owner));
        }
        owner
    }

    pub(super) fn forget(&self, kind: Kind, id: u64) {
        self.epoch.fetch_add(1, SeqCst);
        self.by_account.write().unwrap_or_else(PoisonError::into_inner).remove(&(kind, id));
    }

    pub(super) fn forget_all(&self) {
        self.epoch.fetch_add(1, SeqCst);
        self.by_account.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Owners;
    use doorward_core::{Account, Kind, Time, ports::AccountRecord};
    use std::sync::Arc;

    fn record(id: u64) -> AccountRecord {
        let account =
            Account { directory: "d".into(), kind: Kind::Admin, id, login: "jane".into(), roles: Vec::new(), membership: None };
        AccountRecord {
            account: Arc::new(account),
            email: None,
            password: Some("a hash".into()),
            enabled: true,
            version: 1,
            not_before: Time(0),
            tokens_not_before: Time(0),
            confirmed: true,
            created: Time(0),
            updated: Time(0),
        }
    }

    #[test]
    fn an_account_is_known_until_something_happens_to_it() {
        let owners = Owners::default();
        owners.keep(record(1), owners.epoch());
        owners.keep(record(2), owners.epoch());
        assert_eq!(owners.get(Kind::Admin, 1).unwrap().record.password, None);
        owners.forget(Kind::Admin, 1);
        assert!(owners.get(Kind::Admin, 1).is_none());
        assert!(owners.get(Kind::Admin, 2).is_some());
        owners.forget_all();
        assert!(owners.get(Kind::Admin, 2).is_none());
    }

    #[test]
    fn what_was_asked_before_a_change_is_not_remembered_after_it() {
        let owners = Owners::default();
        let epoch = owners.epoch();
        owners.forget(Kind::Admin, 1);
        owners.keep(record(1), epoch);
        assert!(owners.get(Kind::Admin, 1).is_none());
    }
}
