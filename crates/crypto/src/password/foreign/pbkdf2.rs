//! PBKDF2 (RFC 8018 5.2) with HMAC over SHA-1, SHA-256, SHA-384 or SHA-512.

use super::{
    Unusable,
    encoding::{Hash, base64, number, unhex},
};
use crate::digest::same;
use aws_lc_rs::pbkdf2;
use std::num::NonZeroU32;
use zeroize::Zeroizing;

const NAME: &str = "PBKDF2";
/// The most iterations, times the blocks that the output takes. Keycloak's SHA-1 form asks for 5,200,000.
const MOST_WORK: u64 = 6_000_000;
/// The longest output, in bytes.
const LONGEST_OUTPUT: usize = 128;

#[derive(Clone)]
pub(super) struct Pbkdf2 {
    hash: Hash,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    expected: Vec<u8>,
}

/// `$pbkdf2-sha256$i=600000,l=32$salt$hash` (PHC), `$pbkdf2-sha256$29000$salt$hash` (passlib), Django's
/// `pbkdf2_sha256$600000$salt$hash` and Werkzeug's `pbkdf2:sha256:600000$salt$hex`, of which the last two have a salt that
/// is text.
pub(super) fn parse(text: &str) -> Result<Pbkdf2, Unusable> {
    let broken = Unusable::Broken(NAME);
    let parts: Vec<&str> = text.split('$').collect();
    match parts.as_slice() {
        ["", name, params, salt, hash] => {
            let digest = name.strip_prefix("pbkdf2").map(|rest| rest.trim_start_matches('-'));
            let iterations = params.split(',').find_map(|param| param.strip_prefix("i=")).unwrap_or(params);
            assemble(digest, iterations, base64(salt), base64(hash))
        }
        [name, salt, hash] => {
            let (digest, iterations) = name.strip_prefix("pbkdf2:").and_then(|rest| rest.split_once(':')).ok_or(broken)?;
            assemble(Some(digest), iterations, Some(salt.as_bytes().to_vec()), unhex(hash))
        }
        [name, iterations, salt, hash] => {
            assemble(name.strip_prefix("pbkdf2_"), iterations, Some(salt.as_bytes().to_vec()), base64(hash))
        }
        _ => Err(broken),
    }
}

/// `{PBKDF2-SHA256}10000$salt$hash` as OpenLDAP's module writes it; `{PBKDF2}` is SHA-1.
pub(super) fn parse_ldap(scheme: &str, rest: &str) -> Result<Pbkdf2, Unusable> {
    let parts: Vec<&str> = rest.split('$').collect();
    let [iterations, salt, hash] = parts.as_slice() else { return Err(Unusable::Broken(NAME)) };
    let digest = scheme.strip_prefix("pbkdf2").map(|rest| rest.trim_start_matches(['-', '_']));
    assemble(digest, iterations, base64(salt), base64(hash))
}

fn assemble(
    digest: Option<&str>,
    iterations: &str,
    salt: Option<Vec<u8>>,
    expected: Option<Vec<u8>>,
) -> Result<Pbkdf2, Unusable> {
    let broken = Unusable::Broken(NAME);
    let hash = digest.map(|name| if name.is_empty() { "sha1" } else { name }).and_then(Hash::named);
    let hash = hash.filter(|hash| *hash != Hash::Md5).ok_or(broken)?;
    let iterations = number(iterations).and_then(NonZeroU32::new).ok_or(broken)?;
    let salt = salt.ok_or(broken)?;
    let expected = expected.filter(|bytes| (16..=LONGEST_OUTPUT).contains(&bytes.len())).ok_or(broken)?;
    let parsed = Pbkdf2 { hash, iterations, salt, expected };
    if parsed.work() > MOST_WORK { Err(Unusable::TooCostly(NAME)) } else { Ok(parsed) }
}

impl Pbkdf2 {
    pub(super) fn work(&self) -> u64 {
        u64::from(self.iterations.get()) * self.expected.len().div_ceil(self.hash.length()) as u64
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let algorithm = match self.hash {
            // Refused above.
            Hash::Md5 => return false,
            Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Hash::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        let mut made = Zeroizing::new(vec![0; self.expected.len()]);
        pbkdf2::derive(algorithm, self.iterations, &self.salt, password, &mut made);
        same(&made, &self.expected)
    }
}
