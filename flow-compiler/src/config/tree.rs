//! YAML as a tree of nodes that know their places.
//!
//! Built from the parser's events without recursion. The tree is safe to walk: its depth is
//! bounded, aliases are refused (so nothing can be repeated without bound), a field stands once in
//! its mapping.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Place, StrInput};

use crate::diagnostic::{Code, Report, Span, Spanned};

/// Deeper than any configuration nests.
const MAX_DEPTH: usize = 24;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Text; `plain` when it was written without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// Whether the value means "not set".
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// The tree of a text that holds one document; `None` after a report.
pub(super) fn read(text: &str, report: &Report) -> Option<Node> {
    if let Some(span) = forbidden(text) {
        let message = "a control character";
        report.add(
            Code::ForbiddenCharacter,
            span,
            message,
            "save the file as plain UTF-8 text",
        );
        return None;
    }
    let mut builder = Builder::new(report);
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, place)) => builder.take(event, span_of(place))?,
            Err(error) => {
                let at = *error.marker();
                let span = span_of(Place::empty(at));
                report.add(Code::Syntax, span, error.info(), SYNTAX_HINT);
                return None;
            }
        }
    }
    if builder.root.is_none() {
        let hint = "begin with `headgate: 1`";
        report.add(Code::EmptyFile, START, "the configuration is empty", hint);
    }
    builder.root
}

const SYNTAX_HINT: &str =
    "check indentation, brackets and quotes; quote values that contain `: ` or `::`";
const START: Span = Span {
    file: 0,
    line: 1,
    column: 1,
    length: 1,
};

/// The place of the first character that YAML does not allow.
fn forbidden(text: &str) -> Option<Span> {
    let bad = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let (line, column) = text
        .lines()
        .enumerate()
        .find_map(|(line, text)| text.chars().position(bad).map(|column| (line, column)))?;
    Some(Span {
        file: 0,
        line: line as u32 + 1,
        column: column as u32 + 1,
        length: 1,
    })
}

fn span_of(place: Place) -> Span {
    let (start, end) = (place.start, place.end);
    let length = if start.line() == end.line() {
        end.col().saturating_sub(start.col())
    } else {
        1
    };
    Span {
        file: 0,
        line: start.line().max(1) as u32,
        column: start.col() as u32 + 1,
        length: length.max(1) as u32,
    }
}

/// A list or mapping whose end has not been seen.
enum Open {
    List(Span, Vec<Node>),
    Map(OpenMap),
}

struct OpenMap {
    span: Span,
    fields: Vec<(Spanned<String>, Node)>,
    places: HashMap<String, u32>,
    key: Option<Key>,
}

/// A field's name that waits for its value.
enum Key {
    Field(Spanned<String>),
    /// Already reported: the value is dropped.
    Dropped,
}

struct Builder<'r> {
    report: &'r Report,
    open: Vec<Open>,
    root: Option<Node>,
    documents: u32,
}

impl<'r> Builder<'r> {
    fn new(report: &'r Report) -> Self {
        Self {
            report,
            open: Vec::new(),
            root: None,
            documents: 0,
        }
    }

    /// `None` when reading cannot go on; then it has been reported why.
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        match event {
            Event::DocumentStart(_) => return self.start_document(span),
            Event::Scalar(text, style, _, _) => {
                let plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                self.add(span, Value::Scalar { text, plain });
            }
            Event::Alias(_) => {
                let hint = "write the value out again";
                self.report
                    .add(Code::Alias, span, "YAML aliases are not accepted", hint);
                self.add_null(span);
            }
            Event::SequenceStart(..) => return self.open(Open::List(span, Vec::new()), span),
            Event::MappingStart(..) => return self.open(Open::Map(OpenMap::new(span)), span),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => {}
        }
        Some(())
    }

    fn start_document(&mut self, span: Span) -> Option<()> {
        self.documents += 1;
        if self.documents == 1 {
            return Some(());
        }
        let hint = "keep one document in a file";
        self.report
            .add(Code::SeveralDocuments, span, "a second YAML document", hint);
        None
    }

    fn open(&mut self, open: Open, span: Span) -> Option<()> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            self.report.add_plain(Code::TooDeep, span, message);
            return None;
        }
        self.open.push(open);
        Some(())
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::List(span, items)) => self.add(span, Value::List(items)),
            Some(Open::Map(map)) => self.add(map.span, Value::Map(map.fields)),
            None => {}
        }
    }

    fn add_null(&mut self, span: Span) {
        let text = String::new();
        self.add(span, Value::Scalar { text, plain: true });
    }

    fn add(&mut self, span: Span, value: Value) {
        let node = Node { span, value };
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(map)) => map.add(node, self.report),
        }
    }
}

impl OpenMap {
    fn new(span: Span) -> Self {
        Self {
            span,
            fields: Vec::new(),
            places: HashMap::new(),
            key: None,
        }
    }

    /// Takes keys and values in turn.
    fn add(&mut self, node: Node, report: &Report) {
        match self.key.take() {
            None => self.key = Some(self.key_of(node, report)),
            Some(Key::Field(key)) => self.fields.push((key, node)),
            Some(Key::Dropped) => {}
        }
    }

    fn key_of(&mut self, node: Node, report: &Report) -> Key {
        let Value::Scalar { text, .. } = node.value else {
            report.add_plain(
                Code::WrongType,
                node.span,
                "the name of a field must be text",
            );
            return Key::Dropped;
        };
        if let Some(line) = self.places.get(&text) {
            let message = format!("field `{text}` is given twice");
            let hint = format!("the first one is on line {line}; keep one of them");
            report.add(Code::DuplicateField, node.span, message, hint);
            return Key::Dropped;
        }
        self.places.insert(text.clone(), node.span.line);
        Key::Field(Spanned {
            value: text,
            span: node.span,
        })
    }
}
