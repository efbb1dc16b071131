//! Magento's chains `hash:salt:versions`, and its oldest form under the crypt key (magento-webapi 10).

use super::{
    MOST_WORK, Tools, Unusable, argon2,
    encoding::{Hash, hex, number, unhex},
};
use crate::{
    digest::{hmac_sha256, same},
    password::Cost,
};
use ::argon2::{Algorithm, Version};
use zeroize::Zeroizing;

const NAME: &str = "a Magento hash";
/// The most versions in a chain.
const MOST_STEPS: usize = 4;
/// libsodium's salt, in bytes.
const SALT: usize = 16;

#[derive(Clone)]
pub(super) enum Magento {
    Chain {
        expected: Vec<u8>,
        salt: Box<str>,
        steps: Vec<Step>,
    },
    /// HMAC-SHA256 of the password under a crypt key.
    Keyed([u8; 32]),
}

/// One version of a chain: what is made of the text before it.
#[derive(Clone)]
pub(super) enum Step {
    /// 0 and 1: a digest of salt and text.
    Digest(Hash),
    /// 2 and 3: Argon2id.
    Argon2 { output: usize, cost: Cost },
}

/// `hash:salt:versions`, the versions separated by `:` again; with fewer parts or an unknown version what stands before
/// the salt is an HMAC.
pub(super) fn parse(text: &str) -> Result<Magento, Unusable> {
    let mut parts = text.splitn(3, ':');
    let (hash, salt, versions) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let (Some(salt), Some(versions)) = (salt, versions) else { return keyed(text) };
    let Some(steps) = versions.split(':').map(step).collect::<Option<Vec<_>>>() else { return keyed(hash) };
    let expected = unhex(hash).filter(|bytes| bytes.len() >= 16).ok_or(Unusable::Broken(NAME))?;
    // libsodium's salt is made by repeating: there must be something to repeat.
    if salt.is_empty() && steps.iter().any(|step| matches!(step, Step::Argon2 { .. })) {
        return Err(Unusable::Broken(NAME));
    }
    let chain = Magento::Chain { expected, salt: salt.into(), steps };
    let sound = |steps: &[Step]| {
        let within = |step: &Step| match step {
            Step::Argon2 { output, cost } => (16..=64).contains(output) && argon2::within(*cost, Cost::default()),
            Step::Digest(_) => true,
        };
        steps.len() <= MOST_STEPS && steps.iter().all(within) && chain.work() <= MOST_WORK
    };
    match &chain {
        Magento::Chain { steps, .. } if !sound(steps) => Err(Unusable::TooCostly(NAME)),
        _ => Ok(chain),
    }
}

fn keyed(text: &str) -> Result<Magento, Unusable> {
    let bytes = unhex(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(Magento::Keyed).ok_or(Unusable::Unknown)
}

/// One version; `None` when it is unknown. A bare `3` is.
fn step(version: &str) -> Option<Step> {
    match version {
        "0" => return Some(Step::Digest(Hash::Md5)),
        "1" => return Some(Step::Digest(Hash::Sha256)),
        "2" => return Some(Step::Argon2 { output: 32, cost: Cost { memory_kib: 65_536, iterations: 2, parallelism: 1 } }),
        _ => {}
    }
    let mut numbers = version.strip_prefix("3_")?.split('_').map(number);
    let (output, iterations, bytes) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let cost = Cost { memory_kib: bytes / 1024, iterations, parallelism: 1 };
    let whole = numbers.next().is_none() && cost.memory_kib >= 8 && iterations >= 1;
    whole.then_some(Step::Argon2 { output: output as usize, cost })
}

impl Magento {
    pub(super) fn needs_key(&self) -> bool {
        matches!(self, Magento::Keyed(_))
    }

    pub(super) fn work(&self) -> u64 {
        let Magento::Chain { steps, .. } = self else { return 1 };
        let of_step = |step: &Step| match step {
            Step::Digest(_) => 1,
            Step::Argon2 { cost, .. } => u64::from(cost.memory_kib) * u64::from(cost.iterations),
        };
        steps.iter().map(of_step).sum()
    }

    pub(super) fn verify(&self, password: &[u8], tools: &mut Tools<'_>) -> bool {
        match self {
            // Each key is tried: where one of them fits does not show in the time.
            Magento::Keyed(expected) => {
                tools.keys.iter().fold(false, |right, key| right | same(&hmac_sha256(key, password), expected))
            }
            Magento::Chain { expected, salt, steps } => {
                let made = steps.iter().fold(Zeroizing::new(password.to_vec()), |text, step| step.apply(&text, salt, tools));
                unhex(std::str::from_utf8(&made).unwrap_or_default()).is_some_and(|made| same(&made, expected))
            }
        }
    }
}

impl Step {
    /// The hex text of this version over a text.
    fn apply(&self, text: &[u8], salt: &str, tools: &mut Tools<'_>) -> Zeroizing<Vec<u8>> {
        let made = match self {
            Step::Digest(hash) => hash.of(&[salt.as_bytes(), text]),
            Step::Argon2 { output, cost } => {
                let salt: Vec<u8> = salt.bytes().cycle().take(SALT).collect();
                tools.memory.argon2((Algorithm::Argon2id, Version::V0x13, *cost), text, &salt, *output)
            }
        };
        Zeroizing::new(hex(&made).as_bytes().to_vec())
    }
}
