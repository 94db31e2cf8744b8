//! The replay itself.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firmware_api::hash::HashKey;
use flow_compiler::source::Source;
use hw_sim::ports::MemoryPorts;
use hw_sim::{Card, SimMemory};

use super::capture::{Capture, CaptureError, Packet};
use super::clock::VirtualClock;
use super::error::ReplayError;
use super::ingress::{Senders, ingress};
use super::output::Output;
use super::progress::Progress;
use super::summary::{AccessCount, Findings, Summary};
use crate::control::{Answer, Question};
use crate::daemon::card::embedded;
use crate::daemon::{DeviceKind, RunError};
use crate::device::Shared;
use crate::engine::{Engine, Options};

/// A secret that is none, so that a replay is the same each time.
const HASH_KEY: HashKey = HashKey(0x6865_6164_6761_7465, 0x7265_706c_6179_6564);
/// How long card and driver live on after the last packet.
const AFTERMATH: Duration = Duration::from_secs(1);
/// Rounds of card and driver after which they should have come to rest.
const ROUNDS: u32 = 10_000;

/// What to replay.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration file.
    pub config: PathBuf,
    /// The capture.
    pub capture: PathBuf,
    /// Where frames that leave the card are written.
    pub output: Option<PathBuf>,
    /// Connections that the card holds; its default if none.
    pub flows: Option<u32>,
}

/// A replay, perhaps of a capture that ends early.
#[derive(Debug)]
pub struct Replayed {
    /// What happened.
    pub summary: Summary,
    /// Why it went no further.
    pub cut_short: Option<CaptureError>,
}

/// Replays a capture.
///
/// # Errors
/// When the configuration is refused, a file cannot be opened, or the output cannot be written. A
/// capture that is corrupt in the middle is replayed up to there.
pub fn replay(settings: &Settings) -> Result<Replayed, ReplayError> {
    let source = Source::load(&settings.config).map_err(|error| RunError::Unreadable {
        path: settings.config.clone(),
        error,
    })?;
    let mut bench = Bench::start(&source, settings)?;
    let (packets, senders) = bench.scan(&settings.capture)?;
    bench.assume_healthy(&senders);
    bench.settle()?;
    bench.summary.accesses.start = bench.take_accesses();
    let cut_short = bench.play(&settings.capture, packets)?;
    bench.pass(AFTERMATH)?;
    Ok(Replayed {
        summary: bench.finish()?,
        cut_short,
    })
}

/// Card, driver and what is around them.
struct Bench {
    card: Card,
    ports: MemoryPorts,
    engine: Engine<Shared<SimMemory>>,
    clock: VirtualClock,
    output: Option<Output>,
    counted: AccessCount,
    summary: Summary,
}

impl Bench {
    fn start(source: &Source, settings: &Settings) -> Result<Self, ReplayError> {
        let (mut card, device) = embedded(settings.flows)?;
        let mut ports = MemoryPorts::new(firmware_api::MAX_PORTS);
        let options = Options::new(DeviceKind::Sim.to_string(), HASH_KEY);
        let mut rounds = 0;
        let wait = || {
            card.poll(0, &mut ports);
            rounds += 1;
            rounds < ROUNDS
        };
        let engine = Engine::start(device, source, 0, options, wait).map_err(RunError::from)?;
        let output = settings.output.as_deref().map(Output::create).transpose()?;
        let summary = Summary {
            capture: settings.capture.clone(),
            output: settings.output.clone(),
            ..Summary::default()
        };
        let clock = VirtualClock::new(Duration::ZERO);
        let counted = AccessCount::default();
        Ok(Self {
            card,
            ports,
            engine,
            clock,
            output,
            counted,
            summary,
        })
    }

    /// Counts the packets of a capture and notes who sent them.
    fn scan(&mut self, path: &Path) -> Result<(u64, Senders), CaptureError> {
        let mut capture = Capture::open(path)?;
        let mut senders = Senders::default();
        let mut packets = 0;
        // What is wrong in the middle of the file shows again when it is played.
        while let Some(Ok(packet)) = capture.next_packet() {
            if packets == 0 {
                self.clock = VirtualClock::new(packet.at);
            }
            packets += 1;
            senders.see(&packet.frame, |mac| self.engine.vport_of_mac(mac));
        }
        Ok((packets, senders))
    }

    /// Members whose instance sends in the capture are up; no other is asked.
    fn assume_healthy(&mut self, senders: &Senders) {
        let in_force = self.engine.in_force.as_ref();
        let instances = in_force.iter().flat_map(|in_force| &in_force.ir.instances);
        let alive: BTreeSet<IpAddr> = instances
            .filter(|instance| senders.have(instance.vport))
            .flat_map(|instance| instance.addresses.clone())
            .collect();
        self.engine
            .assume_healthy(|address| alive.contains(&address));
        self.engine.take_probe_changes();
    }

    fn play(&mut self, path: &Path, packets: u64) -> Result<Option<CaptureError>, ReplayError> {
        let mut capture = Capture::open(path)?;
        let progress = Progress::new(packets);
        while let Some(next) = capture.next_packet() {
            match next {
                Ok(packet) => self.play_packet(&packet)?,
                Err(error) => return Ok(Some(error)),
            }
            progress.at(self.summary.packets.replayed);
        }
        Ok(None)
    }

    fn play_packet(&mut self, packet: &Packet<'_>) -> Result<(), ReplayError> {
        self.pass_to(packet.at)?;
        let port = ingress(&packet.frame, |mac| self.engine.vport_of_mac(mac));
        self.ports.send(port, &packet.frame);
        self.summary.packets.replayed += 1;
        self.summary.packets.cut += u64::from(packet.is_cut);
        self.settle()?;
        let accesses = self.take_accesses();
        self.summary.accesses.packets += accesses;
        Ok(())
    }

    fn pass_to(&mut self, at: Duration) -> Result<(), ReplayError> {
        let by = self.clock.until(at);
        self.pass(by)
    }

    /// Lets time pass.
    fn pass(&mut self, by: Duration) -> Result<(), ReplayError> {
        let end = self.clock.now() + by;
        while self.clock.step(end) {
            self.settle()?;
        }
        let accesses = self.take_accesses();
        self.summary.accesses.time += accesses;
        Ok(())
    }

    /// Lets card and driver work until neither has anything to do, then collects what left.
    fn settle(&mut self) -> Result<(), ReplayError> {
        let now = self.clock.millis();
        let mut rounds = 0;
        loop {
            let card = self.card.poll(now, &mut self.ports);
            let driver = self.engine.step(now);
            if card.is_idle() && driver.is_idle() {
                break;
            }
            rounds += 1;
            if rounds == ROUNDS {
                return Err(ReplayError::Restless(self.summary.packets.replayed));
            }
        }
        self.collect()
    }

    fn collect(&mut self) -> Result<(), ReplayError> {
        let at = self.clock.timestamp();
        let (output, left) = (&mut self.output, &mut self.summary.packets.left);
        let mut written = Ok(());
        self.ports.drain(|_, frame| {
            *left += 1;
            if let (Some(output), Ok(())) = (output.as_mut(), &written) {
                written = output.write(at, frame);
            }
        });
        written
    }

    /// Accesses since the last time.
    fn take_accesses(&mut self) -> AccessCount {
        let now = AccessCount::from(self.engine.accesses());
        let since = now - self.counted;
        self.counted = now;
        since
    }

    fn finish(mut self) -> Result<Summary, ReplayError> {
        let findings = self.ask();
        self.engine.stop();
        self.summary.span = self.clock.millis() - AFTERMATH.as_millis() as u64;
        self.summary.conclude(findings);
        self.output.map_or(Ok(()), Output::finish)?;
        Ok(self.summary)
    }

    fn ask(&mut self) -> Findings {
        let mut findings = Findings::default();
        for question in [
            Question::Status,
            Question::Counters,
            Question::Rules,
            Question::Backends,
            Question::Snat,
        ] {
            match self.engine.answer(&question) {
                Answer::Status(status) => findings.status = *status,
                Answer::Counters(counters) => findings.counters = counters,
                Answer::Rules(rules) => findings.rules = rules,
                Answer::Backends(backends) => findings.backends = backends,
                Answer::Snat(snat) => findings.snat = snat,
                other => unreachable!("not asked for: {other:?}"),
            }
        }
        findings
    }
}
