//! `neighbor`: ARP and neighbour discovery.

use firmware_api::Memory;
use firmware_api::inject::Inject;

use super::{Packet, Refusal};
use crate::engine::Engine;
use crate::link::{Learned, NeighborOutcome};

impl<M: Memory> Engine<M> {
    pub(super) fn on_neighbor(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let mut reply = std::mem::take(&mut self.scratch);
        let port = packet.punt.ingress;
        let outcome =
            self.link
                .on_neighbor(self.now, port, packet.frame, &packet.headers, &mut reply);
        let result = match outcome {
            NeighborOutcome::Reply { learned } => {
                self.take_lesson(learned);
                let sent = self.inject(Inject::Transmit(port), &reply);
                sent.inspect(|()| self.refusals.count_answered())
            }
            NeighborOutcome::Learned(lesson) => {
                self.refusals.count_answered();
                self.take_lesson(Some(lesson));
                Ok(())
            }
            NeighborOutcome::Confirmed => {
                self.refusals.count_answered();
                Ok(())
            }
            NeighborOutcome::Ignored(_) => Err(Refusal::NotOurNeighbor),
        };
        self.scratch = reply;
        result
    }

    fn take_lesson(&mut self, lesson: Option<Learned>) {
        if let Some(Learned { port, family, mac }) = lesson {
            self.set_peer_mac(port, family, mac);
        }
    }
}
