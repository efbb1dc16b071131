//! The running binary, seen from outside. One test binary, so that it is linked once; a module for each subject.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "all of this is test code: what goes wrong fails a test"
)]

mod account_changes;
mod accounts_cli;
mod browser;
mod cli;
mod cors;
mod demo;
mod durability;
mod explain;
mod forward_auth;
mod gateway;
mod ibexa;
mod import;
mod init;
mod issuers;
mod logs;
mod magento;
mod oauth;
mod operation;
mod operations;
mod passwords;
mod people;
mod providers;
mod readme;
mod reload;
mod serve;
mod sign_in_flood;
mod sign_in_limits;
mod sites;
mod support;
mod tls;
