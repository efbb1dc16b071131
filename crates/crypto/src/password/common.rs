//! Passwords that nobody should have.

use super::LONGEST;

/// The fewest characters of a good password (NIST SP 800-63B, 5.1.1.2).
const SHORTEST: usize = 8;

/// The most common passwords of at least [`SHORTEST`] characters, in lower case. Kept short: it is there for what
/// everybody tries first.
const COMMON: &str = include_str!("common.txt");

/// What is wrong with a password for `login`, if anything. It is compared whatever its case, and never changed.
pub fn weakness(password: &str, login: &str) -> Option<&'static str> {
    if password.len() > LONGEST {
        return Some("it is longer than 4096 bytes and could never be right");
    }
    let lower = password.to_lowercase();
    if lower == login.to_lowercase() {
        return Some("it is the same as the login");
    }
    if password.chars().count() < SHORTEST {
        return Some("it has fewer than 8 characters");
    }
    COMMON.split_ascii_whitespace().any(|common| common == lower).then_some("it is one of the most common passwords")
}
