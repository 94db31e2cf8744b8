//! A configuration's tree as YAML: sections in blocks, short things on one line.

use std::fmt::Write as _;

use crate::config::tree::{Node, Value};

/// Longer lines are broken where they can be.
const WIDTH: usize = 200;

/// The text of a configuration, below comment lines.
pub(super) fn to_yaml(root: &Node, comments: &[String]) -> String {
    let mut out = String::new();
    for comment in comments {
        let line = format!("# {}", printable(comment));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if let Value::Map(fields) = &root.value {
        for (name, node) in fields {
            if matches!(node.value, Value::List(_)) {
                out.push('\n');
            }
            field(&mut out, &name.value, node, 0);
        }
    }
    out
}

fn field(out: &mut String, name: &str, node: &Node, indent: usize) {
    let _ = write!(out, "{}{name}:", " ".repeat(indent));
    match &node.value {
        Value::List(items) if !items.is_empty() && !is_scalars(items) => {
            out.push('\n');
            for node in items {
                item(out, node, indent + 2);
            }
        }
        _ => {
            let _ = writeln!(out, " {}", flow(node));
        }
    }
}

/// An item of a list, on one line if it is short.
fn item(out: &mut String, node: &Node, indent: usize) {
    let line = flow(node);
    let margin = " ".repeat(indent);
    let fields = match &node.value {
        Value::Map(fields) if indent + line.len() + 2 > WIDTH || has_sections(node) => fields,
        _ => {
            let _ = writeln!(out, "{margin}- {line}");
            return;
        }
    };
    let mut block = String::new();
    for (name, node) in fields {
        field(&mut block, &name.value, node, indent + 2);
    }
    // The first field stands behind the dash.
    let _ = write!(out, "{margin}- {}", block.trim_start());
}

/// Whether a mapping holds lists of mappings of its own, as load balancers do.
fn has_sections(node: &Node) -> bool {
    let is_section = |node: &Node| match &node.value {
        Value::List(items) => items
            .iter()
            .any(|i| matches!(&i.value, Value::Map(f) if f.len() > 1)),
        _ => false,
    };
    matches!(&node.value, Value::Map(fields) if fields.iter().any(|(_, node)| is_section(node)))
}

fn is_scalars(items: &[Node]) -> bool {
    items
        .iter()
        .all(|item| matches!(item.value, Value::Scalar { .. }))
}

fn flow(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, plain } => scalar(text, *plain),
        Value::List(items) => {
            format!(
                "[{}]",
                items.iter().map(flow).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Map(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Map(fields) => {
            let fields = fields
                .iter()
                .map(|(name, node)| format!("{}: {}", name.value, flow(node)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Text without quotes where YAML reads it as the same text.
fn scalar(text: &str, plain: bool) -> String {
    let simple = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let reserved = ["null", "true", "false"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text));
    if text.chars().all(simple) && starts && (plain || !reserved) {
        return text.to_owned();
    }
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii() && !c.is_ascii_control() => out.push(c),
            c if (c as u32) < 0x1_0000 => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => {
                let _ = write!(out, "\\U{:08X}", c as u32);
            }
        }
    }
    out.push('"');
    out
}

/// A comment stays in its line.
fn printable(text: &str) -> String {
    let visible = |c: char| {
        let breaks = matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
        if c.is_control() || breaks {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(visible).collect()
}
