//! The first packet of a flow, as a client sends it: a TCP SYN, or a UDP datagram without payload.

use firmware_api::Protocol;
use firmware_api::flow_state::tcp_flags::SYN;
use firmware_api::packet::header::ip;

use super::ethernet::Ethernet;
use super::ip::{Addresses, HOP_LIMIT};

/// The first packet of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Where it goes.
    pub ethernet: Ethernet,
    /// Between whom.
    pub addresses: Addresses,
    /// The client's port.
    pub source_port: u16,
    /// The port that it opens.
    pub destination_port: u16,
    /// UDP, or else TCP.
    pub protocol: Protocol,
}

impl Opening {
    /// Writes the frame.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let [a, b] = self.source_port.to_be_bytes();
        let [c, d] = self.destination_port.to_be_bytes();
        let (ethernet, addresses) = (self.ethernet, self.addresses);
        if self.protocol == Protocol::Udp {
            let datagram = [a, b, c, d, 0, 8, 0, 0];
            addresses.emit(ethernet, (ip::UDP, HOP_LIMIT), datagram, 6, out);
        } else {
            let mut segment = [0; 20];
            segment[..4].copy_from_slice(&[a, b, c, d]);
            segment[12] = 5 << 4;
            segment[13] = SYN;
            segment[14] = 0xff; // the window
            addresses.emit(ethernet, (ip::TCP, HOP_LIMIT), segment, 16, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use firmware_api::packet::{Class, parse};

    use super::*;

    #[test]
    fn the_cards_parser_takes_it_for_what_it_is() {
        let ethernet = Ethernet {
            destination: [2, 0, 0, 0, 0, 1],
            source: [2, 0, 0, 0, 0, 2],
            vlan: 100,
        };
        let mut frame = Vec::new();
        for (source, destination) in [("192.0.2.1", "203.0.113.10"), ("fe80::1", "2001:db8::10")] {
            let [source, destination] = [source, destination].map(|a| a.parse().expect("address"));
            for (protocol, class) in [(Protocol::Tcp, Class::Tcp), (Protocol::Udp, Class::Udp)] {
                let opening = Opening {
                    ethernet,
                    addresses: Addresses::new(source, destination).expect("of one family"),
                    source_port: 40_000,
                    destination_port: 80,
                    protocol,
                };
                opening.emit(&mut frame);
                let headers = parse(&frame).expect("sound");
                assert_eq!((headers.class, headers.vlan), (class, Some(100)));
                assert_eq!(headers.is_tcp_open(), protocol == Protocol::Tcp);
                assert_eq!(
                    (headers.source_port, headers.destination_port),
                    (40_000, 80)
                );
                assert_eq!(headers.source(&frame), source);
                assert_eq!(headers.destination(&frame), destination);
                let segment = &frame[usize::from(headers.l4)..];
                let number = if class == Class::Tcp {
                    ip::TCP
                } else {
                    ip::UDP
                };
                // Over the segment with its checksum, a right one leaves nothing (RFC 1071).
                let left = opening.addresses.checksum(number, segment);
                assert!(matches!(left, 0 | 0xffff), "{left:x}");
            }
        }
    }
}
