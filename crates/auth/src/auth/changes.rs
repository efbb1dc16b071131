//! Changes of the store, and what is forgotten because of them.

use super::Auth;
use crate::tokens::{OAUTH_KEYS, TOKEN_KEYS, WEB_KEYS};
use doorward_core::ports::{Change, Changed, StoreError};
use std::sync::atomic::Ordering::SeqCst;

impl Auth {
    /// Forgets what changed in the store since the last time; how many changes there were. To be called after every
    /// change of our own before it is acknowledged, when the store says that something changed, and now and then.
    ///
    /// # Errors
    /// When the store cannot be asked; then nothing is taken as heard, and the next call begins at the same change.
    pub async fn apply_changes(&self) -> Result<usize, StoreError> {
        let _one_at_a_time = self.applying.lock().await;
        let heard = self.heard.load(SeqCst);
        let newest = self.store.last_change().await?;
        if newest == heard {
            return Ok(0);
        }
        let changes = self.store.changes_since(heard).await?;
        let whole = changes.first().is_some_and(|first| first.sequence == heard.wrapping_add(1))
            && changes.last().is_some_and(|last| last.sequence >= newest);
        if !whole {
            self.forget_everything().await?;
        }
        for change in &changes {
            self.apply(&change.what).await?;
        }
        self.heard.store(changes.last().map_or(newest, |last| last.sequence), SeqCst);
        if let Some(listener) = self.listener.get() {
            // Only now: what fails half-way is heard again.
            for change in &changes {
                if self.is_ours_to_note(change).await {
                    listener(change);
                }
            }
        }
        Ok(changes.len())
    }

    /// What a command did, and what became of keys, is written down by one of those who hear of it. Better twice than never:
    /// a store that cannot say makes it ours.
    async fn is_ours_to_note(&self, change: &Change) -> bool {
        let shared = change.run.is_some() || matches!(change.what, Changed::Keys(_));
        !shared || self.store.claim_change(change.sequence).await.unwrap_or(true)
    }

    /// Tells `listener` of each change once, after it was applied; of those by a command and of those of keys only if no other
    /// process on the store was told before. Only the first listener is told.
    pub fn on_change(&self, listener: impl Fn(&Change) + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    async fn apply(&self, what: &Changed) -> Result<(), StoreError> {
        // By any of these a pair that was wrong may be right.
        let may_be_right = matches!(
            what,
            Changed::Account(..) | Changed::Unlocked(..) | Changed::Role(..) | Changed::Groups | Changed::Everything
        );
        match what {
            Changed::Session(key) => self.sessions().end(key),
            Changed::Account(kind, id, deed) => {
                self.sessions().account_changed(*kind, *id, &self.directories()).await;
                self.tokens.account_changed(*kind, *id).await;
                self.pairs_of_account_changed(*kind, *id).await;
                self.holder_changed(*kind, *id, *deed).await;
            }
            Changed::Unlocked(directory, login) => self.throttle.unlock(directory, login),
            Changed::Role(..) => {
                self.roles.reload(&*self.store).await?;
                // Accounts lose a role that is deleted.
                self.sessions().everything_changed(&self.directories()).await;
                self.tokens.everything_changed().await;
                self.all_pairs_changed().await;
                self.all_holders_changed().await;
            }
            Changed::Keys(purpose) if [TOKEN_KEYS, WEB_KEYS, OAUTH_KEYS].contains(&&**purpose) => {
                self.tokens.keys_changed().await?;
            }
            // The others are read once, when a server starts.
            Changed::Keys(_) => {}
            // A decision reads them with the roles; no session or token knows what its group may.
            Changed::Groups => {
                self.roles.reload(&*self.store).await?;
                // What a certificate is remembered as was judged with its group.
                self.all_holders_changed().await;
            }
            Changed::Client(id, _) => self.tokens.client_changed(id).await,
            Changed::AccessToken(jti) => self.tokens.access_token_ended(jti).await,
            Changed::Everything => self.forget_everything().await?,
        }
        // Only now: what is judged while it is applied may be judged by what was.
        if may_be_right {
            self.pairs().forget_refusals();
        }
        Ok(())
    }

    async fn forget_everything(&self) -> Result<(), StoreError> {
        self.sessions().everything_changed(&self.directories()).await;
        self.tokens.keys_changed().await?;
        self.all_pairs_changed().await;
        self.all_holders_changed().await;
        self.roles.reload(&*self.store).await?;
        self.pairs().forget_refusals();
        Ok(())
    }
}
