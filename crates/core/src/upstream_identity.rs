//! How an upstream learns who is calling, beside the headers and the assertion: by a token that it already accepts.

use std::{fmt, sync::Arc};

/// The token in `Authorization` by which an upstream learns who is calling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UpstreamIdentity {
    /// None: the upstream reads our headers or the assertion.
    #[default]
    Doorward,
    /// A Magento JWT (magento-webapi 6.5).
    MagentoJwt(Signing),
    /// An Ibexa JWT (ibexa-rest 3.2).
    IbexaJwt(Signing),
}

impl UpstreamIdentity {
    /// Whether `Authorization` is ours to set, and nobody else's.
    pub fn signs(&self) -> bool {
        !matches!(self, UpstreamIdentity::Doorward)
    }
}

/// Who is signed in at an upstream, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// The key that the upstream has too.
    pub key: SharedKey,
    /// Directories whose accounts the upstream knows under the same id or login; others are guests to it.
    pub directories: Vec<Arc<str>>,
}

/// A key that an upstream has too. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedKey(Arc<[u8]>);

impl SharedKey {
    /// The fewest bytes that HMAC-SHA256 wants of a key (RFC 7518, 3.2).
    pub const SHORTEST: usize = 32;

    /// A key of these bytes. `None` if it is one to guess: shorter than [`SharedKey::SHORTEST`] bytes, or of fewer than 8
    /// different ones.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut seen = [false; 256];
        for byte in bytes {
            if let Some(seen) = seen.get_mut(usize::from(*byte)) {
                *seen = true;
            }
        }
        let different = seen.iter().filter(|seen| **seen).count();
        (bytes.len() >= Self::SHORTEST && different >= 8).then(|| Self(bytes.into()))
    }

    /// The bytes, for whoever signs.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_can_be_guessed_is_none() {
        for weak in ["", "0123456789abcdef0123456789abcde", &"ab".repeat(40), &"1234567".repeat(9)] {
            assert_eq!(SharedKey::new(weak.as_bytes()), None, "{weak}");
        }
        let key = SharedKey::new(b"0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(format!("{key:?}"), "SharedKey(..)");
    }
}
