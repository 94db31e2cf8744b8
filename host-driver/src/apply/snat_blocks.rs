//! SNAT ports of a new configuration: blocks taken back and given, and the flows that lose theirs.

use firmware_api::entry::snat_block::{SnatBlock, SnatBlockKey};
use firmware_api::{Memory, Protocol};
use flow_compiler::ir::Ir;

use super::outbound;
use crate::conn::Origin;
use crate::engine::Engine;
use crate::miss::snat_flow;
use crate::snat::{self, Block, Changes, Lost};

impl<M: Memory> Engine<M> {
    /// Gives out the ports of a configuration; returns how many flows lost theirs (SNAT-21).
    pub(super) fn reallocate(&mut self, ir: &Ir) -> usize {
        let parted = self.follow_udp_sharing(ir.settings.udp_port_share_by_dest_ip);
        let changes = match self.snat.configure(outbound::plan(ir)) {
            Ok(changes) => changes,
            Err(error) => {
                tracing::error!(%error, "a planned SNAT allocation was not carried out");
                return parted;
            }
        };
        let lost = self.end_lost_flows(&changes.lost);
        for block in &changes.revoked {
            let key = key(block);
            self.tables
                .snat_block
                .remove(&self.device, SnatBlock::new(key, 0));
        }
        self.grant(&changes);
        let late = self.snat.confirm(&changes.revoked);
        self.grant(&late);
        parted + lost
    }

    /// Lets UDP sources share ports or not; returns how many flows have no port then.
    fn follow_udp_sharing(&mut self, is_shared: bool) -> usize {
        if !self.snat.share_udp_ports(is_shared) {
            return 0;
        }
        let mut parted = Vec::new();
        for (id, conn) in self.flows.records.iter() {
            let flow = snat_flow(conn).filter(|flow| flow.protocol == snat::Protocol::Udp);
            if flow.is_some_and(|flow| self.snat.restore(&flow, conn.outside).is_err()) {
                parted.push(id);
            }
        }
        parted
            .into_iter()
            .filter(|id| self.remove(*id).is_some())
            .count()
    }

    fn grant(&mut self, changes: &Changes) {
        for block in &changes.granted {
            let entry = SnatBlock::new(key(block), block.instance.0 as u16);
            if let Err(error) = self.tables.snat_block.put(&self.device, entry) {
                tracing::error!(%error, ?block, "a planned SNAT block was not written");
            }
        }
    }

    fn end_lost_flows(&mut self, lost: &[Lost]) -> usize {
        if lost.is_empty() {
            return 0;
        }
        let publics: std::collections::HashSet<_> = lost
            .iter()
            .map(|lost| match lost {
                Lost::Tcp { public, remote, .. } => (Protocol::Tcp, *public, Some(*remote)),
                Lost::Udp { public, .. } => (Protocol::Udp, *public, None),
            })
            .collect();
        let ids: Vec<u32> = self
            .flows
            .records
            .iter()
            .filter(|(_, conn)| {
                let remote = (conn.protocol == Protocol::Tcp).then_some(conn.inside);
                conn.origin == Origin::Outbound
                    && publics.contains(&(conn.protocol, conn.outside, remote))
            })
            .map(|(id, _)| id)
            .collect();
        ids.iter().filter(|id| self.remove(**id).is_some()).count()
    }
}

fn key(block: &Block) -> SnatBlockKey {
    SnatBlockKey {
        address: block.address,
        protocol: match block.protocol {
            snat::Protocol::Tcp => Protocol::Tcp,
            snat::Protocol::Udp => Protocol::Udp,
        },
        block: block.number,
    }
}
