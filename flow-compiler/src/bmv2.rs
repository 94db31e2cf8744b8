//! Entries as commands of BMv2's `simple_switch_CLI`, for a switch that runs the program of `p4/`
//! without a card around it: rules forward by hash alone, as they do without a driver.
//!
//! A table exists once per place that looks it up ([`firmware_api::schema`]); each gets every entry.
//! The command line knows no comments, and takes an empty line for the last command once more.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use firmware_api::TableId;
use firmware_api::schema::{CPU_PORT, CPU_SESSION, Field, P4Entry};
use serde::Deserialize;

use crate::tables::{Entry, Tables};

/// The program of this repository, compiled for BMv2.
const PROGRAM: &str = include_str!("../../p4/headgate.json");
/// The register that says that there is no driver.
const DRIVERLESS: &str = "driverless";

/// What is looked up is written before what leads to it.
const ORDER: [TableId; 10] = [
    TableId::Instance,
    TableId::Address,
    TableId::Backend,
    TableId::Selector,
    TableId::Rule,
    TableId::FrontendV4,
    TableId::FrontendV6,
    TableId::ReturnPathV4,
    TableId::ReturnPathV6,
    TableId::Port,
];

/// The names in a compiled P4 program.
#[derive(Clone, Debug, Deserialize)]
pub struct Program {
    pipelines: Vec<Pipeline>,
    register_arrays: Vec<Named>,
}

#[derive(Clone, Debug, Deserialize)]
struct Pipeline {
    tables: Vec<Table>,
}

#[derive(Clone, Debug, Deserialize)]
struct Table {
    name: String,
    actions: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Named {
    name: String,
}

/// Why a program cannot be given commands.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not a program for BMv2.
    #[error("not a program for BMv2: {0}")]
    Json(#[from] serde_json::Error),
    /// It has no such table, action or register.
    #[error("the program has no {what} `{name}`")]
    Missing {
        /// What kind of thing.
        what: &'static str,
        /// The last part of its name.
        name: &'static str,
    },
}

impl Program {
    /// The program of this repository.
    ///
    /// # Panics
    /// Never: a test reads it.
    pub fn headgate() -> Self {
        Self::parse(PROGRAM).expect("the program in p4/ fits the schema")
    }

    /// The names in a program's JSON.
    ///
    /// # Errors
    /// When it lacks what the static tables need.
    pub fn parse(json: &str) -> Result<Self, ProgramError> {
        let program: Self = serde_json::from_str(json)?;
        program.driverless()?;
        for table in ORDER {
            let mut places = program.places(table).peekable();
            if places.peek().is_none() {
                let (what, name) = ("table", table.name());
                return Err(ProgramError::Missing { what, name });
            }
            for place in places {
                for action in table.schema().actions {
                    place.action(action.name)?;
                }
            }
        }
        Ok(program)
    }

    /// A table at every place that looks it up.
    fn places(&self, table: TableId) -> impl Iterator<Item = &Table> {
        let tables = self.pipelines.iter().flat_map(|pipeline| &pipeline.tables);
        tables.filter(move |place| last(&place.name) == table.name())
    }

    fn driverless(&self) -> Result<&str, ProgramError> {
        named(
            "register",
            DRIVERLESS,
            self.register_arrays.iter().map(|array| &array.name),
        )
    }
}

impl Table {
    fn action(&self, name: &'static str) -> Result<&str, ProgramError> {
        named("action", name, self.actions.iter())
    }
}

fn named<'p>(
    what: &'static str,
    name: &'static str,
    mut among: impl Iterator<Item = &'p String>,
) -> Result<&'p str, ProgramError> {
    let found = among.find(|qualified| last(qualified) == name);
    found
        .map(String::as_str)
        .ok_or(ProgramError::Missing { what, name })
}

fn last(qualified: &str) -> &str {
    qualified.rsplit('.').next().unwrap_or(qualified)
}

/// Writes the commands that make a switch hold the tables, or one of them only.
///
/// # Errors
/// When `out` cannot be written.
///
/// # Panics
/// When the program was not parsed by [`Program::parse`].
pub fn write(
    tables: &Tables,
    program: &Program,
    only: Option<TableId>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    if only.is_none() {
        let driverless = program.driverless().expect("a parsed program has it");
        writeln!(out, "mirroring_add {CPU_SESSION} {CPU_PORT}")?;
        writeln!(out, "register_write {driverless} 0 1")?;
    }
    let chosen = |table: &TableId| only.is_none_or(|only| only == *table);
    for table in ORDER.into_iter().filter(chosen) {
        let entries = tables.entries(table);
        let entries: Vec<P4Entry> = entries.iter().filter_map(Entry::to_p4).collect();
        for place in program.places(table) {
            for entry in &entries {
                write_entry(table, place, entry, out)?;
            }
        }
    }
    Ok(())
}

fn write_entry(
    table: TableId,
    place: &Table,
    entry: &P4Entry,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let action = place
        .action(entry.action.name)
        .expect("a parsed program has it");
    write!(out, "table_add {} {action}", place.name)?;
    write_values(table.schema().keys, entry.keys.as_slice(), out)?;
    write!(out, " =>")?;
    write_values(entry.action.parameters, entry.parameters.as_slice(), out)?;
    writeln!(out)
}

fn write_values(fields: &[Field], values: &[u128], out: &mut impl io::Write) -> io::Result<()> {
    for (field, value) in fields.iter().zip(values) {
        match field.bits {
            32 if is_address(field) => write!(out, " {}", Ipv4Addr::from(*value as u32))?,
            48 => {
                let octets: [u8; 6] = std::array::from_fn(|i| (value >> (40 - 8 * i)) as u8);
                let pairs = octets.map(|octet| format!("{octet:02x}"));
                write!(out, " {}", pairs.join(":"))?;
            }
            128 => write!(out, " {}", Ipv6Addr::from(*value))?,
            _ => write!(out, " {value}")?,
        }
    }
    Ok(())
}

fn is_address(field: &Field) -> bool {
    ["address", "source", "destination", "public"]
        .iter()
        .any(|name| field.name.starts_with(name))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use firmware_api::Protocol;
    use firmware_api::Zone;
    use firmware_api::entry::address::AddressKey;
    use firmware_api::entry::backend::BackendConfig;
    use firmware_api::entry::frontend::{FrontendAction, FrontendKey};
    use firmware_api::entry::port::{PortConfig, PortKind};

    use super::*;

    /// A program with two places for one table, and nothing that the schema does not have.
    fn program() -> String {
        let table = |place: &str, table: TableId| {
            let actions = table.schema().actions.iter();
            let actions: Vec<_> = actions.map(|a| format!("{place}.{}", a.name)).collect();
            let name = format!("{place}.{}", table.name());
            serde_json::json!({ "name": name, "actions": actions })
        };
        let mut tables: Vec<_> = ORDER.map(|id| table("ingress", id)).into();
        tables.push(table("ingress.again", TableId::Address));
        serde_json::json!({
            "pipelines": [{ "tables": tables }, { "tables": [] }],
            "register_arrays": [{ "name": "ingress.driverless" }],
        })
        .to_string()
    }

    fn commands(tables: &Tables, only: Option<TableId>) -> String {
        let mut out = Vec::new();
        let program = Program::parse(&program()).expect("it fits");
        write(tables, &program, only, &mut out).expect("a vector");
        String::from_utf8(out).expect("text")
    }

    fn tables() -> Tables {
        let mut tables = Tables::default();
        let address: IpAddr = "10.0.0.4".parse().expect("an address");
        for entry in [
            Entry::Port(
                0,
                PortConfig {
                    kind: PortKind::Uplink,
                    zone: Zone::UPLINK,
                    own_mac: [2, 0, 0, 0, 0, 1],
                    peer_mac_v4: [2, 0, 0, 0, 0, 0xfe],
                    peer_mac_v6: [0; 6],
                    vlan: 100,
                },
            ),
            Entry::FrontendV4(
                FrontendKey {
                    zone: Zone::UPLINK,
                    destination: Ipv4Addr::new(203, 0, 113, 10),
                    protocol: Protocol::Tcp,
                    port: 80,
                },
                FrontendAction::PortForward(7, 3),
            ),
            Entry::Backend(
                7,
                BackendConfig {
                    address,
                    port: 8080,
                    egress: 1,
                },
            ),
            Entry::Address(
                AddressKey {
                    zone: Zone::VNET,
                    destination: address,
                },
                2,
            ),
        ] {
            tables.insert(entry);
        }
        tables
    }

    #[test]
    fn every_place_of_a_table_gets_every_entry() {
        assert_eq!(
            commands(&tables(), None),
            "mirroring_add 1 510\n\
             register_write ingress.driverless 0 1\n\
             table_add ingress.address ingress.owned_by 1 ::ffff:10.0.0.4 => 2\n\
             table_add ingress.again.address ingress.again.owned_by 1 ::ffff:10.0.0.4 => 2\n\
             table_add ingress.backend ingress.forward_v4 7 => 10.0.0.4 8080 1\n\
             table_add ingress.frontend_v4 ingress.port_forward 0 1 203.0.113.10 80 => 3 7\n\
             table_add ingress.port ingress.uplink 0 => 0 02:00:00:00:00:01 02:00:00:00:00:fe \
             00:00:00:00:00:00 100\n"
        );
    }

    #[test]
    fn one_table_has_no_preface() {
        assert_eq!(
            commands(&tables(), Some(TableId::Backend)),
            "table_add ingress.backend ingress.forward_v4 7 => 10.0.0.4 8080 1\n"
        );
    }

    #[test]
    fn what_a_program_lacks_is_named() {
        let lacking = |what: &str| {
            let program = program().replace(what, "ingress.other");
            Program::parse(&program)
                .expect_err("it lacks it")
                .to_string()
        };
        for (what, message) in [
            (
                "ingress.driverless",
                "the program has no register `driverless`",
            ),
            ("ingress.rule", "the program has no table `rule`"),
            (
                "ingress.forward_v6",
                "the program has no action `forward_v6`",
            ),
        ] {
            assert_eq!(lacking(what), message);
        }
    }

    #[test]
    fn the_program_of_this_repository_has_every_static_table() {
        let program = Program::headgate();
        assert!(program.places(TableId::Address).count() > 1);
    }
}
