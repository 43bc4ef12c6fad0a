//! The onespace program: `serve`, `embed`, `keys`, `accounts`, `models` and `bench`.
//!
//! `arguments` says what can be asked for, `settings_file` where defaults may come from, and each
//! file of `command` does one of the commands.

mod arguments;
mod command;
mod expiry;
mod failure;
mod loaded_models;
mod logging;
mod output;
mod settings_file;

use std::process::ExitCode;

use arguments::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<_> = std::env::args_os().collect();
    // The decoder has no settings, and starts once for every few pictures.
    if arguments.get(1).is_some_and(|argument| argument == arguments::DECODE_WORKER) {
        return command::decode_worker::run();
    }
    let cli: Cli = settings_file::parse(arguments)?;
    match cli.command {
        Command::Serve(arguments) => command::serve::run(*arguments),
        Command::Embed(arguments) => command::embed::run(arguments),
        Command::Keys(arguments) => command::keys::run(arguments),
        Command::Accounts(arguments) => command::accounts::run(arguments),
        Command::Models(arguments) => command::models::run(arguments),
        Command::Bench(arguments) => command::bench::run(&arguments),
        Command::DecodeWorker => command::decode_worker::run(),
    }
}
