//! The capture of what left the card.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use firmware_api::MAX_FRAME;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};

use super::error::ReplayError;

/// A pcap file of nanosecond resolution, the same on every machine.
pub(super) struct Output {
    path: PathBuf,
    writer: PcapWriter<BufWriter<File>>,
}

impl Output {
    /// Makes the file, and its directory.
    pub(super) fn create(path: &Path) -> Result<Self, ReplayError> {
        let in_file = |error| ReplayError::Output {
            path: path.to_owned(),
            error,
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(in_file)?;
        }
        let header = PcapHeader {
            snaplen: MAX_FRAME as u32 + 64,
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::NanoSecond,
            endianness: Endianness::Little,
            ..PcapHeader::default()
        };
        let file = BufWriter::new(File::create(path).map_err(in_file)?);
        let writer = PcapWriter::with_header(file, header).map_err(|e| in_file(io_error(e)))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
        })
    }

    /// Adds a frame.
    pub(super) fn write(&mut self, at: Duration, frame: &[u8]) -> Result<(), ReplayError> {
        let packet = PcapPacket::new(at, frame.len() as u32, frame);
        self.writer
            .write_packet(&packet)
            .map_err(|error| ReplayError::Output {
                path: self.path.clone(),
                error: io_error(error),
            })?;
        Ok(())
    }

    /// Writes what is buffered.
    pub(super) fn finish(self) -> Result<(), ReplayError> {
        let Self { path, writer } = self;
        writer
            .into_writer()
            .flush()
            .map_err(|error| ReplayError::Output { path, error })
    }
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}
