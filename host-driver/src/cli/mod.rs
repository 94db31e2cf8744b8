//! The command line: arguments, what each command does, exit codes.

mod arguments;
mod ask;
mod exit;
mod print;
mod run;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use exit::Failure;

/// Does what the command line says.
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run(run) => run::run(run),
        Command::Ask(command) => ask::ask(command),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(Failure { exit, message }) => {
            // Where stderr is closed the exit code has to do.
            let _ = print::complain(&message);
            exit.into()
        }
    }
}
