//! Tokens of forms that are shown before anyone has signed in. They prove that the form came from us (the key) to this
//! browser (the nonce in its cookie).

use crate::{
    digest::{hmac_sha256, random, sha256},
    mask,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::ports::Entropy;

/// A nonce for the cookie: 128 bits as 22 characters of base64url.
pub fn nonce(entropy: &dyn Entropy) -> String {
    URL_SAFE_NO_PAD.encode(random::<16>(entropy))
}

/// Whether `nonce` may be one of ours; what may not is replaced.
pub fn is_nonce(nonce: &str) -> bool {
    nonce.len() == 22 && nonce.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A new token for the browser that holds `nonce`.
pub fn token(key: &[u8], nonce: &str, entropy: &dyn Entropy) -> String {
    mask::mask(&secret(key, nonce), entropy)
}

/// Whether `presented` is a token for `nonce`. A nonce that is not ours proves nothing.
pub fn verify(key: &[u8], nonce: &str, presented: &str) -> bool {
    is_nonce(nonce) && mask::unmasks_to(presented, &secret(key, nonce))
}

fn secret(key: &[u8], nonce: &str) -> [u8; 32] {
    let mut message = b"doorward form v1\0".to_vec();
    message.extend_from_slice(&sha256(nonce.as_bytes()));
    hmac_sha256(key, &message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemEntropy;

    #[test]
    fn a_token_is_bound_to_key_and_nonce() {
        let (mine, other) = (nonce(&SystemEntropy), nonce(&SystemEntropy));
        assert!(is_nonce(&mine));
        let text = token(b"key", &mine, &SystemEntropy);
        assert!(verify(b"key", &mine, &text));
        assert!(verify(b"key", &mine, &token(b"key", &mine, &SystemEntropy)));
        assert!(!verify(b"key", &other, &text));
        assert!(!verify(b"other", &mine, &text));
        assert!(!verify(b"key", &mine, ""));
    }

    #[test]
    fn an_empty_or_odd_nonce_proves_nothing() {
        for odd in ["", "short", "has space in it, twenty2", &"x".repeat(4000)] {
            assert!(!verify(b"key", odd, &token(b"key", odd, &SystemEntropy)), "{odd}");
        }
    }

    #[test]
    fn a_session_token_is_no_form_token() {
        let mine = nonce(&SystemEntropy);
        assert!(!verify(mine.as_bytes(), &mine, &crate::csrf::token(&mine, &SystemEntropy)));
    }
}
