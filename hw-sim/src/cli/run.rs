//! `hw-sim run`: a card in a directory, with interfaces or capture files on its ports.

use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use firmware_api::{MAX_PORTS, PortId};
use hw_sim::bars::BarsError;
use hw_sim::bmv2::{Attach, Bmv2Error, Start, Switch};
use hw_sim::clock::Clock;
use hw_sim::ports::{PacketSockets, PcapPorts};
use hw_sim::{Bars, Batch, Bmv2, Card, CardConfig, Engine, Ports};
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
    /// What forwards the packets.
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = EngineKind::Native)]
    engine: EngineKind,
    /// How many connections fit, per IP version [default: 65536; with bmv2, what the program has].
    #[arg(long, value_name = "N")]
    flows: Option<u32>,
    /// Ways of a hash bucket [default: 4].
    #[arg(long, value_name = "N")]
    ways: Option<u8>,
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
    #[command(flatten)]
    bmv2: Bmv2Options,
}

/// What forwards the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineKind {
    /// The pipeline of hw-sim itself.
    Native,
    /// BMv2's `simple_switch`, which runs the P4 program and is started and supervised.
    Bmv2,
}

/// About the switch of `--engine bmv2`.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --engine bmv2")]
struct Bmv2Options {
    /// A compiled program (BMv2 JSON) instead of the one built in.
    #[arg(long, value_name = "FILE", conflicts_with = "attach")]
    p4: Option<PathBuf>,
    /// The executable of the switch.
    #[arg(
        long,
        value_name = "PATH",
        default_value = "simple_switch",
        conflicts_with = "attach"
    )]
    switch: PathBuf,
    /// TCP port of the switch's runtime interface, on which it listens on every address [default:
    /// any that is free].
    #[arg(long, value_name = "PORT", conflicts_with = "attach", value_parser = clap::value_parser!(u16).range(1..))]
    thrift_port: Option<u16>,
    /// Use a switch that runs already, by its runtime interface: its entries, registers and
    /// counters are cleared, and it goes on when the card ends.
    #[arg(long, value_name = "HOST:PORT", requires = "attach_socket")]
    attach: Option<String>,
    /// The socket of that switch's `--packet-in ipc://SOCKET`.
    #[arg(long, value_name = "SOCKET", requires = "attach")]
    attach_socket: Option<PathBuf>,
}

impl Bmv2Options {
    fn source(&self) -> Result<Switch, Failure> {
        let (Some(address), Some(packets)) = (&self.attach, &self.attach_socket) else {
            return Ok(Switch::Start(Start {
                switch: self.switch.clone(),
                program: self.p4.clone(),
                thrift_port: self.thrift_port,
            }));
        };
        let mut addresses = address
            .to_socket_addrs()
            .map_err(|error| Failure::Input(format!("--attach {address}: {error}")))?;
        let runtime = addresses
            .next()
            .ok_or_else(|| Failure::Input(format!("--attach {address}: no such host")))?;
        let packets = packets.clone();
        Ok(Switch::Attach(Attach { runtime, packets }))
    }

    /// The first option that only a switch uses.
    fn first_given(&self) -> Option<&'static str> {
        [
            ("--p4", self.p4.is_some()),
            ("--switch", self.switch != Start::default().switch),
            ("--thrift-port", self.thrift_port.is_some()),
            ("--attach", self.attach.is_some()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }
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
        let config = self.config()?;
        let mut wires = self.wires()?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        let bars = || {
            Bars::create_dir(&self.dir, &config).map_err(|error| match error {
                BarsError::Config(_) => Failure::Input(error.to_string()),
                _ => Failure::Device(error.to_string()),
            })
        };
        match self.engine {
            EngineKind::Native => {
                let card = Card::new(bars()?, &config)
                    .map_err(|error| Failure::Input(error.to_string()))?;
                self.serve(card, &mut wires, &stop)
            }
            EngineKind::Bmv2 => {
                let source = self.bmv2.source()?;
                let bars = bars()?;
                let engine = Bmv2::new(&config, source).map_err(|error| match error {
                    Bmv2Error::Config(_) | Bmv2Error::Size { .. } => {
                        Failure::Input(error.to_string())
                    }
                    _ => Failure::Device(error.to_string()),
                })?;
                tracing::info!(process = engine.process_id(), "the switch is up");
                self.serve(Card::with_engine(bars, engine), &mut wires, &stop)
            }
        }
    }

    /// The card's sizes; those of a card with bmv2 are the program's.
    fn config(&self) -> Result<CardConfig, Failure> {
        let base = match self.engine {
            EngineKind::Native => CardConfig::default(),
            EngineKind::Bmv2 => CardConfig::bmv2(),
        };
        if let (EngineKind::Native, Some(option)) = (self.engine, self.bmv2.first_given()) {
            let message = format!("{option} is for a switch; add --engine bmv2");
            return Err(Failure::Input(message));
        }
        let config = CardConfig {
            ports: self.ports,
            flows: self.flows.unwrap_or(base.flows),
            ways: self.ways.unwrap_or(base.ways),
            ring_memory: self.ring_memory,
            ..base
        };
        if self.engine == EngineKind::Bmv2 && (config.flows, config.ways) != (base.flows, base.ways)
        {
            let message = format!(
                "with --engine bmv2 the sizes are the P4 program's: {} flows and {} ways; \
                 leave out --flows and --ways",
                base.flows, base.ways
            );
            return Err(Failure::Input(message));
        }
        Ok(config)
    }

    /// Runs the card until it is told to stop.
    fn serve<E: Engine>(
        &self,
        mut card: Card<E>,
        wires: &mut Wires,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let (dir, ports) = (self.dir.display(), self.ports);
        let flows = card.engine().layout().flows;
        tracing::info!(%dir, ports, flows, "card is up");
        let clock = Clock::new(self.time_scale);
        let mut idle = 0;
        while !stop.load(Ordering::Relaxed) {
            let now = clock.now_ms();
            wires.captures.set_time(Duration::from_millis(now));
            if card.poll(now, wires).is_idle() {
                idle += 1;
            } else {
                idle = 0;
            }
            if idle > SPIN && card.is_forwarding() {
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
