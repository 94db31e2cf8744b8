//! Memory that looks like a card to the driver, for tests: capabilities, and nothing that acts.

use firmware_api::geometry::Geometry;
use firmware_api::register::{self, BAR0_LEN};
use firmware_api::table::Match;
use firmware_api::{Memory, TableId};

use super::{Device, Mapping};

/// Bytes of table memory that [`lay_out`] uses for these shapes.
pub(crate) fn bar2_len(flow_count: u32, geometry: impl Fn(TableId) -> Geometry) -> u64 {
    let tables = TableId::ALL.iter();
    let tables: u64 = tables.map(|id| table_len(*id, geometry(*id))).sum();
    tables + u64::from(flow_count) * 64
}

fn table_len(id: TableId, geometry: Geometry) -> u64 {
    (u64::from(geometry.slots()) * id.entry_len()).next_multiple_of(64)
}

/// Writes identity and capabilities: every table in a row, then the flow state.
pub(crate) fn lay_out(bar0: &impl Memory, flow_count: u32, geometry: impl Fn(TableId) -> Geometry) {
    bar0.store64(register::MAGIC.offset, register::MAGIC_VALUE);
    bar0.store32(register::ABI_VERSION.offset, register::ABI_VERSION_VALUE);
    bar0.store32(register::PORT_COUNT.offset, 4);
    bar0.store32(register::FLOW_COUNT.offset, flow_count);
    let mut offset = 0;
    for id in TableId::ALL {
        let geometry = geometry(*id);
        let index = *id as u64;
        bar0.store64(register::TABLE_OFFSET.at(index), offset);
        let at = register::TABLE_GEOMETRY.at(index);
        bar0.store64(at, geometry.encode());
        offset += table_len(*id, geometry);
    }
    bar0.store64(register::FLOW_STATE_OFFSET.offset, offset);
}

/// Every exact table of one shape, every index table of 64 entries.
pub(crate) fn uniform(exact: Geometry) -> impl Fn(TableId) -> Geometry + Copy {
    move |id| match id.kind() {
        Match::Exact => exact,
        Match::Index => Geometry::index(64),
    }
}

/// A card in memory of this process whose exact tables have one shape.
pub(crate) fn card(flow_count: u32, exact: Geometry) -> Device<Mapping> {
    let shape = uniform(exact);
    let space = |len| Mapping::anonymous(len as usize).expect("memory");
    let bar0 = space(BAR0_LEN);
    lay_out(&bar0, flow_count, shape);
    let bar2 = space(bar2_len(flow_count, shape));
    Device::open(bar0, bar2, space(8 << 20)).expect("a card")
}
