//! The doorward command.

mod assembly;
mod certificates;
mod cli;
mod control;
mod demo;
mod explain;
mod kinds;
mod operations;
mod reload;
mod serve;
mod telemetry;
mod watch;

use std::process::ExitCode;

/// Requests allocate a few dozen small pieces each, and this allocator is faster at that than the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}

/// What `${NAME}` means in a configuration.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
