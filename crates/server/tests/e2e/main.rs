//! The running binary, seen from outside. One test binary, so that it is linked once; a module for each subject.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "all of this is test code: what goes wrong fails a test"
)]

mod accounts_cli;
mod cli;
mod demo;
mod explain;
mod logs;
mod operations;
mod reload;
mod serve;
mod support;
