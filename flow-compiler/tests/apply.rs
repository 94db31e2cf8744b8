//! Changes between configurations: complete, and without a hole on the way.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use firmware_api::entry::frontend::FrontendAction;
use firmware_api::entry::port::PortKind;
use firmware_api::{Protocol, TableId, Zone};
use flow_compiler::compile;
use flow_compiler::diff::{Change, diff};
use flow_compiler::explain::{Ingress, Packet, Shape, Verdict, explain};
use flow_compiler::ids::Ids;
use flow_compiler::ir::{ProbeTarget, Profile, Settings};
use flow_compiler::lower::{Live, lower};
use flow_compiler::names::Names;
use flow_compiler::source::Source;
use flow_compiler::tables::Tables;
use proptest::prelude::*;

/// A configuration with up to six instances, and which of them are up.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug)]
struct Sample {
    /// Instances that exist, and their weight in the pool; 0 is not a member.
    weights: Vec<Option<u32>>,
    up: Vec<bool>,
    /// Frontend ports of the rules.
    ports: BTreeSet<u16>,
    source_ip: bool,
    reset: bool,
    floating: bool,
    nat: Option<usize>,
    public: Option<usize>,
    internal: bool,
}

fn sample() -> impl Strategy<Value = Sample> {
    let weights = prop::collection::vec(prop::option::weighted(0.8, 0u32..4), 6);
    let ports = prop::collection::btree_set(80u16..83, 0..3);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let picks = (prop::option::of(0usize..6), prop::option::of(0usize..6));
    (
        weights,
        prop::collection::vec(any::<bool>(), 6),
        ports,
        flags,
        picks,
    )
        .prop_map(
            |(weights, up, ports, (source_ip, reset, floating, internal), (nat, public))| {
                let exists = |i: &usize| weights[*i].is_some();
                Sample {
                    nat: nat.filter(exists),
                    public: public.filter(exists),
                    weights,
                    up,
                    ports,
                    source_ip,
                    reset,
                    floating,
                    internal,
                }
            },
        )
}

impl Sample {
    fn instances(&self) -> impl Iterator<Item = (usize, u32)> {
        self.weights
            .iter()
            .enumerate()
            .filter_map(|(i, w)| Some((i, (*w)?)))
    }

    fn text(&self) -> String {
        let mut text = "headgate: 1\ninstances:\n".to_owned();
        for (i, _) in self.instances() {
            let public = if self.public == Some(i) {
                ", publicAddress: 203.0.113.99"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "  - {{ name: i{i}, addresses: [10.0.0.{0}, 'fd00::{0}'], vport: {0}, mac: '02:00:00:00:00:0{0}'{public} }}",
                i + 1
            );
        }
        text += "loadBalancers:\n";
        text += &self.balancer("web", "203.0.113.10", "2001:db8::10", 8000, self.nat);
        if self.internal {
            text += &self.balancer("inner", "10.9.0.1", "fd00:9::1", 8000, None);
        }
        text
    }

    fn balancer(&self, name: &str, v4: &str, v6: &str, base: u16, nat: Option<usize>) -> String {
        let member = |(i, weight)| format!("{{ instance: i{i}, weight: {weight} }}");
        let members: Vec<String> = self.instances().filter(|m| m.1 > 0).map(member).collect();
        let mut text = format!(
            "  - name: {name}\n    sku: Standard\n    frontends: [{{ name: v4, address: {v4} }}, {{ name: v6, address: '{v6}' }}]\n    probes: [{{ name: p, protocol: Tcp, port: 80 }}]\n    backendPools: [{{ name: p, members: [{}] }}]\n    loadBalancingRules:\n",
            members.join(", ")
        );
        for port in &self.ports {
            for family in ["v4", "v6"] {
                let mode = if self.source_ip {
                    "SourceIP"
                } else {
                    "Default"
                };
                let _ = writeln!(
                    text,
                    "      - {{ name: {family}-{port}, protocol: Tcp, frontend: {family}, frontendPort: {port}, backendPool: p, backendPort: {}, probe: p, loadDistribution: {mode}, enableTcpReset: {}, enableFloatingIP: {} }}",
                    base + port,
                    self.reset,
                    self.floating
                );
            }
        }
        if let Some(target) = nat {
            let _ = writeln!(
                text,
                "    inboundNatRules: [{{ name: n, protocol: Udp, frontend: v4, frontendPort: 53, target: i{target} }}]"
            );
        }
        text
    }

    fn tables(&self, ids: &mut Ids) -> (Tables, Names) {
        let compiled = compile(&Source::new("sample", self.text()));
        let ir = compiled
            .unwrap_or_else(|e| panic!("{e}: {:?}\n{}", e.0, self.text()))
            .ir;
        let number = |target: &ProbeTarget| ir.instance(target.instance).vport as usize - 1;
        let is_up = |target: &ProbeTarget| self.up[number(target)];
        let live = Live {
            is_up: &is_up,
            ..Live::ALL_UP
        };
        let lowered = lower(&ir, ids, live).expect("room");
        (lowered.tables, lowered.names)
    }
}

/// A new flow for each frontend.
fn probes(tables: &Tables) -> Vec<(Packet, Ingress)> {
    let v4 = tables
        .frontend_v4
        .keys()
        .map(|k| (k.zone, IpAddr::from(k.destination), k.protocol, k.port));
    let v6 = tables
        .frontend_v6
        .keys()
        .map(|k| (k.zone, IpAddr::from(k.destination), k.protocol, k.port));
    v4.chain(v6)
        .filter_map(|key| packet_to(tables, key))
        .collect()
}

fn packet_to(
    tables: &Tables,
    (zone, destination, protocol, destination_port): (Zone, IpAddr, Protocol, u16),
) -> Option<(Packet, Ingress)> {
    let sender = tables.port.iter().find(|(port, _)| **port != 0);
    let (from, source) = match (zone, destination) {
        (Zone::UPLINK, IpAddr::V4(_)) => (Ingress::Uplink, Ipv4Addr::new(198, 51, 100, 7).into()),
        (Zone::UPLINK, IpAddr::V6(_)) => (Ingress::Uplink, "2001:db8:1::7".parse().ok()?),
        (_, family) => {
            let (port, config) = sender?;
            let PortKind::Vport(id) = config.kind else {
                return None;
            };
            let instance = tables.instance.get(&id)?;
            let v4 = instance.address_v4.map(IpAddr::from);
            let v6 = instance.address_v6.map(IpAddr::from);
            (
                Ingress::Vport(*port),
                if family.is_ipv4() { v4? } else { v6? },
            )
        }
    };
    let shape = match protocol {
        Protocol::Tcp => Shape::Tcp { flags: 2 },
        _ => Shape::Udp,
    };
    let packet = Packet {
        shape,
        source,
        source_port: 40_000,
        destination,
        destination_port,
    };
    Some((packet, from))
}

const SETTINGS: Settings = Settings::of(Profile::Seed);

fn forwards(tables: &Tables, (packet, from): (Packet, Ingress)) -> bool {
    let verdict = explain(tables, &Names::default(), &SETTINGS, packet, from).verdict;
    matches!(verdict, Verdict::Forward { .. })
}

/// Every number that an entry names is an entry.
fn assert_references(tables: &Tables) {
    let frontends = tables
        .frontend_v4
        .values()
        .chain(tables.frontend_v6.values());
    for action in frontends {
        assert!(
            action
                .rule()
                .is_none_or(|rule| tables.rule.contains_key(&rule))
        );
        if let FrontendAction::PortForward(backend, _) = action {
            assert!(tables.backend.contains_key(backend));
        }
    }
    for rule in tables.rule.values() {
        for slot in rule.selector_base..rule.selector_base + rule.selector_size {
            assert!(tables.selector.contains_key(&slot));
        }
    }
    assert!(
        tables
            .selector
            .values()
            .all(|backend| tables.backend.contains_key(backend))
    );
    assert!(
        tables
            .address
            .values()
            .all(|id| tables.instance.contains_key(id))
    );
    for port in tables.port.values() {
        if let PortKind::Vport(id) = port.kind {
            assert!(tables.instance.contains_key(&id));
        }
    }
}

/// Whether the state after a change is looked at: all but most of the selector's.
fn is_looked_at(index: usize, change: &Change) -> bool {
    change.table() != TableId::Selector || index.is_multiple_of(97)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn apply_has_no_hole(samples in prop::collection::vec(sample(), 2..4)) {
        let mut ids = Ids::default();
        let (mut tables, _) = samples[0].tables(&mut ids);
        assert_references(&tables);
        for sample in &samples[1..] {
            let (next, _) = sample.tables(&mut ids);
            let lasting: Vec<_> = probes(&tables)
                .into_iter()
                .filter(|p| forwards(&tables, *p) && forwards(&next, *p))
                .collect();
            for (index, change) in diff(&tables, &next).iter().enumerate() {
                change.apply(&mut tables);
                if is_looked_at(index, change) {
                    assert_references(&tables);
                    prop_assert!(lasting.iter().all(|p| forwards(&tables, *p)), "{change:?}");
                }
            }
            prop_assert_eq!(&tables, &next);
            prop_assert_eq!(diff(&tables, &next), []);
        }
    }

    /// `backend` and `instance` entries never change: new contents get a new id.
    #[test]
    fn referenced_entries_are_never_rewritten(a in sample(), b in sample()) {
        let mut ids = Ids::default();
        let (old, _) = a.tables(&mut ids);
        let (new, _) = b.tables(&mut ids);
        for change in diff(&old, &new) {
            if let Change::Update { to, .. } = change {
                prop_assert!(!matches!(to.table(), TableId::Backend | TableId::Instance));
            }
        }
    }

    /// A surviving name keeps its rule id, and a lowering again changes nothing.
    #[test]
    fn surviving_rules_keep_their_ids(a in sample(), b in sample()) {
        let mut ids = Ids::default();
        let (_, old) = a.tables(&mut ids);
        let (tables, new) = b.tables(&mut ids);
        for (id, rule) in &old.rules {
            let survivor = new.rules.iter().find(|(_, r)| r.name == rule.name);
            prop_assert!(survivor.is_none_or(|(same, _)| same == id));
        }
        prop_assert_eq!(b.tables(&mut ids).0, tables);
    }
}
