//! A replay from capture to summary: every packet is accounted for, and the same capture gives the
//! same bytes.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use host_driver::control::view::Counter;
use host_driver::replay::{Settings, Summary, replay};
use pnet_packet::ip::IpNextHeaderProtocols::Tcp;
use pnet_packet::ipv4::{self, MutableIpv4Packet};
use pnet_packet::tcp::{self, MutableTcpPacket, TcpFlags};

const CONFIG: &str = r#"
headgate: 1
profile: seed
uplink: { mac: "02:00:00:00:00:01", nextHop: 203.0.113.1, nextHopMac: "02:00:00:00:00:fe" }
instances:
  - { name: web-1, addresses: [10.0.0.4], vport: 1, mac: "02:00:00:00:00:04" }
  - { name: web-2, addresses: [10.0.0.5], vport: 2, mac: "02:00:00:00:00:05" }
loadBalancers:
  - name: web
    sku: Standard
    frontends: [ { name: public, address: 203.0.113.10 } ]
    backendPools: [ { name: web, members: [ { instance: web-1 }, { instance: web-2 } ] } ]
    probes: [ { name: tcp, protocol: Tcp, port: 8080, intervalInSeconds: 5, probeThreshold: 2 } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: public, frontendPort: 80, backendPool: web,
          backendPort: 8080, probe: tcp }
"#;
const UPLINK: [u8; 6] = [2, 0, 0, 0, 0, 1];
const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 0xfe];
const WEB_1: [u8; 6] = [2, 0, 0, 0, 0, 4];
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const FRONTEND: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);

/// A TCP segment in a frame.
fn segment(macs: [[u8; 6]; 2], from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), flags: u8) -> Vec<u8> {
    let mut frame = vec![0; 14 + 20 + 20];
    frame[..6].copy_from_slice(&macs[1]);
    frame[6..12].copy_from_slice(&macs[0]);
    frame[12] = 8;
    let mut segment = MutableTcpPacket::new(&mut frame[34..]).expect("room");
    segment.set_source(from.1);
    segment.set_destination(to.1);
    segment.set_data_offset(5);
    segment.set_flags(flags);
    let checksum = tcp::ipv4_checksum(&segment.to_immutable(), &from.0, &to.0);
    segment.set_checksum(checksum);
    let mut packet = MutableIpv4Packet::new(&mut frame[14..]).expect("room");
    packet.set_version(4);
    packet.set_header_length(5);
    packet.set_total_length(40);
    packet.set_ttl(64);
    packet.set_next_level_protocol(Tcp);
    packet.set_source(from.0);
    packet.set_destination(to.0);
    let checksum = ipv4::checksum(&packet.to_immutable());
    packet.set_checksum(checksum);
    frame
}

fn inbound(port: u16, to: u16, flags: u8) -> Vec<u8> {
    segment([ROUTER, UPLINK], (CLIENT, port), (FRONTEND, to), flags)
}

/// A capture with one frame per millisecond.
fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1]
        .map(u32::to_le_bytes)
        .concat();
    for (number, frame) in (0..).zip(frames) {
        let length = frame.len() as u32;
        file.extend(
            [1_700_000_000, number * 1_000, length, length]
                .map(u32::to_le_bytes)
                .concat(),
        );
        file.extend(frame);
    }
    file
}

fn replayed(directory: &Path, output: &str, frames: &[Vec<u8>]) -> Summary {
    let settings = Settings {
        config: directory.join("web.yaml"),
        capture: directory.join("in.pcap"),
        output: Some(directory.join(output)),
        flows: Some(1_000),
    };
    fs::write(&settings.config, CONFIG).expect("writes");
    fs::write(&settings.capture, capture(frames)).expect("writes");
    let replayed = replay(&settings).expect("replays");
    assert!(replayed.cut_short.is_none());
    replayed.summary
}

fn dropped(drops: &[Counter], reason: &str) -> u64 {
    drops
        .iter()
        .filter(|drop| drop.reason == reason)
        .map(|drop| drop.count)
        .sum()
}

fn traffic() -> Vec<Vec<u8>> {
    let web_1 = (Ipv4Addr::new(10, 0, 0, 4), 50_000);
    let remote = (Ipv4Addr::new(192, 0, 2, 1), 443);
    let mut frames: Vec<_> = (0..20)
        .map(|i| inbound(40_000 + i, 80, TcpFlags::SYN))
        .collect();
    frames.push(inbound(40_000, 80, TcpFlags::ACK));
    frames.push(segment([WEB_1, UPLINK], web_1, remote, TcpFlags::SYN));
    frames.push(inbound(50_000, 81, TcpFlags::SYN));
    frames.push(inbound(50_000, 80, TcpFlags::ACK));
    frames
}

#[test]
fn every_packet_is_accounted_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let summary = replayed(directory.path(), "out.pcap", &traffic());
    let packets = summary.packets;
    assert_eq!(packets.replayed, 24);
    assert_eq!(
        packets.replayed + packets.made,
        packets.left + packets.dropped + packets.answered
    );
    assert_eq!(dropped(&summary.drops, "no_frontend"), 1);
    assert_eq!(
        dropped(&summary.drops, "driver_refused"),
        1,
        "mid-flow without a flow"
    );
    assert_eq!(
        packets.dropped,
        summary.drops.iter().map(|drop| drop.count).sum::<u64>()
    );
    assert_eq!(summary.connections, 21);
    assert_eq!(summary.rules[0].flows_total, 20);
    let web_1 = &summary
        .snat
        .iter()
        .find(|row| row.peak > 0)
        .expect("one used a port");
    assert_eq!((web_1.instance.as_str(), web_1.peak), ("web-1", 1));
    assert_eq!(
        summary.accesses.packets.reads, 0,
        "no BAR read on the packet path"
    );
}

#[test]
fn members_that_send_in_the_capture_are_up_and_no_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let summary = replayed(directory.path(), "out.pcap", &traffic());
    let seen: Vec<_> = summary
        .backends
        .iter()
        .map(|backend| {
            (
                backend.instance.as_str(),
                backend.eligible,
                backend.flows_total,
            )
        })
        .collect();
    assert_eq!(seen, [("web-1", true, 20), ("web-2", false, 0)]);
}

#[test]
fn the_same_capture_gives_the_same_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    replayed(directory.path(), "a.pcap", &traffic());
    replayed(directory.path(), "b.pcap", &traffic());
    let [a, b] = ["a.pcap", "b.pcap"].map(|name| fs::read(path(name)).expect("is there"));
    assert_eq!(a, b);
    assert_eq!(a[..4], 0xa1b2_3c4d_u32.to_le_bytes(), "nanoseconds");
    assert_eq!(
        a[24..28],
        1_700_000_000_u32.to_le_bytes(),
        "the capture's own time"
    );
}
