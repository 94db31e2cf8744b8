//! Why a card cannot be used, by cause, and what to do about it.

use std::io;
use std::path::PathBuf;

use firmware_api::TableId;
use firmware_api::register::{ABI_VERSION_VALUE, MAGIC_VALUE};

/// Why a card cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is no such file or device.
    #[error("{path}: not there; {hint}", path = path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// A space cannot be mapped.
    #[error("{path}: {source}; {hint}", path = path.display())]
    Map {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The text is not a PCI address.
    #[error("{0:?} is not a PCI address; write domain:bus:device.function, like 0000:3b:00.0")]
    PciAddress(String),
    /// A space is smaller than what the contract needs.
    #[error("{space} has {len} bytes, a Headgate card has at least {least}")]
    TooSmall {
        /// Which space.
        space: &'static str,
        /// Its length.
        len: u64,
        /// The least possible.
        least: u64,
    },
    /// Every bit reads as one.
    #[error(
        "the card is gone: its registers read all ones; see that it has power, that its memory is \
         enabled, or that hw-sim still runs, and start again"
    )]
    Gone,
    /// The magic number is another device's.
    #[error(
        "not a Headgate card: the first register holds {found:#018x}, a Headgate card's holds \
         {MAGIC_VALUE:#018x}"
    )]
    NotHeadgate {
        /// What it holds.
        found: u64,
    },
    /// Card and driver speak different versions of the contract.
    #[error(
        "the card speaks contract version {}.{}, this driver {}.{}; update the older of the two",
        found >> 16, found & 0xffff, ABI_VERSION_VALUE >> 16, ABI_VERSION_VALUE & 0xffff
    )]
    Version {
        /// What the card says.
        found: u32,
    },
    /// A capability register holds what no card can have.
    #[error("the card's register {register} holds {found:#x}: {problem}")]
    Capability {
        /// The register, with its index where it is an array.
        register: String,
        /// What it holds.
        found: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Two parts of table memory share bytes.
    #[error("the card's {a} and {b} overlap in table memory")]
    Overlap {
        /// One part.
        a: Part,
        /// The other.
        b: Part,
    },
    /// The card did not carry out a reset.
    #[error("the card did not finish its reset; see that hw-sim runs, or power-cycle the card")]
    ResetTimeout,
    /// Rings of these sizes do not fit.
    #[error(
        "rings and harvest buffer need {needed} bytes of ring memory, there are {available}; make \
         the rings smaller or the ring memory larger"
    )]
    RingMemory {
        /// Bytes needed.
        needed: u64,
        /// Bytes there.
        available: u64,
    },
    /// A ring has an impossible size.
    #[error("a ring cannot have {0} slots; a power of two from 16 to 1048576 is possible")]
    RingSlots(u32),
    /// The device kind has no memory that the card can reach.
    #[error(
        "ring memory for PCI needs an IOMMU mapping (vfio), which is not supported; run against \
         a card in shared memory (shm:DIR)"
    )]
    NoRingMemory,
}

/// A part of table memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A table.
    Table(TableId),
    /// The flow-state blocks.
    FlowState,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Table(table) => write!(f, "table {table}"),
            Self::FlowState => f.write_str("flow state"),
        }
    }
}
