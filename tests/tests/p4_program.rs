//! The P4 program, its compiled form and firmware-api are one thing: constants come from
//! firmware-api, and headgate.json and headgate.p4info.txtpb were compiled from these very sources.
//!
//! `p4/compile` brings all of it up to date.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use firmware_api::entry::instance::WayOut;
use firmware_api::flow_state::tcp_flags;
use firmware_api::packet::header::{
    self, Ethernet, Icmp, Ipv6, Ipv6Fragment, Tcp, Udp, VlanTag, ethertype, ip,
};
use firmware_api::ring::ONE_SLOT_PAYLOAD;
use firmware_api::selector::HashMode;
use firmware_api::{
    DropReason, EGRESS_RECIRCULATE, MAX_FRAME, Protocol, PuntReason, TableId, UPLINK_PORT, Zone,
    inject, mapped, schema,
};
use sha2::{Digest, Sha256};

fn p4() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../p4")
}

/// `constants.p4`, as firmware-api has the numbers.
#[expect(clippy::too_many_lines, reason = "a list")]
fn constants() -> String {
    let mut out = String::from(
        "// The numbers that the pipeline shares with the driver, from firmware-api. Written by\n\
         // `p4/compile`; not to be edited.\n",
    );
    let mut section = |title: &str, bits: u32, constants: Vec<(String, u128)>| {
        write!(out, "\n// {title}\n").expect("a string");
        for (name, value) in constants {
            let value = if title == "Ethertypes." || value > 9_999 && !title.starts_with("Sizes") {
                format!("{value:#x}")
            } else {
                value.to_string()
            };
            writeln!(out, "const bit<{bits}> {name} = {value};").expect("a string");
        }
    };
    let of = |name: &str, value: usize| (name.to_owned(), value as u128);
    section(
        "Why a packet is dropped.",
        8,
        DropReason::ALL
            .iter()
            .map(|r| of(&format!("DROP_{}", upper(r.name())), *r as usize))
            .collect(),
    );
    section(
        "Why the driver sees a packet, or its headers.",
        8,
        PuntReason::ALL
            .iter()
            .map(|r| of(&format!("PUNT_{}", upper(r.name())), *r as usize))
            .collect(),
    );
    let tables = TableId::ALL.iter().map(|t| {
        of(
            &format!("{}_SIZE", upper(t.name())),
            t.schema().size as usize,
        )
    });
    section(
        "Sizes: entries of tables, flow-state blocks, drop reasons.",
        32,
        tables
            .chain([
                of("FLOWS", schema::FLOWS as usize),
                of("DROP_REASONS", DropReason::ALL.len()),
            ])
            .collect(),
    );
    section(
        "Ports of the switch.",
        9,
        vec![
            of("FENCE_PORT", schema::FENCE_PORT.into()),
            of("UPLINK_INGRESS", schema::UPLINK_INGRESS.into()),
            of("CPU_PORT", schema::CPU_PORT.into()),
        ],
    );
    section(
        "The mirroring session that copies packets to the CPU port.",
        32,
        vec![of("CPU_SESSION", schema::CPU_SESSION.into())],
    );
    let kind = |inject: inject::Inject| (inject.encode(0)[0] & 0xff) as usize;
    section(
        "Kinds of records from the driver, and from the shell around the pipeline.",
        8,
        vec![
            of("KIND_TRANSMIT", kind(inject::Inject::Transmit(0))),
            of("KIND_REPROCESS", kind(inject::Inject::Reprocess(0))),
            of(
                "KIND_TRACE",
                kind(inject::Inject::Trace { port: 0, tag: 0 }),
            ),
            of("KIND_FENCE", schema::FENCE.into()),
        ],
    );
    section(
        "Port numbers and ids with a meaning.",
        16,
        vec![
            of("UPLINK_PORT", UPLINK_PORT.into()),
            of("EGRESS_RECIRCULATE", EGRESS_RECIRCULATE.into()),
            of("NO_ID", u16::MAX.into()),
        ],
    );
    section("No flow.", 32, vec![of("NO_FLOW", u32::MAX as usize)]);
    section(
        "Zones.",
        5,
        vec![
            of("ZONE_UPLINK", Zone::UPLINK.number().into()),
            of("ZONE_VNET", Zone::VNET.number().into()),
            of("ZONE_FORWARD", Zone::FORWARD.number().into()),
        ],
    );
    section(
        "Transport protocols in keys.",
        3,
        vec![
            of("PROTOCOL_TCP", Protocol::Tcp as usize),
            of("PROTOCOL_UDP", Protocol::Udp as usize),
            of("PROTOCOL_ICMP", Protocol::Icmp as usize),
        ],
    );
    section(
        "Hash modes of rules; any other is the 5-tuple.",
        2,
        vec![
            of("HASH_TWO_TUPLE", HashMode::TwoTuple as usize),
            of("HASH_THREE_TUPLE", HashMode::ThreeTuple as usize),
        ],
    );
    section(
        "Ways out of instances.",
        2,
        vec![
            of("WAY_OUT_NONE", WayOut::None as usize),
            of("WAY_OUT_ONE_TO_ONE", WayOut::OneToOne as usize),
            of("WAY_OUT_SNAT", WayOut::Snat as usize),
        ],
    );
    section(
        "Ethertypes.",
        16,
        vec![
            of("ETHERTYPE_IPV4", ethertype::IPV4.into()),
            of("ETHERTYPE_ARP", ethertype::ARP.into()),
            of("ETHERTYPE_VLAN", ethertype::VLAN.into()),
            of("ETHERTYPE_IPV6", ethertype::IPV6.into()),
        ],
    );
    section(
        "IP protocols and next headers.",
        8,
        vec![
            of("IP_HOP_BY_HOP", ip::HOP_BY_HOP.into()),
            of("IP_ICMP", ip::ICMP.into()),
            of("IP_TCP", ip::TCP.into()),
            of("IP_UDP", ip::UDP.into()),
            of("IP_ROUTING", ip::ROUTING.into()),
            of("IP_FRAGMENT", ip::FRAGMENT.into()),
            of("IP_ICMPV6", ip::ICMPV6.into()),
            of("IP_DESTINATION_OPTIONS", ip::DESTINATION_OPTIONS.into()),
        ],
    );
    section(
        "TCP flags.",
        8,
        vec![
            of("TCP_FIN", tcp_flags::FIN.into()),
            of("TCP_SYN", tcp_flags::SYN.into()),
            of("TCP_RST", tcp_flags::RST.into()),
            of("TCP_ACK", tcp_flags::ACK.into()),
        ],
    );
    section(
        "Bytes: of headers, of a record before its frame, of the frame that one slot of a ring \
         holds, of the longest frame.",
        16,
        vec![
            of("ETHERNET_LEN", size_of::<Ethernet>()),
            of("VLAN_LEN", size_of::<VlanTag>()),
            of("ARP_LEN", header::ARP_LEN),
            of("IPV6_LEN", size_of::<Ipv6>()),
            of("IPV6_FRAGMENT_LEN", size_of::<Ipv6Fragment>()),
            of("TCP_LEN", size_of::<Tcp>()),
            of("UDP_LEN", size_of::<Udp>()),
            of("ICMP_LEN", size_of::<Icmp>()),
            of("RECORD_LEN", size_of::<firmware_api::ring::Words>()),
            of("ONE_SLOT_PAYLOAD", ONE_SLOT_PAYLOAD),
            of("MAX_FRAME", MAX_FRAME),
        ],
    );
    let any = u128::from_be_bytes(mapped([0, 0, 0, 0].into()));
    section(
        "::ffff:0.0.0.0: IPv4 addresses in 128 bits (RFC 4291 section 2.5.5.2).",
        128,
        vec![("IPV4_MAPPED".to_owned(), any)],
    );
    out
}

fn upper(name: &str) -> String {
    name.to_uppercase()
}

#[test]
fn constants_are_those_of_firmware_api() {
    let path = p4().join("constants.p4");
    if std::env::var_os("HEADGATE_BLESS").is_some() {
        fs::write(&path, constants()).expect("p4/constants.p4 is written");
    }
    let found = fs::read_to_string(&path).expect("p4/constants.p4");
    assert!(
        found == constants(),
        "p4/constants.p4 is not what firmware-api says; run p4/compile"
    );
}

/// The sum that `p4/compile` recorded for every source and every compiled file.
#[test]
fn the_compiled_program_belongs_to_the_sources() {
    let recorded = fs::read_to_string(p4().join("SHA256SUMS")).expect("p4/SHA256SUMS");
    let mut recorded: Vec<_> = recorded
        .lines()
        .map(|line| {
            let (sum, name) = line.split_once("  ").expect("sum and name");
            (name.to_owned(), sum.to_owned())
        })
        .collect();
    let mut found: Vec<_> = fs::read_dir(p4())
        .expect("p4/")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .filter(|name| {
            [".p4", ".json", ".txtpb"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .map(|name| {
            let sum = Sha256::digest(fs::read(p4().join(&name)).expect("a file"));
            let hex = sum.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("a string");
                hex
            });
            (name, hex)
        })
        .collect();
    recorded.sort();
    found.sort();
    assert!(
        found == recorded,
        "p4/headgate.json was not compiled from the sources beside it; run p4/compile.\n\
         found {found:#?}\nrecorded {recorded:#?}"
    );
}
