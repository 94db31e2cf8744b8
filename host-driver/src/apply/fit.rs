//! Does a configuration fit the card? Asked before anything is written.

use std::collections::BTreeSet;

use firmware_api::TableId;
use flow_compiler::ids::Limits;
use flow_compiler::ir::Ir;
use flow_compiler::tables::{STATIC_TABLES, Tables};

use super::outbound;
use crate::device::Capabilities;
use crate::snat::BLOCK_PORTS;

/// Of an exact table's slots, how many a configuration may take, in percent: placement needs air.
const HIGHEST_LOAD: u64 = 95;

/// A table of the card is too small for the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "table {table} of the card is too small: the configuration needs {needed} entries while it \
     replaces the one in force, the table takes {available}; use a card with larger tables, or \
     change the configuration in smaller steps"
)]
pub struct DoesNotFit {
    /// The table.
    pub table: TableId,
    /// Entries needed.
    pub needed: u64,
    /// Entries it can take.
    pub available: u64,
}

/// How many numbers the card's index tables have room for.
pub(super) fn limits(card: &Capabilities) -> Limits {
    let rows = |table| card.table(table).geometry.rows;
    Limits {
        rules: rows(TableId::Rule),
        backends: rows(TableId::Backend),
        instances: rows(TableId::Instance),
        selector_slots: rows(TableId::Selector),
    }
}

/// Whether old and new entries fit side by side, as they stand while changes are written, and
/// whether there are enough SNAT ports.
pub(super) fn check(
    card: &Capabilities,
    old: Option<&Tables>,
    ir: &Ir,
    new: &Tables,
) -> Result<(), Box<dyn std::error::Error>> {
    let empty = Tables::default();
    let old = old.unwrap_or(&empty);
    for table in STATIC_TABLES {
        room_for(card, table, needed(table, old, new))?;
    }
    let plan = outbound::plan(ir);
    plan.check()?;
    let quotas = plan.shares.iter().flat_map(|share| &share.addresses);
    let blocks = quotas
        .map(|quota| u64::from(quota.ports) / u64::from(BLOCK_PORTS))
        .sum();
    room_for(card, TableId::SnatBlock, blocks)?;
    Ok(())
}

fn room_for(card: &Capabilities, table: TableId, needed: u64) -> Result<(), DoesNotFit> {
    let geometry = card.table(table).geometry;
    let available = match geometry.ways {
        0 => u64::from(geometry.rows),
        _ => u64::from(geometry.bucket_slots()) * HIGHEST_LOAD / 100,
    };
    if needed <= available {
        return Ok(());
    }
    Err(DoesNotFit {
        table,
        needed,
        available,
    })
}

/// Index tables need their highest index, exact ones every key of before and after.
fn needed(table: TableId, old: &Tables, new: &Tables) -> u64 {
    let highest = |index: Option<u64>| index.map_or(0, |index| index + 1);
    let last = |id: Option<&u16>| highest(id.map(|id| u64::from(*id)));
    match table {
        TableId::Port => last(new.port.keys().last()),
        TableId::Rule => last(new.rule.keys().last()),
        TableId::Backend => last(new.backend.keys().last()),
        TableId::Instance => last(new.instance.keys().last()),
        TableId::Selector => highest(new.selector.keys().last().map(|slot| u64::from(*slot))),
        TableId::FrontendV4 => union(old.frontend_v4.keys(), new.frontend_v4.keys()),
        TableId::FrontendV6 => union(old.frontend_v6.keys(), new.frontend_v6.keys()),
        TableId::ReturnPathV4 => union(old.return_path_v4.keys(), new.return_path_v4.keys()),
        TableId::ReturnPathV6 => union(old.return_path_v6.keys(), new.return_path_v6.keys()),
        TableId::Address => union(old.address.keys(), new.address.keys()),
        TableId::FlowV4 | TableId::FlowV6 | TableId::SnatBlock => 0,
    }
}

fn union<'a, K: Ord + 'a>(
    old: impl Iterator<Item = &'a K>,
    new: impl Iterator<Item = &'a K>,
) -> u64 {
    old.chain(new).collect::<BTreeSet<_>>().len() as u64
}
