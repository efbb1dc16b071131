//! The doorward command.

mod assembly;
mod cli;
mod control;
mod demo;
mod explain;
mod operations;
mod parts;
mod reload;
mod serve;
mod telemetry;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
