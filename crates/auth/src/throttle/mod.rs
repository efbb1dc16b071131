//! Failed sign-ins, limited before anything is hashed. Three counters, each in a bounded table:
//!
//! | by | beyond the limit | what it is against |
//! | --- | --- | --- |
//! | account and network, or account and known device | answered like a wrong password, even the right one, for the directory's `lock` | guessing one password |
//! | network | [`Gate::TooMany`] until the window ends | trying one password on many accounts |
//! | account over all networks | unknown devices wait before the hash, ever longer; beyond a few waiting ones the rest is answered like a wrong password | guessing from many networks |
//!
//! Every way of signing in (page, REST, token) counts here, under the account's name as it is stored. A way may have limits
//! of its own; whoever is locked by one is locked for all.
//!
//! Nobody can lock another out: a device that signed in before is counted by itself alone and never slowed. Attempts that
//! are under way count too: no more are judged at once than may still fail, the others wait, so that a hundred at once get
//! no more tries than a hundred in a row. A login that nobody has is counted like any other, so limits do not tell which
//! logins exist.

mod table;

use crate::{device::DeviceId, network};
use doorward_core::{Time, policy::Directory};
use doorward_crypto::sha256;
use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
pub(crate) use table::Table;
use tokio::sync::Notify;

/// How many attempts of one account and network (or device) may wait for those that are being judged.
const MOST_WAITING: u32 = 64;

/// Limits that do not belong to a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// How many failures of one network are too many.
    pub network_failures: u32,
    /// In what time.
    pub network_window: Duration,
    /// How many times a directory's `max_failures` an account may fail over all networks before unknown devices are slowed.
    pub account_factor: u32,
    /// How many slowed attempts on one account may wait at once.
    pub account_waiting: u32,
    /// The longest that an attempt is slowed.
    pub longest_delay: Duration,
    /// How many entries each table holds.
    pub entries: usize,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self {
            network_failures: 100,
            network_window: Duration::from_secs(600),
            account_factor: 5,
            account_waiting: 4,
            longest_delay: Duration::from_secs(16),
            entries: 65_536,
        }
    }
}

/// The account that an attempt is about, whether it exists or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AccountKey([u8; 16]);

/// Who tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Somebody at this network.
    Network(IpAddr),
    /// A device that signed in to this account before.
    Device(DeviceId),
}

/// What one attempt is counted under.
#[derive(Clone, Debug)]
pub struct Subject {
    account: AccountKey,
    who: Who,
    network: IpAddr,
    max_failures: u32,
    lock: Duration,
}

impl Subject {
    /// An attempt on `login` of `directory` from `address`, by a known device or not. Case does not matter.
    pub fn new(directory: &Directory, login: &str, address: IpAddr, device: Option<DeviceId>) -> Self {
        let network = network(address);
        Self {
            account: account_key(&directory.name, login),
            who: device.map_or(Who::Network(network), Who::Device),
            network,
            max_failures: directory.max_failures.max(1),
            lock: directory.lock,
        }
    }

    /// The same attempt by a way of signing in that has other limits than the directory. It is counted as all others.
    #[must_use]
    pub fn within(mut self, max_failures: u32, lock: Duration) -> Self {
        self.max_failures = max_failures.max(1);
        self.lock = lock;
        self
    }
}

/// What an attempt may do.
#[derive(Debug)]
pub enum Gate {
    /// Verify the password, then settle.
    Open(Pass),
    /// Wait so long while holding the place, then verify and settle.
    Slowed(Duration, Pass, Place),
    /// Answer as to a wrong password.
    Locked,
    /// The same, because too many already wait.
    Crowded,
    /// Come back later: more are under way than are worth waiting for.
    Busy,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It failed.
    Failed,
    /// It succeeded: the failures of this account and network (or device) are forgotten.
    Succeeded,
    /// Nothing was judged (no place in the queue, no store): it does not count.
    Unjudged,
}

/// An attempt that was let in. Dropped without [`Pass::settle`], it failed.
pub struct Pass {
    throttle: Arc<Throttle>,
    subject: Subject,
    entered: Time,
    settled: bool,
}

impl Pass {
    /// Ends the attempt.
    pub fn settle(mut self, outcome: Outcome) {
        self.end(outcome);
    }

    fn end(&mut self, outcome: Outcome) {
        if !std::mem::replace(&mut self.settled, true) {
            self.throttle.settle(&self.subject, outcome, self.entered);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.end(Outcome::Failed);
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pass")
    }
}

/// The counters.
pub struct Throttle {
    limits: ThrottleLimits,
    tables: Mutex<Tables>,
    /// Rings when an attempt is settled.
    settled: Notify,
    /// How many failures were counted since the start.
    failures: AtomicU64,
}

struct Tables {
    pairs: Table<(AccountKey, Who), Failures>,
    networks: Table<IpAddr, Failures>,
    accounts: Table<AccountKey, Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    count: u32,
    first: Time,
    /// Until when it is locked.
    until: Option<Time>,
    /// How many are being judged.
    open: u32,
    /// How many wait.
    waiting: u32,
}

/// A place among those that wait; given back when dropped.
pub struct Place {
    throttle: Arc<Throttle>,
    line: Line,
}

#[derive(Clone, Copy)]
enum Line {
    Account(AccountKey),
    Pair(AccountKey, Who),
}

impl Throttle {
    /// Empty counters.
    pub fn new(limits: ThrottleLimits) -> Self {
        let tables = Tables {
            pairs: Table::new(limits.entries),
            networks: Table::new(limits.entries),
            accounts: Table::new(limits.entries),
        };
        Self { limits, tables: Mutex::new(tables), settled: Notify::new(), failures: AtomicU64::new(0) }
    }

    /// Judges a network before anything else is done. `Err` says when to come back.
    ///
    /// # Errors
    /// When it failed too often.
    pub fn begin(&self, address: IpAddr, now: Time) -> Result<(), Duration> {
        let mut tables = self.tables();
        let window = self.limits.network_window;
        let Some(failures) = tables.networks.get_mut(&network(address)) else { return Ok(()) };
        failures.forget_after(window, now);
        if failures.count < self.limits.network_failures {
            return Ok(());
        }
        Err((failures.first + window).since(now).max(Duration::from_secs(1)))
    }

    /// Counts a failure that is about no account, such as that of a program: only where it came from is counted, so that nobody
    /// can keep a program out of the place where it runs.
    pub fn note_failure(&self, address: IpAddr, now: Time) {
        self.fail_network(&mut self.tables(), network(address), now);
    }

    /// Grows with each failure, of whatever account: while it stays the same, nobody was locked.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(SeqCst)
    }

    /// Whether an attempt would be turned away without a look at the password. It counts nothing.
    pub(crate) fn bars(&self, subject: &Subject, now: Time) -> bool {
        if self.begin(subject.network, now).is_err() {
            return true;
        }
        let mut tables = self.tables();
        let Some(pair) = tables.pairs.get_mut(&(subject.account, subject.who)) else { return false };
        match pair.until {
            Some(until) => now < until,
            None => {
                pair.forget_after(subject.lock, now);
                pair.count >= subject.max_failures
            }
        }
    }

    /// Judges an attempt, after waiting for those of the same account and network (or device) that are being judged, if
    /// they could still use up what may fail.
    pub async fn enter(self: &Arc<Self>, subject: &Subject, now: Time) -> Gate {
        let mut waiting = None;
        loop {
            let settled = self.settled.notified();
            let mut settled = std::pin::pin!(settled);
            // From here on no ring is missed.
            settled.as_mut().enable();
            if let Some(gate) = self.try_enter(subject, now) {
                return gate;
            }
            if waiting.is_none() {
                waiting = self.wait_in_line(subject);
            }
            if waiting.is_none() {
                return Gate::Busy;
            }
            settled.await;
        }
    }

    /// `None` when those that are being judged must be waited for.
    fn try_enter(self: &Arc<Self>, subject: &Subject, now: Time) -> Option<Gate> {
        let mut guard = self.tables();
        let tables = &mut *guard;
        let pair = tables.pairs.entry(&(subject.account, subject.who));
        if pair.until.is_some_and(|until| now < until) {
            self.fail_network(tables, subject.network, now);
            return Some(Gate::Locked);
        }
        if pair.until.take().is_some() {
            pair.count = 0;
        }
        pair.forget_after(subject.lock, now);
        if pair.count >= subject.max_failures {
            // Another way with a higher limit counted these.
            self.fail_network(tables, subject.network, now);
            return Some(Gate::Locked);
        }
        if pair.count.saturating_add(pair.open) >= subject.max_failures {
            return None;
        }
        let account = tables.accounts.entry(&subject.account);
        account.forget_after(subject.lock, now);
        let limit = subject.max_failures.saturating_mul(self.limits.account_factor);
        let slowed = account.count >= limit && !matches!(subject.who, Who::Device(_));
        if slowed && account.waiting >= self.limits.account_waiting {
            self.fail_network(tables, subject.network, now);
            return Some(Gate::Crowded);
        }
        account.waiting += u32::from(slowed);
        let doublings = (account.count.saturating_sub(limit) / subject.max_failures).min(16);
        let pair = tables.pairs.entry(&(subject.account, subject.who));
        pair.open += 1;
        let pass = Pass { throttle: Arc::clone(self), subject: subject.clone(), entered: now, settled: false };
        if !slowed {
            return Some(Gate::Open(pass));
        }
        let delay = Duration::from_secs(1 << doublings).min(self.limits.longest_delay);
        Some(Gate::Slowed(delay, pass, Place { throttle: Arc::clone(self), line: Line::Account(subject.account) }))
    }

    fn wait_in_line(self: &Arc<Self>, subject: &Subject) -> Option<Place> {
        let key = (subject.account, subject.who);
        let mut tables = self.tables();
        let pair = tables.pairs.entry(&key);
        if pair.waiting >= MOST_WAITING {
            return None;
        }
        pair.waiting += 1;
        Some(Place { throttle: Arc::clone(self), line: Line::Pair(key.0, key.1) })
    }

    fn settle(&self, subject: &Subject, outcome: Outcome, entered: Time) {
        let mut guard = self.tables();
        let tables = &mut *guard;
        let pair = tables.pairs.entry(&(subject.account, subject.who));
        pair.open = pair.open.saturating_sub(1);
        match outcome {
            Outcome::Unjudged => {}
            Outcome::Succeeded => {
                pair.count = 0;
                if pair.open == 0 && pair.waiting == 0 {
                    tables.pairs.remove(&(subject.account, subject.who));
                }
            }
            Outcome::Failed => {
                pair.add(entered);
                if pair.count >= subject.max_failures {
                    pair.until = Some(entered + subject.lock);
                }
                let account = tables.accounts.entry(&subject.account);
                account.forget_after(subject.lock, entered);
                account.add(entered);
                self.fail_network(tables, subject.network, entered);
            }
        }
        drop(guard);
        self.settled.notify_waiters();
    }

    /// Forgets the failures of an account: an operator unlocked it.
    pub fn unlock(&self, directory: &str, login: &str) {
        let account = account_key(directory, login);
        let mut tables = self.tables();
        tables.accounts.remove(&account);
        tables.pairs.retain(|(key, _)| *key != account);
    }

    /// How many entries the tables hold in all.
    pub fn len(&self) -> usize {
        let tables = self.tables();
        tables.pairs.len() + tables.networks.len() + tables.accounts.len()
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every failure comes by here. Whoever hears of it by [`Throttle::failures`] finds what it led to.
    fn fail_network(&self, tables: &mut Tables, network: IpAddr, now: Time) {
        let failures = tables.networks.entry(&network);
        failures.forget_after(self.limits.network_window, now);
        failures.add(now);
        self.failures.fetch_add(1, SeqCst);
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Nothing under this lock can stop half-way.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn forget_after(&mut self, window: Duration, now: Time) {
        if self.count > 0 && self.until.is_none() && now.since(self.first) >= window {
            self.count = 0;
        }
    }

    fn add(&mut self, now: Time) {
        if self.count == 0 {
            self.first = now;
        }
        self.count = self.count.saturating_add(1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut tables = self.throttle.tables();
        let failures = match self.line {
            Line::Account(account) => tables.accounts.get_mut(&account),
            Line::Pair(account, who) => tables.pairs.get_mut(&(account, who)),
        };
        if let Some(failures) = failures {
            failures.waiting = failures.waiting.saturating_sub(1);
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Place")
    }
}

/// Fixed in size, so that a long login takes no more memory than a short one.
pub(crate) fn account_key(directory: &str, login: &str) -> AccountKey {
    let digest = sha256(format!("{directory}\0{}", login.to_lowercase()).as_bytes());
    let mut key = [0; 16];
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    AccountKey(key)
}

#[cfg(test)]
mod tests;
