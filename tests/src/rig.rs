//! A card and its driver in one process and in virtual time: packets in, packets out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use firmware_api::hash::HashKey;
use firmware_api::{Memory, PortId};
use flow_compiler::source::Source;
use host_driver::control::view::Applied;
use host_driver::device::{Device, Shared};
use host_driver::engine::{Engine, Options};
use hw_sim::ports::MemoryPorts;
use hw_sim::{Bars, Card, CardConfig, SimMemory};

use crate::frame::{self, Segment};

/// The memory that card and driver share.
pub type RigMemory = Shared<SimMemory>;

/// A card, its driver, and the ends of its ports.
pub struct Rig {
    /// The card.
    pub card: Card,
    /// The driver.
    pub engine: Engine<RigMemory>,
    /// Its ports' other ends.
    pub ports: MemoryPorts,
    /// Virtual time, milliseconds.
    pub now: u64,
}

/// A frame that left the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// By this port.
    pub port: PortId,
    /// As these bytes.
    pub frame: Vec<u8>,
}

impl Sent {
    /// The frame, parsed.
    ///
    /// # Panics
    /// When the card sent what its own parser refuses.
    pub fn segment(&self) -> Segment {
        frame::read(&self.frame).expect("the card sends sound packets")
    }
}

/// A small card: enough for tests, quick to make.
pub fn small_card() -> CardConfig {
    CardConfig {
        flows: 4096,
        ring_memory: 16 << 20,
        ..CardConfig::default()
    }
}

/// The device over a card's memory, as a driver in the same process opens it.
pub fn open(bars: &Bars) -> Device<RigMemory> {
    let share = |memory: &Arc<SimMemory>| Shared(Arc::clone(memory));
    Device::open(share(&bars.bar0), share(&bars.bar2), share(&bars.rings)).expect("our own card")
}

impl Rig {
    /// A running system with that configuration, every member healthy.
    ///
    /// # Panics
    /// When the configuration is refused.
    pub fn new(configuration: &str) -> Self {
        Self::with_card(configuration, &small_card())
    }

    /// As [`Rig::new`], on a card of that size.
    ///
    /// # Panics
    /// When the configuration is refused.
    pub fn with_card(configuration: &str, config: &CardConfig) -> Self {
        let bars = Bars::anonymous(config).expect("memory");
        let mut card = Card::new(bars, config).expect("a sound card");
        let device = open(card.bars());
        let mut ports = MemoryPorts::new(config.ports);
        let source = Source::new("test.yaml", configuration);
        let options = Options::new("sim", HashKey(1, 2));
        let mut engine = Engine::start(device, &source, 0, options, || {
            card.poll(0, &mut ports);
            true
        })
        .unwrap_or_else(|error| panic!("{error}"));
        engine.assume_healthy(|_| true);
        let mut rig = Self {
            card,
            engine,
            ports,
            now: 0,
        };
        rig.settle();
        rig.ports.take();
        rig
    }

    /// Lets card and driver work until neither has anything to do.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            let card = self.card.poll(self.now, &mut self.ports);
            let driver = self.engine.step(self.now);
            if card.is_idle() && driver.is_idle() {
                return;
            }
        }
        panic!("card and driver never come to rest");
    }

    /// Puts a frame into a port and returns what leaves because of it.
    pub fn send(&mut self, port: PortId, frame: &[u8]) -> Vec<Sent> {
        self.ports.send(port, frame);
        self.settle();
        self.take()
    }

    /// Sends a segment with the port's peer as its Ethernet source.
    pub fn segment(&mut self, port: PortId, segment: &Segment) -> Vec<Sent> {
        let frame = segment.emit(self.peer_mac(port), self.own_mac(port));
        self.send(port, &frame)
    }

    /// What left since the last call.
    pub fn take(&mut self) -> Vec<Sent> {
        self.ports
            .take()
            .into_iter()
            .map(|(port, frame)| Sent { port, frame })
            .collect()
    }

    /// Lets time pass in steps of a tenth of a second.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.now < end {
            self.now = (self.now + 100).min(end);
            self.settle();
        }
    }

    /// Applies another configuration.
    pub fn apply(&mut self, configuration: &str) -> Applied {
        let applied = self.engine.apply(&Source::new("test.yaml", configuration));
        self.engine.assume_healthy(|_| true);
        self.settle();
        applied
    }

    /// The Ethernet address that the card has on a port.
    ///
    /// # Panics
    /// When the port is not configured.
    pub fn own_mac(&self, port: PortId) -> [u8; 6] {
        self.engine.port(port).expect("a configured port").own_mac
    }

    /// The Ethernet address that the other end of a port has.
    ///
    /// # Panics
    /// When the port is not configured.
    pub fn peer_mac(&self, port: PortId) -> [u8; 6] {
        self.engine
            .port(port)
            .expect("a configured port")
            .peer_mac_v4
    }

    /// Reads a register array's or register's 64-bit element.
    pub fn register(&self, at: u64) -> u64 {
        self.card.bars().bar0.load64(at)
    }
}

/// An address and port from their usual text.
///
/// # Panics
/// When it is none.
pub fn end(text: &str) -> (IpAddr, u16) {
    let socket: SocketAddr = text
        .parse()
        .unwrap_or_else(|_| panic!("{text}: not address:port"));
    (socket.ip(), socket.port())
}
