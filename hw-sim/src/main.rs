//! `hw-sim`: a simulated card in files that a driver in another process maps.
//!
//! Exit codes: 0 done, 2 bad usage or unreadable input, 3 device or I/O trouble. A closed standard
//! output is success.

mod cli;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use cli::{Cli, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("hw-sim: {failure}");
            match failure {
                Failure::Input(_) => ExitCode::from(2),
                Failure::Device(_) | Failure::Io(_) => ExitCode::from(3),
            }
        }
    }
}
