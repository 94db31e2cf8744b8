//! The invariants of ARCHITECTURE.md, end to end: one file and one test function of its name each.

mod apply_has_no_hole;
mod counted;
mod flow_sticks;
mod idle_never_early;
mod nothing_trusted;
mod pair_is_atomic;
mod range_never_moves;
mod reset_is_in_window;
mod snat_unique;

use hw_sim::CardConfig;
use proptest::prelude::ProptestConfig;

/// A card that is made quickly, with room for `flows` connections.
fn tiny_card(flows: u32) -> CardConfig {
    CardConfig {
        ports: 16,
        flows,
        ways: 2,
        stash: 4,
        frontends: 128,
        rules: 64,
        selector: 1 << 20,
        backends: 256,
        instances: 64,
        snat_blocks: 4096,
        ring_memory: 8 << 20,
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
