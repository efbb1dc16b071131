//! The road over real sockets: what a client sends byte for byte, and what the upstream received of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod framing;
mod heads;
mod http2;
mod limits;
mod short;
mod streams;
mod support;
mod upgrade;
