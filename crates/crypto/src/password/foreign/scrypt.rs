//! scrypt (RFC 7914).

use super::{
    MOST_MEMORY_KIB, MOST_WORK, Unusable,
    encoding::{base64, crypt64, crypt64_digit, number, unhex},
};
use crate::{digest::same, password::work::Memory};
use scrypt::Params;
use zeroize::Zeroizing;

const NAME: &str = "scrypt";

#[derive(Clone)]
pub(super) struct Scrypt {
    params: Params,
    salt: Vec<u8>,
    expected: Vec<u8>,
}

/// `$scrypt$ln=16,r=8,p=1$salt$hash` (PHC, passlib), `$7$` as libsodium writes it, Django's `scrypt$N$salt$r$p$hash` and
/// Werkzeug's `scrypt:N:r:p$salt$hex`; but for the first the salt is text.
pub(super) fn parse(text: &str) -> Result<Scrypt, Unusable> {
    let broken = Unusable::Broken(NAME);
    let parts: Vec<&str> = text.split('$').collect();
    match parts.as_slice() {
        ["", "scrypt", params, salt, hash] => {
            let param = |name: &str| params.split(',').find_map(|param| param.strip_prefix(name)).and_then(number);
            assemble(param("ln="), param("r="), param("p="), base64(salt), base64(hash))
        }
        ["", "7", salted, hash] => {
            let (numbers, salt) = salted.split_at_checked(11).ok_or(broken)?;
            let digits: Option<Vec<u32>> = numbers.bytes().map(crypt64_digit).collect();
            let digits = digits.ok_or(broken)?;
            let thirty_bits = |digits: Option<&[u32]>| digits.map(|all| all.iter().rev().fold(0, |sum, digit| sum << 6 | digit));
            let (r, p) = (thirty_bits(digits.get(1..6)), thirty_bits(digits.get(6..11)));
            assemble(digits.first().copied(), r, p, Some(salt.as_bytes().to_vec()), crypt64(hash))
        }
        ["scrypt", n, salt, r, p, hash] => {
            assemble(number(n).and_then(log2), number(r), number(p), Some(salt.as_bytes().to_vec()), base64(hash))
        }
        [params, salt, hash] => {
            let numbers: Vec<Option<u32>> = params.split(':').skip(1).map(number).collect();
            let [n, r, p] = numbers.as_slice() else { return Err(broken) };
            assemble(n.and_then(log2), *r, *p, Some(salt.as_bytes().to_vec()), unhex(hash))
        }
        _ => Err(broken),
    }
}

fn log2(n: u32) -> Option<u32> {
    n.is_power_of_two().then(|| n.ilog2())
}

fn assemble(
    log_n: Option<u32>,
    r: Option<u32>,
    p: Option<u32>,
    salt: Option<Vec<u8>>,
    expected: Option<Vec<u8>>,
) -> Result<Scrypt, Unusable> {
    let broken = Unusable::Broken(NAME);
    let (Some(log_n), Some(r), Some(p), Some(salt), Some(expected)) = (log_n, r, p, salt, expected) else { return Err(broken) };
    if log_n > 31 || r == 0 || p == 0 || !(16..=128).contains(&expected.len()) {
        return Err(broken);
    }
    // 128 bytes for each of N x r, which all of p work on one after the other.
    let kib = (u64::from(r) << log_n) / 8;
    let lanes = u64::from(r) * u64::from(p) / 8;
    if kib > u64::from(MOST_MEMORY_KIB) || kib.saturating_mul(p.into()) > MOST_WORK || lanes > 1024 {
        return Err(Unusable::TooCostly(NAME));
    }
    let params = Params::new(u8::try_from(log_n).map_err(|_| broken)?, r, p).map_err(|_| broken)?;
    Ok(Scrypt { params, salt, expected })
}

impl Scrypt {
    pub(super) fn work(&self) -> u64 {
        self.params.n() * u64::from(self.params.r()) * u64::from(self.params.p())
    }

    pub(super) fn verify(&self, password: &[u8], memory: &Memory<'_>) -> bool {
        let mut made = Zeroizing::new(vec![0; self.expected.len()]);
        // It takes its memory for itself, so one at a time.
        let done = memory.alone(|| scrypt::scrypt(password, &self.salt, &self.params, &mut made));
        done.is_ok() && same(&made, &self.expected)
    }
}
