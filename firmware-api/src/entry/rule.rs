//! `rule`: how a rule selects. Index = rule id. One 64-bit word, so a rule changes atomically.
//!
//! ```text
//! bits  0..24  selector base     44..46  hash mode        47  TCP reset on idle
//!      24..44  selector size     46      floating IP      48  fragments        63  valid
//! ```

use zerocopy::byteorder::{LittleEndian, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::entry_words;
use crate::control;
use crate::selector::HashMode;

/// Index of a rule.
pub type RuleId = u16;

/// The highest slot a rule's selection may begin at.
pub const MAX_SELECTOR_BASE: u32 = (1 << 24) - 1;
/// The largest selection of one rule.
pub const MAX_SELECTOR_SIZE: u32 = (1 << 20) - 1;

/// The facts of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleConfig {
    /// What decides the backend.
    pub mode: HashMode,
    /// First slot of the rule's selection in `selector`, 0..=[`MAX_SELECTOR_BASE`].
    pub selector_base: u32,
    /// Slots of the selection, 0..=[`MAX_SELECTOR_SIZE`]; 0 = no backend (silence).
    pub selector_size: u32,
    /// The destination address stays the frontend's (spec L-FIP-03).
    pub floating_ip: bool,
    /// Idle flows of the rule are reset (RST-01); told to the driver in dumps.
    pub reset: bool,
    /// An HA-ports rule forwards fragments, by their addresses alone (spec A-17).
    pub fragments: bool,
}

/// A rule entry.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Rule(U64<LittleEndian>);

entry_words!(Rule, 1, Rule);

impl Rule {
    /// The valid entry of a rule.
    pub fn new(config: RuleConfig) -> Self {
        let word = u64::from(config.selector_base & MAX_SELECTOR_BASE)
            | u64::from(config.selector_size & MAX_SELECTOR_SIZE) << 24
            | (config.mode as u64) << 44
            | u64::from(config.floating_ip) << 46
            | u64::from(config.reset) << 47
            | u64::from(config.fragments) << 48
            | control::VALID;
        Self(word.into())
    }

    /// The facts, or `None` when the entry is not valid.
    pub fn config(&self) -> Option<RuleConfig> {
        let word = self.0.get();
        control::is_valid(word).then(|| RuleConfig {
            mode: HashMode::from_code((word >> 44) as u8),
            selector_base: word as u32 & MAX_SELECTOR_BASE,
            selector_size: (word >> 24) as u32 & MAX_SELECTOR_SIZE,
            floating_ip: word >> 46 & 1 != 0,
            reset: word >> 47 & 1 != 0,
            fragments: word >> 48 & 1 != 0,
        })
    }
}
