//! Where a captured frame came in: its source MAC tells.

use std::collections::BTreeSet;

use firmware_api::{PortId, UPLINK_PORT};

/// An Ethernet address.
type Mac = [u8; 6];

/// The port that a frame came in on: an instance's vport, or else the uplink.
pub(super) fn ingress(frame: &[u8], vport_of_mac: impl Fn(Mac) -> Option<PortId>) -> PortId {
    source_mac(frame)
        .and_then(vport_of_mac)
        .unwrap_or(UPLINK_PORT)
}

fn source_mac(frame: &[u8]) -> Option<Mac> {
    frame.get(6..12)?.try_into().ok()
}

/// The vports that frames of a capture come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Senders(BTreeSet<PortId>);

impl Senders {
    /// Notes the sender of a frame.
    pub(super) fn see(&mut self, frame: &[u8], vport_of_mac: impl Fn(Mac) -> Option<PortId>) {
        let port = ingress(frame, vport_of_mac);
        if port != UPLINK_PORT {
            self.0.insert(port);
        }
    }

    /// Whether frames come from the vport.
    pub(super) fn have(&self, vport: PortId) -> bool {
        self.0.contains(&vport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vport_of_mac(mac: Mac) -> Option<PortId> {
        (mac[0] == 2).then_some(mac[5].into())
    }

    fn from(mac: Mac) -> Vec<u8> {
        [[0xff; 6], mac].concat()
    }

    #[test]
    fn an_instances_mac_is_its_vport_and_any_other_the_uplink() {
        let port = |frame: &[u8]| ingress(frame, vport_of_mac);
        assert_eq!(port(&from([2, 0, 0, 0, 0, 7])), 7);
        assert_eq!(port(&from([4, 0, 0, 0, 0, 7])), UPLINK_PORT);
        assert_eq!(port(&from([2, 0, 0, 0, 0, 7])[..11]), UPLINK_PORT);
        assert_eq!(port(&[]), UPLINK_PORT);
    }

    #[test]
    fn senders_are_the_vports_that_were_seen() {
        let mut senders = Senders::default();
        for last in [7, 3, 7] {
            senders.see(&from([2, 0, 0, 0, 0, last]), vport_of_mac);
            senders.see(&from([4, 0, 0, 0, 0, last]), vport_of_mac);
        }
        assert!(senders.have(3) && senders.have(7));
        assert!(!senders.have(UPLINK_PORT) && !senders.have(4));
    }
}
