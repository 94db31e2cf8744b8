//! TCP resets: for both ends of an idle flow (spec RST-02..06), and in answer to late segments
//! (L-IDLE-02).
//!
//! **Sequence number.** A receiver closes at once only when the sequence number is exactly its
//! RCV.NXT; elsewhere in the window it sends a challenge ACK (RFC 5961 §3.2). RCV.NXT is the last
//! acknowledgement number that the receiver itself sent, which the flow-state block keeps: the
//! reset to the initiator carries the forward direction's, the reset to the server the return
//! direction's.
//!
//! **ACK.** In ESTABLISHED the reset is judged before the acknowledgement (RFC 9293 §3.10.7.4), so
//! that it counts with or without one, in Linux as well. The flag is set when the number is known,
//! which it is for an ESTABLISHED flow: then the segment also satisfies firewalls that track
//! windows, and ends that have gone to another state.

use firmware_api::flow_state::tcp_flags::{ACK, FIN, RST, SYN};
use firmware_api::packet::header::ip;
use firmware_api::packet::{Class, Headers};

use super::ethernet::{Ethernet, is_station};
use super::ip::{Addresses, HOP_LIMIT, is_host};

/// A reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Where it goes.
    pub ethernet: Ethernet,
    /// Between whom.
    pub addresses: Addresses,
    /// The port of the end in whose name it is sent.
    pub source_port: u16,
    /// The port of the receiver.
    pub destination_port: u16,
    /// The receiver's RCV.NXT.
    pub seq: u32,
    /// The last acknowledgement number of the end in whose name it is sent.
    pub ack: Option<u32>,
}

impl Reset {
    /// The reset that answers a segment of a connection that does not exist, back to where it came
    /// from (RFC 9293 §3.10.7.1). `None` for what must not be answered: resets, what is not TCP,
    /// and what did not come from and go to one station.
    ///
    /// The segment's checksum is not verified: on a port that is a virtual interface it may be
    /// left to hardware that does not exist.
    pub fn answer_to(frame: &[u8], headers: &Headers) -> Option<Self> {
        let ethernet = Ethernet::of(frame, headers)?;
        let addresses = Addresses::of(frame, headers)?;
        if headers.class != Class::Tcp
            || headers.tcp_flags & RST != 0
            || !is_station(ethernet.source)
            || !is_station(ethernet.destination)
            || !is_host(addresses.source())
            || !is_host(addresses.destination())
        {
            return None;
        }
        let (seq, ack) = if headers.tcp_flags & ACK != 0 {
            (headers.tcp_ack, None)
        } else {
            (
                0,
                Some(headers.tcp_seq.wrapping_add(segment_len(frame, headers)?)),
            )
        };
        Some(Self {
            ethernet: ethernet.reversed(),
            addresses: addresses.reversed(),
            source_port: headers.destination_port,
            destination_port: headers.source_port,
            seq,
            ack,
        })
    }

    /// Writes the frame.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let mut segment = [0; 20];
        segment[..2].copy_from_slice(&self.source_port.to_be_bytes());
        segment[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        segment[4..8].copy_from_slice(&self.seq.to_be_bytes());
        segment[8..12].copy_from_slice(&self.ack.unwrap_or(0).to_be_bytes());
        segment[12] = 5 << 4;
        segment[13] = RST | if self.ack.is_some() { ACK } else { 0 };
        self.addresses
            .emit(self.ethernet, (ip::TCP, HOP_LIMIT), segment, 16, out);
    }
}

/// SEG.LEN: payload bytes, and one each for SYN and FIN.
fn segment_len(frame: &[u8], headers: &Headers) -> Option<u32> {
    let l4 = usize::from(headers.l4);
    let header = usize::from(frame.get(l4 + 12)? >> 4) * 4;
    let payload = usize::from(headers.end).checked_sub(l4 + header)?;
    let flags = [SYN, FIN]
        .iter()
        .filter(|flag| headers.tcp_flags & **flag != 0)
        .count();
    Some((payload + flags) as u32)
}
