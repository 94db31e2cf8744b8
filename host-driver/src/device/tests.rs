use firmware_api::TableId;
use firmware_api::doorbell::Doorbell;
use firmware_api::flow_state::FlowState;
use firmware_api::geometry::Geometry;
use firmware_api::harvest::{PAYLOAD, states_out};
use firmware_api::ring::{self, Layout, Payload};

use super::*;

const SIZES: RingSizes = RingSizes {
    punt: 16,
    inject: 16,
    doorbell: 16,
};

fn card() -> Device<Mapping> {
    fake::card(1000, Geometry::exact(8, 4, 4))
}

#[test]
fn a_reset_is_waited_for_and_the_wait_is_bounded() {
    let mut device = card();
    assert!(matches!(
        device.reset(|| false),
        Err(DeviceError::ResetTimeout)
    ));
    // A card that acts whenever it is waited for.
    let space = |len| {
        Shared(std::sync::Arc::new(
            Mapping::anonymous(len).expect("memory"),
        ))
    };
    let (bar0, bar2, rings) = (space(1 << 16), space(1 << 20), space(64));
    fake::lay_out(&bar0, 64, fake::uniform(Geometry::exact(8, 4, 4)));
    let done = register::STATUS.offset;
    bar0.store32(done, STATUS_RESET_DONE);
    let mut device = Device::open(bar0.clone(), bar2, rings).expect("a card");
    let mut rounds = 0;
    let waited = device.reset(|| {
        rounds += 1;
        let asked = bar0.load32(register::CONTROL.offset) & CONTROL_RESET != 0;
        bar0.store32(done, if asked { STATUS_RESET_DONE } else { 0 });
        rounds < 10
    });
    waited.expect("a reset");
    assert_eq!(rounds, 2, "an old answer is not taken for the new one");
    assert_eq!(bar0.load32(register::CONTROL.offset), 0);
}

#[test]
fn a_card_that_is_gone_is_noticed() {
    let mut device = card();
    device.heartbeat().expect("there");
    assert_eq!(device.bar0().load32(register::HEARTBEAT.offset), 1);
    device.bar0().store64(register::MAGIC.offset, GONE);
    assert!(matches!(device.heartbeat(), Err(DeviceError::Gone)));
}

#[test]
fn ring_memory_is_shared_out_and_must_suffice() {
    let mut device = card();
    let rings = device.set_up_rings(SIZES).expect("rings");
    let base = |register: register::Register| device.bar0().load64(register.offset);
    assert_eq!(base(register::PUNT_BASE), rings.punt.base());
    assert_eq!(base(register::INJECT_BASE), Layout::bytes(16));
    assert_eq!(base(register::HARVEST_BASE), 3 * Layout::bytes(16));
    let huge = RingSizes {
        punt: 1 << 20,
        ..SIZES
    };
    let error = device.set_up_rings(huge).expect_err("too large");
    assert!(matches!(
        error,
        DeviceError::RingMemory {
            available: 0x80_0000,
            ..
        }
    ));
    let odd = RingSizes { punt: 17, ..SIZES };
    assert!(matches!(
        device.set_up_rings(odd),
        Err(DeviceError::RingSlots(17))
    ));
}

#[test]
fn doorbells_are_published_once_a_batch_and_become_a_rescan_when_there_are_too_many() {
    let mut device = card();
    device.set_up_rings(SIZES).expect("rings");
    let doorbell = Doorbell {
        table: TableId::FlowV4,
        first: 3,
        count: 2,
    };
    let before = device.accesses().bar0;
    for _ in 0..16 {
        device.ring_doorbell(doorbell);
    }
    device.publish_doorbells();
    device.publish_doorbells();
    assert_eq!((device.accesses().bar0 - before).writes, 1);
    let base = device.bar0().load64(register::DOORBELL_BASE.offset);
    let layout = Layout::new(base, 16, device.rings().len()).expect("a ring");
    let mut none = Payload::default();
    let taken = ring::take(device.rings(), layout, 0, 16, &mut none);
    let (words, _) = taken.expect("sound").expect("a record");
    assert_eq!(Doorbell::decode(words), Ok(doorbell));
    device.ring_doorbell(doorbell);
    device.publish_doorbells();
    assert_eq!(device.bar0().load32(register::RESCAN.offset), 1);
    assert_eq!(device.rescans(), 1);
}

/// The card's part of a harvest.
fn answer(device: &Device<Mapping>, status: u32) -> u64 {
    let base = device.bar0().load64(register::HARVEST_BASE.offset);
    let number = device.bar0().load32(register::HARVEST_COMMAND.offset);
    device.rings().store32(base + 4, status);
    device.rings().store32(base, number);
    base
}

#[test]
fn activity_is_harvested_word_by_word_and_nobody_elses_bits_come_along() {
    let mut device = card();
    assert_eq!(device.start_activity(0, 64), Err(HarvestError::NoBuffer));
    device.set_up_rings(SIZES).expect("rings");
    device.start_activity(64, 70).expect("started");
    assert_eq!(device.start_activity(64, 70), Err(HarvestError::Busy));
    assert!(device.harvest().expect("no error").is_none(), "not yet");
    let base = answer(&device, 0);
    device.rings().store64(base + PAYLOAD, 5);
    device.rings().store64(base + PAYLOAD + 8, u64::MAX);
    let harvest = device.harvest().expect("no error").expect("an answer");
    assert_eq!(harvest.activity().collect::<Vec<_>>(), [5, 0x3f]);
    assert!(device.harvest().expect("no error").is_none(), "taken");
}

#[test]
fn states_are_harvested_and_flows_that_are_not_there_are_not_asked_for() {
    let mut device = card();
    device.set_up_rings(SIZES).expect("rings");
    for (first, count) in [(0, 1001), (1, 64), (64, 0), (!63, 64)] {
        let refused = device.start_activity(first, count);
        assert!(
            matches!(refused, Err(HarvestError::Range { .. })),
            "{first} {count}"
        );
    }
    assert!(matches!(
        device.start_states(&[5, 1000]),
        Err(HarvestError::Range { .. })
    ));
    assert!(matches!(
        device.start_states(&[]),
        Err(HarvestError::Range { .. })
    ));
    device.start_states(&[7, 999]).expect("started");
    let base = answer(&device, 0);
    assert_eq!(device.rings().load32(base + PAYLOAD + 4), 999);
    let second = base + states_out(2) + 64;
    device.rings().store64(second, 0x80 << 56 | 0x4d);
    let harvest = device.harvest().expect("no error").expect("an answer");
    let seen: Vec<_> = harvest.states().map(|state| state.last_seen).collect();
    assert_eq!(seen, [FlowState::default().last_seen, Some(77)]);
    device.start_states(&[7]).expect("started");
    answer(&device, 9);
    assert_eq!(device.harvest().err(), Some(HarvestError::Refused(9)));
}

#[test]
fn counters_are_read_by_reason() {
    use firmware_api::{DropReason, PuntReason};
    let device = card();
    let drops = register::DROPS_BY_REASON.at(DropReason::NoBackend as u64);
    device.bar0().store64(drops, 3);
    let lost = register::PUNTS_LOST.at(PuntReason::Learn as u64);
    device.bar0().store64(lost, 4);
    let counters = device.counters();
    assert_eq!(counters.dropped(DropReason::NoBackend), 3);
    assert_eq!(counters.dropped_total(), 3);
    assert_eq!(counters.lost(PuntReason::Learn), 4);
}
