//! IP addresses: which ones can be used at all, and that each belongs to one owner.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::diagnostic::{Code, Report, Spanned};
use crate::ir::is_platform;

/// Every address in use, with the name of its owner.
pub(super) struct Addresses<'a> {
    owners: BTreeMap<IpAddr, String>,
    report: &'a Report,
}

impl<'a> Addresses<'a> {
    pub(super) fn new(report: &'a Report) -> Self {
        Self {
            owners: BTreeMap::new(),
            report,
        }
    }

    /// Gives an address to an owner; reports an address that cannot be used or has an owner. Only
    /// the host itself may have the platform's: an instance that is in no pool and by whose vport
    /// probes reach the others (L-PRB-25).
    pub(super) fn claim(&mut self, address: &Spanned<IpAddr>, owner: impl Into<String>) {
        let Spanned { value, span } = *address;
        if is_platform(value) {
            let message = format!("{value} is the source of health probes (L-PRB-25)");
            let hint = "only an instance that stands for the host and is in no pool may have it";
            self.report.add(Code::UnusableAddress, span, message, hint);
            return;
        }
        self.claim_own(address, owner);
    }

    /// As [`Addresses::claim`], for an instance's own address.
    pub(super) fn claim_own(&mut self, address: &Spanned<IpAddr>, owner: impl Into<String>) {
        let Spanned { value, span } = *address;
        if let Some(reason) = unusable(value).filter(|_| !is_platform(value)) {
            let message = format!("{value} is {reason}");
            let hint = "use a unicast address";
            self.report.add(Code::UnusableAddress, span, message, hint);
            return;
        }
        if let Some(first) = self.owners.get(&value) {
            let message = format!("{value} already belongs to {first}");
            let hint = "give each its own address";
            self.report.add(Code::AddressInUse, span, message, hint);
            return;
        }
        self.owners.insert(value, owner.into());
    }
}

/// Why nobody can have the address.
fn unusable(address: IpAddr) -> Option<&'static str> {
    match address {
        _ if address.is_unspecified() => Some("no address"),
        _ if address.is_loopback() => Some("a loopback address"),
        _ if address.is_multicast() => Some("a multicast address"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        IpAddr::V4(v4) if v4.is_link_local() => Some("a link-local address"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("a link-local address"),
        _ => None,
    }
}

/// Whether an address is of private space: RFC 1918, or unique local (RFC 4193).
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}
