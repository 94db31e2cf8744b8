//! The native pipeline and the P4 program in BMv2 never disagree: same port and bytes, same records,
//! same counters, same flow state.
//!
//! `HEADGATE_STORM_PACKETS` says how many packets (20,000 if it is not set), `HEADGATE_STORM_SEED`
//! where to begin; a failure names the seed that shows it.

use std::collections::BTreeMap;
use std::time::Instant;

use firmware_api::flow_state::FlowState;
use firmware_api::{DropReason, PortId, PuntReason, TableId};
use headgate_tests::differ::{compare, tell};
use headgate_tests::generate::storm;
use headgate_tests::rows::{self, Entry, State};
use headgate_tests::twin::{Bmv2Twin, Native, Twin};
use hw_sim::Verdict;
use hw_sim::counters::Counters;
use hw_sim::pipeline::{Conditions, Outcome};

/// Packets over the same tables.
const CASE: usize = 200;

fn variable(name: &str, usual: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}: `{text}`")),
        Err(_) => usual,
    }
}

/// Compares so many packets; what they disagree about, for people.
fn hunt(one: &mut dyn Twin, other: &mut dyn Twin, packets: u64) -> Option<String> {
    let first = variable("HEADGATE_STORM_SEED", 0);
    for seed in first..first + packets.div_ceil(CASE as u64) {
        let case = storm(seed, CASE);
        if compare(&case, one, other).is_some() {
            return Some(format!("seed {seed}: {}", tell(&case, one, other)));
        }
    }
    None
}

#[test]
fn bmv2_and_the_native_pipeline_agree() {
    let mut bmv2 = match Bmv2Twin::start() {
        Ok(bmv2) => bmv2,
        Err(why) => return println!("skipped: {why}"),
    };
    let packets = variable("HEADGATE_STORM_PACKETS", 20_000);
    let begin = Instant::now();
    let found = hunt(&mut Native::default(), &mut bmv2, packets);
    if let Some(found) = found {
        panic!("{found}");
    }
    println!("{packets} packets in {:?}", begin.elapsed());
}

/// Reasons that no packet of a storm can bring about.
const BESIDE: [&str; 3] = ["driver_refused", "punt_ring_full", "trace"];

#[test]
fn storms_reach_every_outcome() {
    let mut native = Native::default();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..100 {
        let case = storm(seed, CASE);
        assert_eq!(compare(&case, &mut native, &mut Native::default()), None);
        let Counters {
            tx, drops, punts, ..
        } = native.counters();
        *seen.entry("forwarded".to_owned()).or_default() += tx;
        let drops = DropReason::ALL.iter().map(ToString::to_string).zip(drops);
        let punts = PuntReason::ALL.iter().map(ToString::to_string).zip(punts);
        for (name, count) in drops.chain(punts) {
            *seen.entry(name).or_default() += count;
        }
    }
    seen.retain(|name, _| !BESIDE.contains(&name.as_str()));
    let rare: Vec<_> = seen.iter().filter(|(_, count)| **count < 5).collect();
    assert!(rare.is_empty(), "{rare:?}");
    let total: u64 = seen.values().sum();
    assert!(seen["forwarded"] > total / 6, "{seen:?}");
}

/// A native pipeline that does one thing wrong.
#[derive(Default)]
struct Wrong {
    native: Native,
    entry: Option<fn(&mut Entry) -> bool>,
    frame: Option<fn(&mut Vec<u8>)>,
    flow: Option<fn(&mut FlowState)>,
}

impl Twin for Wrong {
    fn name(&self) -> &'static str {
        "a wrong pipeline"
    }

    fn load(&mut self, state: &State) {
        let mut state = state.clone();
        if let Some(change) = self.entry {
            let entries: Vec<Entry> = state.entries().cloned().collect();
            for mut entry in entries {
                if change(&mut entry) {
                    state.insert(entry);
                }
            }
        }
        self.native.load(&state);
    }

    fn process(&mut self, conditions: Conditions, ingress: PortId, frame: &[u8]) -> Verdict {
        let mut verdict = self.native.process(conditions, ingress, frame);
        if let (Some(change), Outcome::Forward { frame, .. }) = (self.frame, &mut verdict.outcome) {
            change(frame);
        }
        verdict
    }

    fn flow_state(&mut self, flow: u32) -> FlowState {
        let mut state = self.native.flow_state(flow);
        if let Some(change) = self.flow {
            change(&mut state);
        }
        state
    }

    fn counters(&mut self) -> Counters {
        self.native.counters()
    }
}

/// The row that is found, which holds on the native pipeline and not on the wrong one.
fn found(mut wrong: Wrong) -> rows::Row {
    let mut native = Native::default();
    let found = hunt(&mut native, &mut wrong, 20_000).expect("they disagree");
    println!("{found}");
    let begin = found.find("row: ").expect("a row");
    let rows = rows::rows(&found[begin..], "found", |_| Err(String::new())).expect("sound");
    let [row] = <[rows::Row; 1]>::try_from(rows).expect("one row");
    row.judge(&mut native)
        .expect("holds on the native pipeline");
    row.judge(&mut wrong)
        .expect_err("does not hold on the wrong one");
    row
}

#[test]
fn a_wrong_entry_is_found_and_shrunk() {
    let row = found(Wrong {
        entry: Some(|entry| {
            let is_backend = entry.table == TableId::Backend;
            if is_backend {
                entry.parameters[1] ^= 1;
            }
            is_backend
        }),
        ..Wrong::default()
    });
    assert!(row.edits.len() <= 8 && row.steps.len() == 1, "{row}");
}

#[test]
fn a_wrong_byte_is_found_and_shrunk() {
    let row = found(Wrong {
        frame: Some(|frame| {
            let is_with_options = frame.get(12..15) == Some(&[8, 0, 0x46]);
            if is_with_options {
                frame[22] -= 1;
            }
        }),
        ..Wrong::default()
    });
    assert!(row.edits.len() <= 8 && row.steps.len() == 1, "{row}");
}

#[test]
fn a_wrong_flow_state_is_found_and_shrunk() {
    let row = found(Wrong {
        flow: Some(|state| state.forward.packets = state.forward.packets.min(1)),
        ..Wrong::default()
    });
    assert!(row.edits.len() <= 4 && row.steps.len() <= 2, "{row}");
}
