//! Why a driver does not run, or stopped running.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use hw_sim::bars::BarsError;
use hw_sim::config::ConfigError;

use crate::control::socket::SocketError;
use crate::device::DeviceError;
use crate::engine::StartError;

/// Why a driver does not run, or stopped running.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration file cannot be read.
    #[error("{path}: {error}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The embedded card cannot be as large as asked for.
    #[error(transparent)]
    CardSize(#[from] ConfigError),
    /// The embedded card finds no memory.
    #[error(transparent)]
    CardMemory(#[from] BarsError),
    /// The card cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The engine does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The control socket cannot be opened.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Metrics cannot be served there.
    #[error("--metrics {address}: {error}; choose another address or port")]
    Metrics {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The operating system denies what the daemon needs.
    #[error("{what}: {error}")]
    Io {
        /// What it needs.
        what: &'static str,
        /// Why not.
        error: io::Error,
    },
    /// The engine thread ended by itself.
    #[error("the engine stopped unexpectedly; this is a bug, the message above tells where")]
    EngineDied,
}

impl RunError {
    /// What the operating system said when the daemon needed something.
    pub fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { what, error }
    }
}
