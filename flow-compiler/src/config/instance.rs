//! An item of `instances`: a virtual machine behind a vport.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fields::Fields;
use super::tree::Node;
use super::{Address, Name, scalar};
use crate::diagnostic::{Report, Span, Spanned};
use crate::ir::PowerState;
use crate::mac::MacAddr;

/// An instance as it was written.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) span: Span,
    pub(crate) name: Name,
    pub(crate) addresses: Vec<Spanned<IpAddr>>,
    /// Whether every address could be read.
    pub(crate) addresses_complete: bool,
    pub(crate) vport: Option<Spanned<u16>>,
    pub(crate) mac: Option<Spanned<MacAddr>>,
    pub(crate) public_address: Address,
    pub(crate) public_address_v6: Address,
    pub(crate) power_state: Option<Spanned<PowerState>>,
}

const POWER_STATES: [(&str, PowerState); 3] = [
    ("Running", PowerState::Running),
    ("Stopped", PowerState::Stopped),
    ("Deallocated", PowerState::Stopped),
];

impl Instance {
    pub(super) fn read(node: &Node, report: &Report) -> Option<Self> {
        let mut fields = Fields::open(node, "an instance", report)?;
        for field in ["addresses", "vport", "mac"] {
            fields.expect(field);
        }
        let nodes = fields.list("addresses");
        let addresses: Vec<_> = nodes
            .iter()
            .filter_map(|node| scalar::address(node, "addresses", report))
            .collect();
        let instance = Self {
            span: fields.span(),
            name: fields.name(),
            addresses_complete: addresses.len() == nodes.len(),
            addresses,
            vport: fields.port("vport", 1..=4095),
            mac: fields.mac("mac"),
            public_address: fields.address_of("publicAddress", Ipv4Addr::UNSPECIFIED.into()),
            public_address_v6: fields.address_of("publicAddressV6", Ipv6Addr::UNSPECIFIED.into()),
            power_state: fields.choice("powerState", &POWER_STATES),
        };
        fields.finish();
        Some(instance)
    }
}
