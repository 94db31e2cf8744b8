//! The uplink: own addresses, next hops, defaults.

use std::net::IpAddr;

use super::addresses::Addresses;
use crate::config::{self, Address, Prefix};
use crate::diagnostic::{Code, Report, Spanned};
use crate::ir::{Link, NextHop, Uplink};

/// The uplink of the section, or the default one without it.
pub(super) fn resolve(
    section: Option<&config::Uplink>,
    addresses: &mut Addresses<'_>,
    report: &Report,
) -> Uplink {
    let Some(section) = section else {
        return Uplink::default();
    };
    let static_hop = section.next_hop_mac.map(|mac| NextHop::Static(mac.value));
    if let (Some(own), Some(hop)) = (section.mac, section.next_hop_mac)
        && own.value == hop.value
    {
        let message = format!(
            "the next hop has the uplink's own Ethernet address {}",
            own.value
        );
        let hint = "give the Ethernet address of the router";
        report.add(Code::MacInUse, hop.span, message, hint);
    }
    let mut link = |own: Option<Spanned<Prefix>>, hop: Address, default_outbound: Address| {
        claim(own, hop, addresses);
        if let Some(address) = default_outbound {
            addresses.claim(&address, "default outbound access");
        }
        check_on_link(own, hop, report);
        Link {
            address: own.map(|own| (own.value.address, own.value.length)),
            next_hop: static_hop
                .unwrap_or(hop.map_or(NextHop::None, |a| NextHop::Resolve(a.value))),
            default_outbound: default_outbound.map(|a| a.value),
        }
    };
    Uplink {
        mac: section.mac.map_or(Uplink::DEFAULT_MAC, |mac| mac.value),
        vlan: section.vlan.map_or(0, |vlan| vlan.value),
        v4: link(section.address, section.next_hop, section.default_outbound),
        v6: link(
            section.address_v6,
            section.next_hop_v6,
            section.default_outbound_v6,
        ),
    }
}

fn claim(own: Option<Spanned<Prefix>>, hop: Address, addresses: &mut Addresses<'_>) {
    if let Some(own) = own {
        let address = Spanned {
            value: own.value.address,
            span: own.span,
        };
        addresses.claim(&address, "the uplink");
    }
    // A link-local router is the usual IPv6 next hop.
    if let Some(hop) = hop.filter(|hop| !is_link_local(hop.value)) {
        addresses.claim(&hop, "the next hop");
    }
}

fn check_on_link(own: Option<Spanned<Prefix>>, hop: Address, report: &Report) {
    let (Some(own), Some(hop)) = (own, hop) else {
        return;
    };
    if contains(own.value, hop.value) || is_link_local(hop.value) {
        return;
    }
    let Prefix { address, length } = own.value;
    let message = format!("the next hop {} is outside {address}/{length}", hop.value);
    let hint = "choose a router in the uplink's own prefix, or widen the prefix";
    report.add(Code::NextHopOffLink, hop.span, message, hint);
}

fn contains(prefix: Prefix, address: IpAddr) -> bool {
    let bits = |address| match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    };
    // An IPv4 prefix stands in the upper 32 bits.
    let mask = u128::MAX
        .checked_shl(128 - u32::from(prefix.length))
        .unwrap_or(0);
    (bits(prefix.address) ^ bits(address)) & mask == 0
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}
