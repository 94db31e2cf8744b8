//! The engine's metrics as text.

use std::collections::BTreeMap;
use std::net::IpAddr;

use firmware_api::entry::rule::RuleId;
use firmware_api::{DropReason, Memory, Protocol, PuntReason};
use flow_compiler::names::RuleRef;

use super::Engine;
use super::answer::frontend_of;
use crate::apply::{InForce, MemberState};
use crate::event::Kind;
use crate::ledger::{Cell, Cells, Traffic};
use crate::metric::{Exposition, Family};
use crate::miss::Refusal;
use crate::snat;

/// The protocols of [`Cells`].
const PROTOCOLS: [&str; 2] = ["tcp", "udp"];

/// What says which rule and backend a sample is about.
struct Member {
    rule: String,
    frontend: String,
    frontend_port: String,
    backend: String,
}

impl Member {
    fn labels(&self) -> [(&'static str, &str); 4] {
        [
            ("frontend", &self.frontend),
            ("frontend_port", &self.frontend_port),
            ("rule", &self.rule),
            ("backend", &self.backend),
        ]
    }
}

/// Cells of members and of public addresses, with their labels. What can be counted is there before
/// anything was, so that its first increase shows.
struct Booked {
    members: Vec<Row>,
    addresses: Vec<Row>,
}

/// Cells, and which of them there are.
struct Row {
    member: Member,
    cells: Cells,
    protocols: [bool; 2],
}

impl Row {
    fn new(member: Member, cells: Cells, expected: [bool; 2]) -> Self {
        let is_there = |n: usize| expected[n] || cells[n] != Cell::default();
        Self {
            member,
            cells,
            protocols: [is_there(0), is_there(1)],
        }
    }
}

impl<M: Memory> Engine<M> {
    /// Every metric, in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        let mut out = Exposition::default();
        let booked = self.booked();
        self.write_rules(&mut out);
        self.write_backends(&mut out);
        write_traffic(&mut out, &booked);
        out.single(Family::UnreadFlows, self.ledger.unread());
        self.write_snat(&mut out, &booked);
        self.write_flows(&mut out);
        self.write_card(&mut out);
        self.write_tables(&mut out);
        self.write_rings(&mut out);
        self.write_driver(&mut out);
        out.into_text()
    }

    fn booked(&self) -> Booked {
        Booked {
            members: self.booked_members(),
            addresses: self.booked_addresses(),
        }
    }

    fn booked_members(&self) -> Vec<Row> {
        let Some(in_force) = &self.in_force else {
            return Vec::new();
        };
        let states = self.lookout.members.iter();
        let expected = states.filter_map(|s| Some(((s.rule, s.backend?), Cells::default())));
        let mut cells: BTreeMap<_, Cells> = expected.collect();
        cells.extend(self.ledger.members());
        let rows = cells.into_iter().filter_map(|((rule, backend), cells)| {
            let egress = self.backend(backend)?.egress;
            let member = member(in_force, rule, self.port_name(egress))?;
            let name = in_force.lowered.names.rules.get(&rule)?;
            let (_, _, transport) = frontend_of(in_force, name.rule);
            let of = transport.protocols();
            let expected = [Protocol::Tcp, Protocol::Udp].map(|protocol| of.contains(&protocol));
            Some(Row::new(member, cells, expected))
        });
        rows.collect()
    }

    fn booked_addresses(&self) -> Vec<Row> {
        let mut rows: BTreeMap<_, (Cells, [bool; 2])> = BTreeMap::new();
        for usage in self.snat.address_usages() {
            let (_, expected) = rows
                .entry((usage.instance.0 as u16, usage.address))
                .or_default();
            expected[usize::from(usage.protocol == snat::Protocol::Udp)] |= usage.allocated > 0;
        }
        for (key, cells) in self.ledger.addresses() {
            rows.entry(key).or_default().0 = cells;
        }
        let rows = rows
            .into_iter()
            .map(|((vport, address), (cells, expected))| {
                let member = Member {
                    rule: String::new(),
                    frontend: address.to_string(),
                    frontend_port: String::new(),
                    backend: self.port_name(vport),
                };
                Row::new(member, cells, expected)
            });
        rows.collect()
    }

    fn write_rules(&self, out: &mut Exposition) {
        let mut samples = out.family(Family::FrontendAvailability);
        let Some(in_force) = &self.in_force else {
            return;
        };
        for (rule, window) in &self.lookout.availability {
            let Some((member, ratio)) = member(in_force, *rule, String::new()).zip(window.ratio())
            else {
                continue;
            };
            samples.add(&member.labels(), ratio);
        }
    }

    fn write_backends(&self, out: &mut Exposition) {
        let states = self.member_labels();
        let mut samples = out.family(Family::BackendUp);
        for (labels, address, port, state) in &states {
            if let Some(is_up) = state.is_up() {
                let [a, b, c, d] = labels.labels();
                let labels = [
                    a,
                    b,
                    c,
                    d,
                    ("backend_address", address),
                    ("backend_port", port),
                ];
                samples.add(&labels, u8::from(is_up));
            }
        }
        let mut samples = out.family(Family::BackendEligible);
        for (labels, address, port, state) in &states {
            let [a, b, c, d] = labels.labels();
            let labels = [
                a,
                b,
                c,
                d,
                ("backend_address", address),
                ("backend_port", port),
            ];
            samples.add(&labels, u8::from(state.eligible));
        }
    }

    fn member_labels(&self) -> Vec<(Member, String, String, &MemberState)> {
        let Some(in_force) = &self.in_force else {
            return Vec::new();
        };
        let rows = self.lookout.members.iter().filter_map(|state| {
            let name = in_force.ir.instance(state.instance).name.clone();
            let labels = member(in_force, state.rule, name)?;
            let port = state.config.port.to_string();
            Some((labels, state.config.address.to_string(), port, state))
        });
        rows.collect()
    }

    fn write_snat(&self, out: &mut Exposition, booked: &Booked) {
        let mut samples = out.family(Family::SnatConnections);
        each_cell(&booked.addresses, |member, protocol, cell| {
            let labels = snat_labels(member, protocol, "successful");
            samples.add(&labels, cell.flows.total);
        });
        let mut usages: Vec<_> = self.snat.usages().collect();
        usages.sort_unstable_by_key(|(instance, protocol, _)| (*instance, *protocol));
        for (instance, protocol, usage) in &usages {
            let name = self.vport_name(*instance);
            let labels = [
                ("backend", name.as_str()),
                ("protocol", snat_protocol(*protocol)),
                ("state", "failed"),
            ];
            samples.add(&labels, usage.failed);
        }
        let misses = self.card_counters().punted(PuntReason::SnatMiss);
        let handled = self.punts_taken[PuntReason::SnatMiss as usize];
        out.single(
            Family::SnatConnectionsPending,
            misses.saturating_sub(handled),
        );
        let usages = self.snat.address_usages();
        for (family, used) in [
            (Family::SnatPortsAllocated, false),
            (Family::SnatPortsUsed, true),
        ] {
            let mut samples = out.family(family);
            for usage in &usages {
                let backend = self.vport_name(usage.instance);
                let frontend = usage.address.to_string();
                let labels = [
                    ("frontend", frontend.as_str()),
                    ("backend", backend.as_str()),
                    ("protocol", snat_protocol(usage.protocol)),
                ];
                samples.add(&labels, if used { usage.used } else { usage.allocated });
            }
        }
        let mut samples = out.family(Family::SnatFlows);
        each_cell(&booked.addresses, |member, protocol, cell| {
            samples.add(&snat_labels(member, protocol, ""), cell.flows.live);
        });
    }

    fn write_flows(&self, out: &mut Exposition) {
        let mut samples = out.family(Family::Flows);
        for (kind, state, count) in self.ledger.phases().iter() {
            samples.add(&[("kind", kind), ("state", state)], count);
        }
        let records = &self.flows.records;
        out.single(Family::FlowsCapacity, records.capacity());
        out.single(Family::FlowsHighWater, records.high_water());
        out.single(Family::FlowsInstalled, self.flows.installed);
    }

    fn write_card(&self, out: &mut Exposition) {
        let card = self.card_counters();
        let status = self.lookout.card.filter(|_| !self.is_gone());
        out.single(Family::CardUp, u8::from(self.lookout.is_card_up));
        let driverless = status.is_some_and(|status| status.driverless);
        out.single(Family::CardDriverless, u8::from(driverless));
        out.single(
            Family::CardError,
            status.map_or(0, |status| status.error & 0xff),
        );
        let age = self.now - self.housekeeping.last_heartbeat.min(self.now);
        out.single(Family::HeartbeatAge, seconds(age));
        out.single(Family::ReceivedPackets, card.received);
        out.single(Family::SentPackets, card.sent);
        out.single(Family::HeldPackets, card.held);
        out.single(Family::ReprocessedPackets, card.reprocessed);
        out.single(Family::InjectedPackets, card.injected);
        let mut samples = out.family(Family::DroppedPackets);
        for reason in DropReason::ALL {
            samples.add(&[("reason", reason.name())], self.dropped(*reason, &card));
        }
        let handled = |reason: PuntReason| self.punts_taken[reason as usize];
        let counts: [(Family, &dyn Fn(PuntReason) -> u64); 3] = [
            (Family::Punts, &|reason| card.punted(reason)),
            (Family::PuntsLost, &|reason| card.lost(reason)),
            (Family::PuntsHandled, &handled),
        ];
        for (family, count) in counts {
            let mut samples = out.family(family);
            for reason in PuntReason::ALL {
                samples.add(&[("reason", reason.name())], count(*reason));
            }
        }
        let mut samples = out.family(Family::Refusals);
        for cause in Refusal::ALL {
            samples.add(&[("cause", cause.name())], self.refusals.get(*cause));
        }
    }

    fn write_tables(&self, out: &mut Exposition) {
        let usages = self.tables.usage();
        for (family, value) in [
            (Family::TableEntries, usages.map(|u| u64::from(u.entries))),
            (Family::TableCapacity, usages.map(|u| u.capacity.into())),
            (Family::TableHighWater, usages.map(|u| u.high_water.into())),
            (Family::TableStash, usages.map(|u| u.stashed.into())),
            (
                Family::TableStashCapacity,
                usages.map(|u| u.stash_capacity.into()),
            ),
            (Family::TableDisplacements, usages.map(|u| u.displacements)),
            (Family::TableFailures, usages.map(|u| u.failures)),
        ] {
            let mut samples = out.family(family);
            for (usage, value) in usages.iter().zip(value) {
                samples.add(&[("table", usage.table.name())], value);
            }
        }
        out.single(Family::TableAudits, self.lookout.audit.read);
        out.single(Family::TableDrifts, self.lookout.audit.drifted);
    }

    fn write_rings(&self, out: &mut Exposition) {
        let fills = [
            ("punt", self.punts.fill(&self.device)),
            ("inject", self.injects.fill(&self.device)),
        ];
        let mut samples = out.family(Family::RingSlots);
        for (ring, (slots, _)) in fills {
            samples.add(&[("ring", ring)], slots);
        }
        let mut samples = out.family(Family::RingUsedSlots);
        for (ring, (_, used)) in fills {
            samples.add(&[("ring", ring)], used);
        }
        let mut samples = out.family(Family::RingErrors);
        samples.add(&[("ring", "punt")], self.punts.stats().errors);
        samples.add(&[("ring", "inject")], self.injects.refused());
        let accesses = self.device.accesses();
        let bars = [("0", accesses.bar0), ("2", accesses.bar2)];
        for (family, value) in [
            (Family::BarReads, bars.map(|(_, bar)| bar.reads)),
            (Family::BarWrites, bars.map(|(_, bar)| bar.writes)),
            (Family::BarBytes, bars.map(|(_, bar)| bar.bytes_written)),
        ] {
            let mut samples = out.family(family);
            for ((bar, _), value) in bars.iter().zip(value) {
                samples.add(&[("bar", bar)], value);
            }
        }
    }

    fn write_driver(&self, out: &mut Exposition) {
        out.single(Family::ConfigurationsApplied, self.applied);
        out.single(Family::ConfigurationsRefused, self.refused_count);
        out.single(
            Family::ConfigurationCurrent,
            u8::from(self.refused.is_empty() && self.in_force.is_some()),
        );
        let rules = self.in_force.as_ref();
        let rules = rules.map_or(0, |in_force| in_force.lowered.names.rules.len());
        out.single(Family::Rules, rules);
        let mut samples = out.family(Family::Events);
        for kind in Kind::ALL {
            let labels = [("event", kind.name()), ("severity", kind.severity().name())];
            samples.add(&labels, self.journal.count(*kind));
        }
        let labels = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("device", self.name.as_str()),
        ];
        out.family(Family::DriverInfo).add(&labels, 1);
        out.single(Family::DriverUptime, seconds(self.now - self.started_at));
    }
}

fn member(in_force: &InForce, rule: RuleId, backend: String) -> Option<Member> {
    let name = in_force.lowered.names.rules.get(&rule)?;
    let (address, port, _): (IpAddr, u16, _) = frontend_of(in_force, name.rule);
    let is_ha_ports = matches!(name.rule, RuleRef::LoadBalancing(..)) && port == 0;
    Some(Member {
        rule: name.name.clone(),
        frontend: address.to_string(),
        frontend_port: if is_ha_ports {
            "all".to_owned()
        } else {
            port.to_string()
        },
        backend,
    })
}

fn each_cell(rows: &[Row], mut add: impl FnMut(&Member, &'static str, &Cell)) {
    for row in rows {
        for (n, protocol) in PROTOCOLS.iter().enumerate() {
            if row.protocols[n] {
                add(&row.member, protocol, &row.cells[n]);
            }
        }
    }
}

fn write_traffic(out: &mut Exposition, booked: &Booked) {
    for (family, value) in [
        (
            Family::BackendFlows,
            &(|cell: &Cell| cell.flows.live) as &dyn Fn(&Cell) -> u64,
        ),
        (Family::BackendFlowsOpened, &|cell| cell.flows.total),
    ] {
        let mut samples = out.family(family);
        each_cell(&booked.members, |member, protocol, cell| {
            let [a, b, c, d] = member.labels();
            samples.add(&[a, b, c, d, ("protocol", protocol)], value(cell));
        });
    }
    for (family, value) in [
        (
            Family::Bytes,
            &(|t: &Traffic| [t.inbound.bytes, t.outbound.bytes]) as &dyn Fn(&Traffic) -> [u64; 2],
        ),
        (Family::Packets, &|t| {
            [t.inbound.packets, t.outbound.packets]
        }),
    ] {
        let mut samples = out.family(family);
        for rows in [&booked.members, &booked.addresses] {
            each_cell(rows, |member, protocol, cell| {
                let [a, b, c, d] = member.labels();
                let both = ["inbound", "outbound"]
                    .into_iter()
                    .zip(value(&cell.traffic));
                for (direction, value) in both {
                    let direction = ("direction", direction);
                    samples.add(&[a, b, c, d, ("protocol", protocol), direction], value);
                }
            });
        }
    }
    let mut samples = out.family(Family::Syns);
    for (rows, direction) in [
        (&booked.members, "inbound"),
        (&booked.addresses, "outbound"),
    ] {
        each_cell(rows, |member, protocol, cell| {
            let [a, b, c, d] = member.labels();
            if protocol == PROTOCOLS[0] {
                samples.add(&[a, b, c, d, ("direction", direction)], cell.traffic.syns);
            }
        });
    }
}

fn snat_labels<'a>(
    member: &'a Member,
    protocol: &'a str,
    state: &'a str,
) -> [(&'static str, &'a str); 4] {
    [
        ("frontend", &member.frontend),
        ("backend", &member.backend),
        ("protocol", protocol),
        ("state", state),
    ]
}

fn snat_protocol(protocol: snat::Protocol) -> &'static str {
    match protocol {
        snat::Protocol::Tcp => PROTOCOLS[0],
        snat::Protocol::Udp => PROTOCOLS[1],
    }
}

/// Milliseconds as seconds, exactly.
fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}
