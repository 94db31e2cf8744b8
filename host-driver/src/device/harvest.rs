//! Harvest: asking the card about flows without reading BAR memory. One command at a time; its
//! answer is taken from ring memory when the card has finished.

use firmware_api::Memory;
use firmware_api::flow_state::{BLOCK_LEN, FlowState};
use firmware_api::harvest::{Command, MAX_ACTIVITY, MAX_STATES, PAYLOAD, TICK, states_out};
use firmware_api::register::HARVEST_COMMAND;

use super::Device;

/// The driver's side of the harvest buffer.
#[derive(Debug)]
pub(super) struct HarvestBuffer {
    base: u64,
    number: u32,
    running: Option<Command>,
}

impl HarvestBuffer {
    pub(super) const fn new(base: u64) -> Self {
        Self {
            base,
            number: 0,
            running: None,
        }
    }
}

/// Why a harvest did not start or has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HarvestError {
    /// The rings are not set up.
    #[error("no harvest buffer is set up")]
    NoBuffer,
    /// The answer of the last command was not taken.
    #[error("a harvest is under way")]
    Busy,
    /// Outside of the card's flows or of one command's limits.
    #[error("a harvest of {count} flows from {first} on: the card has {flow_count}")]
    Range {
        /// First flow.
        first: u32,
        /// How many.
        count: u32,
        /// Flows of the card.
        flow_count: u32,
    },
    /// The card did not understand the command.
    #[error("the card refused a harvest with status {0}")]
    Refused(u32),
}

/// The answer to a harvest command.
#[derive(Debug)]
pub struct Harvest<'a, M> {
    rings: &'a M,
    base: u64,
    command: Command,
}

impl<M: Memory> Harvest<'_, M> {
    /// What was asked.
    pub const fn command(&self) -> Command {
        self.command
    }

    /// The device tick of the answer, milliseconds.
    pub fn tick(&self) -> u32 {
        self.rings.load32(self.base + TICK)
    }

    /// The activity bits of an `Activity` command, 64 flows a word from `first` on; bits of flows
    /// that were not asked for are zero.
    pub fn activity(&self) -> impl Iterator<Item = u64> {
        let count = match self.command {
            Command::Activity { count, .. } => count,
            Command::States { .. } => 0,
        };
        (0..count.div_ceil(64)).map(move |word| {
            let asked = count - 64 * word;
            let mask = if asked < 64 {
                (1 << asked) - 1
            } else {
                u64::MAX
            };
            self.rings.load64(self.base + PAYLOAD + 8 * u64::from(word)) & mask
        })
    }

    /// The states of a `States` command, in the order of the flows asked for.
    pub fn states(&self) -> impl Iterator<Item = FlowState> {
        let count = match self.command {
            Command::States { count } => count,
            Command::Activity { .. } => 0,
        };
        let out = self.base + states_out(count);
        (0..u64::from(count)).map(move |i| FlowState::load(self.rings, out + i * BLOCK_LEN))
    }
}

impl<M: Memory> Device<M> {
    /// Asks which of the flows `first..first + count` had a packet since they were last asked for;
    /// `first` is a multiple of 64.
    ///
    /// # Errors
    /// When a harvest is under way or the card has no such flows.
    pub fn start_activity(&mut self, first: u32, count: u32) -> Result<(), HarvestError> {
        let flow_count = self.capabilities.flow_count;
        let end = first.checked_add(count);
        let fits = (1..=MAX_ACTIVITY).contains(&count)
            && first.is_multiple_of(64)
            && end.is_some_and(|end| end <= flow_count);
        if !fits {
            return Err(HarvestError::Range {
                first,
                count,
                flow_count,
            });
        }
        self.idle_buffer()?;
        self.start(Command::Activity { first, count })
    }

    /// Asks for the state blocks of up to [`MAX_STATES`] flows.
    ///
    /// # Errors
    /// When a harvest is under way or the card has no such flows.
    pub fn start_states(&mut self, flows: &[u32]) -> Result<(), HarvestError> {
        let flow_count = self.capabilities.flow_count;
        let unknown = flows.iter().find(|flow| **flow >= flow_count);
        if unknown.is_some() || flows.is_empty() || flows.len() > MAX_STATES as usize {
            return Err(HarvestError::Range {
                first: unknown.copied().unwrap_or(0),
                count: flows.len() as u32,
                flow_count,
            });
        }
        let base = self.idle_buffer()?;
        for (i, flow) in flows.iter().enumerate() {
            self.rings.store32(base + PAYLOAD + 4 * i as u64, *flow);
        }
        self.start(Command::States {
            count: flows.len() as u32,
        })
    }

    /// The answer of the harvest under way, once there is one; it is given once.
    ///
    /// # Errors
    /// When the card refused the command.
    pub fn harvest(&mut self) -> Result<Option<Harvest<'_, M>>, HarvestError> {
        let Some(buffer) = &mut self.harvest else {
            return Err(HarvestError::NoBuffer);
        };
        let Some(command) = buffer.running else {
            return Ok(None);
        };
        if self.rings.load32(buffer.base) != buffer.number {
            return Ok(None);
        }
        buffer.running = None;
        match self.rings.load32(buffer.base + 4) {
            0 => Ok(Some(Harvest {
                rings: &self.rings,
                base: buffer.base,
                command,
            })),
            status => Err(HarvestError::Refused(status)),
        }
    }

    fn idle_buffer(&self) -> Result<u64, HarvestError> {
        let buffer = self.harvest.as_ref().ok_or(HarvestError::NoBuffer)?;
        match buffer.running {
            None => Ok(buffer.base),
            Some(_) => Err(HarvestError::Busy),
        }
    }

    fn start(&mut self, command: Command) -> Result<(), HarvestError> {
        let buffer = self.harvest.as_mut().ok_or(HarvestError::NoBuffer)?;
        buffer.number = buffer.number.wrapping_add(1);
        buffer.running = Some(command);
        command.store(&self.rings, buffer.base);
        self.bar0.store32(HARVEST_COMMAND.offset, buffer.number);
        Ok(())
    }
}
