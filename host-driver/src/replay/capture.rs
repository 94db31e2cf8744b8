//! Captures of Ethernet frames: pcap in either byte order and resolution, and pcapng.
//!
//! No length or number in the file is trusted; an error names the packet it is at.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError, TsResolution};

/// No frame is longer: those of a capture after receive offload have 64 KiB and headers.
const LONGEST: usize = 256 * 1024;
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A packet of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// When it was captured, since 1970.
    pub at: Duration,
    /// The frame, or its beginning.
    pub frame: Cow<'a, [u8]>,
    /// The capture holds only the beginning of the frame.
    pub is_cut: bool,
}

/// Why a capture cannot be read, or not on.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {place}{problem}", path = path.display(), place = place(*packet))]
pub struct CaptureError {
    /// The file.
    pub path: PathBuf,
    /// At which packet; none for the file as a whole.
    pub packet: Option<u64>,
    /// What is wrong, and what to do if that is known.
    pub problem: String,
}

fn place(packet: Option<u64>) -> String {
    packet.map_or_else(String::new, |number| format!("packet {number}: "))
}

/// A capture that is read from its beginning.
pub struct Capture {
    path: PathBuf,
    reader: Reader,
    packets: u64,
}

enum Reader {
    Pcap(PcapReader<BufReader<File>>),
    PcapNg(PcapNgReader<BufReader<File>>),
}

impl Capture {
    /// Opens a capture.
    ///
    /// # Errors
    /// When it cannot be read, or is no capture of Ethernet frames.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let error = |problem| CaptureError {
            path: path.to_owned(),
            packet: None,
            problem,
        };
        let reader = Reader::open(path).map_err(error)?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            packets: 0,
        })
    }

    /// The next packet; none at the end of the file.
    ///
    /// # Errors
    /// When the file is cut short or corrupt there; nothing follows then.
    pub fn next_packet(&mut self) -> Option<Result<Packet<'_>, CaptureError>> {
        let number = self.packets + 1;
        let next = self.reader.next_packet()?;
        self.packets = number;
        let path = &self.path;
        Some(match next {
            Ok((at, frame, length)) => {
                let is_cut = frame.len() < length as usize;
                Ok(Packet {
                    number,
                    at,
                    frame,
                    is_cut,
                })
            }
            Err(problem) => Err(CaptureError {
                path: path.clone(),
                packet: Some(number),
                problem,
            }),
        })
    }
}

/// Time, bytes, and length on the wire.
type Raw<'a> = (Duration, Cow<'a, [u8]>, u32);

impl Reader {
    fn open(path: &Path) -> Result<Self, String> {
        let mut file = File::open(path).map_err(|e| e.to_string())?;
        let mut magic = [0; 4];
        let length = file.read(&mut magic).map_err(|e| e.to_string())?;
        file.rewind().map_err(|e| e.to_string())?;
        if magic[..2] == GZIP_MAGIC {
            return Err("is compressed; gunzip it first".into());
        }
        let not_a_capture = |_| {
            let what = if length == 0 {
                "is empty"
            } else {
                "is not a capture"
            };
            format!("{what}; record one with tcpdump -w FILE -i INTERFACE")
        };
        let file = BufReader::new(file);
        if magic == PCAPNG_MAGIC {
            return PcapNgReader::new(file)
                .map(Self::PcapNg)
                .map_err(not_a_capture);
        }
        let reader = PcapReader::new(file).map_err(not_a_capture)?;
        check_link(reader.header().datalink)?;
        Ok(Self::Pcap(reader))
    }

    fn next_packet(&mut self) -> Option<Result<Raw<'_>, String>> {
        match self {
            Self::Pcap(reader) => next_of_pcap(reader),
            Self::PcapNg(reader) => next_of_pcapng(reader),
        }
    }
}

fn check_link(link: DataLink) -> Result<(), String> {
    if link == DataLink::ETHERNET {
        return Ok(());
    }
    Err(format!(
        "holds {link:?} frames, not Ethernet; record on one interface: tcpdump -w FILE -i INTERFACE"
    ))
}

fn next_of_pcap<R: Read>(reader: &mut PcapReader<R>) -> Option<Result<Raw<'_>, String>> {
    let resolution = reader.header().ts_resolution;
    let raw = match reader.next_raw_packet()? {
        Ok(raw) => raw,
        Err(error) => return Some(Err(problem(&error))),
    };
    let nanos = match resolution {
        TsResolution::MicroSecond => u64::from(raw.ts_frac) * 1_000,
        TsResolution::NanoSecond => raw.ts_frac.into(),
    };
    let at = Duration::from_secs(raw.ts_sec.into()) + Duration::from_nanos(nanos);
    Some(checked(at, raw.data, raw.orig_len))
}

fn next_of_pcapng<R: Read>(reader: &mut PcapNgReader<R>) -> Option<Result<Raw<'_>, String>> {
    // A reference into the reader cannot leave a loop that goes on with the reader: own the bytes.
    loop {
        let packet = match reader.next_block()? {
            Ok(Block::EnhancedPacket(packet)) => packet.into_owned(),
            Ok(Block::SimplePacket(_)) => {
                return Some(Err("has no time (a simple packet block)".into()));
            }
            Ok(_) => continue,
            Err(error) => return Some(Err(problem(&error))),
        };
        let Some(interface) = reader.interfaces().get(packet.interface_id as usize) else {
            return Some(Err(format!(
                "is of interface {}, which is not described",
                packet.interface_id
            )));
        };
        if let Err(problem) = check_link(interface.linktype) {
            return Some(Err(problem));
        }
        let resolution = interface.options.iter().find_map(|option| match option {
            InterfaceDescriptionOption::IfTsResol(resolution) => Some(*resolution),
            _ => None,
        });
        // The reader takes the number of units for nanoseconds.
        let units = packet.timestamp.as_nanos() as u64;
        let at = time_of(units, resolution.unwrap_or(6));
        return Some(checked(at, packet.data, packet.original_len));
    }
}

/// The time of a number of units; a resolution is a negative power of 10, or of 2 with the top bit.
fn time_of(units: u64, resolution: u8) -> Duration {
    let exponent = u32::from(resolution & 0x7f);
    let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
    let per_second = base.checked_pow(exponent).unwrap_or(u128::MAX);
    let nanos = u128::from(units).saturating_mul(1_000_000_000) / per_second;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn checked(at: Duration, frame: Cow<'_, [u8]>, length: u32) -> Result<Raw<'_>, String> {
    if frame.len() > LONGEST {
        return Err(format!(
            "claims {} bytes, more than any frame has; the file is corrupt",
            frame.len()
        ));
    }
    if frame.len() > length as usize {
        return Err(format!(
            "holds {} bytes of a frame of {length}; the file is corrupt",
            frame.len()
        ));
    }
    Ok((at, frame, length))
}

fn problem(error: &PcapError) -> String {
    match error {
        PcapError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the file ends inside it, or its length is corrupt".into()
        }
        PcapError::IoError(error) => error.to_string(),
        other => format!("the file is corrupt here ({other})"),
    }
}

#[cfg(test)]
mod tests;
