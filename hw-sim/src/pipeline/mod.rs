//! The pipeline: what becomes of each frame. The stages, in the order of the decision graph in
//! ARCHITECTURE.md:
//!
//! ```text
//! firmware_api::packet::parse     frame -> headers
//! ingress_port::admit             port, VLAN, MACs, spoofing
//! flow_lookup::{find, hit}        known flows
//! miss::decide                    from the uplink: frontend, address, snat_block
//!                                 from an instance: frontend, return_path, next hop, address,
//!                                 instance
//! rewrite::translate              one side, checksums
//! egress::emit                    link header; or once more as from the uplink
//! ```
//! A traced frame goes the same way, and then only tells of it ([`firmware_api::trace`]).
//!
//! Stages only decide; the frame changes at the end. A batch goes through parse and hash, then
//! lookup, then the rest, so that the memory a later step reads is on its way already.

mod address;
mod egress;
mod engine;
mod flow_lookup;
mod frontend;
mod ingress_port;
mod instance;
mod leave;
mod miss;
mod packet;
mod return_path;
mod rewrite;
#[cfg(test)]
mod tests;
pub(crate) mod verdict;

use std::net::IpAddr;

use firmware_api::entry::flow::FlowAction;
use firmware_api::packet::header::Tcp;
use firmware_api::packet::{Class, Headers, parse};
use firmware_api::punt::Punt;
use firmware_api::ring::ONE_SLOT_PAYLOAD;
use firmware_api::{DropReason, EGRESS_RECIRCULATE, Memory, PortId, PuntReason, trace};

use crate::activity::Activity;
use crate::batch::{BATCH, Batch, Frame};
use crate::config::Layout;
use crate::counters::Counters;
use crate::lookup::{Spaces, Tables};
use egress::is_on;
pub(crate) use flow_lookup::record_hash as flow_hash;
use packet::{Copied, Packet, Refusal};
pub use verdict::{Outcome, Record, Verdict};

/// How often one packet may go through the pipeline: out of an instance, and in to another. No
/// valid configuration needs more.
pub const MAX_PASSES: u32 = 2;

/// What a run depends on beside tables and frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The device tick, milliseconds.
    pub tick: u32,
    /// The driver's heartbeat is stale.
    pub driverless: bool,
    /// The frames are held packets that the driver gave back; they are not held again.
    pub reprocess: bool,
    /// The frames are traced: what would become of them is told, and nothing else happens.
    pub trace: bool,
}

/// What leaves the pipeline.
pub trait Outlet {
    /// Sends a frame; `false` when the port has no link.
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool;
    /// Writes a punt record with these captured bytes; `false` when there is no room.
    fn punt(&mut self, punt: &Punt, bytes: &[u8]) -> bool;
}

/// What became of a frame: exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It left.
    Sent,
    /// A punt record holds it.
    Held,
    /// It was dropped.
    Dropped(DropReason),
}

/// A pipeline and what it keeps between packets.
#[derive(Debug)]
pub struct Pipeline {
    layout: Layout,
    /// Which flows had packets.
    pub activity: Activity,
    /// What happened so far.
    pub counters: Counters,
    slots: Box<[Slot]>,
}

/// A frame of the batch between the steps.
#[derive(Clone, Copy, Debug)]
struct Slot {
    admitted: Result<Packet, Refusal>,
    headers: Option<Headers>,
    hit: Option<FlowAction<IpAddr>>,
}

const EMPTY: Slot = Slot {
    admitted: Err(Refusal::Drop(DropReason::Truncated)),
    headers: None,
    hit: None,
};

impl Pipeline {
    /// A pipeline over tables of that layout.
    pub fn new(layout: Layout) -> Self {
        Self {
            activity: Activity::new(layout.flows),
            counters: Counters::default(),
            slots: vec![EMPTY; BATCH].into_boxed_slice(),
            layout,
        }
    }

    /// What stands where.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Forgets activity and counters.
    pub fn reset(&mut self) {
        self.activity.clear();
        self.counters = Counters::default();
    }

    /// Runs the frames of a batch, in their order, and empties it.
    pub fn run<M: Memory>(
        &mut self,
        spaces: Spaces<'_, M>,
        conditions: Conditions,
        batch: &mut Batch,
        outlet: &mut impl Outlet,
    ) {
        self.counters.came(conditions, batch.len());
        let tables = Tables::new(spaces, &self.layout);
        for (slot, frame) in self.slots.iter_mut().zip(batch.frames()) {
            slot.admit(&tables, frame);
        }
        for (slot, frame) in self.slots.iter_mut().zip(batch.frames()) {
            slot.find(&tables, frame.bytes());
        }
        let mut run = Run {
            tables,
            conditions,
            activity: &mut self.activity,
            counters: &mut self.counters,
            outlet,
            told: None,
        };
        for (slot, frame) in self.slots.iter_mut().zip(batch.frames_mut()) {
            if conditions.trace {
                run.trace(slot, frame);
            } else {
                let fate = run.finish(slot, frame);
                run.count(fate);
            }
        }
        batch.clear();
    }
}

impl Slot {
    /// Parse and `ingress_port`; the hash of what goes on.
    #[inline]
    fn admit<M: Memory>(&mut self, tables: &Tables<'_, M>, frame: &Frame) {
        let bytes = frame.bytes();
        let headers = parse(bytes);
        self.headers = headers.ok();
        self.admitted = headers.map_err(Refusal::Drop).and_then(|headers| {
            let origin = ingress_port::admit(tables, frame.ingress, &headers, bytes)?;
            let mut packet = Packet {
                headers,
                zone: origin.zone,
                instance: origin.instance,
                source: origin.source,
                hash: 0,
            };
            if packet.headers.has_flow() {
                packet.hash = flow_lookup::hash(tables, &headers, packet.zone, bytes);
            }
            Ok(packet)
        });
    }

    /// `flow_lookup`.
    #[inline]
    fn find<M: Memory>(&mut self, tables: &Tables<'_, M>, bytes: &[u8]) {
        self.hit = match &self.admitted {
            Ok(packet) => flow_lookup::find(tables, packet, bytes),
            Err(_) => None,
        };
    }
}

/// One batch under way.
struct Run<'a, M, O> {
    tables: Tables<'a, M>,
    conditions: Conditions,
    activity: &'a mut Activity,
    counters: &'a mut Counters,
    outlet: &'a mut O,
    /// What the driver is told of the frame in hand, by its last pass.
    told: Option<Copied>,
}

impl<M: Memory, O: Outlet> Run<'_, M, O> {
    /// Lets the frame leave, drops it, or gives it to the driver.
    #[inline]
    fn finish(&mut self, slot: &mut Slot, frame: &mut Frame) -> Fate {
        match self.decide(slot, frame) {
            Ok(egress) if self.outlet.transmit(egress, frame.bytes()) => Fate::Sent,
            Ok(_) => Fate::Dropped(DropReason::EgressOff),
            Err(Refusal::Drop(reason)) => Fate::Dropped(reason),
            Err(Refusal::Hold(reason)) => self.hold(slot, frame, reason),
        }
    }

    /// Everything behind the flow lookup, for as many passes as it takes: the port that the frame
    /// leaves by, with its link header, or why it does not.
    #[inline]
    fn decide(&mut self, slot: &mut Slot, frame: &mut Frame) -> Result<PortId, Refusal> {
        let mut passes = if frame.ingress == EGRESS_RECIRCULATE {
            2
        } else {
            1
        };
        loop {
            match self.pass(slot, frame) {
                Ok(EGRESS_RECIRCULATE) if passes == MAX_PASSES => {
                    return Err(DropReason::RecirculationLimit.into());
                }
                Ok(EGRESS_RECIRCULATE) => {
                    passes += 1;
                    self.told = None;
                    frame.ingress = EGRESS_RECIRCULATE;
                    slot.admit(&self.tables, frame);
                    slot.find(&self.tables, frame.bytes());
                }
                Ok(egress) => {
                    let headers = slot.headers.as_ref().expect("only parsed frames go on");
                    egress::emit(&self.tables, frame, headers, egress)?;
                    return Ok(egress);
                }
                Err(refusal) => return Err(self.kept(refusal)),
            }
        }
    }

    /// Decides, tells the driver, translates; returns the egress.
    #[inline]
    fn pass(&mut self, slot: &Slot, frame: &mut Frame) -> Result<PortId, Refusal> {
        let packet = slot.admitted.as_ref().map_err(|refusal| *refusal)?;
        let forward = if let Some(action) = &slot.hit {
            flow_lookup::hit(&self.tables, self.activity, self.conditions, packet, action)?
        } else {
            miss::decide(
                &self.tables,
                packet,
                frame.bytes(),
                self.conditions.driverless,
            )?
        };
        match &forward.copy {
            Some(copy) if self.conditions.trace => self.told = Some(*copy),
            Some(copy) => self.copy(packet, frame, copy),
            None => {}
        }
        if let Some(translation) = &forward.translation {
            rewrite::translate(frame.bytes_mut(), &packet.headers, translation);
        }
        Ok(forward.egress)
    }

    /// What only the driver could decide is dropped when there is none that can take it.
    const fn kept(&self, refusal: Refusal) -> Refusal {
        match refusal {
            Refusal::Hold(_) if self.conditions.driverless => Refusal::Drop(DropReason::Driverless),
            Refusal::Hold(_) if self.conditions.reprocess => {
                Refusal::Drop(DropReason::ReprocessMiss)
            }
            refusal => refusal,
        }
    }

    /// Gives the frame to the driver, when its ring has room.
    fn hold(&mut self, slot: &Slot, frame: &Frame, reason: PuntReason) -> Fate {
        let hash = slot.admitted.map_or(0, |packet| packet.hash as u32);
        let whole = frame.bytes().len();
        if self.punt(frame, hash, whole, &Copied::plain(reason)) {
            Fate::Held
        } else {
            Fate::Dropped(DropReason::PuntRingFull)
        }
    }

    /// Tells the driver of a packet that goes on: its headers, as they came.
    fn copy(&mut self, packet: &Packet, frame: &Frame, copied: &Copied) {
        let headers = headers_len(&packet.headers, frame.bytes());
        self.punt(frame, packet.hash as u32, headers, copied);
    }

    /// Tells the driver what would become of a frame, and forgets the frame.
    fn trace(&mut self, slot: &mut Slot, frame: &mut Frame) {
        let came = frame.bytes().len() as u16;
        self.told = None;
        let decided = self.decide(slot, frame);
        let (verdict, captured) = match decided {
            Ok(egress) => {
                let mut headers = slot.headers.expect("only parsed frames go on");
                // The link header may have got another length.
                headers.l4 = headers.l4 + frame.bytes().len() as u16 - came;
                let captured = headers_len(&headers, frame.bytes());
                (trace::Verdict::Leaves(egress), captured)
            }
            Err(Refusal::Drop(reason)) => (trace::Verdict::Dropped(reason), 0),
            Err(Refusal::Hold(reason)) => (trace::Verdict::Held(reason), 0),
        };
        let record = Copied {
            reason: PuntReason::Trace,
            flow: Some(verdict.encode()),
            ..self.told.unwrap_or(Copied::plain(PuntReason::Trace))
        };
        self.punt(frame, frame.tag, captured, &record);
    }

    /// Writes a punt record with the first bytes of a frame.
    fn punt(&mut self, frame: &Frame, hash: u32, captured: usize, copied: &Copied) -> bool {
        let bytes = frame.bytes();
        let punt = Punt {
            reason: copied.reason,
            ingress: frame.ingress,
            timestamp: self.conditions.tick,
            rule: copied.rule,
            backend: copied.backend,
            flow_hash: hash,
            flow: copied.flow,
            length: bytes.len() as u16,
            captured: captured as u16,
        };
        let written = self.outlet.punt(&punt, &bytes[..captured]);
        self.counters.punt(copied.reason, written);
        written
    }

    #[inline]
    fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Sent => self.counters.tx += 1,
            Fate::Held => self.counters.held += 1,
            Fate::Dropped(reason) => self.counters.drop(reason),
        }
    }
}

/// Bytes of a frame up to the end of its transport header; TCP options as far as one slot goes.
fn headers_len(headers: &Headers, frame: &[u8]) -> usize {
    let l4 = usize::from(headers.l4);
    match headers.class {
        Class::Tcp => {
            let options_end = l4 + usize::from(frame[l4 + 12] >> 4) * 4;
            options_end.min(ONE_SLOT_PAYLOAD.max(l4 + size_of::<Tcp>()))
        }
        _ => (l4 + 8).min(frame.len()),
    }
}
