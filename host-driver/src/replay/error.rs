//! Why a capture cannot be replayed.

use std::io;
use std::path::PathBuf;

use super::capture::CaptureError;
use crate::daemon::RunError;

/// Why a capture cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The driver does not start.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The capture cannot be read at all.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The output cannot be written.
    #[error("{path}: {error}", path = path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Card and driver keep each other busy.
    #[error("packet {0}: card and driver do not come to rest; this is a bug")]
    Restless(u64),
}
