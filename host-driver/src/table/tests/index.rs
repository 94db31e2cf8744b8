//! Index tables: what changes at once, what word by word, what by way of nothing.

use std::net::IpAddr;

use firmware_api::entry::backend::{Backend, BackendConfig};
use firmware_api::entry::port::{Port, PortConfig, PortKind};
use firmware_api::entry::selector::Selector;
use firmware_api::geometry::Geometry;
use firmware_api::{Memory, TableId, Zone, control};

use super::card::SECRET;
use crate::device::fake;
use crate::table::Tables;

fn backend(last: u8) -> Backend {
    Backend::new(BackendConfig {
        address: IpAddr::from([10, 0, 0, last]),
        port: 8080,
        egress: 1,
    })
}

#[test]
fn entries_are_set_read_and_cleared() {
    let device = fake::card(64, Geometry::exact(4, 4, 0));
    let mut tables = Tables::new(device.capabilities(), SECRET);
    let info = *device.capabilities().table(TableId::Backend);
    tables
        .backend
        .set(&device, 3, backend(3))
        .expect("in range");
    let words: [u64; 4] = device.bar2().load_words(info.at(3));
    assert!(control::is_intact(&words));
    assert_eq!(tables.backend.get(3), Some(backend(3)));
    let before = device.accesses();
    tables
        .backend
        .set(&device, 3, backend(3))
        .expect("in range");
    assert_eq!(
        device.accesses(),
        before,
        "nothing changed, nothing written"
    );
    tables
        .backend
        .set(&device, 3, backend(4))
        .expect("in range");
    let changed: [u64; 4] = device.bar2().load_words(info.at(3));
    assert!(control::is_intact(&changed));
    assert_ne!(control::epoch(changed[3]), control::epoch(words[3]));
    assert_eq!(tables.backend.usage().entries, 1);
    tables.backend.clear(&device, 3).expect("in range");
    assert_eq!(tables.backend.entries().count(), 0);
    assert_eq!(
        (
            tables.backend.usage().entries,
            tables.backend.usage().high_water
        ),
        (0, 1)
    );
    let error = tables
        .backend
        .set(&device, 64, backend(1))
        .expect_err("out of range");
    assert_eq!(
        error.to_string(),
        "table backend has 64 entries, none of index 64"
    );
}

#[test]
fn a_selector_slot_is_one_store() {
    let device = fake::card(64, Geometry::exact(4, 4, 0));
    let mut tables = Tables::new(device.capabilities(), SECRET);
    for backend in [Some(7), Some(0), None] {
        let before = device.accesses().bar2;
        tables
            .selector
            .set(&device, 5, Selector::new(backend))
            .expect("in range");
        assert_eq!((device.accesses().bar2 - before).writes, 1);
        let found = tables.selector.get(5).and_then(|slot| slot.backend());
        assert_eq!(found, backend);
    }
    assert_eq!(tables.selector.usage().entries, 0);
}

#[test]
fn a_port_in_use_changes_word_by_word_and_is_never_off() {
    let device = fake::card(64, Geometry::exact(4, 4, 0));
    let mut tables = Tables::new(device.capabilities(), SECRET);
    let mut config = PortConfig {
        kind: PortKind::Uplink,
        zone: Zone::UPLINK,
        own_mac: [2, 0, 0, 0, 0, 1],
        peer_mac_v4: [0; 6],
        peer_mac_v6: [0; 6],
        vlan: 0,
    };
    tables
        .port
        .set(&device, 0, Port::new(config))
        .expect("in range");
    config.peer_mac_v4 = [2, 0, 0, 0, 0, 2];
    let before = device.accesses().bar2;
    tables
        .port
        .set(&device, 0, Port::new(config))
        .expect("in range");
    assert_eq!(
        (device.accesses().bar2 - before).writes,
        2,
        "the word and the control word"
    );
    assert_eq!(tables.port.get(0).map(|port| port.config()), Some(config));
}
