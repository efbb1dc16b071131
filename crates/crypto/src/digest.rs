//! Small helpers around SHA-256.

use aws_lc_rs::{digest, hmac};
use doorward_core::ports::Entropy;
use std::{
    fmt::Write as _,
    io::{self, Read},
};
use subtle::ConstantTimeEq;

/// HMAC-SHA256 of `message` (RFC 2104).
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    first_32(tag.as_ref())
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    first_32(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// SHA-384 of `bytes`.
pub fn sha384(bytes: &[u8]) -> [u8; 48] {
    let mut out = [0; 48];
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA384, bytes).as_ref()) {
        *to = *from;
    }
    out
}

/// SHA-512 of `bytes`.
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    let mut out = [0; 64];
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA512, bytes).as_ref()) {
        *to = *from;
    }
    out
}

/// SHA-256 of all that `input` holds, a piece at a time.
pub fn sha256_of(input: &mut dyn Read) -> io::Result<[u8; 32]> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; 1 << 16];
    loop {
        match input.read(&mut piece)? {
            0 => return Ok(first_32(context.finish().as_ref())),
            count => context.update(piece.get(..count).unwrap_or_default()),
        }
    }
}

/// SHA-256 of `bytes` in lower-case hex: 64 characters.
pub fn sha256_hex(bytes: &[u8]) -> String {
    sha256(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Whether two secrets are equal, in a time that depends on their lengths alone.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// `N` unpredictable bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

fn first_32(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_published_vectors() {
        // FIPS 180-2, 'abc'; RFC 4231, test case 2.
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha256_of(&mut &[b'a'; 100_000][..]).unwrap(), sha256(&[b'a'; 100_000]));
        let tag = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        let hex: String = tag.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn compares_by_value() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd"));
        assert!(!same(b"abc", b"ab"));
    }
}
