//! What a walk leaves: a step for each stage, and the verdict.

use std::fmt::{self, Write as _};

use firmware_api::entry::backend::BackendId;
use firmware_api::entry::rule::RuleId;
use firmware_api::{DropReason, PortId, PuntReason};
use serde_json::{Value, json};

use super::{Ingress, Packet};
use crate::names::Names;

/// A stage of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What the port is, and whether it may send from this source.
    IngressPort,
    /// Known flows; the driver's table.
    FlowLookup,
    /// Frontends, public or internal.
    Frontend,
    /// What a rule selects.
    Balance,
    /// Replies of backends.
    ReturnPath,
    /// The rule through whose members a sender's packets go.
    NextHop,
    /// Owners of addresses.
    Address,
    /// Owners of SNAT ports; the driver's table.
    SnatBlock,
    /// Ways out of an instance.
    Instance,
    /// To the uplink, or through the pipeline again.
    Leave,
}

impl Stage {
    /// The name in text and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IngressPort => "ingress_port",
            Self::FlowLookup => "flow_lookup",
            Self::Frontend => "frontend",
            Self::Balance => "balance",
            Self::ReturnPath => "return_path",
            Self::NextHop => "next_hop",
            Self::Address => "address",
            Self::SnatBlock => "snat_block",
            Self::Instance => "instance",
            Self::Leave => "leave",
        }
    }
}

/// What one stage found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The stage.
    pub stage: Stage,
    /// Whether something matched.
    pub hit: bool,
    /// What, in names of the configuration.
    pub text: String,
}

/// What the driver learns of a new flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learn {
    /// The rule that forwarded it.
    pub rule: RuleId,
    /// The backend it was forwarded to, or through.
    pub backend: BackendId,
    /// It only goes through the backend, untranslated.
    pub steered: bool,
}

/// What becomes of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves.
    Forward {
        /// By which port.
        egress: PortId,
        /// Translated.
        packet: Packet,
        /// What the driver is told, the last time if it was told more than once.
        learn: Option<Learn>,
    },
    /// The driver decides.
    Punt(PuntReason),
    /// It is dropped.
    Drop(DropReason),
}

/// The way of one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The packet.
    pub packet: Packet,
    /// Where it came in.
    pub from: Ingress,
    /// What the stages found, in order.
    pub steps: Vec<Step>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Where the driver has the connection go on of which it knows nothing.
    pub adopted: Option<Learn>,
}

impl Explanation {
    /// The verdict in one line.
    pub fn verdict_text(&self, names: &Names) -> String {
        match self.verdict {
            Verdict::Drop(reason) => format!("drop ({reason})"),
            Verdict::Punt(reason) => format!("punt to the driver ({reason})"),
            Verdict::Forward {
                egress,
                packet,
                learn,
            } => {
                let mut text = format!("forward by {} as {packet}", PortName(egress, names));
                if let Some(Learn {
                    rule,
                    backend,
                    steered,
                }) = learn
                {
                    let (rule, backend) = (names.rule(rule), names.backend(backend));
                    let what = if steered { "steer" } else { "learn" };
                    let _ = write!(text, "; {what} rule {rule}, backend {backend}");
                }
                text
            }
        }
    }

    /// The steps one by one, for people.
    pub fn step_lines(&self) -> Vec<String> {
        let width = self
            .steps
            .iter()
            .map(|s| s.stage.name().len())
            .max()
            .unwrap_or(0);
        let line = |step: &Step| format!("{:width$}  {}", step.stage.name(), step.text);
        self.steps.iter().map(line).collect()
    }

    /// All of it, for people.
    pub fn to_text(&self, names: &Names) -> String {
        let mut text = format!(
            "{} from {}\n",
            self.packet,
            PortName(self.from.port(), names)
        );
        for line in self.step_lines() {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(text, "verdict: {}", self.verdict_text(names));
        text
    }

    /// All of it, for programs.
    pub fn to_json(&self, names: &Names) -> Value {
        let steps = self
            .steps
            .iter()
            .map(|step| json!({ "stage": step.stage.name(), "hit": step.hit, "text": step.text }));
        json!({
            "packet": self.packet.to_string(),
            "from": names.port(self.from.port()),
            "steps": steps.collect::<Vec<_>>(),
            "verdict": self.verdict_json(names),
        })
    }

    fn verdict_json(&self, names: &Names) -> Value {
        match self.verdict {
            Verdict::Drop(reason) => json!({ "action": "drop", "reason": reason.name() }),
            Verdict::Punt(reason) => json!({ "action": "punt", "reason": reason.name() }),
            Verdict::Forward {
                egress,
                packet,
                learn,
            } => json!({
                "action": "forward",
                "port": egress,
                "instance": names.vports.get(&egress).map(|instance| &instance.name),
                "packet": packet.to_string(),
                "learn": learn.map(|Learn { rule, backend, steered }| json!({
                    "rule": names.rule(rule),
                    "backend": names.backend(backend),
                    "steered": steered,
                })),
            }),
        }
    }
}

/// A port as people call it.
struct PortName<'n>(PortId, &'n Names);

impl fmt::Display for PortName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            firmware_api::UPLINK_PORT => f.write_str("the uplink"),
            port => write!(f, "vport {port} ({})", self.1.port(port)),
        }
    }
}
