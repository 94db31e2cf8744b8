//! What stands in the exact tables of BAR2, read slot by slot: no hashes, no shadow.

use std::collections::BTreeMap;
use std::net::IpAddr;

use firmware_api::control::is_valid;
use firmware_api::entry::Entry;
use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, FlowV4, FlowV6};
use firmware_api::entry::snat_block::SnatBlock;
use firmware_api::{Memory, PortId, Protocol};
use hw_sim::config::Layout;
use hw_sim::{CardConfig, SimMemory};

fn valid<const N: usize, E: Entry<N>>(bar2: &SimMemory, config: &CardConfig) -> Vec<E> {
    let layout = Layout::new(config).expect("a sound card");
    let table = layout.table(E::TABLE);
    (0..table.geometry.slots())
        .map(|slot| bar2.load_words(table.offset + u64::from(slot) * 8 * N as u64))
        .filter(|words: &[u64; N]| is_valid(words[N - 1]))
        .map(E::from_words)
        .collect()
}

/// A flow entry of either family.
pub type FlowEntry = (FlowKey<IpAddr>, FlowAction<IpAddr>);

/// The flow entries of a card.
pub fn flows(bar2: &SimMemory, config: &CardConfig) -> Vec<FlowEntry> {
    let v4 = valid::<4, FlowV4>(bar2, config).into_iter();
    let v6 = valid::<8, FlowV6>(bar2, config).into_iter();
    let v4 = v4.map(|e| (e.flow_key().any_family(), e.action().any_family()));
    let v6 = v6.map(|e| (e.flow_key().any_family(), e.action().any_family()));
    v4.chain(v6).collect()
}

/// The entries of each flow: forward and return.
///
/// # Panics
/// When a flow has one entry only, or more than two.
pub fn pairs(bar2: &SimMemory, config: &CardConfig) -> BTreeMap<u32, [FlowEntry; 2]> {
    let mut by_flow: BTreeMap<u32, Vec<FlowEntry>> = BTreeMap::new();
    for entry in flows(bar2, config) {
        by_flow.entry(entry.1.flow).or_default().push(entry);
    }
    let pair = |(id, mut entries): (u32, Vec<FlowEntry>)| {
        entries.sort_by_key(|(_, action)| action.direction);
        let directions: Vec<Direction> = entries.iter().map(|(_, a)| a.direction).collect();
        let both = [Direction::Forward, Direction::Return];
        assert_eq!(directions, both, "flow {id}: {entries:?}");
        (id, [entries[0], entries[1]])
    };
    by_flow.into_iter().map(pair).collect()
}

/// The owner of each SNAT block: its instance's vport.
pub fn snat_blocks(
    bar2: &SimMemory,
    config: &CardConfig,
) -> BTreeMap<(IpAddr, Protocol, u16), PortId> {
    let blocks = valid::<4, SnatBlock>(bar2, config).into_iter();
    let row = |entry: SnatBlock| {
        let key = entry.snat_block_key();
        ((key.address, key.protocol, key.block), entry.vport())
    };
    blocks.map(row).collect()
}
