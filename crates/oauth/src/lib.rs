//! OAuth 2 and OpenID Connect: one folder for each document, with the clause at the check that it demands.
//!
//! Nothing in here knows HTTP connections or pages: the gateway reads requests, asks this crate, and writes answers. Time,
//! randomness and memory are arguments.

mod approval;
pub mod client;
pub mod oidc;
mod provider;
pub mod rfc6749;
pub mod rfc7009;
pub mod rfc7523;
pub mod rfc7591;
pub mod rfc7636;
pub mod rfc7662;
pub mod rfc8414;
pub mod rfc8628;
pub mod rfc8705;
pub mod rfc8707;
pub mod rfc9068;
pub mod rfc9207;
pub mod rfc9449;
pub mod rfc9728;
#[cfg(test)]
mod shown;
#[cfg(test)]
mod testing;

pub use approval::{Person, sid};
pub use provider::Provider;
pub use rfc6749::error::{ErrorCode, OAuthError};
pub use rfc6749::grants::person::{key, secret};
