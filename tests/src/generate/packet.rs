//! Generated packets: they hit what a configuration has, or just miss it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::{PortId, Protocol};
use flow_compiler::ir::{InstanceIndex, Ir, family_of};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::configuration::PORTS;
use crate::frame::{Segment, flags};

/// What a packet is meant for, before it is moved off by one.
#[derive(Clone, Debug)]
enum Aim {
    Anything,
    /// A rule's frontend.
    Rule(Index),
    /// An answer of a rule's backend.
    Answer(Index),
}

/// A packet before it is known which addresses there are.
#[derive(Clone, Debug)]
pub struct PacketRecipe {
    aim: Aim,
    ingress: Index,
    own_source: bool,
    source: (Index, i8, Index, i8),
    destination: (Index, i8, Index, i8),
    protocol: Protocol,
    flags: u8,
}

/// Packets that hit, or miss by one. No port is one that the driver gives out for SNAT: only it
/// knows of those.
pub fn packets(count: usize) -> impl Strategy<Value = Vec<PacketRecipe>> {
    let off_by = || prop_oneof![8 => Just(0_i8), 1 => Just(1), 1 => Just(-1)];
    let end = move || (any::<Index>(), off_by(), any::<Index>(), off_by());
    let protocol = prop_oneof![
        5 => Just(Protocol::Tcp),
        4 => Just(Protocol::Udp),
        1 => Just(Protocol::Icmp),
    ];
    let flags = prop_oneof![
        3 => Just(flags::S), 1 => Just(flags::A), 1 => Just(flags::SA), 1 => Just(flags::R)
    ];
    let own_source = prop::bool::weighted(0.7);
    let aim = prop_oneof![
        3 => Just(Aim::Anything),
        4 => any::<Index>().prop_map(Aim::Rule),
        3 => any::<Index>().prop_map(Aim::Answer),
    ];
    let recipe = (
        aim,
        any::<Index>(),
        own_source,
        end(),
        end(),
        protocol,
        flags,
    )
        .prop_map(
            |(aim, ingress, own_source, source, destination, protocol, flags)| PacketRecipe {
                aim,
                ingress,
                own_source,
                source,
                destination,
                protocol,
                flags,
            },
        );
    vec(recipe, count)
}

impl PacketRecipe {
    /// The port that the packet comes in by, and the packet.
    pub fn packet(&self, ir: &Ir) -> (PortId, Segment) {
        let aimed = match &self.aim {
            Aim::Anything => None,
            Aim::Rule(which) => self.to_a_rule(ir, *which),
            Aim::Answer(which) => self.answer(ir, *which),
        };
        aimed.unwrap_or_else(|| self.anything(ir))
    }

    fn to_a_rule(&self, ir: &Ir, which: Index) -> Option<(PortId, Segment)> {
        let claims = claims(ir);
        let claim = claims.get(which.index(claims.len().max(1)))?;
        let (mut ingress, segment) = self.anything(ir);
        let to = (
            moved(claim.frontend, self.destination.1),
            claim
                .frontend_port
                .wrapping_add_signed(self.destination.3.into()),
        );
        let sender = self.ingress.get(&ir.instances);
        let mut source = outside(to.0);
        if claim.internal
            && let Some(own) = sender.address(family_of(to.0))
        {
            (ingress, source) = (sender.vport, own);
        } else if self.own_source {
            ingress = 0;
        }
        Some((ingress, self.segment(claim, (source, segment.source.1), to)))
    }

    fn answer(&self, ir: &Ir, which: Index) -> Option<(PortId, Segment)> {
        let claims = claims(ir);
        let claim = claims.get(which.index(claims.len().max(1)))?;
        let backend = ir.instance(*self.ingress.get(&claim.backends));
        let own = backend.address(family_of(claim.frontend))?;
        let address = if claim.floating { claim.frontend } else { own };
        let source = (
            moved(address, self.source.1),
            claim.backend_port.wrapping_add_signed(self.source.3.into()),
        );
        let (_, segment) = self.anything(ir);
        let known: Vec<IpAddr> = addresses(ir)
            .into_iter()
            .filter(|address| family_of(*address) == family_of(own))
            .collect();
        let to = if self.own_source {
            outside(own)
        } else {
            *self.destination.0.get(&known)
        };
        let to = (to, segment.destination.1);
        Some((backend.vport, self.segment(claim, source, to)))
    }

    fn segment(&self, claim: &Claim, source: (IpAddr, u16), destination: (IpAddr, u16)) -> Segment {
        let protocol = if self.protocol == Protocol::Icmp {
            Protocol::Tcp
        } else {
            *self.destination.2.get(claim.protocols)
        };
        Segment {
            protocol,
            source,
            destination,
            flags: if protocol == Protocol::Tcp {
                self.flags
            } else {
                0
            },
            seq: 7,
            ack: 9,
            payload: b"headgate".to_vec(),
        }
    }

    fn anything(&self, ir: &Ir) -> (PortId, Segment) {
        let vports = ir.instances.len() as PortId;
        // As often from the uplink as from all instances; now and then from a port that is off.
        let ingress = self.ingress.index(usize::from(2 * vports) + 1) as PortId;
        let ingress = if ingress > vports + 1 { 0 } else { ingress };
        let known = addresses(ir);
        let destination = moved(*self.destination.0.get(&known), self.destination.1);
        let alike = |address: &IpAddr| family_of(*address) == family_of(destination);
        let own = ir.instances.iter().filter(|i| i.vport == ingress);
        let own: Vec<IpAddr> = own
            .flat_map(|i| i.addresses.clone())
            .filter(alike)
            .collect();
        let source = if self.own_source {
            own.first().copied().unwrap_or_else(|| outside(destination))
        } else {
            let known: Vec<IpAddr> = known.into_iter().filter(alike).collect();
            moved(*self.source.0.get(&known), self.source.1)
        };
        let is_icmp = self.protocol == Protocol::Icmp;
        let port = |end: &(Index, i8, Index, i8)| {
            let ports = [PORTS.as_slice(), &[40_000, 0]].concat();
            if is_icmp {
                0
            } else {
                end.2.get(&ports).wrapping_add_signed(end.3.into())
            }
        };
        let segment = Segment {
            protocol: self.protocol,
            source: (source, port(&self.source)),
            destination: (destination, port(&self.destination)),
            flags: if self.protocol == Protocol::Tcp {
                self.flags
            } else {
                0
            },
            seq: 7,
            ack: 9,
            payload: b"headgate".to_vec(),
        };
        (ingress, segment)
    }
}

/// Where a rule listens and sends.
struct Claim {
    internal: bool,
    frontend: IpAddr,
    frontend_port: u16,
    backends: Vec<InstanceIndex>,
    backend_port: u16,
    floating: bool,
    protocols: &'static [Protocol],
}

/// The claims of rules that have backends.
fn claims(ir: &Ir) -> Vec<Claim> {
    let mut claims = Vec::new();
    for balancer in &ir.load_balancers {
        claims.extend(balancer.rules.iter().map(|rule| {
            Claim {
                internal: balancer.internal,
                frontend: balancer.frontend(rule.frontend),
                frontend_port: rule.frontend_port,
                backends: balancer.pools[rule.pool.0]
                    .members
                    .iter()
                    .map(|m| m.instance)
                    .collect(),
                backend_port: rule.backend_port,
                floating: rule.floating_ip,
                protocols: rule.transport.protocols(),
            }
        }));
        claims.extend(balancer.nat_rules.iter().map(|rule| Claim {
            internal: balancer.internal,
            frontend: balancer.frontend(rule.frontend),
            frontend_port: rule.frontend_port,
            backends: vec![rule.target],
            backend_port: rule.backend_port,
            floating: rule.floating_ip,
            protocols: rule.transport.protocols(),
        }));
    }
    claims.retain(|claim| !claim.backends.is_empty());
    claims
}

/// A client's address of the same family.
fn outside(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::new(198, 51, 100, 7).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 7).into(),
    }
}

/// Every address of a configuration, and one outside of each family.
fn addresses(ir: &Ir) -> Vec<IpAddr> {
    let outside = ["192.0.2.1", "2001:db8:9::1"].map(|a| a.parse().expect("an address"));
    let frontends = ir.load_balancers.iter().flat_map(|b| &b.frontends);
    let frontends: Vec<IpAddr> = frontends.map(|f| f.address).collect();
    let own = ir.instances.iter().flat_map(|i| &i.addresses);
    let public = ir.instances.iter().flat_map(|i| &i.public_addresses);
    let others = own.chain(public).copied().chain(outside);
    // Frontends twice: they are what it is about.
    frontends
        .iter()
        .chain(&frontends)
        .copied()
        .chain(others)
        .collect()
}

fn moved(address: IpAddr, by: i8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from(u32::from(v4).wrapping_add_signed(by.into())).into(),
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6).wrapping_add_signed(i128::from(by))).into(),
    }
}
