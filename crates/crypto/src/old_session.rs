//! Session ids of an old application, as its cookie carries them. Only a SHA-256 is stored.

use crate::digest::sha256;
use doorward_core::ports::ExchangeKey;

/// The fewest characters that are taken for an id that cannot be guessed: PHP makes no shorter ones.
const SHORTEST: usize = 16;
/// The most. What is longer holds a session rather than naming one, and could not be spent.
const LONGEST: usize = 256;

/// What is stored in place of an old session's id; `None` where the value is no id as PHP and its like make them: letters,
/// digits, `,`, `-` and `_`.
///
/// An old session is good for one exchange, so all spellings that an application may read as one id have one key: PHP
/// reads `%41` as `A`, and a database may look ids up whatever their case.
pub fn key(cookie: &str, value: &str) -> Option<ExchangeKey> {
    let id = decode(value)?;
    if !(SHORTEST..=LONGEST).contains(&id.len()) {
        return None;
    }
    let text = ["doorward exchange", cookie, &id.to_ascii_lowercase()].join("\n");
    Some(ExchangeKey(sha256(text.as_bytes())))
}

/// Without escapes. What would escape anything but a character of ids is none.
fn decode(value: &str) -> Option<String> {
    let mut id = String::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            plain => plain,
        };
        if !byte.is_ascii_alphanumeric() && !b",-_".contains(&byte) {
            return None;
        }
        id.push(char::from(byte));
    }
    Some(id)
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "abcdefghijklmnop01";

    #[test]
    fn spellings_of_one_id_have_one_key() {
        let one = key("PHPSESSID", "abc,efGhij-lmnop_01").unwrap();
        for same in ["abc%2CefGhij-lmnop_01", "abc%2cefGhij%2dlmnop%5F01", "%61bc,efghij-lmnop_01", "ABC,EFGHIJ-LMNOP_01"] {
            assert_eq!(key("PHPSESSID", same), Some(one), "{same}");
        }
    }

    #[test]
    fn other_ids_and_other_cookies_have_other_keys() {
        let one = key("PHPSESSID", ID).unwrap();
        assert_ne!(key("PHPSESSID", "abcdefghijklmnop02"), Some(one));
        assert_ne!(key("SESSION", ID), Some(one));
        assert_ne!(one.0, sha256(ID.as_bytes()), "no session of ours could have this key");
    }

    #[test]
    fn what_is_no_id_has_no_key() {
        let long = "a".repeat(257);
        let cases = [
            "",
            "deleted",
            "abcdefghijklmno",
            &long,
            "abcdefghijklmnop 1",
            "abcdefghijklmnop;",
            "abcdefghijklmnop\r\n",
            "\"abcdefghijklmnop\"",
            "abcdefghijklmnop+",
            "abcdefghijklmnop.node1",
            "s%3Aabcdefghijklmnop",
            "abcdefghijklmnop%",
            "abcdefghijklmnop%4",
            "abcdefghijklmnop%00",
            "abcdefghijklmnop%zz",
            "abcdefghijklmnop%2",
            "abcdefghijklmnop\u{e9}",
            "abcdefghijklmnop%2541",
        ];
        for value in cases {
            assert_eq!(key("PHPSESSID", value), None, "{value:?}");
        }
    }
}
