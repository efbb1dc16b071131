//! What happens while nobody asks: changes are heard, dead sessions end, uses are written, old sessions are purged.

use crate::Auth;
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::time::{Instant, MissedTickBehavior};

/// How often changes are looked for and dead sessions ended: well within the second of guarantee 3.
const BEAT: Duration = Duration::from_millis(250);
/// How often uses are written.
const FLUSH: Duration = Duration::from_secs(5);
/// How often sessions that nobody asks for any more are purged.
const PURGE: Duration = Duration::from_secs(60);
/// After how long without hearing of changes nothing is trusted any more without the store.
const DEAF: Duration = Duration::from_secs(1);

impl Auth {
    /// Runs until `shutdown`, then writes what is left to write.
    pub async fn background(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        // However this ends, nobody hears of changes any more.
        let _deaf = Deaf(&self);
        let mut shutdown = pin!(shutdown);
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let start = Instant::now();
        let (mut heard, mut flushed, mut purged) = (start, start, start);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                _ = beat.tick() => {}
            }
            self.hear(&mut heard).await;
            self.sessions().sweep(&self.directories()).await;
            self.tokens().sweep();
            self.tokens().tend_issuers();
            self.tokens().tend_introspected();
            self.tokens().tend_own().await;
            if flushed.elapsed() >= FLUSH {
                self.flush().await;
                flushed = Instant::now();
            }
            if purged.elapsed() >= PURGE {
                self.purge().await;
                purged = Instant::now();
            }
        }
        self.flush().await;
    }

    async fn hear(&self, heard: &mut Instant) {
        // What is trusted afterwards was heard of after this moment.
        let began = Instant::now();
        let mut hearing = pin!(self.apply_changes());
        let outcome = match tokio::time::timeout(DEAF, &mut hearing).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // A store that does not even answer is as silent as one that is away.
                self.set_deaf(true);
                hearing.await
            }
        };
        match outcome {
            Ok(_) => {
                *heard = began;
                self.set_deaf(false);
            }
            Err(error) => {
                let deaf = heard.elapsed() >= DEAF;
                tracing::warn!(%error, deaf, "changes of the store cannot be heard");
                // Whoever was deaf before, since nobody had listened yet, still is.
                if deaf {
                    self.set_deaf(true);
                }
            }
        }
    }

    async fn flush(&self) {
        if let Err(error) = self.sessions().flush().await {
            tracing::warn!(%error, "uses of sessions could not be written");
        }
    }

    pub(crate) async fn purge(&self) {
        let now = self.clock().now();
        if let Err(error) = self.purge_links(now).await {
            tracing::warn!(%error, "old links could not be purged");
        }
        if let Err(error) = self.purge_exchanges(now).await {
            tracing::warn!(%error, "spent sessions of an old application could not be purged");
        }
        for directory in self.directories().iter() {
            // The store hears of uses late: a session that is in use must never look idle there.
            let idle = directory.idle_timeout + directory.idle_timeout / 10 + PURGE;
            let before =
                |age: Duration| doorward_core::Time(now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)));
            match self.store().purge_sessions(&directory.name, before(idle), before(directory.lifetime)).await {
                Ok(0) => {}
                Ok(count) => tracing::debug!(count, directory = &*directory.name, "old sessions were purged"),
                Err(error) => tracing::warn!(%error, directory = &*directory.name, "old sessions could not be purged"),
            }
        }
        if let Err(error) = self.tokens().rotate_keys_if_due().await {
            tracing::warn!(%error, "the next key that signs tokens could not be made");
        }
        match self.store().purge_tokens(now).await {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "expired tokens were purged"),
            Err(error) => tracing::warn!(%error, "expired tokens could not be purged"),
        }
        match self.store().grants().purge_grants(now).await {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "what clients were allowed was forgotten, after its time"),
            Err(error) => tracing::warn!(%error, "what clients were allowed could not be forgotten"),
        }
        match self.store().purge_spent(now).await {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "what may be used once was forgotten, after its time"),
            Err(error) => tracing::warn!(%error, "what may be used once could not be forgotten"),
        }
        // Of directories that the configuration no longer has, or has with another kind.
        let known: Vec<_> = self.directories().iter().map(|directory| (Arc::clone(&directory.name), directory.kind)).collect();
        match self.store().purge_foreign_sessions(&known).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "sessions of directories that the configuration no longer has were ended"),
            Err(error) => tracing::warn!(%error, "sessions of unknown directories could not be ended"),
        }
    }
}

/// Whoever no longer listens trusts nothing without the store.
struct Deaf<'a>(&'a Auth);

impl Drop for Deaf<'_> {
    fn drop(&mut self) {
        self.0.set_deaf(true);
    }
}

#[cfg(test)]
mod tests;
