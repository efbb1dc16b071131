//! One person's way to a provider and back: what must come back with the answer, kept by the browser that set out, and by
//! nobody else.
//!
//! The browser keeps an unpredictable value, sealed together with the provider's name, the time and where the person wants to
//! go. `state`, `nonce` and the PKCE verifier are made of that value and a key of ours, so that nothing is stored before
//! somebody is known, and neither the browser nor the provider can make one of the others from what it sees.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{Time, ports::Entropy};
use doorward_crypto::{hmac_sha256, random, same, sha256};
use std::{fmt, sync::Arc, time::Duration};

/// How long somebody may take at the provider.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// The longest sealed journey that is looked at, in bytes: browsers keep no cookie of more than 4096.
const LONGEST: usize = 3800;

/// A journey that began here, in this browser.
#[derive(Clone, PartialEq, Eq)]
pub struct Journey {
    id: [u8; 32],
    began: Time,
    provider: Arc<str>,
    target: String,
}

/// The provider alone.
impl fmt::Debug for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Journey({})", self.provider)
    }
}

impl Journey {
    /// Sets out to the provider of this name; `target` is where the person wants to go afterwards.
    pub fn begin(provider: &Arc<str>, target: &str, entropy: &dyn Entropy, now: Time) -> Self {
        Self { id: random(entropy), began: now, provider: Arc::clone(provider), target: target.to_owned() }
    }

    /// What the browser keeps.
    pub fn seal(&self, key: &[u8]) -> String {
        let open = self.open_part();
        let mark = URL_SAFE_NO_PAD.encode(self.mark(key, &open));
        format!("{open}.{mark}")
    }

    /// The journey to this provider that a browser kept. `None` for one that is not ours, that led to another provider (RFC
    /// 9700 4.4: mix-up), or that took too long.
    pub fn unseal(key: &[u8], provider: &Arc<str>, sealed: &str, now: Time) -> Option<Self> {
        let (open, mark) = sealed.rsplit_once('.').filter(|_| sealed.len() <= LONGEST)?;
        let mut parts = open.split('.');
        let (id, began, target) = (parts.next()?, parts.next()?, parts.next()?);
        let journey = Self {
            id: URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?,
            began: Time(began.parse().ok()?),
            provider: Arc::clone(provider),
            target: String::from_utf8(URL_SAFE_NO_PAD.decode(target).ok()?).ok()?,
        };
        let ours = same(&URL_SAFE_NO_PAD.decode(mark).ok()?, &journey.mark(key, open)) && journey.open_part() == open;
        (ours && now >= journey.began && now.since(journey.began) < LIFETIME).then_some(journey)
    }

    /// Where the person wants to go.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// `state` (RFC 6749 10.12).
    pub fn state(&self, key: &[u8]) -> String {
        self.derived(key, "state")
    }

    /// Whether this is the `state` that was sent, in constant time.
    pub fn is_state(&self, key: &[u8], presented: &str) -> bool {
        same(presented.as_bytes(), self.state(key).as_bytes())
    }

    /// `nonce` (OpenID Connect Core 15.5.2).
    pub fn nonce(&self, key: &[u8]) -> String {
        self.derived(key, "nonce")
    }

    /// `code_verifier` (RFC 7636 4.1): 43 characters.
    pub fn verifier(&self, key: &[u8]) -> String {
        self.derived(key, "verifier")
    }

    /// By this the journey is known to have ended, and until when that must be known.
    pub fn once(&self) -> ([u8; 32], Time) {
        (sha256(&[b"doorward journey\0", &self.id[..]].concat()), self.began + LIFETIME)
    }

    fn open_part(&self) -> String {
        let (id, target) = (URL_SAFE_NO_PAD.encode(self.id), URL_SAFE_NO_PAD.encode(&self.target));
        format!("{id}.{}.{target}", self.began.0)
    }

    fn mark(&self, key: &[u8], open: &str) -> [u8; 32] {
        hmac_sha256(key, format!("doorward journey v1\0{}\0{open}", self.provider).as_bytes())
    }

    fn derived(&self, key: &[u8], what: &str) -> String {
        let mut message = format!("doorward journey {what} v1\0{}\0", self.provider).into_bytes();
        message.extend_from_slice(&self.id);
        URL_SAFE_NO_PAD.encode(hmac_sha256(key, &message))
    }
}
