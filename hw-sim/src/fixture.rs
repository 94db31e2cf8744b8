//! What tests need around a card: a small one, a driver's hand in its tables, and frames.

use std::net::IpAddr;
use std::process::Command;

use firmware_api::control;
use firmware_api::entry::address::{Address, AddressKey};
use firmware_api::entry::backend::{Backend, BackendConfig, BackendId};
use firmware_api::entry::flow::{FlowAction, FlowKey, FlowV4, FlowV6};
use firmware_api::entry::frontend::{FrontendAction, FrontendKey, FrontendV4, FrontendV6};
use firmware_api::entry::instance::{Instance, InstanceConfig, InstanceId};
use firmware_api::entry::port::{Mac, Port, PortConfig, PortKind};
use firmware_api::entry::return_path::{
    ReturnPathAction, ReturnPathKey, ReturnPathV4, ReturnPathV6,
};
use firmware_api::entry::rule::{Rule, RuleConfig, RuleId};
use firmware_api::entry::selector::Selector;
use firmware_api::entry::snat_block::{SnatBlock, SnatBlockKey};
use firmware_api::entry::{Entry, ExactEntry};
use firmware_api::hash::HashKey;
use firmware_api::packet::checksum;
use firmware_api::packet::header::ethertype;
use firmware_api::register::{HASH_KEY_0, HASH_KEY_1};
use firmware_api::{Memory, PortId, Protocol, Zone};

use crate::config::{CardConfig, Layout};
use crate::memory::SimMemory;

pub(crate) const SECRET: HashKey = HashKey(0x0123_4567_89ab_cdef, 0xfeed_beef_cafe_f00d);

/// The own MAC of a port, and the MAC of who is behind it.
pub(crate) const fn own_mac(port: PortId) -> Mac {
    [2, 0, 0, 0, 1, port as u8]
}

/// The MAC that a port's IPv4 frames are sent to; IPv6 frames have one more in the fifth byte.
pub(crate) const fn peer_mac(port: PortId) -> Mac {
    [2, 0, 0, 0, 2, port as u8]
}

pub(crate) const fn peer_mac_v6(port: PortId) -> Mac {
    [2, 0, 0, 0, 3, port as u8]
}

pub(crate) fn small() -> CardConfig {
    CardConfig {
        ports: 8,
        flows: 256,
        stash: 4,
        frontends: 64,
        rules: 16,
        selector: 256,
        backends: 16,
        instances: 16,
        snat_blocks: 64,
        ring_memory: 1 << 20,
        ..CardConfig::default()
    }
}

/// Whether tests have a switch; says so when they have none.
pub(crate) fn bmv2_is_installed() -> bool {
    let found = Command::new("simple_switch").arg("--version").output();
    if found.is_err() {
        eprintln!("skipped: simple_switch is not on PATH");
    }
    found.is_ok()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A driver that writes tables.
pub(crate) struct Writer<'a> {
    pub(crate) bar0: &'a SimMemory,
    pub(crate) bar2: &'a SimMemory,
    pub(crate) layout: &'a Layout,
}

impl Writer<'_> {
    pub(crate) fn secret(&self) {
        self.bar0.store64(HASH_KEY_0.offset, SECRET.0);
        self.bar0.store64(HASH_KEY_1.offset, SECRET.1);
    }

    pub(crate) fn slot<const N: usize, E: Entry<N>>(&self, slot: u32) -> u64 {
        self.layout.table(E::TABLE).offset + u64::from(slot) * 8 * N as u64
    }

    pub(crate) fn write<const N: usize, E: Entry<N>>(&self, slot: u32, entry: E) {
        let at = self.slot::<N, E>(slot);
        let last = at + 8 * (N as u64 - 1);
        let words = control::seal(entry.to_words(), self.bar2.load64(last));
        for (i, word) in words.iter().enumerate() {
            self.bar2.store64(at + 8 * i as u64, *word);
        }
    }

    pub(crate) fn clear<const N: usize, E: Entry<N>>(&self, slot: u32) {
        let last = self.slot::<N, E>(slot) + 8 * (N as u64 - 1);
        self.bar2
            .store64(last, control::cleared(self.bar2.load64(last)));
    }

    /// Writes the entry into the first free slot of its buckets; returns the slot.
    pub(crate) fn insert<const N: usize, E: ExactEntry<N>>(&self, entry: E) -> u32 {
        let geometry = self.layout.table(E::TABLE).geometry;
        let buckets = geometry.buckets(entry.key().hash::<E>(SECRET));
        let slot = buckets
            .iter()
            .flat_map(|b| (0..u32::from(geometry.ways)).map(|w| geometry.first_slot(*b) + w))
            .find(|slot| {
                let last = self.slot::<N, E>(*slot) + 8 * (N as u64 - 1);
                !control::is_valid(self.bar2.load64(last))
            })
            .expect("a free slot");
        self.write(slot, entry);
        slot
    }

    pub(crate) fn port(&self, port: PortId, kind: PortKind, vlan: u16) {
        let zone = if kind == PortKind::Uplink {
            Zone::UPLINK
        } else {
            Zone::VNET
        };
        let entry = Port::new(PortConfig {
            kind,
            zone,
            own_mac: own_mac(port),
            peer_mac_v4: peer_mac(port),
            peer_mac_v6: peer_mac_v6(port),
            vlan,
        });
        self.write::<4, Port>(port.into(), entry);
    }

    pub(crate) fn instance(&self, id: InstanceId, config: InstanceConfig) {
        self.write::<8, Instance>(id.into(), Instance::new(config));
        let own = [
            config.address_v4.map(IpAddr::V4),
            config.address_v6.map(IpAddr::V6),
        ];
        for address in own.into_iter().flatten() {
            self.address(Zone::VNET, address, id);
        }
        let public = [
            config.public_v4.map(IpAddr::V4),
            config.public_v6.map(IpAddr::V6),
        ];
        for address in public.into_iter().flatten() {
            self.address(Zone::UPLINK, address, id);
        }
    }

    pub(crate) fn address(&self, zone: Zone, destination: IpAddr, id: InstanceId) {
        self.insert(Address::new(AddressKey { zone, destination }, id));
    }

    pub(crate) fn frontend(
        &self,
        zone: Zone,
        destination: IpAddr,
        protocol: Protocol,
        port: u16,
        action: FrontendAction,
    ) {
        match destination {
            IpAddr::V4(destination) => {
                let key = FrontendKey {
                    zone,
                    destination,
                    protocol,
                    port,
                };
                self.insert(FrontendV4::new(key, action));
            }
            IpAddr::V6(destination) => {
                let key = FrontendKey {
                    zone,
                    destination,
                    protocol,
                    port,
                };
                self.insert(FrontendV6::new(key, action));
            }
        }
    }

    pub(crate) fn return_path(
        &self,
        source: IpAddr,
        protocol: Protocol,
        port: u16,
        to: (IpAddr, u16),
    ) {
        let zone = Zone::VNET;
        match (source, to.0) {
            (IpAddr::V4(source), IpAddr::V4(address)) => {
                let key = ReturnPathKey {
                    zone,
                    source,
                    protocol,
                    port,
                };
                let action = ReturnPathAction {
                    address,
                    port: to.1,
                    internal: false,
                    fragments: false,
                };
                self.insert(ReturnPathV4::new(key, action));
            }
            (IpAddr::V6(source), IpAddr::V6(address)) => {
                let key = ReturnPathKey {
                    zone,
                    source,
                    protocol,
                    port,
                };
                let action = ReturnPathAction {
                    address,
                    port: to.1,
                    internal: false,
                    fragments: false,
                };
                self.insert(ReturnPathV6::new(key, action));
            }
            _ => panic!("families differ"),
        }
    }

    /// Writes an entry that is a single word.
    fn word<E: Entry<1>>(&self, row: u32, entry: E) {
        let [word] = entry.to_words();
        self.bar2.store64(self.slot::<1, E>(row), word);
    }

    pub(crate) fn rule(&self, id: RuleId, config: RuleConfig) {
        self.word(id.into(), Rule::new(config));
    }

    pub(crate) fn selector(&self, slot: u32, backend: Option<BackendId>) {
        self.word(slot, Selector::new(backend));
    }

    pub(crate) fn backend(&self, id: BackendId, address: IpAddr, port: u16, egress: PortId) {
        let config = BackendConfig {
            address,
            port,
            egress,
        };
        self.write::<4, Backend>(id.into(), Backend::new(config));
    }

    pub(crate) fn snat_block(&self, address: IpAddr, protocol: Protocol, port: u16) {
        let key = SnatBlockKey {
            address,
            protocol,
            block: port / 8,
        };
        self.insert(SnatBlock::new(key, 0));
    }

    /// Returns the slot.
    pub(crate) fn flow(&self, key: FlowKey<IpAddr>, action: FlowAction<IpAddr>) -> u32 {
        match (key.source, key.destination, action.address) {
            (IpAddr::V4(source), IpAddr::V4(destination), IpAddr::V4(address)) => {
                let key = FlowKey {
                    source,
                    destination,
                    zone: key.zone,
                    protocol: key.protocol,
                    source_port: key.source_port,
                    destination_port: key.destination_port,
                };
                let action = FlowAction {
                    address,
                    flow: action.flow,
                    direction: action.direction,
                    side: action.side,
                    port: action.port,
                    egress: action.egress,
                };
                self.insert(FlowV4::new(key, action))
            }
            (IpAddr::V6(source), IpAddr::V6(destination), IpAddr::V6(address)) => {
                let key = FlowKey {
                    source,
                    destination,
                    zone: key.zone,
                    protocol: key.protocol,
                    source_port: key.source_port,
                    destination_port: key.destination_port,
                };
                let action = FlowAction {
                    address,
                    flow: action.flow,
                    direction: action.direction,
                    side: action.side,
                    port: action.port,
                    egress: action.egress,
                };
                self.insert(FlowV6::new(key, action))
            }
            _ => panic!("families differ"),
        }
    }
}

/// An IP packet to be made into a frame.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) macs: (Mac, Mac),
    pub(crate) vlan: Option<u16>,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) ip_protocol: u8,
    /// The transport header and payload, checksum zero.
    pub(crate) segment: Vec<u8>,
    /// Where in the segment the checksum is, and whether it covers the addresses.
    pub(crate) checksum: Option<(usize, bool)>,
}

impl Wire {
    /// From who is behind a port to the card.
    fn at(port: PortId, source: &str, destination: &str, ip_protocol: u8) -> Self {
        Self {
            macs: (own_mac(port), peer_mac(port)),
            vlan: None,
            source: ip(source),
            destination: ip(destination),
            ip_protocol,
            segment: Vec::new(),
            checksum: None,
        }
    }

    pub(crate) fn tcp(port: PortId, from: (&str, u16), to: (&str, u16), flags: u8) -> Self {
        let mut wire = Self::at(port, from.0, to.0, 6);
        wire.segment.extend(from.1.to_be_bytes());
        wire.segment.extend(to.1.to_be_bytes());
        wire.segment.extend([0, 0, 1, 0, 0, 0, 2, 0, 0x50, flags]);
        wire.segment.extend([0x20, 0, 0, 0, 0, 0]);
        wire.checksum = Some((16, true));
        wire
    }

    pub(crate) fn udp(port: PortId, from: (&str, u16), to: (&str, u16), payload: &[u8]) -> Self {
        let mut wire = Self::at(port, from.0, to.0, 17);
        wire.segment.extend(from.1.to_be_bytes());
        wire.segment.extend(to.1.to_be_bytes());
        wire.segment
            .extend((8 + payload.len() as u16).to_be_bytes());
        wire.segment.extend([0, 0]);
        wire.segment.extend(payload);
        wire.checksum = Some((6, true));
        wire
    }

    pub(crate) fn icmp(port: PortId, source: &str, destination: &str, kind: u8) -> Self {
        let is_v4 = ip(source).is_ipv4();
        let mut wire = Self::at(port, source, destination, if is_v4 { 1 } else { 58 });
        wire.segment = vec![kind, 0, 0, 0, 0, 1, 0, 2, 0xab];
        wire.checksum = Some((2, !is_v4));
        wire
    }

    pub(crate) fn other(port: PortId, source: &str, destination: &str, ip_protocol: u8) -> Self {
        let mut wire = Self::at(port, source, destination, ip_protocol);
        wire.segment = vec![0x11; 16];
        wire
    }

    pub(crate) fn payload(mut self, payload: &[u8]) -> Self {
        self.segment.extend(payload);
        self
    }

    pub(crate) fn vlan(mut self, vlan: u16) -> Self {
        self.vlan = Some(vlan);
        self
    }

    /// As it looks when `port` sends it to who is behind it.
    pub(crate) fn sent_by(mut self, port: PortId) -> Self {
        let peer = if self.source.is_ipv4() {
            peer_mac(port)
        } else {
            peer_mac_v6(port)
        };
        self.macs = (peer, own_mac(port));
        self.vlan = None;
        self
    }

    pub(crate) fn source(mut self, address: &str, port: u16) -> Self {
        self.source = ip(address);
        self.ports(0, port);
        self
    }

    pub(crate) fn destination(mut self, address: &str, port: u16) -> Self {
        self.destination = ip(address);
        self.ports(2, port);
        self
    }

    fn ports(&mut self, at: usize, port: u16) {
        if matches!(self.ip_protocol, 6 | 17) {
            self.segment[at..at + 2].copy_from_slice(&port.to_be_bytes());
        }
    }

    pub(crate) fn frame(&self) -> Vec<u8> {
        let octets = |address: IpAddr| match address {
            IpAddr::V4(a) => a.octets().to_vec(),
            IpAddr::V6(a) => a.octets().to_vec(),
        };
        let (source, destination) = (octets(self.source), octets(self.destination));
        let mut segment = self.segment.clone();
        if let Some((at, covers_addresses)) = self.checksum {
            let sum = if covers_addresses {
                checksum::transport(&source, &destination, self.ip_protocol, &segment)
            } else {
                !checksum::sum(&segment)
            };
            let sum = if self.ip_protocol == 17 && sum == 0 {
                0xffff
            } else {
                sum
            };
            segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        let mut frame = [self.macs.0, self.macs.1].concat();
        if let Some(vlan) = self.vlan {
            frame.extend(ethertype::VLAN.to_be_bytes());
            frame.extend(vlan.to_be_bytes());
        }
        if self.source.is_ipv4() {
            frame.extend(ethertype::IPV4.to_be_bytes());
            let mut header = vec![0x45, 0];
            header.extend((20 + segment.len() as u16).to_be_bytes());
            header.extend([0x12, 0x34, 0x40, 0, 63, self.ip_protocol, 0, 0]);
            header.extend(source);
            header.extend(destination);
            let sum = !checksum::sum(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            frame.extend(header);
        } else {
            frame.extend(ethertype::IPV6.to_be_bytes());
            frame.extend([0x60, 0, 0, 0]);
            frame.extend((segment.len() as u16).to_be_bytes());
            frame.extend([self.ip_protocol, 63]);
            frame.extend(source);
            frame.extend(destination);
        }
        frame.extend(segment);
        frame
    }
}
