//! Tables with entries that are missing, or that name what is not there.

use firmware_api::TableId;

use super::dice::Dice;
use crate::rows::{Entry, State};

/// Some of the entries removed, some changed.
pub(super) fn wreck(state: &State, dice: &mut Dice) -> State {
    let (removed, broken) = dice.one(&[(0, 0), (40, 0), (0, 40), (40, 40), (10, 10)]);
    let happens = |once_in: u64, dice: &mut Dice| once_in != 0 && dice.once_in(once_in);
    let mut kept = Vec::new();
    for entry in state.entries() {
        if happens(removed, dice) {
            continue;
        }
        let is_slot = entry.table == TableId::Selector;
        let broken = !is_slot && happens(broken, dice);
        kept.push(if broken {
            broken_entry(entry.clone(), dice)
        } else {
            entry.clone()
        });
    }
    kept.into_iter().collect()
}

/// The entry with another value of one parameter. Never a value that only a driver's mistake writes
/// and that means "none" in a record.
fn broken_entry(mut entry: Entry, dice: &mut Dice) -> Entry {
    let fields = entry.action().parameters;
    if fields.is_empty() {
        return entry;
    }
    let at = dice.below(fields.len() as u64) as usize;
    let field = &fields[at];
    let most = match (field.name, field.bits) {
        // Each flow has its own number; a record cannot name the highest rule and backend.
        ("flow" | "direction", _) => return entry,
        ("rule" | "backend", _) => 0xfffd,
        (_, bits) => u128::MAX >> (128 - bits),
    };
    let any = u128::from(dice.any()) << 64 | u128::from(dice.any());
    let values = [0, 1, most, any & most, entry.parameters[at] ^ 1];
    entry.parameters[at] = dice.one(&values).min(most);
    entry
}
