//! Ports, instances and the addresses that lead to them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use firmware_api::entry::address::AddressKey;
use firmware_api::entry::instance::{InstanceConfig, WayOut};
use firmware_api::entry::port::{Mac, PortConfig, PortKind};
use firmware_api::entry::rule::RuleId;
use firmware_api::{Family, Protocol, UPLINK_PORT, Zone};

use super::Lowering;
use crate::ids::Exhausted;
use crate::ir::{Instance, InstanceIndex, NextHop, Outbound};
use crate::mac::MacAddr;
use crate::names::RuleRef;

/// The destination of frames while the next hop is not known: nobody.
const UNRESOLVED: Mac = [0; 6];

impl Lowering<'_> {
    pub(super) fn add_ports(&mut self) {
        let uplink = self.ir.uplink;
        let config = PortConfig {
            kind: PortKind::Uplink,
            zone: Zone::UPLINK,
            own_mac: uplink.mac.octets(),
            peer_mac_v4: self.next_hop_mac(Family::V4),
            peer_mac_v6: self.next_hop_mac(Family::V6),
            vlan: uplink.vlan,
        };
        self.lowered.tables.port.insert(UPLINK_PORT, config);
    }

    fn next_hop_mac(&self, family: Family) -> Mac {
        match self.ir.uplink.link(family).next_hop {
            NextHop::Static(mac) => mac.octets(),
            NextHop::Resolve(address) => {
                (self.live.next_hop_mac)(address).map_or(UNRESOLVED, MacAddr::octets)
            }
            NextHop::None => UNRESOLVED,
        }
    }

    pub(super) fn add_instances(&mut self) -> Result<(), Exhausted> {
        let floating = self.instances_with_floating_ip();
        for index in (0..self.ir.instances.len()).map(InstanceIndex) {
            let config = self.instance_config(index, floating.contains(&index));
            let id = self.instance_id(index, config)?;
            let instance = self.ir.instance(index);
            // The card is the gateway of every instance, under its uplink address.
            let port = PortConfig {
                kind: PortKind::Vport(id),
                zone: if instance.ip_forwarding {
                    Zone::FORWARD
                } else {
                    Zone::VNET
                },
                own_mac: self.ir.uplink.mac.octets(),
                peer_mac_v4: instance.mac.octets(),
                peer_mac_v6: instance.mac.octets(),
                vlan: 0,
            };
            self.lowered.tables.port.insert(instance.vport, port);
            let name = self.instance_name(index);
            self.lowered.names.vports.insert(instance.vport, name);
            self.name_default_ways(index);
            for (zone, addresses) in [
                (Zone::VNET, &instance.addresses),
                (Zone::UPLINK, &instance.public_addresses),
            ] {
                let key = |address: &IpAddr| AddressKey {
                    zone,
                    destination: *address,
                };
                let keys = addresses.iter().map(key);
                self.lowered
                    .tables
                    .address
                    .extend(keys.map(|key| (key, id)));
            }
        }
        Ok(())
    }

    fn instance_config(&self, index: InstanceIndex, floating_ip: bool) -> InstanceConfig {
        let instance = self.ir.instance(index);
        let way = |family, protocol| match self.ir.outbound.way(index, family, protocol) {
            Outbound::OneToOne { .. } => WayOut::OneToOne,
            Outbound::Snat(_) => WayOut::Snat,
            Outbound::None => WayOut::None,
        };
        InstanceConfig {
            address_v4: instance.address(Family::V4).and_then(v4),
            address_v6: instance.address(Family::V6).and_then(v6),
            public_v4: instance.public_address(Family::V4).and_then(v4),
            public_v6: instance.public_address(Family::V6).and_then(v6),
            ways_out: [
                way(Family::V4, Protocol::Tcp),
                way(Family::V4, Protocol::Udp),
                way(Family::V6, Protocol::Tcp),
                way(Family::V6, Protocol::Udp),
            ],
            vport: instance.vport,
            floating_ip,
            ip_forwarding: instance.ip_forwarding,
            platform: instance.is_platform(),
            next_hop_v4: self.next_hop(instance, Family::V4),
            next_hop_v6: self.next_hop(instance, Family::V6),
        }
    }

    /// Ways out by the platform's address: to the card they are like any other by SNAT.
    fn name_default_ways(&mut self, index: InstanceIndex) {
        let vport = self.ir.instance(index).vport;
        for family in [Family::V4, Family::V6] {
            let Some(address) = self.ir.uplink.link(family).default_outbound else {
                continue;
            };
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                if self
                    .ir
                    .outbound
                    .way(index, family, protocol)
                    .leads_by(address)
                {
                    let by_default = &mut self.lowered.names.by_default;
                    by_default.insert((vport, family, protocol), address);
                }
            }
        }
    }

    /// The rule of an instance's next hop; rules have their numbers before instances.
    fn next_hop(&self, instance: &Instance, family: Family) -> Option<RuleId> {
        let (balancer, position) = self.ir.next_hop(instance, family)?;
        let rule = RuleRef::LoadBalancing(balancer, position);
        let mut names = self.lowered.names.rules.iter();
        names.find(|(_, name)| name.rule == rule).map(|(id, _)| *id)
    }

    /// Instances that may answer from a frontend's address.
    fn instances_with_floating_ip(&self) -> BTreeSet<InstanceIndex> {
        let mut instances = BTreeSet::new();
        for balancer in &self.ir.load_balancers {
            for rule in balancer.rules.iter().filter(|rule| rule.floating_ip) {
                let members = &balancer.pools[rule.pool.0].members;
                instances.extend(members.iter().map(|member| member.instance));
            }
            let nat_rules = balancer.nat_rules.iter().filter(|rule| rule.floating_ip);
            instances.extend(nat_rules.map(|rule| rule.target));
        }
        instances
    }
}

fn v4(address: IpAddr) -> Option<std::net::Ipv4Addr> {
    match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}

fn v6(address: IpAddr) -> Option<std::net::Ipv6Addr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => Some(v6),
    }
}
