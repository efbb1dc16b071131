//! Masked tokens as Symfony writes them (ibexa-rest 2): `<1..32 hex chars>.<base64url key>.<base64url(secret XOR key)>`.
//!
//! Each text of a secret differs, so compression beside it tells nothing (BREACH), and each stays valid.

use crate::digest::{random, same};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::ports::Entropy;
use std::fmt::Write as _;

/// The longest text that can be a token: 32 + 43 + 43 characters and two dots.
const LONGEST: usize = 120;

/// A new text of `secret`.
pub(crate) fn mask(secret: &[u8; 32], entropy: &dyn Entropy) -> String {
    let key: [u8; 32] = random(entropy);
    let decoy: [u8; 17] = random(entropy);
    let masked = xor(secret, &key);
    let mut text = String::with_capacity(LONGEST);
    for byte in decoy.iter().skip(1) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.truncate(1 + usize::from(decoy[0] % 32));
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(key, &mut text);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(masked, &mut text);
    text
}

/// Whether `presented` is a text of `secret`. Any other shape is refused.
pub(crate) fn unmasks_to(presented: &str, secret: &[u8; 32]) -> bool {
    unmask(presented).is_some_and(|unmasked| same(&unmasked, secret))
}

fn unmask(presented: &str) -> Option<[u8; 32]> {
    if presented.len() > LONGEST {
        return None;
    }
    let mut parts = presented.split('.');
    let (decoy, key, masked) = (parts.next()?, parts.next()?, parts.next()?);
    let sound = parts.next().is_none() && (1..=32).contains(&decoy.len()) && decoy.bytes().all(|b| b.is_ascii_hexdigit());
    if !sound {
        return None;
    }
    Some(xor(&decode(masked)?, &decode(key)?))
}

fn decode(part: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(part).ok()?.try_into().ok()
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let mut out = *a;
    for (to, with) in out.iter_mut().zip(b) {
        *to ^= with;
    }
    out
}
