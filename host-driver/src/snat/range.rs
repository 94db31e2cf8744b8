//! The ports of one instance on one public address, and which of them are in use.
//!
//! TCP ports are in use toward a remote endpoint, and free toward all others (SNAT-02, SNAT-03).
//! A UDP port is in use as such: it belongs to one inside endpoint; or, where UDP ports are
//! shared, toward an address, written as its port 0.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use super::cones::Reuse;
use super::mapping::Endpoint;
use super::port_set::{PAGE_PORTS, Page, PortSet};
use super::space::BLOCK_PORTS;

const PAGE_BLOCKS: u16 = PAGE_PORTS / BLOCK_PORTS;

/// Ports of an instance on an address.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) address: IpAddr,
    /// Blocks that the plan gives the instance here.
    pub(super) wanted: u32,
    /// Owned ports, in ascending order.
    pages: Vec<Page>,
    /// Flows on each owned port, parallel to `pages`.
    flows: Vec<[u32; PAGE_PORTS as usize]>,
    /// Owned ports with at least one flow.
    used: u32,
    taken: Taken,
}

#[derive(Debug)]
enum Taken {
    Toward(HashMap<Endpoint, PortSet>),
    Anywhere(PortSet),
}

impl Taken {
    fn new(reuse: Reuse) -> Self {
        match reuse {
            Reuse::OtherEndpoints | Reuse::OtherAddresses => Self::Toward(HashMap::new()),
            Reuse::SameSource => Self::Anywhere(PortSet::EMPTY),
        }
    }
}

/// What a reclaim did to the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) used: u32,
    pub(super) flows: u64,
}

impl Range {
    pub(super) fn new(address: IpAddr, reuse: Reuse) -> Self {
        Self {
            address,
            wanted: 0,
            pages: Vec::new(),
            flows: Vec::new(),
            used: 0,
            taken: Taken::new(reuse),
        }
    }

    /// Takes another rule of reuse, and forgets every flow.
    pub(super) fn begin_anew(&mut self, reuse: Reuse) {
        self.taken = Taken::new(reuse);
        self.flows.fill([0; PAGE_PORTS as usize]);
        self.used = 0;
    }

    /// Owned blocks, in ascending order.
    pub(super) fn blocks(&self) -> impl DoubleEndedIterator<Item = u16> {
        self.pages.iter().flat_map(|page| {
            let bytes = page.ports.to_le_bytes();
            (0..PAGE_BLOCKS)
                .filter(move |&n| bytes[usize::from(n)] != 0)
                .map(|n| page.number * PAGE_BLOCKS + n)
        })
    }

    pub(super) fn block_count(&self) -> u32 {
        let ports: u32 = self.pages.iter().map(|page| page.ports.count_ones()).sum();
        ports / u32::from(BLOCK_PORTS)
    }

    /// Owned ports with at least one flow.
    pub(super) fn used(&self) -> u32 {
        self.used
    }

    pub(super) fn last_block(&self) -> Option<u16> {
        self.blocks().next_back()
    }

    /// Blocks still to be granted.
    pub(super) fn missing(&self) -> u32 {
        self.wanted - self.block_count()
    }

    /// Blocks to give up, in ascending order: the reserved ones, and from the top what is too much.
    pub(super) fn surplus(&self, reserved: impl Fn(u16) -> bool) -> Vec<u16> {
        let (mut surplus, keep): (Vec<u16>, Vec<u16>) = self.blocks().partition(|b| reserved(*b));
        surplus.extend(keep.iter().skip(self.wanted as usize));
        surplus.sort_unstable();
        surplus
    }

    pub(super) fn owns(&self, port: u16) -> bool {
        let page = Page::of(port);
        self.position(page.number)
            .is_some_and(|at| self.pages[at].ports & page.ports != 0)
    }

    /// Adds blocks that the instance has been granted.
    pub(super) fn extend(&mut self, blocks: impl IntoIterator<Item = u16>) {
        for block in blocks {
            let new = block_page(block);
            match self
                .pages
                .binary_search_by_key(&new.number, |page| page.number)
            {
                Ok(at) => self.pages[at].ports |= new.ports,
                Err(at) => {
                    self.pages.insert(at, new);
                    self.flows.insert(at, [0; PAGE_PORTS as usize]);
                }
            }
        }
        match &mut self.taken {
            Taken::Toward(sets) => sets.values_mut().for_each(PortSet::rescan),
            Taken::Anywhere(set) => set.rescan(),
        }
    }

    /// The lowest port not in use toward `remote`; it now is. The flag says that no flow was on it.
    pub(super) fn take(&mut self, remote: Endpoint) -> Option<(u16, bool)> {
        let port = match &mut self.taken {
            Taken::Anywhere(set) => insert_lowest(set, &self.pages)?,
            Taken::Toward(sets) => match sets.entry(remote) {
                Entry::Occupied(mut entry) => insert_lowest(entry.get_mut(), &self.pages)?,
                Entry::Vacant(entry) => {
                    let port = self.pages.first()?.lowest()?;
                    entry.insert(PortSet::of(port));
                    port
                }
            },
        };
        Some((port, self.join(port)))
    }

    /// Takes an owned `port` toward `remote`, unless it is in use there.
    pub(super) fn take_exactly(&mut self, remote: Endpoint, port: u16) -> Option<bool> {
        let new = match &mut self.taken {
            Taken::Anywhere(set) => set.insert(port),
            Taken::Toward(sets) => sets.entry(remote).or_insert(PortSet::EMPTY).insert(port),
        };
        new.then(|| self.join(port))
    }

    /// Whether `port` is in use toward `remote`.
    pub(super) fn is_taken(&self, remote: &Endpoint, port: u16) -> bool {
        match &self.taken {
            Taken::Toward(sets) => sets.get(remote).is_some_and(|set| set.contains(port)),
            Taken::Anywhere(set) => set.contains(port),
        }
    }

    /// Adds a flow to an owned port; true if it is the first.
    pub(super) fn join(&mut self, port: u16) -> bool {
        let flows = self.flows_on(port).expect("the port is owned");
        *flows += 1;
        let first = *flows == 1;
        self.used += u32::from(first);
        first
    }

    /// Removes a flow from `port`; true if it was the last one, `None` if there was none.
    pub(super) fn leave(&mut self, remote: &Endpoint, port: u16) -> Option<bool> {
        if let Taken::Toward(sets) = &mut self.taken {
            let Entry::Occupied(mut set) = sets.entry(*remote) else {
                return None;
            };
            if !set.get_mut().remove(port) {
                return None;
            }
            if set.get().is_empty() {
                set.remove();
            }
        }
        let last = self.part(port)?;
        if let (Taken::Anywhere(set), true) = (&mut self.taken, last) {
            set.remove(port);
        }
        Some(last)
    }

    /// Removes a flow from `port`, which stays in use toward its remote end by another; true if it
    /// was the last one, `None` if there was none.
    pub(super) fn part(&mut self, port: u16) -> Option<bool> {
        let flows = self.flows_on(port).filter(|flows| **flows > 0)?;
        *flows -= 1;
        let last = *flows == 0;
        self.used -= u32::from(last);
        Some(last)
    }

    /// Gives up `blocks`. `lost` hears of each port in use there, with what it is in use toward.
    pub(super) fn give_up(&mut self, blocks: &[u16], mut lost: impl FnMut(u16, &Endpoint)) -> Loss {
        let gone = pages_of(blocks);
        match &mut self.taken {
            Taken::Anywhere(set) => gone.iter().for_each(|page| _ = set.take(*page)),
            Taken::Toward(sets) => sets.retain(|remote, set| {
                for page in &gone {
                    set.take(*page).iter().for_each(|port| lost(port, remote));
                }
                !set.is_empty()
            }),
        }
        gone.into_iter()
            .map(|page| self.disown(page))
            .fold(Loss::default(), |sum, loss| Loss {
                used: sum.used + loss.used,
                flows: sum.flows + loss.flows,
            })
    }

    fn disown(&mut self, gone: Page) -> Loss {
        let Some(at) = self.position(gone.number) else {
            return Loss::default();
        };
        let mut loss = Loss::default();
        for port in gone.iter() {
            let flows = std::mem::take(&mut self.flows[at][usize::from(port % PAGE_PORTS)]);
            loss.used += u32::from(flows > 0);
            loss.flows += u64::from(flows);
        }
        self.used -= loss.used;
        self.pages[at].ports &= !gone.ports;
        if self.pages[at].ports == 0 {
            self.pages.remove(at);
            self.flows.remove(at);
        }
        loss
    }

    fn flows_on(&mut self, port: u16) -> Option<&mut u32> {
        let at = self.position(port / PAGE_PORTS)?;
        Some(&mut self.flows[at][usize::from(port % PAGE_PORTS)])
    }

    fn position(&self, number: u16) -> Option<usize> {
        self.pages
            .binary_search_by_key(&number, |page| page.number)
            .ok()
    }
}

fn insert_lowest(set: &mut PortSet, owned: &[Page]) -> Option<u16> {
    let port = set.lowest_gap(owned)?;
    set.insert(port);
    Some(port)
}

fn block_page(block: u16) -> Page {
    let shift = block % PAGE_BLOCKS * BLOCK_PORTS;
    Page {
        number: block / PAGE_BLOCKS,
        ports: 0xff << shift,
    }
}

/// The ports of `blocks` by page. Blocks of a page must be neighbours in the list.
fn pages_of(blocks: &[u16]) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    for page in blocks.iter().map(|block| block_page(*block)) {
        match pages.last_mut() {
            Some(last) if last.number == page.number => last.ports |= page.ports,
            _ => pages.push(page),
        }
    }
    pages
}
