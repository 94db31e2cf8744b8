//! An item of `instances`: a virtual machine behind a vport.

use std::net::IpAddr;

use firmware_api::Family;

use super::fields::{Fields, Section};
use super::{Address, Name};
use crate::diagnostic::{Span, Spanned};
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
    pub(crate) availability_set: Name,
    pub(crate) scale_set: Name,
    pub(crate) ip_forwarding: Option<Spanned<bool>>,
    pub(crate) next_hop: Address,
    pub(crate) next_hop_v6: Address,
}

const POWER_STATES: [(&str, PowerState); 3] = [
    ("Running", PowerState::Running),
    ("Stopped", PowerState::Stopped),
    ("Deallocated", PowerState::Stopped),
];

impl Section for Instance {
    const WHAT: &'static str = "an instance";

    fn read(fields: &mut Fields<'_>) -> Self {
        for field in ["addresses", "vport", "mac"] {
            fields.expect(field);
        }
        let name = fields.name();
        let addresses = fields.addresses("addresses");
        Self {
            span: fields.span(),
            name,
            addresses_complete: addresses.iter().all(Option::is_some),
            addresses: addresses.into_iter().flatten().collect(),
            vport: fields.port("vport", 1..=4095),
            mac: fields.mac("mac"),
            public_address: fields.address_of("publicAddress", Family::V4),
            public_address_v6: fields.address_of("publicAddressV6", Family::V6),
            power_state: fields.choice("powerState", &POWER_STATES),
            availability_set: fields.label("availabilitySet"),
            scale_set: fields.label("scaleSet"),
            ip_forwarding: fields.flag("ipForwarding"),
            next_hop: fields.address_of("nextHop", Family::V4),
            next_hop_v6: fields.address_of("nextHopV6", Family::V6),
        }
    }
}
