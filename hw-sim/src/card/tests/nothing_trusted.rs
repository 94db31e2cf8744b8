//! Whatever a driver or the wire writes, a round ends, and every frame is accounted for.

use proptest::prelude::*;

use super::*;

/// Words somewhere in a space.
fn noise(words: usize) -> impl Strategy<Value = Vec<(u64, u64)>> {
    let word = prop_oneof![any::<u64>(), 0u64..64, Just(u64::MAX)];
    proptest::collection::vec((any::<u64>(), word), 0..words)
}

fn scatter(memory: &impl Memory, noise: &[(u64, u64)]) {
    for (at, word) in noise {
        memory.store64(at % (memory.len() / 8) * 8, *word);
    }
}

/// Registers that a host may write.
fn registers() -> impl Strategy<Value = Vec<(usize, u64)>> {
    let value = prop_oneof![any::<u64>(), 0u64..64, Just(4096u64), Just(1 << 16)];
    proptest::collection::vec((0..register::ALL.len(), value), 0..12)
}

fn write(rig: &Rig, writes: &[(usize, u64)]) {
    for (index, value) in writes {
        let register = register::ALL[*index];
        let counts = register.offset >= register::RX_FRAMES.offset && register.width == 8;
        if register.offset == register::CONTROL.offset || counts {
            continue;
        }
        for element in 0..register.count {
            if register.width == 8 {
                rig.bars.bar0.store64(register.at(element), *value);
            } else {
                rig.bars.bar0.store32(register.at(element), *value as u32);
            }
        }
    }
}

fn frames() -> impl Strategy<Value = Vec<(PortId, Vec<u8>)>> {
    let junk = proptest::collection::vec(any::<u8>(), 0..128);
    let good = (
        any::<u16>(),
        any::<u8>(),
        prop_oneof![Just(80u16), any::<u16>()],
    )
        .prop_map(|(from, flags, to)| {
            Wire::tcp(0, (CLIENT.0, from), (FRONTEND.0, to), flags).frame()
        });
    let out = (any::<u16>(), any::<u8>())
        .prop_map(|(from, flags)| Wire::tcp(1, ("10.0.0.1", from), CLIENT, flags).frame());
    let frame = prop_oneof![junk, good, out];
    proptest::collection::vec((0u16..3, frame), 0..40)
}

fn run(rig: &mut Rig, frames: &[(PortId, Vec<u8>)]) {
    for (port, frame) in frames {
        rig.ports.send(*port, frame);
    }
    rig.poll();
    rig.now += 1;
    rig.poll();
    assert!(rig.card.counters().balance(), "{:?}", rig.card.counters());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_trusted_registers(writes in registers(), frames in frames()) {
        let mut rig = Rig::new();
        write(&rig, &writes);
        run(&mut rig, &frames);
    }

    #[test]
    fn nothing_trusted_tables(noise in noise(4000), frames in frames()) {
        let mut rig = Rig::new();
        scatter(&*rig.bars.bar2, &noise);
        run(&mut rig, &frames);
    }

    #[test]
    fn nothing_trusted_rows(words in proptest::collection::vec(any::<u64>(), 1..40), frames in frames()) {
        let mut rig = Rig::new();
        let layout = Layout::new(&small()).expect("good");
        for id in firmware_api::TableId::ALL.iter().filter(|id| id.kind() == firmware_api::table::Match::Index) {
            let table = layout.table(*id);
            let len = u64::from(table.geometry.rows) * id.entry_len();
            for (i, at) in (0..len.min(1024)).step_by(8).enumerate() {
                rig.bars.bar2.store64(table.offset + at, words[i % words.len()]);
            }
        }
        run(&mut rig, &frames);
    }

    #[test]
    fn nothing_trusted_rings(
        noise in noise(2000), producer in 0u32..20, doorbells in 0u32..20, consumer: u32, command: u32,
        frames in frames(),
    ) {
        let mut rig = Rig::new();
        for (at, word) in &noise {
            rig.bars.rings.store64(at % 16_384 * 8, *word);
        }
        rig.set(register::INJECT_PRODUCER, producer);
        rig.set(register::DOORBELL_PRODUCER, doorbells);
        rig.set(register::PUNT_CONSUMER, consumer);
        rig.set(register::HARVEST_COMMAND, command);
        run(&mut rig, &frames);
    }

    #[test]
    fn counted(frames in frames(), driverless: bool, drained in 0usize..8) {
        let mut rig = Rig::new();
        if driverless {
            rig.now += 10_000;
        }
        for chunk in frames.chunks(8) {
            run(&mut rig, chunk);
            for _ in 0..drained {
                if let Some((punt, bytes)) = rig.take_punt() && !punt.reason.is_copy() {
                    rig.inject(Inject::Reprocess(punt.ingress), &bytes);
                    rig.poll();
                }
            }
        }
        let counters = rig.counters();
        prop_assert_eq!(counters.rx, frames.len() as u64);
        prop_assert_eq!(&counters, rig.card.counters());
        prop_assert_eq!(counters.tx as usize, rig.ports.take().len());
    }
}
