//! One test per leaf of the decision graph; IDs name the rules of the behaviour that they prove.

mod checksums;
mod conditions;
mod inbound;
mod ingress;
mod known_flows;
mod outbound;

use std::net::IpAddr;

use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, Side};
use firmware_api::entry::frontend::FrontendAction;
use firmware_api::entry::instance::{InstanceConfig, WayOut};
use firmware_api::entry::port::PortKind;
use firmware_api::entry::rule::RuleConfig;
use firmware_api::flow_state::tcp_flags::{ACK, SYN};
use firmware_api::selector::HashMode;
use firmware_api::{PortId, Protocol, PuntReason, UPLINK_PORT, Zone};

use super::*;
use crate::bars::Bars;
use crate::fixture::{Wire, Writer, ip, small};

const CLIENT: (&str, u16) = ("198.51.100.7", 40_000);
const CLIENT_V6: (&str, u16) = ("2001:db8:c::7", 40_000);
const FRONTEND: &str = "203.0.113.10";
const FRONTEND_V6: &str = "2001:db8::10";
const INTERNAL: &str = "10.0.0.100";
const HA: &str = "10.0.0.200";
const FLOATING: &str = "203.0.113.20";
const PUBLIC: &str = "203.0.113.99";
const PUBLIC_V6: &str = "2001:db8::99";
const SERVER: (&str, u16) = ("192.0.2.1", 443);

/// Ports of the test network beside the uplink: instance n is behind vport n.
const WEB_1: PortId = 1;
const WEB_2: PortId = 2;
/// No way out.
const CLOSED: PortId = 3;
/// 1:1 public addresses.
const DB: PortId = 4;
const OFF: PortId = 5;
/// VLAN 100.
const TAGGED: PortId = 6;

/// Rules and frontend ports that name them.
const HTTP: u16 = 80;
const EMPTY_RULE: u16 = 81;
const EMPTY_SLOT: u16 = 82;
const NO_RULE: u16 = 83;
const NO_BACKEND: u16 = 84;
const NO_SLOT: u16 = 85;
const WRONG_FAMILY: u16 = 86;
const TO_OFF_PORT: u16 = 87;
const SSH: u16 = 50_001;

struct Net {
    bars: Bars,
    layout: Layout,
    pipeline: Pipeline,
    conditions: Conditions,
}

impl Net {
    fn new() -> Self {
        let config = small();
        let layout = Layout::new(&config).expect("good");
        let net = Self {
            bars: Bars::anonymous(&config).expect("memory"),
            pipeline: Pipeline::new(layout.clone()),
            layout,
            conditions: Conditions {
                tick: 77,
                ..Conditions::default()
            },
        };
        net.configure();
        net
    }

    fn driverless() -> Self {
        let mut net = Self::new();
        net.conditions.driverless = true;
        net
    }

    fn writer(&self) -> Writer<'_> {
        Writer {
            bar0: &self.bars.bar0,
            bar2: &self.bars.bar2,
            layout: &self.layout,
        }
    }

    fn configure(&self) {
        let w = self.writer();
        w.secret();
        w.port(UPLINK_PORT, PortKind::Uplink, 0);
        for id in [WEB_1, WEB_2, CLOSED, DB] {
            w.port(id, PortKind::Vport(id), 0);
        }
        w.port(OFF, PortKind::Off, 0);
        w.port(TAGGED, PortKind::Vport(TAGGED), 100);
        for id in [WEB_1, WEB_2, CLOSED, DB, TAGGED] {
            let (IpAddr::V4(v4), IpAddr::V6(v6)) =
                (ip(&format!("10.0.0.{id}")), ip(&format!("fd00::{id}")))
            else {
                unreachable!()
            };
            let mut config = InstanceConfig {
                address_v4: Some(v4),
                address_v6: Some(v6),
                ways_out: [WayOut::Snat; 4],
                vport: id,
                floating_ip: id == WEB_2,
                ..InstanceConfig::default()
            };
            match id {
                CLOSED => config.ways_out = [WayOut::None; 4],
                DB => {
                    config.public_v4 = Some(PUBLIC.parse().expect("IPv4"));
                    config.public_v6 = Some(PUBLIC_V6.parse().expect("IPv6"));
                }
                _ => {}
            }
            w.instance(id, config);
        }
        Self::balancing(&w);
        Self::broken(&w);
    }

    fn balancing(w: &Writer<'_>) {
        w.backend(1, ip("10.0.0.1"), 8080, WEB_1);
        w.backend(2, ip("10.0.0.2"), 8080, WEB_2);
        w.backend(3, ip("10.0.0.1"), 22, WEB_1);
        w.backend(4, ip("fd00::1"), 8080, WEB_1);
        w.backend(5, ip("10.0.0.2"), 0, WEB_2);
        w.backend(6, ip(FLOATING), 8080, WEB_2);
        w.selector(0, Some(1));
        w.selector(1, Some(2));
        w.selector(2, Some(4));
        w.selector(3, Some(5));
        w.selector(4, Some(6));
        for (rule, base, size, mode) in [
            (1, 0, 2, HashMode::FiveTuple),
            (2, 2, 1, HashMode::FiveTuple),
            (3, 3, 1, HashMode::FiveTuple),
            (4, 4, 1, HashMode::FiveTuple),
            (5, 0, 2, HashMode::TwoTuple),
        ] {
            w.rule(rule, Self::rule(base, size, mode));
        }
        let public = Zone::UPLINK;
        let balance = FrontendAction::Balance;
        for (zone, address, protocol, port, action) in [
            (public, FRONTEND, Protocol::Tcp, HTTP, balance(1)),
            (public, FRONTEND, Protocol::Udp, 53, balance(1)),
            (public, FRONTEND, Protocol::Tcp, 90, balance(5)),
            (public, FRONTEND, Protocol::Udp, 90, balance(5)),
            (public, FRONTEND_V6, Protocol::Tcp, HTTP, balance(2)),
            (public, FLOATING, Protocol::Tcp, HTTP, balance(4)),
            (Zone::VNET, INTERNAL, Protocol::Tcp, 443, balance(1)),
            (Zone::VNET, HA, Protocol::Tcp, 0, balance(3)),
            (Zone::VNET, HA, Protocol::Udp, 0, balance(3)),
            (
                public,
                FRONTEND,
                Protocol::Tcp,
                SSH,
                FrontendAction::PortForward(3, 7),
            ),
        ] {
            w.frontend(zone, ip(address), protocol, port, action);
        }
        let http = (ip(FRONTEND), HTTP);
        w.return_path(ip("10.0.0.1"), Protocol::Tcp, 8080, http);
        w.return_path(ip("10.0.0.2"), Protocol::Udp, 0, (ip(HA), 0));
        w.return_path(ip(FLOATING), Protocol::Tcp, 8080, (ip(FLOATING), HTTP));
        w.return_path(ip("fd00::1"), Protocol::Tcp, 8080, (ip(FRONTEND_V6), HTTP));
        w.snat_block(ip(FRONTEND), Protocol::Tcp, 1024);
    }

    fn broken(w: &Writer<'_>) {
        w.backend(7, ip("10.0.0.1"), 8080, OFF);
        w.selector(10, None);
        w.selector(11, Some(12));
        w.selector(12, Some(4));
        w.selector(13, Some(7));
        for (port, rule, base, size) in [
            (EMPTY_RULE, 8, 0, 0),
            (EMPTY_SLOT, 9, 10, 1),
            (NO_BACKEND, 10, 11, 1),
            (NO_SLOT, 11, 256, 1),
            (WRONG_FAMILY, 12, 12, 1),
            (TO_OFF_PORT, 13, 13, 1),
        ] {
            w.rule(rule, Self::rule(base, size, HashMode::FiveTuple));
            let action = FrontendAction::Balance(rule);
            w.frontend(Zone::UPLINK, ip(FRONTEND), Protocol::Tcp, port, action);
        }
        let action = FrontendAction::Balance(15);
        w.frontend(Zone::UPLINK, ip(FRONTEND), Protocol::Tcp, NO_RULE, action);
    }

    fn rule(selector_base: u32, selector_size: u32, mode: HashMode) -> RuleConfig {
        RuleConfig {
            mode,
            selector_base,
            selector_size,
            floating_ip: false,
            reset: false,
            fragments: false,
        }
    }

    fn run(&mut self, port: PortId, frame: &[u8]) -> Verdict {
        let spaces = Spaces {
            bar0: &*self.bars.bar0,
            bar2: &*self.bars.bar2,
        };
        let verdict = self.pipeline.process(spaces, self.conditions, port, frame);
        assert!(self.pipeline.counters.balance(), "counted");
        verdict
    }

    /// A frame on the port of the test network where its source lives.
    fn send(&mut self, port: PortId, wire: &Wire) -> Verdict {
        self.run(port, &wire.frame())
    }

    fn install(&self, key: FlowKey<IpAddr>, action: FlowAction<IpAddr>) {
        self.writer().flow(key, action);
    }
}

fn forward(egress: PortId, wire: Wire) -> Outcome {
    Outcome::Forward {
        egress,
        frame: wire.sent_by(egress).frame(),
    }
}

/// What a packet became that is as it was but for its destination, sent to an instance.
#[track_caller]
fn assert_forward(verdict: &Verdict, egress: PortId, wire: Wire) {
    assert_eq!(verdict.outcome, forward(egress, wire));
}

#[track_caller]
fn assert_drop(verdict: &Verdict, reason: DropReason) {
    assert_eq!(verdict.outcome, Outcome::Drop(reason));
    assert!(verdict.copies.is_empty(), "a dropped packet tells nothing");
}

#[track_caller]
fn assert_held(verdict: &Verdict, reason: PuntReason, port: PortId, frame: &[u8]) {
    let Outcome::Held(record) = &verdict.outcome else {
        panic!("not held: {verdict:?}");
    };
    assert_eq!((record.punt.reason, record.punt.ingress), (reason, port));
    assert_eq!(record.bytes, frame, "the whole frame");
    assert_eq!(usize::from(record.punt.captured), frame.len());
    assert_eq!(usize::from(record.punt.length), frame.len());
    assert_eq!(record.punt.timestamp, 77);
}

/// The only copy of a verdict.
#[track_caller]
fn copy(verdict: &Verdict) -> &Record {
    let [record] = &verdict.copies[..] else {
        panic!("not one copy: {verdict:?}");
    };
    record
}

fn key(zone: Zone, protocol: Protocol, from: (&str, u16), to: (&str, u16)) -> FlowKey<IpAddr> {
    FlowKey {
        zone,
        protocol,
        source: ip(from.0),
        destination: ip(to.0),
        source_port: from.1,
        destination_port: to.1,
    }
}

fn action(
    flow: u32,
    direction: Direction,
    side: Side,
    to: (&str, u16),
    egress: PortId,
) -> FlowAction<IpAddr> {
    FlowAction {
        flow,
        direction,
        side,
        address: ip(to.0),
        port: to.1,
        egress,
    }
}

fn syn(port: PortId, from: (&str, u16), to: (&str, u16)) -> Wire {
    Wire::tcp(port, from, to, SYN)
}

fn ack(port: PortId, from: (&str, u16), to: (&str, u16)) -> Wire {
    Wire::tcp(port, from, to, ACK)
}
