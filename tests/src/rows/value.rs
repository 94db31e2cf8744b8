//! Values of keys and action parameters as rows write them.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::schema::Field;
use firmware_api::{EGRESS_RECIRCULATE, mapped};

/// The port of packets that go through the pipeline again, as rows write it.
pub(super) const AGAIN: &str = "again";

/// Names of the values of some fields.
const NAMES: [(&str, &[(&str, u128)]); 6] = [
    ("zone", &[("uplink", 0), ("vnet", 1), ("forward", 2)]),
    (
        "protocol",
        &[("none", 0), ("tcp", 1), ("udp", 2), ("icmp", 3)],
    ),
    ("direction", &[("forward", 0), ("return", 1)]),
    ("egress", &[(AGAIN, EGRESS_RECIRCULATE as u128)]),
    ("mode", &[("5-tuple", 0), ("2-tuple", 1), ("3-tuple", 2)]),
    ("way_out", &[("none", 0), ("1:1", 1), ("snat", 2)]),
];

fn names(field: &Field) -> &'static [(&'static str, u128)] {
    let fits = |name: &str| field.name == name || name == "way_out" && field.name.starts_with(name);
    NAMES
        .iter()
        .find(|(name, _)| fits(name))
        .map_or(&[], |(_, names)| names)
}

/// Reads a value.
///
/// # Errors
/// When the field cannot have it.
pub(super) fn parse(field: &Field, text: &str) -> Result<u128, String> {
    let named = names(field).iter().find(|(name, _)| *name == text);
    let value = match (named, field.bits) {
        (Some((_, value)), _) => Some(*value),
        (None, 48) => mac(text).map(|mac| mac.iter().fold(0, |n, b| n << 8 | u128::from(*b))),
        (None, 32 | 128) if text.contains(['.', ':']) => address(field, text),
        (None, _) => number(text).map(u128::from),
    };
    value
        .filter(|value| field.bits == 128 || value >> field.bits == 0)
        .ok_or_else(|| {
            format!(
                "{}: `{text}` is no value of {} bits",
                field.name, field.bits
            )
        })
}

fn address(field: &Field, text: &str) -> Option<u128> {
    match (text.parse().ok()?, field.bits) {
        (IpAddr::V4(v4), 32) => Some(u32::from(v4).into()),
        (ip, 128) => Some(u128::from_be_bytes(mapped(ip))),
        _ => None,
    }
}

/// Writes a value so that [`parse`] reads it back.
pub(super) fn print(field: &Field, value: u128) -> String {
    let named = names(field).iter().find(|(_, number)| *number == value);
    let is_address = ["address", "source", "destination", "public"]
        .iter()
        .any(|name| field.name.starts_with(name));
    match (named, field.bits) {
        (Some((name, _)), _) => (*name).to_owned(),
        (None, 48) => print_mac(std::array::from_fn(|i| (value >> (40 - 8 * i)) as u8)),
        (None, 32) if is_address => Ipv4Addr::from(value as u32).to_string(),
        (None, 128) => match Ipv6Addr::from(value).to_canonical() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => v6.to_string(),
        },
        (None, _) => value.to_string(),
    }
}

/// A decimal or `0x` hexadecimal number.
pub(super) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// An Ethernet address.
pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let octets: Option<Vec<u8>> = text
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).ok())
        .collect();
    octets?.try_into().ok()
}

/// An Ethernet address as text.
pub(super) fn print_mac(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

/// Bytes from pairs of hexadecimal digits.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let pairs = text.len().is_multiple_of(2) && text.is_ascii();
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
    pairs.then(|| (0..text.len()).step_by(2).map(byte).collect())?
}

/// Bytes as pairs of hexadecimal digits.
pub(super) fn print_bytes(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
