//! Aligned columns.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};

const HEADING: Style = Style::new().bold();
const COLUMN: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default();
/// Between columns.
const GAP: &str = "  ";

/// A heading on a line of its own.
pub fn heading(text: &str) -> String {
    format!("{HEADING}{text}{HEADING:#}\n")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    text: String,
    is_bad: bool,
}

/// Rows under column titles. Columns of numbers stand to the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Columns by title; those whose title starts with `>` hold numbers.
    pub fn new<const N: usize>(titles: [&'static str; N]) -> Self {
        let columns = titles.map(|title| match title.strip_prefix('>') {
            Some(title) => (title, Align::Right),
            None => (title, Align::Left),
        });
        Self {
            columns: columns.into(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; empty cells are shown as `-`.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) -> &mut Self {
        debug_assert_eq!(N, self.columns.len(), "a cell for each column");
        let cell = |text: String| Cell {
            text: if text.is_empty() { "-".into() } else { text },
            is_bad: false,
        };
        self.rows.push(cells.into_iter().map(cell).collect());
        self
    }

    /// Marks a cell of the last row as what somebody should look at.
    pub fn mark(&mut self, column: usize, is_bad: bool) -> &mut Self {
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.get_mut(column)) {
            cell.is_bad = is_bad;
        }
        self
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, each line indented.
    pub fn indented(&self, indent: usize) -> String {
        let text = self.to_string();
        text.lines().fold(String::new(), |mut out, line| {
            let _ = writeln!(out, "{:indent$}{line}", "");
            out
        })
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize, title: &str| {
            let cells = self.rows.iter().map(|row| row[column].text.chars().count());
            cells.chain([title.chars().count()]).max().unwrap_or(0)
        };
        self.columns
            .iter()
            .enumerate()
            .map(|(i, (title, _))| width(i, title))
            .collect()
    }

    fn line<'a>(
        &'a self,
        f: &mut fmt::Formatter<'_>,
        widths: &[usize],
        cells: impl Iterator<Item = (&'a str, Style)>,
    ) -> fmt::Result {
        let last = self.columns.len().saturating_sub(1);
        for (i, (text, style)) in cells.enumerate() {
            let pad = widths[i] - text.chars().count();
            let (before, after) = match self.columns[i].1 {
                Align::Left if i == last => (0, 0),
                Align::Left => (0, pad),
                Align::Right => (pad, 0),
            };
            let gap = if i == 0 { "" } else { GAP };
            write!(f, "{gap}{:before$}{style}{text}{style:#}{:after$}", "", "")?;
        }
        f.write_char('\n')
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        self.line(
            f,
            &widths,
            self.columns.iter().map(|(title, _)| (*title, COLUMN)),
        )?;
        for row in &self.rows {
            let cells = row.iter().map(|cell| {
                (
                    cell.text.as_str(),
                    if cell.is_bad { BAD } else { Style::new() },
                )
            });
            self.line(f, &widths, cells)?;
        }
        Ok(())
    }
}

/// Lines of a name and what there is to say about it.
#[derive(Clone, Debug, Default)]
pub struct Facts(Vec<(&'static str, String)>);

impl Facts {
    /// Adds a line; an empty name goes on with the one before.
    #[must_use]
    pub fn with(mut self, name: &'static str, fact: impl Into<String>) -> Self {
        self.0.push((name, fact.into()));
        self
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, fact) in &self.0 {
            writeln!(
                f,
                "{HEADING}{name}{HEADING:#}{:pad$}{GAP}{fact}",
                "",
                pad = width - name.len()
            )?;
        }
        Ok(())
    }
}
