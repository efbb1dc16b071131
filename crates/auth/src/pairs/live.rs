//! A pair that was judged right, as every request of it shares it.

use crate::Standing;
use doorward_core::{Time, ports::AccountRecord};
use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

/// Nobody has to renew it now.
const NEVER: u64 = u64::MAX;

/// A pair that is right now.
pub struct LivePair {
    standing: Standing,
    /// Of the account, when the password was verified: another one has another password or was disabled.
    version: u64,
    /// When it is no longer trusted without another hash (milliseconds).
    until: AtomicU64,
    /// When somebody has to see to that before.
    renew_at: AtomicU64,
    /// When it was last used.
    used: AtomicU64,
    /// How many sign-ins had failed when it was last made sure that the account is not locked.
    failures: AtomicU64,
    /// Whether nobody was told of it yet.
    news: AtomicBool,
}

impl LivePair {
    /// A pair that proves this account, and that nobody remembers.
    pub fn of(record: &AccountRecord) -> Arc<Self> {
        Self::new(record, 0, Time(0), Duration::ZERO, true)
    }

    /// A pair that was right at `now`, which is good for a while. `failures` is what the throttle counted before,
    /// `news` whether somebody has to hear of it.
    pub(super) fn new(record: &AccountRecord, failures: u64, now: Time, lasts: Duration, news: bool) -> Arc<Self> {
        let live = Self {
            standing: Standing::new(Arc::clone(&record.account)),
            version: record.version,
            until: AtomicU64::new((now + lasts).0),
            renew_at: AtomicU64::new(NEVER),
            used: AtomicU64::new(now.0),
            failures: AtomicU64::new(failures),
            news: AtomicBool::new(news),
        };
        if !lasts.is_zero() {
            live.renew_at.store((now + lasts / 4 * 3).0, SeqCst);
        }
        Arc::new(live)
    }

    /// What it proves, for as long as it does.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Whether the sign-in behind it is still to be written down; whoever asks does so.
    pub fn take_news(&self) -> bool {
        self.news.load(SeqCst) && self.news.swap(false, SeqCst)
    }

    /// Whether it is trusted without another hash.
    pub(super) fn is_fresh(&self, now: Time) -> bool {
        now.0 < self.until.load(SeqCst)
    }

    /// Whether it is time to verify it anew, before it is no longer trusted. Only one is told so.
    pub(super) fn is_due(&self, now: Time) -> bool {
        let at = self.renew_at.load(SeqCst);
        now.0 >= at && self.renew_at.compare_exchange(at, NEVER, SeqCst, SeqCst).is_ok()
    }

    /// Verifying it anew came to nothing for now.
    pub(super) fn renew_later(&self, at: Time) {
        self.renew_at.store(at.0, SeqCst);
    }

    pub(super) fn use_at(&self, now: Time) {
        self.used.store(now.0, SeqCst);
    }

    pub(super) fn used(&self) -> Time {
        Time(self.used.load(SeqCst))
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.load(SeqCst)
    }

    pub(super) fn set_failures(&self, failures: u64) {
        self.failures.store(failures, SeqCst);
    }

    /// Whether this is still the account, and its password still the one that was verified.
    pub(super) fn is_of(&self, record: &AccountRecord) -> bool {
        let account = self.account();
        record.enabled
            && record.confirmed
            && record.version == self.version
            && record.account.kind == account.kind
            && record.account.id == account.id
            && record.account.directory == account.directory
            // By another login it would not have been found.
            && record.account.login == account.login
    }

    /// Whether both were verified for the same password of the same account.
    pub(super) fn proves_what(&self, other: &LivePair) -> bool {
        let (account, others) = (self.account(), other.account());
        self.version == other.version
            && account.kind == others.kind
            && account.id == others.id
            && account.directory == others.directory
            && account.login == others.login
    }

    /// The same was verified once more; `sure` says that nothing happened since that began.
    pub(super) fn renew_from(&self, fresh: &LivePair, sure: bool) {
        if sure {
            self.confirm(self.doubts(), &fresh.account());
        }
        for (to, from) in [(&self.until, &fresh.until), (&self.renew_at, &fresh.renew_at), (&self.failures, &fresh.failures)] {
            to.store(from.load(SeqCst), SeqCst);
        }
        if fresh.news.load(SeqCst) {
            self.news.store(true, SeqCst);
        }
    }
}

impl Deref for LivePair {
    type Target = Standing;
    fn deref(&self) -> &Standing {
        &self.standing
    }
}

/// Names the account; nothing that could sign in.
impl fmt::Debug for LivePair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LivePair").field("account", &self.account()).finish_non_exhaustive()
    }
}
