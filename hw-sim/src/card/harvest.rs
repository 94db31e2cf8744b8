//! The device's part of a harvest: activity bits and flow-state blocks to host memory.

use firmware_api::flow_state::BLOCK_LEN;
use firmware_api::harvest::{Command, PAYLOAD, TICK, states_out};
use firmware_api::{Memory, register};

use super::error::{DriverError, Source};
use crate::engine::Engine;
use crate::lookup::Spaces;

/// The command is not sound.
const STATUS_BAD: u32 = 1;

/// The number of the last command.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Harvest {
    last: u32,
}

impl Harvest {
    /// Carries out the command in the buffer, if there is a new one; returns whether there was.
    pub(super) fn poll(
        &mut self,
        spaces: Spaces<'_, impl Memory>,
        rings: &impl Memory,
        engine: &mut impl Engine,
        tick: u32,
    ) -> Result<bool, DriverError> {
        let bar0 = spaces.bar0;
        let number = bar0.load32(register::HARVEST_COMMAND.offset);
        if number == self.last {
            return Ok(false);
        }
        let base = bar0.load64(register::HARVEST_BASE.offset);
        let len = u64::from(bar0.load32(register::HARVEST_LEN.offset));
        let end = base.checked_add(len).filter(|end| *end <= rings.len());
        if end.is_none() || !base.is_multiple_of(8) || len < PAYLOAD {
            self.last = number;
            return Err(DriverError::Ring(Source::Harvest));
        }
        let command = Command::load(rings, base).filter(|command| command.buffer_len() <= len);
        let done = match command.map(|command| answer(command, spaces, rings, base, engine)) {
            Some(Answer::Later) => return Ok(false),
            Some(Answer::Done) => Some(()),
            Some(Answer::NoSuchFlow) | None => None,
        };
        self.last = number;
        let status = if done.is_some() { 0 } else { STATUS_BAD };
        rings.store32(base + TICK, tick);
        rings.store32(base + 4, status);
        rings.store32(base, number);
        done.map(|()| true).ok_or(DriverError::Harvest(number))
    }
}

/// What becomes of a command.
enum Answer {
    Done,
    /// It names flows that do not exist.
    NoSuchFlow,
    /// The engine cannot say now: the command waits.
    Later,
}

/// Writes the answer behind the command.
fn answer(
    command: Command,
    spaces: Spaces<'_, impl Memory>,
    rings: &impl Memory,
    base: u64,
    engine: &mut impl Engine,
) -> Answer {
    let is_done = match command {
        Command::Activity { first, count } => {
            let end = first.checked_add(count);
            if end.is_none_or(|end| end > engine.layout().flows) {
                return Answer::NoSuchFlow;
            }
            let mut at = base + PAYLOAD;
            engine.harvest_activity(first, count, |word| {
                rings.store64(at, word);
                at += 8;
            })
        }
        Command::States { count } => {
            let asked = |i| rings.load32(base + PAYLOAD + 4 * i);
            let is_fresh = engine.harvest_states(spaces, (0..u64::from(count)).map(asked));
            for i in 0..u64::from(count) {
                let Some(state) = engine.layout().flow_state(asked(i)) else {
                    return Answer::NoSuchFlow;
                };
                let to = base + states_out(count) + BLOCK_LEN * i;
                for word in (0..BLOCK_LEN).step_by(8) {
                    rings.store64(to + word, spaces.bar2.load64(state + word));
                }
            }
            is_fresh
        }
    };
    if is_done { Answer::Done } else { Answer::Later }
}
