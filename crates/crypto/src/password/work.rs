//! One hash in a buffer that lives as long as its thread.

use super::{Cost, LONGEST};
use crate::digest::{random, same};
use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Ident, PasswordHash},
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use doorward_core::ports::Entropy;
use std::sync::Mutex;
use zeroize::{Zeroize, Zeroizing};

/// The largest memory that a stored hash may ask for beyond our own cost, in KiB.
pub(super) const MOST_MEMORY_KIB: u32 = 65_536;
/// The most passes that a stored hash may ask for.
const MOST_ITERATIONS: u32 = 16;
/// The most lanes that a stored hash may ask for.
pub(super) const MOST_LANES: u32 = 16;
/// The most passes x KiB that a stored hash may ask for: four passes over the largest memory.
const MOST_WORK: u64 = 4 * MOST_MEMORY_KIB as u64;
/// How long the hashes are that we make, in bytes.
const OUTPUT: usize = 32;

/// Memory in which passwords are hashed at one cost. It is allocated once: what is allocated for each hash is not
/// given back by every allocator, and a server would grow with each sign-in.
pub struct Buffer {
    cost: Cost,
    blocks: Vec<Block>,
}

/// The one buffer for stored hashes that need more memory than ours (made at a higher cost, before it was lowered).
/// All workers share it, one at a time, and it is kept once it has grown.
#[derive(Default)]
pub(super) struct Large(Mutex<Vec<Block>>);

/// A stored hash, taken apart and within bounds.
struct Stored {
    cost: Cost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Buffer {
    /// A buffer for this cost.
    pub fn new(cost: Cost) -> Self {
        let cost = cost.effective();
        Self { cost, blocks: Vec::new() }
    }

    /// The memory is taken with the first hash: a server where nobody signs in starts sooner and stays small.
    fn take(&mut self) {
        if self.blocks.is_empty() {
            self.blocks = vec![Block::new(); blocks_for(self.cost)];
        }
    }

    /// Forgets whatever a hash that did not come to its end left behind.
    pub(super) fn wipe(&mut self) {
        self.blocks.iter_mut().for_each(Zeroize::zeroize);
    }

    /// The PHC string of a password.
    pub fn hash(&mut self, password: &str, entropy: &dyn Entropy) -> String {
        self.take();
        let salt: [u8; 16] = random(entropy);
        let hash = fill(self.cost, password.as_bytes(), &salt, OUTPUT, &mut self.blocks);
        let Cost { memory_kib, iterations, parallelism } = self.cost;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash.as_slice()));
        format!("$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}${salt}${hash}")
    }

    /// Whether `password` is the one that was hashed. Without a hash, or with one that cannot be judged within bounds,
    /// it does the work of one at our own cost and says no.
    pub(super) fn verify(&mut self, password: &str, phc: Option<&str>, large: &Large) -> bool {
        self.take();
        let stored = phc.and_then(|phc| parse(phc, self.cost));
        let Some(stored) = stored.filter(|_| password.len() <= LONGEST) else {
            let bounded = password.as_bytes().get(..LONGEST).unwrap_or(password.as_bytes());
            fill(self.cost, bounded, b"nobody's own salt", OUTPUT, &mut self.blocks);
            return false;
        };
        let Stored { cost, salt, hash } = stored;
        let mut blocks = &mut self.blocks;
        let mut shared;
        if blocks_for(cost) > blocks.len() {
            // A poisoned lock only means that a thread ended; the buffer holds nothing that could be wrong.
            shared = large.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let missing = blocks_for(cost).saturating_sub(shared.len());
            shared.reserve_exact(missing);
            shared.extend(std::iter::repeat_n(Block::new(), missing));
            blocks = &mut shared;
        }
        let made = fill(cost, password.as_bytes(), &salt, hash.len(), blocks);
        !made.is_empty() && same(&made, &hash)
    }
}

/// The cost of a stored hash; `None` when it is none of ours.
pub(super) fn cost_of(phc: &str) -> Option<Cost> {
    parse(phc, Cost { memory_kib: u32::MAX, iterations: u32::MAX, parallelism: MOST_LANES }).map(|stored| stored.cost)
}

/// Takes a PHC string apart. `None` when it is not Argon2id version 19, or demands more than both our own cost and the
/// bounds above.
fn parse(phc: &str, own: Cost) -> Option<Stored> {
    let parsed = PasswordHash::new(phc).ok()?;
    if parsed.algorithm != Ident::new(Algorithm::Argon2id.as_str()).ok()? || parsed.version != Some(u32::from(Version::V0x13)) {
        return None;
    }
    let params = Params::try_from(&parsed).ok()?;
    if !params.keyid().is_empty() || !params.data().is_empty() {
        return None;
    }
    let cost = Cost { memory_kib: params.m_cost(), iterations: params.t_cost(), parallelism: params.p_cost() };
    let work = |cost: Cost| u64::from(cost.memory_kib) * u64::from(cost.iterations);
    let within = cost.memory_kib <= MOST_MEMORY_KIB.max(own.memory_kib)
        && cost.iterations <= MOST_ITERATIONS.max(own.iterations)
        && cost.parallelism <= MOST_LANES
        && work(cost) <= MOST_WORK.max(work(own));
    let (salt, hash) = (parsed.salt?, parsed.hash?);
    let sound = within && salt.len() >= 8 && hash.len() >= 16;
    sound.then(|| Stored { cost, salt: salt.to_vec(), hash: hash.as_bytes().to_vec() })
}

fn blocks_for(cost: Cost) -> usize {
    params(cost, OUTPUT).block_count()
}

fn params(cost: Cost, output: usize) -> Params {
    Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(output)).unwrap_or(Params::DEFAULT)
}

/// Hashes in `blocks` and wipes them. Empty when Argon2 refuses, which bounded arguments exclude.
fn fill(cost: Cost, password: &[u8], salt: &[u8], output: usize, blocks: &mut [Block]) -> Zeroizing<Vec<u8>> {
    let params = params(cost, output);
    let used = params.block_count();
    let mut out = Zeroizing::new(vec![0; output]);
    let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        password,
        salt,
        &mut out,
        &mut *blocks,
    );
    // The first blocks would let a guess be tried for the price of one BLAKE2 instead of one Argon2.
    blocks.iter_mut().take(used).for_each(Zeroize::zeroize);
    match done {
        Ok(()) => out,
        Err(_) => Zeroizing::default(),
    }
}
