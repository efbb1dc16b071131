//! Argon2 in PHC strings (RFC 9106): ours, and those of other programs at any variant, version and bounded cost.

use super::{MOST_MEMORY_KIB, MOST_WORK, Unusable};
use crate::{
    digest::same,
    password::{
        Cost,
        work::{MOST_LANES, Memory},
    },
};
use argon2::{Algorithm, Params, Version, password_hash::phc::PasswordHash};

const NAME: &str = "Argon2";
/// The most passes that a stored hash may ask for.
const MOST_ITERATIONS: u32 = 16;

/// A stored hash, taken apart and within bounds.
#[derive(Clone)]
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    pub(super) cost: Cost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// Takes a PHC string apart that demands no more than either our own cost or the bounds for others.
pub(super) fn parse(phc: &str, own: Cost) -> Result<Argon2Hash, Unusable> {
    let broken = Unusable::Broken(NAME);
    let parsed = PasswordHash::new(phc).map_err(|_| broken)?;
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).map_err(|_| broken)?;
    // Whoever wrote no version wrote the first one.
    let version = Version::try_from(parsed.version.unwrap_or(0x10)).map_err(|_| broken)?;
    let params = Params::try_from(&parsed).map_err(|_| broken)?;
    if !params.keyid().is_empty() || !params.data().is_empty() {
        return Err(broken);
    }
    let cost = Cost { memory_kib: params.m_cost(), iterations: params.t_cost(), parallelism: params.p_cost() };
    if !within(cost, own) {
        return Err(Unusable::TooCostly(NAME));
    }
    let (Some(salt), Some(hash)) = (parsed.salt, parsed.hash) else { return Err(broken) };
    // What is shorter proves too little.
    if salt.len() < 8 || hash.len() < 16 {
        return Err(broken);
    }
    Ok(Argon2Hash { algorithm, version, cost, salt: salt.to_vec(), hash: hash.as_bytes().to_vec() })
}

/// Whether a cost is within the bounds, or within our own.
pub(super) fn within(cost: Cost, own: Cost) -> bool {
    let work = |cost: Cost| u64::from(cost.memory_kib) * u64::from(cost.iterations);
    cost.memory_kib <= MOST_MEMORY_KIB.max(own.memory_kib)
        && cost.iterations <= MOST_ITERATIONS.max(own.iterations)
        && cost.parallelism <= MOST_LANES
        && work(cost) <= MOST_WORK.max(work(own))
}

impl Argon2Hash {
    /// Whether it is of the variant and version that we make.
    pub(super) fn is_ours(&self) -> bool {
        self.algorithm == Algorithm::Argon2id && self.version == Version::V0x13
    }

    pub(super) fn verify(&self, password: &[u8], memory: &mut Memory<'_>) -> bool {
        let kind = (self.algorithm, self.version, self.cost);
        let made = memory.argon2(kind, password, &self.salt, self.hash.len());
        !made.is_empty() && same(&made, &self.hash)
    }
}
