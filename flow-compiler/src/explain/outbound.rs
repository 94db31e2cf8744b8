//! What an instance sends: replies, packets to neighbours, and ways out.

use std::net::IpAddr;

use firmware_api::entry::instance::{InstanceConfig, WayOut};
use firmware_api::entry::return_path::ReturnPathAction;
use firmware_api::{DropReason, Family, PuntReason, Zone};

use super::record::{Stage, Verdict};
use super::search::{self, Key};
use super::walk::{ASK_THE_DRIVER, Source, Walk, endpoint};

impl Walk<'_> {
    pub(super) fn miss_vport(&mut self, instance: &InstanceConfig) -> Verdict {
        if let Some(verdict) = self.reply() {
            return verdict;
        }
        let destination = self.packet.destination;
        let owner = search::address(self.tables, Zone::VNET, destination);
        if let Some(verdict) = self.next_hop(instance, owner) {
            return verdict;
        }
        if let Some(id) = owner {
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
        let is_foreign = self.source == Source::Foreign;
        if !self.packet.is_claimable() || self.packet.is_request() || is_foreign {
            return None;
        }
        let source = endpoint(self.packet.source, self.packet.source_port);
        let Some(frontend) = self.return_path() else {
            self.miss(
                Stage::ReturnPath,
                format!("{source} answers for no frontend"),
            );
            return None;
        };
        if self.packet.is_fragment() {
            return Some(self.fragment_reply(frontend));
        }
        let destination = self.packet.destination;
        if search::address(self.tables, Zone::VNET, destination).is_some() {
            let text = format!("{source} answers for a frontend, or directly: {ASK_THE_DRIVER}");
            self.hit(Stage::ReturnPath, text);
            return Some(Verdict::Punt(PuntReason::Midflow));
        }
        if frontend.internal {
            let text = format!("{source} answers for an internal frontend: {ASK_THE_DRIVER}");
            self.hit(Stage::ReturnPath, text);
            return Some(Verdict::Punt(PuntReason::Midflow));
        }
        self.packet.source = frontend.address;
        if frontend.port != 0 {
            self.packet.source_port = frontend.port;
        }
        let text = format!(
            "{source} answers as {}",
            endpoint(frontend.address, self.packet.source_port)
        );
        self.hit(Stage::ReturnPath, text);
        Some(self.leave())
    }

    /// A fragment of a backend of HA ports; it counts as a reply, to whichever instance it goes.
    fn fragment_reply(&mut self, frontend: ReturnPathAction<IpAddr>) -> Verdict {
        let (source, address) = (self.packet.source, frontend.address);
        let owner = search::address(self.tables, Zone::VNET, self.packet.destination);
        let why = match owner {
            _ if !frontend.fragments => "which sends no fragments",
            None if frontend.internal => "which sends fragments to instances only",
            _ => {
                self.packet.source = address;
                let text = format!("{source} answers as {address}");
                self.hit(Stage::ReturnPath, text);
                return match owner.map(|id| self.instance_config(id)) {
                    None => self.leave(),
                    Some(Some(instance)) => self.forward(instance.vport),
                    Some(None) => Verdict::Drop(DropReason::BrokenReference),
                };
            }
        };
        let text = format!("{source} answers as {address}, {why}");
        self.miss(Stage::ReturnPath, text);
        Verdict::Drop(DropReason::Fragment)
    }

    pub(super) fn return_path(&self) -> Option<ReturnPathAction<IpAddr>> {
        let key = Key {
            zone: Zone::VNET,
            address: self.packet.source,
            protocol: self.packet.protocol(),
            port: self.packet.source_port,
        };
        let found = || search::return_path(self.tables, key);
        self.packet.is_claimable().then(found).flatten()
    }

    /// Through the sender's next hop, unless it has none or the packet is not to be steered.
    fn next_hop(&mut self, instance: &InstanceConfig, owner: Option<u16>) -> Option<Verdict> {
        let rule = instance.next_hop(self.packet.family())?;
        let name = self.names.rule(rule);
        if let Some(owner) = owner {
            let Some(receiver) = self.instance_config(owner) else {
                return Some(Verdict::Drop(DropReason::BrokenReference));
            };
            if !receiver.is_steered_to() {
                let receiver = self.names.instance(owner);
                let text = format!("rule {name}, but packets to {receiver} are not steered");
                self.miss(Stage::NextHop, text);
                return None;
            }
        }
        if !self.packet.has_flow() {
            let text = format!("rule {name} is the only way, and not for this packet");
            self.miss(Stage::NextHop, text);
            return Some(Verdict::Drop(self.packet.unclaimed(DropReason::NoOutbound)));
        }
        self.hit(Stage::NextHop, format!("through a member of rule {name}"));
        Some(self.steer(rule))
    }

    fn way_out(&mut self, instance: &InstanceConfig) -> Verdict {
        let family = self.packet.family();
        let protocol = self.packet.protocol();
        let way = if self.source == Source::Own {
            instance.way_out(family, protocol)
        } else {
            WayOut::None
        };
        match way {
            WayOut::OneToOne => self.one_to_one(instance),
            WayOut::Snat if self.packet.is_fragment() => {
                self.miss(Stage::Instance, "SNAT takes no fragments");
                Verdict::Drop(DropReason::Fragment)
            }
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
                let why = if self.source == Source::Own {
                    "has no way out for this protocol"
                } else {
                    "has a way out for its own address only"
                };
                self.miss(Stage::Instance, why);
                Verdict::Drop(self.packet.unclaimed(DropReason::NoOutbound))
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
