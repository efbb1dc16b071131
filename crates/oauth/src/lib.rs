//! OAuth 2 and OpenID Connect: one folder for each document, with the clause at the check that it demands.
//!
//! Nothing in here knows HTTP connections or pages: the gateway reads requests, asks this crate, and writes answers. Time,
//! randomness and memory are arguments.

pub mod rfc7636;
