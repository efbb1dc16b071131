//! Nonces of ours in proofs (sections 8 and 9): whoever has one made its proof lately, and not long before. Nothing is stored: a
//! nonce is a moment and a MAC over it, by a key that all nodes on a store share.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::Time;
use doorward_crypto::{hmac_sha256, same};

/// The header by which a client gets one (section 8.1).
pub const HEADER: &str = "dpop-nonce";
/// After how many seconds there is another one. One counts as long as it is the newest, and as long again.
const PERIOD: u64 = 60;
const MOMENT: usize = 8;
const MAC: usize = 16;

/// The nonces of one key.
#[derive(Clone, Copy)]
pub struct Nonces<'a> {
    key: &'a [u8],
}

impl<'a> Nonces<'a> {
    /// Those of this secret, which may serve other purposes, too.
    pub fn of(key: &'a [u8]) -> Self {
        Self { key }
    }

    /// What clients are to put into their next proofs.
    pub fn current(self, now: Time) -> String {
        self.at(now.seconds() / PERIOD)
    }

    /// Whether a proof with this nonce was made lately. Clocks of nodes may differ: the next one counts as well.
    pub fn takes(self, nonce: &str, now: Time) -> bool {
        let period = now.seconds() / PERIOD;
        let known = [period, period.saturating_sub(1), period + 1].map(|period| self.at(period));
        known.iter().fold(false, |found, known| found | same(known.as_bytes(), nonce.as_bytes()))
    }

    fn at(self, period: u64) -> String {
        let moment = period.to_be_bytes();
        let mac = hmac_sha256(self.key, &[b"doorward dpop nonce v1\0".as_slice(), &moment].concat());
        let mut bytes = [0; MOMENT + MAC];
        bytes.iter_mut().zip(moment.iter().chain(&mac)).for_each(|(to, from)| *to = *from);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_nonce_counts_for_a_minute_or_two_and_no_other_does() {
        let (ours, now) = (Nonces::of(b"key"), Time(1_700_000_000_000));
        let nonce = ours.current(now);
        assert_eq!(nonce.len(), 32);
        for (later, counts) in [(0, true), (60, true), (119, false), (600, false)] {
            // 1 700 000 000 is 20 seconds into its minute.
            assert_eq!(ours.takes(&nonce, now + Duration::from_secs(later)), counts, "{later}");
        }
        assert!(ours.takes(&Nonces::of(b"key").current(now + Duration::from_secs(60)), now), "another node's clock is ahead");
        assert!(!Nonces::of(b"other").takes(&nonce, now));
        let mut forged = nonce.clone().into_bytes();
        forged[10] ^= 1;
        for wrong in ["", "x", &nonce[1..], &format!("{nonce}A"), &String::from_utf8(forged).unwrap()] {
            assert!(!ours.takes(wrong, now), "{wrong}");
        }
    }
}
