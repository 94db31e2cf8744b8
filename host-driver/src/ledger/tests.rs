use firmware_api::Protocol;
use firmware_api::flow_state::HalfState;

use super::*;
use crate::conn::Origin;
use crate::conn::tests::conn;

const INBOUND: Origin = Origin::Inbound {
    rule: 3,
    backend: 7,
};

fn inbound() -> Conn {
    conn(
        INBOUND,
        ["198.51.100.7:40000", "203.0.113.10:80", "10.0.0.4:8080"],
    )
}

fn outbound() -> Conn {
    conn(
        Origin::Outbound,
        ["10.0.0.4:50000", "203.0.113.10:1024", "192.0.2.1:443"],
    )
}

/// A block with so many packets of 100 bytes there, and of 1,000 bytes back.
fn block(forward: u64, reverse: u64) -> FlowState {
    let half = |packets, size| HalfState {
        packets,
        bytes: packets * size,
        ..HalfState::default()
    };
    FlowState {
        last_seen: Some(1),
        forward: half(forward, 100),
        reverse: half(reverse, 1_000),
    }
}

/// The only member.
fn member(ledger: &Ledger) -> Cells {
    ledger.members().next().expect("one").1
}

fn carried(packets: u64, bytes: u64) -> Carried {
    Carried { packets, bytes }
}

#[test]
fn a_packet_is_booked_once_however_often_its_block_is_read() {
    let mut ledger = Ledger::default();
    let conn = inbound();
    ledger.forwarded(&conn, 40);
    ledger.open(&conn);
    ledger.read(5, &conn, &block(2, 1));
    ledger.read(5, &conn, &block(2, 1));
    ledger.read(5, &conn, &block(10, 4));
    ledger.part(5, &conn);
    ledger.read_parted(5, &block(11, 4));
    ledger.read_parted(5, &block(11, 4));
    let [tcp, udp] = member(&ledger);
    assert_eq!(tcp.traffic.inbound, carried(12, 1_140));
    assert_eq!(tcp.traffic.outbound, carried(4, 4_000));
    assert_eq!((tcp.traffic.syns, udp), (1, Cell::default()));
    assert_eq!(tcp.flows, FlowCount { live: 0, total: 1 });
    assert_eq!(ledger.unread(), 0);
}

#[test]
fn l_mon_01_the_directions_of_an_instances_own_flow_are_the_other_way_round() {
    let mut ledger = Ledger::default();
    let conn = Conn {
        protocol: Protocol::Udp,
        ..outbound()
    };
    ledger.open(&conn);
    ledger.read(0, &conn, &block(3, 2));
    let (key, [tcp, udp]) = ledger.addresses().next().expect("one");
    assert_eq!(key, (0, conn.outside.address));
    assert_eq!(udp.traffic.outbound, carried(3, 300));
    assert_eq!(udp.traffic.inbound, carried(2, 2_000));
    assert_eq!((tcp, udp.traffic.syns), (Cell::default(), 0));
}

#[test]
fn l_mon_09_what_is_steered_is_in_no_traffic_of_a_rule() {
    let mut ledger = Ledger::default();
    let origin = Origin::Steered {
        rule: 3,
        backend: 7,
    };
    let conn = conn(origin, ["10.0.0.4:50000", "10.0.0.5:80", "10.0.0.5:80"]);
    ledger.forwarded(&conn, 40);
    ledger.open(&conn);
    ledger.read(5, &conn, &block(2, 1));
    assert_eq!(ledger.members().count(), 0);
    assert_eq!(ledger.rule(3), FlowCount::default());
    let steered = ledger.phases().iter().find(|row| row.0 == "steered");
    assert_eq!(steered, Some(("steered", "open", 1)));
    ledger.part(5, &conn);
    ledger.read_parted(5, &block(3, 1));
    assert_eq!(ledger.members().count() + ledger.addresses().count(), 0);
    assert!(ledger.phases().iter().all(|row| row.2 == 0));
}

#[test]
fn a_block_that_another_flow_took_over_is_unread_and_said_so() {
    let mut ledger = Ledger::default();
    let conn = inbound();
    ledger.open(&conn);
    ledger.read(5, &conn, &block(2, 1));
    ledger.part(5, &conn);
    assert_eq!(ledger.parted(10).collect::<Vec<_>>(), [5]);
    ledger.open(&conn);
    ledger.read(5, &conn, &block(1, 0));
    assert_eq!(ledger.unread(), 1);
    assert_eq!(ledger.parted(10).count(), 0);
    let traffic = member(&ledger)[0].traffic;
    assert_eq!(traffic.inbound, carried(3, 300), "the new flow from zero");
}

#[test]
fn a_late_answer_of_a_former_flow_adds_nothing_twice() {
    let mut ledger = Ledger::default();
    let conn = inbound();
    ledger.open(&conn);
    ledger.read(5, &conn, &block(9, 9));
    ledger.read(5, &conn, &block(1, 1));
    ledger.read(5, &conn, &block(4, 1));
    let traffic = member(&ledger)[0].traffic;
    assert_eq!(traffic.inbound, carried(12, 1_200));
    assert_eq!(traffic.outbound, carried(9, 9_000));
}

#[test]
fn a_number_with_a_new_meaning_begins_at_zero() {
    let mut ledger = Ledger::default();
    let conn = inbound();
    ledger.open(&conn);
    ledger.part(5, &conn);
    ledger.forget_rule(3);
    ledger.read_parted(5, &block(9, 9));
    assert_eq!(ledger.members().count(), 0);
    assert_eq!(ledger.rule(3), FlowCount::default());
}

#[test]
fn phases_follow_their_flows() {
    let mut ledger = Ledger::default();
    let mut conn = outbound();
    ledger.open(&conn);
    ledger.open(&inbound());
    conn.phase = Phase::Reset;
    ledger.change_phase(&conn, Phase::Open);
    let seen: Vec<_> = ledger.phases().iter().filter(|row| row.2 > 0).collect();
    assert_eq!(seen, [("inbound", "open", 1), ("outbound", "reset", 1)]);
    ledger.close(0, &conn);
    assert_eq!(ledger.phases().iter().map(|row| row.2).sum::<u64>(), 1);
}
