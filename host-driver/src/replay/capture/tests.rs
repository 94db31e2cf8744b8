use super::*;

/// A packet: seconds, fraction, bytes, length on the wire.
type Row<'a> = (u32, u32, &'a [u8], u32);

/// A pcap file, with numbers in this order of bytes.
fn pcap(magic: u32, word: fn(u32) -> [u8; 4], link: u32, rows: &[Row<'_>]) -> Vec<u8> {
    let versions = if word(1) == 1_u32.to_be_bytes() {
        [0, 2, 0, 4]
    } else {
        [2, 0, 4, 0]
    };
    let mut file = word(magic).to_vec();
    file.extend(versions);
    file.extend([0, 0, 65_535, link].map(word).concat());
    for &(seconds, fraction, bytes, length) in rows {
        file.extend(
            [seconds, fraction, bytes.len() as u32, length]
                .map(word)
                .concat(),
        );
        file.extend(bytes);
    }
    file
}

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;
const ROWS: [Row<'static>; 2] = [(100, 5, b"first frame", 11), (101, 999, b"second", 1_500)];

/// Number, nanoseconds, bytes, whether the frame is cut; or what is wrong.
type Read = Result<(u64, u128, Vec<u8>, bool), String>;

fn read_all(bytes: &[u8]) -> Vec<Read> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("writes");
    let mut capture = match Capture::open(file.path()) {
        Ok(capture) => capture,
        Err(error) => return vec![Err(said(&error))],
    };
    let mut all = Vec::new();
    while let Some(next) = capture.next_packet() {
        let is_end = next.is_err();
        all.push(match next {
            Ok(p) => Ok((p.number, p.at.as_nanos(), p.frame.to_vec(), p.is_cut)),
            Err(error) => Err(said(&error)),
        });
        if is_end {
            break;
        }
    }
    all
}

/// The message behind the file's name, which is another each time.
fn said(error: &CaptureError) -> String {
    let text = error.to_string();
    let path = error.path.display().to_string();
    text.strip_prefix(&path)
        .expect("names the file")
        .trim_start_matches(": ")
        .to_owned()
}

#[test]
fn both_byte_orders_and_resolutions() {
    for word in [u32::to_be_bytes, u32::to_le_bytes] {
        for (magic, unit) in [(MICROS, 1_000), (NANOS, 1)] {
            let read = read_all(&pcap(magic, word, ETHERNET, &ROWS));
            let first = (
                1,
                100_000_000_000 + 5 * unit,
                b"first frame".to_vec(),
                false,
            );
            let second = (2, 101_000_000_000 + 999 * unit, b"second".to_vec(), true);
            assert_eq!(read, [Ok(first), Ok(second)]);
        }
    }
}

#[test]
fn a_file_that_ends_early_is_read_up_to_there() {
    let whole = pcap(MICROS, u32::to_le_bytes, ETHERNET, &ROWS);
    for missing in 1..=21 {
        let read = read_all(&whole[..whole.len() - missing]);
        assert_eq!(read.len(), 2, "{missing} bytes missing");
        let error = read[1].as_ref().expect_err("cut");
        assert!(
            error.starts_with("packet 2: the file ends inside it"),
            "{error}"
        );
    }
}

#[test]
fn corrupt_lengths_are_told() {
    let mut file = pcap(MICROS, u32::to_le_bytes, ETHERNET, &ROWS);
    let length_of_second = 24 + 16 + 11 + 8;
    file[length_of_second..length_of_second + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = read_all(&file).pop().expect("read").expect_err("corrupt");
    assert!(
        error.starts_with("packet 2: ") && error.contains("corrupt"),
        "{error}"
    );
    let shorter = pcap(MICROS, u32::to_le_bytes, ETHERNET, &[(1, 0, b"abc", 2)]);
    let error = read_all(&shorter)
        .pop()
        .expect("read")
        .expect_err("corrupt");
    assert_eq!(
        error,
        "packet 1: holds 3 bytes of a frame of 2; the file is corrupt"
    );
}

#[test]
fn other_files_are_told_apart() {
    let cooked = pcap(MICROS, u32::to_le_bytes, 113, &[]);
    for (bytes, says) in [
        (&b""[..], "is empty"),
        (b"GET / HTTP/1.1\r\n\r\n........", "is not a capture"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
        (&cooked, "not Ethernet"),
        (&PCAPNG_MAGIC, "is not a capture"),
    ] {
        let error = read_all(bytes).pop().expect("read").expect_err(says);
        assert!(error.contains(says), "{error}");
    }
    let missing = Capture::open(Path::new("/nowhere/x.pcap"))
        .err()
        .expect("missing");
    assert!(
        missing.to_string().starts_with("/nowhere/x.pcap: "),
        "{missing}"
    );
}

/// A pcapng file of one interface with this resolution, and one packet.
fn pcapng(resolution: Option<u8>, units: u64) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let length = (12 + body.len()) as u32;
        [
            &kind.to_le_bytes()[..],
            &length.to_le_bytes(),
            body,
            &length.to_le_bytes(),
        ]
        .concat()
    };
    let section = [
        &0x1a2b_3c4d_u32.to_le_bytes()[..],
        &[1, 0, 0, 0],
        &[0xff; 8],
    ]
    .concat();
    let mut interface = vec![1, 0, 0, 0, 0, 0, 0, 0];
    if let Some(resolution) = resolution {
        interface.extend([9, 0, 1, 0, resolution, 0, 0, 0, 0, 0, 0, 0]);
    }
    let packet = [
        0,
        (units >> 32) as u32,
        units as u32,
        4,
        60,
        u32::from_le_bytes(*b"abcd"),
    ];
    let packet = packet.map(u32::to_le_bytes).concat();
    [
        block(0x0a0d_0d0a, &section),
        block(1, &interface),
        block(6, &packet),
    ]
    .concat()
}

#[test]
fn pcapng_with_every_kind_of_resolution() {
    for (resolution, units, nanos) in [
        (None, 1_700_000_000_000_001, 1_700_000_000_000_001_000),
        (
            Some(9),
            1_700_000_000_000_000_001,
            1_700_000_000_000_000_001,
        ),
        (Some(3), 5, 5_000_000),
        (Some(0x80 | 0x0a), 1_024, 1_000_000_000),
        (Some(0x7f), u64::MAX, 0),
    ] {
        let read = read_all(&pcapng(resolution, units));
        assert_eq!(
            read,
            [Ok((1, nanos, b"abcd".to_vec(), true))],
            "{resolution:?}"
        );
    }
}

#[test]
fn no_bytes_make_it_panic() {
    use proptest::prelude::*;
    let seeds = [
        pcap(NANOS, u32::to_be_bytes, ETHERNET, &ROWS),
        pcapng(Some(9), 77),
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let config = ProptestConfig {
        cases: 64,
        ..ProptestConfig::default()
    };
    proptest!(config, |(seed in 0..2_usize, changes in changes)| {
        let mut file = seeds[seed].clone();
        for (index, byte) in changes {
            let at = index.index(file.len());
            file[at] = byte;
        }
        read_all(&file);
    });
}
