//! Request ids: 128 random bits as 32 hex digits. They are no secret, but nobody may guess the next one or meet one twice.

use doorward_core::ports::Entropy;
use std::sync::{Arc, Mutex, PoisonError};

/// How many ids are drawn at once: asking the generator costs more than everything else about an id.
const BATCH: usize = 32;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Makes request ids.
pub(super) struct Ids {
    entropy: Arc<dyn Entropy>,
    drawn: Mutex<Vec<[u8; 16]>>,
}

impl Ids {
    pub(super) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, drawn: Mutex::new(Vec::with_capacity(BATCH)) }
    }

    /// An id that was never given before.
    pub(super) fn next(&self) -> String {
        let mut text = String::with_capacity(32);
        for byte in self.draw() {
            for digit in [byte >> 4, byte & 15] {
                text.push(DIGITS.get(usize::from(digit)).copied().map_or('0', char::from));
            }
        }
        text
    }

    fn draw(&self) -> [u8; 16] {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = drawn.pop() {
            return id;
        }
        let mut bytes = [0; 16 * BATCH];
        self.entropy.fill(&mut bytes);
        let (ids, _) = bytes.as_chunks::<16>();
        drawn.extend_from_slice(ids);
        drawn.pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_crypto::system::SystemEntropy;
    use std::collections::HashSet;

    /// Counts up, so that what is drawn is known.
    struct Counting(Mutex<u8>);

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            let mut next = self.0.lock().unwrap();
            for byte in buffer {
                *byte = *next;
                *next = next.wrapping_add(1);
            }
        }
    }

    #[test]
    fn an_id_is_what_was_drawn_in_hex() {
        let ids = Ids::new(Arc::new(Counting(Mutex::new(0))));
        assert_eq!(ids.next(), "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    }

    #[test]
    fn no_id_is_given_twice() {
        let ids = Ids::new(Arc::new(SystemEntropy));
        let given: HashSet<String> = (0..BATCH * 10).map(|_| ids.next()).collect();
        assert_eq!(given.len(), BATCH * 10);
        assert!(given.iter().all(|id| id.len() == 32));
    }
}
