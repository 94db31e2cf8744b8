//! Two twins on the same packets: do they ever disagree? A disagreement is made as small as it goes
//! and printed as a row.

mod shrink;

use std::fmt::Write as _;

use firmware_api::PortId;
use hw_sim::pipeline::Conditions;

use crate::rows::{Configuration, Edit, Fate, Flow, Packet, Row, State, Step, When, facts};
use crate::twin::{Twin, card};
pub use shrink::shrink;

/// Tables and packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The tables.
    pub state: State,
    /// The packets, one after the other.
    pub steps: Vec<Input>,
}

/// A packet that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Under which conditions.
    pub when: When,
    /// By which port.
    pub ingress: PortId,
    /// The packet.
    pub packet: Packet,
}

/// About what twins disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// What becomes of that packet, or what the driver is told.
    Packet(usize),
    /// What is known of that flow behind the packets.
    Flow(u32),
    /// What was counted.
    Counters,
}

/// Runs a case on both.
pub fn compare(case: &Case, one: &mut dyn Twin, other: &mut dyn Twin) -> Option<Disagreement> {
    one.load(&case.state);
    other.load(&case.state);
    for (i, input) in case.steps.iter().enumerate() {
        let frame = input.packet.arriving(&case.state.link(input.ingress));
        let conditions = Conditions::from(&input.when);
        let verdict = one.process(conditions, input.ingress, &frame);
        if verdict != other.process(conditions, input.ingress, &frame) {
            return Some(Disagreement::Packet(i));
        }
    }
    let flows = case.state.flows().into_iter();
    for flow in flows.filter(|flow| *flow < card().flows) {
        if one.flow_state(flow) != other.flow_state(flow) {
            return Some(Disagreement::Flow(flow));
        }
    }
    (one.counters() != other.counters()).then_some(Disagreement::Counters)
}

/// A disagreement as small as it goes, for people: a row that holds on the first twin, and what the
/// second makes of it.
pub fn tell(case: &Case, one: &mut dyn Twin, other: &mut dyn Twin) -> String {
    let small = shrink(case, one, other);
    let disagreement = compare(&small, one, other);
    let row = |twin: &mut dyn Twin| found(&small, twin);
    let (expected, differs) = (row(one), row(other));
    let mut text = format!(
        "{} and {} disagree about {}. A row for tests/rows, as {} has it:\n\n{expected}\n# {}:\n",
        one.name(),
        other.name(),
        match disagreement {
            Some(Disagreement::Packet(_)) => "a packet".to_owned(),
            Some(Disagreement::Flow(flow)) => format!("flow {flow}"),
            Some(Disagreement::Counters) => "their counters".to_owned(),
            None => "a case that does not come again".to_owned(),
        },
        one.name(),
        other.name(),
    );
    for line in differs.to_string().lines() {
        let is_answer = ["out:", "drop:", "punt:", "copy:", "flow:", "in:"]
            .iter()
            .any(|what| line.starts_with(what));
        if is_answer {
            let _ = writeln!(text, "#   {line}");
        }
    }
    if let (Some(Disagreement::Packet(at)), true) = (disagreement, expected == differs) {
        let input = &small.steps[at];
        let frame = input.packet.arriving(&small.state.link(input.ingress));
        let mut exactly = |twin: &mut dyn Twin| {
            twin.load(&small.state);
            let verdict = twin.process(Conditions::from(&input.when), input.ingress, &frame);
            let _ = writeln!(text, "# {}: {verdict:x?}", twin.name());
        };
        exactly(one);
        exactly(other);
    } else if disagreement == Some(Disagreement::Counters) {
        let _ = writeln!(text, "# {:?}\n# {:?}", one.counters(), other.counters());
    }
    text
}

/// The row of a case, with the answers of a twin.
fn found(case: &Case, twin: &mut dyn Twin) -> Row {
    let step = |input: &Input| Step {
        line: 0,
        when: input.when,
        ingress: input.ingress,
        packet: input.packet.clone(),
        fate: Fate::Dropped(firmware_api::DropReason::PortOff),
        copies: Vec::new(),
    };
    let row = Row {
        name: "found".to_owned(),
        configuration: Configuration::None,
        edits: case.state.entries().cloned().map(Edit::With).collect(),
        steps: case.steps.iter().map(step).collect(),
        ..Row::default()
    };
    let mut row = row.as_found(twin).expect("a sound row");
    for flow in case.state.flows() {
        let facts = facts(&twin.flow_state(flow));
        row.flows.push(Flow {
            line: 0,
            flow,
            facts,
        });
    }
    row
}
