//! `pair_is_atomic`.

use std::net::IpAddr;

use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, Side};
use firmware_api::geometry::Geometry;
use firmware_api::{Protocol, TableId, Zone};
use proptest::prelude::*;

use super::card::{self, FLOWS, Replica, SECRET};
use crate::device::TableInfo;
use crate::table::{FlowEntry, Tables};

fn addresses(v6: bool) -> [IpAddr; 3] {
    let texts = if v6 {
        ["2001:db8::7", "2001:db8::10", "fd00::4"]
    } else {
        ["198.51.100.7", "203.0.113.10", "10.0.0.4"]
    };
    texts.map(|text| text.parse().expect("an address"))
}

/// The forward and the return entry of a client's connection.
fn pair(flow: u32, v6: bool) -> [FlowEntry; 2] {
    let [client, frontend, backend] = addresses(v6);
    let forward = FlowKey {
        zone: Zone::UPLINK,
        protocol: Protocol::Tcp,
        source: client,
        destination: frontend,
        source_port: 40_000 + flow as u16,
        destination_port: 80,
    };
    let reverse = FlowKey {
        zone: Zone::VNET,
        protocol: Protocol::Tcp,
        source: backend,
        destination: client,
        source_port: 8080,
        destination_port: 40_000 + flow as u16,
    };
    let action = |direction, side, address, port| FlowAction {
        flow,
        direction,
        side,
        address,
        port,
        egress: 1,
    };
    let to = action(Direction::Forward, Side::Destination, backend, 8080);
    let from = action(Direction::Return, Side::Source, frontend, 80);
    [(forward, to), (reverse, from)]
        .map(|(key, action)| FlowEntry::new(key, action).expect("one family"))
}

fn seen(replica: &Replica, infos: &[TableInfo; 2], entry: FlowEntry) -> bool {
    match entry {
        FlowEntry::V4(entry) => replica.lookup(&infos[0], entry).is_some(),
        FlowEntry::V6(entry) => replica.lookup(&infos[1], entry).is_some(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Flows come and go in tables that are too small for all of them.
    #[test]
    fn pair_is_atomic(
        steps in prop::collection::vec((0..FLOWS, any::<bool>()), 100),
        ways in 1u8..4, stash in 0u16..3,
    ) {
        let (device, replica) = card::card(Geometry::exact(4, ways, stash));
        let mut tables = Tables::new(device.capabilities(), SECRET);
        let info = |id| *device.capabilities().table(id);
        let infos = [info(TableId::FlowV4), info(TableId::FlowV6)];
        let mut installed = [false; FLOWS as usize];
        for (flow, v6) in steps {
            // A flow id is one family's, as in the driver.
            let v6 = v6 && flow % 2 == 1;
            let flow = if v6 { flow } else { flow & !1 };
            let [forward, reverse] = pair(flow, v6);
            let was = installed[flow as usize];
            if was {
                prop_assert!(tables.remove_pair(&device, forward.key(), reverse.key()));
                installed[flow as usize] = false;
            } else {
                installed[flow as usize] = tables.install_pair(&device, forward, reverse).is_ok();
            }
            while replica.pending() > 0 {
                replica.arrive(1);
                let forward = seen(&replica, &infos, forward);
                prop_assert!(!forward || seen(&replica, &infos, reverse), "an answer gets lost");
                prop_assert!(was || !forward || installed[flow as usize], "taken back too late");
            }
            for flow in 0..FLOWS {
                let both = pair(flow, flow % 2 == 1).map(|entry| seen(&replica, &infos, entry));
                prop_assert_eq!(both, [installed[flow as usize]; 2], "flow {}", flow);
            }
        }
    }
}

#[test]
fn a_pair_that_meets_a_present_key_changes_nothing() {
    let (device, _) = card::card(Geometry::exact(4, 4, 0));
    let mut tables = Tables::new(device.capabilities(), SECRET);
    let [forward, reverse] = pair(1, false);
    tables
        .install_pair(&device, forward, reverse)
        .expect("room");
    let [_, other] = pair(2, false);
    tables
        .install_pair(&device, forward, other)
        .expect_err("present");
    assert_eq!(tables.flow(forward.key()), Some(forward.action()));
    assert_eq!(tables.flow(other.key()), None);
    assert_eq!(tables.flows().count(), 2);
}

#[test]
fn families_do_not_mix() {
    let [v4, v6] = [false, true].map(|v6| pair(0, v6)[0]);
    assert_eq!(FlowEntry::new(v4.key(), v6.action()), None);
    assert_eq!((v4.flow(), v6.key()), (0, v6.key()));
}
