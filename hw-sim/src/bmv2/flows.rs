//! What the switch knows of flows: its register arrays, and how they become the state blocks of
//! BAR2 and back.
//!
//! A block stands in seven arrays:
//!
//! ```text
//! word 0  flow_seen                  tick, TCP flags; bit 48 is "in use" (bit 63 of the word)
//! word 1  flow_acks_forward, flow_acks_return
//! 2, 3    flow_packets_forward, flow_packets_return
//! 4, 5    flow_bytes_forward, flow_bytes_return
//!         flow_active                had a packet since the last activity harvest
//! ```
//! When a driver installs a flow it stores zero to word 0 and then writes the entries. The engine
//! that takes up an entry and finds the zero forgets what the switch knew of the flow, and stores
//! [`TAKEN_UP`]: a bit of word 0 that no block uses and that means nothing to a host, because the
//! word is not in use. So it forgets once per installation, whichever entry comes first, and
//! another installation is a zero again.

use std::collections::HashSet;

use firmware_api::Memory;
use firmware_api::flow_state::{BLOCK_LEN, IN_USE};
use firmware_api::schema::FLOWS;

use super::program::Program;
use super::runtime::{Call, Reply, Runtime};
use crate::config::Layout;
use crate::lookup::Spaces;

/// In word 0 of a block: the engine has seen that the driver blanked it.
const TAKEN_UP: u64 = 1 << 48;
/// In `flow_seen`: the block is not blank.
const SEEN: u64 = 1 << 48;
/// Tick and flags, the same in both.
const SEEN_MASK: u64 = SEEN - 1;
/// Flags, without the tick.
const FLAGS: u64 = SEEN_MASK & !(u32::MAX as u64);
/// Asked for that many flows, whole arrays are cheaper than elements.
const MANY: usize = 512;

/// A register array of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Array {
    Seen,
    AcksForward,
    AcksReturn,
    PacketsForward,
    PacketsReturn,
    BytesForward,
    BytesReturn,
    Active,
}

impl Array {
    pub(super) const ALL: &'static [Self] = &[
        Self::Seen,
        Self::AcksForward,
        Self::AcksReturn,
        Self::PacketsForward,
        Self::PacketsReturn,
        Self::BytesForward,
        Self::BytesReturn,
        Self::Active,
    ];
    /// Those that make up a block.
    const BLOCK: &'static [Self] = Self::ALL.split_at(7).0;

    /// The last part of its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Seen => "flow_seen",
            Self::AcksForward => "flow_acks_forward",
            Self::AcksReturn => "flow_acks_return",
            Self::PacketsForward => "flow_packets_forward",
            Self::PacketsReturn => "flow_packets_return",
            Self::BytesForward => "flow_bytes_forward",
            Self::BytesReturn => "flow_bytes_return",
            Self::Active => "flow_active",
        }
    }

    /// Bits of an element.
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::Seen => 49,
            Self::AcksForward | Self::AcksReturn => 32,
            Self::PacketsForward | Self::PacketsReturn | Self::BytesForward | Self::BytesReturn => {
                64
            }
            Self::Active => 1,
        }
    }
}

/// Which flows had entries.
#[derive(Debug, Default)]
pub(super) struct Flows {
    installed: HashSet<u32>,
}

/// The registers of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    registers: [u64; Array::BLOCK.len()],
}

impl Known {
    /// The first six words of its block; `None` when the switch has not seen a packet.
    fn words(&self) -> Option<[u64; 6]> {
        let [seen, ack, ack_return, rest @ ..] = self.registers;
        let [packets, packets_return, bytes, bytes_return] = rest;
        (seen & SEEN != 0).then_some([
            seen & SEEN_MASK | IN_USE,
            ack | ack_return << 32,
            packets,
            packets_return,
            bytes,
            bytes_return,
        ])
    }

    /// As a block has it, with a packet at that tick.
    fn restored(words: [u64; 6], tick: u32) -> Self {
        let words = if words[0] & IN_USE == 0 {
            [0; 6]
        } else {
            words
        };
        let seen = words[0] & FLAGS | u64::from(tick) | SEEN;
        let (ack, ack_return) = (words[1] & 0xffff_ffff, words[1] >> 32);
        let [_, _, packets, packets_return, bytes, bytes_return] = words;
        Self {
            registers: [
                seen,
                ack,
                ack_return,
                packets,
                packets_return,
                bytes,
                bytes_return,
            ],
        }
    }
}

impl Flows {
    /// Forgets all of it.
    pub(super) fn forget(&mut self) {
        self.installed.clear();
    }

    /// Takes up flows that the driver has installed; those `looked_at` have entries that stay or
    /// come.
    pub(super) fn take_up<M: Memory>(
        &mut self,
        looked_at: &[u32],
        spaces: Spaces<'_, M>,
        layout: &Layout,
        program: &Program,
        runtime: &mut Runtime,
    ) -> thrift::Result<()> {
        let mut installed = Vec::new();
        for flow in looked_at {
            let Some(at) = layout.flow_state(*flow) else {
                continue;
            };
            if spaces.bar2.load64(at) == 0 {
                spaces.bar2.store64(at, TAKEN_UP);
                installed.push(*flow);
            }
        }
        let register = program.register(Array::Seen);
        let zeros = installed.iter().map(|flow| Call::WriteRegister {
            register,
            index: *flow,
            value: 0,
        });
        runtime.calls(zeros.map(|call| ((), call)), |(), _| {})?;
        self.installed.extend(looked_at);
        Ok(())
    }

    /// Gives a switch that has just started what BAR2 last knew of the flows that have entries, as
    /// if each had a packet at that tick: no flow is idle too early.
    pub(super) fn restore<M: Memory>(
        &self,
        tick: u32,
        spaces: Spaces<'_, M>,
        layout: &Layout,
        program: &Program,
        runtime: &mut Runtime,
    ) -> thrift::Result<()> {
        let mut calls = Vec::new();
        for flow in &self.installed {
            let Some(at) = layout.flow_state(*flow) else {
                continue;
            };
            let known = Known::restored(spaces.bar2.load_words(at), tick);
            for (array, value) in Array::BLOCK.iter().zip(known.registers) {
                calls.push(Call::WriteRegister {
                    register: program.register(*array),
                    index: *flow,
                    value,
                });
            }
        }
        runtime.calls(calls.into_iter().map(|call| ((), call)), |(), _| {})
    }
}

/// Brings the blocks of flows in BAR2 up to date.
pub(super) fn harvest<M: Memory>(
    flows: &[u32],
    spaces: Spaces<'_, M>,
    layout: &Layout,
    program: &Program,
    runtime: &mut Runtime,
) -> thrift::Result<()> {
    let taken_up = |flow: &u32| {
        let at = layout.flow_state(*flow);
        at.is_some_and(|at| spaces.bar2.load64(at) != 0)
    };
    let flows: Vec<_> = flows.iter().copied().filter(taken_up).collect();
    let mut known = vec![Known::default(); flows.len()];
    for (i, array) in Array::BLOCK.iter().enumerate() {
        let register = program.register(*array);
        let values = read(register, &flows, runtime)?;
        for (known, value) in known.iter_mut().zip(values) {
            known.registers[i] = value;
        }
    }
    for (flow, known) in flows.iter().zip(known) {
        let at = layout.flow_state(*flow).expect("there is such a flow");
        if let Some(words) = known.words() {
            store(spaces.bar2, at, words);
        }
    }
    Ok(())
}

/// Elements of an array.
fn read(register: &str, flows: &[u32], runtime: &mut Runtime) -> thrift::Result<Vec<u64>> {
    let mut values = Vec::with_capacity(flows.len());
    if flows.len() < MANY {
        let calls = flows.iter().map(|index| {
            let index = *index;
            ((), Call::ReadRegister { register, index })
        });
        runtime.calls(calls, |(), reply| {
            values.push(reply.as_ref().map_or(0, Reply::number));
        })?;
    } else {
        let all = read_all(register, runtime)?;
        values.extend(flows.iter().map(|flow| all[*flow as usize]));
    }
    Ok(values)
}

/// Every element of an array.
fn read_all(register: &str, runtime: &mut Runtime) -> thrift::Result<Vec<u64>> {
    let mut all = match runtime.call(Call::ReadRegisters { register })? {
        Ok(Reply::Numbers(numbers)) => numbers,
        _ => Vec::new(),
    };
    all.resize(FLOWS as usize, 0);
    Ok(all)
}

/// Hands over, 64 at a time, which flows had packets, and clears that.
pub(super) fn harvest_activity(
    first: u32,
    count: u32,
    program: &Program,
    runtime: &mut Runtime,
    mut each: impl FnMut(u64),
) -> thrift::Result<()> {
    let register = program.register(Array::Active);
    let active = read_all(register, runtime)?;
    let end = (first + count) as usize;
    for flows in active[first as usize..end].chunks(64) {
        let bits = flows.iter().rev();
        each(bits.fold(0, |word, active| word << 1 | active & 1));
    }
    let _ = runtime.call(Call::WriteRegisters {
        register,
        first,
        end: first + count,
        value: 0,
    })?;
    Ok(())
}

/// Writes a block, unless the driver blanked it meanwhile.
fn store(bar2: &impl Memory, at: u64, words: [u64; 6]) {
    for (i, word) in (1..).zip(&words[1..]) {
        bar2.store64(at + 8 * i, *word);
    }
    if bar2.load64(at) != 0 {
        bar2.store64(at, words[0]);
    }
}

const _: () = assert!(BLOCK_LEN == 64);

#[cfg(test)]
mod tests {
    use firmware_api::flow_state::{self, FlowState, HalfState};

    use super::*;
    use crate::memory;

    #[test]
    fn registers_are_the_block_that_a_host_decodes() {
        let known = Known {
            registers: [
                SEEN | 0x1210_0000_004d,
                u64::from(u32::MAX),
                5,
                2,
                3,
                100,
                200,
            ],
        };
        let bar2 = memory::anonymous(4096).expect("memory");
        bar2.store64(64, TAKEN_UP);
        assert_eq!(FlowState::load(&bar2, 64), FlowState::default());
        store(&bar2, 64, known.words().expect("it was seen"));
        let expected = FlowState {
            last_seen: Some(77),
            forward: HalfState {
                flags: 0x10,
                ack: u32::MAX,
                packets: 2,
                bytes: 100,
            },
            reverse: HalfState {
                flags: 0x12,
                ack: 5,
                packets: 3,
                bytes: 200,
            },
        };
        assert_eq!(FlowState::load(&bar2, 64), expected);
        let back = Known::restored(bar2.load_words(64), 99);
        let last_seen = SEEN | 0x1210_0000_0063;
        assert_eq!(back.registers[0], last_seen);
        assert_eq!(back.registers[1..], known.registers[1..]);
    }

    #[test]
    fn a_block_that_was_never_seen_is_blank_and_a_blanked_one_stays_so() {
        assert_eq!(Known::default().words(), None);
        let bar2 = memory::anonymous(4096).expect("memory");
        bar2.store64(8, 9);
        flow_state::blank(&bar2, 0);
        store(&bar2, 0, [IN_USE | 5, 1, 1, 1, 1, 1]);
        assert_eq!(FlowState::load(&bar2, 0), FlowState::default());
        let restored = Known::restored([TAKEN_UP, 1, 2, 3, 4, 5], 7);
        assert_eq!(restored.registers, [SEEN | 7, 0, 0, 0, 0, 0, 0]);
    }
}
