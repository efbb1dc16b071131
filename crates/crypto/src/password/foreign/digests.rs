//! Plain digests of a password, with and without salt: LDAP (RFC 2307), Django, Symfony, bare MD5.

use super::{
    Unusable,
    encoding::{Hash, base64, number, unhex},
};
use crate::digest::same;

const NAME: &str = "a digest";
/// The most rounds that Symfony's form may ask for.
const MOST_ROUNDS: u32 = 100_000;

#[derive(Clone)]
pub(super) struct Digest {
    hash: Hash,
    salt: Vec<u8>,
    order: Order,
    expected: Vec<u8>,
}

#[derive(Clone)]
enum Order {
    /// The salt after the password.
    After,
    /// The salt before the password.
    Before,
    /// `password{salt}`, digested again and again with itself before: Symfony's MessageDigestPasswordHasher.
    Symfony(u32),
}

/// `{SSHA}`, `{SHA256}`, `{SMD5}` and so on: base64 of the digest and the salt. Without a salt also in hex.
/// `{symfony-sha512}rounds$salt$base64`.
pub(super) fn parse_scheme(scheme: &str, rest: &str) -> Result<Digest, Unusable> {
    if let Some(name) = scheme.strip_prefix("symfony-") {
        return parse_symfony(name, rest);
    }
    let salted = scheme.strip_prefix('s').and_then(Hash::named).map(|hash| (hash, true));
    // `sha` itself begins like a salted scheme and is none.
    let (hash, salted) = Hash::named(scheme).map(|hash| (hash, false)).or(salted).ok_or(Unusable::Unknown)?;
    if !salted && rest.len() == 2 * hash.length() {
        let expected = unhex(rest).ok_or(Unusable::Broken(NAME))?;
        return Ok(Digest { hash, salt: Vec::new(), order: Order::After, expected });
    }
    let bytes = base64(rest).ok_or(Unusable::Broken(NAME))?;
    let (expected, salt) = bytes.split_at_checked(hash.length()).ok_or(Unusable::Broken(NAME))?;
    if salted == salt.is_empty() {
        return Err(Unusable::Broken(NAME));
    }
    Ok(Digest { hash, salt: salt.to_vec(), order: Order::After, expected: expected.to_vec() })
}

/// Django's `md5$salt$hex` and `sha1$salt$hex`.
pub(super) fn parse_django(text: &str) -> Result<Digest, Unusable> {
    let parts: Vec<&str> = text.split('$').collect();
    let [name, salt, hex] = parts.as_slice() else { return Err(Unusable::Unknown) };
    let hash = match *name {
        "md5" => Hash::Md5,
        "sha1" => Hash::Sha1,
        _ => return Err(Unusable::Unknown),
    };
    let expected = unhex(hex).filter(|bytes| bytes.len() == hash.length()).ok_or(Unusable::Broken(NAME))?;
    Ok(Digest { hash, salt: salt.as_bytes().to_vec(), order: Order::Before, expected })
}

fn parse_symfony(name: &str, rest: &str) -> Result<Digest, Unusable> {
    let broken = Unusable::Broken(NAME);
    let hash = Hash::named(name).ok_or(Unusable::Unknown)?;
    let (rounds, rest) = rest.split_once('$').ok_or(broken)?;
    // A salt may hold anything, a base64 text no dollar.
    let (salt, encoded) = rest.rsplit_once('$').ok_or(broken)?;
    let rounds = number(rounds).filter(|rounds| *rounds > 0).ok_or(broken)?;
    if rounds > MOST_ROUNDS {
        return Err(Unusable::TooCostly(NAME));
    }
    let expected = if encoded.len() == 2 * hash.length() { unhex(encoded) } else { base64(encoded) };
    let expected = expected.filter(|bytes| bytes.len() == hash.length()).ok_or(broken)?;
    Ok(Digest { hash, salt: salt.as_bytes().to_vec(), order: Order::Symfony(rounds), expected })
}

impl Digest {
    pub(super) fn work(&self) -> u64 {
        match self.order {
            Order::Symfony(rounds) => rounds.into(),
            Order::After | Order::Before => 1,
        }
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let made = match self.order {
            Order::After => self.hash.of(&[password, &self.salt]),
            Order::Before => self.hash.of(&[&self.salt, password]),
            Order::Symfony(rounds) => {
                let salted: &[&[u8]] = if self.salt.is_empty() { &[password] } else { &[password, b"{", &self.salt, b"}"] };
                let mut made = self.hash.of(salted);
                for _ in 1..rounds {
                    made = self.hash.of(&[&[made.as_slice()], salted].concat());
                }
                made
            }
        };
        same(&made, &self.expected)
    }
}
