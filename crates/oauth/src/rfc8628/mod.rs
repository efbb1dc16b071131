//! Device Authorization Grant (RFC 8628): what people type.

use doorward_core::ports::Entropy;
use doorward_crypto::random;

/// Consonants without those that are mistaken for others, so that no words come out (RFC 8628 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many letters a user code has: 34 bits, for some minutes, behind a limit on attempts (RFC 8628 5.1).
const LENGTH: usize = 8;
/// The largest multiple of the number of letters below 256: bytes from there on would prefer some letters.
const FAIR: u8 = 240;

/// A new user code as people see it: `WDJB-MJHT`.
pub fn user_code(entropy: &dyn Entropy) -> String {
    let mut code = String::with_capacity(LENGTH + 1);
    while code.len() <= LENGTH {
        for byte in random::<16>(entropy).into_iter().filter(|byte| *byte < FAIR) {
            if code.len() > LENGTH {
                break;
            }
            if code.len() == LENGTH / 2 {
                code.push('-');
            }
            let letter = LETTERS.get(usize::from(byte) % LETTERS.len()).copied().unwrap_or(b'B');
            code.push(char::from(letter));
        }
    }
    code
}

/// What somebody typed, in the one spelling that is compared: without punctuation, in upper case (RFC 8628 6.1). `None` where
/// it can be no code.
pub fn typed(text: &str) -> Option<String> {
    if text.len() > 64 {
        return None;
    }
    let code: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_uppercase()).collect();
    (code.len() == LENGTH && code.bytes().all(|b| LETTERS.contains(&b))).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::{LETTERS, typed, user_code};
    use doorward_crypto::system::SystemEntropy;
    use std::collections::HashSet;

    #[test]
    fn a_user_code_is_two_groups_of_four_consonants() {
        let codes: HashSet<String> = (0..500).map(|_| user_code(&SystemEntropy)).collect();
        assert!(codes.len() > 490);
        for code in &codes {
            let (first, second) = code.split_once('-').unwrap();
            assert_eq!((first.len(), second.len()), (4, 4), "{code}");
            assert_eq!(typed(code), Some(format!("{first}{second}")));
        }
        let used: HashSet<u8> = codes.iter().flat_map(|code| code.bytes()).filter(|b| *b != b'-').collect();
        assert_eq!(used.len(), LETTERS.len());
    }

    #[test]
    fn case_and_punctuation_do_not_matter() {
        for text in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "w-d-j-b-m-j-h-t"] {
            assert_eq!(typed(text).as_deref(), Some("WDJBMJHT"), "{text}");
        }
        for text in ["", "WDJB-MJH", "WDJB-MJHTX", "WDJB-MJHA", "WDJB-MJH0", "ÄDJB-MJHT", &"W".repeat(100)] {
            assert_eq!(typed(text), None, "{text}");
        }
    }
}
