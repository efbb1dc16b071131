//! Where live sessions stand in memory: by key, by account, and by when they would end.

use super::live::LiveSession;
use doorward_core::{Kind, Time, session::SessionKey};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, atomic::Ordering::SeqCst},
};

const SHARDS: usize = 64;

/// Keys are SHA-256 already: their first bytes are as good as any hash of them.
#[derive(Default)]
struct KeyHasher(u64);

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

type Shard = RwLock<HashMap<SessionKey, Arc<LiveSession>, BuildHasherDefault<KeyHasher>>>;

/// All live sessions. No lock is held across more than a few map operations, and none while anything waits.
pub(super) struct Index {
    shards: Vec<Shard>,
    accounts: Mutex<HashMap<(Kind, u64), HashSet<SessionKey>>>,
    /// When each session would end if it is not used again; looked at then, and put back if it was used.
    deadlines: Mutex<BinaryHeap<Reverse<(Time, SessionKey)>>>,
}

impl Index {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect(), accounts: Mutex::default(), deadlines: Mutex::default() }
    }

    pub(super) fn get(&self, key: &SessionKey) -> Option<Arc<LiveSession>> {
        self.shard(key)?.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Puts a session in, unless one of its key is there already; the one that is there now. The account's entry comes
    /// first, so that whoever looks for an account's sessions never misses one that is in.
    pub(super) fn insert(&self, live: Arc<LiveSession>, deadline: Time) -> Arc<LiveSession> {
        let key = live.key();
        lock(&self.accounts).entry(live.owner()).or_default().insert(key);
        let Some(shard) = self.shard(&key) else { return live };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let stands = Arc::clone(shard.entry(key).or_insert_with(|| Arc::clone(&live)));
        drop(shard);
        if Arc::ptr_eq(&stands, &live) {
            self.look_again(&stands, deadline);
        }
        stands
    }

    pub(super) fn remove(&self, key: &SessionKey) -> Option<Arc<LiveSession>> {
        let live = self.shard(key)?.write().unwrap_or_else(PoisonError::into_inner).remove(key)?;
        let mut accounts = lock(&self.accounts);
        if let Some(keys) = accounts.get_mut(&live.owner()) {
            keys.remove(key);
            if keys.is_empty() {
                accounts.remove(&live.owner());
            }
        }
        Some(live)
    }

    pub(super) fn of_account(&self, kind: Kind, id: u64) -> Vec<SessionKey> {
        lock(&self.accounts).get(&(kind, id)).map(|keys| keys.iter().copied().collect()).unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<Arc<LiveSession>> {
        let of = |shard: &Shard| shard.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect::<Vec<_>>();
        self.shards.iter().flat_map(of).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Asks that the session be looked at when its time has come; an earlier appointment is void.
    pub(super) fn look_again(&self, live: &LiveSession, at: Time) {
        live.appointment.store(at.0, SeqCst);
        lock(&self.deadlines).push(Reverse((at, live.key())));
    }

    /// The sessions to look at now. Each is given once; whoever keeps it alive makes the next appointment.
    pub(super) fn due(&self, now: Time) -> Vec<Arc<LiveSession>> {
        let mut deadlines = lock(&self.deadlines);
        let mut due = Vec::new();
        while let Some(Reverse((at, key))) = deadlines.peek().copied()
            && at <= now
        {
            deadlines.pop();
            due.extend(self.get(&key).filter(|live| live.appointment.load(SeqCst) == at.0));
        }
        due
    }

    fn shard(&self, key: &SessionKey) -> Option<&Shard> {
        // The last byte: the first ones are the hash within the shard.
        self.shards.get(usize::from(key.0[31]) % SHARDS)
    }
}

/// Nothing under these locks can stop half-way, so a poisoned one is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
