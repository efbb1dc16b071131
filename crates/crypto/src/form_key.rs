//! `form_key`: 16 letters and digits that a form of the storefront sends along (magento-webapi 8.1). Unlike Magento's it is
//! derived, so nothing is stored: from the session's id or, before there is a session, from the nonce in the cookie of the
//! sign-in form. Whoever knows it learns neither.

use crate::digest::hmac_sha256;

/// How many characters it has.
const LENGTH: usize = 16;
const CHARACTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The key of a session; it changes with every sign-in.
pub fn of_session(session_id: &str) -> String {
    derive(session_id.as_bytes(), b"doorward form_key v1 session")
}

/// The key of a browser that holds `nonce` and has not signed in; `None` for a nonce that cannot be ours.
pub fn of_nonce(key: &[u8], nonce: &str) -> Option<String> {
    let message = [b"doorward form_key v1 nonce\0", nonce.as_bytes()].concat();
    crate::form::is_nonce(nonce).then(|| derive(key, &message))
}

/// All characters are equally likely: bytes beyond the last whole round of them are passed over.
fn derive(key: &[u8], message: &[u8]) -> String {
    let mut text = String::with_capacity(LENGTH);
    let mut block = hmac_sha256(key, message);
    while text.len() < LENGTH {
        let sound = block.iter().filter(|byte| **byte < 248);
        let letters = sound.filter_map(|byte| CHARACTERS.get(usize::from(byte % 62)).copied().map(char::from));
        text.extend(letters.take(LENGTH - text.len()));
        block = hmac_sha256(key, &block);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sixteen_letters_and_digits_of_this_session_or_nonce_alone() {
        let ids = ["abcdefghijklmnopqrstuvwxyz234567", "bbcdefghijklmnopqrstuvwxyz234567"];
        let nonce = "abcdefghijklmnopqrstuv";
        let keys = [
            of_session(ids[0]),
            of_session(ids[1]),
            of_nonce(b"key", nonce).unwrap(),
            of_nonce(b"other", nonce).unwrap(),
            of_nonce(b"key", "bbcdefghijklmnopqrstuv").unwrap(),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(key.len() == 16 && key.bytes().all(|b| b.is_ascii_alphanumeric()), "{key}");
            assert!(!keys[..at].contains(key));
        }
        assert_eq!(of_session(ids[0]), keys[0]);
    }

    #[test]
    fn what_is_no_nonce_has_no_key() {
        for odd in ["", "short", "has space in it, twenty", &"x".repeat(4000)] {
            assert_eq!(of_nonce(b"key", odd), None);
        }
    }
}
