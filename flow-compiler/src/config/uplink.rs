//! The `uplink` section: the card's link to the physical network.

use std::net::IpAddr;

use firmware_api::Family;

use super::fields::{Fields, Section};
use super::outline::Kind;
use super::{Address, scalar};
use crate::diagnostic::{Code, Spanned};
use crate::ir::family_of;
use crate::mac::MacAddr;

/// An address and the length of its prefix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
}

/// The section as it was written.
#[derive(Debug)]
pub(crate) struct Uplink {
    pub(crate) mac: Option<Spanned<MacAddr>>,
    pub(crate) address: Option<Spanned<Prefix>>,
    pub(crate) address_v6: Option<Spanned<Prefix>>,
    pub(crate) next_hop: Address,
    pub(crate) next_hop_v6: Address,
    pub(crate) next_hop_mac: Option<Spanned<MacAddr>>,
    pub(crate) vlan: Option<Spanned<u16>>,
    pub(crate) default_outbound: Address,
    pub(crate) default_outbound_v6: Address,
}

impl Section for Uplink {
    const WHAT: &'static str = "the uplink";

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            mac: fields.mac("mac"),
            address: prefix(fields, "address", Family::V4),
            address_v6: prefix(fields, "addressV6", Family::V6),
            next_hop: fields.address_of("nextHop", Family::V4),
            next_hop_v6: fields.address_of("nextHopV6", Family::V6),
            next_hop_mac: fields.mac("nextHopMac"),
            vlan: fields.port("vlan", 0..=4094),
            default_outbound: fields.address_of("defaultOutboundAddress", Family::V4),
            default_outbound_v6: fields.address_of("defaultOutboundAddressV6", Family::V6),
        }
    }
}

/// An address with the length of its prefix; without one, the address alone.
fn prefix(fields: &mut Fields<'_>, field: &'static str, family: Family) -> Option<Spanned<Prefix>> {
    let report = fields.report();
    let node = fields.take(field, || Kind::Prefix(family))?;
    let text = scalar::text(node, field, report)?;
    let value = prefix_of(&text.value).filter(|p| family_of(p.address) == family);
    if value.is_none() {
        let example = match family {
            Family::V4 => "203.0.113.2/24",
            Family::V6 => "\"2001:db8::2/64\"",
        };
        let message = format!(
            "`{}` is not an address with a prefix",
            text.value.escape_debug()
        );
        let hint = format!("write `{field}` as {example}");
        report.add(Code::BadAddress, text.span, message, hint);
    }
    value.map(|value| Spanned {
        value,
        span: text.span,
    })
}

fn prefix_of(text: &str) -> Option<Prefix> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Ok(longest), str::parse).ok()?;
    (length <= longest).then_some(Prefix { address, length })
}
