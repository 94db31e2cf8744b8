//! How large a card is, and where its tables stand in BAR2.
//!
//! The card knows its layout from here; the driver learns it from the capability registers, and
//! both see the same [`Table`] descriptors.

use std::fmt;

use firmware_api::entry::flow::MAX_FLOW_ID;
use firmware_api::flow_state::BLOCK_LEN;
use firmware_api::geometry::Geometry;
use firmware_api::{MAX_PORTS, TableId, register, schema};

/// What can be chosen about a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardConfig {
    /// Ports, 1..=[`MAX_PORTS`]; port 0 is the uplink.
    pub ports: u16,
    /// Connections that fit in each family's flow table, 1..=[`CardConfig::MAX_FLOWS`].
    pub flows: u32,
    /// Ways of a bucket, 1..=16.
    pub ways: u8,
    /// Stash slots of every exact table.
    pub stash: u16,
    /// Entries of the frontend, return-path and address tables, each.
    pub frontends: u32,
    /// Entries of `rule`.
    pub rules: u32,
    /// Entries of `selector`.
    pub selector: u32,
    /// Entries of `backend`, at most 65,534.
    pub backends: u32,
    /// Entries of `instance`, at most 65,536.
    pub instances: u32,
    /// Entries of `snat_block`.
    pub snat_blocks: u32,
    /// Bytes of ring memory.
    pub ring_memory: u64,
}

impl Default for CardConfig {
    fn default() -> Self {
        Self {
            ports: 16,
            flows: 65_536,
            ways: 4,
            stash: 64,
            frontends: 16_384,
            rules: 16_384,
            selector: 1 << 20,
            backends: 65_534,
            instances: 4_096,
            snat_blocks: 262_144,
            ring_memory: 64 << 20,
        }
    }
}

/// A size that no card can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a card cannot have {value} {what}: {least} to {most} are possible")]
pub struct ConfigError {
    /// What was chosen.
    pub what: &'static str,
    /// How much of it.
    pub value: u64,
    /// The least possible.
    pub least: u64,
    /// The most possible.
    pub most: u64,
}

impl CardConfig {
    /// The most connections of one card.
    pub const MAX_FLOWS: u32 = 1 << 26;
    /// The load of a flow table that holds [`CardConfig::flows`] connections is at most this.
    pub const FULL_LOAD_PERCENT: u64 = 90;

    /// The largest card whose tables the P4 program of `p4/` holds.
    pub fn bmv2() -> Self {
        let size = |table: TableId| table.schema().size;
        let stash = 64;
        Self {
            ports: schema::PORTS,
            flows: schema::FLOWS,
            ways: 4,
            stash,
            frontends: size(TableId::FrontendV4) - u32::from(stash),
            rules: size(TableId::Rule),
            selector: size(TableId::Selector),
            backends: size(TableId::Backend),
            instances: size(TableId::Instance),
            snat_blocks: size(TableId::SnatBlock) - u32::from(stash),
            ..Self::default()
        }
    }

    /// Checks every size.
    ///
    /// # Errors
    /// The first size that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = |what, value: u64, least, most| {
            let error = ConfigError {
                what,
                value,
                least,
                most,
            };
            ((least..=most).contains(&value)).then_some(()).ok_or(error)
        };
        check("ports", self.ports.into(), 1, MAX_PORTS.into())?;
        check("flows", self.flows.into(), 1, Self::MAX_FLOWS.into())?;
        check("ways", self.ways.into(), 1, 16)?;
        check("stash slots", self.stash.into(), 0, 4096)?;
        check("frontends", self.frontends.into(), 1, 1 << 24)?;
        check("rules", self.rules.into(), 1, 1 << 16)?;
        check("selector slots", self.selector.into(), 1, 1 << 24)?;
        check("backends", self.backends.into(), 1, (1 << 16) - 2)?;
        check("instances", self.instances.into(), 1, 1 << 16)?;
        check("SNAT blocks", self.snat_blocks.into(), 1, 1 << 24)?;
        check("bytes of ring memory", self.ring_memory & !7, 4096, 1 << 40)?;
        Ok(())
    }

    /// The shape of a table.
    pub fn geometry(&self, table: TableId) -> Geometry {
        let exact = |capacity| Geometry::for_capacity(capacity, self.ways, self.stash);
        match table {
            TableId::Port => Geometry::index(self.ports.into()),
            TableId::Rule => Geometry::index(self.rules),
            TableId::Selector => Geometry::index(self.selector),
            TableId::Backend => Geometry::index(self.backends),
            TableId::Instance => Geometry::index(self.instances),
            TableId::FlowV4 | TableId::FlowV6 => {
                let entries = u64::from(self.flows) * 2 * 100;
                exact(entries.div_ceil(Self::FULL_LOAD_PERCENT) as u32)
            }
            TableId::SnatBlock => exact(self.snat_blocks),
            TableId::FrontendV4
            | TableId::FrontendV6
            | TableId::ReturnPathV4
            | TableId::ReturnPathV6
            | TableId::Address => exact(self.frontends),
        }
    }
}

/// Where a table is, and the registers that a lookup in it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its shape.
    pub geometry: Geometry,
    /// Byte offset in BAR2.
    pub offset: u64,
    /// Its `TABLE_MOVES` register in BAR0.
    pub moves: u64,
    /// Its `STASH_USED` register in BAR0.
    pub stash_used: u64,
}

impl Table {
    /// A table of that geometry at that offset in BAR2.
    pub const fn new(id: TableId, geometry: Geometry, offset: u64) -> Self {
        Self {
            geometry,
            offset,
            moves: register::TABLE_MOVES.at(id as u64),
            stash_used: register::STASH_USED.at(id as u64),
        }
    }
}

/// What stands where in BAR2.
#[derive(Clone, PartialEq, Eq)]
pub struct Layout {
    tables: [Table; TableId::ALL.len()],
    /// How many ports the card has.
    pub ports: u16,
    /// How many flow-state blocks.
    pub flows: u32,
    /// Where they begin.
    pub flow_state: u64,
    /// Bytes of BAR2.
    pub len: u64,
}

impl Layout {
    /// The layout of a card; every table begins on a page.
    ///
    /// # Errors
    /// When a size is out of range.
    pub fn new(config: &CardConfig) -> Result<Self, ConfigError> {
        const PAGE: u64 = 4096;
        config.validate()?;
        let mut end = 0;
        let tables = std::array::from_fn(|i| {
            let id = TableId::ALL[i];
            let table = Table::new(id, config.geometry(id), end);
            end += u64::from(table.geometry.slots()) * id.entry_len();
            end = end.next_multiple_of(PAGE);
            table
        });
        debug_assert!(config.flows <= MAX_FLOW_ID);
        Ok(Self {
            tables,
            ports: config.ports,
            flows: config.flows,
            flow_state: end,
            len: (end + u64::from(config.flows) * BLOCK_LEN).next_multiple_of(PAGE),
        })
    }

    /// The descriptor of a table.
    #[inline]
    pub const fn table(&self, id: TableId) -> &Table {
        &self.tables[id as usize]
    }

    /// The state block of a flow, if there is such a flow.
    #[inline]
    pub fn flow_state(&self, flow: u32) -> Option<u64> {
        (flow < self.flows).then(|| self.flow_state + u64::from(flow) * BLOCK_LEN)
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layout")
            .field("ports", &self.ports)
            .field("flows", &self.flows)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_entries_of_every_connection_fit_below_ninety_percent() {
        for flows in [1, 65_536, 1 << 20, 16 << 20, CardConfig::MAX_FLOWS] {
            for ways in [4, 8] {
                let config = CardConfig {
                    flows,
                    ways,
                    ..CardConfig::default()
                };
                let slots = config.geometry(TableId::FlowV4).bucket_slots();
                assert!(u64::from(flows) * 200 <= u64::from(slots) * CardConfig::FULL_LOAD_PERCENT);
            }
        }
    }

    #[test]
    fn a_card_for_bmv2_has_the_tables_of_the_p4_program() {
        let config = CardConfig::bmv2();
        config.validate().expect("a possible card");
        for id in TableId::ALL {
            assert_eq!(config.geometry(*id).slots(), id.schema().size, "{id}");
        }
    }

    #[test]
    fn tables_do_not_overlap_and_flow_state_follows() {
        let layout = Layout::new(&CardConfig::default()).expect("good");
        let mut end = 0;
        for id in TableId::ALL {
            let table = layout.table(*id);
            assert!(
                table.offset >= end && table.offset.is_multiple_of(4096),
                "{id}"
            );
            end = table.offset + u64::from(table.geometry.slots()) * id.entry_len();
        }
        assert!(layout.flow_state >= end);
        assert_eq!(layout.flow_state(65_536), None);
        assert_eq!(layout.flow_state(65_535), Some(layout.len - BLOCK_LEN));
    }

    #[test]
    fn impossible_sizes_are_named() {
        let config = CardConfig {
            flows: 0,
            ..CardConfig::default()
        };
        let error = Layout::new(&config).expect_err("no flows");
        assert_eq!(
            error.to_string(),
            "a card cannot have 0 flows: 1 to 67108864 are possible"
        );
    }
}
