//! Instances: names, vports, Ethernet and IP addresses, each unique.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::addresses::Addresses;
use super::scope::Scope;
use super::sets::Group;
use crate::config::{self, Config};
use crate::diagnostic::{Code, Report, Span, Spanned};
use crate::ir::{Instance, InstanceIndex, family_of};
use crate::mac::MacAddr;

/// The instances and their names.
pub(super) struct Instances<'a> {
    pub(super) all: Vec<Instance>,
    /// Where each instance is written.
    pub(super) spans: Vec<Span>,
    /// The set that each instance is of.
    pub(super) groups: Vec<Group<'a>>,
    pub(super) scope: Scope<'a, InstanceIndex>,
}

/// The instances of a configuration.
pub(super) fn resolve<'a>(
    config: &'a Config,
    addresses: &mut Addresses<'_>,
    report: &'a Report,
) -> Instances<'a> {
    let mut resolved = Instances {
        all: Vec::new(),
        spans: Vec::new(),
        groups: Vec::new(),
        scope: Scope::new("an instance", report),
    };
    let mut taken = Taken::new(config, report);
    for written in &config.instances {
        taken.check(written);
        check_sets(written, report);
        claim_addresses(written, addresses, report);
        let index = build(written).map(|instance| {
            resolved.all.push(instance);
            resolved.spans.push(written.span);
            resolved.groups.push(group(written));
            InstanceIndex(resolved.all.len() - 1)
        });
        resolved.scope.declare(&written.name, index);
    }
    resolved
}

fn build(written: &config::Instance) -> Option<Instance> {
    if !written.addresses_complete {
        return None;
    }
    let public = [written.public_address, written.public_address_v6];
    let next_hops = [written.next_hop, written.next_hop_v6];
    Some(Instance {
        name: written.name.as_ref()?.value.clone(),
        addresses: written.addresses.iter().map(|a| a.value).collect(),
        vport: written.vport?.value,
        mac: written.mac?.value,
        power_state: written
            .power_state
            .map_or_else(Default::default, |p| p.value),
        public_addresses: public.iter().flatten().map(|a| a.value).collect(),
        ip_forwarding: written.ip_forwarding.is_some_and(|f| f.value),
        next_hops: next_hops.iter().flatten().map(|a| a.value).collect(),
    })
}

fn group(written: &config::Instance) -> Group<'_> {
    match (&written.availability_set, &written.scale_set) {
        (Some(name), _) => Group::Availability(&name.value),
        (None, Some(name)) => Group::Scale(&name.value),
        (None, None) => Group::Alone(written.name.as_ref().map_or("", |name| &name.value)),
    }
}

fn check_sets(written: &config::Instance, report: &Report) {
    if let (Some(_), Some(scale_set)) = (&written.availability_set, &written.scale_set) {
        let message = format!(
            "{} is in an availability set and in a scale set",
            owner(written)
        );
        let hint = "keep the one that the machine was made in";
        report.add(Code::SetsOfBothKinds, scale_set.span, message, hint);
    }
}

/// Vports and Ethernet addresses that are in use.
struct Taken<'a> {
    vports: BTreeMap<u16, u32>,
    macs: BTreeMap<MacAddr, String>,
    report: &'a Report,
}

impl<'a> Taken<'a> {
    fn new(config: &Config, report: &'a Report) -> Self {
        let uplink = config.uplink.as_ref();
        let own = uplink
            .and_then(|u| u.mac)
            .map(|mac| (mac.value, "the uplink".to_owned()));
        let hop = uplink.and_then(|u| u.next_hop_mac);
        let hop = hop.map(|mac| (mac.value, "the next hop".to_owned()));
        Self {
            vports: BTreeMap::new(),
            macs: own.into_iter().chain(hop).collect(),
            report,
        }
    }

    fn check(&mut self, written: &config::Instance) {
        if let Some(vport) = written.vport {
            self.check_vport(vport, written.span.line);
        }
        if let Some(mac) = written.mac {
            self.check_mac(mac, owner(written));
        }
    }

    fn check_vport(&mut self, vport: Spanned<u16>, line: u32) {
        let Spanned { value, span } = vport;
        let Some(first) = self.vports.insert(value, line) else {
            return;
        };
        let message = format!("vport {value} already leads to the instance on line {first}");
        let hint = "give each instance its own vport";
        self.report.add(Code::VportInUse, span, message, hint);
    }

    fn check_mac(&mut self, mac: Spanned<MacAddr>, owner: String) {
        let Spanned { value, span } = mac;
        let Some(first) = self.macs.insert(value, owner) else {
            return;
        };
        let message = format!("Ethernet address {value} already belongs to {first}");
        let hint = "give each instance its own Ethernet address";
        self.report.add(Code::MacInUse, span, message, hint);
    }
}

fn owner(written: &config::Instance) -> String {
    let name = written.name.as_ref().map_or("?", |name| &name.value);
    format!("instance `{name}`")
}

fn claim_addresses(written: &config::Instance, addresses: &mut Addresses<'_>, report: &Report) {
    let own = &written.addresses;
    for (index, address) in own.iter().enumerate() {
        addresses.claim_own(address, owner(written));
        if has_family_of(&own[..index], address.value) {
            let message = format!("{} has a second address of one family", owner(written));
            let hint = "an instance has one IPv4 and one IPv6 address at most";
            report.add(Code::SecondAddress, address.span, message, hint);
        }
    }
    for public in [written.public_address, written.public_address_v6]
        .iter()
        .flatten()
    {
        addresses.claim(public, format!("{} as public address", owner(written)));
        if !has_family_of(own, public.value) {
            let message = format!(
                "{} has no own address that {} could stand for",
                owner(written),
                public.value
            );
            let hint = "add an address of the same family to `addresses`";
            report.add(Code::PublicAddressAlone, public.span, message, hint);
        }
    }
}

fn has_family_of(addresses: &[Spanned<IpAddr>], address: IpAddr) -> bool {
    addresses
        .iter()
        .any(|a| family_of(a.value) == family_of(address))
}
