//! A new configuration, or new health: what has to change on the card and in the driver.
//!
//! Everything that can fail is planned first: a configuration that does not compile, does not fit
//! the card or wants more SNAT ports than there are is refused before anything is written. Then the
//! table changes follow in the compiler's order, so that at every prefix every frontend that exists
//! before and after forwards (invariant `apply_has_no_hole`).

mod drain;
mod fit;
mod immutable;
mod members;
mod outbound;
mod ports;
mod snat_blocks;
mod watch;
mod write;

pub(crate) use drain::Drains;
pub use fit::DoesNotFit;
pub(crate) use members::{MemberState, members};
pub(crate) use outbound::addresses as snat_addresses;
pub use watch::ProbeChanges;
pub(crate) use watch::Watch;

use std::net::IpAddr;

use firmware_api::Memory;
use flow_compiler::diff::diff;
use flow_compiler::ids::Ids;
use flow_compiler::ir::{Ir, NextHop, family_of};
use flow_compiler::lower::{Live, Lowered, lower};
use flow_compiler::mac::MacAddr;
use flow_compiler::source::Source;
use flow_compiler::{Compiled, Rejected, diagnostic};

use crate::conn::{Conn, Endpoint, Origin};
use crate::control::text::nouns;
use crate::control::view::Applied;
use crate::device::Capabilities;
use crate::engine::Engine;
use crate::event::Kind;
use crate::probe::Report;

/// The configuration in force, as the compiler knows it.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) file: String,
    pub(crate) ir: Ir,
    pub(crate) lowered: Lowered,
    pub(crate) ids: Ids,
}

/// What a plan changes; nothing of it has been written.
struct Plan {
    ir: Ir,
    lowered: Lowered,
    ids: Ids,
}

/// Whether a card can carry a configuration; touches nothing.
///
/// # Errors
/// When it is refused, with the reasons ready to print.
pub(crate) fn check(source: &Source, card: &Capabilities) -> Result<(), Vec<String>> {
    let compiled = flow_compiler::compile(source);
    let ir = compiled
        .map_err(|found| vec![diagnostic::to_text(&found.0, source)])?
        .ir;
    let ids = Ids::new(fit::limits(card));
    plan(&ir, ids, card, None, Live::ALL_UP).map_err(|reasons| in_file(source, reasons))?;
    Ok(())
}

fn in_file(source: &Source, reasons: Vec<String>) -> Vec<String> {
    reasons
        .into_iter()
        .map(|reason| format!("{}: {reason}", source.name))
        .collect()
}

/// The tables of a configuration, if this driver and this card can carry them beside those in force.
fn plan(
    ir: &Ir,
    mut ids: Ids,
    card: &Capabilities,
    in_force: Option<&InForce>,
    live: Live<'_>,
) -> Result<(Lowered, Ids), Vec<String>> {
    let unsupported = Watch::unsupported(ir);
    if !unsupported.is_empty() {
        return Err(unsupported);
    }
    let lowered = lower(ir, &mut ids, live).map_err(|exhausted| vec![exhausted.to_string()])?;
    let old = in_force.map(|in_force| &in_force.lowered.tables);
    fit::check(card, old, ir, &lowered.tables).map_err(|e| vec![e.to_string()])?;
    Ok((lowered, ids))
}

impl<M: Memory> Engine<M> {
    /// Puts a configuration in force, or refuses it as a whole and says why.
    pub fn apply(&mut self, source: &Source) -> Applied {
        let (ir, warnings) = match flow_compiler::compile(source) {
            Ok(Compiled { ir, warnings }) => (ir, warnings),
            Err(Rejected(found)) => {
                return self.refuse(&source.name, vec![diagnostic::to_text(&found, source)]);
            }
        };
        let warnings = match warnings.as_slice() {
            [] => Vec::new(),
            some => vec![diagnostic::to_text(some, source)],
        };
        match self.plan(ir) {
            Ok(plan) => {
                let (changes, flows_ended) = self.carry_out(source.name.clone(), plan);
                self.refused.clear();
                self.applied += 1;
                self.tell_applied(&source.name, changes, flows_ended, &warnings);
                Applied {
                    accepted: true,
                    changes,
                    flows_ended,
                    diagnostics: warnings,
                }
            }
            Err(reasons) => self.refuse(&source.name, in_file(source, reasons)),
        }
    }

    fn tell_applied(&mut self, file: &str, changes: usize, ended: usize, warnings: &[String]) {
        let changes = nouns(changes as u64, "table change");
        let ended = nouns(ended as u64, "flow");
        let warnings: String = warnings.iter().flat_map(|w| ["\n", w.trim_end()]).collect();
        let which = if self.applied == 1 {
            "the first"
        } else {
            "a new"
        };
        let message =
            format!("{which} configuration is in force: {changes}, {ended} ended{warnings}");
        self.tell(Kind::ConfigurationApplied, file, message);
    }

    fn refuse(&mut self, file: &str, diagnostics: Vec<String>) -> Applied {
        self.refused_count += 1;
        self.refused.clone_from(&diagnostics);
        let message = format!(
            "refused; the configuration before it stays in force\n{}",
            diagnostics.join("\n").trim_end()
        );
        self.tell(Kind::ConfigurationRefused, file, message);
        Applied {
            diagnostics,
            ..Applied::default()
        }
    }

    /// Compares a configuration with the card and the driver; changes nothing.
    fn plan(&self, mut ir: Ir) -> Result<Plan, Vec<String>> {
        if self.is_gone() {
            return Err(vec![
                "the card is gone; restart the driver when it is back".to_owned(),
            ]);
        }
        let card = self.device.capabilities();
        let in_force = self.in_force.as_ref();
        immutable::check(in_force.map(|in_force| &in_force.ir), &ir)?;
        let mut ids = in_force.map_or_else(|| Ids::new(fit::limits(card)), |f| f.ids.clone());
        ids.keep_nat_ports(&mut ir);
        let live = Live {
            is_up: &|target| self.watch.is_up(&ir, target),
            next_hop_mac: &|address| self.next_hop_mac(address),
        };
        let planned = plan(&ir, ids, card, in_force, live);
        planned.map(|(lowered, ids)| Plan { ir, lowered, ids })
    }

    /// The Ethernet address of a next hop that was found already.
    fn next_hop_mac(&self, address: IpAddr) -> Option<MacAddr> {
        let family = family_of(address);
        let uplink = &self.in_force.as_ref()?.ir.uplink;
        if uplink.link(family).next_hop != NextHop::Resolve(address) {
            return None;
        }
        MacAddr::new(self.link.next_hop(family)?.mac()?).ok()
    }

    /// Writes a plan; returns table changes and flows ended.
    fn carry_out(&mut self, file: String, plan: Plan) -> (usize, usize) {
        let Plan { ir, lowered, ids } = plan;
        self.drain_punts();
        self.watch.follow(self.now, &ir);
        let changes = self.write_changes(&lowered);
        let lost = self.reallocate(&ir);
        self.activate(&ir, &lowered);
        let old = self.in_force.replace(InForce {
            file,
            ir,
            lowered,
            ids,
        });
        self.follow_drains(old.as_ref());
        let ended = lost + self.end_flows_without_a_rule() + self.follow_members();
        self.ring_doorbells();
        (changes, ended)
    }

    fn write_changes(&mut self, lowered: &Lowered) -> usize {
        let empty = Lowered::default();
        let old = self
            .in_force
            .as_ref()
            .map_or(&empty, |in_force| &in_force.lowered);
        let changes = diff(&old.tables, &lowered.tables);
        for change in &changes {
            self.write(change);
        }
        changes.len()
    }

    /// An answer of a probe. Selections follow with the next step, once for all that changed.
    pub fn observe(&mut self, now: u64, report: Report) {
        self.now = self.now.max(now);
        if self.watch.observe(report.target, report.at, report.outcome) {
            self.housekeeping.health_changed = true;
            self.tell_health();
        }
    }

    /// Takes members for healthy by their addresses instead of asking them.
    pub fn assume_healthy(&mut self, is_alive: impl Fn(IpAddr) -> bool) {
        self.watch.assume(is_alive);
        self.reselect();
    }

    /// What the prober has to be told since the last call.
    pub fn take_probe_changes(&mut self) -> ProbeChanges {
        self.watch.take_changes()
    }

    /// Writes the selections anew after a change of health.
    pub(crate) fn reselect(&mut self) {
        let Some(InForce { file, ir, .. }) = self.in_force.as_ref() else {
            return;
        };
        let (file, ir) = (file.clone(), ir.clone());
        match self.plan(ir) {
            Ok(plan) => {
                self.carry_out(file, plan);
            }
            Err(reasons) => tracing::error!(?reasons, "selections do not follow health"),
        }
    }

    fn end_flows_without_a_rule(&mut self) -> usize {
        self.end_flows(|engine, conn| match conn.origin {
            _ if !engine.is_in_its_zones(conn) => true,
            Origin::Inbound { rule, .. } | Origin::Steered { rule, .. } => {
                engine.active.rule(rule).is_none()
            }
            Origin::Outbound => engine.active.port(conn.initiator_egress).is_none(),
            Origin::Local => engine.active.vport_of(conn.inside.address).is_none(),
        })
    }

    /// Whether the flow's entries are where its packets are looked up: an instance that begins or
    /// ceases to forward for others moves to another zone.
    fn is_in_its_zones(&self, conn: &Conn) -> bool {
        let vport_of = |end: Endpoint| self.active.vport_of(end.address);
        let ports = match conn.origin {
            Origin::Steered { .. } => [vport_of(conn.initiator), vport_of(conn.inside)],
            _ => [Some(conn.initiator_egress), Some(conn.responder_egress)],
        };
        let zones = [conn.zone, conn.return_zone];
        let mut ends = ports.iter().zip(zones);
        ends.all(|(port, zone)| port.is_none_or(|port| self.active.zone(port) == zone))
    }

    fn follow_members(&mut self) -> usize {
        let Some(in_force) = self.in_force.as_ref() else {
            return 0;
        };
        let states = members(in_force, &self.watch);
        let ended = self.move_off_unhealthy(&states);
        self.note_members(states);
        ended
    }

    /// UDP flows leave a backend that takes no new flows any more (L-PRB-14); TCP flows stay, and UDP
    /// flows that are tracked stay like them. On a Basic load balancer those end as well when
    /// no backend is left (PRB-10, A-08).
    fn move_off_unhealthy(&mut self, states: &[MemberState]) -> usize {
        let leavers: std::collections::HashSet<_> = states
            .iter()
            .filter(|m| !m.eligible)
            .filter_map(|m| Some((m.rule, m.backend?)))
            .collect();
        let dead_rules = members::rules_that_end(states);
        if leavers.is_empty() {
            return 0;
        }
        self.end_flows(|engine, conn| {
            let Some((rule, backend)) = conn.origin.selected() else {
                return false;
            };
            let tracked = engine
                .active
                .rule(rule)
                .is_some_and(|r| r.connection_tracking);
            let stays = conn.protocol == firmware_api::Protocol::Tcp || tracked;
            if stays {
                dead_rules.contains(&rule)
            } else {
                leavers.contains(&(rule, backend))
            }
        })
    }

    /// Removes the flows for which `is_over` holds; they are looked at one by one.
    fn end_flows(&mut self, is_over: impl Fn(&Self, &Conn) -> bool) -> usize {
        let over: Vec<u32> = self
            .flows
            .records
            .iter()
            .filter(|(_, conn)| is_over(self, conn))
            .map(|(id, _)| id)
            .collect();
        over.iter().filter(|id| self.remove(**id).is_some()).count()
    }
}
