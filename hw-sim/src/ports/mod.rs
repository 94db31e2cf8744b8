//! Where frames come from and go to: queues in memory, capture files, network interfaces.

pub mod memory;
pub mod packet_socket;
pub mod pcap;

use firmware_api::PortId;

use crate::batch::Batch;

pub use memory::MemoryPorts;
pub use packet_socket::PacketSockets;
pub use pcap::PcapPorts;

/// The ports of a card.
pub trait Ports {
    /// Adds frames that came in on the port to the batch, until there is none or the batch is full.
    fn receive(&mut self, port: PortId, batch: &mut Batch);
    /// Sends a frame; `false` when nothing is attached to the port, or its link is down.
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool;
    /// The round is over: frames that were gathered go out.
    fn flush(&mut self) {}
}
