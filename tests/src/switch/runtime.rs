//! The few calls of BMv2's runtime interface that a table dump needs: Thrift's binary protocol,
//! strict, with the names of several services before those of the calls. Commands are understood as
//! BMv2's command line does.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use firmware_api::TableId;
use firmware_api::schema::{Action, Field};

const CALL: u32 = 0x8001_0001;
const STOP: u8 = 0;
const I32: u8 = 8;
const I64: u8 = 10;
const TEXT: u8 = 11;
const STRUCT: u8 = 12;
const LIST: u8 = 15;
/// The code of an exact match.
const EXACT: i32 = 0;

pub(super) struct Runtime(TcpStream);

impl Runtime {
    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self(stream))
    }

    /// Carries out one command.
    pub(super) fn command(&mut self, command: &str) -> Result<(), String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let number = |text: &str| text.parse::<i64>().map_err(|e| format!("{text}: {e}"));
        match words[..] {
            ["mirroring_add", session, port] => {
                let mut call = Message::new("simple_switch:mirroring_session_add");
                call.i32(1, number(session)? as i32);
                call.field(STRUCT, 2);
                call.i32(1, number(port)? as i32);
                call.stop();
                self.call(call)
            }
            ["register_write", register, index, value] => {
                let mut call = Message::new("standard:bm_register_write");
                call.i32(1, 0);
                call.text(2, register.as_bytes());
                call.i32(3, number(index)? as i32);
                call.field(I64, 4);
                call.bytes.extend(number(value)?.to_be_bytes());
                self.call(call)
            }
            ["table_add", table, action, ref values @ ..] => self.table_add(table, action, values),
            _ => Err("not understood".to_owned()),
        }
    }

    fn table_add(&mut self, table: &str, action: &str, values: &[&str]) -> Result<(), String> {
        let id = TableId::from_name(last(table)).ok_or("no such table")?;
        let schema = id.schema();
        let is_meant = |known: &&Action| known.name == last(action);
        let known = schema.actions.iter().find(is_meant);
        let known = known.ok_or("no such action")?;
        let arrow = values.iter().position(|value| *value == "=>");
        let (keys, parameters) = values.split_at(arrow.ok_or("no parameters")?);
        let keys = encode(schema.keys, keys)?;
        let parameters = encode(known.parameters, &parameters[1..])?;
        let mut call = Message::new("standard:bm_mt_add_entry");
        call.i32(1, 0);
        call.text(2, table.as_bytes());
        call.list(3, STRUCT, keys.len());
        for key in &keys {
            call.i32(1, EXACT);
            call.field(STRUCT, 2);
            call.text(1, key);
            call.stop();
            call.stop();
        }
        call.text(4, action.as_bytes());
        call.list(5, TEXT, parameters.len());
        for parameter in &parameters {
            call.blob(parameter);
        }
        call.field(STRUCT, 6);
        call.stop();
        self.call(call)
    }

    fn call(&mut self, mut call: Message) -> Result<(), String> {
        call.stop();
        self.0.write_all(&call.bytes).map_err(|e| e.to_string())?;
        let failed = |error: io::Error| error.to_string();
        let kind = self.number(4).map_err(failed)? as u8;
        self.skip(TEXT).map_err(failed)?;
        self.number(4).map_err(failed)?;
        let fields = self.skip_struct().map_err(failed)?;
        // Field 0 is what a call returns, others are what it throws.
        match (kind, fields.contains_key(&1)) {
            (2, false) => Ok(()),
            (2, true) => Err(format!("refused, code {}", fields[&1])),
            _ => Err("no such call".to_owned()),
        }
    }

    fn number(&mut self, bytes: usize) -> io::Result<u64> {
        let mut number = [0; 8];
        self.0.read_exact(&mut number[8 - bytes..])?;
        Ok(u64::from_be_bytes(number))
    }

    /// Reads a value; what a number is, and of a struct its first number.
    fn skip(&mut self, kind: u8) -> io::Result<u64> {
        match kind {
            2 | 3 => self.number(1),
            6 => self.number(2),
            I32 => self.number(4),
            4 | I64 => self.number(8),
            TEXT => {
                let length = self.number(4)?;
                let mut text = vec![0; length as usize];
                self.0.read_exact(&mut text)?;
                Ok(0)
            }
            STRUCT => Ok(self.skip_struct()?.get(&1).copied().unwrap_or(0)),
            LIST => {
                let kind = self.number(1)? as u8;
                for _ in 0..self.number(4)? {
                    self.skip(kind)?;
                }
                Ok(0)
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn skip_struct(&mut self) -> io::Result<HashMap<u64, u64>> {
        let mut fields = HashMap::new();
        loop {
            let kind = self.number(1)? as u8;
            if kind == STOP {
                return Ok(fields);
            }
            let id = self.number(2)?;
            fields.insert(id, self.skip(kind)?);
        }
    }
}

struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn new(name: &str) -> Self {
        let mut message = Self {
            bytes: CALL.to_be_bytes().to_vec(),
        };
        message.blob(name.as_bytes());
        message.bytes.extend([0; 4]);
        message
    }

    fn field(&mut self, kind: u8, id: u16) {
        self.bytes.push(kind);
        self.bytes.extend(id.to_be_bytes());
    }

    fn i32(&mut self, id: u16, value: i32) {
        self.field(I32, id);
        self.bytes.extend(value.to_be_bytes());
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.bytes.extend((bytes.len() as u32).to_be_bytes());
        self.bytes.extend(bytes);
    }

    fn text(&mut self, id: u16, bytes: &[u8]) {
        self.field(TEXT, id);
        self.blob(bytes);
    }

    fn list(&mut self, id: u16, kind: u8, len: usize) {
        self.field(LIST, id);
        self.bytes.push(kind);
        self.bytes.extend((len as u32).to_be_bytes());
    }

    fn stop(&mut self) {
        self.bytes.push(STOP);
    }
}

fn last(qualified: &str) -> &str {
    qualified.rsplit('.').next().unwrap_or(qualified)
}

fn encode(fields: &[Field], values: &[&str]) -> Result<Vec<Vec<u8>>, String> {
    if fields.len() != values.len() {
        return Err(format!(
            "{} values instead of {}",
            values.len(),
            fields.len()
        ));
    }
    let fields = fields.iter().zip(values);
    fields
        .map(|(field, text)| {
            let number = value(field.bits, text).ok_or_else(|| format!("{text}?"))?;
            Ok(number.to_be_bytes()[16 - field.bytes()..].to_vec())
        })
        .collect()
}

/// Addresses only where the width is that of an address, as BMv2's command line takes them.
fn value(bits: u16, text: &str) -> Option<u128> {
    match bits {
        32 if text.contains('.') => Some(u32::from(text.parse::<Ipv4Addr>().ok()?).into()),
        48 if text.contains(':') => text.split(':').try_fold(0, |number, octet| {
            Some(number << 8 | u128::from(u8::from_str_radix(octet, 16).ok()?))
        }),
        128 if text.contains(':') => Some(text.parse::<Ipv6Addr>().ok()?.into()),
        _ => text.parse().ok(),
    }
}
