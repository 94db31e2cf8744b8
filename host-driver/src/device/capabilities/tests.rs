use proptest::prelude::*;

use super::*;
use crate::device::Mapping;
use crate::device::fake;
use firmware_api::register::BAR0_LEN;

const FLOWS: u32 = 128;

fn shape() -> impl Fn(TableId) -> Geometry + Copy {
    fake::uniform(Geometry::exact(8, 4, 4))
}

fn card() -> (Mapping, u64) {
    let bar0 = Mapping::anonymous(BAR0_LEN as usize).expect("memory");
    fake::lay_out(&bar0, FLOWS, shape());
    (bar0, fake::bar2_len(FLOWS, shape()))
}

fn refusal(change: impl Fn(&Mapping)) -> String {
    let (bar0, len) = card();
    change(&bar0);
    Capabilities::read(&bar0, len)
        .expect_err("refused")
        .to_string()
}

#[test]
fn what_the_card_says_is_what_the_driver_knows() {
    let (bar0, len) = card();
    let capabilities = Capabilities::read(&bar0, len).expect("a card");
    assert_eq!((capabilities.ports, capabilities.flow_count), (4, FLOWS));
    let flow = capabilities.table(TableId::FlowV4);
    assert_eq!(flow.geometry, Geometry::exact(8, 4, 4));
    assert_eq!(flow.at(3), flow.offset + 96);
    assert_eq!(capabilities.flow_state_at(FLOWS - 1) + 64, len);
}

#[test]
fn nothing_trusted_impossible_capabilities_are_named() {
    let ports = |n| move |bar0: &Mapping| bar0.store32(PORT_COUNT.offset, n);
    assert_eq!(
        refusal(ports(4097)),
        "the card's register PORT_COUNT holds 0x1001: 1 to 4096 ports are possible"
    );
    refusal(ports(0));
    refusal(|bar0| bar0.store32(FLOW_COUNT.offset, 0));
    refusal(|bar0| bar0.store32(FLOW_COUNT.offset, u32::MAX));
    let rule = TABLE_GEOMETRY.at(TableId::Rule as u64);
    let exact = Geometry::exact(8, 4, 0).encode();
    assert_eq!(
        refusal(|bar0| bar0.store64(rule, exact)),
        format!(
            "the card's register TABLE_GEOMETRY[5] holds {exact:#x}: the table is an array and \
             has no ways"
        )
    );
    refusal(|bar0| bar0.store64(rule, u64::MAX));
    let beyond = refusal(|bar0| bar0.store32(FLOW_COUNT.offset, FLOWS + 1));
    assert!(
        beyond.ends_with("reaches beyond the table memory"),
        "{beyond}"
    );
    let overlap = refusal(|bar0| bar0.store64(FLOW_STATE_OFFSET.offset, 0));
    assert_eq!(
        overlap,
        "the card's table port and flow state overlap in table memory"
    );
    let at = TABLE_OFFSET.at(TableId::FlowV4 as u64);
    let crooked = refusal(|bar0| bar0.store64(at, bar0.load64(at) + 8));
    assert!(
        crooked.ends_with("not a multiple of the entry's length"),
        "{crooked}"
    );
}

fn capability_registers() -> Vec<(u64, u64)> {
    let tables = 0..TABLES as u64;
    let arrays = tables.flat_map(|i| [TABLE_OFFSET.at(i), TABLE_GEOMETRY.at(i)]);
    let wide = arrays.chain([FLOW_STATE_OFFSET.offset]).map(|at| (at, 8));
    let narrow = [PORT_COUNT, FLOW_COUNT].map(|register| (register.offset, 4));
    wide.chain(narrow).collect()
}

proptest! {
    /// Whatever the registers hold: refused, or every slot and state block in bounds and apart.
    #[test]
    fn nothing_trusted(
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<u64>(), 0u32..64), 1..3
        ),
    ) {
        let (bar0, len) = card();
        for (register, value, shift) in changes {
            let (at, width) = *register.get(&capability_registers());
            if width == 8 {
                bar0.store64(at, value >> shift);
            } else {
                bar0.store32(at, (value >> shift) as u32);
            }
        }
        if let Ok(found) = Capabilities::read(&bar0, len) {
            let mut used = vec![];
            for table in found.tables() {
                let slots = table.geometry.slots();
                prop_assert!(slots > 0 && table.at(slots) <= len);
                used.push((table.at(0), table.at(slots)));
            }
            let last = found.flow_state_at(found.flow_count - 1);
            used.push((found.flow_state_at(0), last + BLOCK_LEN));
            used.sort_unstable();
            prop_assert!(used.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            prop_assert!(used[TABLES].1 <= len);
        }
    }
}
