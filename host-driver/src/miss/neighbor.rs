//! `neighbor`: ARP and neighbour discovery.

use firmware_api::Memory;
use firmware_api::inject::Inject;

use super::{Packet, Refusal};
use crate::engine::Engine;
use crate::link::NeighborOutcome;

impl<M: Memory> Engine<M> {
    pub(super) fn on_neighbor(&mut self, packet: &Packet<'_>) -> Result<(), Refusal> {
        let mut reply = std::mem::take(&mut self.scratch);
        reply.clear();
        let port = packet.punt.ingress;
        let outcome =
            self.link.on_neighbor(self.now, port, packet.frame, &packet.headers, &mut reply);
        let result = match outcome {
            NeighborOutcome::Reply => {
                self.refusals.count_answered();
                self.inject(Inject::Transmit(port), &reply)
            }
            NeighborOutcome::Learned { port, family, mac } => {
                self.refusals.count_answered();
                self.set_peer_mac(port, family, mac);
                Ok(())
            }
            NeighborOutcome::Ignored(_) => Err(Refusal::NotOurNeighbor),
        };
        self.scratch = reply;
        result
    }
}
