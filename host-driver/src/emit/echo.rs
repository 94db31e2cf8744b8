//! Answers to pings of frontends (spec L-ICMP-01..03): the echo reply (RFC 792, RFC 4443 §4.2), or
//! that the host cannot be reached.

use firmware_api::packet::header::ip;
use firmware_api::packet::{Class, Headers, checksum};

use super::ethernet::{Ethernet, is_station};
use super::ip::{Addresses, HOP_LIMIT, is_host};

/// The longest echo request that is answered, ICMP header included: bytes (L-ICMP-03).
pub const MAX_REQUEST: usize = 64;
/// Bytes of an ICMP message before what it carries.
const HEADER_LEN: usize = 8;

/// What a frontend answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The echo reply: a member takes new flows.
    Reply,
    /// Destination host unreachable: every member is down (L-ICMP-02).
    Unreachable,
}

/// Writes the answer to an echo request, back to where it came from. `false` for what must not be
/// answered: requests whose checksum is wrong, and those not between two stations.
pub fn answer(frame: &[u8], headers: &Headers, answer: Answer, out: &mut Vec<u8>) -> bool {
    let parts = Ethernet::of(frame, headers).zip(Addresses::of(frame, headers));
    let Some((ethernet, addresses)) = parts else {
        return false;
    };
    let packet = usize::from(headers.l3)..usize::from(headers.end);
    let (Some(packet), Some(request)) = (frame.get(packet.clone()), message(frame, headers)) else {
        return false;
    };
    let sound = headers.class == Class::EchoRequest
        && is_station(ethernet.source)
        && is_station(ethernet.destination)
        && is_host(addresses.source())
        && is_intact(addresses, request);
    if !sound {
        return false;
    }
    // Both carry the request: the reply its contents, the error its beginning.
    let mut message = [0; HEADER_LEN + MAX_REQUEST + 40];
    let is_v6 = matches!(addresses, Addresses::V6 { .. });
    let len = match answer {
        Answer::Reply => {
            let Some(to) = message.get_mut(..request.len()) else {
                return false;
            };
            to.copy_from_slice(request);
            to[..4].copy_from_slice(&[if is_v6 { 129 } else { 0 }, 0, 0, 0]);
            request.len()
        }
        Answer::Unreachable => {
            let [kind, code] = if is_v6 { [1, 3] } else { [3, 1] };
            message[..2].copy_from_slice(&[kind, code]);
            let quote = packet.len().min(message.len() - HEADER_LEN);
            message[HEADER_LEN..HEADER_LEN + quote].copy_from_slice(&packet[..quote]);
            HEADER_LEN + quote
        }
    };
    let back = addresses.reversed();
    let sum = checksum_of(back, &message[..len]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let protocol = if is_v6 { ip::ICMPV6 } else { ip::ICMP };
    back.emit_header(ethernet.reversed(), (protocol, HOP_LIMIT), len as u16, out);
    out.extend_from_slice(&message[..len]);
    true
}

fn message<'f>(frame: &'f [u8], headers: &Headers) -> Option<&'f [u8]> {
    let message = frame.get(usize::from(headers.l4)..usize::from(headers.end))?;
    (HEADER_LEN..=MAX_REQUEST)
        .contains(&message.len())
        .then_some(message)
}

fn is_intact(addresses: Addresses, message: &[u8]) -> bool {
    let mut blank = [0; MAX_REQUEST];
    let blank = &mut blank[..message.len()];
    blank.copy_from_slice(message);
    blank[2..4].fill(0);
    checksum_of(addresses, blank).to_be_bytes() == message[2..4]
}

/// The checksum of a message whose field is zero; that of ICMPv6 includes the pseudo-header.
fn checksum_of(addresses: Addresses, message: &[u8]) -> u16 {
    match addresses {
        Addresses::V4 { .. } => !checksum::sum(message),
        Addresses::V6 { .. } => addresses.checksum(ip::ICMPV6, message),
    }
}
