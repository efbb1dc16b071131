//! CSRF tokens of a session (ibexa-rest 2). The secret is derived from the session id, so nothing is stored, it changes
//! with every sign-in, and whoever lacks the id cannot make a token.

use crate::{digest::hmac_sha256, mask};
use doorward_core::ports::Entropy;

/// A new token of the session; all of a session's tokens stay valid for its whole life.
pub fn token(session_id: &str, entropy: &dyn Entropy) -> String {
    mask::mask(&secret(session_id), entropy)
}

/// Whether `presented` is a token of the session. Constant time in the secret; any text may be presented.
pub fn verify(session_id: &str, presented: &str) -> bool {
    mask::unmasks_to(presented, &secret(session_id))
}

fn secret(session_id: &str) -> [u8; 32] {
    hmac_sha256(session_id.as_bytes(), b"doorward csrf v1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemEntropy;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    const ID: &str = "abcdefghijklmnopqrstuvwxyz234567";

    #[test]
    fn every_mask_verifies_and_no_two_are_alike() {
        let tokens: std::collections::HashSet<String> = (0..200).map(|_| token(ID, &SystemEntropy)).collect();
        assert_eq!(tokens.len(), 200);
        assert!(tokens.iter().all(|t| verify(ID, t)));
        // The first part has every length that the shape allows.
        let lengths: std::collections::HashSet<usize> =
            (0..2000).map(|_| token(ID, &SystemEntropy).split('.').next().unwrap().len()).collect();
        assert_eq!(lengths.len(), 32);
    }

    #[test]
    fn is_unmasked_as_symfony_does() {
        let token = token(ID, &SystemEntropy);
        let parts: Vec<_> = token.split('.').collect();
        let (key, masked) = (URL_SAFE_NO_PAD.decode(parts[1]).unwrap(), URL_SAFE_NO_PAD.decode(parts[2]).unwrap());
        let unmasked: Vec<u8> = key.iter().zip(&masked).map(|(k, m)| k ^ m).collect();
        assert_eq!(unmasked, secret(ID));
        // A mask that somebody else chose is as good.
        let mine = [7_u8; 32];
        let other: Vec<u8> = secret(ID).iter().map(|b| b ^ 7).collect();
        assert!(verify(ID, &format!("a.{}.{}", URL_SAFE_NO_PAD.encode(mine), URL_SAFE_NO_PAD.encode(other))));
    }

    #[test]
    fn refuses_every_other_shape() {
        let good = token(ID, &SystemEntropy);
        let parts: Vec<_> = good.split('.').collect();
        let (decoy, key, masked) = (parts[0], parts[1], parts[2]);
        let bare = URL_SAFE_NO_PAD.encode(secret(ID));
        for bad in [
            String::new(),
            "..".into(),
            bare.clone(),
            format!(".{key}.{masked}"),
            format!("g.{key}.{masked}"),
            format!("{}.{key}.{masked}", "a".repeat(33)),
            format!("{decoy}.{key}"),
            format!("{decoy}.{key}.{masked}."),
            format!("{decoy}.{key}.{masked}="),
            format!("{decoy}.{key}.{masked}A"),
            format!("{decoy}.{masked}.{bare}"),
            format!("{decoy}..{bare}"),
            format!(" {good}"),
        ] {
            assert!(!verify(ID, &bad), "{bad}");
        }
    }

    #[test]
    fn another_session_has_other_tokens() {
        assert!(!verify("bbcdefghijklmnopqrstuvwxyz234567", &token(ID, &SystemEntropy)));
    }

    proptest! {
        #[test]
        fn never_panics_and_never_accepts_garbage(text in ".{0,200}") {
            prop_assert!(!verify(ID, &text));
        }

        #[test]
        fn refuses_garbage_of_the_right_shape(text in "[0-9a-f]{1,32}\\.[A-Za-z0-9_-]{0,50}\\.[A-Za-z0-9_=-]{0,50}") {
            prop_assert!(!verify(ID, &text));
        }

        #[test]
        fn one_changed_character_of_key_or_mask_is_refused(place in 0_usize..86, other in "[A-Za-z0-9_-]") {
            let good = token(ID, &SystemEntropy);
            let start = good.find('.').unwrap() + 1;
            let mut changed = good.clone();
            let at = start + place;
            prop_assume!(good.as_bytes()[at] != b'.' && good[at..=at] != other);
            changed.replace_range(at..=at, &other);
            prop_assert!(!verify(ID, &changed));
        }
    }
}
