//! Failed sign-ins, limited before anything is hashed. Three counters, each in a bounded table:
//!
//! | by | beyond the limit | what it is against |
//! | --- | --- | --- |
//! | account and network, or account and known device | answered like a wrong password, even the right one, for the directory's `lock` | guessing one password |
//! | network | [`Gate::TooMany`] until the window ends | trying one password on many accounts |
//! | account over all networks | unknown devices wait before the hash, ever longer; beyond a few waiting ones the rest is answered like a wrong password | guessing from many networks |
//!
//! Nobody can lock another out: a device that signed in before is counted by itself alone and never slowed. An attempt
//! counts as failed from its beginning until it is settled, so that a hundred at once get no more tries than a hundred in
//! a row. A login that nobody has is counted like any other, so limits do not tell which logins exist.

mod table;

use crate::{device::DeviceId, network};
use doorward_core::{Time, policy::Directory};
use doorward_crypto::sha256;
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use table::Table;

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
struct AccountKey([u8; 16]);

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
}

/// What an attempt may do.
#[derive(Debug)]
pub enum Gate {
    /// Verify the password, then settle.
    Open,
    /// Wait so long while holding the place, then verify and settle.
    Slowed(Duration, Place),
    /// Answer as to a wrong password; nothing is to be settled.
    Locked,
    /// The same, because too many already wait.
    Crowded,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It failed. An attempt that is never settled failed too.
    Failed,
    /// It succeeded: the failures of this account and network (or device) are forgotten.
    Succeeded,
    /// Nothing was judged (no place in the queue, no store): it does not count.
    Unjudged,
}

/// The counters.
pub struct Throttle {
    limits: ThrottleLimits,
    tables: Mutex<Tables>,
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
    waiting: u32,
}

/// A place among the slowed attempts on an account; given back when dropped.
pub struct Place {
    throttle: Arc<Throttle>,
    account: AccountKey,
}

impl Throttle {
    /// Empty counters.
    pub fn new(limits: ThrottleLimits) -> Self {
        let tables = Tables {
            pairs: Table::new(limits.entries),
            networks: Table::new(limits.entries),
            accounts: Table::new(limits.entries),
        };
        Self { limits, tables: Mutex::new(tables) }
    }

    /// Begins an attempt of `address`, before anything else is done. `Err` says when to come back.
    ///
    /// # Errors
    /// When its network failed too often.
    pub fn begin(&self, address: IpAddr, now: Time) -> Result<(), Duration> {
        let mut tables = self.tables();
        let window = self.limits.network_window;
        let failures = tables.networks.entry(&network(address));
        failures.forget_after(window, now);
        if failures.count >= self.limits.network_failures {
            return Err((failures.first + window).since(now).max(Duration::from_secs(1)));
        }
        failures.add(now);
        Ok(())
    }

    /// Takes back what [`Throttle::begin`] counted, for an attempt that was not judged.
    pub fn unbegin(&self, address: IpAddr) {
        if let Some(failures) = self.tables().networks.get_mut(&network(address)) {
            failures.count = failures.count.saturating_sub(1);
        }
    }

    /// Judges an attempt that has begun, and counts it as failed until it is settled.
    pub fn enter(self: &Arc<Self>, subject: &Subject, now: Time) -> Gate {
        let mut tables = self.tables();
        let pair = tables.pairs.entry(&(subject.account, subject.who));
        if pair.until.is_some_and(|until| now < until) {
            return Gate::Locked;
        }
        if pair.until.take().is_some() {
            pair.count = 0;
        }
        pair.forget_after(subject.lock, now);
        pair.add(now);
        if pair.count >= subject.max_failures {
            // This one is judged still; if it fails, the next one is not.
            pair.until = Some(now + subject.lock);
        }
        let limit = subject.max_failures.saturating_mul(self.limits.account_factor).max(1);
        let account = tables.accounts.entry(&subject.account);
        account.forget_after(subject.lock, now);
        account.add(now);
        let beyond = account.count.saturating_sub(limit);
        if beyond == 0 || matches!(subject.who, Who::Device(_)) {
            return Gate::Open;
        }
        if account.waiting >= self.limits.account_waiting {
            return Gate::Crowded;
        }
        account.waiting += 1;
        let doublings = (beyond / subject.max_failures).min(16);
        let delay = Duration::from_secs(1 << doublings).min(self.limits.longest_delay);
        Gate::Slowed(delay, Place { throttle: Arc::clone(self), account: subject.account })
    }

    /// Ends an attempt that was let in.
    pub fn settle(&self, subject: &Subject, outcome: Outcome) {
        if outcome == Outcome::Failed {
            return;
        }
        let mut tables = self.tables();
        let pair = (subject.account, subject.who);
        if outcome == Outcome::Succeeded {
            tables.pairs.remove(&pair);
        } else if let Some(failures) = tables.pairs.get_mut(&pair) {
            failures.take_back();
        }
        if let Some(failures) = tables.accounts.get_mut(&subject.account) {
            failures.take_back();
        }
        if let Some(failures) = tables.networks.get_mut(&subject.network) {
            failures.take_back();
        }
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

    fn take_back(&mut self) {
        self.count = self.count.saturating_sub(1);
        self.until = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(failures) = self.throttle.tables().accounts.get_mut(&self.account) {
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
fn account_key(directory: &str, login: &str) -> AccountKey {
    let digest = sha256(format!("{directory}\0{}", login.to_lowercase()).as_bytes());
    let mut key = [0; 16];
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    AccountKey(key)
}

#[cfg(test)]
mod tests;
