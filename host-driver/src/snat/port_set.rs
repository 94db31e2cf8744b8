//! A set of ports that finds its lowest gap quickly: the ports in use toward one remote endpoint.
//!
//! Ports are kept in pages of 64. Allocation is lowest-first, so nearly every set lies in a single
//! page and needs no memory of its own; a larger one keeps the words between its lowest and its
//! highest page (at most 8 kB).

/// Ports in a page.
pub(super) const PAGE_PORTS: u16 = 64;

/// Some ports of the page `number` (port / 64), one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) number: u16,
    pub(super) ports: u64,
}

impl Page {
    /// The page holding only `port`.
    pub(super) fn of(port: u16) -> Self {
        Self {
            number: port / PAGE_PORTS,
            ports: 1 << (port % PAGE_PORTS),
        }
    }

    /// The lowest port, if there is one.
    pub(super) fn lowest(self) -> Option<u16> {
        let bit = self.ports.trailing_zeros() as u16;
        (bit < PAGE_PORTS).then(|| self.number * PAGE_PORTS + bit)
    }

    /// All its ports, lowest first.
    pub(super) fn iter(mut self) -> impl Iterator<Item = u16> {
        std::iter::from_fn(move || {
            let port = self.lowest()?;
            self.ports &= self.ports - 1;
            Some(port)
        })
    }
}

/// A set of ports.
#[derive(Debug)]
pub(super) enum PortSet {
    /// All ports are in one page. Its fields lie here, beside the tag: as a `Page` they would not.
    One { number: u16, ports: u64 },
    /// Ports of several pages.
    Many(Box<Span>),
}

/// The words of the pages `base..base + words.len()`.
#[derive(Debug)]
pub(super) struct Span {
    base: u16,
    /// Every owned page below this one is full: no search need look there.
    full_below: u16,
    len: u32,
    words: Vec<u64>,
}

impl PortSet {
    /// The empty set.
    pub(super) const EMPTY: Self = Self::One {
        number: 0,
        ports: 0,
    };

    /// The set of one port.
    pub(super) fn of(port: u16) -> Self {
        let Page { number, ports } = Page::of(port);
        Self::One { number, ports }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::One { ports, .. } => *ports == 0,
            Self::Many(span) => span.len == 0,
        }
    }

    pub(super) fn contains(&self, port: u16) -> bool {
        let page = Page::of(port);
        self.word(page.number) & page.ports != 0
    }

    /// Adds `port`; false if it was there.
    pub(super) fn insert(&mut self, port: u16) -> bool {
        let new = Page::of(port);
        if self.word(new.number) & new.ports != 0 {
            return false;
        }
        match self {
            Self::One { ports: 0, .. } => *self = Self::of(port),
            Self::One { number, ports } if *number == new.number => *ports |= new.ports,
            &mut Self::One { number, ports } => {
                *self = Self::Many(Box::new(Span::of(Page { number, ports }, new)));
            }
            Self::Many(span) => span.insert(new),
        }
        true
    }

    /// Removes `port`; false if it was not there.
    pub(super) fn remove(&mut self, port: u16) -> bool {
        self.take(Page::of(port)).ports != 0
    }

    /// Removes the ports of `page`, and returns those which were there.
    pub(super) fn take(&mut self, page: Page) -> Page {
        let ports = self.word(page.number) & page.ports;
        match self {
            Self::One { ports: own, .. } if ports != 0 => *own &= !ports,
            Self::Many(span) if ports != 0 => span.remove(Page { ports, ..page }),
            _ => {}
        }
        Page { ports, ..page }
    }

    /// The lowest port of `owned` (pages in ascending order) that is not in the set.
    ///
    /// Amortised O(log pages): full pages are skipped, and passed only once.
    pub(super) fn lowest_gap(&mut self, owned: &[Page]) -> Option<u16> {
        match self {
            Self::One { number, ports } => owned.iter().find_map(|page| {
                let taken = if page.number == *number { *ports } else { 0 };
                Page {
                    ports: page.ports & !taken,
                    ..*page
                }
                .lowest()
            }),
            Self::Many(span) => span.lowest_gap(owned),
        }
    }

    /// Forgets which pages are full. Call it when pages have gained ports.
    pub(super) fn rescan(&mut self) {
        if let Self::Many(span) = self {
            span.full_below = 0;
        }
    }

    fn word(&self, number: u16) -> u64 {
        match self {
            Self::One { number: own, ports } if *own == number => *ports,
            Self::One { .. } => 0,
            Self::Many(span) => span.word(number),
        }
    }
}

impl Span {
    fn of(a: Page, b: Page) -> Self {
        let base = a.number.min(b.number);
        let mut span = Self {
            base,
            full_below: 0,
            len: 0,
            words: Vec::new(),
        };
        span.insert(a);
        span.insert(b);
        span
    }

    fn word(&self, number: u16) -> u64 {
        let index = number.checked_sub(self.base);
        index
            .and_then(|i| self.words.get(usize::from(i)))
            .copied()
            .unwrap_or(0)
    }

    /// Adds ports that are not in the set.
    fn insert(&mut self, page: Page) {
        if page.number < self.base {
            let gap = usize::from(self.base - page.number);
            self.words.splice(0..0, std::iter::repeat_n(0, gap));
            self.base = page.number;
        }
        let index = usize::from(page.number - self.base);
        if index >= self.words.len() {
            self.words.resize(index + 1, 0);
        }
        self.words[index] |= page.ports;
        self.len += page.ports.count_ones();
    }

    /// Removes ports that are in the set.
    fn remove(&mut self, page: Page) {
        self.words[usize::from(page.number - self.base)] &= !page.ports;
        self.len -= page.ports.count_ones();
        self.full_below = self.full_below.min(page.number);
    }

    fn lowest_gap(&mut self, owned: &[Page]) -> Option<u16> {
        let start = owned.partition_point(|page| page.number < self.full_below);
        for page in &owned[start..] {
            let gap = Page {
                ports: page.ports & !self.word(page.number),
                ..*page
            };
            if let Some(port) = gap.lowest() {
                self.full_below = page.number;
                return Some(port);
            }
        }
        self.full_below = u16::MAX;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn owned() -> Vec<Page> {
        vec![
            Page {
                number: 16,
                ports: 0xff,
            },
            Page {
                number: 20,
                ports: !0,
            },
            Page {
                number: 1015,
                ports: 0xff00,
            },
        ]
    }

    #[test]
    fn a_set_with_a_box_is_two_words() {
        assert_eq!(size_of::<PortSet>(), 16);
    }

    proptest! {
        #[test]
        fn a_port_set_is_a_set(
            picks in prop::collection::vec((any::<bool>(), 0_usize..80), 0..200),
        ) {
            let ports: Vec<u16> = owned().into_iter().flat_map(Page::iter).collect();
            let (mut set, mut model) = (PortSet::EMPTY, BTreeSet::new());
            for (insert, pick) in picks {
                let port = ports[pick];
                if insert {
                    prop_assert_eq!(set.insert(port), model.insert(port));
                } else {
                    prop_assert_eq!(set.remove(port), model.remove(&port));
                }
                prop_assert_eq!(set.is_empty(), model.is_empty());
                let lowest = ports.iter().find(|port| !model.contains(port)).copied();
                prop_assert_eq!(set.lowest_gap(&owned()), lowest);
                prop_assert!(ports.iter().all(|port| set.contains(*port) == model.contains(port)));
            }
        }
    }
}
