//! The flow-state block: what the device writes about a flow, 64 bytes per flow id in BAR2.
//!
//! ```text
//!  0  last seen (ms tick)   4  TCP flags forward   5  TCP flags return   6  zero   7  0x80 = in use
//!  8  last acknowledgement number forward         12  the same, return
//! 16  packets forward  24  packets return  32  bytes forward  40  bytes return  48  zero (16)
//! ```
//! The driver writes zero to the first word when it installs a flow; the device takes a block whose
//! first word is zero as blank, whatever the other words hold. "Last" acknowledgement is the
//! highest in sequence space (RFC 9293 §3.4), so that late segments do not turn it back: it is the
//! sequence number that the receiver of a reset expects (RFC 5961 §3.2).
//! Bytes are IP total lengths.

use crate::entry::flow::Direction;
use crate::memory::Memory;

/// Bytes of one block.
pub const BLOCK_LEN: u64 = 64;
/// The bit of the first word of a block that is not blank.
pub const IN_USE: u64 = 0x80 << 56;

/// TCP flag bits as in byte 13 of the header (RFC 9293 §3.1).
pub mod tcp_flags {
    /// No more data from the sender.
    pub const FIN: u8 = 1;
    /// Synchronize sequence numbers.
    pub const SYN: u8 = 2;
    /// Reset the connection.
    pub const RST: u8 = 4;
    /// Push.
    pub const PSH: u8 = 8;
    /// The acknowledgement number is valid.
    pub const ACK: u8 = 16;
}

/// What the device knows of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HalfState {
    /// Every TCP flag seen.
    pub flags: u8,
    /// The highest acknowledgement number seen; 0 when no segment carried one.
    pub ack: u32,
    /// Packets that hit the entry.
    pub packets: u64,
    /// Their IP total lengths.
    pub bytes: u64,
}

/// A flow-state block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowState {
    /// The device tick of the last packet, milliseconds; `None` before the first.
    pub last_seen: Option<u32>,
    /// From the initiator.
    pub forward: HalfState,
    /// To the initiator.
    pub reverse: HalfState,
}

/// What one packet adds to a block.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// Which entry it hit.
    pub direction: Direction,
    /// The device tick, milliseconds.
    pub tick: u32,
    /// Its TCP flags, 0 for other protocols.
    pub tcp_flags: u8,
    /// Its acknowledgement number; used when ACK is among the flags.
    pub tcp_ack: u32,
    /// Its IP total length.
    pub bytes: u16,
}

impl FlowState {
    /// From the eight words of a block.
    pub fn decode(words: &[u64; 8]) -> Self {
        if words[0] & IN_USE == 0 {
            return Self::default();
        }
        let half = |i: usize| HalfState {
            flags: (words[0] >> (32 + 8 * i)) as u8,
            ack: (words[1] >> (32 * i)) as u32,
            packets: words[2 + i],
            bytes: words[4 + i],
        };
        Self {
            last_seen: Some(words[0] as u32),
            forward: half(0),
            reverse: half(1),
        }
    }

    /// Reads the block at `at`.
    pub fn load(memory: &impl Memory, at: u64) -> Self {
        Self::decode(&memory.load_words(at))
    }
}

/// Marks the block at `at` blank; the driver's part of installing a flow.
pub fn blank(memory: &impl Memory, at: u64) {
    memory.store64(at, 0);
}

/// Adds a packet to the block at `at`; the device's part, by one thread.
#[inline]
pub fn record(memory: &impl Memory, at: u64, packet: Sighting) {
    let index = match packet.direction {
        Direction::Forward => 0,
        Direction::Return => 1,
    };
    let first = memory.load64(at);
    let blank = first & IN_USE == 0;
    if blank {
        for word in 1..6 {
            memory.store64(at + 8 * word, 0);
        }
    }
    if packet.tcp_flags & tcp_flags::ACK != 0 {
        let acks = memory.load64(at + 8);
        let shift = 32 * index;
        let seen = first >> (32 + 8 * index) & u64::from(tcp_flags::ACK) != 0 && !blank;
        let previous = (acks >> shift) as u32;
        if !seen || packet.tcp_ack.wrapping_sub(previous).cast_signed() > 0 {
            let cleared = acks & !(0xffff_ffff << shift);
            memory.store64(at + 8, cleared | u64::from(packet.tcp_ack) << shift);
        }
    }
    let packets = at + 16 + 8 * index;
    memory.store64(packets, memory.load64(packets).wrapping_add(1));
    let bytes = at + 32 + 8 * index;
    memory.store64(
        bytes,
        memory.load64(bytes).wrapping_add(u64::from(packet.bytes)),
    );
    let flags = if blank { 0 } else { first & (0xffff << 32) };
    let seen = u64::from(packet.tcp_flags) << (32 + 8 * index);
    memory.store64(at, u64::from(packet.tick) | flags | seen | IN_USE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::tests::memory;

    fn segment(direction: Direction, tick: u32, tcp_flags: u8, tcp_ack: u32) -> Sighting {
        Sighting {
            direction,
            tick,
            tcp_flags,
            tcp_ack,
            bytes: 40,
        }
    }

    #[test]
    fn a_block_collects_both_directions() {
        let memory = memory(128);
        record(
            &memory,
            64,
            segment(Direction::Forward, 5, tcp_flags::SYN, 0),
        );
        record(
            &memory,
            64,
            segment(Direction::Return, 6, tcp_flags::SYN | tcp_flags::ACK, 101),
        );
        record(
            &memory,
            64,
            segment(Direction::Forward, 7, tcp_flags::ACK, u32::MAX),
        );
        record(
            &memory,
            64,
            segment(Direction::Forward, 8, tcp_flags::ACK, 4),
        );
        record(
            &memory,
            64,
            segment(Direction::Forward, 9, tcp_flags::ACK, u32::MAX - 1),
        );
        let state = FlowState::load(&memory, 64);
        assert_eq!(state.last_seen, Some(9));
        assert_eq!(state.forward.flags, tcp_flags::SYN | tcp_flags::ACK);
        assert_eq!(
            (state.forward.ack, state.reverse.ack),
            (4, 101),
            "wraps, never back"
        );
        assert_eq!((state.forward.packets, state.forward.bytes), (4, 160));
        assert_eq!((state.reverse.packets, state.reverse.bytes), (1, 40));
    }

    #[test]
    fn a_blanked_block_forgets_its_former_flow() {
        let memory = memory(64);
        record(
            &memory,
            0,
            segment(Direction::Return, 1, tcp_flags::ACK, 77),
        );
        blank(&memory, 0);
        assert_eq!(FlowState::load(&memory, 0), FlowState::default());
        record(&memory, 0, segment(Direction::Forward, 2, 0, 0));
        let state = FlowState::load(&memory, 0);
        assert_eq!(
            (state.forward.packets, state.reverse),
            (1, HalfState::default())
        );
    }
}
