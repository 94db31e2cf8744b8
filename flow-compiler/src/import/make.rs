//! Building the tree of a configuration, every node with the place it comes from.

use crate::config::tree::{Node, Value};
use crate::diagnostic::{Span, Spanned};

/// Text.
pub(super) fn text(value: impl Into<String>, span: Span) -> Node {
    scalar(value.into(), false, span)
}

/// A number or a flag.
pub(super) fn plain(value: &impl ToString, span: Span) -> Node {
    scalar(value.to_string(), true, span)
}

fn scalar(text: String, plain: bool, span: Span) -> Node {
    let value = Value::Scalar { text, plain };
    Node { span, value }
}

/// A list.
pub(super) fn list(items: Vec<Node>, span: Span) -> Node {
    let value = Value::List(items);
    Node { span, value }
}

/// A mapping in the making.
#[derive(Clone)]
pub(super) struct Mapping {
    span: Span,
    fields: Vec<(Spanned<String>, Node)>,
}

impl Mapping {
    pub(super) fn new(span: Span) -> Self {
        let fields = Vec::new();
        Self { span, fields }
    }

    /// Adds a field before all others.
    pub(super) fn add_first(&mut self, name: &str, node: Node) {
        self.add(name, node);
        self.fields.rotate_right(1);
    }

    /// Adds a field behind another one, or behind all.
    pub(super) fn add_after(&mut self, other: &str, name: &str, node: Node) {
        self.add(name, node);
        let behind = self
            .fields
            .iter()
            .position(|(field, _)| field.value == other);
        if let Some(at) = behind.map(|at| at + 1) {
            self.fields[at..].rotate_right(1);
        }
    }

    /// Adds a field.
    pub(super) fn add(&mut self, name: &str, node: Node) {
        let name = Spanned {
            value: name.to_owned(),
            span: node.span,
        };
        self.fields.push((name, node));
    }

    /// Adds a field that may be absent.
    pub(super) fn add_some(&mut self, name: &str, node: Option<Node>) {
        if let Some(node) = node {
            self.add(name, node);
        }
    }

    /// Adds a list unless it is empty.
    pub(super) fn add_list(&mut self, name: &str, items: Vec<Node>) {
        if !items.is_empty() {
            self.add(name, list(items, self.span));
        }
    }

    pub(super) fn into_node(self) -> Node {
        let value = Value::Map(self.fields);
        Node {
            span: self.span,
            value,
        }
    }
}

/// The text of a scalar.
pub(super) fn as_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

/// A name for a thing of which the files give no usable one: allowed characters, bounded length.
pub(super) fn name_of(parts: &str) -> String {
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    parts.chars().take(80).map(allowed).collect()
}
