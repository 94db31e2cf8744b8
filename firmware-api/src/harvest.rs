//! Harvest: how the driver learns about flows without reading BAR memory.
//!
//! The driver writes a command into the harvest buffer in host memory and its sequence number to
//! the register `HARVEST_COMMAND`; the device writes the answer into the buffer and then the
//! sequence number to `done`.
//!
//! ```text
//!  0  done: sequence number of the last finished command (u32)    4  status (u32, 0 = good)
//!  8  kind (u32)   12  count (u32)   16  first flow (u32)   20  device tick of the answer (u32)
//! 64  activity: bit n of the bitmap = flow `first + n` had a packet since its last harvest; cleared
//!     states:   in: `count` flow ids (u32 each), padded to 64 bytes; behind them, out: their blocks
//! ```

use crate::flow_state::BLOCK_LEN;
use crate::memory::Memory;

/// Where the bitmap or the list of flows begins.
pub const PAYLOAD: u64 = 64;
/// Where the device puts its tick, milliseconds, when it answers.
pub const TICK: u64 = 20;
/// The most flows of one `States` command.
pub const MAX_STATES: u32 = 4096;
/// The most flows of one `Activity` command.
pub const MAX_ACTIVITY: u32 = 1 << 22;

/// What the driver asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The activity of flows `first..first + count`; `first` is a multiple of 64.
    Activity {
        /// First flow id.
        first: u32,
        /// How many, 1..=[`MAX_ACTIVITY`].
        count: u32,
    },
    /// The state blocks of `count` flows, 1..=[`MAX_STATES`], whose ids stand in the buffer.
    States {
        /// How many.
        count: u32,
    },
}

/// Where the answer blocks of a `States` command of `count` flows begin.
pub const fn states_out(count: u32) -> u64 {
    PAYLOAD + (count as u64 * 4).next_multiple_of(64)
}

impl Command {
    /// Bytes of the buffer that the command and its answer take.
    pub const fn buffer_len(self) -> u64 {
        match self {
            Self::Activity { count, .. } => PAYLOAD + (count as u64).div_ceil(64) * 8,
            Self::States { count } => states_out(count) + count as u64 * BLOCK_LEN,
        }
    }

    /// Writes the command into the buffer at `base`; the register write that starts it follows.
    pub fn store(self, memory: &impl Memory, base: u64) {
        let (kind, count, first) = match self {
            Self::Activity { first, count } => (0, count, first),
            Self::States { count } => (1, count, 0),
        };
        memory.store32(base + 8, kind);
        memory.store32(base + 12, count);
        memory.store32(base + 16, first);
    }

    /// Reads the command in the buffer at `base`; `None` when it is out of the limits above.
    pub fn load(memory: &impl Memory, base: u64) -> Option<Self> {
        let count = memory.load32(base + 12);
        let first = memory.load32(base + 16);
        match memory.load32(base + 8) {
            0 if (1..=MAX_ACTIVITY).contains(&count) && first.is_multiple_of(64) => {
                Some(Self::Activity { first, count })
            }
            1 if (1..=MAX_STATES).contains(&count) => Some(Self::States { count }),
            _ => None,
        }
    }
}
