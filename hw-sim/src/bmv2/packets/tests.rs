//! The packet socket against a stand-in for the switch's end of it.

use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Instant;

use super::*;

/// A socket whose other end does what it is told.
fn connected(
    other_end: impl FnOnce(UnixStream) + Send + 'static,
) -> (Packets, thread::JoinHandle<()>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("packets");
    let listener = UnixListener::bind(&path).expect("listens");
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut hello = [0; 8];
        stream.read_exact(&mut hello).expect("hello");
        assert_eq!(hello, HELLO);
        stream.write_all(&HELLO).expect("hello");
        other_end(stream);
    });
    (Packets::connect(&path).expect("connects"), thread)
}

fn message(kind: u32, port: u32, packet: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend((12 + packet.len() as u64).to_be_bytes());
    for number in [kind, port, packet.len() as u32] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.extend_from_slice(packet);
    bytes
}

/// Packets until the other end closes, or something is wrong.
fn take_all(packets: &mut Packets) -> (Vec<(PortId, Vec<u8>)>, io::Error) {
    let mut taken = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        assert!(Instant::now() < deadline);
        let exchanged = packets.exchange(Duration::from_secs(1));
        loop {
            match packets.take() {
                Ok(Some((port, packet))) => taken.push((port, packet.to_vec())),
                Ok(None) => break,
                Err(error) => return (taken, error),
            }
        }
        if let Err(error) = exchanged {
            return (taken, error);
        }
    }
}

#[test]
fn packets_go_in_as_the_switch_reads_them() {
    let (mut packets, thread) = connected(|mut stream| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("reads");
        let first = message(3, 510, &[1, 2, 3, 4, 5]);
        assert_eq!(bytes, [first, message(3, 7, &[])].concat());
    });
    packets.queue(510, [&[1, 2], &[3, 4, 5]]);
    packets.queue(7, [&[], &[]]);
    while packets.queued() > 0 {
        packets.exchange(Duration::from_secs(1)).expect("sends");
    }
    drop(packets);
    thread.join().expect("they are the same");
}

#[test]
fn packets_come_out_whole_however_they_are_cut() {
    let (mut packets, thread) = connected(|mut stream| {
        let bytes = [
            message(4, 3, &[9; 5000]),
            message(4, 504, &[]),
            message(4, 0, &[7]),
        ]
        .concat();
        for piece in bytes.chunks(11) {
            stream.write_all(piece).expect("writes");
        }
    });
    let (taken, error) = take_all(&mut packets);
    assert_eq!(taken, [(3, vec![9; 5000]), (504, vec![]), (0, vec![7])]);
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    thread.join().expect("written");
}

#[test]
fn both_sides_write_at_once_and_none_waits_for_the_other() {
    const PACKETS: usize = 2000;
    let (mut packets, thread) = connected(|mut stream| {
        for _ in 0..PACKETS {
            stream
                .write_all(&message(4, 1, &[5; 1500]))
                .expect("writes");
        }
        let mut bytes = vec![0; PACKETS * (21 + 1500)];
        stream.read_exact(&mut bytes).expect("reads");
    });
    for _ in 0..PACKETS {
        packets.queue(2, [&[], &[6; 1500]]);
    }
    let (taken, _) = take_all(&mut packets);
    assert_eq!((taken.len(), packets.queued()), (PACKETS, 0));
    thread.join().expect("all of it came");
}

#[test]
fn nothing_trusted_another_protocol_is_an_error() {
    let mut long = message(4, 1, &[]);
    long[1] = 1;
    for bytes in [
        vec![2; 64],
        message(3, 1, &[1]),
        message(4, u32::MAX, &[1]),
        long,
    ] {
        let (mut packets, thread) = connected(move |mut stream| {
            stream.write_all(&bytes).expect("writes");
            thread::sleep(Duration::from_millis(50));
        });
        let (taken, error) = take_all(&mut packets);
        assert!(taken.is_empty());
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        thread.join().expect("written");
    }
}
