//! Secrets: password hashes, session ids, CSRF tokens, keys and signatures.
//!
//! The only crate that names the crypto library and Argon2, and the only place that reads the system's clock and
//! generator ([`system`]). Nothing here panics on what a caller presents.

pub mod assertion;
pub mod csrf;
mod digest;
pub mod form;
pub mod form_key;
pub mod ibexa_token;
pub mod jwt;
mod mask;
pub mod old_session;
pub mod password;
pub mod session_id;
pub mod site_hash;
pub mod system;
pub mod user_token;

pub use digest::{hmac_sha256, random, same, sha256, sha256_hex, sha256_of, sha384, sha512};
