//! phpass' portable hashes: `$P$` and `$H$` over MD5 (WordPress, phpBB), Drupal's `$S$` over SHA-512. `U` stands before
//! those that Drupal made from the MD5 hashes of an older version.

use super::{
    Unusable,
    encoding::{CRYPT64, Hash, crypt64_digit, hex},
};
use crate::digest::same;
use zeroize::Zeroizing;

const NAME: &str = "phpass";
/// The most rounds, as a power of two; Drupal makes 2^16.
const MOST_LOG2: u32 = 18;

#[derive(Clone)]
pub(super) struct Phpass {
    hash: Hash,
    over_md5: bool,
    log2: u32,
    salt: Box<str>,
    /// As it is written: Drupal cuts it off in the middle of a byte.
    expected: Box<str>,
}

/// `$P$`, one character for the rounds, eight of salt, 22 of hash; `$S$` has 43 of 86.
pub(super) fn parse(text: &str) -> Result<Phpass, Unusable> {
    let broken = Unusable::Broken(NAME);
    let (over_md5, text) = text.strip_prefix('U').map_or((false, text), |rest| (true, rest));
    let (hash, length) = match text.get(..3) {
        Some("$P$" | "$H$") => (Hash::Md5, 22),
        Some("$S$") => (Hash::Sha512, 43),
        _ => return Err(broken),
    };
    let log2 = text.as_bytes().get(3).and_then(|byte| crypt64_digit(*byte)).filter(|log2| (7..=30).contains(log2));
    let log2 = log2.ok_or(broken)?;
    let (Some(salt), Some(expected)) = (text.get(4..12), text.get(12..)) else { return Err(broken) };
    if expected.len() != length || expected.bytes().any(|byte| crypt64_digit(byte).is_none()) {
        return Err(broken);
    }
    if log2 > MOST_LOG2 {
        return Err(Unusable::TooCostly(NAME));
    }
    Ok(Phpass { hash, over_md5, log2, salt: salt.into(), expected: expected.into() })
}

impl Phpass {
    pub(super) fn work(&self) -> u64 {
        1 << self.log2
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let digested = hex(&Hash::Md5.of(&[password]));
        let password = if self.over_md5 { digested.as_bytes() } else { password };
        let mut made = self.hash.of(&[self.salt.as_bytes(), password]);
        for _ in 0..self.work() {
            made = self.hash.of(&[&made, password]);
        }
        let text = encode(&made);
        text.as_bytes().get(..self.expected.len()).is_some_and(|text| same(text, self.expected.as_bytes()))
    }
}

/// Six bits a character, lowest first.
fn encode(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 4 / 3 + 4));
    for group in bytes.chunks(3) {
        let mut bits = group.iter().rev().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for _ in 0..=group.len() {
            text.push(char::from(CRYPT64.get((bits & 63) as usize).copied().unwrap_or_default()));
            bits >>= 6;
        }
    }
    text
}
