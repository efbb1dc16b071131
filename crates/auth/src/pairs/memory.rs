//! Pairs that were right lately. Only pairs that are right come in here, so nobody fills it by guessing.

use super::{LivePair, PairAsked};
use doorward_core::Time;
use doorward_crypto::hmac_sha256;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    net::IpAddr,
    sync::{
        Arc, PoisonError, RwLock, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// What a pair is remembered by: an HMAC of everything on which the verdict hangs, under a key that only this process has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PairKey([u8; 32]);

/// An HMAC is as good as any hash of it.
#[derive(Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte));
    }
    // An array hashes its length first; it is always the same.
    fn write_usize(&mut self, _: usize) {}
    fn finish(&self) -> u64 {
        self.0
    }
}

type Table = HashMap<PairKey, Arc<LivePair>, BuildHasherDefault<KeyHasher>>;

/// All that are remembered.
pub(super) struct Memory {
    secret: [u8; 32],
    by_key: RwLock<Table>,
    /// Raised by whoever doubts anything, before it looks which ones are there.
    epoch: AtomicU64,
}

impl Memory {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self { secret, by_key: RwLock::default(), epoch: AtomicU64::new(0) }
    }

    /// The key of a pair, as these directories are asked about that website from that network. Each part is preceded by its
    /// length, so that no two questions have the same text.
    pub(super) fn key(&self, asked: &PairAsked<'_>, network: IpAddr) -> PairKey {
        let PairAsked { directories, login, password, website, address: _ } = asked;
        let mut text = zeroize::Zeroizing::new(Vec::with_capacity(256));
        text.extend_from_slice(&directories.len().to_le_bytes());
        for part in directories.iter().map(|name| name.as_bytes()).chain([login.as_bytes(), password.as_bytes()]) {
            text.extend_from_slice(&part.len().to_le_bytes());
            text.extend_from_slice(part);
        }
        text.extend_from_slice(&website.map_or(0, |id| u64::from(id) + 1).to_le_bytes());
        match network {
            IpAddr::V4(v4) => text.extend_from_slice(&v4.octets()),
            IpAddr::V6(v6) => text.extend_from_slice(&v6.octets()),
        }
        PairKey(hmac_sha256(&self.secret, &text))
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn get(&self, key: &PairKey) -> Option<Arc<LivePair>> {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Taken before the store is asked, for [`Memory::admit`].
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(SeqCst)
    }

    /// Remembers a pair that was judged in `epoch`, at most `most` of them; the one that is remembered now. If the epoch is
    /// over, it is in doubt from the start. One that is remembered already and proves the same stays, with what hangs on it.
    pub(super) fn admit(&self, key: PairKey, fresh: Arc<LivePair>, epoch: u64, most: usize) -> Arc<LivePair> {
        let mut by_key = self.table();
        if !by_key.contains_key(&key) && by_key.len() >= most.max(1) {
            make_room(&mut by_key, most.max(1));
        }
        let stands = match by_key.get(&key) {
            Some(live) if !live.has_ended() && live.proves_what(&fresh) => {
                // Whoever doubts raises the epoch first, and then waits for this lock.
                live.renew_from(&fresh, self.epoch() == epoch);
                Arc::clone(live)
            }
            _ => {
                if let Some(old) = by_key.insert(key, Arc::clone(&fresh)) {
                    old.end();
                }
                fresh
            }
        };
        drop(by_key);
        if self.epoch() != epoch {
            stands.doubt();
        }
        stands
    }

    /// Doubts those that are meant, and returns them.
    pub(super) fn doubt_those(&self, meant: impl Fn(&LivePair) -> bool) -> Vec<(PairKey, Arc<LivePair>)> {
        self.epoch.fetch_add(1, SeqCst);
        let by_key = self.by_key.read().unwrap_or_else(PoisonError::into_inner);
        let doubted: Vec<_> = by_key.iter().filter(|(_, live)| meant(live)).map(|(key, live)| (*key, Arc::clone(live))).collect();
        doubted.iter().for_each(|(_, live)| live.doubt());
        doubted
    }

    /// Ends one for all its requests and connections.
    pub(super) fn end(&self, key: &PairKey, live: &Arc<LivePair>) {
        live.end();
        let mut by_key = self.table();
        if by_key.get(key).is_some_and(|stands| Arc::ptr_eq(stands, live)) {
            by_key.remove(key);
        }
    }

    pub(super) fn forget_assertions(&self) {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner).values().for_each(|live| live.assertions().clear());
    }

    fn table(&self) -> RwLockWriteGuard<'_, Table> {
        // Nothing under this lock can stop half-way.
        self.by_key.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets an eighth: those that were not used for longest. Streams of those that are forgotten end: nobody could tell them
/// any more that the account was disabled.
fn make_room(by_key: &mut Table, most: usize) {
    let mut by_use: Vec<(Time, PairKey)> = by_key.iter().map(|(key, live)| (live.used(), *key)).collect();
    by_use.sort_unstable_by_key(|(used, _)| *used);
    for (_, key) in by_use.into_iter().take((most / 8).max(1)) {
        if let Some(live) = by_key.remove(&key) {
            live.end();
        }
    }
}
