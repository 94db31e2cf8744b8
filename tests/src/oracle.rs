//! What the specification says of a packet without any flow, read straight off the configuration:
//! no tables, no hashes, linear scans only. The judge of the pipeline and of `explain`.
//!
//! It knows the set of backends that a rule may choose, not which of them the hash picks.

use std::net::IpAddr;

use firmware_api::{DropReason, Family, PortId, Protocol, PuntReason};
use flow_compiler::ir::{
    FrontendIndex, Instance, Ir, LoadBalancer, LoadBalancingRule, NatRule, Outbound, Profile, Sku,
    Transport, family_of,
};

/// A packet, as far as the rules look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// TCP, UDP, ICMP, or none of them.
    pub protocol: Protocol,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Source port; 0 for ICMP.
    pub source_port: u16,
    /// Destination port; 0 for ICMP.
    pub destination_port: u16,
    /// TCP: SYN without ACK.
    pub opens: bool,
    /// An ICMP error, which quotes a packet.
    pub is_error: bool,
    /// A fragment, the first or a later one; its ports are 0.
    pub is_fragment: bool,
    /// The VLAN id of its tag; 0 when it has none.
    pub vlan: u16,
    /// Where it comes in: 0 = uplink, else a vport.
    pub ingress: PortId,
}

/// A packet's four translatable facts and where it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaving {
    /// The port.
    pub egress: PortId,
    /// Source address and port.
    pub source: (IpAddr, u16),
    /// Destination address and port.
    pub destination: (IpAddr, u16),
}

/// What has to become of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It leaves in one of these ways, and these records tell the driver of it.
    Leaves(Vec<Leaving>, Option<PuntReason>),
    /// The driver gets it.
    Held(PuntReason),
    /// It ends here.
    Dropped(DropReason),
}

/// A rule that listens where a packet goes.
#[derive(Clone, Copy)]
enum Listener<'a> {
    Balance(&'a LoadBalancer, &'a LoadBalancingRule),
    PortForward(&'a NatRule),
}

/// The oracle's answer for a packet that hits no flow entry, with every backend healthy and a
/// driver that lives.
pub fn fate(ir: &Ir, packet: &Packet) -> Fate {
    let instance = ir.instances.iter().find(|i| i.vport == packet.ingress);
    let vlan = if packet.ingress == 0 {
        ir.uplink.vlan
    } else {
        0
    };
    match (packet.ingress, instance) {
        (1.., None) => Fate::Dropped(DropReason::PortOff),
        _ if packet.vlan != vlan => Fate::Dropped(DropReason::VlanMismatch),
        (1.., Some(instance)) if !may_send(ir, instance, packet) => {
            Fate::Dropped(DropReason::SpoofedSource)
        }
        _ if packet.is_error => Fate::Held(PuntReason::IcmpError),
        (1.., Some(instance)) => from_instance(ir, instance, packet),
        (0, _) => from_uplink(ir, packet),
    }
}

fn from_uplink(ir: &Ir, packet: &Packet) -> Fate {
    if is_answered(ir, packet) {
        return if packet.is_fragment {
            Fate::Dropped(DropReason::Fragment)
        } else {
            Fate::Held(PuntReason::Echo)
        };
    }
    if let Some(listener) = listener(ir, packet, false) {
        return through(ir, packet, listener);
    }
    let owner = ir
        .instances
        .iter()
        .find(|i| i.public_addresses.contains(&packet.destination));
    if let Some(owner) = owner {
        let own = owner
            .address(family_of(packet.destination))
            .expect("a 1:1 address has a target");
        return leaves(
            packet,
            owner.vport,
            None,
            Some((own, packet.destination_port)),
        );
    }
    nobody(packet, DropReason::NoFrontend)
}

fn from_instance(ir: &Ir, instance: &Instance, packet: &Packet) -> Fate {
    let is_own = instance.addresses.contains(&packet.source);
    let forwarded = !is_own && !answers_floating(ir, instance, packet);
    if let Some(listener) = listener(ir, packet, true) {
        return through(ir, packet, listener);
    }
    let local = ir
        .instances
        .iter()
        .find(|i| i.addresses.contains(&packet.destination));
    let is_echo = packet.protocol == Protocol::Icmp && !packet.is_fragment;
    let cannot_reply = packet.opens || is_echo || forwarded;
    if !cannot_reply && let Some(frontend) = answers_for(ir, packet) {
        let may = ir.settings.ha_forward_fragments;
        return match local {
            Some(local) if packet.is_fragment && may => {
                leaves(packet, local.vport, Some(frontend.at), None)
            }
            _ if packet.is_fragment => Fate::Dropped(DropReason::Fragment),
            None if !frontend.internal => to_public(ir, packet, frontend.at),
            _ => Fate::Held(PuntReason::Midflow),
        };
    }
    if let Some(fate) = through_next_hop(ir, instance, packet, local) {
        return fate;
    }
    match local {
        Some(local) => leaves(packet, local.vport, None, None),
        None if is_own => way_out(ir, instance, packet),
        None => nobody(packet, DropReason::NoOutbound),
    }
}

/// As it is through any member of the HA-ports rule at the sender's next hop; not to the platform,
/// and not to who forwards itself.
fn through_next_hop(
    ir: &Ir,
    instance: &Instance,
    packet: &Packet,
    local: Option<&Instance>,
) -> Option<Fate> {
    let family = family_of(packet.destination);
    let hop = instance
        .next_hops
        .iter()
        .find(|h| family_of(**h) == family)?;
    let exempt = local.is_some_and(|local| {
        local.ip_forwarding
            || local.addresses.iter().any(|a| {
                ["168.63.129.16", "fe80::1234:5678:9abc"].contains(&a.to_string().as_str())
            })
    });
    if exempt {
        return None;
    }
    if packet.is_fragment || packet.protocol == Protocol::None {
        return Some(nobody(packet, DropReason::NoOutbound));
    }
    if packet.protocol == Protocol::Tcp && !packet.opens {
        return Some(Fate::Held(PuntReason::Midflow));
    }
    let probe = Packet {
        destination: *hop,
        protocol: Protocol::Icmp,
        ..*packet
    };
    let members = targets(ir, listener(ir, &probe, true)?, family);
    if members.is_empty() {
        return Some(Fate::Dropped(DropReason::NoBackend));
    }
    let ways = members.iter().map(|(member, ..)| Leaving {
        egress: member.vport,
        source: (packet.source, packet.source_port),
        destination: (packet.destination, packet.destination_port),
    });
    Some(Fate::Leaves(ways.collect(), Some(PuntReason::Steer)))
}

fn way_out(ir: &Ir, instance: &Instance, packet: &Packet) -> Fate {
    let family = family_of(packet.source);
    if let Some(public) = instance.public_address(family) {
        return to_public(ir, packet, (public, packet.source_port));
    }
    let index = ir
        .instances
        .iter()
        .position(|i| i == instance)
        .expect("one of them");
    let way = ir.outbound.way(
        flow_compiler::ir::InstanceIndex(index),
        family,
        packet.protocol,
    );
    let default = ir.uplink.link(family).default_outbound;
    let by_rules = match way {
        Outbound::Snat(allotments) => allotments
            .iter()
            .flat_map(|allotment| &allotment.quotas)
            .any(|quota| Some(quota.address) != default),
        Outbound::OneToOne { .. } | Outbound::None => false,
    };
    let by_default = default.is_some() && !is_behind_standard(ir, instance);
    match packet.protocol {
        _ if packet.is_fragment => Fate::Dropped(DropReason::Fragment),
        Protocol::Tcp | Protocol::Udp if !(by_rules || by_default) => {
            nobody(packet, DropReason::NoOutbound)
        }
        Protocol::Tcp if !packet.opens => Fate::Held(PuntReason::Midflow),
        Protocol::Tcp | Protocol::Udp => Fate::Held(PuntReason::SnatMiss),
        _ => nobody(packet, DropReason::NoOutbound),
    }
}

/// Whether a rule of a Standard load balancer is for the instance by its interface; then the
/// platform's address is not (L-OUT-03). Sets are not generated here.
fn is_behind_standard(ir: &Ir, instance: &Instance) -> bool {
    let is = |index: flow_compiler::ir::InstanceIndex| ir.instance(index) == instance;
    let standard = ir.load_balancers.iter().filter(|b| b.sku == Sku::Standard);
    standard.into_iter().any(|balancer| {
        let in_pool = |pool: flow_compiler::ir::PoolIndex| {
            let pool = &balancer.pools[pool.0];
            !pool.by_address && pool.members.iter().any(|m| is(m.instance))
        };
        balancer.rules.iter().any(|rule| in_pool(rule.pool))
            || balancer
                .outbound_rules
                .iter()
                .any(|rule| in_pool(rule.pool))
            || balancer.nat_rules.iter().any(|rule| is(rule.target))
    })
}

/// Out to a public destination with a new source; when the destination is this card's own public
/// address, in again from the uplink.
fn to_public(ir: &Ir, packet: &Packet, source: (IpAddr, u16)) -> Fate {
    let again = Packet {
        source: source.0,
        source_port: source.1,
        ingress: 0,
        ..*packet
    };
    let ours = ir
        .instances
        .iter()
        .any(|i| i.public_addresses.contains(&packet.destination))
        || is_answered(ir, &again)
        || listener(ir, &again, false).is_some();
    if ours {
        return from_uplink(ir, &again);
    }
    leaves(packet, 0, Some(source), None)
}

fn nobody(packet: &Packet, reason: DropReason) -> Fate {
    match packet.protocol {
        _ if packet.is_fragment => Fate::Dropped(DropReason::Fragment),
        Protocol::Tcp | Protocol::Udp => Fate::Dropped(reason),
        _ => Fate::Dropped(DropReason::UnsupportedProtocol),
    }
}

fn leaves(
    packet: &Packet,
    egress: PortId,
    source: Option<(IpAddr, u16)>,
    destination: Option<(IpAddr, u16)>,
) -> Fate {
    let leaving = Leaving {
        egress,
        source: source.unwrap_or((packet.source, packet.source_port)),
        destination: destination.unwrap_or((packet.destination, packet.destination_port)),
    };
    Fate::Leaves(vec![leaving], None)
}

/// A vport sends from its own addresses, or answers from a floating frontend's, or forwards.
fn may_send(ir: &Ir, instance: &Instance, packet: &Packet) -> bool {
    instance.addresses.contains(&packet.source)
        || answers_floating(ir, instance, packet)
        || instance.ip_forwarding
}

fn answers_floating(ir: &Ir, instance: &Instance, packet: &Packet) -> bool {
    serves_floating(ir, instance)
        && !ir
            .instances
            .iter()
            .any(|other| other.addresses.contains(&packet.source))
        && answers_for(ir, packet).is_some()
}

fn serves_floating(ir: &Ir, instance: &Instance) -> bool {
    let is = |index: flow_compiler::ir::InstanceIndex| ir.instance(index) == instance;
    ir.load_balancers.iter().any(|balancer| {
        let in_pool = |rule: &LoadBalancingRule| {
            balancer.pools[rule.pool.0]
                .members
                .iter()
                .any(|m| is(m.instance))
        };
        balancer
            .rules
            .iter()
            .any(|rule| rule.floating_ip && in_pool(rule))
            || balancer
                .nat_rules
                .iter()
                .any(|rule| rule.floating_ip && is(rule.target))
    })
}

/// Whether it pings a frontend that answers: a public Standard one that has an open rule, if the profile
/// says so.
fn is_answered(ir: &Ir, packet: &Packet) -> bool {
    let answers = |balancer: &LoadBalancer| {
        let pinged = |rule: &LoadBalancingRule| {
            rule.is_open && balancer.frontend(rule.frontend) == packet.destination
        };
        balancer.sku == Sku::Standard && !balancer.internal && balancer.rules.iter().any(pinged)
    };
    packet.protocol == Protocol::Icmp
        && ir.profile == Profile::Current
        && ir.load_balancers.iter().any(answers)
}

fn has_protocol(transport: Transport, packet: &Packet) -> bool {
    transport.protocols().contains(&packet.protocol)
}

/// The open rule that listens at the packet's destination; one for the port before one for all ports.
fn listener<'a>(ir: &'a Ir, packet: &Packet, internal: bool) -> Option<Listener<'a>> {
    let at = |balancer: &LoadBalancer, index: FrontendIndex, transport, port| {
        balancer.internal == internal
            && balancer.frontend(index) == packet.destination
            && has_protocol(transport, packet)
            && port == packet.destination_port
    };
    for balancer in &ir.load_balancers {
        for rule in balancer
            .rules
            .iter()
            .filter(|r| r.is_open && !r.is_ha_ports())
        {
            if at(balancer, rule.frontend, rule.transport, rule.frontend_port) {
                return Some(Listener::Balance(balancer, rule));
            }
        }
        for rule in balancer.nat_rules.iter().filter(|r| r.is_open) {
            if at(balancer, rule.frontend, rule.transport, rule.frontend_port) {
                return Some(Listener::PortForward(rule));
            }
        }
    }
    ir.load_balancers
        .iter()
        .filter(|b| b.internal == internal)
        .find_map(|balancer| {
            let mut rules = balancer.rules.iter().filter(|r| r.is_ha_ports());
            let rule = rules.find(|rule| {
                // Every protocol that may be balanced, and ICMP (L-HA-09).
                balancer.frontend(rule.frontend) == packet.destination
                    && packet.protocol != Protocol::None
            })?;
            Some(Listener::Balance(balancer, rule))
        })
}

/// Through a rule to one of its backends.
fn through(ir: &Ir, packet: &Packet, listener: Listener<'_>) -> Fate {
    // A fragment has no port, so only HA ports listen where it goes.
    if packet.is_fragment && !ir.settings.ha_forward_fragments {
        return Fate::Dropped(DropReason::Fragment);
    }
    if packet.protocol == Protocol::Tcp && !packet.opens && !packet.is_fragment {
        return Fate::Held(PuntReason::Midflow);
    }
    let family = family_of(packet.destination);
    let leaving: Vec<Leaving> = targets(ir, listener, family)
        .into_iter()
        .map(|(target, port, floating)| {
            let own = target
                .address(family)
                .expect("a target has the frontend's family");
            let address = if floating { packet.destination } else { own };
            let port = if port == 0 {
                packet.destination_port
            } else {
                port
            };
            Leaving {
                egress: target.vport,
                source: (packet.source, packet.source_port),
                destination: (address, port),
            }
        })
        .collect();
    if leaving.is_empty() {
        return Fate::Dropped(DropReason::NoBackend);
    }
    let told = (!packet.is_fragment).then_some(PuntReason::Learn);
    Fate::Leaves(leaving, told)
}

/// The instances a listener may send to, their port, and whether the address stays the frontend's.
fn targets<'a>(
    ir: &'a Ir,
    listener: Listener<'_>,
    family: Family,
) -> Vec<(&'a Instance, u16, bool)> {
    match listener {
        Listener::PortForward(rule) => {
            vec![(
                ir.instance(rule.target),
                rule.backend_port,
                rule.floating_ip,
            )]
        }
        Listener::Balance(balancer, rule) => balancer.pools[rule.pool.0]
            .members
            .iter()
            .map(|member| ir.instance(member.instance))
            .filter(|instance| instance.address(family).is_some())
            .map(|instance| (instance, rule.backend_port, rule.floating_ip))
            .collect(),
    }
}

/// The frontend for which the packet's sender answers, if it is a backend and its source that of a
/// rule: the one that alone claims the address and port, or else the one that alone claims every
/// port of the address.
fn answers_for(ir: &Ir, packet: &Packet) -> Option<Claim> {
    if let [one] = claims(ir, packet, false).as_slice() {
        return Some(*one);
    }
    match claims(ir, packet, true).as_slice() {
        [one] => Some(Claim {
            at: (one.at.0, packet.source_port),
            ..*one
        }),
        _ => None,
    }
}

/// A frontend in whose name somebody answers.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Claim {
    at: (IpAddr, u16),
    internal: bool,
}

/// Frontends whose replies have the packet's source; `ha` = those of HA-ports rules.
fn claims(ir: &Ir, packet: &Packet, ha: bool) -> Vec<Claim> {
    let family = family_of(packet.source);
    let mut found = Vec::new();
    for balancer in &ir.load_balancers {
        let mut claim = |listener, frontend, transport, backend_port, frontend_port| {
            let address = balancer.frontend(frontend);
            let port_fits = ha || backend_port == packet.source_port;
            let protocol_fits = if ha {
                packet.protocol != Protocol::None
            } else {
                has_protocol(transport, packet)
            };
            if family_of(address) != family || !protocol_fits || !port_fits {
                return;
            }
            let claims = targets(ir, listener, family)
                .into_iter()
                .any(|(target, _, floating)| {
                    let source = if floating {
                        Some(address)
                    } else {
                        target.address(family)
                    };
                    source == Some(packet.source)
                });
            let claim = Claim {
                at: (address, frontend_port),
                internal: balancer.internal,
            };
            if claims && !found.contains(&claim) {
                found.push(claim);
            }
        };
        for rule in balancer.rules.iter().filter(|r| r.is_ha_ports() == ha) {
            let listener = Listener::Balance(balancer, rule);
            claim(
                listener,
                rule.frontend,
                rule.transport,
                rule.backend_port,
                rule.frontend_port,
            );
        }
        for rule in balancer.nat_rules.iter().filter(|_| !ha) {
            let listener = Listener::PortForward(rule);
            claim(
                listener,
                rule.frontend,
                rule.transport,
                rule.backend_port,
                rule.frontend_port,
            );
        }
    }
    found
}
