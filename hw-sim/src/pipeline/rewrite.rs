//! `rewrite`: one side of a packet, and the checksums that cover it (RFC 1624). Everything else
//! stays (FWD-03).

use std::net::IpAddr;

use firmware_api::Family;
use firmware_api::entry::flow::Side;
use firmware_api::packet::checksum::Delta;
use firmware_api::packet::header::ip;
use firmware_api::packet::{Class, Headers};

use super::packet::Translation;

/// Translates the packet in the frame.
#[inline]
pub(super) fn translate(frame: &mut [u8], headers: &Headers, translation: &Translation) {
    let side = usize::from(translation.side == Side::Destination);
    let delta = match (headers.family, translation.address) {
        (Family::V4, IpAddr::V4(address)) => {
            let l3 = usize::from(headers.l3);
            let at = l3 + 12 + 4 * side;
            let delta = replace(frame, at, &address.octets(), Delta::default());
            update(frame, l3 + 10, |checksum| delta.apply(checksum));
            delta
        }
        (Family::V6, IpAddr::V6(address)) => {
            let at = usize::from(headers.l3) + 8 + 16 * side;
            replace(frame, at, &address.octets(), Delta::default())
        }
        // Stages compare families before they translate.
        _ => return,
    };
    if headers.class == Class::LaterFragment {
        return;
    }
    // All fragments of a datagram keep their ports: only the first has them.
    let port = translation.port.filter(|_| !headers.is_fragment());
    let l4 = usize::from(headers.l4);
    let ports = |frame: &mut [u8], delta| match port {
        Some(port) => replace(frame, l4 + 2 * side, &port.to_be_bytes(), delta),
        None => delta,
    };
    match (headers.ip_protocol, headers.family) {
        (ip::TCP, _) => {
            let delta = ports(frame, delta);
            update(frame, l4 + 16, |checksum| delta.apply(checksum));
        }
        (ip::UDP, _) => {
            let delta = ports(frame, delta);
            update(frame, l4 + 6, |checksum| delta.apply_udp(checksum));
        }
        (ip::ICMPV6, Family::V6) => update(frame, l4 + 2, |checksum| delta.apply(checksum)),
        _ => {}
    }
}

#[inline]
fn replace<const N: usize>(frame: &mut [u8], at: usize, new: &[u8; N], delta: Delta) -> Delta {
    let old: &mut [u8; N] = (&mut frame[at..at + N]).try_into().expect("as long");
    let delta = delta.replace(old, new);
    *old = *new;
    delta
}

#[inline]
fn update(frame: &mut [u8], at: usize, change: impl FnOnce(u16) -> u16) {
    let field: &mut [u8; 2] = (&mut frame[at..at + 2]).try_into().expect("two bytes");
    *field = change(u16::from_be_bytes(*field)).to_be_bytes();
}
