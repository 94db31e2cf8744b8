//! Data path availability (L-MON-05): once per second the card traces one synthetic packet for each
//! load-balancing rule that is open, as a client of its frontend would send it, and tells where it
//! would go.
//!
//! Packets for a public frontend come from the platform's address by the uplink, those for an
//! internal one from an instance's own address by its vport, another instance each second. The
//! source port is another each second, so that in time every member is selected. A rule for every
//! port (HA ports) is asked for TCP and UDP in turn, on a port that is no other rule's. Where the hash
//! leaves ports out, a public frontend's packets all go to one member.

use std::net::IpAddr;

use firmware_api::entry::flow::FlowKey;
use firmware_api::entry::frontend::FrontendAction;
use firmware_api::entry::port::PortKind;
use firmware_api::entry::rule::RuleId;
use firmware_api::inject::Inject;
use firmware_api::packet::parse_headers;
use firmware_api::punt::Punt;
use firmware_api::trace::Verdict;
use firmware_api::{Memory, PortId, Protocol, UPLINK_PORT, Zone};
use flow_compiler::ir::{LoadBalancerIndex, PLATFORM_V4, PLATFORM_V6};
use flow_compiler::names::RuleRef;

use super::{Active, Engine};
use crate::apply::InForce;
use crate::conn::{Endpoint, Origin};
use crate::emit::ip::Addresses;
use crate::emit::opening::Opening;
use crate::table::Tables;

/// The most traces of one step, so that real packets do not wait for them.
const BURST: usize = 64;

/// The traces of one second.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// What is traced, by ascending rule.
    targets: Vec<Target>,
    /// Vports and their instances' addresses, IPv4 and IPv6: who sends to internal frontends.
    senders: [Vec<(PortId, IpAddr)>; 2],
    /// Counts the seconds; what comes back from an earlier one is late.
    round: u16,
    /// Driver time at which it began.
    begun_at: u64,
    /// The targets before it were traced in this round.
    next: usize,
}

/// A load-balancing rule with its frontend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) rule: RuleId,
    pub(super) balancer: LoadBalancerIndex,
    zone: Zone,
    /// The frontend; for HA ports a port that no other rule of the frontend has.
    frontend: Endpoint,
    protocols: &'static [Protocol],
    answer: Answer,
}

/// What is known of a target's packet of this round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Due,
    Awaited,
    Delivered,
    Undelivered,
}

/// A synthetic packet: by which port it comes in, and what it is.
#[derive(Clone, Copy, Debug)]
struct Synthetic {
    port: PortId,
    protocol: Protocol,
    source: Endpoint,
    destination: Endpoint,
}

/// Where a packet should go, translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Delivery {
    egress: PortId,
    source: Endpoint,
    destination: Endpoint,
}

impl Traces {
    /// What is traced under a configuration that is in force. Rules that are the same keep what is
    /// known of this round.
    pub(super) fn follow(&mut self, in_force: &InForce, tables: &Tables, active: &Active) {
        let rules = in_force.lowered.names.rules.iter();
        let targets = rules.filter_map(|(id, name)| {
            let RuleRef::LoadBalancing(at, index) = name.rule else {
                return None;
            };
            let balancer = &in_force.ir.load_balancers[at.0];
            let rule = &balancer.rules[index];
            if !rule.is_open {
                return None;
            }
            let mut target = Target {
                rule: *id,
                balancer: at,
                zone: balancer.zone(),
                frontend: Endpoint::new(balancer.frontend(rule.frontend), rule.frontend_port),
                protocols: rule.transport.protocols(),
                answer: Answer::Due,
            };
            if rule.is_ha_ports() {
                target.frontend.port = target.free_port(tables);
            }
            Some(target)
        });
        let mut targets: Vec<Target> = targets.collect();
        for target in &mut targets {
            if let Some(before) = self.find(target.rule)
                && (before.zone, before.frontend) == (target.zone, target.frontend)
            {
                target.answer = before.answer;
            }
        }
        self.targets = targets;
        self.next = 0;
        let instances = in_force.ir.instances.iter();
        let senders = instances.filter(|instance| {
            let port = active.port(instance.vport);
            port.is_some_and(|port| matches!(port.kind, PortKind::Vport(_)))
        });
        let senders = senders.flat_map(|i| i.addresses.iter().map(|a| (i.vport, *a)));
        let (v4, v6) = senders.partition(|(_, address)| address.is_ipv4());
        self.senders = [v4, v6];
    }

    /// Every target.
    pub(super) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Ends a round and begins the next one.
    pub(super) fn begin(&mut self, now: u64) {
        self.round = self.round.wrapping_add(1);
        self.begun_at = now;
        self.next = 0;
        for target in &mut self.targets {
            target.answer = Answer::Due;
        }
    }

    fn find(&self, rule: RuleId) -> Option<&Target> {
        let at = self.targets.binary_search_by_key(&rule, |t| t.rule).ok()?;
        Some(&self.targets[at])
    }

    fn note(&mut self, rule: RuleId, answer: Answer) {
        if let Ok(at) = self.targets.binary_search_by_key(&rule, |t| t.rule) {
            self.targets[at].answer = answer;
        }
    }

    /// The next target that is not traced yet; it is then.
    fn take(&mut self) -> Option<Target> {
        let rest = self.targets.get_mut(self.next..)?;
        let due = rest.iter().position(|target| target.answer == Answer::Due);
        self.next += due.map_or(rest.len(), |due| due + 1);
        let target = &mut rest[due?];
        target.answer = Answer::Awaited;
        Some(*target)
    }

    /// The packet for a target in this round; `None` when nobody could send it.
    fn synthetic(&self, target: &Target) -> Option<Synthetic> {
        let round = usize::from(self.round);
        let is_v4 = target.frontend.address.is_ipv4();
        let (port, source) = if target.zone == Zone::UPLINK {
            let platform = if is_v4 {
                PLATFORM_V4.into()
            } else {
                PLATFORM_V6.into()
            };
            (UPLINK_PORT, platform)
        } else {
            let senders = &self.senders[usize::from(!is_v4)];
            senders[round.checked_rem(senders.len())?]
        };
        Some(Synthetic {
            port,
            protocol: target.protocols[round % target.protocols.len()],
            // 7919 has no factor in common with 60,000: all of them in turn.
            source: Endpoint::new(source, 1024 + (round * 7919 % 60_000) as u16),
            destination: target.frontend,
        })
    }

    const fn tag(&self, rule: RuleId) -> u32 {
        (self.round as u32) << 16 | rule as u32
    }
}

impl Target {
    /// Whether this round's packet would be delivered; `None` when none was traced.
    pub(super) fn is_delivered(&self) -> Option<bool> {
        match self.answer {
            Answer::Due => None,
            Answer::Delivered => Some(true),
            Answer::Awaited | Answer::Undelivered => Some(false),
        }
    }

    /// A port that leads to this rule for HA ports.
    fn free_port(&self, tables: &Tables) -> u16 {
        let leads_here = |port: &u16| {
            let to = Endpoint::new(self.frontend.address, *port);
            let mut protocols = self.protocols.iter();
            protocols.all(|protocol| {
                tables.frontend(self.zone, to, *protocol)
                    == Some(FrontendAction::Balance(self.rule))
            })
        };
        (1..=u16::MAX).rev().find(leads_here).unwrap_or(u16::MAX)
    }
}

impl<M: Memory> Engine<M> {
    /// Lets the card trace some of the packets of this round; returns how many.
    pub(super) fn send_traces(&mut self) -> usize {
        if !self.lookout.is_card_up {
            return 0;
        }
        let mut frame = std::mem::take(&mut self.scratch);
        let mut sent = 0;
        while sent < BURST
            && let Some(target) = self.lookout.traces.take()
        {
            let tag = self.lookout.traces.tag(target.rule);
            let synthetic = self.lookout.traces.synthetic(&target);
            let port = synthetic.filter(|packet| self.emit_synthetic(packet, &mut frame));
            if let Some(Synthetic { port, .. }) = port {
                // One that finds no room is lost.
                let _ = self.inject(Inject::Trace { port, tag }, &frame);
            }
            sent += 1;
        }
        self.scratch = frame;
        sent
    }

    fn emit_synthetic(&self, packet: &Synthetic, frame: &mut Vec<u8>) -> bool {
        let Synthetic {
            source,
            destination,
            ..
        } = packet;
        let ethernet = self.ethernet(packet.port, source.address);
        let addresses = Addresses::new(source.address, destination.address);
        let (Some(ethernet), Some(addresses)) = (ethernet, addresses) else {
            return false;
        };
        let opening = Opening {
            ethernet: ethernet.reversed(),
            addresses,
            source_port: source.port,
            destination_port: destination.port,
            protocol: packet.protocol,
        };
        opening.emit(frame);
        true
    }

    /// Takes what the card says of a traced packet.
    pub(crate) fn on_trace(&mut self, punt: &Punt, frame: &[u8]) {
        let rule = punt.flow_hash as RuleId;
        let Some(target) = self.lookout.traces.find(rule).copied() else {
            return;
        };
        if target.answer != Answer::Awaited || punt.flow_hash != self.lookout.traces.tag(rule) {
            return;
        }
        let answer = if self.would_be_delivered(&target, punt, frame) {
            Answer::Delivered
        } else {
            Answer::Undelivered
        };
        self.lookout.traces.note(rule, answer);
    }

    /// Whether the packet would leave to a backend that takes new flows, as the rule translates it.
    fn would_be_delivered(&self, target: &Target, punt: &Punt, frame: &[u8]) -> bool {
        let delivery = || {
            let Ok(Verdict::Leaves(egress)) = Verdict::decode(punt.flow?) else {
                return None;
            };
            let headers = parse_headers(frame, punt.length.into()).ok()?;
            Some(Delivery {
                egress,
                source: Endpoint::new(headers.source(frame), headers.source_port),
                destination: Endpoint::new(headers.destination(frame), headers.destination_port),
            })
        };
        let expected = || {
            let synthetic = self.lookout.traces.synthetic(target)?;
            match (punt.rule, punt.backend) {
                (Some(rule), Some(_)) if rule == target.rule => self.selected(&synthetic, punt),
                _ => self.known(target, &synthetic),
            }
        };
        delivery().is_some_and(|found| expected() == Some(found))
    }

    /// Where the backend that the card selected is, if it takes new flows, or did so when the
    /// packet was sent.
    fn selected(&self, packet: &Synthetic, punt: &Punt) -> Option<Delivery> {
        let (rule, backend) = (punt.rule?, punt.backend?);
        let changed_at = self.active.rule(rule)?.selection_changed_at;
        let has_changed = changed_at >= self.lookout.traces.begun_at;
        if !has_changed && !self.lookout.is_eligible(rule, backend) {
            return None;
        }
        let to = self.backend(backend)?;
        let port = if to.port == 0 {
            packet.destination.port
        } else {
            to.port
        };
        Some(Delivery {
            egress: to.egress,
            source: packet.source,
            destination: Endpoint::new(to.address, port),
        })
    }

    /// Where the flow goes that has the packet's addresses and ports by chance.
    fn known(&self, target: &Target, packet: &Synthetic) -> Option<Delivery> {
        let key = FlowKey {
            zone: target.zone,
            protocol: packet.protocol,
            source: packet.source.address,
            destination: packet.destination.address,
            source_port: packet.source.port,
            destination_port: packet.destination.port,
        };
        let (_, conn) = self.flow_at(key)?;
        let is_of_rule = matches!(conn.origin, Origin::Inbound { rule, .. } if rule == target.rule);
        is_of_rule.then_some(Delivery {
            egress: conn.responder_egress,
            source: packet.source,
            destination: conn.inside,
        })
    }
}
