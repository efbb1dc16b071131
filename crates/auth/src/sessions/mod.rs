//! The index of live sessions.
//!
//! A request asks [`Sessions::live`]: one hash, one read lock, a few comparisons, no store. What is not in the index, or
//! in doubt, is asked of the store by [`Sessions::find`], one flight at a time. Writers never make a reader wait: uses are
//! noted in atomics and written in batches.
//!
//! Two rules keep the dead dead. Whoever ends or doubts something first raises its [`Epoch`]; whoever puts something in
//! that was read from the store checks afterwards that the epoch is what it was before the reading, else the entry is in
//! doubt from the start. So a session that is deleted while it is being loaded does not come back.

mod index;
mod live;

pub use live::LiveSession;

use doorward_core::{
    Kind, Time,
    policy::Directory,
    ports::{AccountRecord, Clock, Store, StoreError},
    session::{Session, SessionKey},
};
use doorward_crypto::session_id;
use index::Index;
use live::holds;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

/// How many loads may be under way at once for different sessions, at most; the same session is loaded once.
const FLIGHTS: usize = 256;
/// How often a load is repeated when something ends meanwhile, to come out sure.
const ROUNDS: usize = 3;
/// How many uses are written at once.
const BATCH: usize = 500;

/// How often anything was doubted, and how often sessions of a key's part of the index were ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u64, u64);

/// On whose behalf the store is asked about a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asker {
    /// A request. It may only read, so it writes nothing: what is too old is purged in time.
    Request,
    /// Nobody waits: a session that is over is forgotten at once.
    Background,
}

/// All live sessions of this node.
pub struct Sessions {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    index: Index,
    doubts: AtomicU64,
    /// By the key's first byte, so that the many sign-outs of others hardly ever disturb a load.
    ends: Vec<AtomicU64>,
    flights: Vec<tokio::sync::Mutex<()>>,
    touched: Mutex<Vec<Arc<LiveSession>>>,
    /// Set while we may have missed revocations: then nothing is trusted without the store.
    deaf: AtomicBool,
}

impl Sessions {
    /// An empty index over this store; it fills as sessions are used.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            index: Index::new(),
            doubts: AtomicU64::new(0),
            ends: (0..FLIGHTS).map(|_| AtomicU64::default()).collect(),
            flights: (0..FLIGHTS).map(|_| tokio::sync::Mutex::default()).collect(),
            touched: Mutex::default(),
            deaf: AtomicBool::new(false),
        }
    }

    /// The live session of this id in this directory, if the index is sure of it; no store, no waiting. `None` says
    /// nothing: ask [`Sessions::find`]. It counts as a use.
    pub fn live(&self, directory: &Directory, session_id: &str) -> Option<Arc<LiveSession>> {
        if !session_id::is_well_formed(session_id) {
            return None;
        }
        self.live_by_key(directory, &session_id::key(session_id))
    }

    /// The live session of this id in this directory, asking the store where the index does not know. A malformed id is
    /// none, and costs nothing. It counts as a use.
    ///
    /// # Errors
    /// When the store cannot be asked: then nobody knows whether there is one.
    pub async fn find(&self, directory: &Directory, session_id: &str) -> Result<Option<Arc<LiveSession>>, StoreError> {
        if !session_id::is_well_formed(session_id) {
            return Ok(None);
        }
        let key = session_id::key(session_id);
        if let Some(live) = self.live_by_key(directory, &key) {
            return Ok(Some(live));
        }
        Box::pin(self.find_in_store(directory, &key)).await
    }

    /// The session that took the place of the one of this id, while requests that were on their way with the old id are
    /// carried over (magento-webapi 8.1). To be asked where [`Sessions::find`] found nothing. It is no use of the session.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn find_carried(&self, directory: &Directory, session_id: &str) -> Result<Option<Arc<LiveSession>>, StoreError> {
        if !session_id::is_well_formed(session_id) {
            return Ok(None);
        }
        let Some(successor) = self.store.successor(&session_id::key(session_id), self.clock.now()).await? else {
            return Ok(None);
        };
        self.successor(directory, &successor).await
    }

    /// Whether the session of this key lives in one of these directories. It is no use of the session.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub(crate) async fn lives(&self, key: &SessionKey, directories: &[Arc<Directory>]) -> Result<bool, StoreError> {
        Ok(self.lives_until(key, directories).await?.is_some())
    }

    /// Until when the session of this key lives in one of these directories unless it is used, here or by what other nodes
    /// told; `None` when it does not live. It is no use of the session.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub(crate) async fn lives_until(&self, key: &SessionKey, directories: &[Arc<Directory>]) -> Result<Option<Time>, StoreError> {
        let Some((session, _)) = self.store.session(key).await? else { return Ok(None) };
        match directories.iter().find(|directory| directory.name == session.directory) {
            Some(directory) => Ok(self.successor(directory, key).await?.map(|live| live.deadline(directory))),
            None => Ok(None),
        }
    }

    /// The session that requests with an older id are carried over to. It is no use of the session.
    pub(crate) async fn successor(
        &self,
        directory: &Directory,
        key: &SessionKey,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        match self.sure(directory, key, self.clock.now()) {
            Some(live) => Ok(Some(live)),
            None => self.load(directory, key, Asker::Request).await,
        }
    }

    /// Asks the store, one at a time for the same key.
    async fn find_in_store(&self, directory: &Directory, key: &SessionKey) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let flight = self.flights.get(usize::from(key.0[0]) % FLIGHTS);
        let _only_one = match flight {
            Some(flight) => Some(flight.lock().await),
            None => None,
        };
        // Whoever flew before may have brought it.
        if let Some(live) = self.live_by_key(directory, key) {
            return Ok(Some(live));
        }
        let found = self.load(directory, key, Asker::Request).await?;
        if let Some(live) = &found {
            self.note_use(live, directory, self.clock.now());
        }
        Ok(found)
    }

    /// Assertions are signed anew.
    pub(crate) fn forget_assertions(&self) {
        self.index.all().iter().for_each(|live| live.assertions.clear());
    }

    /// How many sessions are in memory.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The epoch of a key; taken before the store is asked, for [`Sessions::admit`].
    pub(crate) fn epoch(&self, key: &SessionKey) -> Epoch {
        let ends = self.ends.get(usize::from(key.0[0]) % FLIGHTS).map_or(0, |ends| ends.load(SeqCst));
        Epoch(self.doubts.load(SeqCst), ends)
    }

    /// Puts in what the store held in `epoch`. If that is over, the session is in doubt and soon looked at again.
    pub(crate) fn admit(
        &self,
        directory: &Directory,
        session: Session,
        record: &AccountRecord,
        epoch: Epoch,
    ) -> Arc<LiveSession> {
        let key = session.key;
        let fresh = Arc::new(LiveSession::new(session, Arc::clone(&record.account)));
        let deadline = fresh.deadline(directory);
        let live = self.index.insert(fresh, deadline);
        if self.epoch(&key) != epoch {
            live.doubt();
            self.index.look_again(&live, self.clock.now());
        }
        live
    }

    /// Ends a session here and now. The store is the caller's business, before.
    pub(crate) fn end(&self, key: &SessionKey) {
        if let Some(ends) = self.ends.get(usize::from(key.0[0]) % FLIGHTS) {
            ends.fetch_add(1, SeqCst);
        }
        if let Some(live) = self.index.remove(key) {
            live.end();
        }
    }

    /// Ends a session here and now because `new` takes its place. What it has open goes on where both are of one account.
    pub(crate) fn hand_over(&self, key: &SessionKey, new: &LiveSession) {
        if let Some(ends) = self.ends.get(usize::from(key.0[0]) % FLIGHTS) {
            ends.fetch_add(1, SeqCst);
        }
        let Some(old) = self.index.remove(key) else { return };
        if old.owner() == new.owner() && old.session().directory == new.session().directory {
            new.succeed(old);
        } else {
            old.end();
        }
    }

    /// Something happened to an account: its sessions are trusted again only after the store was asked, which happens
    /// here. A session that cannot be asked about ends for its connections; its requests may find it again later.
    pub(crate) async fn account_changed(&self, kind: Kind, id: u64, directories: &[Arc<Directory>]) {
        self.doubts.fetch_add(1, SeqCst);
        let doubted: Vec<_> = self.index.of_account(kind, id).iter().filter_map(|key| self.index.get(key)).collect();
        doubted.iter().for_each(|live| live.doubt());
        for live in doubted {
            self.recheck(&live, directories).await;
        }
    }

    /// Much may have happened. All sessions are in doubt; those with open connections are asked about at once.
    pub(crate) async fn everything_changed(&self, directories: &[Arc<Directory>]) {
        self.doubts.fetch_add(1, SeqCst);
        let all = self.index.all();
        all.iter().for_each(|live| live.doubt());
        for live in all.iter().filter(|live| live.is_watched()) {
            self.recheck(live, directories).await;
        }
    }

    /// While `deaf`, revocations may be missed, so every check goes to the store.
    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, SeqCst);
    }

    /// Whether revocations may be missed now.
    pub(crate) fn is_deaf(&self) -> bool {
        self.deaf.load(SeqCst)
    }

    /// Ends what is idle or too old. Cheap: it looks only at sessions whose time may have come.
    pub(crate) async fn sweep(&self, directories: &[Arc<Directory>]) {
        let now = self.clock.now();
        for live in self.index.due(now) {
            match directory_of(&live, directories) {
                Some(directory) if live.is_sure() && live.deadline(directory) > now => {
                    self.index.look_again(&live, live.deadline(directory));
                }
                // In doubt, or too old as far as we know; another node may have seen it since.
                Some(directory) => {
                    self.recheck(&live, directories).await;
                    if !live.has_ended() {
                        self.index.look_again(&live, live.deadline(directory));
                    }
                }
                None => self.end(&live.key()),
            }
        }
    }

    /// Looks at every session again, because timeouts changed.
    pub(crate) fn timeouts_changed(&self) {
        let now = self.clock.now();
        self.index.all().iter().for_each(|live| self.index.look_again(live, now));
    }

    /// Tells the store when sessions were last used. What fails is told again after the next use.
    pub(crate) async fn flush(&self) -> Result<usize, StoreError> {
        let touched = std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner));
        let mut written = 0;
        let mut outcome = Ok(());
        for batch in touched.chunks(BATCH) {
            // Before the reading: a use after it queues again.
            batch.iter().for_each(|live| live.queued.store(false, SeqCst));
            let alive: Vec<_> = batch.iter().filter(|live| !live.has_ended()).collect();
            let seen: Vec<_> = alive.iter().map(|live| (live.key(), live.last_seen())).collect();
            if outcome.is_err() || seen.is_empty() {
                continue;
            }
            outcome = self.store.touch_sessions(&seen).await;
            if outcome.is_ok() {
                for (live, (_, at)) in alive.iter().zip(&seen) {
                    live.flushed.fetch_max(at.0, SeqCst);
                }
                written += seen.len();
            }
        }
        outcome.map(|()| written)
    }

    fn live_by_key(&self, directory: &Directory, key: &SessionKey) -> Option<Arc<LiveSession>> {
        let now = self.clock.now();
        let live = self.sure(directory, key, now)?;
        self.note_use(&live, directory, now);
        Some(live)
    }

    /// The session, if the index is sure of it. It is no use of it.
    fn sure(&self, directory: &Directory, key: &SessionKey, now: Time) -> Option<Arc<LiveSession>> {
        let live = self.index.get(key)?;
        let good = live.is_sure()
            && !self.deaf.load(SeqCst)
            && *live.session().directory == *directory.name
            && directory.takes(&live.session().site)
            && live.kind() == directory.kind
            && live.deadline(directory) > now;
        good.then_some(live)
    }

    fn note_use(&self, live: &Arc<LiveSession>, directory: &Directory, now: Time) {
        if live.touch(now, directory.idle_timeout) {
            self.touched.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(live));
        }
    }

    /// Asks the store, again if something ended meanwhile. What comes out was alive after this began, and stands in the
    /// index; if it could not be made sure, the next check asks again.
    async fn load(&self, directory: &Directory, key: &SessionKey, asker: Asker) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let mut found = None;
        for _ in 0..ROUNDS {
            found = self.load_once(directory, key, asker).await?;
            if found.as_ref().is_none_or(|live| live.is_sure()) {
                break;
            }
        }
        Ok(found.filter(|live| !live.has_ended()))
    }

    async fn load_once(
        &self,
        directory: &Directory,
        key: &SessionKey,
        asker: Asker,
    ) -> Result<Option<Arc<LiveSession>>, StoreError> {
        let epoch = self.epoch(key);
        let known = self.index.get(key).map(|live| (live.doubts(), live));
        let Some((mut session, record)) = self.store.session(key).await? else {
            if known.is_some() {
                self.end(key);
            }
            return Ok(None);
        };
        if *session.directory != *directory.name {
            // Alive, but not in this directory: a session is found by both together.
            return Ok(None);
        }
        if !directory.takes(&session.site) {
            // The same on another site.
            return Ok(None);
        }
        if let Some((_, live)) = &known {
            session.last_seen = session.last_seen.max(live.last_seen());
        }
        let now = self.clock.now();
        if !holds(directory, &session, &record, now) {
            self.end(key);
            if asker == Asker::Background {
                self.store.delete_session(key, now).await?;
            }
            return Ok(None);
        }
        Ok(Some(match known {
            Some((doubts, live)) => {
                live.confirm(doubts, &record.account, session.last_seen);
                live
            }
            None => self.admit(directory, session, &record, epoch),
        }))
    }

    /// Asks the store about one session and ends it unless the answer is yes.
    async fn recheck(&self, live: &Arc<LiveSession>, directories: &[Arc<Directory>]) {
        let key = live.key();
        let answer = match directory_of(live, directories) {
            Some(directory) => self.load(directory, &key, Asker::Background).await,
            None => Ok(None),
        };
        match answer {
            Ok(Some(stands)) if Arc::ptr_eq(&stands, live) => {}
            Ok(_) => live.end(),
            Err(error) => {
                tracing::warn!(%error, session = ?key, "a session cannot be checked, so its connections end");
                self.end(&key);
                live.end();
            }
        }
    }
}

fn directory_of<'d>(live: &LiveSession, directories: &'d [Arc<Directory>]) -> Option<&'d Arc<Directory>> {
    directories.iter().find(|directory| *directory.name == *live.session().directory)
}

#[cfg(test)]
mod grace_tests;
#[cfg(test)]
mod tests;
