//! What a running driver can be asked, and how a question finds its way to it.

use serde::Serialize;
use tokio::sync::oneshot;

use super::view::{
    Applied, Backend, Counters, Event, Explanation, Flows, Health, NatMapping, Rule, Snat, Status,
};
use crate::engine::Metrics;

/// A question to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The whole at a glance.
    Status,
    /// What each rule does.
    Rules,
    /// Health and load of each backend under each rule.
    Backends,
    /// Some of the flows.
    Flows {
        /// The most that are wanted.
        limit: usize,
    },
    /// SNAT ports of each instance and protocol.
    Snat,
    /// Why packets ended.
    Counters,
    /// How each load balancer is, and the backends of each probed rule (L-MON-06, L-MON-07).
    Health,
    /// Which frontend ports lead to which instances (L-NAT-07).
    Nat,
    /// What happened.
    Events {
        /// Only events after this one.
        after: u64,
    },
    /// Every metric.
    Metrics,
    /// Where a packet would go.
    Explain {
        /// The packet, as `flow-compiler explain` takes it.
        packet: String,
        /// Where it comes in: `uplink` or an instance.
        from: String,
    },
    /// Put a configuration in force.
    Apply {
        /// What diagnostics call it.
        name: String,
        /// The configuration.
        text: String,
    },
}

/// What the engine says; serializes as the document alone.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To [`Question::Status`].
    Status(Box<Status>),
    /// To [`Question::Rules`].
    Rules(Vec<Rule>),
    /// To [`Question::Backends`].
    Backends(Vec<Backend>),
    /// To [`Question::Flows`].
    Flows(Flows),
    /// To [`Question::Snat`].
    Snat(Vec<Snat>),
    /// To [`Question::Counters`].
    Counters(Counters),
    /// To [`Question::Health`].
    Health(Health),
    /// To [`Question::Nat`].
    Nat(Vec<NatMapping>),
    /// To [`Question::Events`].
    Events(Vec<Event>),
    /// To [`Question::Metrics`].
    Metrics(Box<Metrics>),
    /// To [`Question::Explain`].
    Explanation(Explanation),
    /// To [`Question::Apply`]; it may say no.
    Applied(Applied),
    /// The question itself makes no sense, e.g. a packet that cannot be read.
    Senseless(Senseless),
}

/// Why a question makes no sense.
#[derive(Clone, Debug, Serialize)]
pub struct Senseless {
    /// Ready to print.
    pub error: String,
}

/// A question on its way, and the way back for its answer.
#[derive(Debug)]
pub struct Ask {
    /// What is asked.
    pub question: Question,
    /// Where the answer goes; whoever asked may have left.
    pub reply: oneshot::Sender<Answer>,
}

impl Ask {
    /// A question and where its answer will arrive.
    pub fn new(question: Question) -> (Self, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        (Self { question, reply }, answer)
    }
}
