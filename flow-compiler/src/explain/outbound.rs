//! What an instance sends: replies, packets to neighbours, and ways out.

use std::net::IpAddr;

use firmware_api::entry::instance::{InstanceConfig, WayOut};
use firmware_api::{DropReason, Family, PuntReason, Zone};

use super::record::{Stage, Verdict};
use super::search::{self, Key};
use super::walk::{ASK_THE_DRIVER, Walk, endpoint};

impl Walk<'_> {
    pub(super) fn miss_vport(&mut self, instance: &InstanceConfig) -> Verdict {
        if let Some(verdict) = self.reply() {
            return verdict;
        }
        let destination = self.packet.destination;
        if let Some(id) = search::address(self.tables, Zone::VNET, destination) {
            let Some(neighbour) = self.instance_config(id) else {
                return Verdict::Drop(DropReason::BrokenReference);
            };
            let name = self.names.instance(id);
            self.hit(
                Stage::Address,
                format!("{destination} is {name}: delivered as it is"),
            );
            return self.forward(neighbour.vport);
        }
        self.miss(
            Stage::Address,
            format!("{destination} is no instance's address"),
        );
        self.way_out(instance)
    }

    /// The reply of a backend, unless it opens a connection of its own.
    fn reply(&mut self) -> Option<Verdict> {
        if !self.packet.has_flow() || self.packet.is_request() {
            return None;
        }
        let source = endpoint(self.packet.source, self.packet.source_port);
        let Some((address, port)) = self.return_path() else {
            self.miss(
                Stage::ReturnPath,
                format!("{source} answers for no frontend"),
            );
            return None;
        };
        let destination = self.packet.destination;
        if search::address(self.tables, Zone::VNET, destination).is_some() {
            let text = format!("{source} answers for a frontend, or directly: {ASK_THE_DRIVER}");
            self.hit(Stage::ReturnPath, text);
            return Some(Verdict::Punt(PuntReason::Midflow));
        }
        self.packet.source = address;
        if port != 0 {
            self.packet.source_port = port;
        }
        let text = format!(
            "{source} answers as {}",
            endpoint(address, self.packet.source_port)
        );
        self.hit(Stage::ReturnPath, text);
        Some(self.leave())
    }

    pub(super) fn return_path(&self) -> Option<(IpAddr, u16)> {
        let key = Key {
            zone: Zone::VNET,
            address: self.packet.source,
            protocol: self.packet.protocol(),
            port: self.packet.source_port,
        };
        let found = || search::return_path(self.tables, key).map(|(endpoint, _)| endpoint);
        self.packet.has_flow().then(found).flatten()
    }

    fn way_out(&mut self, instance: &InstanceConfig) -> Verdict {
        let family = self.packet.family();
        match instance.way_out(family, self.packet.protocol()) {
            WayOut::OneToOne => self.one_to_one(instance),
            WayOut::Snat if self.packet.is_midflow() => {
                let text = format!("TCP without SYN: {ASK_THE_DRIVER}");
                self.hit(Stage::Instance, text);
                Verdict::Punt(PuntReason::Midflow)
            }
            WayOut::Snat => {
                let key = (instance.vport, family, self.packet.protocol());
                let text = match self.names.by_default.get(&key) {
                    Some(address) => format!(
                        "leaves by default outbound access: a SNAT port of {address}, which the driver allocates"
                    ),
                    None => "leaves by a SNAT port, which the driver allocates".to_owned(),
                };
                self.hit(Stage::Instance, text);
                Verdict::Punt(PuntReason::SnatMiss)
            }
            WayOut::None => {
                self.miss(Stage::Instance, "has no way out for this protocol");
                Verdict::Drop(if self.packet.has_ports() {
                    DropReason::NoOutbound
                } else {
                    DropReason::UnsupportedProtocol
                })
            }
        }
    }

    fn one_to_one(&mut self, instance: &InstanceConfig) -> Verdict {
        let public = match self.packet.family() {
            Family::V4 => instance.public_v4.map(IpAddr::from),
            Family::V6 => instance.public_v6.map(IpAddr::from),
        };
        let Some(public) = public else {
            return Verdict::Drop(DropReason::BrokenReference);
        };
        self.hit(
            Stage::Instance,
            format!("leaves by its 1:1 address {public}"),
        );
        self.packet.source = public;
        self.leave()
    }
}
