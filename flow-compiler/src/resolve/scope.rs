//! The names of one kind of thing: each once, and what they lead to.

use std::collections::BTreeMap;

use crate::config::{Name, suggestion};
use crate::diagnostic::{Code, Report, Span, Spanned};

/// The names of one kind of thing in one place.
pub(super) struct Scope<'a, I> {
    /// What a name names, as in "an instance".
    kind: &'static str,
    names: BTreeMap<&'a str, (Span, Option<I>)>,
    report: &'a Report,
}

impl<'a, I: Copy> Scope<'a, I> {
    pub(super) fn new(kind: &'static str, report: &'a Report) -> Self {
        Self {
            kind,
            names: BTreeMap::new(),
            report,
        }
    }

    /// Adds a name; `index` is where the thing stands, none when it could not be built.
    pub(super) fn declare(&mut self, name: &'a Name, index: Option<I>) {
        let Some(Spanned { value, span }) = name else {
            return;
        };
        if let Some((first, _)) = self.names.get(value.as_str()) {
            let message = format!("{} named `{value}` already exists", self.kind);
            let hint = format!(
                "the first one is on line {}; choose another name",
                first.line
            );
            self.report.add(Code::DuplicateName, *span, message, hint);
            return;
        }
        self.names.insert(value, (*span, index));
    }

    /// What a name leads to; reports a name that does not exist.
    pub(super) fn find(&self, name: &Spanned<String>) -> Option<I> {
        if let Some((_, index)) = self.names.get(name.value.as_str()) {
            return *index;
        }
        let message = format!(
            "there is no {} `{}`",
            bare(self.kind),
            name.value.escape_debug()
        );
        let hint = suggestion(&name.value, self.names.keys().copied());
        self.report
            .add(Code::UnknownReference, name.span, message, hint);
        None
    }

    /// What an optional name leads to.
    pub(super) fn find_some(&self, name: &Name) -> Option<I> {
        name.as_ref().and_then(|name| self.find(name))
    }
}

/// The kind without its article.
fn bare(kind: &str) -> &str {
    kind.split_once(' ').map_or(kind, |(_, noun)| noun)
}
