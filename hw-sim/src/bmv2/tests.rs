//! The engine as its card sees it, with a real switch behind it where there is one.

use std::net::IpAddr;

use firmware_api::entry::flow::{Direction, FlowAction, FlowKey, Side};
use firmware_api::entry::frontend::FrontendAction;
use firmware_api::entry::instance::{InstanceConfig, WayOut};
use firmware_api::entry::port::PortKind;
use firmware_api::entry::rule::RuleConfig;
use firmware_api::flow_state;
use firmware_api::flow_state::tcp_flags::{ACK, SYN};
use firmware_api::selector::HashMode;
use firmware_api::{Protocol, PuntReason, Zone};

use super::*;
use crate::Bars;
use crate::Pipeline;
use crate::fixture::{Wire, Writer, bmv2_is_installed, ip, small};
use crate::pipeline::Outcome;

const CLIENT: (&str, u16) = ("198.51.100.7", 40_000);
const FRONTEND: (&str, u16) = ("203.0.113.10", 80);

/// Tables, and both engines over them.
struct Twins {
    bars: Bars,
    layout: Layout,
    bmv2: Bmv2,
    native: Pipeline,
}

impl Twins {
    fn new() -> Option<Self> {
        if !bmv2_is_installed() {
            return None;
        }
        let config = small();
        let layout = Layout::new(&config).expect("good");
        let source = Switch::Start(Start::default());
        let twins = Self {
            bars: Bars::anonymous(&config).expect("memory"),
            bmv2: Bmv2::new(&config, source).expect("a switch"),
            native: Pipeline::new(layout.clone()),
            layout,
        };
        twins.configure();
        Some(twins)
    }

    fn writer(&self) -> Writer<'_> {
        Writer {
            bar0: &self.bars.bar0,
            bar2: &self.bars.bar2,
            layout: &self.layout,
        }
    }

    fn spaces(&self) -> (Bars, Layout) {
        (self.bars.clone(), self.layout.clone())
    }

    fn configure(&self) {
        let w = self.writer();
        w.secret();
        w.port(0, PortKind::Uplink, 0);
        w.port(1, PortKind::Vport(1), 0);
        let IpAddr::V4(address) = ip("10.0.0.1") else {
            unreachable!()
        };
        w.instance(
            1,
            InstanceConfig {
                address_v4: Some(address),
                ways_out: [WayOut::Snat; 4],
                vport: 1,
                ..InstanceConfig::default()
            },
        );
        w.backend(1, ip("10.0.0.1"), 8080, 1);
        w.selector(0, Some(1));
        let rule = RuleConfig {
            mode: HashMode::FiveTuple,
            selector_base: 0,
            selector_size: 1,
            floating_ip: false,
            reset: false,
        };
        w.rule(1, rule);
        let action = FrontendAction::Balance(1);
        let address = ip(FRONTEND.0);
        w.frontend(Zone::UPLINK, address, Protocol::Tcp, FRONTEND.1, action);
    }

    fn flow_key() -> FlowKey<IpAddr> {
        FlowKey {
            zone: Zone::UPLINK,
            protocol: Protocol::Tcp,
            source: ip(CLIENT.0),
            destination: ip(FRONTEND.0),
            source_port: CLIENT.1,
            destination_port: FRONTEND.1,
        }
    }

    fn install(&self, flow: u32) {
        let at = self.layout.flow_state(flow).expect("a flow");
        flow_state::blank(&*self.bars.bar2, at);
        let action = FlowAction {
            flow,
            direction: Direction::Forward,
            side: Side::Destination,
            address: ip("10.0.0.1"),
            port: 8080,
            egress: 1,
        };
        self.writer().flow(Self::flow_key(), action);
    }

    fn load(&mut self) -> bool {
        let (bars, _) = self.spaces();
        self.bmv2.load(Spaces {
            bar0: &*bars.bar0,
            bar2: &*bars.bar2,
        })
    }

    /// What both engines make of a frame, which has to be the same.
    fn process(&mut self, conditions: Conditions, port: PortId, frame: &[u8]) -> Outcome {
        let (bars, _) = self.spaces();
        let spaces = Spaces {
            bar0: &*bars.bar0,
            bar2: &*bars.bar2,
        };
        let found = self.bmv2.process(spaces, conditions, port, frame);
        let expected = self.native.process(spaces, conditions, port, frame);
        assert_eq!(found, expected);
        assert!(self.bmv2.counters().balance());
        found.outcome
    }
}

#[test]
fn a_frame_becomes_the_same_in_the_switch() {
    let Some(mut twins) = Twins::new() else {
        return;
    };
    assert!(twins.load());
    let conditions = Conditions {
        tick: 0x0102_0304,
        ..Conditions::default()
    };
    let syn = Wire::tcp(0, CLIENT, FRONTEND, SYN).frame();
    let ack = Wire::tcp(0, CLIENT, FRONTEND, ACK).frame();
    let outcome = twins.process(conditions, 0, &syn);
    assert!(matches!(outcome, Outcome::Forward { egress: 1, .. }));
    let outcome = twins.process(conditions, 0, &ack);
    let Outcome::Held(record) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(record.punt.reason, PuntReason::Midflow);
    assert_ne!(record.punt.flow_hash, 0);
    let reprocess = Conditions {
        reprocess: true,
        ..conditions
    };
    let missed = twins.process(reprocess, 0, &ack);
    assert_eq!(missed, Outcome::Drop(DropReason::ReprocessMiss));
    let driverless = Conditions {
        driverless: true,
        ..conditions
    };
    let stranger = Wire::tcp(1, ("10.0.0.1", 9), CLIENT, SYN).frame();
    let dropped = twins.process(driverless, 1, &stranger);
    assert_eq!(dropped, Outcome::Drop(DropReason::Driverless));
    twins.install(3);
    assert!(twins.load());
    let known = twins.process(reprocess, 0, &ack);
    assert!(matches!(known, Outcome::Forward { egress: 1, .. }));
    for empty in [&[][..], &[0; 13], &[0xff; 9217]] {
        twins.process(conditions, 0, empty);
    }
}
