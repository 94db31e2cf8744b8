//! Frontends and what their rules select.

use std::net::IpAddr;

use firmware_api::entry::backend::{BackendConfig, BackendId};
use firmware_api::entry::frontend::FrontendAction;
use firmware_api::entry::rule::{RuleConfig, RuleId};
use firmware_api::selector::{HashMode, SelectorHash};
use firmware_api::{DropReason, PuntReason, Zone};

use super::record::{Learn, Stage, Verdict};
use super::search;
use super::walk::{ASK_THE_DRIVER, Walk, endpoint};

impl Walk<'_> {
    pub(super) fn frontend(&mut self, zone: Zone) -> Option<Verdict> {
        if !self.packet.is_claimable() {
            return None;
        }
        let key = self.destination_key(zone);
        let Some((action, is_ha)) = search::frontend(self.tables, key) else {
            let packet = self.packet;
            let at = endpoint(packet.destination, packet.destination_port);
            let closed = (key.address, key.protocol, key.port);
            let closed = self
                .names
                .closed
                .get(&closed)
                .filter(|_| zone == Zone::UPLINK);
            let text = if let Some(rule) = closed {
                format!(
                    "rule {rule} at {at} is closed by `secureByDefault`: write `allowInbound: true` to open it"
                )
            } else if packet.has_ports() {
                format!("no frontend at {at}")
            } else {
                let what = if packet.is_fragment() {
                    "fragments"
                } else {
                    "pings"
                };
                format!("no frontend at {} takes {what}", packet.destination)
            };
            self.miss(Stage::Frontend, text);
            return None;
        };
        let frontend = self.names.frontends.get(&key.address);
        let frontend = frontend.cloned().unwrap_or_else(|| key.address.to_string());
        let Some(rule) = action.rule() else {
            let text = format!("frontend {frontend}: the driver answers pings");
            self.hit(Stage::Frontend, text);
            return Some(if self.packet.is_fragment() {
                Verdict::Drop(DropReason::Fragment)
            } else {
                Verdict::Punt(PuntReason::Echo)
            });
        };
        let ports = if is_ha { ", every port" } else { "" };
        let id = rule;
        let rule = self.names.rule(rule);
        self.hit(
            Stage::Frontend,
            format!("frontend {frontend}{ports}: rule {rule}"),
        );
        Some(self.balance(action, id))
    }

    fn balance(&mut self, action: FrontendAction, id: RuleId) -> Verdict {
        let verdict = self.midflow(|walk| {
            let backend = walk.selected(action, id).ok()??;
            Some(Learn {
                rule: id,
                backend,
                steered: false,
            })
        });
        if let Some(verdict) = verdict {
            return verdict;
        }
        match self.selected(action, id) {
            Ok(Some(backend)) => self.translate_to(id, backend),
            Ok(None) => Verdict::Drop(DropReason::NoBackend),
            Err(reason) => Verdict::Drop(reason),
        }
    }

    /// The backend that a rule leads to, by hash unless it has one only.
    fn selected(
        &mut self,
        action: FrontendAction,
        id: RuleId,
    ) -> Result<Option<BackendId>, DropReason> {
        let rule = self.rule_config(id).ok_or(DropReason::BrokenReference)?;
        let may_forward = rule.fragments && matches!(action, FrontendAction::Balance(_));
        if self.packet.is_fragment() && !may_forward {
            self.miss(Stage::Balance, "the rule forwards no fragments");
            return Err(DropReason::Fragment);
        }
        Ok(match action {
            FrontendAction::PortForward(backend, _) => {
                let name = self.names.backend(backend);
                self.hit(Stage::Balance, format!("inbound NAT to {name}"));
                Some(backend)
            }
            FrontendAction::Balance(_) | FrontendAction::AnswerEcho => {
                self.select(&rule, HashMode::hash)
            }
        })
    }

    /// As it is, through the member that either direction selects (L-HA-08).
    pub(super) fn steer(&mut self, id: RuleId) -> Verdict {
        let learn = |backend| Learn {
            rule: id,
            backend,
            steered: true,
        };
        let verdict = self.midflow(|walk| {
            let rule = walk.rule_config(id)?;
            walk.select(&rule, HashMode::symmetric_hash).map(learn)
        });
        if let Some(verdict) = verdict {
            return verdict;
        }
        let Some(rule) = self.rule_config(id) else {
            return Verdict::Drop(DropReason::BrokenReference);
        };
        let Some(backend) = self.select(&rule, HashMode::symmetric_hash) else {
            return Verdict::Drop(DropReason::NoBackend);
        };
        let Some(config) = self.backend_config(backend) else {
            return Verdict::Drop(DropReason::BrokenReference);
        };
        self.learn = Some(learn(backend));
        self.forward(config.egress)
    }

    /// TCP that is no SYN is the driver's; the settings may have it adopt the connection where it
    /// would be selected to.
    fn midflow(&mut self, selected: impl FnOnce(&mut Self) -> Option<Learn>) -> Option<Verdict> {
        if !self.packet.is_midflow() {
            return None;
        }
        let text = format!("TCP without SYN: {ASK_THE_DRIVER}");
        self.miss(Stage::Balance, text);
        if self.settings.adopt_midflow && !self.packet.has_syn() {
            self.hit(Stage::Balance, "else it adopts the connection, by hash");
            self.adopted = selected(self);
        }
        Some(Verdict::Punt(PuntReason::Midflow))
    }

    fn rule_config(&self, id: RuleId) -> Option<RuleConfig> {
        let mut rules = self.tables.rule.iter();
        rules.find(|(k, _)| **k == id).map(|(_, rule)| *rule)
    }

    fn backend_config(&self, id: BackendId) -> Option<BackendConfig> {
        let mut backends = self.tables.backend.iter();
        backends
            .find(|(k, _)| **k == id)
            .map(|(_, backend)| *backend)
    }

    fn select(&mut self, rule: &RuleConfig, hash: SelectorHash) -> Option<BackendId> {
        if rule.selector_size == 0 {
            self.miss(Stage::Balance, "no member may take new flows");
            return None;
        }
        let offset = self.selector_hash(rule, hash) % rule.selector_size;
        let slot = rule.selector_base + offset;
        let found = self
            .tables
            .selector
            .iter()
            .find(|(k, _)| **k == slot)
            .map(|(_, b)| *b);
        let Some(backend) = found else {
            self.miss(Stage::Balance, format!("slot {offset} names no backend"));
            return None;
        };
        let (size, name) = (rule.selector_size, self.names.backend(backend));
        self.hit(
            Stage::Balance,
            format!("slot {offset} of {size}: backend {name}"),
        );
        Some(backend)
    }

    fn selector_hash(&self, rule: &RuleConfig, hash: SelectorHash) -> u32 {
        let packet = self.packet;
        let [a, b] = packet.source_port.to_be_bytes();
        let [c, d] = packet.destination_port.to_be_bytes();
        let protocol = packet.protocol().ip_number(packet.family());
        let (source, destination) = (octets(packet.source), octets(packet.destination));
        let mode = if packet.is_fragment() {
            HashMode::TwoTuple
        } else {
            rule.mode
        };
        hash(mode, &source, &destination, protocol, [a, b, c, d])
    }

    fn translate_to(&mut self, rule: RuleId, id: BackendId) -> Verdict {
        let Some(backend) = self.backend_config(id) else {
            return Verdict::Drop(DropReason::BrokenReference);
        };
        self.packet.destination = backend.address;
        if self.packet.is_fragment() {
            return self.forward(backend.egress);
        }
        if backend.port != 0 {
            self.packet.destination_port = backend.port;
        }
        self.learn = Some(Learn {
            rule,
            backend: id,
            steered: false,
        });
        self.forward(backend.egress)
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}
