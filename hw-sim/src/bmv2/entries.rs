//! Which entries the switch holds, and how it comes to hold what BAR2 says.
//!
//! A doorbell, or a rescan, only says which keys to look at again: what the switch should hold of a
//! key is what a lookup in BAR2 finds at that moment, by the same rules as the native pipeline's
//! ([`crate::lookup`]). So an entry that is being moved, or stands in two slots, is never taken
//! away and given back, whatever doorbells come first. No packet is in the switch meanwhile.

use std::collections::{BTreeSet, HashMap};

use firmware_api::control::{cleared, is_valid};
use firmware_api::doorbell::Doorbell;
use firmware_api::entry::address::Address;
use firmware_api::entry::flow::{FlowV4, FlowV6};
use firmware_api::entry::frontend::{FrontendV4, FrontendV6};
use firmware_api::entry::return_path::{ReturnPathV4, ReturnPathV6};
use firmware_api::entry::snat_block::SnatBlock;
use firmware_api::entry::{ExactEntry, Key as EntryKey};
use firmware_api::schema::{Field, P4Entry};
use firmware_api::table::Match;
use firmware_api::{Memory, TableId};

use super::program::Program;
use super::runtime::{Call, Refused, Reply, Runtime};
use crate::lookup::{self, Tables};

/// Words of the longest entry.
const LONGEST: usize = 8;
/// Changes that are on their way at a time: bounds memory.
const AT_ONCE: usize = 4096;
/// How often a rescan begins anew because the driver moved entries meanwhile.
const SCANS: usize = 16;
/// The CRC in a control word.
const CRC: u64 = 0xffff;

/// The words of an entry without epoch and CRC, zeros behind them.
type Words = [u64; LONGEST];
/// The key bits of an entry's words; of an index table, the index in the first.
pub(super) type Key = [u64; LONGEST];

/// What the switch holds, and what to look at again.
#[derive(Debug, Default)]
pub(super) struct Entries {
    tables: [Table; TableId::ALL.len()],
    rung: Vec<Doorbell>,
    rescan: bool,
}

/// What the switch holds of a table.
#[derive(Debug, Default)]
struct Table {
    held: HashMap<Key, Held>,
    /// The keys that were last seen in slots.
    slots: HashMap<u32, Key>,
}

/// An entry of the switch.
#[derive(Clone, Debug)]
struct Held {
    words: Words,
    /// Its handle in every instance of the table; `None` where the switch refused it.
    handles: Vec<Option<i32>>,
}

/// What differs between the switch and BAR2.
#[derive(Debug, Default)]
pub(super) struct Changes {
    deletes: Vec<(TableId, Key)>,
    /// New and changed entries.
    others: Vec<(TableId, Key, Words)>,
    /// The flows of entries that were looked at and stay or come.
    pub flows: Vec<u32>,
}

impl Entries {
    /// Notes that slots were written.
    pub(super) fn written(&mut self, bell: Doorbell) {
        if !self.rescan {
            self.rung.push(bell);
        }
    }

    /// Notes that any slot may have been written.
    pub(super) fn rescan(&mut self) {
        self.rung.clear();
        self.rescan = true;
    }

    /// Whether something was written.
    pub(super) fn is_stale(&self) -> bool {
        self.rescan || !self.rung.is_empty()
    }

    /// The switch holds nothing.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Compares what was written with what the switch holds.
    pub(super) fn compare<M: Memory>(&mut self, tables: &Tables<'_, M>) -> Changes {
        let mut changes = Changes::default();
        for (table, key) in self.candidates(tables) {
            let held = self.tables[table as usize].held.get(&key);
            let found = find(tables, table, &key)
                .map(|words| unsealed(table, words))
                .filter(|words| entry(table, &key, words).is_some());
            let flow = found.and_then(|words| flow_of(table, &key, &words));
            changes.flows.extend(flow);
            match (held, found) {
                (None, None) => {}
                (Some(_), None) => changes.deletes.push((table, key)),
                (Some(held), Some(words)) if held.words == words => {}
                (_, Some(words)) => changes.others.push((table, key, words)),
            }
        }
        changes
    }

    /// The keys that may have changed.
    fn candidates<M: Memory>(&mut self, tables: &Tables<'_, M>) -> BTreeSet<(TableId, Key)> {
        let mut candidates = BTreeSet::new();
        if std::mem::take(&mut self.rescan) {
            for id in TableId::ALL {
                let keys = self.tables[*id as usize].held.keys();
                candidates.extend(keys.map(|key| (*id, *key)));
                for _ in 0..SCANS {
                    let moves = tables.spaces.bar0.load32(tables.layout.table(*id).moves);
                    let slots = tables.layout.table(*id).geometry.slots();
                    self.look(tables, *id, 0..slots, &mut candidates);
                    if tables.spaces.bar0.load32(tables.layout.table(*id).moves) == moves {
                        break;
                    }
                }
            }
        }
        for bell in std::mem::take(&mut self.rung) {
            let slots = bell.first..bell.first + bell.count;
            self.look(tables, bell.table, slots, &mut candidates);
        }
        candidates
    }

    /// Adds the keys that stand in slots, and that stood there before.
    fn look<M: Memory>(
        &mut self,
        tables: &Tables<'_, M>,
        id: TableId,
        slots: std::ops::Range<u32>,
        candidates: &mut BTreeSet<(TableId, Key)>,
    ) {
        let seen = &mut self.tables[id as usize].slots;
        for slot in slots {
            let found = read(tables, id, slot).map(|words| key_of(id, slot, &words));
            let before = match found {
                Some(key) => seen.insert(slot, key),
                None => seen.remove(&slot),
            };
            candidates.extend(before.into_iter().chain(found).map(|key| (id, key)));
        }
    }

    /// Makes the switch hold what BAR2 has.
    ///
    /// # Errors
    /// When the connection fails. What the switch itself refuses is told in the log; the driver's
    /// tables have no more entries than the program's.
    pub(super) fn apply(
        &mut self,
        changes: &Changes,
        program: &Program,
        runtime: &mut Runtime,
    ) -> thrift::Result<()> {
        let mut refused = Refusals::default();
        let deleted: Vec<_> = changes
            .deletes
            .iter()
            .filter_map(|(id, key)| {
                let held = self.tables[*id as usize].held.remove(key)?;
                Some((*id, held.handles))
            })
            .collect();
        let calls = deleted.iter().flat_map(|(id, handles)| {
            let instances = program.instances(*id).iter().zip(handles);
            instances.filter_map(|(instance, handle)| {
                let (table, handle) = (instance.table.as_str(), (*handle)?);
                Some((*id, Call::DeleteEntry { table, handle }))
            })
        });
        runtime.calls(calls, |id, reply| refused.note(id, reply).map_or((), drop))?;
        for changes in changes.others.chunks(AT_ONCE) {
            self.apply_some(changes, program, runtime, &mut refused)?;
        }
        refused.tell();
        Ok(())
    }

    fn apply_some(
        &mut self,
        changes: &[(TableId, Key, Words)],
        program: &Program,
        runtime: &mut Runtime,
        refused: &mut Refusals,
    ) -> thrift::Result<()> {
        let encoded: Vec<_> = changes
            .iter()
            .map(|(id, key, words)| {
                let entry = entry(*id, key, words).expect("compared entries are entries");
                let held = self.tables[*id as usize].held.get(key);
                let none = || vec![None; program.instances(*id).len()];
                let handles = held.map_or_else(none, |held| held.handles.clone());
                Encoded::new(*id, &entry, handles)
            })
            .collect();
        let mut handles: Vec<_> = encoded.iter().map(|one| one.handles.clone()).collect();
        let calls = encoded
            .iter()
            .enumerate()
            .flat_map(|(i, one)| one.calls(program).map(move |(j, call)| ((i, j), call)));
        runtime.calls(calls, |(i, j), reply| {
            let (id, ..) = changes[i];
            if let Some(Reply::Number(handle)) = refused.note(id, reply) {
                handles[i][j] = Some(handle as i32);
            }
        })?;
        for ((id, key, words), handles) in changes.iter().zip(handles) {
            let words = *words;
            let held = Held { words, handles };
            self.tables[*id as usize].held.insert(*key, held);
        }
        Ok(())
    }
}

/// A change as the runtime interface takes it.
struct Encoded {
    id: TableId,
    /// Which of the schema's actions.
    action: usize,
    keys: Vec<Vec<u8>>,
    parameters: Vec<Vec<u8>>,
    handles: Vec<Option<i32>>,
}

impl Encoded {
    fn new(id: TableId, entry: &P4Entry, handles: Vec<Option<i32>>) -> Self {
        let mut actions = id.schema().actions.iter();
        Self {
            id,
            action: actions
                .position(|action| action.name == entry.action.name)
                .expect("an entry's action is its table's"),
            keys: encode(id.schema().keys, entry.keys.as_slice()),
            parameters: encode(entry.action.parameters, entry.parameters.as_slice()),
            handles,
        }
    }

    /// One call per instance of the table, with the instance's number.
    fn calls<'a>(&'a self, program: &'a Program) -> impl Iterator<Item = (usize, Call<'a>)> {
        let instances = program.instances(self.id).iter().zip(&self.handles);
        instances.enumerate().map(|(i, (instance, handle))| {
            let (table, action) = (
                instance.table.as_str(),
                instance.actions[self.action].as_str(),
            );
            let (keys, parameters) = (&self.keys[..], &self.parameters[..]);
            let call = match handle {
                None => Call::AddEntry {
                    table,
                    keys,
                    action,
                    parameters,
                },
                Some(handle) => Call::ModifyEntry {
                    table,
                    handle: *handle,
                    action,
                    parameters,
                },
            };
            (i, call)
        })
    }
}

fn encode(fields: &[Field], values: &[u128]) -> Vec<Vec<u8>> {
    let fields = fields.iter().zip(values);
    fields
        .map(|(field, value)| value.to_be_bytes()[16 - field.bytes()..].to_vec())
        .collect()
}

/// What the switch refused, told once.
#[derive(Default)]
struct Refusals {
    count: usize,
    first: Option<(TableId, Refused)>,
}

impl Refusals {
    fn note(&mut self, id: TableId, reply: Result<Reply, Refused>) -> Option<Reply> {
        match reply {
            Ok(reply) => Some(reply),
            Err(refused) => {
                self.count += 1;
                self.first.get_or_insert((id, refused));
                None
            }
        }
    }

    fn tell(&self) {
        if let Some((table, refused)) = self.first {
            tracing::error!(%table, %refused, count = self.count, "the switch refused entries");
        }
    }
}

const fn words_of(id: TableId) -> usize {
    (id.entry_len() / 8) as usize
}

/// The P4 entry that words of a key stand for.
fn entry(id: TableId, key: &Key, words: &Words) -> Option<P4Entry> {
    P4Entry::of(id, key[0] as u32, &words[..words_of(id)])
}

fn flow_of(table: TableId, key: &Key, words: &Words) -> Option<u32> {
    let is_flow = matches!(table, TableId::FlowV4 | TableId::FlowV6);
    let entry = entry(table, key, words).filter(|_| is_flow)?;
    entry.parameters.as_slice().first().map(|flow| *flow as u32)
}

/// Without epoch and CRC, which entries of a single word do not have.
fn unsealed(id: TableId, mut words: Words) -> Words {
    if words_of(id) > 1 {
        let last = &mut words[words_of(id) - 1];
        *last &= !(cleared(*last) | CRC);
    }
    words
}

fn padded<const N: usize>(words: [u64; N]) -> Words {
    std::array::from_fn(|i| words.get(i).copied().unwrap_or(0))
}

fn cut<const N: usize>(words: &Words) -> [u64; N] {
    words[..N].try_into().expect("entries are not longer")
}

/// Evaluates an expression with the type and the number of words of an exact table's entries.
macro_rules! with_exact {
    ($id:expr, $words:ident, $entry:ident => $exact:expr, index => $index:expr) => {{
        macro_rules! arm {
            ($n:literal, $type:ty) => {{
                const $words: usize = $n;
                type $entry = $type;
                $exact
            }};
        }
        match $id {
            TableId::FlowV4 => arm!(4, FlowV4),
            TableId::FlowV6 => arm!(8, FlowV6),
            TableId::FrontendV4 => arm!(4, FrontendV4),
            TableId::FrontendV6 => arm!(4, FrontendV6),
            TableId::ReturnPathV4 => arm!(4, ReturnPathV4),
            TableId::ReturnPathV6 => arm!(8, ReturnPathV6),
            TableId::Address => arm!(4, Address),
            TableId::SnatBlock => arm!(4, SnatBlock),
            TableId::Port
            | TableId::Rule
            | TableId::Selector
            | TableId::Backend
            | TableId::Instance => $index,
        }
    }};
}

/// The key of an entry in a slot.
fn key_of(id: TableId, slot: u32, words: &Words) -> Key {
    with_exact!(id, N, E => padded(*EntryKey::<N>::of::<E>(&cut(words)).words()), index => {
        padded([slot.into()])
    })
}

/// The valid words in a slot. They may be those of two entries when the driver is writing them: its
/// doorbell follows.
fn read<M: Memory>(tables: &Tables<'_, M>, id: TableId, slot: u32) -> Option<Words> {
    let table = tables.layout.table(id);
    let (at, len) = (
        table.offset + u64::from(slot) * id.entry_len(),
        words_of(id),
    );
    let bar2 = tables.spaces.bar2;
    if !is_valid(bar2.load64(at + 8 * (len as u64 - 1))) {
        return None;
    }
    let mut words = [0; LONGEST];
    for (i, word) in words[..len].iter_mut().enumerate() {
        *word = bar2.load64(at + 8 * i as u64);
    }
    Some(words).filter(|words| is_valid(words[len - 1]))
}

/// The valid words that a lookup of the key finds.
fn find<M: Memory>(tables: &Tables<'_, M>, id: TableId, key: &Key) -> Option<Words> {
    with_exact!(id, N, E => find_exact::<N, E, M>(tables, key), index => {
        debug_assert_eq!(id.kind(), Match::Index);
        read(tables, id, key[0] as u32)
    })
}

fn find_exact<const N: usize, E: ExactEntry<N>, M: Memory>(
    tables: &Tables<'_, M>,
    key: &Key,
) -> Option<Words> {
    let table = tables.layout.table(E::TABLE);
    let key = EntryKey::of::<E>(&cut(key));
    lookup::find::<N, E>(tables.spaces, table, tables.secret, &key).map(padded)
}

#[cfg(test)]
mod tests;
