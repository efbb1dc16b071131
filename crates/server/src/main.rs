//! The doorward command.

mod cli;
mod control;
mod explain;
mod operations;
mod parts;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
