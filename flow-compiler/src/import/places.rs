//! From byte offsets of a text to lines and columns.

use std::cell::Cell;
use std::ops::Range;

use crate::diagnostic::Span;

/// The places of one text.
pub(super) struct Places<'t> {
    file: u32,
    text: &'t str,
    /// Where each line begins.
    starts: Vec<usize>,
    /// An offset and its line and column, from which later ones of the line are counted.
    last: Cell<(usize, usize, usize)>,
}

impl<'t> Places<'t> {
    /// The places of the text of that file.
    pub(super) fn new(file: u32, text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            file,
            text,
            starts: std::iter::once(0)
                .chain(ends.map(|(end, _)| end + 1))
                .collect(),
            last: Cell::new((0, 0, 0)),
        }
    }

    /// The place of a range that lies on character boundaries.
    pub(super) fn span(&self, range: &Range<usize>) -> Span {
        let line = self.starts.partition_point(|start| *start <= range.start) - 1;
        let (offset, known_line, known) = self.last.get();
        let (from, before) = if known_line == line && offset <= range.start {
            (offset, known)
        } else {
            (self.starts[line], 0)
        };
        let column = before
            + self
                .text
                .get(from..range.start)
                .map_or(0, |t| t.chars().count());
        self.last.set((range.start, line, column));
        let token = self.text.get(range.clone()).unwrap_or_default();
        let length = token.lines().next().map_or(0, |t| t.chars().count());
        Span {
            file: self.file,
            line: line as u32 + 1,
            column: column as u32 + 1,
            length: length.max(1) as u32,
        }
    }
}
