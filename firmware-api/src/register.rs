//! BAR0: the register file, as one table of (name, offset, width, access, reset value).
//!
//! The host polls no register on the packet path: what changes per packet (producer and consumer
//! indices that the device writes) lives in host ring memory, see [`crate::ring`].

use crate::reason::{DropReason, PuntReason};
use crate::table::TableId;

/// Who may do what with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only for the host; the device writes it.
    ReadOnly,
    /// Read and write for the host; the device only reads it.
    ReadWrite,
    /// Write one to clear: the device sets bits, the host clears them.
    WriteOneToClear,
}

/// One register or array of registers.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// The name in dumps and messages.
    pub name: &'static str,
    /// Byte offset of the first element in BAR0.
    pub offset: u64,
    /// Bytes of one element: 4 or 8.
    pub width: u64,
    /// How many elements, one stride apart.
    pub count: u64,
    /// Bytes from one element to the next; not below `width`.
    pub stride: u64,
    /// What the host may do.
    pub access: Access,
    /// The value of every element after a reset (capabilities are set by the device).
    pub reset: u64,
}

impl Register {
    /// The offset of element `index` of an array.
    ///
    /// # Panics
    /// When the array is shorter.
    pub const fn at(&self, index: u64) -> u64 {
        assert!(index < self.count, "register array index out of range");
        self.offset + index * self.stride
    }

    const fn end(&self) -> u64 {
        self.at(self.count - 1) + self.width
    }
}

/// Bytes of BAR0.
pub const BAR0_LEN: u64 = 0x1_0000;
/// `MAGIC`: "HEADGATE" in ASCII, first letter at the lowest address.
pub const MAGIC_VALUE: u64 = u64::from_le_bytes(*b"HEADGATE");
/// `ABI_VERSION`: major in the high half (incompatible), minor in the low half (additions).
pub const ABI_VERSION_VALUE: u32 = 1 << 16 | 1;
/// What a read returns when the card is gone.
pub const GONE: u64 = u64::MAX;

/// `CONTROL`: the pipeline takes packets.
pub const CONTROL_ENABLE: u32 = 1;
/// `CONTROL`: the device clears every table, counter and ring index, then clears this bit by
/// setting [`STATUS_READY`]; the host writes 0 afterwards.
pub const CONTROL_RESET: u32 = 1 << 1;

/// `STATUS`: identified and able to run.
pub const STATUS_READY: u32 = 1;
/// `STATUS`: the driver's heartbeat is stale; misses go by hash alone.
pub const STATUS_DRIVERLESS: u32 = 1 << 1;
/// `STATUS`: the forwarding engine behind the BARs died and is being restarted.
pub const STATUS_ENGINE_DOWN: u32 = 1 << 2;
/// `STATUS`: a reset was carried out since `CONTROL_RESET` was written.
pub const STATUS_RESET_DONE: u32 = 1 << 3;

/// `EVENT_CAUSE`: records wait in the punt ring.
pub const EVENT_PUNT: u32 = 1;
/// `EVENT_CAUSE`: a harvest command is complete.
pub const EVENT_HARVEST: u32 = 1 << 1;
/// `EVENT_CAUSE`: the error latch holds an error.
pub const EVENT_ERROR: u32 = 1 << 2;

/// `ERROR_LATCH`, low byte: no error.
pub const ERROR_NONE: u64 = 0;
/// `ERROR_LATCH`, low byte: a ring or harvest address or size is outside ring memory.
pub const ERROR_BAD_RING: u64 = 1;
/// `ERROR_LATCH`, low byte: an inject or doorbell record has a wrong sequence number, CRC or field.
pub const ERROR_BAD_RECORD: u64 = 2;
/// `ERROR_LATCH`, low byte: a producer or consumer index ran ahead of the ring.
pub const ERROR_BAD_INDEX: u64 = 3;
/// `ERROR_LATCH`, low byte: a harvest command names flows that do not exist.
pub const ERROR_BAD_HARVEST: u64 = 4;

macro_rules! registers {
    ($($(#[$doc:meta])* $name:ident: $offset:literal, $width:literal $([$count:expr; $stride:literal])?, $access:ident, $reset:expr;)*) => {
        $($(#[$doc])* pub const $name: Register = Register {
            name: stringify!($name),
            offset: $offset,
            width: $width,
            count: 1 $(* 0 + $count as u64)?,
            stride: $width $(* 0 + $stride)?,
            access: Access::$access,
            reset: $reset,
        };)*
        /// Every register, by ascending offset.
        pub const ALL: &[Register] = &[$($name,)*];
    };
}

const TABLES: usize = TableId::ALL.len();
const DROPS: usize = DropReason::ALL.len();
const PUNTS: usize = PuntReason::ALL.len();

registers! {
    /// Identity: [`MAGIC_VALUE`].
    MAGIC: 0x000, 8, ReadOnly, MAGIC_VALUE;
    /// [`ABI_VERSION_VALUE`].
    ABI_VERSION: 0x008, 4, ReadOnly, ABI_VERSION_VALUE as u64;
    /// Feature bits; none is defined yet.
    FEATURES: 0x00c, 4, ReadOnly, 0;
    /// `STATUS_*` bits.
    STATUS: 0x010, 4, ReadOnly, 0;
    /// `CONTROL_*` bits.
    CONTROL: 0x014, 4, ReadWrite, 0;
    /// How many ports the card has, 1..=[`crate::MAX_PORTS`].
    PORT_COUNT: 0x018, 4, ReadOnly, 0;
    /// How many flows have a state block; flow ids are below it.
    FLOW_COUNT: 0x01c, 4, ReadOnly, 0;
    /// Byte offset of the first flow-state block in BAR2.
    FLOW_STATE_OFFSET: 0x020, 8, ReadOnly, 0;
    /// The device clock: milliseconds, wrapping.
    TICK: 0x028, 4, ReadOnly, 0;
    /// How often a driver started on this card since its reset; written by the driver.
    DRIVER_GENERATION: 0x02c, 4, ReadWrite, 0;
    /// Any change means that the driver lives.
    HEARTBEAT: 0x030, 4, ReadWrite, 0;
    /// Milliseconds without a heartbeat after which the device runs driverless; 0 = at once.
    HEARTBEAT_TIMEOUT: 0x034, 4, ReadWrite, 3000;
    /// `EVENT_*` bits.
    EVENT_CAUSE: 0x038, 4, WriteOneToClear, 0;
    /// `EVENT_*` bits that raise an interrupt.
    EVENT_MASK: 0x03c, 4, ReadWrite, 0;
    /// Secret key of the flow hash, first half; chosen by the driver before it enables the card.
    HASH_KEY_0: 0x040, 8, ReadWrite, 0;
    /// Secret key of the flow hash, second half.
    HASH_KEY_1: 0x048, 8, ReadWrite, 0;
    /// First error since it was cleared: `ERROR_*` in the low byte, detail above.
    ERROR_LATCH: 0x050, 8, ReadOnly, ERROR_NONE;
    /// Any change clears the error latch.
    ERROR_CLEAR: 0x058, 4, ReadWrite, 0;
    /// Any change makes the device read every entry of every table again (lost doorbells).
    RESCAN: 0x05c, 4, ReadWrite, 0;
    /// Device address of the punt ring ([`crate::ring::Layout`]).
    PUNT_BASE: 0x060, 8, ReadWrite, 0;
    /// Slots of the punt ring, a power of two; 0 = no ring.
    PUNT_SLOTS: 0x068, 4, ReadWrite, 0;
    /// The host's consumer index of the punt ring.
    PUNT_CONSUMER: 0x06c, 4, ReadWrite, 0;
    /// Device address of the inject ring.
    INJECT_BASE: 0x070, 8, ReadWrite, 0;
    /// Slots of the inject ring, a power of two; 0 = no ring.
    INJECT_SLOTS: 0x078, 4, ReadWrite, 0;
    /// The host's producer index of the inject ring: the doorbell of injects.
    INJECT_PRODUCER: 0x07c, 4, ReadWrite, 0;
    /// Device address of the table-doorbell ring.
    DOORBELL_BASE: 0x080, 8, ReadWrite, 0;
    /// Slots of the table-doorbell ring, a power of two; 0 = no ring.
    DOORBELL_SLOTS: 0x088, 4, ReadWrite, 0;
    /// The host's producer index of the table-doorbell ring.
    DOORBELL_PRODUCER: 0x08c, 4, ReadWrite, 0;
    /// Device address of the harvest buffer ([`crate::harvest`]).
    HARVEST_BASE: 0x090, 8, ReadWrite, 0;
    /// Bytes of the harvest buffer.
    HARVEST_LEN: 0x098, 4, ReadWrite, 0;
    /// Sequence number of the harvest command in the buffer; a change starts it.
    HARVEST_COMMAND: 0x09c, 4, ReadWrite, 0;
    /// Frames received on all ports.
    RX_FRAMES: 0x100, 8, ReadOnly, 0;
    /// Frames sent on all ports.
    TX_FRAMES: 0x108, 8, ReadOnly, 0;
    /// Packets taken out of the pipeline into a punt record (reasons that are not copies).
    HELD_FRAMES: 0x110, 8, ReadOnly, 0;
    /// Packets that the driver gave back to the pipeline.
    REPROCESSED_FRAMES: 0x118, 8, ReadOnly, 0;
    /// Packets that the driver made and the device sent.
    INJECTED_FRAMES: 0x120, 8, ReadOnly, 0;
    /// Bumped by the host before it clears the old slot of a moved entry: a lookup that missed
    /// starts again when this changed under it. Index = table id.
    TABLE_MOVES: 0x200, 4 [TABLES; 4], ReadWrite, 0;
    /// How many slots of the table's stash the device has to search. Index = table id.
    STASH_USED: 0x280, 4 [TABLES; 4], ReadWrite, 0;
    /// Byte offset of the table in BAR2. Index = table id.
    TABLE_OFFSET: 0x1000, 8 [TABLES; 16], ReadOnly, 0;
    /// Geometry of the table, see [`crate::geometry::Geometry`]. Index = table id.
    TABLE_GEOMETRY: 0x1008, 8 [TABLES; 16], ReadOnly, 0;
    /// Dropped packets. Index = drop reason.
    DROPS_BY_REASON: 0x2000, 8 [DROPS; 8], ReadOnly, 0;
    /// Records written to the punt ring. Index = punt reason.
    PUNTS_BY_REASON: 0x2400, 8 [PUNTS; 8], ReadOnly, 0;
    /// Records lost because the punt ring was full. Index = punt reason.
    PUNTS_LOST: 0x2500, 8 [PUNTS; 8], ReadOnly, 0;
}

/// The register that holds the byte at `offset`, if any does.
pub fn find(offset: u64) -> Option<&'static Register> {
    ALL.iter().find(|r| {
        offset >= r.offset && offset < r.end() && (offset - r.offset) % r.stride < r.width
    })
}

const fn overlaps(a: &Register, b: &Register) -> bool {
    if a.end() <= b.offset || b.end() <= a.offset {
        return false;
    }
    // Interleaved arrays share a stride and differ in the part of the stride they use.
    let (low, high) = if a.offset < b.offset { (a, b) } else { (b, a) };
    let interleaved = low.stride == high.stride
        && high.offset - low.offset >= low.width
        && high.offset - low.offset + high.width <= low.stride;
    !interleaved
}

const _: () = {
    let mut i = 0;
    while i < ALL.len() {
        let r = &ALL[i];
        assert!(r.width == 4 || r.width == 8);
        assert!(
            r.offset.is_multiple_of(r.width)
                && r.stride.is_multiple_of(r.width)
                && r.stride >= r.width
        );
        assert!(r.end() <= BAR0_LEN);
        let mut j = 0;
        while j < i {
            assert!(!overlaps(&ALL[j], r), "two registers overlap");
            assert!(
                ALL[j].offset < r.offset,
                "registers are in the order of their offsets"
            );
            j += 1;
        }
        i += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_is_found_by_its_own_offsets() {
        for register in ALL {
            for index in 0..register.count {
                let found = find(register.at(index)).expect("a register");
                assert_eq!(found.name, register.name);
            }
        }
        assert!(find(BAR0_LEN).is_none());
    }
}
