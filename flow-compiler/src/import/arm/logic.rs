//! The template functions of truth, numbers and lists.

use crate::config::tree::{Node, Value};
use crate::diagnostic::Span;
use crate::import::make::{as_text, list, plain, text};

/// The functions.
pub(super) const KNOWN: [&str; 26] = [
    "true",
    "false",
    "bool",
    "not",
    "and",
    "or",
    "equals",
    "less",
    "lessOrEquals",
    "greater",
    "greaterOrEquals",
    "add",
    "sub",
    "mul",
    "div",
    "mod",
    "length",
    "empty",
    "contains",
    "first",
    "last",
    "createArray",
    "range",
    "split",
    "coalesce",
    "array",
];

/// Most items of a `range`.
const MAX_RANGE: i64 = 10_000;

/// The value of a function, its name in small letters; `None` when the arguments do not fit.
pub(super) fn call(name: &str, arguments: &[Node], span: Span) -> Option<Node> {
    match name {
        "createarray" => return Some(list(arguments.to_vec(), span)),
        "coalesce" => return arguments.iter().find(|node| !node.is_null()).cloned(),
        "and" | "or" => {
            let truths = arguments.iter().map(truth).collect::<Option<Vec<bool>>>()?;
            let value = if name == "and" {
                truths.iter().all(|truth| *truth)
            } else {
                truths.iter().any(|truth| *truth)
            };
            return Some(plain(&value, span));
        }
        _ => {}
    }
    match arguments {
        [] => truth_named(name).map(|truth| plain(&truth, span)),
        [one] => of_one(name, one, span),
        [a, b] => of_two(name, a, b, span),
        _ => None,
    }
}

fn of_one(name: &str, one: &Node, span: Span) -> Option<Node> {
    let ends = |items: &[Node]| {
        let end = if name == "first" {
            items.first()
        } else {
            items.last()
        };
        end.cloned()
    };
    match (name, &one.value) {
        ("bool", _) => truth(one).map(|truth| plain(&truth, span)),
        ("not", _) => truth(one).map(|truth| plain(&!truth, span)),
        ("length", _) => Some(plain(&length(one), span)),
        ("empty", _) => Some(plain(&(one.is_null() || length(one) == 0), span)),
        ("first" | "last", Value::List(items)) => ends(items),
        ("first", Value::Scalar { text: of, .. }) => {
            Some(text(of.chars().take(1).collect::<String>(), span))
        }
        ("last", Value::Scalar { text: of, .. }) => Some(text(
            of.chars().last().map(String::from).unwrap_or_default(),
            span,
        )),
        ("array", Value::List(_)) => Some(one.clone()),
        ("array", _) => Some(list(vec![one.clone()], span)),
        _ => None,
    }
}

fn of_two(name: &str, a: &Node, b: &Node, span: Span) -> Option<Node> {
    let truth = |truth: bool| Some(plain(&truth, span));
    match (name, &a.value) {
        ("equals", _) => return truth(same(a, b)),
        ("contains", Value::List(items)) => return truth(items.iter().any(|item| same(item, b))),
        ("contains", Value::Map(fields)) => {
            let name = as_text(b)?;
            return truth(
                fields
                    .iter()
                    .any(|(key, _)| key.value.eq_ignore_ascii_case(name)),
            );
        }
        ("contains", Value::Scalar { text, .. }) => return truth(text.contains(as_text(b)?)),
        ("split", Value::Scalar { text: of, .. }) => {
            let parts = of.split(as_text(b).filter(|by| !by.is_empty())?);
            return Some(list(parts.map(|part| text(part, span)).collect(), span));
        }
        _ => {}
    }
    let (a, b) = (number(a)?, number(b)?);
    let value = match name {
        "less" => return truth(a < b),
        "lessorequals" => return truth(a <= b),
        "greater" => return truth(a > b),
        "greaterorequals" => return truth(a >= b),
        "range" if (0..=MAX_RANGE).contains(&b) => {
            let items = (0..b).map(|n| a.checked_add(n).map(|n| plain(&n, span)));
            return Some(list(items.collect::<Option<Vec<_>>>()?, span));
        }
        "add" => a.checked_add(b),
        "sub" => a.checked_sub(b),
        "mul" => a.checked_mul(b),
        "div" => a.checked_div(b),
        "mod" => a.checked_rem(b),
        _ => None,
    };
    value.map(|value| plain(&value, span))
}

/// Whether a value says true or false.
pub(super) fn truth(node: &Node) -> Option<bool> {
    truth_named(&as_text(node)?.to_ascii_lowercase())
}

fn truth_named(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// The whole number that a value is.
pub(super) fn number(node: &Node) -> Option<i64> {
    as_text(node)?.parse().ok()
}

fn length(node: &Node) -> usize {
    match &node.value {
        Value::Scalar { text, .. } => text.chars().count(),
        Value::List(items) => items.len(),
        Value::Map(fields) => fields.len(),
    }
}

/// Whether two values are equal, wherever they stand.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar { text: a, .. }, Value::Scalar { text: b, .. }) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            let has = |name: &str, value: &Node| {
                b.iter()
                    .any(|(key, node)| key.value == name && same(node, value))
            };
            a.len() == b.len() && a.iter().all(|(key, node)| has(&key.value, node))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        plain(&text, Span::default())
    }

    fn value(name: &str, arguments: &[Node]) -> Option<String> {
        let value = call(name, arguments, Span::default())?;
        match &value.value {
            Value::Scalar { text, .. } => Some(text.clone()),
            Value::List(items) => {
                let items: Option<Vec<&str>> = items.iter().map(as_text).collect();
                Some(items?.join(" "))
            }
            Value::Map(_) => None,
        }
    }

    #[test]
    fn functions_decide_and_count() {
        let [one, two, yes, no] = ["1", "2", "true", "False"].map(node);
        let pair = list(vec![one.clone(), two.clone()], Span::default());
        for (name, arguments, expected) in [
            ("and", vec![yes.clone(), no.clone()], Some("false")),
            ("or", vec![yes.clone(), no.clone()], Some("true")),
            ("not", vec![no.clone()], Some("true")),
            ("equals", vec![pair.clone(), pair.clone()], Some("true")),
            ("equals", vec![pair.clone(), one.clone()], Some("false")),
            ("greater", vec![two.clone(), one.clone()], Some("true")),
            (
                "lessorequals",
                vec![two.clone(), one.clone()],
                Some("false"),
            ),
            ("add", vec![two.clone(), one.clone()], Some("3")),
            ("div", vec![two.clone(), node("0")], None),
            ("range", vec![two.clone(), node("3")], Some("2 3 4")),
            ("range", vec![two.clone(), node("-1")], None),
            ("length", vec![pair.clone()], Some("2")),
            ("empty", vec![node("")], Some("true")),
            ("contains", vec![pair.clone(), two.clone()], Some("true")),
            ("contains", vec![node("abc"), node("d")], Some("false")),
            ("last", vec![pair.clone()], Some("2")),
            ("split", vec![node("a/b"), node("/")], Some("a b")),
            ("coalesce", vec![node("null"), two.clone()], Some("2")),
            ("true", vec![], Some("true")),
            ("add", vec![two], None),
        ] {
            assert_eq!(value(name, &arguments).as_deref(), expected, "{name}");
        }
    }
}
