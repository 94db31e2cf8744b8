//! A case in which twins disagree, made smaller while they do about the same kind of thing: fewer
//! packets, fewer entries, less to say of a packet.

use std::mem::{Discriminant, discriminant};

use super::{Case, Disagreement, compare};
use crate::rows::{Entry, Head, Packet, Value, When, describe};
use crate::twin::Twin;

/// The smallest case found in which the twins still disagree.
pub fn shrink(case: &Case, one: &mut dyn Twin, other: &mut dyn Twin) -> Case {
    let about = compare(case, one, other).map(|found| discriminant(&found));
    let mut search = Search {
        one,
        other,
        case: case.clone(),
        about,
    };
    search.cut_behind();
    loop {
        let before = search.case.clone();
        search.steps();
        search.entries();
        search.packets();
        if search.case == before {
            return before;
        }
    }
}

struct Search<'t> {
    one: &'t mut dyn Twin,
    other: &'t mut dyn Twin,
    case: Case,
    about: Option<Discriminant<Disagreement>>,
}

impl Search<'_> {
    /// Takes a case if the twins still disagree about it.
    fn take(&mut self, case: Case) -> bool {
        if case == self.case || self.about.is_none() {
            return false;
        }
        let found = compare(&case, self.one, self.other);
        let smaller = found.map(|found| discriminant(&found)) == self.about;
        if smaller {
            self.case = case;
        }
        smaller
    }

    /// Nothing matters behind the packet about which they disagree.
    fn cut_behind(&mut self) {
        if let Some(Disagreement::Packet(at)) = compare(&self.case, self.one, self.other) {
            self.case.steps.truncate(at + 1);
            let mut alone = self.case.clone();
            alone.steps.drain(..at);
            self.take(alone);
        }
    }

    fn steps(&mut self) {
        let steps = self.case.steps.clone();
        self.fewer(steps, |case, steps| case.steps = steps);
    }

    fn entries(&mut self) {
        let entries: Vec<Entry> = self.case.state.entries().cloned().collect();
        self.fewer(entries, |case, entries| {
            case.state = entries.into_iter().collect();
        });
        let entries: Vec<Entry> = self.case.state.entries().cloned().collect();
        for entry in entries {
            for at in 0..entry.parameters.len() {
                let mut simpler = entry.clone();
                simpler.parameters[at] = 0;
                let mut case = self.case.clone();
                case.state.insert(simpler);
                self.take(case);
            }
        }
    }

    /// Leaves out halves, then quarters, and so on down to single items.
    fn fewer<T: Clone>(&mut self, mut items: Vec<T>, put: impl Fn(&mut Case, Vec<T>)) {
        let mut chunk = items.len().next_power_of_two();
        while chunk > 0 {
            let mut at = 0;
            while at < items.len() {
                let mut fewer = items.clone();
                fewer.drain(at..(at + chunk).min(items.len()));
                let mut case = self.case.clone();
                put(&mut case, fewer.clone());
                if self.take(case) {
                    items = fewer;
                } else {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
    }

    fn packets(&mut self) {
        for at in 0..self.case.steps.len() {
            let mut usual = self.case.clone();
            usual.steps[at].when = When::default();
            self.take(usual);
            for packet in self.simpler(at) {
                let mut case = self.case.clone();
                case.steps[at].packet = packet;
                self.take(case);
            }
            for fact in self.case.steps[at].packet.facts.clone() {
                let mut case = self.case.clone();
                let packet = case.steps[at].packet.clone();
                case.steps[at].packet = packet.without(&[fact.name]);
                if !self.take(case) {
                    self.shorter(at, fact.name);
                }
            }
        }
    }

    /// Other descriptions of the packet.
    fn simpler(&self, at: usize) -> Vec<Packet> {
        let step = &self.case.steps[at];
        let link = self.case.state.link(step.ingress);
        match &step.packet.head {
            Head::Frame(_) => {
                let frame = step.packet.arriving(&link);
                vec![describe::arrived(&frame, &link)]
            }
            _ => Vec::new(),
        }
    }

    /// Fewer of the bytes, or a smaller number.
    fn shorter(&mut self, at: usize, name: &str) {
        loop {
            let packet = &self.case.steps[at].packet;
            let value = match packet.value(name) {
                Some(Value::Bytes(bytes)) if bytes.len() > 4 => {
                    Value::Bytes(bytes[..bytes.len() / 8 * 4].to_vec())
                }
                Some(Value::Number(number)) if *number > 1 => Value::Number(number / 2),
                _ => return,
            };
            let mut case = self.case.clone();
            case.steps[at].packet.set(name, value);
            if !self.take(case) {
                return;
            }
        }
    }
}
