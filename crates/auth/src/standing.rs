//! What was proved and still stands: an account, for as long as nobody doubts it. Every credential that is judged once and
//! then remembered has one, and every request of the credential shares it.

use crate::assertions::Assertions;
use arc_swap::ArcSwap;
use doorward_core::Account;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};
use tokio_util::sync::CancellationToken;

/// An account that a credential proved.
pub struct Standing {
    /// Replaced when the account's roles or login change; the credential stays.
    account: ArcSwap<Account>,
    /// Counts what happened since; it is trusted only while `checked` is the same.
    doubts: AtomicU64,
    checked: AtomicU64,
    ended: CancellationToken,
    /// Whether something long-lived waits for the end.
    watched: AtomicBool,
    assertions: ArcSwap<Assertions>,
}

impl Standing {
    pub(crate) fn new(account: Arc<Account>) -> Self {
        Self::sharing(account, Arc::default())
    }

    /// One of several of the same account, for which upstreams are told the same.
    pub(crate) fn sharing(account: Arc<Account>, assertions: Arc<Assertions>) -> Self {
        Self {
            account: ArcSwap::new(account),
            doubts: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            ended: CancellationToken::new(),
            watched: AtomicBool::new(false),
            assertions: ArcSwap::new(assertions),
        }
    }

    /// Whose it is, with the roles of this moment.
    pub fn account(&self) -> Arc<Account> {
        self.account.load_full()
    }

    /// What upstreams were told of the account.
    pub(crate) fn assertions(&self) -> Arc<Assertions> {
        self.assertions.load_full()
    }

    /// Cancelled when it ends, for whatever reason. WebSockets and streams that it opened end with it.
    pub fn ended(&self) -> &CancellationToken {
        if !self.watched.load(SeqCst) {
            self.watched.store(true, SeqCst);
        }
        &self.ended
    }

    pub(crate) fn is_sure(&self) -> bool {
        self.checked.load(SeqCst) == self.doubts.load(SeqCst) && !self.has_ended()
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(SeqCst)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    pub(crate) fn doubts(&self) -> u64 {
        self.doubts.load(SeqCst)
    }

    pub(crate) fn doubt(&self) {
        self.doubts.fetch_add(1, SeqCst);
    }

    /// The store was asked when `doubts` was so much, and said yes.
    pub(crate) fn confirm(&self, doubts: u64, account: &Arc<Account>) {
        if *self.account.load_full() != **account {
            self.account.store(Arc::clone(account));
            // The old ones name roles that may be gone. Others may still be about to write there, so that place is left.
            self.assertions.store(Arc::default());
        }
        self.checked.fetch_max(doubts, SeqCst);
    }

    pub(crate) fn end(&self) {
        self.ended.cancel();
    }
}
