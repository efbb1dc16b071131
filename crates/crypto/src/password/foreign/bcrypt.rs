//! bcrypt: `$2a$`, `$2b$`, `$2y$`, and the programs that digest the password before it.
//!
//! As in the originals only the first 72 bytes of a password count. A password with a NUL byte is never right: some
//! originals would have ended it there, and a shorter password would have been the same.

use super::{
    Unusable,
    encoding::{Hash, bcrypt64, hex, number},
};
use crate::digest::{hmac_sha256, same};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

const NAME: &str = "bcrypt";
/// The highest cost that is worked: about four seconds.
const MOST_COST: u32 = 16;
/// How many bytes bcrypt reads.
const READ: usize = 72;

#[derive(Clone)]
pub(super) struct Bcrypt {
    cost: u32,
    salt: [u8; 16],
    hash: Vec<u8>,
    before: Before,
}

/// What is done to the password first.
#[derive(Clone)]
enum Before {
    Nothing,
    /// Django: SHA-256 in hex.
    Django,
    /// WordPress 6.8: HMAC-SHA384 under a fixed key, in base64.
    WordPress,
    /// passlib: HMAC-SHA256 under the salt's text, in base64.
    Passlib(Box<str>),
}

/// Takes any of the forms apart.
pub(super) fn parse(text: &str) -> Result<Bcrypt, Unusable> {
    if let Some(rest) = text.strip_prefix("$wp") {
        return plain(rest, Before::WordPress);
    }
    if let Some(rest) = text.strip_prefix("bcrypt_sha256$") {
        return plain(rest, Before::Django);
    }
    if let Some(rest) = text.strip_prefix("$bcrypt-sha256$") {
        return passlib(rest);
    }
    plain(text.strip_prefix("bcrypt$").unwrap_or(text), Before::Nothing)
}

/// `$2y$10$` and 22 characters of salt, 31 of hash.
fn plain(text: &str, before: Before) -> Result<Bcrypt, Unusable> {
    let broken = Unusable::Broken(NAME);
    let mut parts = text.split('$').skip(1);
    let (Some("2a" | "2b" | "2y"), Some(cost), Some(rest), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(broken);
    };
    // Slicing by bytes: whoever wrote something else than ASCII gets `None`.
    let (Some(salt), Some(hash), 53, 2) = (rest.get(..22), rest.get(22..), rest.len(), cost.len()) else { return Err(broken) };
    assemble(number(cost), salt, hash, before)
}

/// `v=2,t=2b,r=12$salt$hash`
fn passlib(text: &str) -> Result<Bcrypt, Unusable> {
    let broken = Unusable::Broken(NAME);
    let parts: Vec<&str> = text.split('$').collect();
    let [params, salt, hash] = parts.as_slice() else { return Err(broken) };
    let cost = params.strip_prefix("v=2,t=2b,r=").and_then(number);
    assemble(cost, salt, hash, Before::Passlib((*salt).into()))
}

fn assemble(cost: Option<u32>, salt: &str, hash: &str, before: Before) -> Result<Bcrypt, Unusable> {
    let broken = Unusable::Broken(NAME);
    let cost = cost.filter(|cost| (4..=31).contains(cost)).ok_or(broken)?;
    if cost > MOST_COST {
        return Err(Unusable::TooCostly(NAME));
    }
    let salt = bcrypt64(salt).and_then(|salt| salt.try_into().ok()).ok_or(broken)?;
    let hash = bcrypt64(hash).filter(|hash| hash.len() == 23).ok_or(broken)?;
    Ok(Bcrypt { cost, salt, hash, before })
}

impl Bcrypt {
    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut key = self.key(password);
        if key.contains(&0) {
            return false;
        }
        // The end of the text is part of the key, as long as there is room.
        key.push(0);
        key.truncate(READ);
        let made = Zeroizing::new(bcrypt::bcrypt(self.cost, self.salt, &key));
        made.get(..23).is_some_and(|made| same(made, &self.hash))
    }

    fn key(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        // Room for the end: a vector that grows would leave a copy behind.
        let mut key = Zeroizing::new(Vec::with_capacity(password.len().max(READ) + 1));
        match &self.before {
            Before::Nothing => key.extend_from_slice(password),
            Before::Django => key.extend_from_slice(hex(&Hash::Sha256.of(&[password])).as_bytes()),
            Before::WordPress => {
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA384, b"wp-sha384"), password);
                key.extend_from_slice(Zeroizing::new(STANDARD.encode(tag.as_ref())).as_bytes());
            }
            Before::Passlib(salt) => {
                let tag = Zeroizing::new(hmac_sha256(salt.as_bytes(), password));
                key.extend_from_slice(Zeroizing::new(STANDARD.encode(*tag)).as_bytes());
            }
        }
        key
    }
}
