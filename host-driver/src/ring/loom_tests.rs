//! Every interleaving of the card's pushes with the driver's takes, under the memory order that the
//! contract promises: records come out whole, once and in order.

use std::sync::{Arc, Mutex};

use firmware_api::geometry::Geometry;
use firmware_api::punt::Punt;
use firmware_api::register::{BAR0_LEN, PUNT_CONSUMER};
use firmware_api::ring::{self, Layout};
use firmware_api::{Memory, PuntReason};

use super::{PuntBatch, PuntRing};
use crate::device::loom_memory::{LoomMemory, Width};
use crate::device::{Device, Mapping, fake};

const SLOTS: u32 = 16;

fn push(bar0: &LoomMemory, rings: &LoomMemory, layout: Layout, number: u32) -> bool {
    let punt = Punt {
        reason: PuntReason::Learn,
        ingress: 0,
        timestamp: number,
        rule: None,
        backend: None,
        flow_hash: number.wrapping_mul(77),
        flow: None,
        length: 0,
        captured: 0,
    };
    let consumer = bar0.load32(PUNT_CONSUMER.offset);
    let pushed = ring::push(rings, layout, number, consumer, punt.encode(), &[]);
    let Some(producer) = pushed.expect("a sound index") else {
        return false;
    };
    layout.set_device_index(rings, producer);
    true
}

/// `waiting` records stand in the ring; the card pushes `more` while the driver takes.
fn race(waiting: u32, more: u32) {
    let shape = fake::uniform(Geometry::exact(1, 1, 0));
    let space = |len| Arc::new(Mapping::anonymous(len as usize).expect("memory"));
    let registers = space(BAR0_LEN);
    fake::lay_out(&*registers, 64, shape);
    let tables = space(fake::bar2_len(64, shape));
    let memory = space(Layout::bytes(SLOTS));
    let layout = Layout::new(0, SLOTS, memory.len()).expect("a ring");
    // Made outside: loom's stacks are too small for it.
    let batch = Mutex::new(PuntBatch::new());
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(move || {
        // The slots that both sides access in this race, and the indices.
        let words = (waiting..waiting + more).flat_map(|number| {
            let slot = u64::from(number % SLOTS) * ring::SLOT_LEN + ring::HEADER_LEN;
            (0..4).map(move |word| (slot + 8 * word, Width::Whole))
        });
        let index = (layout.base(), Width::Half);
        let rings = LoomMemory::new(Arc::clone(&memory), words.chain([index]));
        let consumer = (PUNT_CONSUMER.offset, Width::Half);
        let bar0 = LoomMemory::new(Arc::clone(&registers), [consumer]);
        let bar2 = LoomMemory::new(Arc::clone(&tables), []);
        let device = Device::open(bar0.clone(), bar2, rings.clone()).expect("a card");
        for number in 0..waiting {
            assert!(push(&bar0, &rings, layout, number));
        }
        let card = loom::thread::spawn(move || {
            let pushed = (waiting..waiting + more).take_while(|n| push(&bar0, &rings, layout, *n));
            pushed.count() as u32
        });
        let mut ring = PuntRing::new(layout);
        let mut batch = batch.lock().expect("one model at a time");
        let mut taken = 0;
        let mut take = || {
            ring.take(&device, &mut batch);
            for (punt, _) in batch.iter() {
                assert_eq!(punt.timestamp, taken);
                taken += 1;
            }
            assert_eq!(ring.stats().last_error, None);
        };
        take();
        take();
        let pushed = card.join().expect("a card");
        take();
        assert_eq!(taken, waiting + pushed);
    });
}

#[test]
fn records_come_out_whole_once_and_in_order() {
    race(0, 2);
}

#[test]
fn a_slot_is_reused_only_after_its_record_was_taken() {
    race(SLOTS, 1);
}
