//! `present_key_never_misses`: at every prefix of the driver's stores, and while they arrive during
//! a lookup, the device finds every key that stays, and with an action that was its own.

use std::collections::BTreeMap;

use firmware_api::Memory;
use firmware_api::entry::flow::{FlowV4, FlowV6};
use firmware_api::entry::{Entry, ExactEntry};
use firmware_api::geometry::Geometry;
use proptest::prelude::*;

use super::card::{self, Replica};
use super::{Operation, action, entry, operations};
use crate::table::{ExactTable, InsertError};

const VARIANTS: usize = 30;

type Contents = BTreeMap<usize, u32>;

/// The key's action must be one of those it had before and has after; and must be there if both.
fn check<const N: usize, E: ExactEntry<N>>(
    found: Option<E>,
    variant: usize,
    [before, after]: [&Contents; 2],
) {
    let allowed = [before.get(&variant), after.get(&variant)];
    match found.map(action) {
        Some(found) => assert!(
            allowed.contains(&Some(&found)),
            "variant {variant}: found {found}, allowed {allowed:?}"
        ),
        None => assert!(allowed.contains(&None), "variant {variant} missed"),
    }
}

fn check_prefixes<const N: usize, E: ExactEntry<N>>(
    table: &ExactTable<N, E>,
    replica: &Replica,
    contents: [&Contents; 2],
    arrivals: &[usize],
) {
    let keys = [contents[0], contents[1]];
    loop {
        for variant in 0..VARIANTS {
            let like = entry::<N, E>(variant, 0);
            check(replica.lookup(table.info(), like), variant, keys);
        }
        if replica.pending() == 0 {
            return;
        }
        for variant in contents[0].keys().chain(contents[1].keys()) {
            let like = entry::<N, E>(*variant, 0);
            let found = replica.lookup_racing(table.info(), like, arrivals);
            check(found, *variant, keys);
        }
        replica.arrive(1);
    }
}

fn run<const N: usize, E: ExactEntry<N>>(
    geometry: Geometry,
    operations: &[Operation],
    arrivals: &[usize],
) {
    let (device, replica) = card::card(geometry);
    let info = *device.capabilities().table(E::TABLE);
    let mut table = ExactTable::<N, E>::new(info, card::SECRET);
    let mut contents = Contents::new();
    let opened = device.accesses();
    for operation in operations {
        let before = contents.clone();
        match *operation {
            Operation::Insert(key, a) => match table.insert(&device, entry(key, a)) {
                Ok(()) => assert_eq!(contents.insert(key, a), None),
                Err(InsertError::Present(_)) => assert!(contents.contains_key(&key)),
                Err(InsertError::Full(_)) => assert_eq!(replica.pending(), 0),
            },
            Operation::Replace(key, a) => match table.replace(&device, entry(key, a)) {
                Ok(Some(old)) => assert_eq!(contents.insert(key, a), Some(action(old))),
                Ok(None) => assert!(!contents.contains_key(&key)),
                Err(_) => assert_eq!(replica.pending(), 0),
            },
            Operation::Put(key, a) => match table.put(&device, entry(key, a)) {
                Ok(old) => assert_eq!(contents.insert(key, a), old.map(action)),
                Err(_) => assert_eq!(replica.pending(), 0),
            },
            Operation::Remove(key) => {
                let removed = table.remove(&device, entry(key, 0));
                assert_eq!(contents.remove(&key), removed.map(action));
            }
        }
        check_prefixes(&table, &replica, [&before, &contents], arrivals);
    }
    let spent = device.accesses() - opened;
    assert_eq!(
        (spent.bar0.reads, spent.bar2.reads),
        (0, 0),
        "BAR memory was read"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn present_key_never_misses(
        operations in operations(VARIANTS, 60),
        arrivals in prop::collection::vec(prop_oneof![3 => Just(0usize), 1 => 1usize..4], 80),
        log in 0u32..3, ways in 1u8..4, stash in 0u16..4,
    ) {
        let geometry = Geometry::exact(1 << log, ways, stash);
        run::<4, FlowV4>(geometry, &operations, &arrivals);
        run::<8, FlowV6>(geometry, &operations, &arrivals);
    }
}

#[test]
fn every_write_of_a_slot_has_another_control_word() {
    let (device, _) = card::card(Geometry::exact(1, 1, 0));
    let info = *device.capabilities().table(FlowV4::TABLE);
    let mut table = ExactTable::<4, FlowV4>::new(info, card::SECRET);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..127 {
        table.insert(&device, entry(1, 7)).expect("room");
        let control = device.bar2().inner().load64(info.at(0) + 24);
        assert!(
            seen.insert(control),
            "a lookup could take two entries for one"
        );
        table.remove(&device, entry(1, 0)).expect("present");
    }
}
