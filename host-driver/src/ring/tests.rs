use firmware_api::geometry::Geometry;
use firmware_api::inject::Inject;
use firmware_api::punt::Punt;
use firmware_api::register::{INJECT_PRODUCER, PUNT_CONSUMER};
use firmware_api::ring::{self, Layout, Payload, RingError, Words};
use firmware_api::{MAX_FRAME, Memory, PuntReason};
use proptest::prelude::*;

use super::*;
use crate::device::{Device, Mapping, PacketRings, RingSizes, fake};

const SLOTS: u32 = 256;

fn card() -> (Device<Mapping>, PacketRings) {
    let mut device = fake::card(64, Geometry::exact(4, 4, 0));
    let sizes = RingSizes {
        punt: SLOTS,
        inject: 16,
        doorbell: 16,
    };
    let rings = device.set_up_rings(sizes).expect("rings");
    (device, rings)
}

fn punt(number: u32, captured: u16) -> Punt {
    Punt {
        reason: PuntReason::Learn,
        ingress: 0,
        timestamp: number,
        rule: Some(1),
        backend: Some(2),
        flow_hash: 3,
        flow: None,
        length: 1500,
        captured,
    }
}

/// The card's side of the punt ring.
struct Card {
    layout: Layout,
    producer: u32,
}

impl Card {
    fn punt(&mut self, device: &Device<Mapping>, words: Words, bytes: &[u8]) {
        let consumer = device.bar0().load32(PUNT_CONSUMER.offset);
        let rings = device.rings();
        let pushed = ring::push(rings, self.layout, self.producer, consumer, words, bytes);
        self.producer = pushed.expect("sound").expect("room");
        self.layout.set_device_index(rings, self.producer);
    }
}

#[test]
fn punts_come_in_batches_with_one_register_write_each() {
    let (device, rings) = card();
    let mut card = Card {
        layout: rings.punt,
        producer: 0,
    };
    let (mut ring, mut batch) = (PuntRing::new(rings.punt), PuntBatch::new());
    let mut expected = 0;
    for round in 0..20 {
        for i in 0..100 {
            let bytes = vec![i as u8; (i % 97) as usize];
            let number = round * 100 + i;
            card.punt(&device, punt(number, bytes.len() as u16).encode(), &bytes);
        }
        let before = device.accesses().bar0;
        for size in [64, 36, 0] {
            assert_eq!(ring.take(&device, &mut batch), size);
            assert_eq!((batch.len(), batch.is_empty()), (size, size == 0));
            for (taken, bytes) in batch.iter() {
                assert_eq!(taken.timestamp, expected);
                let i = (expected % 100) as u8;
                assert_eq!(
                    (bytes.len(), bytes.iter().all(|b| *b == i)),
                    (usize::from(i % 97), true)
                );
                expected += 1;
            }
        }
        let spent = device.accesses().bar0 - before;
        assert_eq!((spent.reads, spent.writes), (0, 2));
    }
    assert_eq!((ring.stats().taken, ring.stats().errors), (2000, 0));
}

#[test]
fn nothing_trusted_an_unsound_record_is_counted_and_the_ring_goes_on() {
    let (device, rings) = card();
    let mut card = Card {
        layout: rings.punt,
        producer: 0,
    };
    let (mut ring, mut batch) = (PuntRing::new(rings.punt), PuntBatch::new());
    for number in 0..5 {
        card.punt(&device, punt(number, 0).encode(), &[]);
    }
    let second = rings.punt.base() + 64 + 128 + 8;
    let flipped = device.rings().load64(second) ^ 1 << 40;
    device.rings().store64(second, flipped);
    assert_eq!(ring.take(&device, &mut batch), 1, "the sound one before it");
    let stats = ring.stats();
    assert_eq!((stats.errors, stats.skipped_slots), (1, 4));
    assert_eq!(stats.last_error, Some(RingError::Crc { index: 1 }));
    let mut unknown = punt(5, 0).encode();
    unknown[0] |= 0xff;
    card.punt(&device, unknown, &[]);
    card.punt(&device, punt(6, 0).encode(), &[]);
    assert_eq!(ring.take(&device, &mut batch), 1);
    assert_eq!(batch.iter().next().map(|(punt, _)| punt.timestamp), Some(6));
    assert_eq!(ring.stats().unknown, 1);
}

#[test]
fn injected_frames_wait_for_one_doorbell_and_a_full_ring_refuses() {
    let (device, rings) = card();
    let mut ring = InjectRing::new(rings.inject);
    let frame = [7; 60];
    for _ in 0..16 {
        ring.push(&device, Inject::Transmit(3), &frame)
            .expect("room");
    }
    assert_eq!(device.bar0().load32(INJECT_PRODUCER.offset), 0);
    let full = ring.push(&device, Inject::Transmit(3), &frame);
    assert_eq!(full, Err(InjectError::Full));
    let long = ring.push(&device, Inject::Transmit(3), &[0; MAX_FRAME + 1]);
    assert_eq!(long, Err(InjectError::TooLong(MAX_FRAME + 1)));
    let before = device.accesses().bar0;
    ring.ring(&device);
    ring.ring(&device);
    assert_eq!((device.accesses().bar0 - before).writes, 1);
    assert_eq!((ring.sent(), ring.refused()), (16, 2));
    let mut payload = Payload::default();
    let taken = ring::take(device.rings(), rings.inject, 0, 16, &mut payload);
    let (words, _) = taken.expect("sound").expect("a record");
    assert_eq!(Inject::decode(words), Ok(Inject::Transmit(3)));
    assert_eq!(payload[..], frame);
    rings.inject.set_device_index(device.rings(), 99);
    let broken = ring.push(&device, Inject::Transmit(3), &frame);
    assert!(matches!(
        broken,
        Err(InjectError::Ring(RingError::Index { found: 99, own: 16 }))
    ));
}

proptest! {
    #[test]
    fn nothing_trusted_any_ring_memory_is_survived(
        noise in prop::collection::vec((0u64..SLOTS as u64 * 16 + 8, any::<u64>()), 0..40),
        producers in prop::collection::vec(any::<u32>(), 1..6), small: bool,
    ) {
        let (device, rings) = card();
        for (word, value) in noise {
            device.rings().store64(8 * word, value);
        }
        let (mut ring, mut batch) = (PuntRing::new(rings.punt), PuntBatch::new());
        for producer in producers {
            let producer = if small { producer % (2 * SLOTS) } else { producer };
            rings.punt.set_device_index(device.rings(), producer);
            for _ in 0..SLOTS {
                ring.take(&device, &mut batch);
            }
            let consumer = device.bar0().load32(PUNT_CONSUMER.offset);
            prop_assert_eq!(consumer, producer, "the ring goes on at the card's index");
        }
    }
}
