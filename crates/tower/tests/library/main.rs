//! The library as a program uses it: from outside, by its public names alone.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests and their helpers fail by panicking")]

mod axum;
mod configuration;
mod examples;
mod layer;
mod package;
mod programs;
mod sessions;
mod streams;
mod support;
mod tls;
mod websockets;
