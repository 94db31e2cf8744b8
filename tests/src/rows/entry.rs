//! A table entry by the names of its keys and parameters, as rows write it:
//!
//! ```text
//! flow_v4 zone=vnet protocol=tcp source=10.0.0.4 … : translate_source_v4 flow=5 address=… egress=0
//! ```
//! Parameters that are not given are 0.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use firmware_api::entry::Entry as _;
use firmware_api::entry::address::{Address, AddressKey};
use firmware_api::entry::backend::{Backend, BackendConfig};
use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, FlowV4, FlowV6, Side};
use firmware_api::entry::frontend::{FrontendAction, FrontendKey, FrontendV4, FrontendV6};
use firmware_api::entry::instance::{Instance, InstanceConfig, WayOut};
use firmware_api::entry::port::{Mac, Port, PortConfig, PortKind};
use firmware_api::entry::return_path::{
    ReturnPathAction, ReturnPathKey, ReturnPathV4, ReturnPathV6,
};
use firmware_api::entry::rule::{Rule, RuleConfig};
use firmware_api::entry::selector::Selector;
use firmware_api::entry::snat_block::{SnatBlock, SnatBlockKey};
use firmware_api::schema::{Action, Field, P4Entry};
use firmware_api::selector::HashMode;
use firmware_api::table::Match;
use firmware_api::{Protocol, TableId, Zone, control};
use flow_compiler::tables::Entry as Static;

use super::value;

/// An entry of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The table.
    pub table: TableId,
    /// Its keys, in the schema's order.
    pub keys: Vec<u128>,
    /// The number of its action in the schema.
    pub action: usize,
    /// The action's parameters, in the schema's order.
    pub parameters: Vec<u128>,
}

impl Entry {
    /// The entry that the compiler made; `None` when it does nothing (a port that is off).
    pub fn of_static(entry: &Static) -> Option<Self> {
        Some(Self::of_p4(entry.table(), &entry.to_p4()?))
    }

    /// The entry of a P4 program.
    ///
    /// # Panics
    /// When it is another table's.
    pub fn of_p4(table: TableId, entry: &P4Entry) -> Self {
        let actions = table.schema().actions;
        let action = actions.iter().position(|action| action == entry.action);
        Self {
            table,
            keys: entry.keys.as_slice().to_vec(),
            action: action.expect("an action of the table"),
            parameters: entry.parameters.as_slice().to_vec(),
        }
    }

    /// The slot of an index table's entry.
    pub fn index(&self) -> Option<u32> {
        (self.table.kind() == Match::Index).then(|| self.keys[0] as u32)
    }

    /// What it does.
    pub fn action(&self) -> &'static Action {
        &self.table.schema().actions[self.action]
    }

    /// The value of a key.
    ///
    /// # Panics
    /// When the table has no such key.
    pub fn key(&self, name: &str) -> u128 {
        value_of(self.table.schema().keys, &self.keys, name).expect("a key of the table")
    }

    /// The value of a parameter, if its action has it.
    pub fn parameter(&self, name: &str) -> Option<u128> {
        value_of(self.action().parameters, &self.parameters, name)
    }

    /// Its words, valid, apart from epoch and CRC.
    pub fn words(&self) -> Vec<u64> {
        match self.table {
            TableId::Port => sealed(self.port().to_words()),
            TableId::FlowV4 => sealed(FlowV4::new(self.flow_key(v4), self.flow(v4)).to_words()),
            TableId::FlowV6 => sealed(FlowV6::new(self.flow_key(v6), self.flow(v6)).to_words()),
            TableId::FrontendV4 => {
                sealed(FrontendV4::new(self.frontend_key(v4), self.frontend()).to_words())
            }
            TableId::FrontendV6 => {
                sealed(FrontendV6::new(self.frontend_key(v6), self.frontend()).to_words())
            }
            TableId::Rule => self.rule().to_words().to_vec(),
            TableId::Selector => {
                let backend = self.number("backend") as u16;
                Selector::new(Some(backend)).to_words().to_vec()
            }
            TableId::Backend => sealed(self.backend().to_words()),
            TableId::ReturnPathV4 => {
                sealed(ReturnPathV4::new(self.reply_key(v4), self.reply(v4)).to_words())
            }
            TableId::ReturnPathV6 => {
                sealed(ReturnPathV6::new(self.reply_key(v6), self.reply(v6)).to_words())
            }
            TableId::Instance => sealed(self.instance().to_words()),
            TableId::Address => {
                let key = AddressKey {
                    zone: self.zone(),
                    destination: unmapped(self.key("destination")),
                };
                sealed(Address::new(key, self.number("instance") as u16).to_words())
            }
            TableId::SnatBlock => {
                let key = SnatBlockKey {
                    address: unmapped(self.key("address")),
                    protocol: self.protocol(),
                    block: self.key("block") as u16,
                };
                sealed(SnatBlock::new(key, self.number("vport") as u16).to_words())
            }
        }
    }

    fn number(&self, name: &str) -> u128 {
        self.parameter(name).expect("a parameter of the action")
    }

    fn zone(&self) -> Zone {
        Zone::new(self.key("zone") as u8)
    }

    fn protocol(&self) -> Protocol {
        Protocol::from_code(self.key("protocol") as u8)
    }

    fn port(&self) -> Port {
        let mac = |name| -> Mac {
            let number = self.number(name);
            std::array::from_fn(|i| (number >> (40 - 8 * i)) as u8)
        };
        Port::new(PortConfig {
            kind: match self.parameter("instance") {
                None => PortKind::Uplink,
                Some(instance) => PortKind::Vport(instance as u16),
            },
            zone: Zone::new(self.number("zone") as u8),
            own_mac: mac("own_mac"),
            peer_mac_v4: mac("peer_mac_v4"),
            peer_mac_v6: mac("peer_mac_v6"),
            vlan: self.number("vlan") as u16,
        })
    }

    fn flow_key<A>(&self, address: fn(u128) -> A) -> FlowKey<A> {
        FlowKey {
            zone: self.zone(),
            protocol: self.protocol(),
            source: address(self.key("source")),
            destination: address(self.key("destination")),
            source_port: self.key("source_port") as u16,
            destination_port: self.key("destination_port") as u16,
        }
    }

    fn flow<A>(&self, address: fn(u128) -> A) -> FlowAction<A> {
        FlowAction {
            flow: self.number("flow") as u32,
            direction: match self.number("direction") {
                0 => Direction::Forward,
                _ => Direction::Return,
            },
            side: match self.action {
                0 => Side::Source,
                _ => Side::Destination,
            },
            address: address(self.number("address")),
            port: self.number("port") as u16,
            egress: self.number("egress") as u16,
        }
    }

    fn frontend_key<A>(&self, address: fn(u128) -> A) -> FrontendKey<A> {
        FrontendKey {
            zone: self.zone(),
            protocol: self.protocol(),
            destination: address(self.key("destination")),
            port: self.key("port") as u16,
        }
    }

    fn frontend(&self) -> FrontendAction {
        let number = |name| self.parameter(name).map(|number| number as u16);
        match (number("rule"), number("backend")) {
            (None, _) => FrontendAction::AnswerEcho,
            (Some(rule), None) => FrontendAction::Balance(rule),
            (Some(rule), Some(backend)) => FrontendAction::PortForward(backend, rule),
        }
    }

    fn rule(&self) -> Rule {
        Rule::new(RuleConfig {
            mode: HashMode::from_code(self.number("mode") as u8),
            selector_base: self.number("selector_base") as u32,
            selector_size: self.number("selector_size") as u32,
            floating_ip: self.number("floating_ip") != 0,
            reset: self.number("reset") != 0,
            fragments: self.number("fragments") != 0,
        })
    }

    fn backend(&self) -> Backend {
        let address = self.number("address");
        Backend::new(BackendConfig {
            address: match self.action {
                0 => v4(address).into(),
                _ => v6(address).into(),
            },
            port: self.number("port") as u16,
            egress: self.number("egress") as u16,
        })
    }

    fn reply_key<A>(&self, address: fn(u128) -> A) -> ReturnPathKey<A> {
        ReturnPathKey {
            zone: self.zone(),
            protocol: self.protocol(),
            source: address(self.key("source")),
            port: self.key("port") as u16,
        }
    }

    fn reply<A>(&self, address: fn(u128) -> A) -> ReturnPathAction<A> {
        ReturnPathAction {
            address: address(self.number("address")),
            port: self.number("port") as u16,
            internal: self.number("internal") != 0,
            fragments: self.number("fragments") != 0,
        }
    }

    fn instance(&self) -> Instance {
        let some = |name| Some(self.number(name)).filter(|number| *number != 0);
        let has = |name| self.number(name) != 0;
        let rule = |steers, name| has(steers).then(|| self.number(name) as u16);
        let way = |name| match self.number(name) {
            1 => WayOut::OneToOne,
            2 => WayOut::Snat,
            _ => WayOut::None,
        };
        Instance::new(InstanceConfig {
            address_v4: some("address_v4").map(v4),
            address_v6: some("address_v6").map(v6),
            public_v4: some("public_v4").map(v4),
            public_v6: some("public_v6").map(v6),
            ways_out: [
                way("way_out_v4_tcp"),
                way("way_out_v4_udp"),
                way("way_out_v6_tcp"),
                way("way_out_v6_udp"),
            ],
            vport: self.number("vport") as u16,
            floating_ip: has("floating_ip"),
            ip_forwarding: has("ip_forwarding"),
            platform: has("platform"),
            next_hop_v4: rule("steers_v4", "next_hop_v4"),
            next_hop_v6: rule("steers_v6", "next_hop_v6"),
        })
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (what, how) = text
            .split_once(" : ")
            .ok_or("an entry is `TABLE key=value … : ACTION parameter=value …`")?;
        let Pattern { table, keys } = Pattern::parse(what)?;
        let fields = table.schema().keys;
        let all: Option<Vec<u128>> = keys.into_iter().collect();
        let keys = all.ok_or_else(|| {
            let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
            format!("{table} has the keys {}", names.join(", "))
        })?;
        let mut words = how.split_whitespace();
        let name = words.next().unwrap_or_default();
        let actions = table.schema().actions;
        let action = actions.iter().position(|action| action.name == name);
        let action = action.ok_or_else(|| format!("{table} has no action `{name}`"))?;
        let parameters = assignments(actions[action].parameters, words)?
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect();
        Ok(Self {
            table,
            keys,
            action,
            parameters,
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.table)?;
        for (field, value) in self.table.schema().keys.iter().zip(&self.keys) {
            write!(f, " {}={}", field.name, value::print(field, *value))?;
        }
        write!(f, " : {}", self.action().name)?;
        for (field, value) in self.action().parameters.iter().zip(&self.parameters) {
            if *value != 0 {
                write!(f, " {}={}", field.name, value::print(field, *value))?;
            }
        }
        Ok(())
    }
}

/// The entries of a table that have these keys, and any value where no key is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The table.
    pub table: TableId,
    /// The keys, in the schema's order.
    pub keys: Vec<Option<u128>>,
}

impl Pattern {
    /// Reads `TABLE key=value …`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let table =
            TableId::from_name(name).ok_or_else(|| format!("there is no table `{name}`"))?;
        let keys = assignments(table.schema().keys, words)?;
        Ok(Self { table, keys })
    }

    /// Whether an entry is meant.
    pub fn matches(&self, entry: &Entry) -> bool {
        let fits = |(key, value): (&Option<u128>, &u128)| key.is_none_or(|key| key == *value);
        self.table == entry.table && self.keys.iter().zip(&entry.keys).all(fits)
    }
}

fn assignments<'t>(
    fields: &[Field],
    words: impl Iterator<Item = &'t str>,
) -> Result<Vec<Option<u128>>, String> {
    let mut values = vec![None; fields.len()];
    for word in words {
        let (name, text) = word
            .split_once('=')
            .ok_or_else(|| format!("`{word}` is not name=value"))?;
        let at = fields.iter().position(|field| field.name == name);
        let at = at.ok_or_else(|| format!("there is no `{name}` here"))?;
        values[at] = Some(value::parse(&fields[at], text)?);
    }
    Ok(values)
}

fn value_of(fields: &[Field], values: &[u128], name: &str) -> Option<u128> {
    let at = fields.iter().position(|field| field.name == name)?;
    Some(values[at])
}

fn sealed<const N: usize>(words: [u64; N]) -> Vec<u64> {
    control::seal(words, 0).to_vec()
}

fn v4(number: u128) -> Ipv4Addr {
    Ipv4Addr::from(number as u32)
}

fn v6(number: u128) -> Ipv6Addr {
    Ipv6Addr::from(number)
}

fn unmapped(number: u128) -> IpAddr {
    v6(number).to_canonical()
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.table)?;
        for (field, key) in self.table.schema().keys.iter().zip(&self.keys) {
            if let Some(key) = key {
                write!(f, " {}={}", field.name, value::print(field, *key))?;
            }
        }
        Ok(())
    }
}
