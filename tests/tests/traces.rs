//! A traced frame foretells what becomes of the same frame when it comes in, on both engines, and
//! leaves no trace itself: flow state and counters are those of a pipeline that traced nothing.
//!
//! `HEADGATE_STORM_PACKETS` says how many packets (10,000 if it is not set).

use firmware_api::PuntReason;
use headgate_tests::generate::storm;
use headgate_tests::twin::{Bmv2Twin, Native, Twin, card, foretells, trace};
use hw_sim::pipeline::Conditions;

/// Packets over the same tables.
const CASE: usize = 200;

fn packets() -> u64 {
    let text = std::env::var("HEADGATE_STORM_PACKETS").unwrap_or_else(|_| "10000".to_owned());
    text.parse().expect("a number of packets")
}

/// Traces every packet of storms before it comes in.
fn foretell(twin: &mut dyn Twin, packets: u64) {
    let mut plain = Native::default();
    for seed in 0..packets.div_ceil(CASE as u64) {
        let case = storm(seed, CASE);
        twin.load(&case.state);
        plain.load(&case.state);
        let mut traced = 0;
        for (i, input) in case.steps.iter().enumerate() {
            let frame = input.packet.arriving(&case.state.link(input.ingress));
            let conditions = Conditions::from(&input.when);
            if !conditions.reprocess {
                traced += 1;
            }
            let record =
                (!conditions.reprocess).then(|| trace(twin, conditions, input.ingress, &frame));
            let sent = twin.process(conditions, input.ingress, &frame);
            plain.process(conditions, input.ingress, &frame);
            if let Some(record) = record {
                foretells(&record, conditions, &frame, &sent).unwrap_or_else(|wrong| {
                    panic!("{}, seed {seed}, packet {i}:\n{wrong}", twin.name())
                });
            }
        }
        let flows = case.state.flows().into_iter();
        for flow in flows.filter(|flow| *flow < card().flows) {
            let states = [twin.flow_state(flow), plain.flow_state(flow)];
            assert_eq!(
                states[0],
                states[1],
                "{}, seed {seed}, flow {flow}",
                twin.name()
            );
        }
        let mut counters = twin.counters();
        let told = std::mem::take(&mut counters.punts[PuntReason::Trace as usize]);
        assert_eq!(told, traced, "every trace is told");
        assert!(counters.balance(), "{counters:?}");
        assert_eq!(counters, plain.counters(), "{}, seed {seed}", twin.name());
    }
}

#[test]
fn l_mon_05_a_trace_foretells_what_the_native_pipeline_does() {
    foretell(&mut Native::default(), packets());
}

#[test]
fn l_mon_05_a_trace_foretells_what_the_switch_does() {
    match Bmv2Twin::start() {
        Ok(mut bmv2) => foretell(&mut bmv2, packets()),
        Err(why) => println!("skipped: {why}"),
    }
}
