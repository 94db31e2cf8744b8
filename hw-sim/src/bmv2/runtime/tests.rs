//! The runtime interface against a stand-in that takes any call apart and answers it.

use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::*;

/// A runtime that is connected to a stand-in, and the methods that the stand-in was called by.
///
/// It gives handles 0, 1, 2…, refuses what is about `no.such.table` with code 7, and answers other
/// questions with the index that they ask for.
pub(in crate::bmv2) fn stand_in() -> (Runtime, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("bound");
    let (methods, called) = channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let reader = BufReader::new(stream.try_clone().expect("two ends"));
        let mut input = TBinaryInputProtocol::new(reader, true);
        let mut output = TBinaryOutputProtocol::new(stream, true);
        let mut handles = 0;
        while let Ok(head) = input.read_message_begin() {
            let (names, numbers) = arguments(&mut input).expect("arguments");
            let method = head.name.clone();
            let reply =
                TMessageIdentifier::new(&*head.name, TMessageType::Reply, head.sequence_number);
            output.write_message_begin(&reply).expect("writes");
            if names.iter().any(|name| name == "no.such.table") {
                begin(&mut output, TType::Struct, 1);
                begin(&mut output, TType::I32, 1);
                output.write_i32(7).expect("writes");
                output.write_field_stop().expect("writes");
            } else if method.ends_with("add_entry") {
                begin(&mut output, TType::I32, 0);
                output.write_i32(handles).expect("writes");
                handles += 1;
            } else if method.ends_with("register_read") {
                begin(&mut output, TType::I64, 0);
                output.write_i64(numbers[1].into()).expect("writes");
            } else if method.ends_with("register_read_all") {
                begin(&mut output, TType::List, 0);
                let head = TListIdentifier::new(TType::I64, 3);
                output.write_list_begin(&head).expect("writes");
                for number in [1, -2, 3] {
                    output.write_i64(number).expect("writes");
                }
            } else if method.ends_with("counter_read") {
                begin(&mut output, TType::Struct, 0);
                begin(&mut output, TType::I64, 1);
                output.write_i64(999).expect("writes");
                begin(&mut output, TType::I64, 2);
                output.write_i64(numbers[1].into()).expect("writes");
                output.write_field_stop().expect("writes");
            } else if method.ends_with("get_config") {
                begin(&mut output, TType::String, 0);
                output.write_string("{}").expect("writes");
            }
            output.write_field_stop().expect("writes");
            output.flush().expect("writes");
            let _ = methods.send(method);
        }
    });
    (Runtime::connect(address).expect("connects"), called)
}

fn begin(output: &mut impl TOutputProtocol, kind: TType, id: i16) {
    let field = TFieldIdentifier::new::<Option<String>, String, i16>(None, kind, id);
    output.write_field_begin(&field).expect("writes");
}

/// The texts and the 32-bit numbers among the arguments of a call.
fn arguments(input: &mut impl TInputProtocol) -> thrift::Result<(Vec<String>, Vec<i32>)> {
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    loop {
        let field = input.read_field_begin()?;
        match field.field_type {
            TType::Stop => return Ok((texts, numbers)),
            TType::String => texts.push(input.read_string()?),
            TType::I32 => numbers.push(input.read_i32()?),
            kind => input.skip(kind)?,
        }
    }
}

#[test]
fn replies_belong_to_their_calls() {
    let (mut runtime, called) = stand_in();
    let keys = [vec![1], vec![0, 80]];
    let add = |table| Call::AddEntry {
        table,
        keys: &keys,
        action: "act",
        parameters: &[],
    };
    let mut reply = |call| runtime.call(call).expect("answers");
    assert_eq!(reply(add("a.table")), Ok(Reply::Number(0)));
    assert_eq!(reply(add("no.such.table")), Err(Refused(7)));
    assert_eq!(reply(add("a.table")), Ok(Reply::Number(1)));
    assert_eq!(reply(Call::Config), Ok(Reply::Text("{}".to_owned())));
    let register = "a.register";
    let all = Reply::Numbers(vec![1, u64::MAX - 1, 3]);
    assert_eq!(reply(Call::ReadRegisters { register }), Ok(all));
    let (counter, index) = ("a.counter", 5);
    let read = Call::ReadCounter { counter, index };
    assert_eq!(reply(read), Ok(Reply::Number(5)), "packets, not bytes");
    let (session, port) = (1, 510);
    assert_eq!(reply(Call::MirrorTo { session, port }), Ok(Reply::Done));
    let called: Vec<_> = called.try_iter().collect();
    assert_eq!(called[0], "standard:bm_mt_add_entry");
    assert_eq!(called[6], "simple_switch:mirroring_session_add");
}

#[test]
fn calls_are_written_ahead_and_answered_in_their_order() {
    let (mut runtime, called) = stand_in();
    let register = "a.register";
    let calls =
        (0..3 * AHEAD as u32 + 7).map(|index| (index, Call::ReadRegister { register, index }));
    let mut next = 0;
    runtime
        .calls(calls, |tag, reply| {
            assert_eq!((tag, reply), (next, Ok(Reply::Number(next.into()))));
            next += 1;
        })
        .expect("answers");
    assert_eq!(next, 3 * AHEAD as u32 + 7);
    assert_eq!(called.iter().take(next as usize).count(), next as usize);
}

#[test]
fn a_switch_that_ends_is_an_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("bound");
    let mut runtime = Runtime::connect(address).expect("connects");
    drop(listener.accept().expect("a connection"));
    assert!(runtime.call(Call::Config).is_err());
}
