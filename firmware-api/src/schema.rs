//! The tables as a P4 program has them: keys, actions, parameters and sizes by name, and the P4
//! entry that stands for the words of a slot.
//!
//! A pipeline whose match engine is not host-managed (BMv2, a vendor's P4 compiler) is driven by
//! this: who owns the slots reads them, and writes [`P4Entry`]s over a runtime interface. Index
//! tables are exact tables over their index there. A P4 program may hold a table several times, once
//! per place that looks it up; every instance has this schema and the same entries.

use core::net::IpAddr;

use crate::control::is_valid;
use crate::entry::Entry;
use crate::entry::address::Address;
use crate::entry::backend::Backend;
use crate::entry::flow::{Direction, FlowAction, FlowKey, FlowV4, FlowV6, Side};
use crate::entry::frontend::{FrontendAction, FrontendV4, FrontendV6};
use crate::entry::instance::Instance;
use crate::entry::port::{Mac, Port, PortKind};
use crate::entry::return_path::{ReturnPathV4, ReturnPathV6};
use crate::entry::rule::Rule;
use crate::entry::selector::Selector;
use crate::entry::snat_block::SnatBlock;
use crate::{Protocol, TableId, Zone, mapped};

/// A key or an action parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its width in bits, 1..=128.
    pub bits: u16,
}

impl Field {
    /// Bytes of a value on a runtime interface, in network byte order.
    pub const fn bytes(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }
}

/// What an entry of a table can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its name.
    pub name: &'static str,
    /// Its parameters, in order.
    pub parameters: &'static [Field],
}

/// A table of a P4 program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its keys, in order; all are matched exactly.
    pub keys: &'static [Field],
    /// What entries can do. A miss does nothing.
    pub actions: &'static [Action],
    /// How many entries the program in `p4/` holds.
    pub size: u32,
}

/// Flows that the registers of the program in `p4/` hold.
pub const FLOWS: u32 = 32_768;
/// Ports of the program in `p4/`, numbered from 0: v1model's port numbers have nine bits, and the
/// highest have other uses.
pub const PORTS: u16 = 504;
/// The first of four ports by which fences come back ([`FENCE`]); one for each egress thread of
/// BMv2, which are told apart by the port number modulo 4.
pub const FENCE_PORT: u16 = 504;
/// By this port the frames of [`UPLINK_PORT`](crate::UPLINK_PORT) come in: port 0 is where BMv2 says
/// that a packet on its second pass came in.
pub const UPLINK_INGRESS: u16 = 509;
/// The port to and from the driver: punt and inject records, without their ring's first word.
pub const CPU_PORT: u16 = 510;
/// The mirroring session that copies packets to [`CPU_PORT`].
pub const CPU_SESSION: u16 = 1;
/// The kind of a record on [`CPU_PORT`] that is in no ring: the shell around a pipeline sets device
/// tick and heartbeat state by it, and it comes back by the port it names, behind every packet that
/// went in before it. [`crate::inject`] has the other kinds.
///
/// ```text
///  8  kind (255)  9  driverless (0 or 1)  10  port (u16)  12  device tick (u32)
/// 16  sequence number (u64)   24  zero (8)
/// ```
pub const FENCE: u8 = 255;

/// Stash slots of an exact table, added to its buckets.
const STASH: u32 = 64;

macro_rules! fields {
    ($($name:ident: $bits:literal),*) => {
        &[$(Field { name: stringify!($name), bits: $bits }),*]
    };
}

macro_rules! schema {
    (
        size $size:expr;
        keys { $($keys:tt)* }
        $(action $action:ident { $($parameters:tt)* })*
    ) => {{
        const SCHEMA: &Schema = &Schema {
            keys: fields!($($keys)*),
            actions: &[$(Action {
                name: stringify!($action),
                parameters: fields!($($parameters)*),
            }),*],
            size: $size,
        };
        SCHEMA
    }};
}

impl TableId {
    /// The table as a P4 program has it.
    pub const fn schema(self) -> &'static Schema {
        match self {
            Self::Port => schema! {
                size PORTS as u32;
                keys { port: 16 }
                action uplink { zone: 5, own_mac: 48, peer_mac_v4: 48, peer_mac_v6: 48, vlan: 12 }
                action vport {
                    instance: 16, zone: 5, own_mac: 48, peer_mac_v4: 48, peer_mac_v6: 48, vlan: 12
                }
            },
            Self::FlowV4 => schema! {
                size 131_072 + STASH;
                keys {
                    zone: 5, protocol: 3, source: 32, destination: 32,
                    source_port: 16, destination_port: 16
                }
                action translate_source_v4 {
                    flow: 32, direction: 1, address: 32, port: 16, egress: 16
                }
                action translate_destination_v4 {
                    flow: 32, direction: 1, address: 32, port: 16, egress: 16
                }
            },
            Self::FlowV6 => schema! {
                size 131_072 + STASH;
                keys {
                    zone: 5, protocol: 3, source: 128, destination: 128,
                    source_port: 16, destination_port: 16
                }
                action translate_source_v6 {
                    flow: 32, direction: 1, address: 128, port: 16, egress: 16
                }
                action translate_destination_v6 {
                    flow: 32, direction: 1, address: 128, port: 16, egress: 16
                }
            },
            Self::FrontendV4 => schema! {
                size 16_384 + STASH;
                keys { zone: 5, protocol: 3, destination: 32, port: 16 }
                action balance { rule: 16 }
                action port_forward { rule: 16, backend: 16 }
                action answer_echo { }
            },
            Self::FrontendV6 => schema! {
                size 16_384 + STASH;
                keys { zone: 5, protocol: 3, destination: 128, port: 16 }
                action balance { rule: 16 }
                action port_forward { rule: 16, backend: 16 }
                action answer_echo { }
            },
            Self::Rule => schema! {
                size 16_384;
                keys { rule: 16 }
                action select_by_hash {
                    mode: 2, selector_base: 24, selector_size: 20, floating_ip: 1, reset: 1,
                    fragments: 1
                }
            },
            Self::Selector => schema! {
                size 131_072;
                keys { slot: 32 }
                action choose { backend: 16 }
            },
            Self::Backend => schema! {
                size 16_384;
                keys { backend: 16 }
                action forward_v4 { address: 32, port: 16, egress: 16 }
                action forward_v6 { address: 128, port: 16, egress: 16 }
            },
            Self::ReturnPathV4 => schema! {
                size 16_384 + STASH;
                keys { zone: 5, protocol: 3, source: 32, port: 16 }
                action reply_from_v4 { address: 32, port: 16, internal: 1, fragments: 1 }
            },
            Self::ReturnPathV6 => schema! {
                size 16_384 + STASH;
                keys { zone: 5, protocol: 3, source: 128, port: 16 }
                action reply_from_v6 { address: 128, port: 16, internal: 1, fragments: 1 }
            },
            Self::Instance => schema! {
                size 4_096;
                keys { instance: 16 }
                action is_instance {
                    address_v4: 32, address_v6: 128, public_v4: 32, public_v6: 128,
                    way_out_v4_tcp: 2, way_out_v4_udp: 2, way_out_v6_tcp: 2, way_out_v6_udp: 2,
                    vport: 16, floating_ip: 1, ip_forwarding: 1, platform: 1,
                    steers_v4: 1, next_hop_v4: 16, steers_v6: 1, next_hop_v6: 16
                }
            },
            Self::Address => schema! {
                size 16_384 + STASH;
                keys { zone: 5, destination: 128 }
                action owned_by { instance: 16 }
            },
            Self::SnatBlock => schema! {
                size 65_536 + STASH;
                keys { protocol: 3, address: 128, block: 16 }
                action owned_by_vport { vport: 16 }
            },
        }
    }
}

/// The most keys or parameters of one entry.
const MAX_VALUES: usize = 16;

/// The values of keys or parameters, in the schema's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Values {
    values: [u128; MAX_VALUES],
    len: u8,
}

impl Values {
    fn new(values: &[u128]) -> Self {
        let mut all = [0; MAX_VALUES];
        all[..values.len()].copy_from_slice(values);
        let len = values.len() as u8;
        Self { values: all, len }
    }

    /// The values.
    pub fn as_slice(&self) -> &[u128] {
        &self.values[..usize::from(self.len)]
    }
}

impl core::fmt::Debug for Values {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// An entry of a P4 table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct P4Entry {
    /// What it matches.
    pub keys: Values,
    /// What it does.
    pub action: &'static Action,
    /// With which parameters.
    pub parameters: Values,
}

impl P4Entry {
    /// The entry that stands for the words in a slot of a table; `None` when they are not valid,
    /// or mean the same to the pipeline as no entry (a port that is off). `index` is the slot's
    /// number, the key of an index table.
    ///
    /// # Panics
    /// When there are fewer words than the table's entries have.
    pub fn of(table: TableId, index: u32, words: &[u64]) -> Option<Self> {
        let len = (table.entry_len() / 8) as usize;
        if !is_valid(words[len - 1]) {
            return None;
        }
        let index = u128::from(index);
        match table {
            TableId::Port => port(index, &read(words)),
            TableId::FlowV4 => {
                let entry: FlowV4 = read(words);
                Some(flow(table, entry.flow_key(), entry.action()))
            }
            TableId::FlowV6 => {
                let entry: FlowV6 = read(words);
                Some(flow(table, entry.flow_key(), entry.action()))
            }
            TableId::FrontendV4 => {
                let entry: FrontendV4 = read(words);
                let key = entry.frontend_key();
                let keys = exact(key.zone, key.protocol, key.destination, key.port);
                Some(frontend(table, keys, entry.action()))
            }
            TableId::FrontendV6 => {
                let entry: FrontendV6 = read(words);
                let key = entry.frontend_key();
                let keys = exact(key.zone, key.protocol, key.destination, key.port);
                Some(frontend(table, keys, entry.action()))
            }
            TableId::Rule => {
                let rule = read::<1, Rule>(words).config()?;
                Some(table.entry(
                    0,
                    &[index],
                    &[
                        rule.mode as u128,
                        rule.selector_base.into(),
                        rule.selector_size.into(),
                        rule.floating_ip.into(),
                        rule.reset.into(),
                        rule.fragments.into(),
                    ],
                ))
            }
            TableId::Selector => {
                let backend = read::<1, Selector>(words).backend()?;
                Some(table.entry(0, &[index], &[backend.into()]))
            }
            TableId::Backend => {
                let backend = read::<4, Backend>(words).config();
                let action = usize::from(backend.address.is_ipv6());
                let parameters = [
                    number(backend.address),
                    backend.port.into(),
                    backend.egress.into(),
                ];
                Some(table.entry(action, &[index], &parameters))
            }
            TableId::ReturnPathV4 => {
                let entry: ReturnPathV4 = read(words);
                let (key, action) = (entry.return_path_key(), entry.action());
                let keys = exact(key.zone, key.protocol, key.source, key.port);
                let parameters = [
                    number(action.address),
                    action.port.into(),
                    action.internal.into(),
                    action.fragments.into(),
                ];
                Some(table.entry(0, &keys, &parameters))
            }
            TableId::ReturnPathV6 => {
                let entry: ReturnPathV6 = read(words);
                let (key, action) = (entry.return_path_key(), entry.action());
                let keys = exact(key.zone, key.protocol, key.source, key.port);
                let parameters = [
                    number(action.address),
                    action.port.into(),
                    action.internal.into(),
                    action.fragments.into(),
                ];
                Some(table.entry(0, &keys, &parameters))
            }
            TableId::Instance => Some(instance(index, &read(words))),
            TableId::Address => {
                let entry: Address = read(words);
                let key = entry.address_key();
                let keys = [key.zone.number().into(), mapped_number(key.destination)];
                Some(table.entry(0, &keys, &[entry.instance().into()]))
            }
            TableId::SnatBlock => {
                let entry: SnatBlock = read(words);
                let key = entry.snat_block_key();
                let keys = [
                    key.protocol as u128,
                    mapped_number(key.address),
                    key.block.into(),
                ];
                Some(table.entry(0, &keys, &[entry.vport().into()]))
            }
        }
    }
}

impl TableId {
    fn entry(self, action: usize, keys: &[u128], parameters: &[u128]) -> P4Entry {
        let schema = self.schema();
        let action = &schema.actions[action];
        debug_assert!(fits(schema.keys, keys) && fits(action.parameters, parameters));
        P4Entry {
            keys: Values::new(keys),
            action,
            parameters: Values::new(parameters),
        }
    }
}

fn fits(fields: &[Field], values: &[u128]) -> bool {
    fields.len() == values.len()
        && fields
            .iter()
            .zip(values)
            .all(|(field, value)| field.bits == 128 || value >> field.bits == 0)
}

fn read<const N: usize, E: Entry<N>>(words: &[u64]) -> E {
    E::from_words(words[..N].try_into().expect("as many"))
}

fn number(address: impl Into<IpAddr>) -> u128 {
    match address.into() {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn mapped_number(address: IpAddr) -> u128 {
    u128::from_be_bytes(mapped(address))
}

fn mac(mac: Mac) -> u128 {
    mac.iter()
        .fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn exact(zone: Zone, protocol: Protocol, address: impl Into<IpAddr>, port: u16) -> [u128; 4] {
    [
        zone.number().into(),
        protocol as u128,
        number(address),
        port.into(),
    ]
}

fn port(index: u128, entry: &Port) -> Option<P4Entry> {
    let port = entry.config();
    let facts = [
        port.zone.number().into(),
        mac(port.own_mac),
        mac(port.peer_mac_v4),
        mac(port.peer_mac_v6),
        u128::from(port.vlan & 0xfff),
    ];
    match port.kind {
        PortKind::Off => None,
        PortKind::Uplink => Some(TableId::Port.entry(0, &[index], &facts)),
        PortKind::Vport(instance) => {
            let [zone, own, v4, v6, vlan] = facts;
            let parameters = [instance.into(), zone, own, v4, v6, vlan];
            Some(TableId::Port.entry(1, &[index], &parameters))
        }
    }
}

fn flow<A: Into<IpAddr>>(table: TableId, key: FlowKey<A>, action: FlowAction<A>) -> P4Entry {
    let keys = [
        key.zone.number().into(),
        key.protocol as u128,
        number(key.source),
        number(key.destination),
        key.source_port.into(),
        key.destination_port.into(),
    ];
    let parameters = [
        action.flow.into(),
        u128::from(action.direction == Direction::Return),
        number(action.address),
        action.port.into(),
        action.egress.into(),
    ];
    let side = usize::from(action.side == Side::Destination);
    table.entry(side, &keys, &parameters)
}

fn frontend(table: TableId, keys: [u128; 4], action: FrontendAction) -> P4Entry {
    match action {
        FrontendAction::Balance(rule) => table.entry(0, &keys, &[rule.into()]),
        FrontendAction::PortForward(backend, rule) => {
            table.entry(1, &keys, &[rule.into(), backend.into()])
        }
        FrontendAction::AnswerEcho => table.entry(2, &keys, &[]),
    }
}

fn instance(index: u128, entry: &Instance) -> P4Entry {
    let instance = entry.config();
    let v4 = |address: Option<core::net::Ipv4Addr>| address.map_or(0, |a| u32::from(a).into());
    let v6 = |address: Option<core::net::Ipv6Addr>| address.map_or(0, u128::from);
    let [v4_tcp, v4_udp, v6_tcp, v6_udp] = instance.ways_out.map(|way| way as u128);
    TableId::Instance.entry(
        0,
        &[index],
        &[
            v4(instance.address_v4),
            v6(instance.address_v6),
            v4(instance.public_v4),
            v6(instance.public_v6),
            v4_tcp,
            v4_udp,
            v6_tcp,
            v6_udp,
            instance.vport.into(),
            instance.floating_ip.into(),
            instance.ip_forwarding.into(),
            instance.platform.into(),
            instance.next_hop_v4.is_some().into(),
            instance.next_hop_v4.unwrap_or(0).into(),
            instance.next_hop_v6.is_some().into(),
            instance.next_hop_v6.unwrap_or(0).into(),
        ],
    )
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;
    use crate::control;

    #[test]
    fn names_and_widths_fit_a_p4_program() {
        for table in TableId::ALL {
            let schema = table.schema();
            assert!(schema.size > 0 && !schema.keys.is_empty() && !schema.actions.is_empty());
            let lists = schema.actions.iter().map(|action| action.parameters);
            for fields in lists.chain([schema.keys]) {
                assert!(fields.len() <= MAX_VALUES, "{table}");
                for (i, field) in fields.iter().enumerate() {
                    assert!((1..=128).contains(&field.bits), "{table} {field:?}");
                    assert!(fields[..i].iter().all(|other| other.name != field.name));
                }
            }
        }
    }

    #[test]
    fn a_flow_entry_is_its_p4_entry() {
        let key = FlowKey {
            zone: Zone::VNET,
            protocol: Protocol::Udp,
            source: Ipv4Addr::new(10, 0, 0, 4),
            destination: Ipv4Addr::new(192, 0, 2, 1),
            source_port: 5353,
            destination_port: 53,
        };
        let action = FlowAction {
            flow: 77,
            direction: Direction::Return,
            side: Side::Source,
            address: Ipv4Addr::new(203, 0, 113, 1),
            port: 1024,
            egress: 3,
        };
        let words = control::seal(FlowV4::new(key, action).to_words(), 0);
        let entry = P4Entry::of(TableId::FlowV4, 5, &words).expect("a valid entry");
        assert_eq!(entry.action.name, "translate_source_v4");
        assert_eq!(
            entry.keys.as_slice(),
            [1, 2, 0x0a00_0004, 0xc000_0201, 5353, 53]
        );
        assert_eq!(entry.parameters.as_slice(), [77, 1, 0xcb00_7101, 1024, 3]);
        let mut cleared = words;
        cleared[3] = control::cleared(cleared[3]);
        assert_eq!(P4Entry::of(TableId::FlowV4, 5, &cleared), None);
    }

    #[test]
    fn any_words_are_an_entry_or_none() {
        for table in TableId::ALL {
            for pattern in [u64::MAX, 0x8000_0000_0000_0000, 0xaaaa_5555_aaaa_5555] {
                let entry = P4Entry::of(*table, u32::from(u16::MAX), &[pattern; 8]);
                assert!(entry.is_none_or(|e| !e.keys.as_slice().is_empty()));
            }
        }
    }
}
