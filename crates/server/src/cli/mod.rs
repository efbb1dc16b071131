//! The command line: what each word means, and the way from it to an exit code.
//!
//! Exit codes: 0 done or permit, 1 refused, not found or unsound, 2 wrong usage.

#[cfg(test)]
mod accounts_tests;
pub(crate) mod args;
mod check;
mod client;
mod context;
mod identity;
mod import;
mod init;
mod key;
mod role;
mod session;
mod terminal;
mod text;
mod token;
mod user;

use crate::{demo, explain, serve};
use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use context::Context;
pub(crate) use context::sound;
use std::{ffi::OsString, process::ExitCode};
pub(crate) use terminal::{Answer, Failure, Terminal};

/// Runs the command that `arguments` name and returns its exit code.
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe (`doorward help | head`) is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let mut terminal = Terminal::system(cli.json);
    let answer = run(cli.command, &mut terminal);
    terminal.conclude(answer)
}

fn run(command: Command, terminal: &mut Terminal) -> Result<Answer, Failure> {
    match command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "doorward", &mut script);
            terminal.write(&script)?;
            Ok(Answer::Done)
        }
        Command::Man { output: Some(folder), .. } => {
            std::fs::create_dir_all(&folder)?;
            clap_mangen::generate_to(Cli::command(), &folder)?;
            Ok(Answer::Done)
        }
        Command::Man { command, output: None } => {
            terminal.write(&manual(&command)?)?;
            Ok(Answer::Done)
        }
        Command::Client { command, config } => {
            on_the_store(&config, terminal, async |context| client::run(command, context).await)
        }
        Command::Key { command, config } => on_the_store(&config, terminal, async |context| key::run(command, context).await),
        Command::Token { command, config } => on_the_store(&config, terminal, async |context| token::run(command, context).await),
        Command::User { command, config } => on_the_store(&config, terminal, async |context| user::run(command, context).await),
        Command::Role { command, config } => on_the_store(&config, terminal, async |context| role::run(command, context).await),
        Command::Session { command, config } => {
            on_the_store(&config, terminal, async |context| session::run(command, context).await)
        }
        Command::Identity { command, config } => {
            on_the_store(&config, terminal, async |context| identity::run(command, context).await)
        }
        Command::Import(arguments) => {
            let config = args::ConfigFile { path: arguments.config.path.clone() };
            on_the_store(&config, terminal, async |context| import::run(arguments, context).await)
        }
        Command::Serve { config } => serve::run(&config.path, terminal),
        Command::Check { config } => check::run(&config.path, terminal),
        Command::Explain(arguments) => explain::run(&arguments, terminal),
        Command::Init(arguments) => init::run(&arguments, terminal),
        Command::Demo { listen } => demo::run(listen, terminal),
    }
}

/// The manual page of `doorward` or of the command that these words name.
fn manual(words: &[String]) -> Result<Vec<u8>, Failure> {
    let mut root = Cli::command();
    root.build();
    let mut command = &root;
    for word in words {
        command = command
            .find_subcommand(word)
            .ok_or_else(|| Failure::usage(format_args!("there is no command {:?}", words.join(" "))))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

/// Opens the configuration and its store and runs one command there.
fn on_the_store(
    config: &args::ConfigFile,
    terminal: &mut Terminal,
    command: impl AsyncFnOnce(&mut Context<'_>) -> Result<Answer, Failure>,
) -> Result<Answer, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut context = Context::open(config, terminal).await?;
        command(&mut context).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{} says nothing about itself", command.get_name());
            if !["completions", "man"].contains(&command.get_name()) {
                let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(examples.contains("doorward "), "{} gives no example", command.get_name());
            }
        }
    }
}
