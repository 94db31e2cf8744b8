//! The slower truth: plain lists, searched from end to end.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    pub(super) flow: Flow,
    pub(super) public: Endpoint,
    pub(super) due: Option<u64>,
}

/// Where a block is, as the `snat_block` entries that were reported say.
type Where = (IpAddr, Protocol, u16);

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) now: u64,
    pub(super) plan: Plan,
    pub(super) live: Vec<Live>,
    pub(super) owners: BTreeMap<Where, InstanceId>,
    pub(super) quarantine: BTreeSet<Block>,
    pub(super) udp_is_shared: bool,
}

fn place(block: &Block) -> Where {
    (block.address, block.protocol, block.number)
}

impl Model {
    /// The owned ports of the flow's instance in the order in which they are to be tried.
    fn ports(&self, flow: &Flow) -> Vec<Endpoint> {
        let share = self
            .plan
            .shares
            .iter()
            .find(|share| (share.instance, share.protocol) == (flow.instance, flow.protocol));
        let addresses = share.into_iter().flat_map(|share| &share.addresses);
        let family = addresses.filter(|q| q.address.is_ipv4() == flow.remote.address.is_ipv4());
        family
            .flat_map(|quota| {
                let all =
                    (quota.address, flow.protocol, 0)..=(quota.address, flow.protocol, u16::MAX);
                let own = self
                    .owners
                    .range(all)
                    .filter(|(_, owner)| **owner == flow.instance);
                own.flat_map(|((address, _, number), _)| {
                    (number * 8..=number * 8 + 7).map(|port| Endpoint::new(*address, port))
                })
            })
            .collect()
    }

    fn in_use(&self, flow: &Flow, public: Endpoint) -> bool {
        let clashes = |live: &Live| match flow.protocol {
            Protocol::Tcp => live.flow.remote == flow.remote,
            Protocol::Udp if self.udp_is_shared => live.flow.remote.address == flow.remote.address,
            Protocol::Udp => true,
        };
        self.live.iter().any(|live| {
            live.public == public && live.flow.protocol == flow.protocol && clashes(live)
        })
    }

    /// The port that the flow's source has for it.
    fn cone(&self, flow: &Flow) -> Option<Endpoint> {
        let source = |flow: &Flow| (flow.instance, flow.protocol, flow.inside);
        let shares = |live: &&Live| {
            source(&live.flow) == source(flow)
                && (!self.udp_is_shared || live.flow.remote.address == flow.remote.address)
        };
        let udp = flow.protocol == Protocol::Udp;
        let cone = self.live.iter().find(shares).filter(|_| udp)?;
        Some(cone.public)
    }

    /// Takes another rule for UDP ports; every UDP flow is told again, the oldest first, to `told`,
    /// which says whether it was taken.
    pub(super) fn share(&mut self, is_shared: bool, mut told: impl FnMut(&Live) -> bool) {
        self.udp_is_shared = is_shared;
        let all = std::mem::take(&mut self.live);
        let (udp, tcp) = all
            .into_iter()
            .partition::<Vec<_>, _>(|live| live.flow.protocol == Protocol::Udp);
        self.live = tcp;
        for live in udp {
            let fits = match self.cone(&live.flow) {
                Some(public) => public == live.public,
                None => !self.in_use(&live.flow, live.public),
            };
            assert_eq!(told(&live), fits, "{live:?}");
            if fits {
                self.live.push(Live { due: None, ..live });
            }
        }
    }

    /// What allocating a port for `flow` must give, and the state after it.
    pub(super) fn allocate(&mut self, flow: &Flow) -> Option<Endpoint> {
        if let Some(held) = self.live.iter_mut().find(|live| live.flow == *flow) {
            held.due = None;
            return Some(held.public);
        }
        let public = match self.cone(flow) {
            Some(public) => public,
            None => self
                .ports(flow)
                .into_iter()
                .find(|public| !self.in_use(flow, *public))?,
        };
        self.live.push(Live {
            flow: *flow,
            public,
            due: None,
        });
        Some(public)
    }

    /// Applies reported changes, each of which must be allowed.
    pub(super) fn apply(&mut self, changes: &Changes) {
        for block in &changes.revoked {
            assert_eq!(
                self.owners.remove(&place(block)),
                Some(block.instance),
                "{block:?}"
            );
            assert!(self.quarantine.insert(*block), "{block:?}");
        }
        let unclean: BTreeSet<Where> = self.quarantine.iter().map(place).collect();
        for block in &changes.granted {
            assert!(
                !unclean.contains(&place(block)),
                "granted in quarantine: {block:?}"
            );
            let before = self.owners.insert(place(block), block.instance);
            assert_eq!(before, None, "{block:?} moved");
            assert!(!self.reserved(block), "{block:?} is a rule's");
        }
        self.lose(changes);
    }

    /// Removes the flows on ports that their instance no longer owns: those which were reported.
    fn lose(&mut self, changes: &Changes) {
        let mut lost = BTreeSet::new();
        let owners = &self.owners;
        self.live.retain(|live| {
            let Live {
                flow:
                    Flow {
                        instance,
                        protocol,
                        inside,
                        remote,
                    },
                public,
                ..
            } = *live;
            let owner = owners.get(&(public.address, protocol, public.port / 8));
            let stays = owner == Some(&instance);
            if !stays {
                lost.insert(match protocol {
                    Protocol::Tcp => Lost::Tcp {
                        instance,
                        public,
                        remote,
                    },
                    Protocol::Udp => Lost::Udp {
                        instance,
                        public,
                        inside,
                    },
                });
            }
            stays
        });
        let reported: BTreeSet<Lost> = changes.lost.iter().copied().collect();
        assert_eq!(reported.len(), changes.lost.len(), "each once");
        assert_eq!(reported, lost);
    }

    fn reserved(&self, block: &Block) -> bool {
        let mut reserved = self.plan.reserved.iter();
        reserved.any(|r| r.address == block.address && r.port / 8 == block.number)
    }

    /// Only upper blocks are reclaimed, unless a rule takes them.
    pub(super) fn check_upper(&self, changes: &Changes) {
        for gone in changes.revoked.iter().filter(|block| !self.reserved(block)) {
            let above = (gone.address, gone.protocol, gone.number)
                ..=(gone.address, gone.protocol, u16::MAX);
            let granted: BTreeSet<Where> = changes.granted.iter().map(place).collect();
            let kept = self
                .owners
                .range(above)
                .find(|(place, owner)| **owner == gone.instance && !granted.contains(place));
            assert_eq!(kept, None, "{gone:?} is below a block that stays");
        }
    }

    /// The counters that the lists imply: allocated, used, flows.
    pub(super) fn usage(&self, instance: InstanceId, protocol: Protocol) -> (u32, u32, u64) {
        let owned = self
            .owners
            .iter()
            .filter(|((_, p, _), i)| (*p, **i) == (protocol, instance));
        let flows: Vec<Endpoint> = self
            .live
            .iter()
            .filter(|live| (live.flow.instance, live.flow.protocol) == (instance, protocol))
            .map(|live| live.public)
            .collect();
        let used: BTreeSet<Endpoint> = flows.iter().copied().collect();
        (
            owned.count() as u32 * 8,
            used.len() as u32,
            flows.len() as u64,
        )
    }
}
