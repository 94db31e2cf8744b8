//! A card's tables as the device sees them, written from the contract: the judge of the driver.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use firmware_api::entry::{ExactEntry, Key};
use firmware_api::geometry::Geometry;
use firmware_api::hash::HashKey;
use firmware_api::register::{BAR0_LEN, STASH_USED, TABLE_MOVES};
use firmware_api::{Memory, control};

use crate::device::{Device, Mapping, TableInfo, fake};

pub(super) const SECRET: HashKey = HashKey(0x1234_5678, 0x9abc_def0);
pub(super) const FLOWS: u32 = 64;

/// One store of the driver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Store {
    bar: usize,
    at: u64,
    value: u64,
    wide: bool,
}

/// A memory that writes every store down, in the order over all BARs.
#[derive(Debug)]
pub(super) struct Recording {
    inner: Mapping,
    bar: usize,
    log: Rc<RefCell<Vec<Store>>>,
}

impl Recording {
    fn record(&self, at: u64, value: u64, wide: bool) {
        let bar = self.bar;
        self.log.borrow_mut().push(Store {
            bar,
            at,
            value,
            wide,
        });
    }
}

impl Memory for Recording {
    fn len(&self) -> u64 {
        self.inner.len()
    }
    fn load64(&self, at: u64) -> u64 {
        self.inner.load64(at)
    }
    fn store64(&self, at: u64, value: u64) {
        self.record(at, value, true);
        self.inner.store64(at, value);
    }
    fn load32(&self, at: u64) -> u32 {
        self.inner.load32(at)
    }
    fn store32(&self, at: u64, value: u32) {
        self.record(at, value.into(), false);
        self.inner.store32(at, value);
    }
    fn clear_bits32(&self, at: u64, mask: u32) {
        self.inner.clear_bits32(at, mask);
    }
}

/// The device's copy of both BARs, which the driver's stores reach one by one.
pub(super) struct Replica {
    bars: [Mapping; 2],
    log: Rc<RefCell<Vec<Store>>>,
    applied: Cell<usize>,
    /// What arrived, with what stood there before.
    undo: RefCell<Vec<(Store, u64)>>,
    /// How many stores arrive before each of the next loads.
    arrivals: RefCell<Vec<usize>>,
}

/// A driver's device and the replica behind it.
pub(super) fn card(exact: Geometry) -> (Device<Recording>, Replica) {
    let shape = fake::uniform(exact);
    let len = fake::bar2_len(FLOWS, shape);
    let space = |len: u64| Mapping::anonymous(len as usize).expect("memory");
    let log = Rc::new(RefCell::new(vec![]));
    let recording = |len, bar| Recording {
        inner: space(len),
        bar,
        log: Rc::clone(&log),
    };
    let bar0 = recording(BAR0_LEN, 0);
    fake::lay_out(&bar0.inner, FLOWS, shape);
    let device = Device::open(bar0, recording(len, 1), recording(64, 2)).expect("a card");
    let replica = Replica {
        bars: [space(BAR0_LEN), space(len)],
        log,
        applied: Cell::new(0),
        undo: RefCell::default(),
        arrivals: RefCell::default(),
    };
    (device, replica)
}

impl Replica {
    /// Stores that have not arrived.
    pub(super) fn pending(&self) -> usize {
        self.log.borrow().len() - self.applied.get()
    }

    /// Lets the next stores arrive.
    pub(super) fn arrive(&self, count: usize) {
        for _ in 0..count.min(self.pending()) {
            let store = self.log.borrow()[self.applied.get()];
            let old = self.apply(store, store.value);
            self.undo.borrow_mut().push((store, old));
            self.applied.set(self.applied.get() + 1);
        }
    }

    /// Looks up while stores arrive, `arrivals` before each load, and takes them back after it.
    pub(super) fn lookup_racing<const N: usize, E: ExactEntry<N>>(
        &self,
        info: &TableInfo,
        like: E,
        arrivals: &[usize],
    ) -> Option<E> {
        let start = self.applied.get();
        self.arrivals.borrow_mut().extend(arrivals);
        let found = self.lookup(info, like);
        self.arrivals.borrow_mut().clear();
        while self.applied.get() > start {
            let (store, old) = self.undo.borrow_mut().pop().expect("a store that arrived");
            self.apply(store, old);
            self.applied.set(self.applied.get() - 1);
        }
        found
    }

    fn apply(&self, store: Store, value: u64) -> u64 {
        let bar = &self.bars[store.bar];
        if store.wide {
            let old = bar.load64(store.at);
            bar.store64(store.at, value);
            old
        } else {
            let old = bar.load32(store.at);
            bar.store32(store.at, value as u32);
            old.into()
        }
    }

    fn step(&self) {
        let next = self.arrivals.borrow_mut().pop();
        if let Some(count) = next {
            self.arrive(count);
        }
    }

    fn load32(&self, at: u64) -> u32 {
        self.step();
        self.bars[0].load32(at)
    }

    fn load64(&self, at: u64) -> u64 {
        self.step();
        self.bars[1].load64(at)
    }

    /// The device's lookup: both buckets, then the stash; a miss counts only when `TABLE_MOVES`
    /// stood still; an entry counts only when its control word stood still.
    pub(super) fn lookup<const N: usize, E: ExactEntry<N>>(
        &self,
        info: &TableInfo,
        like: E,
    ) -> Option<E> {
        let key = like.key();
        let geometry = info.geometry;
        let moves = TABLE_MOVES.at(E::TABLE as u64);
        loop {
            let before = self.load32(moves);
            let buckets = geometry.buckets(key.hash::<E>(SECRET)).map(|bucket| {
                let first = geometry.first_slot(bucket);
                first..first + u32::from(geometry.ways)
            });
            for slot in buckets.into_iter().flatten() {
                if let Some(entry) = self.slot::<N, E>(info, slot, &key) {
                    return Some(entry);
                }
            }
            let stash = self.load32(STASH_USED.at(E::TABLE as u64));
            for slot in geometry.stash_slots().take(stash as usize) {
                if let Some(entry) = self.slot::<N, E>(info, slot, &key) {
                    return Some(entry);
                }
            }
            if self.load32(moves) == before {
                return None;
            }
        }
    }

    fn slot<const N: usize, E: ExactEntry<N>>(
        &self,
        info: &TableInfo,
        slot: u32,
        key: &Key<N>,
    ) -> Option<E> {
        let at = info.at(slot);
        let control_at = at + 8 * (N as u64 - 1);
        loop {
            let control = self.load64(control_at);
            let mut words: [u64; N] = std::array::from_fn(|i| self.load64(at + 8 * i as u64));
            words[N - 1] = control;
            if self.load64(control_at) == control {
                assert!(
                    !control::is_valid(control) || control::is_intact(&words),
                    "torn"
                );
                return key.matches::<E>(&words).then(|| E::from_words(words));
            }
        }
    }
}
