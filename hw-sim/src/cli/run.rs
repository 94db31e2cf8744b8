//! `hw-sim run`: a card in a directory, with interfaces or capture files on its ports.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use firmware_api::{MAX_PORTS, PortId};
use hw_sim::bars::BarsError;
use hw_sim::clock::Clock;
use hw_sim::ports::{PacketSockets, PcapPorts};
use hw_sim::{Bars, Batch, Card, CardConfig, Ports};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::Failure;

/// Rounds without work before the card sleeps until a frame comes.
const SPIN: u32 = 32;
/// How long it sleeps at most: the host's registers and rings wake nobody.
const SLEEP: Duration = Duration::from_millis(1);

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Directory for the card's memory: files bar0, bar2 and rings; /dev/shm/NAME is fastest.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// How many ports the card has; port 0 is the uplink.
    #[arg(long, value_name = "N", default_value_t = CardConfig::default().ports)]
    ports: u16,
    /// How many connections fit, per IP version.
    #[arg(long, value_name = "N", default_value_t = CardConfig::default().flows)]
    flows: u32,
    /// Ways of a hash bucket.
    #[arg(long, value_name = "N", default_value_t = CardConfig::default().ways)]
    ways: u8,
    /// Bytes of memory for rings and harvest buffers.
    #[arg(long, value_name = "BYTES", default_value_t = CardConfig::default().ring_memory)]
    ring_memory: u64,
    /// Attach a network interface to a port; may be repeated.
    #[arg(long = "port", value_name = "N=INTERFACE")]
    interfaces: Vec<Attachment>,
    /// Frames of a capture file come in on a port; may be repeated.
    #[arg(long, value_name = "N=FILE")]
    pcap_in: Vec<Attachment>,
    /// Frames that leave by a port go into a capture file; may be repeated.
    #[arg(long, value_name = "N=FILE")]
    pcap_out: Vec<Attachment>,
    /// The card's clock runs N times faster than the wall's; give the driver the same.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    time_scale: u32,
}

/// Something attached to a port: `N=NAME`.
#[derive(Clone, Debug)]
struct Attachment {
    port: PortId,
    name: String,
}

impl FromStr for Attachment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (port, name) = text
            .split_once('=')
            .filter(|(_, name)| !name.is_empty())
            .ok_or("expected PORT=NAME, for example 0=veth0")?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port < MAX_PORTS)
            .ok_or_else(|| format!("'{port}' is not a port number"))?;
        let name = name.to_owned();
        Ok(Self { port, name })
    }
}

impl Run {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = CardConfig {
            ports: self.ports,
            flows: self.flows,
            ways: self.ways,
            ring_memory: self.ring_memory,
            ..CardConfig::default()
        };
        let mut wires = self.wires()?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        let bars = Bars::create_dir(&self.dir, &config).map_err(|error| match error {
            BarsError::Config(_) => Failure::Input(error.to_string()),
            _ => Failure::Device(error.to_string()),
        })?;
        let mut card =
            Card::new(bars, &config).map_err(|error| Failure::Input(error.to_string()))?;
        tracing::info!(dir = %self.dir.display(), ports = self.ports, flows = self.flows, "card is up");
        let clock = Clock::new(self.time_scale);
        let mut idle = 0;
        while !stop.load(Ordering::Relaxed) {
            let now = clock.now_ms();
            wires.captures.set_time(Duration::from_millis(now));
            if card.poll(now, &mut wires).is_idle() {
                idle += 1;
            } else {
                idle = 0;
            }
            if idle > SPIN && card.is_enabled() {
                wires.sockets.wait(SLEEP);
            } else if idle > SPIN {
                // Frames that nobody takes would end every wait at once.
                std::thread::sleep(SLEEP);
            }
            if let Some(error) = wires.captures.take_error() {
                return Err(Failure::Device(format!("capture file: {error}")));
            }
        }
        tracing::info!(frames = card.counters().rx, "card is down");
        Ok(())
    }

    fn wires(&self) -> Result<Wires, Failure> {
        let mut wires = Wires::default();
        let all = [&self.interfaces, &self.pcap_in, &self.pcap_out];
        if let Some(beyond) = all.into_iter().flatten().find(|a| a.port >= self.ports) {
            let Attachment { port, name } = beyond;
            let message = format!("{port}={name}: the card has ports 0 to {}", self.ports - 1);
            return Err(Failure::Input(message));
        }
        for Attachment { port, name } in &self.interfaces {
            wires
                .sockets
                .attach(*port, name)
                .map_err(|error| Failure::Device(format!("interface {name}: {error}")))?;
        }
        let in_file = |name: &str| {
            let name = name.to_owned();
            move |error| Failure::Input(format!("{name}: {error}"))
        };
        for Attachment { port, name } in &self.pcap_in {
            let opened = wires.captures.read(*port, name.as_ref());
            opened.map_err(in_file(name))?;
        }
        for Attachment { port, name } in &self.pcap_out {
            let opened = wires.captures.write(*port, name.as_ref());
            opened.map_err(in_file(name))?;
        }
        Ok(wires)
    }
}

/// Interfaces and captures side by side: a port may have both.
#[derive(Default)]
struct Wires {
    sockets: PacketSockets,
    captures: PcapPorts,
}

impl Ports for Wires {
    fn receive(&mut self, port: PortId, batch: &mut Batch) {
        self.sockets.receive(port, batch);
        self.captures.receive(port, batch);
    }

    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool {
        let captured = self.captures.transmit(port, frame);
        self.sockets.transmit(port, frame) || captured
    }
}
