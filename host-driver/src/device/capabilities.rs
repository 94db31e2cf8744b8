//! What the card can hold and where, read once and checked as a whole: afterwards no offset or
//! size of the card's needs a second look.

use firmware_api::entry::flow::MAX_FLOW_ID;
use firmware_api::flow_state::BLOCK_LEN;
use firmware_api::geometry::Geometry;
use firmware_api::register::{
    FLOW_COUNT, FLOW_STATE_OFFSET, PORT_COUNT, Register, TABLE_GEOMETRY, TABLE_OFFSET,
};
use firmware_api::table::Match;
use firmware_api::{MAX_PORTS, Memory, TableId};

use super::error::{DeviceError, Part};

/// How many tables there are.
pub const TABLES: usize = TableId::ALL.len();

/// Where a table stands and its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Which table.
    pub id: TableId,
    /// Byte offset of its first slot in BAR2.
    pub offset: u64,
    /// Its shape.
    pub geometry: Geometry,
}

impl TableInfo {
    /// The offset of a slot in BAR2.
    #[inline]
    pub const fn at(&self, slot: u32) -> u64 {
        self.offset + slot as u64 * self.id.entry_len()
    }

    const fn len(&self) -> u64 {
        self.geometry.slots() as u64 * self.id.entry_len()
    }
}

/// What the card can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// How many ports, 1..=[`MAX_PORTS`].
    pub ports: u16,
    /// How many flows have a state block; flow ids are below it.
    pub flow_count: u32,
    /// Byte offset of the first state block in BAR2.
    pub flow_state_offset: u64,
    tables: [TableInfo; TABLES],
}

impl Capabilities {
    /// Reads and checks the capability registers of a card whose table memory has `bar2_len` bytes.
    ///
    /// # Errors
    /// The first register that holds what no card can have, or two parts that overlap.
    pub fn read(bar0: &impl Memory, bar2_len: u64) -> Result<Self, DeviceError> {
        let blank = TableInfo {
            id: TableId::Port,
            offset: 0,
            geometry: Geometry::index(1),
        };
        let mut tables = [blank; TABLES];
        for (info, id) in tables.iter_mut().zip(TableId::ALL) {
            *info = read_table(bar0, *id)?;
        }
        let capabilities = Self {
            ports: read_ports(bar0)?,
            flow_count: read_flow_count(bar0)?,
            flow_state_offset: bar0.load64(FLOW_STATE_OFFSET.offset),
            tables,
        };
        capabilities.check_overlaps(bar2_len)?;
        Ok(capabilities)
    }

    /// Where a table stands.
    pub const fn table(&self, id: TableId) -> &TableInfo {
        &self.tables[id as usize]
    }

    /// All tables, in the order of their numbers.
    pub const fn tables(&self) -> &[TableInfo; TABLES] {
        &self.tables
    }

    /// Every part of table memory with its first byte and its length.
    fn parts(&self) -> impl Iterator<Item = (Part, u64, u64)> {
        let blocks = u64::from(self.flow_count) * BLOCK_LEN;
        let state = (Part::FlowState, self.flow_state_offset, blocks);
        let tables = self.tables.iter();
        tables
            .map(|table| (Part::Table(table.id), table.offset, table.len()))
            .chain([state])
    }

    fn check_overlaps(&self, bar2_len: u64) -> Result<(), DeviceError> {
        for (i, (part, first, len)) in self.parts().enumerate() {
            let inside = first.checked_add(len).is_some_and(|end| end <= bar2_len);
            if !inside || !first.is_multiple_of(alignment(part)) {
                let (register, index) = match part {
                    Part::Table(id) => (&TABLE_OFFSET, id as u64),
                    Part::FlowState => (&FLOW_STATE_OFFSET, 0),
                };
                let problem = if inside {
                    "not a multiple of the entry's length"
                } else {
                    "reaches beyond the table memory"
                };
                return Err(capability(register, index, first, problem));
            }
            let overlapping = self
                .parts()
                .take(i)
                .find(|(_, other, other_len)| first < other + other_len && *other < first + len);
            if let Some((other, ..)) = overlapping {
                return Err(DeviceError::Overlap { a: other, b: part });
            }
        }
        Ok(())
    }

    /// The offset of a flow's state block in BAR2.
    ///
    /// # Panics
    /// When the card has no such flow.
    #[inline]
    pub fn flow_state_at(&self, flow: u32) -> u64 {
        assert!(flow < self.flow_count, "flow {flow} of {}", self.flow_count);
        self.flow_state_offset + u64::from(flow) * BLOCK_LEN
    }
}

const fn alignment(part: Part) -> u64 {
    match part {
        Part::Table(id) => id.entry_len(),
        Part::FlowState => BLOCK_LEN,
    }
}

fn capability(register: &Register, index: u64, found: u64, problem: &'static str) -> DeviceError {
    let register = if register.count > 1 {
        format!("{}[{index}]", register.name)
    } else {
        register.name.to_owned()
    };
    DeviceError::Capability {
        register,
        found,
        problem,
    }
}

fn read_ports(bar0: &impl Memory) -> Result<u16, DeviceError> {
    let found = bar0.load32(PORT_COUNT.offset);
    match u16::try_from(found) {
        Ok(ports @ 1..=MAX_PORTS) => Ok(ports),
        _ => Err(capability(
            &PORT_COUNT,
            0,
            found.into(),
            "1 to 4096 ports are possible",
        )),
    }
}

fn read_flow_count(bar0: &impl Memory) -> Result<u32, DeviceError> {
    let found = bar0.load32(FLOW_COUNT.offset);
    if (1..=MAX_FLOW_ID + 1).contains(&found) {
        return Ok(found);
    }
    let problem = "1 to 2^30 flows are possible";
    Err(capability(&FLOW_COUNT, 0, found.into(), problem))
}

fn read_table(bar0: &impl Memory, id: TableId) -> Result<TableInfo, DeviceError> {
    let index = id as u64;
    let found = bar0.load64(TABLE_GEOMETRY.at(index));
    let refuse = |problem| Err(capability(&TABLE_GEOMETRY, index, found, problem));
    let Some(geometry) = Geometry::decode(found) else {
        return refuse("no table can have that shape");
    };
    match (id.kind(), geometry.ways) {
        (Match::Index, 0) | (Match::Exact, 1..) => Ok(TableInfo {
            id,
            offset: bar0.load64(TABLE_OFFSET.at(index)),
            geometry,
        }),
        (Match::Index, _) => refuse("the table is an array and has no ways"),
        (Match::Exact, 0) => refuse("the table is a hash table and needs ways"),
    }
}

#[cfg(test)]
mod tests;
