//! The health of everything that is probed, across reconfigurations.
//!
//! A target is a probe and an address. It keeps its state when a new configuration has it again
//! with the same specification; with another one it starts from what it was.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};

use flow_compiler::ir::{Flap, Ir, Probe, ProbeProtocol, ProbeTarget};

use crate::health::{
    self, Health, HoldDown, Outcome, PathError, Reason, RequestPath, Target, Transition,
};
use crate::probe::{TargetId, tls_available};

/// What identifies a target: load balancer, probe and address.
type TargetKey = (String, String, IpAddr);

/// Targets to add to and remove from the prober.
#[derive(Clone, Debug, Default)]
pub struct ProbeChanges {
    /// New targets: where and how they are asked.
    pub add: Vec<(TargetId, IpAddr, health::Probe)>,
    /// Targets that are no longer asked.
    pub remove: Vec<TargetId>,
}

/// All targets.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    targets: BTreeMap<TargetKey, Watched>,
    next_id: u32,
    changes: ProbeChanges,
    /// Changes of health that were not told yet.
    news: Vec<News>,
}

#[derive(Debug)]
struct Watched {
    id: TargetId,
    spec: health::Probe,
    state: Target,
    /// Taken for up without being asked (replay of a capture).
    assumed: bool,
}

fn key(ir: &Ir, target: &ProbeTarget) -> TargetKey {
    let balancer = &ir.load_balancers[target.load_balancer.0];
    (
        balancer.name.clone(),
        balancer.probes[target.probe.0].name.clone(),
        target.address,
    )
}

/// A change of health.
#[derive(Debug)]
pub(crate) struct News {
    /// Whose.
    pub(crate) subject: String,
    /// For people.
    pub(crate) message: String,
    /// What it is now.
    pub(crate) health: Health,
}

fn news((balancer, probe, address): &TargetKey, transition: Transition) -> News {
    let health = match transition.to {
        Health::Up => "up",
        Health::Down => "down",
    };
    let reason = transition.reason.name();
    News {
        subject: address.to_string(),
        message: format!("{health} by probe {balancer}/{probe}: {reason}"),
        health: transition.to,
    }
}

/// The probe as the prober takes it.
fn spec(probe: &Probe) -> Result<health::Probe, PathError> {
    let protocol = match &probe.protocol {
        ProbeProtocol::Tcp => health::Protocol::Tcp,
        ProbeProtocol::Http { path } | ProbeProtocol::GuestAgent { path } => {
            health::Protocol::Http(RequestPath::new(path)?)
        }
        ProbeProtocol::Https { path } => health::Protocol::Https(RequestPath::new(path)?),
    };
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let port = NonZeroU16::new(probe.port).unwrap_or(NonZeroU16::MIN);
    let interval = at_least_one(probe.interval_seconds);
    Ok(match probe.timeout_seconds {
        Some(timeout) => health::Probe::classic(protocol, port, interval, at_least_one(timeout)),
        None => health::Probe::new(protocol, port, interval, at_least_one(probe.threshold)),
    })
}

fn hold_down(flap: Flap) -> HoldDown {
    HoldDown {
        window_ms: u64::from(flap.window_seconds) * 1_000,
        max_doublings: flap.max_doublings,
    }
}

impl Watch {
    /// The probes of a configuration that this driver cannot ask, ready to print.
    pub(crate) fn unsupported(ir: &Ir) -> Vec<String> {
        let probes = ir.load_balancers.iter().flat_map(|balancer| {
            balancer
                .probes
                .iter()
                .map(move |probe| (&balancer.name, probe))
        });
        probes
            .filter_map(|(balancer, probe)| {
                let place = format!("probe {balancer}/{}", probe.name);
                match (&probe.protocol, spec(probe)) {
                    (_, Err(error)) => Some(format!("{place}: {error}")),
                    (ProbeProtocol::Https { .. }, Ok(_)) => {
                        let unavailable = tls_available().err()?;
                        Some(format!("{place}: {unavailable}"))
                    }
                    (_, Ok(_)) => None,
                }
            })
            .collect()
    }

    /// Takes the targets of a new configuration.
    pub(crate) fn follow(&mut self, now: u64, ir: &Ir) {
        let hold_down = hold_down(ir.settings.flap);
        let mut old = std::mem::take(&mut self.targets);
        for target in ir.probe_targets() {
            let probe = &ir.load_balancers[target.load_balancer.0].probes[target.probe.0];
            let Ok(spec) = spec(probe) else { continue };
            let key = key(ir, &target);
            let watched = match old.remove(&key) {
                Some(mut same) if same.spec == spec => {
                    same.state.set_hold_down(hold_down);
                    same
                }
                former => self.begin(now, target.address, (spec, hold_down), former),
            };
            self.targets.insert(key, watched);
        }
        self.changes
            .remove
            .extend(old.into_values().map(|watched| watched.id));
    }

    fn begin(
        &mut self,
        now: u64,
        address: IpAddr,
        (spec, hold_down): (health::Probe, HoldDown),
        former: Option<Watched>,
    ) -> Watched {
        let up = former
            .as_ref()
            .is_some_and(|f| f.state.health() == Health::Up);
        let assumed = former.as_ref().is_some_and(|f| f.assumed);
        self.changes.remove.extend(former.map(|f| f.id));
        let id = TargetId(self.next_id);
        self.next_id += 1;
        self.changes.add.push((id, address, spec.clone()));
        let state = if up {
            Target::adopt_up(now, &spec, hold_down)
        } else {
            Target::new(&spec, hold_down)
        };
        Watched {
            id,
            spec,
            state,
            assumed,
        }
    }

    /// Takes an answer; true when somebody's health changed.
    pub(crate) fn observe(&mut self, id: TargetId, at: u64, outcome: Outcome) -> bool {
        let found = self
            .targets
            .iter_mut()
            .find(|(_, watched)| watched.id == id);
        let Some((key, watched)) = found else {
            return false;
        };
        let Some(transition) = watched.state.observe(at, outcome) else {
            return false;
        };
        self.news.push(news(key, transition));
        true
    }

    /// Lets time pass; true when somebody's health changed.
    pub(crate) fn tick(&mut self, now: u64) -> bool {
        let mut changed = false;
        for (key, watched) in &mut self.targets {
            let deadline = watched.state.deadline();
            if deadline.is_some_and(|deadline| deadline <= now)
                && let Some(transition) = watched.state.tick(now)
            {
                self.news.push(news(key, transition));
                changed = true;
            }
        }
        changed
    }

    /// Takes members for up or down by their addresses instead of asking them.
    pub(crate) fn assume(&mut self, is_alive: impl Fn(IpAddr) -> bool) {
        for ((_, _, address), watched) in &mut self.targets {
            watched.assumed = is_alive(*address);
        }
    }

    /// Whether the probe finds the target up.
    pub(crate) fn is_up(&self, ir: &Ir, target: &ProbeTarget) -> bool {
        self.find(ir, target)
            .is_some_and(|w| w.assumed || w.state.health() == Health::Up)
    }

    /// What is known of a target.
    pub(crate) fn health(&self, ir: &Ir, target: &ProbeTarget) -> (Health, Option<Reason>) {
        match self.find(ir, target) {
            Some(watched) if watched.assumed => (Health::Up, Some(Reason::UpProbeSuccess)),
            Some(watched) => (watched.state.health(), watched.state.reason()),
            None => (Health::Down, None),
        }
    }

    /// Changes of health since the last call.
    pub(crate) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// What the prober has to be told since the last call.
    pub(crate) fn take_changes(&mut self) -> ProbeChanges {
        std::mem::take(&mut self.changes)
    }

    fn find(&self, ir: &Ir, target: &ProbeTarget) -> Option<&Watched> {
        self.targets.get(&key(ir, target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_compiler::ir::NoHealthyBackends;

    fn configured(protocol: ProbeProtocol, timeout_seconds: Option<u32>) -> health::Probe {
        let probe = Probe {
            name: "alive".to_owned(),
            protocol,
            port: 8000,
            interval_seconds: 15,
            threshold: 3,
            timeout_seconds,
            no_healthy_backends: NoHealthyBackends::AllProbedDown,
        };
        spec(&probe).expect("a path")
    }

    fn path() -> String {
        "/x".to_owned()
    }

    #[test]
    fn csd_02_14_l_prb_22_a_38_the_timeout_makes_it_classic() {
        let agent = configured(ProbeProtocol::GuestAgent { path: path() }, Some(31));
        let path = RequestPath::new("/x").expect("a path");
        assert_eq!(*agent.protocol(), health::Protocol::Http(path));
        assert_eq!((agent.port(), agent.interval_ms()), (8000, 15_000));
        assert_eq!(
            (agent.timeout_ms(), agent.silence_ms()),
            (15_000, Some(31_000))
        );
        assert_eq!((agent.up_count(), agent.down_count()), (2, 2));
    }

    #[test]
    fn a_06_l_prb_05_the_resource_model_counts_alone() {
        let https = configured(ProbeProtocol::Https { path: path() }, None);
        assert!(matches!(https.protocol(), health::Protocol::Https(_)));
        assert_eq!((https.timeout_ms(), https.silence_ms()), (15_000, None));
        assert_eq!((https.up_count(), https.down_count()), (3, 3));
    }
}
