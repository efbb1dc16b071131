//! One hash in a buffer that lives as long as its thread.

use super::{
    Cost, LONGEST,
    foreign::{CryptKeys, StoredHash, Tools},
};
use crate::digest::random;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use doorward_core::ports::Entropy;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::{Zeroize, Zeroizing};

/// The most lanes that a hash may ask for.
pub(super) const MOST_LANES: u32 = 16;
/// How long the hashes are that we make, in bytes.
const OUTPUT: usize = 32;

/// Memory in which passwords are hashed at one cost. It is allocated once: what is allocated for each hash is not
/// given back by every allocator, and a server would grow with each sign-in.
pub struct Buffer {
    cost: Cost,
    blocks: Vec<Block>,
}

/// The one buffer for stored hashes that need more memory than ours (made at a higher cost, or by another program).
/// All workers share it, one at a time, and it is kept once it has grown.
#[derive(Default)]
pub(super) struct Large(Mutex<Vec<Block>>);

impl Large {
    /// Whoever holds it is the only one who hashes with much memory.
    fn take(&self) -> MutexGuard<'_, Vec<Block>> {
        // A poisoned lock only means that a thread ended; the buffer holds nothing that could be wrong.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of a worker, and the one that all share.
pub(super) struct Memory<'a> {
    blocks: &'a mut Vec<Block>,
    large: &'a Large,
}

impl<'a> Memory<'a> {
    pub(super) fn new(blocks: &'a mut Vec<Block>, large: &'a Large) -> Self {
        Self { blocks, large }
    }

    /// Argon2 in the worker's own buffer, or in the shared one where that is too small. Empty when Argon2 refuses,
    /// which bounded arguments exclude.
    pub(super) fn argon2(
        &mut self,
        (algorithm, version, cost): (Algorithm, Version, Cost),
        password: &[u8],
        salt: &[u8],
        output: usize,
    ) -> Zeroizing<Vec<u8>> {
        let need = params(cost, output).block_count();
        let kind = (algorithm, version, cost);
        if need <= self.blocks.len() {
            return fill(kind, password, salt, output, self.blocks);
        }
        let mut shared = self.large.take();
        let missing = need.saturating_sub(shared.len());
        shared.reserve_exact(missing);
        shared.extend(std::iter::repeat_n(Block::new(), missing));
        fill(kind, password, salt, output, &mut shared)
    }

    /// Does what needs much memory of its own while nobody else does.
    pub(super) fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        let _only = self.large.take();
        work()
    }
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
            self.blocks = vec![Block::new(); params(self.cost, OUTPUT).block_count()];
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
        let hash = fill(self.kind(), password.as_bytes(), &salt, OUTPUT, &mut self.blocks);
        let Cost { memory_kib, iterations, parallelism } = self.cost;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash.as_slice()));
        format!("$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}${salt}${hash}")
    }

    /// Whether `password` is the one that was hashed. Without a hash it does the work of one at our own cost and says
    /// no; so it does for a password beyond the bound.
    pub(super) fn verify(&mut self, password: &str, stored: Option<&StoredHash>, large: &Large, keys: &CryptKeys) -> bool {
        self.take();
        let Some(stored) = stored.filter(|_| password.len() <= LONGEST) else {
            let bounded = password.as_bytes().get(..LONGEST).unwrap_or(password.as_bytes());
            fill(self.kind(), bounded, b"nobody's own salt", OUTPUT, &mut self.blocks);
            return false;
        };
        let memory = Memory::new(&mut self.blocks, large);
        stored.verify(password.as_bytes(), &mut Tools { memory, keys })
    }

    fn kind(&self) -> (Algorithm, Version, Cost) {
        (Algorithm::Argon2id, Version::V0x13, self.cost)
    }
}

/// The cost of a stored hash; `None` when it is no Argon2id hash as we make them.
pub(super) fn cost_of(phc: &str) -> Option<Cost> {
    let any = Cost { memory_kib: u32::MAX, iterations: u32::MAX, parallelism: MOST_LANES };
    // Only the text as we write it: what LDAP or Django wrote around it is to be replaced.
    StoredHash::parse_beside(phc, any).ok().filter(|_| phc.starts_with('$'))?.cost()
}

fn params(cost: Cost, output: usize) -> Params {
    Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(output)).unwrap_or(Params::DEFAULT)
}

/// Hashes in `blocks` and wipes them.
fn fill(
    (algorithm, version, cost): (Algorithm, Version, Cost),
    password: &[u8],
    salt: &[u8],
    output: usize,
    blocks: &mut [Block],
) -> Zeroizing<Vec<u8>> {
    let params = params(cost, output);
    let used = params.block_count();
    let mut out = Zeroizing::new(vec![0; output]);
    let done = Argon2::new(algorithm, version, params).hash_password_into_with_memory(password, salt, &mut out, &mut *blocks);
    // The first blocks would let a guess be tried for the price of one BLAKE2 instead of one Argon2.
    blocks.iter_mut().take(used).for_each(Zeroize::zeroize);
    match done {
        Ok(()) => out,
        Err(_) => Zeroizing::default(),
    }
}
