//! Tables in any state, and packets of every kind: what two pipelines are compared by. The tables
//! begin as the compiler's; then entries are added, removed and broken.

use std::net::{IpAddr, SocketAddr};

use firmware_api::{EGRESS_RECIRCULATE, MAX_FRAME, PortId, Protocol, TableId};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::dice::Dice;
use super::wreck::wreck;
use super::{configuration, packets};
use crate::differ::{Case, Input};
use crate::frame::Segment;
use crate::rows::{Entry, Head, Packet, State, Value, When, lowered};
use crate::twin::card;

/// Tables and so many packets.
pub fn storm(seed: u64, count: usize) -> Case {
    let mut dice = Dice::new(seed);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let configuration = draw(&configuration(), &mut runner);
    let ir = &configuration.ir;
    let recipes = draw(&packets(count), &mut runner);
    let segments: Vec<(PortId, Segment)> = recipes.iter().map(|recipe| recipe.packet(ir)).collect();
    let mut state = State::of(&lowered(ir));
    add_vlans(&mut state, &mut dice);
    add_flows(&mut state, &segments, &mut dice);
    add_snat_blocks(&mut state, &segments, &mut dice);
    add_fragments(&mut state, &mut dice);
    state = wreck(&state, &mut dice);
    let mut when = When::default();
    let steps = segments
        .iter()
        .map(|(port, segment)| {
            if dice.once_in(12) {
                when = conditions(&mut dice);
            }
            input(*port, segment, when, &state, &mut dice)
        })
        .collect();
    Case { state, steps }
}

fn draw<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Value {
    strategy.new_tree(runner).expect("a value").current()
}

fn conditions(dice: &mut Dice) -> When {
    When {
        driver_absent: dice.once_in(4),
        reprocess: dice.once_in(4),
        ring_full: false,
        tick: dice.any() as u32,
    }
}

/// Ports with VLANs, and with another next hop for IPv6.
fn add_vlans(state: &mut State, dice: &mut Dice) {
    let ports: Vec<Entry> = state.of_table(TableId::Port).cloned().collect();
    for mut port in ports {
        if dice.once_in(3) {
            let vlan = port.parameters.len() - 1;
            port.parameters[vlan] = dice.one(&[1, 100, 4094, 4095]);
            port.parameters[vlan - 1] ^= 0x0700;
            state.insert(port);
        }
    }
}

/// Flow entries for some of the packets; some lead through the pipeline again, to another entry.
fn add_flows(state: &mut State, segments: &[(PortId, Segment)], dice: &mut Dice) {
    let mut flow = 0;
    for (port, segment) in segments {
        if segment.protocol == Protocol::None || !dice.once_in(4) {
            continue;
        }
        let zone = state
            .get(TableId::Port, &[(*port).into()])
            .and_then(|entry| entry.parameter("zone"));
        let mut key = Some((zone.unwrap_or(0), segment.clone()));
        while let Some((zone, segment)) = key.take() {
            flow += 1 + u128::from(dice.once_in(50)) * 0x4000;
            let to = dice.one(segments).1;
            let alike = to.source.0.is_ipv4() == segment.source.0.is_ipv4();
            let end = if alike { to.source } else { segment.source };
            let egress = egress(dice);
            let at_source = dice.once_in(2);
            state.insert(flow_entry(
                zone, &segment, flow, at_source, end, egress, dice,
            ));
            if egress == EGRESS_RECIRCULATE && dice.below(4) != 0 {
                let mut again = segment;
                if at_source {
                    again.source = end;
                } else {
                    again.destination = end;
                }
                key = Some((0, again));
            }
        }
    }
}

/// A port to send to; some do not exist, one means another pass.
fn egress(dice: &mut Dice) -> PortId {
    match dice.below(20) {
        0 => dice.one(&[card().ports, 503, 504, 510, 511, 512, 4095, u16::MAX]),
        1..=4 => EGRESS_RECIRCULATE,
        _ => dice.below(8) as PortId,
    }
}

fn flow_entry(
    zone: u128,
    segment: &Segment,
    flow: u128,
    at_source: bool,
    end: (IpAddr, u16),
    egress: PortId,
    dice: &mut Dice,
) -> Entry {
    Entry {
        table: match segment.source.0 {
            IpAddr::V4(_) => TableId::FlowV4,
            IpAddr::V6(_) => TableId::FlowV6,
        },
        keys: vec![
            zone,
            segment.protocol as u128,
            number(segment.source.0),
            number(segment.destination.0),
            segment.source.1.into(),
            segment.destination.1.into(),
        ],
        action: usize::from(!at_source),
        parameters: vec![
            flow,
            dice.below(2).into(),
            number(end.0),
            end.1.into(),
            egress.into(),
        ],
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// SNAT blocks around the destinations of some packets.
fn add_snat_blocks(state: &mut State, segments: &[(PortId, Segment)], dice: &mut Dice) {
    for (_, segment) in segments {
        if dice.once_in(10) {
            let address = firmware_api::mapped(segment.destination.0);
            let block = u128::from(segment.destination.1 / 8) + u128::from(dice.once_in(4));
            state.insert(Entry {
                table: TableId::SnatBlock,
                keys: vec![
                    dice.one(&[1, 2]),
                    u128::from_be_bytes(address),
                    block.min(8191),
                ],
                action: 0,
                parameters: vec![1],
            });
        }
    }
}

/// Rules and return paths that forward fragments, of whatever kind.
fn add_fragments(state: &mut State, dice: &mut Dice) {
    let tables = [TableId::Rule, TableId::ReturnPathV4, TableId::ReturnPathV6];
    for table in tables {
        let entries: Vec<Entry> = state.of_table(table).cloned().collect();
        for mut entry in entries {
            let flag = entry.parameters.len() - 1;
            entry.parameters[flag] = dice.below(2).into();
            state.insert(entry);
        }
    }
}

fn input(port: PortId, segment: &Segment, when: When, state: &State, dice: &mut Dice) -> Input {
    let mut ingress = match dice.below(40) {
        0 => dice.below(card().ports.into()) as PortId,
        1 if when.reprocess => EGRESS_RECIRCULATE,
        _ => port.min(card().ports - 1),
    };
    if ingress == EGRESS_RECIRCULATE && !when.reprocess {
        ingress = 0;
    }
    let mut packet = sound(segment);
    let vlan = state.link(ingress).vlan;
    if vlan != 0 {
        packet = packet.with("tag", u64::from(vlan) | dice.below(8) << 13);
    }
    if dice.once_in(6) {
        let words = [
            0x2000,
            0x2000,
            1,
            0x2001,
            0x0008,
            0x1fff,
            dice.any() & 0xffff,
        ];
        packet = packet.with("fragment", dice.one(&words));
    }
    if dice.once_in(3) {
        for _ in 0..=dice.below(2) {
            packet = changed(packet, dice);
        }
    }
    let link = state.link(ingress);
    if dice.once_in(16) {
        packet = flipped(packet.arriving(&link), dice);
    }
    if dice.once_in(20) {
        let len = packet.arriving(&link).len() as u64;
        packet.set("cut", Value::Number(dice.below(len.max(1))));
    }
    Input {
        when,
        ingress,
        packet,
    }
}

fn sound(segment: &Segment) -> Packet {
    let socket = |(address, port)| SocketAddr::new(address, port);
    let (from, to) = (socket(segment.source), socket(segment.destination));
    let mut packet = match segment.protocol {
        Protocol::Tcp => Packet::new(Head::Tcp(from, to))
            .with("flags", segment.flags.into())
            .with("seq", segment.seq.into())
            .with("ack", segment.ack.into()),
        Protocol::Udp => Packet::new(Head::Udp(from, to)),
        Protocol::Icmp | Protocol::None => {
            let identifier = from.port() | to.port();
            let echo = Packet::new(Head::Icmp(from.ip(), to.ip()));
            let reply = if from.is_ipv4() { 0 } else { 129 };
            let echo = echo.with("rest", u64::from(identifier) << 16 | 1);
            if from.port() == 0 && to.port() != 0 {
                echo.with("type", reply)
            } else {
                echo
            }
        }
    };
    packet.set("data", Value::Bytes(segment.payload.clone()));
    packet
}

/// Some bytes of the frame are others.
fn flipped(mut frame: Vec<u8>, dice: &mut Dice) -> Packet {
    for _ in 0..=dice.below(3) {
        let at = dice.below(frame.len().clamp(1, 80) as u64) as usize;
        if let Some(byte) = frame.get_mut(at) {
            *byte = if dice.once_in(2) {
                *byte ^ 1 << dice.below(8)
            } else {
                dice.any() as u8
            };
        }
    }
    Packet::new(Head::Frame(frame))
}

/// The packet with one thing about it changed, or another packet.
#[expect(clippy::too_many_lines, reason = "a list")]
fn changed(packet: Packet, dice: &mut Dice) -> Packet {
    let Some((source, destination)) = packet.addresses() else {
        return packet;
    };
    let (is_v4, any) = (source.is_ipv4(), dice.any());
    let mut packet = packet;
    match dice.below(34) {
        0 => packet.with("tag", any & 0xffff),
        1 => packet.with("inner-tag", any & 0xffff),
        2 => packet
            .with("tag", 100)
            .with("tpid", dice.one(&[0x88a8, 0x9100])),
        3 => packet.with("from", dice.one(&[0x0300_0000_0099, 0xffff_ffff_ffff, 0])),
        4 => packet.with(
            "to",
            dice.one(&[0xffff_ffff_ffff, 0x3333_0000_0001, 0x0200_0000_0002]),
        ),
        5 => packet.with(
            "ethertype",
            dice.one(&[0x0800, 0x86dd, 0x0806, 0x8100, 0x88cc, any & 0xffff]),
        ),
        6 | 7 => {
            let words = 1 + dice.below(10);
            packet.set("options", Value::Bytes(dice.bytes(4 * words)));
            packet
        }
        8 => packet.with("pad", 1 + dice.below(60)),
        9 => packet.with(
            "length",
            dice.one(&[
                0,
                7,
                8,
                19,
                20,
                21,
                27,
                28,
                39,
                40,
                41,
                47,
                48,
                60,
                any & 0xffff,
            ]),
        ),
        10 => packet.with("ihl", any & 0x0f),
        11 => packet.with("version", any & 0x0f),
        12 => {
            packet.set("header-checksum", Value::More(1 + (any & 0xff) as u16));
            packet
        }
        13 => packet.with("header-checksum", dice.one(&[0, 0xffff])),
        14 => packet.with(
            "fragment",
            dice.one(&[0x2000, 1, 0x1fff, 0x4000, 0x8000, any & 0xffff]),
        ),
        15 | 16 => packet.with("flags", any & 0xff),
        17 => packet.with("ack", any >> 32).with("seq", any & 0xffff_ffff),
        18 => packet.with("offset", any & 0x0f),
        19 | 20 => {
            let words = 1 + dice.below(10);
            packet.set("tcp-options", Value::Bytes(dice.bytes(4 * words)));
            packet
        }
        21 => packet.with(
            "udp-length",
            dice.one(&[0, 7, 8, 9, 15, 16, 17, any & 0xffff]),
        ),
        22 => packet.with("checksum", dice.one(&[0, 0xffff, any & 0xffff])),
        23 => {
            packet.set("checksum", Value::More(any as u16));
            packet
        }
        24 => packet.with("ttl", any & 0xff).with("tos", any >> 8 & 0xff),
        25 => packet
            .with("label", any & 0x000f_ffff)
            .with("id", any & 0xffff),
        26 => {
            let len = dice.below(200);
            packet.set("data", Value::Bytes(dice.bytes(len)));
            packet
        }
        27 => {
            let packet = packet.without(&["data", "zeros"]);
            let link = crate::rows::Link::NOWHERE;
            let header = packet.arriving(&link).len();
            let tag = u64::from(dice.once_in(2));
            packet.with("zeros", (MAX_FRAME - header) as u64 + tag)
        }
        28 => Packet::new(Head::Arp(source, destination)).with("operation", 1 + any % 2),
        29 | 30 => {
            let kinds: &[u64] = if is_v4 {
                &[0, 3, 5, 8, 11, 12, 13]
            } else {
                &[1, 2, 3, 4, 5, 128, 129, 132, 133, 134, 135, 136, 137, 138]
            };
            let mut icmp =
                Packet::new(Head::Icmp(source, destination)).with("type", dice.one(kinds));
            icmp.set("data", Value::Bytes(dice.bytes(8)));
            icmp
        }
        31 => {
            let protocols = [
                0, 1, 2, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 132, 135,
            ];
            let mut other = Packet::new(Head::Ip(source, destination));
            other.set("data", Value::Bytes(dice.bytes(any % 40)));
            other.with("protocol", dice.one(&protocols))
        }
        32 => {
            let mut ethernet = Packet::new(Head::Ethernet).with("ethertype", any & 0xffff);
            ethernet.set("data", Value::Bytes(dice.bytes(any % 60)));
            ethernet
        }
        _ => packet.without(&["data"]),
    }
}
