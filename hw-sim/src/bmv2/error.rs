//! What can keep a switch from forwarding, each with its cure.

use std::io;
use std::path::PathBuf;

use super::program::ProgramError;
use crate::config::ConfigError;

/// Why there is no switch.
#[derive(Debug, thiserror::Error)]
pub enum Bmv2Error {
    /// A size is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The card is larger than the program.
    #[error("a card with engine bmv2 cannot have {value} {what}: the P4 program has {most}")]
    Size {
        /// What there would be too many of.
        what: String,
        /// How many the card would have.
        value: u64,
        /// How many the program has.
        most: u64,
    },
    /// A file cannot be read or made.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// The program is not the schema's.
    #[error("{name}: {error}; p4/compile makes one that fits")]
    Program {
        /// Where the program is from.
        name: String,
        /// What is wrong.
        error: ProgramError,
    },
    /// The switch's executable does not run.
    #[error("{}: {error}; install BMv2, or say where its simple_switch is with --switch", path.display())]
    Switch {
        /// The executable.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The port of the runtime interface cannot be had.
    #[error("port {0}: {1}; choose another with --thrift-port, or leave the choice to hw-sim")]
    Port(u16, io::Error),
    /// The switch ended before it listened.
    #[error("the switch ended with {0}")]
    Ended(String),
    /// Nobody listens.
    #[error("no switch answers at {what}: {error}")]
    Silent {
        /// An address or a socket.
        what: String,
        /// Why not.
        error: io::Error,
    },
    /// The runtime interface failed.
    #[error("the switch's runtime interface: {0}")]
    Runtime(#[from] thrift::Error),
    /// The switch does not do what it has to.
    #[error("the switch does not take {what}: {error}")]
    Refused {
        /// What it was asked.
        what: &'static str,
        /// Its answer.
        error: String,
    },
    /// The packet socket failed.
    #[error("the switch's packet socket: {0}")]
    Packets(io::Error),
}
