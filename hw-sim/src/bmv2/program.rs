//! The compiled P4 program, as far as the engine drives it: checked against the schema of
//! firmware-api, then nothing but names.
//!
//! BMv2's JSON gives every table, action, register and counter a qualified name whose last part is
//! the schema's. A table may occur once per place that looks it up.

use std::fmt::Display;

use firmware_api::schema::{self, Action, Field};
use firmware_api::{DropReason, TableId};
use serde::Deserialize;

use super::flows::Array;

/// The program does not have what the schema says.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not a program for BMv2.
    #[error("not a program for BMv2: {0}")]
    Json(#[from] serde_json::Error),
    /// Something is not there.
    #[error("it has no {what} `{name}`")]
    Missing {
        /// A table, an action, a register array.
        what: &'static str,
        /// The last part of its name.
        name: &'static str,
    },
    /// Something is there, and other than it should be.
    #[error("`{name}` has {found}, and should have {expected}")]
    Wrong {
        /// Its qualified name.
        name: String,
        /// What is wrong about it.
        found: String,
        /// What the schema says.
        expected: String,
    },
}

/// What the engine calls things by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    tables: [Vec<Instance>; TableId::ALL.len()],
    registers: [String; Array::ALL.len()],
    /// The counters of dropped packets, one per reason.
    pub drops: String,
}

/// A table at one of the places that look it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    /// Its qualified name.
    pub table: String,
    /// Those of its actions, in the order of the schema.
    pub actions: Vec<String>,
}

impl Program {
    /// Reads a program and checks it.
    ///
    /// # Errors
    /// What differs from the schema, first thing found.
    pub(super) fn parse(json: &str) -> Result<Self, ProgramError> {
        let file: File = serde_json::from_str(json)?;
        let mut tables = std::array::from_fn(|_| Vec::new());
        for id in TableId::ALL {
            tables[*id as usize] = file.instances(*id)?;
        }
        let mut registers = std::array::from_fn(|_| String::new());
        for array in Array::ALL {
            registers[*array as usize] = file.register(*array)?;
        }
        Ok(Self {
            tables,
            registers,
            drops: file.drops()?,
        })
    }

    /// The places of a table.
    pub(super) fn instances(&self, table: TableId) -> &[Instance] {
        &self.tables[table as usize]
    }

    /// A register array.
    pub(super) fn register(&self, array: Array) -> &str {
        &self.registers[array as usize]
    }
}

/// A program file; what is not here does not matter.
#[derive(Deserialize)]
struct File {
    header_types: Vec<HeaderType>,
    headers: Vec<Header>,
    actions: Vec<ActionOf>,
    pipelines: Vec<Pipeline>,
    register_arrays: Vec<RegisterArray>,
    counter_arrays: Vec<CounterArray>,
}

#[derive(Deserialize)]
struct HeaderType {
    name: String,
    /// Name, width in bits (a text for variable ones), and whether it is signed.
    fields: Vec<Vec<serde_json::Value>>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    header_type: String,
}

#[derive(Deserialize)]
struct ActionOf {
    id: u32,
    name: String,
    runtime_data: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    bitwidth: u64,
}

#[derive(Deserialize)]
struct Pipeline {
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    name: String,
    match_type: String,
    #[serde(rename = "type")]
    kind: String,
    max_size: u32,
    key: Vec<KeyOf>,
    #[serde(default)]
    action_ids: Vec<u32>,
}

#[derive(Deserialize)]
struct KeyOf {
    #[serde(default)]
    name: String,
    match_type: String,
    target: serde_json::Value,
}

#[derive(Deserialize)]
struct RegisterArray {
    name: String,
    size: u32,
    bitwidth: u32,
}

#[derive(Deserialize)]
struct CounterArray {
    name: String,
    #[serde(default)]
    is_direct: bool,
    #[serde(default)]
    size: usize,
}

/// The part of a qualified name that the schema has.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn wrong(name: &str, found: &str, expected: &str) -> ProgramError {
    ProgramError::Wrong {
        name: name.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

fn check<T: PartialEq + Display>(
    name: &str,
    found: &T,
    expected: &T,
    what: &str,
) -> Result<(), ProgramError> {
    if found == expected {
        return Ok(());
    }
    let say = |value| format!("{what} {value}");
    Err(wrong(name, &say(found), &say(expected)))
}

/// Fields as a message has them: `zone: 5, port: 16`.
fn list<'a>(fields: impl Iterator<Item = (&'a str, u64)>) -> String {
    let fields: Vec<_> = fields
        .map(|(name, bits)| format!("{name}: {bits}"))
        .collect();
    fields.join(", ")
}

fn expected(fields: &[Field]) -> String {
    list(fields.iter().map(|field| (field.name, field.bits.into())))
}

impl File {
    fn instances(&self, id: TableId) -> Result<Vec<Instance>, ProgramError> {
        let tables = self.pipelines.iter().flat_map(|pipeline| &pipeline.tables);
        let instances: Vec<_> = tables
            .filter(|table| last(&table.name) == id.name())
            .map(|table| self.instance(id, table))
            .collect::<Result<_, _>>()?;
        if instances.is_empty() {
            let (what, name) = ("table", id.name());
            return Err(ProgramError::Missing { what, name });
        }
        Ok(instances)
    }

    fn instance(&self, id: TableId, table: &Table) -> Result<Instance, ProgramError> {
        let (name, schema) = (table.name.as_str(), id.schema());
        check(name, &table.match_type.as_str(), &"exact", "match type")?;
        check(name, &table.kind.as_str(), &"simple", "implementation")?;
        if table.max_size < schema.size {
            check(name, &table.max_size, &schema.size, "size")?;
        }
        for key in &table.key {
            check(name, &key.match_type.as_str(), &"exact", "a key of type")?;
        }
        let keys = table.key.iter();
        let keys = list(keys.map(|key| (key.name.as_str(), self.width(&key.target))));
        check(name, &keys, &expected(schema.keys), "the keys")?;
        let actions = schema.actions.iter();
        let actions = actions
            .map(|action| self.action(table, action))
            .collect::<Result<_, _>>()?;
        Ok(Instance {
            table: name.to_owned(),
            actions,
        })
    }

    fn action(&self, table: &Table, action: &Action) -> Result<String, ProgramError> {
        let mut actions = self.actions.iter();
        let found = actions
            .find(|of| table.action_ids.contains(&of.id) && last(&of.name) == action.name)
            .ok_or_else(|| {
                let expected = format!("action {}", action.name);
                wrong(&table.name, "no such action", &expected)
            })?;
        let parameters = found.runtime_data.iter();
        let parameters = list(parameters.map(|p| (p.name.as_str(), p.bitwidth)));
        let what = "the parameters";
        check(&found.name, &parameters, &expected(action.parameters), what)?;
        Ok(found.name.clone())
    }

    /// The width in bits of the field that a key matches; 0 when there is no such field.
    fn width(&self, target: &serde_json::Value) -> u64 {
        let (header, field) = (target[0].as_str(), target[1].as_str());
        let mut headers = self.headers.iter();
        let header = headers.find(|h| Some(h.name.as_str()) == header);
        let mut types = self.header_types.iter();
        let kind = types.find(|t| header.is_some_and(|h| h.header_type == t.name));
        let fields = kind.map_or(&[][..], |kind| &kind.fields);
        let found = fields.iter().find(|of| of[0].as_str() == field);
        found.and_then(|of| of[1].as_u64()).unwrap_or(0)
    }

    fn register(&self, array: Array) -> Result<String, ProgramError> {
        let mut arrays = self.register_arrays.iter();
        let found = arrays
            .find(|found| last(&found.name) == array.name())
            .ok_or(ProgramError::Missing {
                what: "register array",
                name: array.name(),
            })?;
        check(&found.name, &found.size, &schema::FLOWS, "size")?;
        check(&found.name, &found.bitwidth, &array.bits(), "a width of")?;
        Ok(found.name.clone())
    }

    fn drops(&self) -> Result<String, ProgramError> {
        let mut arrays = self.counter_arrays.iter();
        let found = arrays
            .find(|found| !found.is_direct && last(&found.name) == "drops")
            .ok_or(ProgramError::Missing {
                what: "counter array",
                name: "drops",
            })?;
        check(&found.name, &found.size, &DropReason::ALL.len(), "size")?;
        Ok(found.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = include_str!("../../../p4/headgate.json");

    fn error(from: &str, to: &str) -> String {
        assert!(JSON.contains(from), "{from}");
        let error = Program::parse(&JSON.replace(from, to)).expect_err("another program");
        error.to_string()
    }

    #[test]
    fn the_program_of_this_repository_has_the_schema() {
        let program = Program::parse(JSON).expect("the schema's program");
        for id in TableId::ALL {
            for instance in program.instances(*id) {
                assert!(instance.table.ends_with(id.name()));
                assert_eq!(instance.actions.len(), id.schema().actions.len());
            }
        }
        assert!(
            program.instances(TableId::FrontendV4).len() > 1,
            "looked up at several places"
        );
        assert_eq!(last(&program.drops), "drops");
    }

    #[test]
    fn what_differs_from_the_schema_is_named() {
        assert!(error("{", "[").starts_with("not a program for BMv2"));
        let without = error(".snat_block\"", ".snat_blocks\"");
        assert_eq!(without, "it has no table `snat_block`");
        let action = error(".choose\"", ".choice\"");
        assert!(action.contains("selector` has no such action, and should have action choose"));
        let size = error("\"max_size\": 131072", "\"max_size\": 131071");
        assert!(size.contains("has size 131071, and should have size 131072"));
        let register = error(".flow_active\"", ".flow_idle\"");
        assert_eq!(register, "it has no register array `flow_active`");
    }
}
