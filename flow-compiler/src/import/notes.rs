//! What an import has to tell: findings, expressions that have no value, and what is not carried
//! over, each kind of property once with the number of its places.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Options;
use super::make::text;
use crate::config::tree::Node;
use crate::diagnostic::{Code, Report, Span};

/// How the text begins that stands for an address which nobody said.
pub(super) const PLACEHOLDER: &str = "ADDRESS-OF-";

/// Why something has no value.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) hint: String,
}

/// Kind of finding, kind of thing, property.
type Kind = (Code, &'static str, String);

/// The first of several places with the same kind of finding.
struct Left {
    span: Span,
    name: String,
    why: &'static str,
    more: usize,
}

/// Collects what an import has to tell.
pub(super) struct Notes<'o> {
    pub(super) report: Report,
    pub(super) options: &'o Options,
    problems: RefCell<HashMap<Span, Problem>>,
    left: RefCell<BTreeMap<Kind, Left>>,
    used: RefCell<BTreeSet<String>>,
}

impl<'o> Notes<'o> {
    pub(super) fn new(options: &'o Options) -> Self {
        Self {
            report: Report::default(),
            options,
            problems: RefCell::default(),
            left: RefCell::default(),
            used: RefCell::default(),
        }
    }

    /// Adds a finding with what cures it.
    pub(super) fn add(&self, code: Code, span: Span, message: impl Into<String>, hint: &str) {
        self.report.add(code, span, message, hint);
    }

    /// Remembers that the value at a place is not known. It is told when somebody needs it.
    pub(super) fn remember(&self, span: Span, problem: Problem) {
        self.problems.borrow_mut().insert(span, problem);
    }

    /// Why the value at a place is not known.
    pub(super) fn problem(&self, span: Span) -> Option<Problem> {
        self.problems.borrow().get(&span).cloned()
    }

    /// Reports a place whose value is not known; whether it is one.
    pub(super) fn tell_problem(&self, span: Span) -> bool {
        let Some(problem) = self.problem(span) else {
            return false;
        };
        self.add(problem.code, span, problem.message, &problem.hint);
        true
    }

    /// Notes that a property of a thing is left out.
    pub(super) fn leave(
        &self,
        code: Code,
        (kind, property): (&'static str, &str),
        span: Span,
        name: &str,
        why: &'static str,
    ) {
        let mut left = self.left.borrow_mut();
        let entry = left.entry((code, kind, property.to_owned()));
        entry
            .and_modify(|left| left.more += 1)
            .or_insert_with(|| Left {
                span,
                name: name.to_owned(),
                why,
                more: 0,
            });
    }

    /// An address that the files do not say: the one given on the command line for one of the
    /// names, or a placeholder and an error.
    pub(super) fn address(&self, span: Span, what: &str, names: &[&str], hint: &str) -> Node {
        for name in names {
            if let Some(address) = self.options.addresses.get(*name) {
                self.used.borrow_mut().insert((*name).to_owned());
                return text(address, span);
            }
        }
        let name = names.first().copied().unwrap_or("?");
        let message = format!("the address of {what} is not in the files");
        let hint = format!("{hint}, or pass `--address {name}=ADDRESS`");
        self.add(Code::AddressUnknown, span, message, &hint);
        text(format!("{PLACEHOLDER}{name}"), span)
    }

    /// Names of addresses on the command line that nothing asked for.
    pub(super) fn unused_addresses(&self) -> Vec<String> {
        let used = self.used.borrow();
        let names = self.options.addresses.keys();
        names
            .filter(|name| !used.contains(*name))
            .cloned()
            .collect()
    }

    /// All findings.
    pub(super) fn into_report(self) -> Report {
        for ((code, kind, property), left) in self.left.into_inner() {
            let Left {
                span,
                name,
                why,
                more,
            } = left;
            let verb = match code {
                Code::UnknownProperty => "is not known",
                _ => "is not carried over",
            };
            let more = match more {
                0 => String::new(),
                n => format!(" (and {n} more like it)"),
            };
            let (property, name) = (property.escape_debug(), name.escape_debug());
            let message = match code {
                Code::ResourceLeft => format!("{kind} `{name}` of type `{property}` {verb}{more}"),
                Code::MadeUp => {
                    format!("Azure alone knows `{property}()`: {kind} `{name}` is made up{more}")
                }
                _ => format!("`{property}` of {kind} `{name}` {verb}{more}"),
            };
            self.report.add(code, span, message, why);
        }
        self.report
    }
}
