//! Session ids: 160 bits from the system's generator, as 32 characters of `a-z2-7`. Only the SHA-256 is stored.

use crate::digest::{random, sha256};
use doorward_core::{ports::Entropy, session::SessionKey};
use zeroize::Zeroize;

/// How many characters an id has.
pub const LENGTH: usize = 32;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A new id.
pub fn generate(entropy: &dyn Entropy) -> String {
    let mut bytes: [u8; 20] = random(entropy);
    let id = encode(&bytes);
    bytes.zeroize();
    id
}

/// What is stored in place of the id.
pub fn key(id: &str) -> SessionKey {
    SessionKey(sha256(id.as_bytes()))
}

/// Whether `id` may be one of ours at all; what may not is never looked up.
pub fn is_well_formed(id: &str) -> bool {
    id.len() == LENGTH && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

/// Base32 (RFC 4648, 6) in lower case; 5 bytes make exactly 8 characters, so nothing is padded.
fn encode(bytes: &[u8; 20]) -> String {
    bytes
        .chunks_exact(5)
        .flat_map(|chunk| {
            let bits = chunk.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            (0..8).rev().map(move |place| (bits >> (place * 5) & 31) as usize)
        })
        .filter_map(|index| ALPHABET.get(index).map(|byte| char::from(*byte)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemEntropy;
    use std::collections::HashSet;

    #[test]
    fn encodes_as_rfc_4648_does() {
        // 'foobar' repeated, from the RFC's alphabet in lower case.
        assert_eq!(encode(b"foobafoobafoobafooba"), "mzxw6ytb".repeat(4));
        assert_eq!(encode(&[0xff; 20]), "7".repeat(32));
    }

    #[test]
    fn ids_are_well_formed_and_differ() {
        let ids: HashSet<String> = (0..1000).map(|_| generate(&SystemEntropy)).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| is_well_formed(id)));
        let keys: HashSet<_> = ids.iter().map(|id| key(id)).collect();
        assert_eq!(keys.len(), 1000);
    }

    #[test]
    fn every_character_carries_five_bits() {
        let seen: HashSet<char> = (0..200).flat_map(|_| generate(&SystemEntropy).chars().collect::<Vec<_>>()).collect();
        assert_eq!(seen.len(), 32);
    }

    #[test]
    fn refuses_what_cannot_be_an_id() {
        let long = "a".repeat(33);
        let upper = "A".repeat(32);
        let digit = format!("{}1", "a".repeat(31));
        let wide = "é".repeat(16);
        for id in ["", "a", &long, &upper, &digit, &wide] {
            assert!(!is_well_formed(id), "{id}");
        }
        assert!(is_well_formed(&"a".repeat(32)));
    }
}
