//! Ports as capture files: frames come from one file per port and go to another.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::Path;
use std::time::Duration;

use firmware_api::{MAX_FRAME, PortId};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use pcap_file::{DataLink, PcapError};

use super::Ports;
use crate::batch::Batch;

/// What is attached to a port.
#[derive(Default)]
struct Port {
    input: Option<PcapReader<BufReader<File>>>,
    output: Option<PcapWriter<BufWriter<File>>>,
    error: Option<io::Error>,
    attached: bool,
}

/// Capture files on some ports. A port that has only an input accepts frames and forgets them.
#[derive(Default)]
pub struct PcapPorts {
    ports: Vec<Port>,
    now: Duration,
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

impl PcapPorts {
    /// Frames of the capture come in on the port.
    ///
    /// # Errors
    /// When the file is not an Ethernet capture.
    pub fn read(&mut self, port: PortId, path: &Path) -> io::Result<()> {
        let reader = PcapReader::new(BufReader::new(File::open(path)?)).map_err(io_error)?;
        if reader.header().datalink != DataLink::ETHERNET {
            let message = "not a capture of Ethernet frames";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.port(port).input = Some(reader);
        Ok(())
    }

    /// Frames that leave by the port go into the capture.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, port: PortId, path: &Path) -> io::Result<()> {
        let header = PcapHeader {
            snaplen: MAX_FRAME as u32 + 4,
            datalink: DataLink::ETHERNET,
            ..PcapHeader::default()
        };
        let file = BufWriter::new(File::create(path)?);
        let writer = PcapWriter::with_header(file, header).map_err(io_error)?;
        self.port(port).output = Some(writer);
        Ok(())
    }

    /// The time of frames that leave from now on.
    pub const fn set_time(&mut self, now: Duration) {
        self.now = now;
    }

    /// Whether every input has been read to its end.
    pub fn is_done(&self) -> bool {
        self.ports.iter().all(|port| port.input.is_none())
    }

    /// The first error of any file since the last call; that file is not used any more.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.ports.iter_mut().find_map(|port| port.error.take())
    }

    fn port(&mut self, port: PortId) -> &mut Port {
        let index = usize::from(port);
        if self.ports.len() <= index {
            self.ports.resize_with(index + 1, Port::default);
        }
        let port = &mut self.ports[index];
        port.attached = true;
        port
    }
}

impl Port {
    fn receive(&mut self, port: PortId, batch: &mut Batch) {
        while let (false, Some(reader)) = (batch.is_full(), &mut self.input) {
            match reader.next_packet() {
                Some(Ok(packet)) => {
                    batch.push(port, &packet.data);
                }
                Some(Err(error)) => {
                    self.error = Some(io_error(error));
                    self.input = None;
                }
                None => self.input = None,
            }
        }
    }
}

impl Ports for PcapPorts {
    fn receive(&mut self, port: PortId, batch: &mut Batch) {
        if let Some(found) = self.ports.get_mut(usize::from(port)) {
            found.receive(port, batch);
        }
    }

    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        let Some(found) = self.ports.get_mut(usize::from(port)) else {
            return false;
        };
        let packet = PcapPacket::new(self.now, frame.len() as u32, frame);
        if let Some(writer) = &mut found.output
            && let Err(error) = writer.write_packet(&packet)
        {
            found.error = Some(io_error(error));
            found.output = None;
        }
        found.attached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Frame;

    #[test]
    fn what_one_port_writes_another_reads() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.pcap");
        let mut writer = PcapPorts::default();
        writer.write(1, &path).expect("creates");
        writer.set_time(Duration::from_millis(1500));
        assert!(writer.transmit(1, &[7; 60]) && writer.transmit(1, &[8; 61]));
        assert!(!writer.transmit(0, &[9; 60]) && !writer.transmit(2, &[9; 60]));
        assert!(writer.take_error().is_none());
        drop(writer);
        let mut reader = PcapPorts::default();
        reader.read(3, &path).expect("opens");
        let mut batch = Batch::default();
        reader.receive(3, &mut batch);
        let frames: Vec<&[u8]> = batch.frames().iter().map(Frame::bytes).collect();
        assert_eq!(frames, [&[7; 60][..], &[8; 61]]);
        assert!(reader.is_done() && reader.transmit(3, &[1; 60]));
    }

    #[test]
    fn a_file_that_is_no_capture_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.pcap");
        std::fs::write(&path, "not a capture, but long enough to be one").expect("writes");
        assert!(PcapPorts::default().read(0, &path).is_err());
    }
}
