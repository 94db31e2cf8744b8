//! `explain` against the running driver: what the tables say, and what only the driver knows.

use firmware_api::entry::flow::FlowKey;
use firmware_api::{Memory, PuntReason, UPLINK_PORT};
use flow_compiler::explain::{Explanation as Found, Ingress, Learn, Packet, Verdict, explain};
use flow_compiler::names::Names;

use super::Engine;
use crate::conn::{Conn, Endpoint, Origin};
use crate::control::Answer;
use crate::control::question::Senseless;
use crate::control::view::Explanation;
use crate::miss::snat_protocol;
use crate::snat::InstanceId;

fn senseless(error: impl Into<String>) -> Answer {
    Answer::Senseless(Senseless {
        error: error.into(),
    })
}

impl<M: Memory> Engine<M> {
    /// Where a packet would go, and why.
    pub(super) fn explain(&self, packet: &str, from: &str) -> Answer {
        let Some(in_force) = &self.in_force else {
            return senseless("no configuration is in force");
        };
        let names = &in_force.lowered.names;
        let Some(port) = names.port_of(from) else {
            let known: Vec<_> = names.vports.values().map(|i| i.name.as_str()).collect();
            return senseless(format!(
                "--from {from}: no such port; use uplink or an instance: {}",
                known.join(", ")
            ));
        };
        let packet = match Packet::parse(packet) {
            Ok(packet) => packet,
            Err(error) => return senseless(format!("--packet: {error}")),
        };
        let ingress = if port == UPLINK_PORT {
            Ingress::Uplink
        } else {
            Ingress::Vport(port)
        };
        let settings = &in_force.ir.settings;
        let found = explain(&in_force.lowered.tables, names, settings, packet, ingress);
        Answer::Explanation(Explanation {
            stages: found.step_lines(),
            verdict: found.verdict_text(names),
            live: self.live_facts(&packet, ingress, &found, names),
        })
    }

    fn live_facts(
        &self,
        packet: &Packet,
        from: Ingress,
        found: &Found,
        names: &Names,
    ) -> Vec<String> {
        if !packet.has_ports() {
            return vec!["flow: none; only TCP and UDP have flow entries".to_owned()];
        }
        let key = FlowKey {
            zone: self.active.zone(from.port()),
            protocol: packet.protocol(),
            source: packet.source,
            destination: packet.destination,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
        };
        match self.flow_at(key) {
            Some((id, conn)) => self.flow_facts(id, conn),
            None => self.missing_facts(&key, from, found, names),
        }
    }

    /// A hit overrules what the stages behind the flow lookup say.
    fn flow_facts(&self, id: u32, conn: &Conn) -> Vec<String> {
        let expires = conn.deadline().saturating_sub(self.now) / 1000;
        let mut facts = vec![
            format!("flow: entry present, flow {id}; the packet takes it, not the rules above"),
            format!(
                "initiator {}, outside {}, inside {}",
                conn.initiator, conn.outside, conn.inside
            ),
            format!(
                "{}; expires in {expires} s unless packets pass",
                conn.phase.name()
            ),
        ];
        match conn.origin {
            Origin::Inbound { rule, .. } | Origin::Steered { rule, .. } => {
                let name = self
                    .active
                    .rule(rule)
                    .map_or("(removed)", |facts| &facts.name);
                facts.push(format!(
                    "rule {name}, backend {}",
                    self.port_name(conn.responder_egress)
                ));
            }
            Origin::Outbound => {
                let instance = self.port_name(conn.initiator_egress);
                facts.push(format!("SNAT port {} of {instance}", conn.outside));
            }
            Origin::Local => facts.push("between two vports, nothing translated".to_owned()),
        }
        facts
    }

    fn missing_facts(
        &self,
        key: &FlowKey<std::net::IpAddr>,
        from: Ingress,
        found: &Found,
        names: &Names,
    ) -> Vec<String> {
        let mut facts = vec![match found.verdict {
            Verdict::Forward { learn: Some(_), .. } => {
                "flow: no entry yet; this packet would be the first of its flow".to_owned()
            }
            _ => "flow: no entry".to_owned(),
        }];
        if self.flows.tombstones.remembers(self.now, key) {
            facts.push("the flow idled out and was reset; a late packet is answered by RST".into());
        }
        if let (Verdict::Punt(PuntReason::SnatMiss), Some(protocol)) =
            (found.verdict, snat_protocol(key.protocol))
        {
            let usage = self.snat.usage(InstanceId(from.port().into()), protocol);
            facts.push(format!(
                "SNAT: {} of {} ports in use, {} flows failed so far",
                usage.used, usage.allocated, usage.failed
            ));
        }
        if found.verdict == Verdict::Punt(PuntReason::Midflow) {
            let source = Endpoint::new(key.source, key.source_port);
            let fate = match found.adopted {
                Some(Learn { rule, backend, .. }) => format!(
                    "adopt it for rule {}, backend {}",
                    names.rule(rule),
                    names.backend(backend)
                ),
                None => "drop the packet".to_owned(),
            };
            facts.push(format!(
                "no flow of {source} is known: the driver would {fate}"
            ));
        }
        facts
    }

    pub(super) fn port_name(&self, port: u16) -> String {
        match &self.in_force {
            Some(in_force) => in_force.lowered.names.port(port),
            None => format!("#{port}"),
        }
    }
}
