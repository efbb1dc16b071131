//! Passwords: Argon2id (RFC 9106) in PHC strings, hashed by a bounded pool ([`PasswordPool`]) while serving and directly
//! ([`hash_password`]) on the command line. What other programs stored ([`StoredHash`]) is verified as they would, and
//! hashed anew by whoever [`Cost::differs_from`] tells so.

mod common;
mod foreign;
mod pool;
mod work;

pub use common::{Person, flaw};
pub use foreign::{CryptKeys, StoredHash, Unusable};
pub use pool::{Busy, PasswordPool, PoolLimits, PoolStats};
pub use work::Buffer;

use doorward_core::ports::Entropy;

/// The longest password that is ever hashed, in bytes. A longer one is never right.
pub const LONGEST: usize = 4096;

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB; at least 8 for each lane.
    pub memory_kib: u32,
    /// Passes over the memory; at least 1.
    pub iterations: u32,
    /// Lanes; at least 1. They are worked on one after the other.
    pub parallelism: u32,
}

/// The first choice of OWASP's password storage cheat sheet for Argon2id: 19 MiB, 2 passes, 1 lane.
impl Default for Cost {
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, parallelism: 1 }
    }
}

impl Cost {
    /// Whether a stored hash was made at another cost than this and should be made anew at the next sign-in.
    pub fn differs_from(&self, phc: &str) -> bool {
        work::cost_of(phc) != Some(self.effective())
    }

    /// The nearest cost that Argon2 accepts, so that no later step can fail for its sake.
    fn effective(self) -> Self {
        let parallelism = self.parallelism.clamp(1, work::MOST_LANES);
        Self {
            memory_kib: self.memory_kib.clamp(8 * parallelism, 4 * 1024 * 1024),
            iterations: self.iterations.clamp(1, 1000),
            parallelism,
        }
    }
}

/// The PHC string of a password, made on this thread. For the command line; a server hashes in its [`PasswordPool`].
pub fn hash_password(password: &str, cost: Cost, entropy: &dyn Entropy) -> String {
    Buffer::new(cost).hash(password, entropy)
}

#[cfg(test)]
mod tests;
