//! SHA-crypt: `$5$` over SHA-256 and `$6$` over SHA-512, as Unix systems and LDAP's `{CRYPT}` store them.
//!
//! The algorithm's steps are numbered as in its specification ("Unix crypt using SHA-256 and SHA-512", version 0.6).

use super::{
    Unusable,
    encoding::{CRYPT64, Hash, crypt64_digit, number},
};
use crate::digest::same;
use zeroize::Zeroizing;

const NAME: &str = "SHA-crypt";
/// The rounds where none are written.
const DEFAULT_ROUNDS: u32 = 5000;
/// The most rounds that are worked.
const MOST_ROUNDS: u32 = 500_000;
/// The longest password, in bytes, as in libxcrypt. The work grows with it.
const LONGEST: usize = 512;

#[derive(Clone)]
pub(super) struct ShaCrypt {
    hash: Hash,
    rounds: u32,
    salt: Box<str>,
    expected: Box<str>,
}

/// `$6$salt$hash` or `$6$rounds=10000$salt$hash`.
pub(super) fn parse(text: &str) -> Result<ShaCrypt, Unusable> {
    let broken = Unusable::Broken(NAME);
    let (hash, length, text) = match (text.strip_prefix("$5$"), text.strip_prefix("$6$")) {
        (Some(rest), _) => (Hash::Sha256, 43, rest),
        (_, Some(rest)) => (Hash::Sha512, 86, rest),
        _ => return Err(broken),
    };
    let (rounds, text) = match text.strip_prefix("rounds=").and_then(|rest| rest.split_once('$')) {
        Some((rounds, rest)) => (number(rounds).ok_or(broken)?.max(1000), rest),
        None => (DEFAULT_ROUNDS, text),
    };
    let (salt, expected) = text.split_once('$').ok_or(broken)?;
    let sound = salt.len() <= 16 && expected.len() == length && expected.bytes().all(|byte| crypt64_digit(byte).is_some());
    if !sound {
        return Err(broken);
    }
    if rounds > MOST_ROUNDS {
        return Err(Unusable::TooCostly(NAME));
    }
    Ok(ShaCrypt { hash, rounds, salt: salt.into(), expected: expected.into() })
}

impl ShaCrypt {
    pub(super) fn work(&self) -> u64 {
        self.rounds.into()
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        if password.len() > LONGEST {
            return false;
        }
        let made = encode(self.hash, &self.digest(password));
        same(made.as_bytes(), self.expected.as_bytes())
    }

    fn digest(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let (hash, salt) = (self.hash, self.salt.as_bytes());
        // 4 to 8.
        let b = hash.of(&[password, salt, password]);
        // 1 to 3, 9 to 12.
        let mut parts: Vec<&[u8]> = vec![password, salt];
        let b_long = Zeroizing::new(repeat(&b, password.len()));
        parts.push(&b_long);
        let mut bits = password.len();
        while bits > 0 {
            parts.push(if bits & 1 == 1 { &b } else { password });
            bits >>= 1;
        }
        let a = hash.of(&parts);
        // 13 to 16: as often as the password has bytes.
        let p = hash.of(&vec![password; password.len()]);
        let p = Zeroizing::new(repeat(&p, password.len()));
        // 17 to 20.
        let times = 16 + usize::from(a.first().copied().unwrap_or_default());
        let s = repeat(&hash.of(&vec![salt; times]), salt.len());
        // 21.
        let mut last = a;
        for round in 0..self.rounds {
            let odd = round % 2 == 1;
            let mut parts: [&[u8]; 4] = [if odd { &p } else { &last }, &[], &[], if odd { &last } else { &p }];
            if !round.is_multiple_of(3) {
                parts[1] = &s;
            }
            if !round.is_multiple_of(7) {
                parts[2] = &p;
            }
            last = hash.of(&parts);
        }
        last
    }
}

/// So many bytes of a digest, over and over.
fn repeat(bytes: &[u8], length: usize) -> Vec<u8> {
    bytes.iter().copied().cycle().take(length).collect()
}

/// 22: three bytes at a time, from places a third of the digest apart whose order turns, as four characters.
fn encode(hash: Hash, bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(88));
    let third = hash.length() / 3;
    let mut put = |places: [Option<usize>; 3], characters: usize| {
        let byte = |place: Option<usize>| place.and_then(|place| bytes.get(place)).copied().map_or(0, u32::from);
        let mut bits = places.into_iter().fold(0, |bits, place| bits << 8 | byte(place));
        for _ in 0..characters {
            text.push(char::from(CRYPT64.get((bits & 63) as usize).copied().unwrap_or_default()));
            bits >>= 6;
        }
    };
    for at in 0..third {
        let places = [at, at + third, at + 2 * third].map(Some);
        // SHA-256 turns the other way round than SHA-512.
        let turn = if hash == Hash::Sha256 { (3 - at % 3) % 3 } else { at % 3 };
        let mut turned = places;
        turned.rotate_left(turn);
        put(turned, 4);
    }
    match hash {
        Hash::Sha256 => put([None, Some(31), Some(30)], 3),
        _ => put([None, None, Some(63)], 2),
    }
    text
}
