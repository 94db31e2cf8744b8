//! A stand-in for the engine with the signatures that the daemon is written against. It answers
//! every question with an empty document and moves no packets.

use std::net::IpAddr;

use firmware_api::hash::HashKey;
use firmware_api::{Memory, PortId};
use flow_compiler::diagnostic::to_text;
use flow_compiler::ir::Ir;
use flow_compiler::source::Source;

use crate::control::question::Senseless;
use crate::control::view::{Applied, Counters, Explanation, Flows, Status};
use crate::control::{Answer, Question};
use crate::device::{Device, DeviceAccesses, DeviceError};
use crate::health::Probe;
use crate::probe::{Report, TargetId};

/// What a start depends on beside the configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// Secret of the flow hash.
    pub hash_key: HashKey,
    /// The device as the user named it.
    pub device: String,
}

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Diagnostics, ready to print.
    #[error("{0}")]
    Configuration(String),
    /// The card.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work;

impl Work {
    /// Whether there was nothing to do.
    pub fn is_idle(self) -> bool {
        true
    }
}

/// Targets that the prober should start and stop asking.
#[derive(Debug, Default)]
pub struct ProbeChanges {
    /// New ones.
    pub add: Vec<(TargetId, IpAddr, Probe)>,
    /// Gone ones.
    pub remove: Vec<TargetId>,
}

/// The driver's core.
#[derive(Debug)]
pub struct Engine<M: Memory> {
    device: Device<M>,
    ir: Ir,
    name: String,
    now: u64,
}

impl<M: Memory> Engine<M> {
    /// Compiles the configuration, then brings up the card with it.
    pub fn start(
        device: Device<M>,
        source: Source,
        now: u64,
        options: Options,
        wait: impl FnMut() -> bool,
    ) -> Result<Self, StartError> {
        let mut device = device;
        let ir = compiled(&source).map_err(StartError::Configuration)?;
        device.reset(wait)?;
        device.set_hash_key(options.hash_key);
        device.heartbeat()?;
        Ok(Self {
            device,
            ir,
            name: source.name,
            now,
        })
    }

    /// Does what is due.
    pub fn step(&mut self, now: u64) -> Work {
        self.now = now;
        Work
    }

    /// Answers a question.
    pub fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Status => {
                let mut status = Status {
                    uptime: self.now,
                    ..Status::default()
                };
                status.configuration.file.clone_from(&self.name);
                Answer::Status(Box::new(status))
            }
            Question::Rules => Answer::Rules(Vec::new()),
            Question::Backends => Answer::Backends(Vec::new()),
            Question::Flows { .. } => Answer::Flows(Flows::default()),
            Question::Snat => Answer::Snat(Vec::new()),
            Question::Counters => Answer::Counters(Counters::default()),
            Question::Explain { packet, .. } if packet.is_empty() => Answer::Senseless(Senseless {
                error: "an empty packet".into(),
            }),
            Question::Explain { .. } => Answer::Explanation(Explanation::default()),
            Question::Apply { name, text } => {
                let outcome = compiled(&Source::new(name.clone(), text));
                let accepted = outcome.is_ok();
                let diagnostics = outcome.err().into_iter().collect();
                if accepted {
                    self.name = name;
                }
                Answer::Applied(Applied {
                    accepted,
                    diagnostics,
                    ..Applied::default()
                })
            }
        }
    }

    /// Targets to probe, since the last time.
    pub fn take_probe_changes(&mut self) -> ProbeChanges {
        ProbeChanges::default()
    }

    /// What a probe saw.
    pub fn observe(&mut self, _now: u64, _report: Report) {}

    /// Takes members for healthy by their addresses instead of asking them.
    pub fn assume_healthy(&mut self, _is_alive: impl Fn(IpAddr) -> bool) {}

    /// The vport of an instance's MAC.
    pub fn vport_of_mac(&self, mac: [u8; 6]) -> Option<PortId> {
        let of_mac = |instance: &&flow_compiler::ir::Instance| instance.mac.octets() == mac;
        self.ir
            .instances
            .iter()
            .find(of_mac)
            .map(|instance| instance.vport)
    }

    /// The addresses of the instance on a vport.
    pub fn addresses_of(&self, vport: PortId) -> Vec<IpAddr> {
        let on_vport = self
            .ir
            .instances
            .iter()
            .filter(|instance| instance.vport == vport);
        on_vport
            .flat_map(|instance| instance.addresses.clone())
            .collect()
    }

    /// How often each BAR was accessed.
    pub fn accesses(&self) -> DeviceAccesses {
        self.device.accesses()
    }

    /// Stops cleanly.
    pub fn stop(&mut self) {}
}

fn compiled(source: &Source) -> Result<Ir, String> {
    match flow_compiler::compile(source) {
        Ok(compiled) => Ok(compiled.ir),
        Err(rejected) => Err(to_text(&rejected.0, source)),
    }
}
