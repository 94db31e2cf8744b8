//! The `uplink` section: the card's link to the physical network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Address;
use super::fields::Fields;
use super::tree::Node;
use crate::diagnostic::{Code, Report, Spanned};
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
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

impl Uplink {
    pub(super) fn read(node: &Node, report: &Report) -> Option<Self> {
        let mut fields = Fields::open(node, "the uplink", report)?;
        let uplink = Self {
            mac: fields.mac("mac"),
            address: prefix(&mut fields, "address", V4, report),
            address_v6: prefix(&mut fields, "addressV6", V6, report),
            next_hop: fields.address_of("nextHop", V4),
            next_hop_v6: fields.address_of("nextHopV6", V6),
            next_hop_mac: fields.mac("nextHopMac"),
            vlan: fields.port("vlan", 0..=4094),
        };
        fields.finish();
        Some(uplink)
    }
}

/// An address with the length of its prefix; without one, the address alone.
fn prefix(
    fields: &mut Fields<'_>,
    field: &'static str,
    like: IpAddr,
    report: &Report,
) -> Option<Spanned<Prefix>> {
    let text = fields.text(field)?;
    let value = prefix_of(&text.value).filter(|p| p.address.is_ipv4() == like.is_ipv4());
    if value.is_none() {
        let example = if like.is_ipv4() {
            "203.0.113.2/24"
        } else {
            "\"2001:db8::2/64\""
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
