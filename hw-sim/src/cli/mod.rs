//! The command line.

mod read;
mod run;

use std::io;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A simulated Headgate card.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a card until SIGTERM or SIGINT.
    ///
    /// Interfaces (--port) need the right to open raw sockets, and must not leave work to hardware that is not there:
    /// on both ends of a veth pair,
    /// `ethtool -K IF tx off rx off gso off tso off gro off`.
    /// Frames that are too long (GSO) are dropped as oversized, and partial checksums stay wrong.
    /// VLAN tags that the kernel takes out of frames are put back.
    ///
    /// The card forwards by itself (--engine native), or through a BMv2 switch that runs the same pipeline as a
    /// P4 program (--engine bmv2): slower by orders of magnitude, for proving the program.
    Run(Box<run::Run>),
    /// Print every register of a running card.
    Registers(Directory),
    /// Print what happened to the frames of a running card.
    Counters(Directory),
}

/// Where the card's memory is.
#[derive(Debug, Args)]
struct Directory {
    /// The directory that the card runs in.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Bad usage or unreadable input.
    #[error("{0}")]
    Input(String),
    /// The card's memory or a port is in trouble.
    #[error("{0}")]
    Device(String),
    /// Standard output is in trouble.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl Cli {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Run(run) => run.run(),
            Command::Registers(directory) => read::registers(&directory.dir),
            Command::Counters(directory) => read::counters(&directory.dir),
        }
    }
}
