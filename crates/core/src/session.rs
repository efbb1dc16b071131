//! Sessions, as they are remembered.

use crate::Time;
use std::{fmt, sync::Arc};

/// SHA-256 of a session id. The id itself is known to the client alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(pub [u8; 32]);

/// Only the first four bytes, in hex: enough to correlate, useless to sign in.
impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// The session of the same browser that a new one takes the place of. It ends when the new one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Hash of its id.
    pub key: SessionKey,
    /// Until when requests that still carry its id are found as the new session, where both are of one account: a sign-in
    /// changes the id while others are on their way (magento-webapi 8.1).
    pub carried_until: Option<Time>,
}

/// It ends at once and for everybody.
impl From<SessionKey> for Replaced {
    fn from(key: SessionKey) -> Self {
        Self { key, carried_until: None }
    }
}

/// A signed-in session. A half-finished sign-in is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Hash of its id.
    pub key: SessionKey,
    /// The account's directory; a session is found by directory and id together.
    pub directory: Arc<str>,
    /// The account's id.
    pub account: u64,
    /// The account's version when the session began; another version ends the session.
    pub account_version: u64,
    /// When it began; its lifetime counts from here.
    pub created: Time,
    /// When it was last used; its idle time counts from here. Written lazily.
    pub last_seen: Time,
    /// When the person last proved to be the account.
    pub authenticated: Time,
    /// How: `pwd` (RFC 8176 words).
    pub factors: Vec<Arc<str>>,
    /// The site it was made on.
    pub site: Arc<str>,
    /// What the person would call the device, such as `Firefox on Linux`.
    pub device: Arc<str>,
}
