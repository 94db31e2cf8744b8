//! Frames into the switch and what comes out of it, with fences between.
//!
//! A fence is a record that sets clock and heartbeat state in the switch and comes back behind all
//! that was given before it, one for each of its egress threads. Fences also bound how much is on
//! its way: the switch drops what finds its queues for second passes full, and tells nobody.

use std::io;
use std::time::{Duration, Instant};

use firmware_api::ring::Words;
use firmware_api::schema::{CPU_PORT, FENCE, FENCE_PORT, UPLINK_INGRESS};
use firmware_api::{PortId, UPLINK_PORT};

use super::packets::Packets;
use crate::pipeline::Conditions;

/// Egress threads of the switch: port number modulo this.
const THREADS: u16 = 4;
/// Frames between fences; the switch's queue for second passes holds 1,024.
const MOST: usize = 512;
/// Bytes that may be queued before they have to leave.
const QUEUED: usize = 1 << 20;
/// How long the switch may be silent while something is on its way.
const SILENCE: Duration = Duration::from_secs(5);

/// What came out of the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output<'a> {
    /// A frame leaves by a port.
    Frame(PortId, &'a [u8]),
    /// A punt record and its captured bytes.
    Record(Words, &'a [u8]),
}

/// The way of packets to a switch and back.
#[derive(Debug)]
pub(super) struct Traffic {
    packets: Packets,
    /// What the switch knows of clock and heartbeat, once it was told.
    told: Option<(u32, bool)>,
    /// The number of the last fence, and of the last one when all were back.
    sequence: u64,
    completed: u64,
    /// Fences that have not come back.
    fences: usize,
    /// Frames since all fences were back.
    unfenced: usize,
}

impl Traffic {
    /// Takes over the socket. Whatever was on its way for an earlier card is taken and forgotten.
    pub(super) fn new(packets: Packets) -> io::Result<Self> {
        let clock = std::time::SystemTime::UNIX_EPOCH.elapsed();
        // Not what an earlier card counted.
        let sequence = clock.map_or(0, |since| since.as_nanos() as u64);
        let mut traffic = Self {
            packets,
            told: None,
            sequence,
            completed: sequence,
            fences: 0,
            unfenced: 0,
        };
        traffic.complete(|_| {})?;
        Ok(traffic)
    }

    /// Gives a frame that came in on a port, or a record and its frame.
    pub(super) fn give(
        &mut self,
        input: Input,
        frame: &[u8],
        each: impl FnMut(Output<'_>),
    ) -> io::Result<()> {
        match input {
            Input::Frame(UPLINK_PORT) => self.packets.queue(UPLINK_INGRESS, [&[], frame]),
            Input::Frame(port) => self.packets.queue(port, [&[], frame]),
            Input::Record(words) => {
                let words = words.map(u64::to_le_bytes);
                self.packets.queue(CPU_PORT, [words.as_flattened(), frame]);
            }
        }
        self.unfenced += 1;
        if self.unfenced >= MOST || self.packets.queued() > QUEUED {
            self.complete(each)?;
        }
        Ok(())
    }

    /// Tells the switch of clock and heartbeat, if they are other than they were.
    pub(super) fn tell(&mut self, conditions: Conditions) {
        let news = (conditions.tick, conditions.driverless);
        if self.told != Some(news) {
            self.told = Some(news);
            self.fence(FENCE_PORT);
        }
    }

    /// Hands over all that comes of what was given; returns when nothing is in the switch.
    pub(super) fn complete(&mut self, mut each: impl FnMut(Output<'_>)) -> io::Result<()> {
        for port in FENCE_PORT..FENCE_PORT + THREADS {
            self.fence(port);
        }
        let mut heard = Instant::now();
        while self.fences > 0 {
            if self.packets.exchange(SILENCE)? {
                heard = Instant::now();
                self.take(&mut each)?;
            } else if heard.elapsed() >= SILENCE {
                let message = format!("silent for {} s", SILENCE.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
        }
        self.unfenced = 0;
        self.completed = self.sequence;
        Ok(())
    }

    /// Whether something was given that is not known to have come out.
    pub(super) const fn is_open(&self) -> bool {
        self.unfenced > 0 || self.fences > 0
    }

    /// Looks whether the switch is still there.
    pub(super) fn probe(&mut self) -> io::Result<()> {
        self.packets.exchange(Duration::ZERO)?;
        self.take(&mut |_| {})
    }

    fn fence(&mut self, port: PortId) {
        let (tick, driverless) = self.told.unwrap_or_default();
        self.sequence += 1;
        self.fences += 1;
        let words = [
            u64::from(FENCE)
                | u64::from(driverless) << 8
                | u64::from(port) << 16
                | u64::from(tick) << 32,
            self.sequence,
            0,
        ];
        let words = words.map(u64::to_le_bytes);
        self.packets.queue(CPU_PORT, [words.as_flattened(), &[]]);
    }

    fn take(&mut self, each: &mut impl FnMut(Output<'_>)) -> io::Result<()> {
        while let Some((port, bytes)) = self.packets.take()? {
            if port < FENCE_PORT {
                each(Output::Frame(port, bytes));
                continue;
            }
            let Some((words, rest)) = record(bytes) else {
                let message = format!("{} bytes by port {port}", bytes.len());
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            };
            if port == CPU_PORT {
                each(Output::Record(words, rest));
            } else if self.completed < words[1] && words[1] <= self.sequence {
                self.fences -= 1;
            }
        }
        Ok(())
    }
}

/// What is given to the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A frame that came in on a port.
    Frame(PortId),
    /// A frame with an inject record.
    Record(Words),
}

/// The words before a record's bytes.
fn record(bytes: &[u8]) -> Option<(Words, &[u8])> {
    let (words, rest) = bytes.split_at_checked(size_of::<Words>())?;
    let (words, _) = words.as_chunks::<8>();
    let words = [words[0], words[1], words[2]].map(u64::from_le_bytes);
    Some((words, rest))
}
