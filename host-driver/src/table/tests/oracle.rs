//! A naive list of entries judges the bucket table; its keys differ from one another in one bit.

use firmware_api::Memory;
use firmware_api::entry::address::Address;
use firmware_api::entry::flow::{FlowV4, FlowV6};
use firmware_api::entry::frontend::{FrontendV4, FrontendV6};
use firmware_api::entry::return_path::{ReturnPathV4, ReturnPathV6};
use firmware_api::entry::snat_block::SnatBlock;
use firmware_api::entry::{Entry, ExactEntry, Key};
use firmware_api::geometry::Geometry;
use proptest::prelude::*;

use super::card::SECRET;
use super::{Operation, entry, operations};
use crate::device::{Device, Mapping, fake};
use crate::table::{ExactTable, InsertError};

const VARIANTS: usize = 54;

/// Entries in no order; every question is a scan.
struct List<const N: usize>(Vec<[u64; N]>);

impl<const N: usize> List<N> {
    fn position<E: ExactEntry<N>>(&self, like: E) -> Option<usize> {
        let key = like.key();
        self.0.iter().position(|words| Key::of::<E>(words) == key)
    }
}

fn words<const N: usize, E: Entry<N>>(entry: E) -> [u64; N] {
    entry.to_words()
}

fn step<const N: usize, E: ExactEntry<N>>(
    table: &mut ExactTable<N, E>,
    list: &mut List<N>,
    device: &Device<Mapping>,
    operation: Operation,
) {
    let variant = match operation {
        Operation::Insert(v, _)
        | Operation::Replace(v, _)
        | Operation::Put(v, _)
        | Operation::Remove(v) => v,
    };
    let position = list.position::<E>(entry(variant, 0));
    let old = position.map(|at| list.0[at]);
    match operation {
        Operation::Insert(v, a) => match table.insert(device, entry(v, a)) {
            Ok(()) => {
                assert_eq!(old, None);
                list.0.push(words::<N, E>(entry(v, a)));
            }
            Err(InsertError::Present(_)) => assert!(old.is_some()),
            Err(InsertError::Full(full)) => {
                assert!(old.is_none());
                assert_eq!(full.entries as usize, list.0.len());
            }
        },
        Operation::Replace(v, a) => {
            if let Ok(replaced) = table.replace(device, entry(v, a)) {
                assert_eq!(replaced.map(words), old);
                if let Some(at) = position {
                    list.0[at] = words::<N, E>(entry(v, a));
                }
            }
        }
        Operation::Put(v, a) => {
            if let Ok(replaced) = table.put(device, entry(v, a)) {
                assert_eq!(replaced.map(words), old);
                if let Some(at) = position {
                    list.0.swap_remove(at);
                }
                list.0.push(words::<N, E>(entry(v, a)));
            }
        }
        Operation::Remove(v) => {
            assert_eq!(table.remove(device, entry(v, 0)).map(words), old);
            if let Some(at) = position {
                list.0.swap_remove(at);
            }
        }
    }
}

fn agree<const N: usize, E: ExactEntry<N>>(
    table: &ExactTable<N, E>,
    list: &List<N>,
    device: &Device<Mapping>,
) {
    for variant in 0..VARIANTS {
        let like: E = entry(variant, 0);
        let listed = list.position(like).map(|at| list.0[at]);
        assert_eq!(table.get(like).map(words), listed);
    }
    let mut dump: Vec<_> = table.entries().map(|(_, entry)| words(entry)).collect();
    let mut listed = list.0.clone();
    dump.sort_unstable();
    listed.sort_unstable();
    assert_eq!(dump, listed);
    let usage = table.usage();
    assert_eq!(usage.entries as usize, list.0.len());
    let stash = table.info().geometry.stash_slots();
    let stashed = table.entries().filter(|(slot, _)| stash.contains(slot));
    assert_eq!(usage.stashed as usize, stashed.count());
    // A driver that starts on this card finds the same.
    let mut adopted = ExactTable::<N, E>::new(*table.info(), SECRET);
    for slot in 0..table.info().geometry.slots() {
        let found = device.bar2().load_words(table.info().at(slot));
        adopted.restore(slot, found).expect("whole, placed, unique");
    }
    assert!(
        adopted
            .entries()
            .map(|(s, e)| (s, words(e)))
            .eq(table.entries().map(|(s, e)| (s, words(e))))
    );
    assert_eq!(adopted.usage().stashed, usage.stashed);
}

fn run<const N: usize, E: ExactEntry<N>>(geometry: Geometry, operations: &[Operation]) {
    let device = fake::card(64, geometry);
    let info = *device.capabilities().table(E::TABLE);
    let mut table = ExactTable::<N, E>::new(info, SECRET);
    let mut list = List(vec![]);
    for operation in operations {
        step(&mut table, &mut list, &device, *operation);
    }
    agree(&table, &list, &device);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tables_agree_with_a_linear_scan(
        operations in operations(VARIANTS, 200), log in 0u32..4, ways in 1u8..9, stash in 0u16..6,
    ) {
        let geometry = Geometry::exact(1 << log, ways, stash);
        run::<4, FlowV4>(geometry, &operations);
        run::<8, FlowV6>(geometry, &operations);
        run::<4, FrontendV4>(geometry, &operations);
        run::<4, FrontendV6>(geometry, &operations);
        run::<4, ReturnPathV4>(geometry, &operations);
        run::<8, ReturnPathV6>(geometry, &operations);
        run::<4, Address>(geometry, &operations);
        run::<4, SnatBlock>(geometry, &operations);
    }
}
