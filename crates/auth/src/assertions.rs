//! Assertions that are still good, so that one signature serves many requests of a session (product, 'What the upstream
//! receives': for half its life).

use doorward_core::{Time, upstream_identity::SharedKey};
use doorward_crypto::assertion::LIFETIME;
use http::HeaderValue;
use std::sync::{Arc, Mutex};

/// How many upstreams and methods are remembered; one more drops the oldest.
const MOST: usize = 24;

/// A small slot of assertions by upstream and method, and of tokens of the upstreams' own.
#[derive(Default)]
pub(crate) struct Assertions(Mutex<Vec<Kept>>);

struct Kept {
    upstream: Arc<str>,
    /// How the caller authenticated; for a token of the upstream's own, what kind it is.
    method: &'static str,
    /// The key of such a token: another one makes another token.
    key: Option<SharedKey>,
    made: Time,
    value: HeaderValue,
}

impl Assertions {
    /// The one that is still good for at least half its life, or a new one. It is signed under the lock: who comes
    /// meanwhile waits for that one signature in place of making more.
    pub(crate) fn get_or_sign(
        &self,
        upstream: &Arc<str>,
        method: &'static str,
        key: Option<&SharedKey>,
        now: Time,
        sign: impl FnOnce() -> Option<HeaderValue>,
    ) -> Option<HeaderValue> {
        // The slot holds whole values at every moment, so a poisoned one is sound.
        let is_it = |k: &Kept| k.upstream == *upstream && k.method == method && k.key.as_ref() == key;
        let mut kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(good) = kept.iter().find(|k| is_it(k))
            && now >= good.made
            && now.since(good.made) < LIFETIME / 2
        {
            return Some(good.value.clone());
        }
        let value = sign()?;
        kept.retain(|k| !is_it(k));
        if kept.len() >= MOST {
            kept.remove(0);
        }
        kept.push(Kept { upstream: Arc::clone(upstream), method, key: key.cloned(), made: now, value: value.clone() });
        Some(value)
    }

    /// Forgets all: what they say is no longer so.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_signature_serves_for_half_its_life() {
        let slot = Assertions::default();
        let shop: Arc<str> = "shop".into();
        let get = |at: u64, upstream: &Arc<str>, method| {
            let mut signed = false;
            slot.get_or_sign(upstream, method, None, Time(at), || {
                signed = true;
                HeaderValue::from_str(&at.to_string()).ok()
            });
            signed
        };
        assert!(get(1_000_000, &shop, "session"));
        assert!(!get(1_029_999, &shop, "session"));
        assert!(get(1_029_999, &"other".into(), "session"));
        assert!(get(1_029_999, &shop, "none"));
        assert!(get(1_030_000, &shop, "session"));
        // A clock that was set back trusts nothing from the future.
        assert!(get(1_000_000, &shop, "session"));
        slot.clear();
        assert!(get(1_000_000, &shop, "session"));
        for n in 0..100 {
            get(1_000_000, &n.to_string().into(), "session");
        }
        assert_eq!(slot.0.lock().unwrap().len(), MOST);
    }
}
