//! Every interleaving of the driver's writes with a lookup of the card, under the memory order that
//! the contract promises: the driver's own tables write, `hw_sim::lookup` reads.

use std::sync::Arc;

use firmware_api::entry::frontend::{FrontendAction, FrontendKey, FrontendV4};
use firmware_api::entry::{Entry, ExactEntry};
use firmware_api::geometry::Geometry;
use firmware_api::hash::HashKey;
use firmware_api::register::{BAR0_LEN, STASH_USED, TABLE_MOVES, TABLE_OFFSET};
use firmware_api::{Memory, Protocol, TableId, Zone};
use hw_sim::config::Table;
use hw_sim::lookup::{Spaces, find};

use super::ExactTable;
use crate::device::loom_memory::{LoomMemory, Width};
use crate::device::{Device, Mapping, fake};

const SECRET: HashKey = HashKey(3, 5);
const ID: TableId = TableId::FrontendV4;

/// The `number`-th entry; its action carries the number and `version`.
fn entry(number: u8, version: u16) -> FrontendV4 {
    let key = FrontendKey {
        zone: Zone::UPLINK,
        destination: [203, 0, 113, number].into(),
        protocol: Protocol::Tcp,
        port: 443,
    };
    let rule = u16::from(number) << 8 | version;
    FrontendV4::new(key, FrontendAction::Balance(rule))
}

fn rule(entry: FrontendV4) -> u16 {
    entry.action().rule().expect("it balances")
}

/// The first entry from `from` on whose buckets are these, in any order.
fn entry_of_buckets(geometry: Geometry, wanted: [u32; 2], from: u8) -> u8 {
    let mut numbers = from..=255;
    let number = numbers.find(|number| {
        let mut buckets = geometry.buckets(entry(*number, 0).key().hash::<FrontendV4>(SECRET));
        buckets.sort_unstable();
        buckets == wanted
    });
    number.expect("256 keys cover a few buckets")
}

type Driver = (Device<LoomMemory>, ExactTable<4, FrontendV4>);

/// Runs `write` against a lookup of each of `keys`, in every order with at most two preemptions.
/// What a lookup finds must be one of the rules given, 0 for a miss.
fn race(
    geometry: Geometry,
    prepare: impl Fn(&mut Driver) + Send + Sync + 'static,
    write: impl Fn(&mut Driver) + Send + Sync + 'static,
    keys: &[(u8, &[u16])],
) {
    let card = Arc::new(Card::new(geometry));
    let (prepare, write) = (Arc::new(prepare), Arc::new(write));
    for (number, allowed) in keys {
        let (card, prepare, write) = (card.clone(), prepare.clone(), write.clone());
        let (number, allowed) = (*number, allowed.to_vec());
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(move || {
            let (bar0, bar2) = card.spaces();
            let (mut driver, table) = card.driver(&bar0, &bar2);
            prepare(&mut driver);
            let lookup = loom::thread::spawn(move || {
                let (bar0, bar2) = (&bar0, &bar2);
                let key = entry(number, 0).key();
                let found = find::<4, FrontendV4>(Spaces { bar0, bar2 }, &table, SECRET, &key);
                found.map_or(0, |words| rule(FrontendV4::from_words(words)))
            });
            write(&mut driver);
            let found = lookup.join().expect("a lookup");
            assert!(
                allowed.contains(&found),
                "found {found:#x}, allowed {allowed:x?}"
            );
        });
    }
}

/// What does not change from one order to the next.
struct Card {
    geometry: Geometry,
    offset: u64,
    registers: Arc<Mapping>,
    tables: Arc<Mapping>,
}

impl Card {
    fn new(geometry: Geometry) -> Self {
        let shape = fake::uniform(geometry);
        let space = |len| Arc::new(Mapping::anonymous(len as usize).expect("memory"));
        let (registers, tables) = (space(BAR0_LEN), space(fake::bar2_len(64, shape)));
        fake::lay_out(&*registers, 64, shape);
        let at = TABLE_OFFSET.at(ID as u64);
        Self {
            geometry,
            offset: registers.load64(at),
            registers,
            tables,
        }
    }

    /// Both BARs, of which loom watches what driver and card share.
    fn spaces(&self) -> (LoomMemory, LoomMemory) {
        let registers = [TABLE_MOVES, STASH_USED].map(|r| (r.at(ID as u64), Width::Half));
        let words = u64::from(self.geometry.slots()) * 4;
        let slots = (0..words).map(|word| (self.offset + 8 * word, Width::Whole));
        (
            LoomMemory::new(Arc::clone(&self.registers), registers),
            LoomMemory::new(Arc::clone(&self.tables), slots),
        )
    }

    fn driver(&self, bar0: &LoomMemory, bar2: &LoomMemory) -> (Driver, Table) {
        let none = LoomMemory::new(Arc::clone(&self.registers), []);
        let device = Device::open(bar0.clone(), bar2.clone(), none).expect("a card");
        let table = ExactTable::new(*device.capabilities().table(ID), SECRET);
        ((device, table), Table::new(ID, self.geometry, self.offset))
    }
}

fn version(number: u8, version: u16) -> u16 {
    rule(entry(number, version))
}

#[test]
fn a_displaced_entry_never_misses() {
    let geometry = Geometry::exact(4, 1, 0);
    let moved = entry_of_buckets(geometry, [0, 1], 0);
    let second = entry_of_buckets(geometry, [0, 2], 0);
    let third = entry_of_buckets(geometry, [0, 2], second + 1);
    // `moved` stands in bucket 0 when it came while bucket 1 was taken.
    let blocker = entry_of_buckets(geometry, [1, 3], 0);
    let other_blocker = entry_of_buckets(geometry, [1, 3], blocker + 1);
    race(
        geometry,
        move |(device, table)| {
            for number in [blocker, other_blocker, moved] {
                table.insert(device, entry(number, 1)).expect("room");
            }
            // Bucket 1 becomes free; bucket 2 taken: the next entry of 0 and 2 displaces `moved`.
            let in_one = table
                .entries()
                .find(|(slot, _)| *slot == 1)
                .expect("a blocker")
                .1;
            table.remove(device, in_one).expect("present");
            table.insert(device, entry(second, 1)).expect("room");
        },
        move |(device, table)| {
            table.insert(device, entry(third, 1)).expect("room");
            assert_eq!(table.usage().displacements, 1);
        },
        &[
            (moved, &[version(moved, 1)]),
            (third, &[0, version(third, 1)]),
        ],
    );
}

#[test]
fn a_replaced_entry_is_one_or_the_other() {
    let geometry = Geometry::exact(2, 1, 0);
    race(
        geometry,
        |(device, table)| table.insert(device, entry(7, 1)).expect("room"),
        |(device, table)| {
            table
                .replace(device, entry(7, 2))
                .expect("room")
                .expect("present");
            table
                .replace(device, entry(7, 3))
                .expect("room")
                .expect("present");
        },
        &[(7, &[version(7, 1), version(7, 2), version(7, 3)])],
    );
}

#[test]
fn a_stashed_entry_comes_home_without_a_miss() {
    let geometry = Geometry::exact(2, 1, 1);
    race(
        geometry,
        |(device, table)| {
            for number in [1, 2, 3] {
                table.insert(device, entry(number, 1)).expect("room");
            }
            assert_eq!(table.usage().stashed, 1);
        },
        |(device, table)| {
            table.remove(device, entry(1, 0)).expect("present");
            assert_eq!(table.usage().stashed, 0);
        },
        &[(3, &[version(3, 1)]), (1, &[0, version(1, 1)])],
    );
}

#[test]
fn a_slot_that_changes_hands_never_shows_half_an_entry() {
    let geometry = Geometry::exact(2, 1, 0);
    race(
        geometry,
        |(device, table)| {
            for number in [1, 2] {
                table.insert(device, entry(number, 1)).expect("room");
            }
        },
        |(device, table)| {
            table.remove(device, entry(1, 0)).expect("present");
            table.insert(device, entry(3, 1)).expect("room");
        },
        &[(1, &[0, version(1, 1)]), (3, &[0, version(3, 1)])],
    );
}
