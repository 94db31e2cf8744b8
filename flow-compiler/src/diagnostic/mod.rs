//! Diagnostics: what is wrong in a configuration, where, and what cures it.
//!
//! A run collects all of them in a [`Report`]; they leave it sorted by place.

mod code;
mod render;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

pub use code::{Code, Severity};
pub use render::{summary, to_json, to_text, to_text_in};

/// A stretch of one line of a text. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file, counted from 0 in the order they were given.
    pub file: u32,
    /// The line.
    pub line: u32,
    /// The first column.
    pub column: u32,
    /// How many characters, at least 1.
    pub length: u32,
}

/// A value and the place it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The name of the source.
    pub file: String,
    /// The place in it.
    pub span: Span,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.span.line, self.span.column)
    }
}

/// One finding in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of finding.
    pub code: Code,
    /// Where.
    pub location: Location,
    /// What is wrong, naming the thing.
    pub message: String,
    /// What cures it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Whether the configuration is refused because of it.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Diagnostic", 8)?;
        fields.serialize_field("code", self.code.number())?;
        fields.serialize_field("severity", self.severity().name())?;
        fields.serialize_field("file", &self.location.file)?;
        fields.serialize_field("line", &self.location.span.line)?;
        fields.serialize_field("column", &self.location.span.column)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("hint", &self.hint)?;
        fields.serialize_field("armCode", &self.code.arm())?;
        fields.end()
    }
}

/// Collects the findings of one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: RefCell<Vec<Finding>>,
}

/// Place, kind, message and hint: sorted by place.
type Finding = (Span, Code, String, Option<String>);

impl Report {
    /// Adds a finding with what cures it.
    pub(crate) fn add(
        &self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(code, span, message.into(), Some(hint.into()));
    }

    /// Adds a finding whose cure is plain.
    pub(crate) fn add_plain(&self, code: Code, span: Span, message: impl Into<String>) {
        self.push(code, span, message.into(), None);
    }

    fn push(&self, code: Code, span: Span, message: String, hint: Option<String>) {
        self.findings.borrow_mut().push((span, code, message, hint));
    }

    /// Whether anything found so far refuses the configuration.
    pub(crate) fn has_errors(&self) -> bool {
        let findings = self.findings.borrow();
        findings.iter().any(|f| f.1.severity() == Severity::Error)
    }

    /// The findings, sorted by place, each once.
    pub(crate) fn into_diagnostics(self, file: &str) -> Vec<Diagnostic> {
        self.into_located(|_| file.to_owned())
    }

    /// As [`Report::into_diagnostics`], of several files, each named by its number.
    pub(crate) fn into_located(self, name: impl Fn(u32) -> String) -> Vec<Diagnostic> {
        let mut findings = self.findings.into_inner();
        findings.sort();
        findings.dedup();
        findings
            .into_iter()
            .map(|(span, code, message, hint)| Diagnostic {
                code,
                location: Location {
                    file: name(span.file),
                    span,
                },
                message,
                hint,
            })
            .collect()
    }

    /// Takes over the findings of another run, except at places that already have an error.
    pub(crate) fn absorb(&self, other: Self) {
        let mut findings = self.findings.borrow_mut();
        let errors = findings
            .iter()
            .filter(|f| f.1.severity() == Severity::Error);
        let refused: BTreeSet<Span> = errors.map(|f| f.0).collect();
        let others = other.findings.into_inner();
        findings.extend(others.into_iter().filter(|f| !refused.contains(&f.0)));
    }
}
