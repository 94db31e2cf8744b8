//! The tables by name: the one list that P4, hw-sim and the driver share.

use crate::entry::{
    address::Address, backend::Backend, flow::FlowV4, flow::FlowV6, frontend::FrontendV4,
    frontend::FrontendV6, instance::Instance, port::Port, return_path::ReturnPathV4,
    return_path::ReturnPathV6, rule::Rule, selector::Selector, snat_block::SnatBlock,
};

/// A table of the card; the number is the index in the capability registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TableId {
    /// What a port is: uplink, vport or off.
    Port = 0,
    /// IPv4 flows.
    FlowV4 = 1,
    /// IPv6 flows.
    FlowV6 = 2,
    /// IPv4 frontends.
    FrontendV4 = 3,
    /// IPv6 frontends.
    FrontendV6 = 4,
    /// Load-balancing and inbound NAT rules.
    Rule = 5,
    /// Selection slots of all rules.
    Selector = 6,
    /// Backends.
    Backend = 7,
    /// Replies of IPv4 backends before their flow is known.
    ReturnPathV4 = 8,
    /// Replies of IPv6 backends before their flow is known.
    ReturnPathV6 = 9,
    /// Instances: their addresses and ways out.
    Instance = 10,
    /// Which instance owns an address: 1:1 public addresses (zone uplink), own ones (zone vnet).
    Address = 11,
    /// Whose a block of eight SNAT ports is.
    SnatBlock = 12,
}

/// How a table is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// A host-managed hash table: buckets of ways, and a stash.
    Exact,
    /// An array.
    Index,
}

impl TableId {
    /// Every table, in the order of the numbers.
    pub const ALL: &'static [Self] = &[
        Self::Port,
        Self::FlowV4,
        Self::FlowV6,
        Self::FrontendV4,
        Self::FrontendV6,
        Self::Rule,
        Self::Selector,
        Self::Backend,
        Self::ReturnPathV4,
        Self::ReturnPathV6,
        Self::Instance,
        Self::Address,
        Self::SnatBlock,
    ];

    /// The name everywhere: P4, dumps, metrics, messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::FlowV4 => "flow_v4",
            Self::FlowV6 => "flow_v6",
            Self::FrontendV4 => "frontend_v4",
            Self::FrontendV6 => "frontend_v6",
            Self::Rule => "rule",
            Self::Selector => "selector",
            Self::Backend => "backend",
            Self::ReturnPathV4 => "return_path_v4",
            Self::ReturnPathV6 => "return_path_v6",
            Self::Instance => "instance",
            Self::Address => "address",
            Self::SnatBlock => "snat_block",
        }
    }

    /// How it is matched.
    pub const fn kind(self) -> Match {
        match self {
            Self::Port | Self::Rule | Self::Selector | Self::Backend | Self::Instance => {
                Match::Index
            }
            _ => Match::Exact,
        }
    }

    /// Bytes of one entry.
    pub const fn entry_len(self) -> u64 {
        (match self {
            Self::Port => size_of::<Port>(),
            Self::FlowV4 => size_of::<FlowV4>(),
            Self::FlowV6 => size_of::<FlowV6>(),
            Self::FrontendV4 => size_of::<FrontendV4>(),
            Self::FrontendV6 => size_of::<FrontendV6>(),
            Self::Rule => size_of::<Rule>(),
            Self::Selector => size_of::<Selector>(),
            Self::Backend => size_of::<Backend>(),
            Self::ReturnPathV4 => size_of::<ReturnPathV4>(),
            Self::ReturnPathV6 => size_of::<ReturnPathV6>(),
            Self::Instance => size_of::<Instance>(),
            Self::Address => size_of::<Address>(),
            Self::SnatBlock => size_of::<SnatBlock>(),
        }) as u64
    }

    /// The table of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.name() == name)
    }
}

impl core::fmt::Display for TableId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

const _: () = {
    let mut i = 0;
    while i < TableId::ALL.len() {
        assert!(TableId::ALL[i] as usize == i);
        assert!(TableId::ALL[i].entry_len().is_power_of_two());
        i += 1;
    }
};
