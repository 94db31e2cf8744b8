//! The engine's metrics: what there is one of is written at once, what there is one of per rule and
//! backend is copied, and written by whoever asked. The packets wait for neither.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use firmware_api::entry::rule::RuleId;
use firmware_api::{DropReason, Memory, PortId, Protocol, PuntReason};
use flow_compiler::names::RuleRef;
use serde::{Serialize, Serializer};

use super::Engine;
use super::answer::frontend_of;
use crate::apply::{InForce, MemberState};
use crate::event::Kind;
use crate::ledger::{Cell, Cells, Traffic};
use crate::metric::resource_health::Status;
use crate::metric::{Exposition, Family, ResourceHealth};
use crate::miss::Refusal;
use crate::snat::{self, AddressUsage, InstanceId, Usage};

/// The protocols of [`Cells`].
const PROTOCOLS: [&str; 2] = ["tcp", "udp"];

/// What rules and vports are called in labels, made once per configuration.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    rules: BTreeMap<RuleId, RuleLabels>,
    vports: HashMap<PortId, String>,
}

#[derive(Debug)]
struct RuleLabels {
    name: String,
    frontend: String,
    frontend_port: String,
    /// Which of [`PROTOCOLS`] it is for.
    protocols: [bool; 2],
}

impl Labels {
    pub(super) fn of(in_force: &InForce) -> Self {
        let names = &in_force.lowered.names;
        let rule = |rule: RuleRef, name: &str| {
            let (address, port, transport): (IpAddr, u16, _) = frontend_of(in_force, rule);
            let is_ha_ports = matches!(rule, RuleRef::LoadBalancing(..)) && port == 0;
            let of = transport.protocols();
            RuleLabels {
                name: name.to_owned(),
                frontend: address.to_string(),
                frontend_port: if is_ha_ports {
                    "all".to_owned()
                } else {
                    port.to_string()
                },
                protocols: [Protocol::Tcp, Protocol::Udp].map(|p| of.contains(&p)),
            }
        };
        let rules = names.rules.iter();
        let vports = names.vports.iter();
        Self {
            rules: rules
                .map(|(id, name)| (*id, rule(name.rule, &name.name)))
                .collect(),
            vports: vports.map(|(id, i)| (*id, i.name.clone())).collect(),
        }
    }

    fn vport(&self, vport: PortId) -> String {
        self.vports
            .get(&vport)
            .cloned()
            .unwrap_or_else(|| format!("#{vport}"))
    }

    fn member(&self, rule: RuleId, vport: PortId) -> Option<Member> {
        let rule = self.rules.get(&rule)?;
        Some(Member {
            rule: rule.name.clone(),
            frontend: rule.frontend.clone(),
            frontend_port: rule.frontend_port.clone(),
            backend: self.vport(vport),
        })
    }
}

/// Metrics as they were at one time.
#[derive(Clone, Debug)]
pub struct Metrics {
    labels: Arc<Labels>,
    states: Arc<Vec<MemberState>>,
    availability: Vec<(RuleId, f64)>,
    resources: Vec<(String, ResourceHealth)>,
    members: Vec<((RuleId, PortId), Cells)>,
    addresses: Vec<((PortId, IpAddr), Cells)>,
    ports: Vec<AddressUsage>,
    usages: Vec<(InstanceId, snat::Protocol, Usage)>,
    snat_pending: u64,
    /// What is written already.
    others: String,
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl Metrics {
    /// Metrics of nothing but this text.
    #[cfg(test)]
    pub(crate) fn of_text(others: &str) -> Self {
        Self {
            labels: Arc::default(),
            states: Arc::default(),
            availability: Vec::new(),
            resources: Vec::new(),
            members: Vec::new(),
            addresses: Vec::new(),
            ports: Vec::new(),
            usages: Vec::new(),
            snat_pending: 0,
            others: others.to_owned(),
        }
    }

    /// In the text format of Prometheus.
    pub fn text(&self) -> String {
        let mut out = Exposition::default();
        self.write_rules(&mut out);
        self.write_backends(&mut out);
        let booked = Booked {
            members: self.booked_members(),
            addresses: self.booked_addresses(),
        };
        write_traffic(&mut out, &booked);
        self.write_snat(&mut out, &booked);
        let mut text = out.into_text();
        text.push_str(&self.others);
        text
    }

    fn booked_members(&self) -> Vec<Row> {
        let states = self.states.iter();
        let expected = states.filter_map(|s| {
            s.backend
                .and(Some(((s.rule, s.config.egress), Cells::default())))
        });
        let mut cells: BTreeMap<_, Cells> = expected.collect();
        // A backend that was replaced under another number is the same to who reads this.
        for (key, more) in &self.members {
            let cells = cells.entry(*key).or_default();
            *cells = [cells[0] + more[0], cells[1] + more[1]];
        }
        let rows = cells.into_iter().filter_map(|((rule, vport), cells)| {
            let member = self.labels.member(rule, vport)?;
            let expected = self.labels.rules.get(&rule)?.protocols;
            Some(Row::new(member, cells, expected))
        });
        rows.collect()
    }

    fn booked_addresses(&self) -> Vec<Row> {
        let mut rows: BTreeMap<_, (Cells, [bool; 2])> = BTreeMap::new();
        for usage in &self.ports {
            let (_, expected) = rows
                .entry((usage.instance.0 as u16, usage.address))
                .or_default();
            expected[usize::from(usage.protocol == snat::Protocol::Udp)] |= usage.allocated > 0;
        }
        for (key, cells) in &self.addresses {
            rows.entry(*key).or_default().0 = *cells;
        }
        let rows = rows
            .into_iter()
            .map(|((vport, address), (cells, expected))| {
                let member = Member {
                    rule: String::new(),
                    frontend: address.to_string(),
                    frontend_port: String::new(),
                    backend: self.labels.vport(vport),
                };
                Row::new(member, cells, expected)
            });
        rows.collect()
    }

    fn write_rules(&self, out: &mut Exposition) {
        let mut samples = out.family(Family::FrontendAvailability);
        for (rule, ratio) in &self.availability {
            if let Some(rule) = self.labels.rules.get(rule) {
                let labels = [
                    ("frontend", rule.frontend.as_str()),
                    ("frontend_port", &rule.frontend_port),
                    ("rule", &rule.name),
                ];
                samples.add(&labels, ratio);
            }
        }
        let mut samples = out.family(Family::ResourceHealth);
        for (name, health) in &self.resources {
            for status in Status::ALL {
                let labels = [("load_balancer", name.as_str()), ("health", status.name())];
                samples.add(&labels, u8::from(status == health.status()));
            }
        }
    }

    fn write_backends(&self, out: &mut Exposition) {
        let states = self.states.iter();
        let states: Vec<_> = states
            .filter(|state| state.is_running)
            .filter_map(|state| {
                let labels = self.labels.member(state.rule, state.config.egress)?;
                let port = state.config.port.to_string();
                Some((labels, state.config.address.to_string(), port, state))
            })
            .collect();
        for family in [Family::BackendUp, Family::BackendEligible] {
            let mut samples = out.family(family);
            for (labels, address, port, state) in &states {
                let value = match family {
                    Family::BackendUp => state.is_up(),
                    _ => Some(state.eligible),
                };
                if let Some(value) = value {
                    let [a, b, c, d] = labels.labels();
                    let address = ("backend_address", address.as_str());
                    let port = ("backend_port", port.as_str());
                    samples.add(&[a, b, c, d, address, port], u8::from(value));
                }
            }
        }
    }

    fn write_snat(&self, out: &mut Exposition, booked: &Booked) {
        let mut samples = out.family(Family::SnatConnections);
        each_cell(&booked.addresses, |member, protocol, cell| {
            let labels = snat_labels(member, protocol, "successful");
            samples.add(&labels, cell.flows.total);
        });
        for (instance, protocol, usage) in &self.usages {
            let name = self.labels.vport(instance.0 as u16);
            let labels = [
                ("backend", name.as_str()),
                ("protocol", snat_protocol(*protocol)),
                ("state", "failed"),
            ];
            samples.add(&labels, usage.failed);
        }
        out.single(Family::SnatConnectionsPending, self.snat_pending);
        for (family, used) in [
            (Family::SnatPortsAllocated, false),
            (Family::SnatPortsUsed, true),
        ] {
            let mut samples = out.family(family);
            for usage in &self.ports {
                let backend = self.labels.vport(usage.instance.0 as u16);
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
}

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
    /// Every metric, as it is now.
    pub fn metrics(&self) -> Metrics {
        let mut others = Exposition::default();
        others.single(Family::UnreadFlows, self.ledger.unread());
        self.write_flows(&mut others);
        self.write_card(&mut others);
        self.write_tables(&mut others);
        self.write_rings(&mut others);
        self.write_driver(&mut others);
        let availability = self.lookout.availability.iter();
        let members = self.ledger.members();
        let members = members.filter_map(|((rule, backend), cells)| {
            let egress = self.backend(backend)?.egress;
            Some(((rule, egress), cells))
        });
        let mut usages: Vec<_> = self.snat.usages().collect();
        usages.sort_unstable_by_key(|(instance, protocol, _)| (*instance, *protocol));
        let misses = self.card_counters().punted(PuntReason::SnatMiss);
        let handled = self.punts_taken[PuntReason::SnatMiss as usize];
        Metrics {
            labels: Arc::clone(&self.lookout.labels),
            states: Arc::clone(&self.lookout.members),
            availability: availability
                .filter_map(|(rule, window)| Some((*rule, window.ratio()?)))
                .collect(),
            resources: self.lookout.resources.of.clone(),
            members: members.collect(),
            addresses: self.ledger.addresses().collect(),
            ports: self.snat.address_usages(),
            usages,
            snat_pending: misses.saturating_sub(handled),
            others: others.into_text(),
        }
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
        out.single(Family::CardError, self.lookout.card_error & 0xff);
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
            for severity in kind.severities() {
                let labels = [("event", kind.name()), ("severity", severity.name())];
                samples.add(&labels, self.journal.count(*kind, *severity));
            }
        }
        let labels = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("device", self.name.as_str()),
        ];
        out.family(Family::DriverInfo).add(&labels, 1);
        out.single(Family::DriverUptime, seconds(self.now - self.started_at));
    }
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
