//! Which public port a UDP source has: one for everything that it sends, or, where ports are
//! shared, one for each address that it sends to.

use std::collections::HashMap;
use std::net::IpAddr;

use super::mapping::{Endpoint, Flow, Protocol};

/// Which flows of an instance may have the same public port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reuse {
    /// TCP: those to different remote endpoints (SNAT-02, SNAT-03).
    OtherEndpoints,
    /// UDP: those of one source.
    SameSource,
    /// UDP with ports shared: those of one source, and those to different addresses.
    OtherAddresses,
}

impl Reuse {
    /// What holds for a protocol, with UDP ports shared or not.
    pub(super) fn of(protocol: Protocol, udp_is_shared: bool) -> Self {
        match protocol {
            Protocol::Tcp => Self::OtherEndpoints,
            Protocol::Udp if udp_is_shared => Self::OtherAddresses,
            Protocol::Udp => Self::SameSource,
        }
    }

    /// What a port is in use toward, for a flow to `remote`.
    pub(super) fn toward(self, remote: Endpoint) -> Endpoint {
        match self {
            Self::OtherEndpoints | Self::SameSource => remote,
            Self::OtherAddresses => Endpoint { port: 0, ..remote },
        }
    }
}

/// The ports of the sources of an instance.
#[derive(Debug)]
pub(super) enum Cones {
    /// TCP: a source has no port of its own.
    None,
    /// By inside endpoint.
    PerSource(HashMap<Endpoint, Endpoint>),
    /// By inside endpoint and remote address.
    PerAddress(HashMap<(Endpoint, IpAddr), Cone>),
}

/// A port of a source, toward one address.
#[derive(Debug)]
pub(super) struct Cone {
    public: Endpoint,
    flows: u32,
}

impl Cones {
    pub(super) fn new(reuse: Reuse) -> Self {
        match reuse {
            Reuse::OtherEndpoints => Self::None,
            Reuse::SameSource => Self::PerSource(HashMap::new()),
            Reuse::OtherAddresses => Self::PerAddress(HashMap::new()),
        }
    }

    /// The port that the flow's source has for it.
    pub(super) fn get(&self, flow: &Flow) -> Option<Endpoint> {
        match self {
            Self::None => None,
            Self::PerSource(cones) => cones.get(&flow.inside).copied(),
            Self::PerAddress(cones) => Some(cones.get(&key(flow))?.public),
        }
    }

    /// Adds a flow to the port that its source has for it.
    pub(super) fn join(&mut self, flow: &Flow) -> Option<Endpoint> {
        match self {
            Self::None => None,
            Self::PerSource(cones) => cones.get(&flow.inside).copied(),
            Self::PerAddress(cones) => {
                let cone = cones.get_mut(&key(flow))?;
                cone.flows += 1;
                Some(cone.public)
            }
        }
    }

    /// Adds a flow whose source has `public` from now on, if it has not already.
    pub(super) fn add(&mut self, flow: &Flow, public: Endpoint) {
        match self {
            Self::None => {}
            Self::PerSource(cones) => {
                cones.insert(flow.inside, public);
            }
            Self::PerAddress(cones) => {
                let cone = cones.entry(key(flow)).or_insert(Cone { public, flows: 0 });
                cone.flows += 1;
            }
        }
    }

    /// Takes a flow off a shared port; true unless another of its source goes to the same address.
    pub(super) fn leave(&mut self, flow: &Flow) -> bool {
        let Self::PerAddress(cones) = self else {
            return true;
        };
        let Some(cone) = cones.get_mut(&key(flow)) else {
            return true;
        };
        cone.flows -= 1;
        let last = cone.flows == 0;
        if last {
            cones.remove(&key(flow));
        }
        last
    }

    /// Forgets the port of a source whose last flow left.
    pub(super) fn remove(&mut self, flow: &Flow) {
        if let Self::PerSource(cones) = self {
            cones.remove(&flow.inside);
        }
    }

    /// Drops the ports that `keep` refuses, and names them with their sources to `lost`.
    pub(super) fn retain(
        &mut self,
        keep: impl Fn(Endpoint) -> bool,
        mut lost: impl FnMut(Endpoint, Endpoint),
    ) {
        let mut stays = |inside, public| {
            let stays = keep(public);
            if !stays {
                lost(inside, public);
            }
            stays
        };
        match self {
            Self::None => {}
            Self::PerSource(cones) => cones.retain(|inside, public| stays(*inside, *public)),
            Self::PerAddress(cones) => {
                cones.retain(|(inside, _), cone| stays(*inside, cone.public));
            }
        }
    }
}

fn key(flow: &Flow) -> (Endpoint, IpAddr) {
    (flow.inside, flow.remote.address)
}
