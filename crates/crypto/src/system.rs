//! The system's clock and generator: the one place where time and randomness enter.

use doorward_core::{
    Time,
    ports::{Clock, Entropy},
};
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now(&self) -> Time {
        // A clock before 1970 reads as 1970: nothing has been issued yet, and every lifetime starts anew.
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::default() + elapsed
    }
}

/// The system's generator of unpredictable bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        if getrandom::fill(buffer).is_err() {
            // Without randomness every secret would be guessable: there is no sound way to go on.
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_later_than_this_code_and_does_not_go_back() {
        let first = SystemClock.now();
        assert!(first.seconds() > 1_700_000_000);
        assert!(SystemClock.now() >= first);
    }

    #[test]
    fn the_generator_fills_the_whole_buffer_with_other_bytes_each_time() {
        let (mut a, mut b) = ([0; 64], [0; 64]);
        SystemEntropy.fill(&mut a);
        SystemEntropy.fill(&mut b);
        assert_ne!(a, b);
        assert!(a[32..].iter().any(|byte| *byte != 0));
    }
}
