//! BMv2's runtime interface over Thrift: the calls that the engine makes, and no others.
//!
//! The wire is `TBinaryProtocol` over a plain TCP stream, whose server knows services by a prefix of
//! the method's name (`TMultiplexedProcessor`). It answers in order, so calls are written ahead of
//! the replies: a table of a hundred thousand entries is not a hundred thousand round trips.

use std::collections::VecDeque;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TFieldIdentifier, TInputProtocol, TListIdentifier,
    TMessageIdentifier, TMessageType, TOutputProtocol, TStructIdentifier, TType,
};

/// Calls written ahead of their replies; their replies fit socket buffers, so that neither side
/// ever waits for the other to read.
const AHEAD: usize = 512;
/// How long one reply may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes sent before a connection is replaced: the switch closes one that has brought it 100 MiB of
/// strings (Thrift's `maxMessageSize`, which its server counts over the connection's life). One run
/// of calls brings far less than the difference.
const RENEW: usize = 16 << 20;
/// BMv2 switches have one context, number 0.
const CONTEXT: i32 = 0;

/// One call. Names are the program's qualified ones; keys and parameters are in network order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call<'a> {
    /// Adds an exact entry; the reply is its handle.
    AddEntry {
        table: &'a str,
        keys: &'a [Vec<u8>],
        action: &'a str,
        parameters: &'a [Vec<u8>],
    },
    /// Gives an entry another action.
    ModifyEntry {
        table: &'a str,
        handle: i32,
        action: &'a str,
        parameters: &'a [Vec<u8>],
    },
    /// Removes an entry.
    DeleteEntry { table: &'a str, handle: i32 },
    /// Removes every entry of a table.
    ClearEntries { table: &'a str },
    /// The reply is the packets of an element of a counter array.
    ReadCounter { counter: &'a str, index: u32 },
    /// Zeroes a counter array.
    ResetCounters { counter: &'a str },
    /// The reply is an element of a register array.
    ReadRegister { register: &'a str, index: u32 },
    /// The reply is every element of a register array.
    ReadRegisters { register: &'a str },
    /// Sets an element of a register array.
    WriteRegister {
        register: &'a str,
        index: u32,
        value: u64,
    },
    /// Sets the elements `first..end` of a register array.
    WriteRegisters {
        register: &'a str,
        first: u32,
        end: u32,
        value: u64,
    },
    /// Zeroes a register array.
    ResetRegisters { register: &'a str },
    /// The reply is the program, as JSON.
    Config,
    /// Copies for a mirroring session go to a port.
    MirrorTo { session: u16, port: u16 },
    /// How many packets each egress queue holds.
    EgressQueueDepth { packets: u32 },
}

/// What a call brought. Which it is depends on the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Nothing.
    Done,
    /// A number: a handle, a register, the packets of a counter.
    Number(u64),
    /// Every element of a register array.
    Numbers(Vec<u64>),
    /// A text.
    Text(String),
}

impl Reply {
    /// The number, 0 for other replies.
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            _ => 0,
        }
    }
}

/// The switch understood the call and did not do it: the code of its exception, as
/// `TableOperationErrorCode` and its like number them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused with code {0}")]
pub(super) struct Refused(pub i32);

/// A connection to the runtime interface of a switch.
pub(super) struct Runtime {
    address: SocketAddr,
    /// Bytes sent on this connection.
    sent: usize,
    stream: TcpStream,
    replies: TBinaryInputProtocol<BufReader<TcpStream>>,
    written: Vec<u8>,
    /// Sequence numbers of calls without a reply yet.
    waiting: VecDeque<i32>,
    sequence: i32,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// Connects to the switch that listens there.
    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
        Ok(Self {
            address,
            sent: 0,
            stream,
            replies: TBinaryInputProtocol::new(reader, true),
            written: Vec::new(),
            waiting: VecDeque::new(),
            sequence: 0,
        })
    }

    /// Makes one call.
    ///
    /// # Errors
    /// When the connection fails; the switch cannot be used any more then.
    pub(super) fn call(&mut self, call: Call<'_>) -> thrift::Result<Result<Reply, Refused>> {
        self.renew()?;
        self.write(call)?;
        self.send()?;
        self.read()
    }

    /// Makes many calls, and hands over each reply with the call's tag, in the order of the calls.
    ///
    /// # Errors
    /// When the connection fails.
    pub(super) fn calls<'a, T>(
        &mut self,
        calls: impl IntoIterator<Item = (T, Call<'a>)>,
        mut each: impl FnMut(T, Result<Reply, Refused>),
    ) -> thrift::Result<()> {
        self.renew()?;
        let mut tags = VecDeque::with_capacity(AHEAD);
        for (tag, call) in calls {
            if tags.len() == AHEAD {
                self.send()?;
                for tag in tags.drain(..AHEAD / 2) {
                    each(tag, self.read()?);
                }
            }
            self.write(call)?;
            tags.push_back(tag);
        }
        self.send()?;
        for tag in tags {
            each(tag, self.read()?);
        }
        Ok(())
    }

    /// Connects anew when much was sent; no reply is waited for between calls.
    fn renew(&mut self) -> io::Result<()> {
        if self.sent > RENEW && self.waiting.is_empty() {
            *self = Self::connect(self.address)?;
        }
        Ok(())
    }

    fn send(&mut self) -> io::Result<()> {
        self.sent += self.written.len();
        self.stream.write_all(&self.written)?;
        self.written.clear();
        Ok(())
    }

    fn write(&mut self, call: Call<'_>) -> thrift::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        self.waiting.push_back(self.sequence);
        let mut message = Message(TBinaryOutputProtocol::new(&mut self.written, true));
        message.begin(method(&call), self.sequence)?;
        message.arguments(&call)?;
        message.0.write_field_stop()
    }

    fn read(&mut self) -> thrift::Result<Result<Reply, Refused>> {
        let expected = self.waiting.pop_front();
        let input = &mut self.replies;
        let head = input.read_message_begin()?;
        if head.message_type == TMessageType::Exception {
            let error = thrift::Error::read_application_error_from_in_protocol(input)?;
            return Err(thrift::Error::Application(error));
        }
        if Some(head.sequence_number) != expected {
            let message = format!("reply {} to call {expected:?}", head.sequence_number);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message).into());
        }
        let mut reply = Ok(Reply::Done);
        input.read_struct_begin()?;
        loop {
            let field = input.read_field_begin()?;
            match (field.field_type, field.id) {
                (TType::Stop, _) => break,
                (kind, Some(0)) => reply = Ok(read_value(input, kind)?),
                (_, _) => reply = Err(Refused(read_number(input)? as i32)),
            }
            input.read_field_end()?;
        }
        input.read_struct_end()?;
        input.read_message_end()?;
        Ok(reply)
    }
}

/// The name of a call's method, with its service's.
const fn method(call: &Call<'_>) -> &'static str {
    match call {
        Call::AddEntry { .. } => "standard:bm_mt_add_entry",
        Call::ModifyEntry { .. } => "standard:bm_mt_modify_entry",
        Call::DeleteEntry { .. } => "standard:bm_mt_delete_entry",
        Call::ClearEntries { .. } => "standard:bm_mt_clear_entries",
        Call::ReadCounter { .. } => "standard:bm_counter_read",
        Call::ResetCounters { .. } => "standard:bm_counter_reset_all",
        Call::ReadRegister { .. } => "standard:bm_register_read",
        Call::ReadRegisters { .. } => "standard:bm_register_read_all",
        Call::WriteRegister { .. } => "standard:bm_register_write",
        Call::WriteRegisters { .. } => "standard:bm_register_write_range",
        Call::ResetRegisters { .. } => "standard:bm_register_reset",
        Call::Config => "standard:bm_get_config",
        Call::MirrorTo { .. } => "simple_switch:mirroring_session_add",
        Call::EgressQueueDepth { .. } => "simple_switch:set_all_egress_queue_depths",
    }
}

/// A call being written.
struct Message<'a>(TBinaryOutputProtocol<&'a mut Vec<u8>>);

impl Message<'_> {
    fn begin(&mut self, method: &str, sequence: i32) -> thrift::Result<()> {
        let head = TMessageIdentifier::new(method, TMessageType::Call, sequence);
        self.0.write_message_begin(&head)?;
        self.0.write_struct_begin(&TStructIdentifier::new(""))
    }

    /// The arguments, as fields numbered from 1.
    fn arguments(&mut self, call: &Call<'_>) -> thrift::Result<()> {
        match *call {
            Call::AddEntry {
                table,
                keys,
                action,
                parameters,
            } => {
                self.object(table)?;
                self.keys(3, keys)?;
                self.string(4, action)?;
                self.parameters(5, parameters)?;
                // No options: exact entries have no priority.
                self.field(TType::Struct, 6)?;
                self.0.write_field_stop()
            }
            Call::ModifyEntry {
                table,
                handle,
                action,
                parameters,
            } => {
                self.object(table)?;
                self.i32(3, handle)?;
                self.string(4, action)?;
                self.parameters(5, parameters)
            }
            Call::DeleteEntry { table, handle } => {
                self.object(table)?;
                self.i32(3, handle)
            }
            Call::ClearEntries { table } => {
                self.object(table)?;
                self.field(TType::Bool, 3)?;
                self.0.write_bool(false)
            }
            Call::ReadCounter {
                counter: name,
                index,
            }
            | Call::ReadRegister {
                register: name,
                index,
            } => {
                self.object(name)?;
                self.i32(3, index.cast_signed())
            }
            Call::ResetCounters { counter: name }
            | Call::ReadRegisters { register: name }
            | Call::ResetRegisters { register: name } => self.object(name),
            Call::WriteRegister {
                register,
                index,
                value,
            } => {
                self.object(register)?;
                self.i32(3, index.cast_signed())?;
                self.i64(4, value)
            }
            Call::WriteRegisters {
                register,
                first,
                end,
                value,
            } => {
                self.object(register)?;
                self.i32(3, first.cast_signed())?;
                self.i32(4, end.cast_signed())?;
                self.i64(5, value)
            }
            Call::Config => Ok(()),
            Call::MirrorTo { session, port } => {
                self.i32(1, session.into())?;
                self.field(TType::Struct, 2)?;
                self.i32(1, port.into())?;
                self.0.write_field_stop()
            }
            Call::EgressQueueDepth { packets } => self.i32(1, packets.cast_signed()),
        }
    }

    fn field(&mut self, kind: TType, id: i16) -> thrift::Result<()> {
        self.0
            .write_field_begin(&TFieldIdentifier::new::<Option<String>, String, i16>(
                None, kind, id,
            ))
    }

    fn i32(&mut self, id: i16, value: i32) -> thrift::Result<()> {
        self.field(TType::I32, id)?;
        self.0.write_i32(value)
    }

    fn i64(&mut self, id: i16, value: u64) -> thrift::Result<()> {
        self.field(TType::I64, id)?;
        self.0.write_i64(value.cast_signed())
    }

    fn string(&mut self, id: i16, value: &str) -> thrift::Result<()> {
        self.field(TType::String, id)?;
        self.0.write_string(value)
    }

    /// What the call is about: context and name.
    fn object(&mut self, name: &str) -> thrift::Result<()> {
        self.i32(1, CONTEXT)?;
        self.string(2, name)
    }

    /// Exact match keys: kind 0, the value in a struct of its own.
    fn keys(&mut self, id: i16, keys: &[Vec<u8>]) -> thrift::Result<()> {
        self.field(TType::List, id)?;
        let head = TListIdentifier::new(TType::Struct, (keys.len() as u32).cast_signed());
        self.0.write_list_begin(&head)?;
        for key in keys {
            self.i32(1, 0)?;
            self.field(TType::Struct, 2)?;
            self.field(TType::String, 1)?;
            self.0.write_bytes(key)?;
            self.0.write_field_stop()?;
            self.0.write_field_stop()?;
        }
        Ok(())
    }

    fn parameters(&mut self, id: i16, parameters: &[Vec<u8>]) -> thrift::Result<()> {
        self.field(TType::List, id)?;
        let head = TListIdentifier::new(TType::String, (parameters.len() as u32).cast_signed());
        self.0.write_list_begin(&head)?;
        for parameter in parameters {
            self.0.write_bytes(parameter)?;
        }
        Ok(())
    }
}

fn read_value(input: &mut impl TInputProtocol, kind: TType) -> thrift::Result<Reply> {
    Ok(match kind {
        TType::I32 => Reply::Number(u64::from(input.read_i32()?.cast_unsigned())),
        TType::I64 => Reply::Number(input.read_i64()?.cast_unsigned()),
        TType::Struct => Reply::Number(read_number(input)?),
        TType::String => Reply::Text(String::from_utf8_lossy(&input.read_bytes()?).into_owned()),
        TType::List => {
            let head = input.read_list_begin()?;
            let mut numbers =
                Vec::with_capacity(head.size.clamp(0, 1 << 20).cast_unsigned() as usize);
            for _ in 0..head.size {
                numbers.push(input.read_i64()?.cast_unsigned());
            }
            input.read_list_end()?;
            Reply::Numbers(numbers)
        }
        _ => {
            input.skip(kind)?;
            Reply::Done
        }
    })
}

/// The last number of a struct: the packets of a counter value, the code of an exception.
fn read_number(input: &mut impl TInputProtocol) -> thrift::Result<u64> {
    let mut number = 0;
    input.read_struct_begin()?;
    loop {
        let field = input.read_field_begin()?;
        match field.field_type {
            TType::Stop => break,
            TType::I32 => number = u64::from(input.read_i32()?.cast_unsigned()),
            TType::I64 => number = input.read_i64()?.cast_unsigned(),
            kind => input.skip(kind)?,
        }
        input.read_field_end()?;
    }
    input.read_struct_end()?;
    Ok(number)
}

#[cfg(test)]
pub(super) mod tests;
