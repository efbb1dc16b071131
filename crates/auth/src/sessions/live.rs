//! A session that is signed in now, as every request of it shares it.

use crate::assertions::Assertions;
use arc_swap::ArcSwap;
use doorward_core::{
    Account, Kind, Time,
    policy::Directory,
    ports::AccountRecord,
    session::{Session, SessionKey},
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// A live session. It is shared by all requests that it authenticates, and dies for all of them at once.
pub struct LiveSession {
    session: Session,
    kind: Kind,
    /// Replaced when the account's roles or login change; the session stays.
    account: ArcSwap<Account>,
    /// When it was last used, in milliseconds.
    last_seen: AtomicU64,
    /// When the store last heard of a use.
    pub(super) flushed: AtomicU64,
    /// Whether it waits to be written.
    pub(super) queued: AtomicBool,
    /// Counts what happened to the account since; it is trusted only while `checked` is the same.
    doubts: AtomicU64,
    checked: AtomicU64,
    /// When it is looked at next; an older appointment is void.
    pub(super) appointment: AtomicU64,
    ended: CancellationToken,
    /// Whether something long-lived waits for the end.
    watched: AtomicBool,
    /// Sessions whose place it took, for what they still have open: they end with it.
    predecessors: Mutex<Vec<Arc<LiveSession>>>,
    /// When its cookie was last sent, in milliseconds.
    cookie_sent: AtomicU64,
    pub(crate) assertions: Assertions,
}

/// How many predecessors may have something open; the oldest end.
const PREDECESSORS: usize = 8;

impl LiveSession {
    pub(super) fn new(session: Session, account: Arc<Account>) -> Self {
        Self {
            kind: account.kind,
            account: ArcSwap::new(account),
            last_seen: AtomicU64::new(session.last_seen.0),
            flushed: AtomicU64::new(session.last_seen.0),
            queued: AtomicBool::new(false),
            doubts: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            appointment: AtomicU64::new(u64::MAX),
            ended: CancellationToken::new(),
            watched: AtomicBool::new(false),
            predecessors: Mutex::default(),
            cookie_sent: AtomicU64::new(session.created.0),
            assertions: Assertions::default(),
            session,
        }
    }

    /// The session as it began; [`LiveSession::last_seen`] knows better when it was last used.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Hash of its id.
    pub fn key(&self) -> SessionKey {
        self.session.key
    }

    /// Whose it is, with the roles of this moment.
    pub fn account(&self) -> Arc<Account> {
        self.account.load_full()
    }

    /// When it was last used.
    pub fn last_seen(&self) -> Time {
        Time(self.last_seen.load(SeqCst))
    }

    /// Cancelled when the session ends, for whatever reason. WebSockets and streams that it opened end with it.
    pub fn ended(&self) -> &CancellationToken {
        if !self.watched.load(SeqCst) {
            self.watched.store(true, SeqCst);
        }
        &self.ended
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Whether its cookie is to be sent again, because that was last done longer than `every` ago. Of all that ask at that
    /// moment, one is told so.
    pub fn cookie_is_due(&self, now: Time, every: Duration) -> bool {
        let sent = self.cookie_sent.load(SeqCst);
        now.since(Time(sent)) >= every && self.cookie_sent.compare_exchange(sent, now.0, SeqCst, SeqCst).is_ok()
    }

    /// When it ends if it is not used again.
    pub(super) fn deadline(&self, directory: &Directory) -> Time {
        (self.last_seen() + directory.idle_timeout).min(self.session.created + directory.lifetime)
    }

    /// Whether it may be trusted without asking the store.
    pub(super) fn is_sure(&self) -> bool {
        self.checked.load(SeqCst) == self.doubts.load(SeqCst) && !self.has_ended()
    }

    pub(super) fn is_watched(&self) -> bool {
        self.watched.load(SeqCst)
    }

    /// The kind of its account.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Its account as the index files it.
    pub(super) fn owner(&self) -> (Kind, u64) {
        (self.kind, self.session.account)
    }

    /// From now on the store must be asked before it is trusted again.
    pub(super) fn doubt(&self) {
        self.doubts.fetch_add(1, SeqCst);
    }

    /// How much was doubted so far; taken before the store is asked.
    pub(super) fn doubts(&self) -> u64 {
        self.doubts.load(SeqCst)
    }

    /// The store was asked when `doubts` was so much, and said yes.
    pub(super) fn confirm(&self, doubts: u64, account: &Arc<Account>, last_seen: Time) {
        if *self.account.load_full() != **account {
            self.account.store(Arc::clone(account));
            // They name roles that may be gone.
            self.assertions.clear();
        }
        self.last_seen.fetch_max(last_seen.0, SeqCst);
        self.checked.fetch_max(doubts, SeqCst);
    }

    pub(super) fn end(&self) {
        self.ended.cancel();
        self.assertions.clear();
        self.take_predecessors().iter().for_each(|before| before.end());
    }

    /// Takes the place of `before`, of the same account: what that one has open goes on and ends with this one.
    pub(super) fn succeed(&self, before: Arc<LiveSession>) {
        self.watched.store(true, SeqCst);
        let mut all = before.take_predecessors();
        all.push(before);
        let surplus = all.len().saturating_sub(PREDECESSORS);
        all.drain(..surplus).for_each(|oldest| oldest.end());
        self.predecessors.lock().unwrap_or_else(PoisonError::into_inner).extend(all);
        // It may have ended before it knew them.
        if self.has_ended() {
            self.end();
        }
    }

    fn take_predecessors(&self) -> Vec<Arc<LiveSession>> {
        std::mem::take(&mut *self.predecessors.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a use. Whether the store should hear of it: seldom, so that reading writes nothing.
    pub(super) fn touch(&self, now: Time, idle_timeout: Duration) -> bool {
        if now.0 <= self.last_seen.load(SeqCst) {
            return false;
        }
        self.last_seen.fetch_max(now.0, SeqCst);
        now.since(Time(self.flushed.load(SeqCst))) > idle_timeout / 20 && !self.queued.swap(true, SeqCst)
    }
}

/// Whether the store's record of a session and its account still makes a session at `now`.
pub(super) fn holds(directory: &Directory, session: &Session, record: &AccountRecord, now: Time) -> bool {
    *session.directory == *directory.name
        && *record.account.directory == *directory.name
        && record.account.kind == directory.kind
        && record.account.id == session.account
        && record.enabled
        && record.version == session.account_version
        && record.not_before <= session.authenticated
        && now < session.last_seen + directory.idle_timeout
        && now < session.created + directory.lifetime
}

/// Names the session by the first bytes of its key's hash and its account; nothing that could sign in.
impl fmt::Debug for LiveSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSession")
            .field("key", &self.session.key)
            .field("account", &self.session.account)
            .field("directory", &self.session.directory)
            .field("ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}
