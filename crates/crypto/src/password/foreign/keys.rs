//! The keys under which old Magento versions hashed passwords.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// Magento's crypt keys (`crypt/key` of its `env.php`), for hashes without a salt (magento-webapi 10).
#[derive(Clone, Default)]
pub struct CryptKeys(Arc<[Zeroizing<Vec<u8>>]>);

impl CryptKeys {
    /// The keys as they stand in `env.php`, one a text. Magento verifies with the newest alone; here each of them is
    /// tried, and one that is written `base64...` as its text and decoded.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Vec::new();
        for key in keys.into_iter().filter(|key| !key.is_empty()) {
            all.push(Zeroizing::new(key.as_bytes().to_vec()));
            all.extend(key.strip_prefix("base64").and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new));
        }
        Self(all.into())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|key| key.as_slice())
    }
}

/// How many, and nothing of them.
impl fmt::Debug for CryptKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CryptKeys({})", self.0.len())
    }
}
