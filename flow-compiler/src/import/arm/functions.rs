//! The template functions of text and ids, which need nothing from Azure.

use std::fmt::Write as _;

use super::{logic, made_up};
use crate::config::tree::{Node, Value};
use crate::diagnostic::{Code, Span};
use crate::import::make::{as_text, list, plain, text};
use crate::import::notes::Problem;

/// Functions of text and of ids.
const KNOWN: [&str; 11] = [
    "concat",
    "format",
    "resourceId",
    "subscriptionResourceId",
    "toLower",
    "toUpper",
    "trim",
    "substring",
    "replace",
    "string",
    "int",
];

/// Functions that [`super::template`] answers itself.
const OF_TEMPLATES: [&str; 4] = ["parameters", "variables", "copyIndex", "if"];

/// Refuses a function whose value only Azure knows.
pub(super) fn check(name: &str) -> Result<(), Problem> {
    let mut known = KNOWN
        .iter()
        .chain(&OF_TEMPLATES)
        .chain(&logic::KNOWN)
        .chain(&made_up::KNOWN);
    if known.any(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    Err(Problem {
        code: Code::ExpressionNotStatic,
        message: format!(
            "`{}()` has no value before the deployment",
            name.escape_debug()
        ),
        hint: "write its value into the template, or import what `az … show -o json` says of the \
               deployed resource"
            .to_owned(),
    })
}

pub(super) fn bad_arguments(name: &str) -> Problem {
    Problem {
        code: Code::ExpressionValue,
        message: format!("the arguments of `{}()` do not fit", name.escape_debug()),
        hint: "correct the expression, or write its value".to_owned(),
    }
}

/// The value of a function that a template does not answer itself.
pub(super) fn call(name: &str, arguments: &[Node], span: Span) -> Result<Node, Problem> {
    let texts = || arguments.iter().map(as_text).collect::<Option<Vec<&str>>>();
    let one = || {
        texts()
            .filter(|texts| texts.len() == 1)
            .map(|texts| texts[0])
    };
    let value = match name.to_ascii_lowercase().as_str() {
        "concat" if arguments.iter().any(|a| matches!(a.value, Value::List(_))) => {
            concat_lists(arguments, span)
        }
        "concat" => texts().map(|texts| text(texts.concat(), span)),
        "format" => texts()
            .and_then(|texts| format_text(&texts))
            .map(|t| text(t, span)),
        "resourceid" | "subscriptionresourceid" => texts()
            .and_then(|texts| resource_id(&texts))
            .map(|id| text(id, span)),
        "tolower" => one().map(|t| text(t.to_lowercase(), span)),
        "toupper" => one().map(|t| text(t.to_uppercase(), span)),
        "trim" => one().map(|t| text(t.trim(), span)),
        "substring" => texts()
            .and_then(|texts| substring(&texts))
            .map(|t| text(t, span)),
        "replace" => texts().and_then(|texts| match texts[..] {
            [of, from, to] if !from.is_empty() => Some(text(of.replace(from, to), span)),
            _ => None,
        }),
        "string" => one().map(|t| text(t, span)),
        "int" => one()
            .and_then(|t| t.parse::<i64>().ok())
            .map(|n| plain(&n, span)),
        lower => {
            made_up::call(lower, arguments, span).or_else(|| logic::call(lower, arguments, span))
        }
    };
    value.ok_or_else(|| bad_arguments(name))
}

/// `substring(text, start[, length])`, in characters.
fn substring(texts: &[&str]) -> Option<String> {
    let (of, start, length) = match texts {
        [of, start] => (of, start, None),
        [of, start, length] => (of, start, Some(length)),
        _ => return None,
    };
    let characters: Vec<char> = of.chars().collect();
    let rest = characters.get(start.parse::<usize>().ok()?..)?;
    let length = length.map_or(Some(rest.len()), |length| length.parse().ok())?;
    Some(rest.get(..length)?.iter().collect())
}

fn concat_lists(arguments: &[Node], span: Span) -> Option<Node> {
    let mut items = Vec::new();
    for argument in arguments {
        let Value::List(more) = &argument.value else {
            return None;
        };
        items.extend(more.iter().cloned());
    }
    Some(list(items, span))
}

/// `format('{0}-{1}', a, b)`; formats of numbers such as `{0:D4}` have no value here.
fn format_text(texts: &[&str]) -> Option<String> {
    let (mut rest, values) = (*texts.first()?, texts.get(1..)?);
    let mut out = String::new();
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let doubled = rest[at..].starts_with("{{") || rest[at..].starts_with("}}");
        if doubled {
            out.push_str(&rest[at..=at]);
            rest = &rest[at + 2..];
            continue;
        }
        let inner = rest[at..].strip_prefix('{')?;
        let end = inner.find('}')?;
        let index: usize = inner[..end].parse().ok()?;
        out.push_str(values.get(index)?);
        rest = &inner[end + 1..];
    }
    Some(out + rest)
}

/// An id without subscription and resource group: `resourceId([group,] type, name, …)`.
fn resource_id(texts: &[&str]) -> Option<String> {
    let at = texts.iter().position(|text| text.contains('/'))?;
    let (kind, names) = (texts[at], &texts[at + 1..]);
    let mut parts = kind.split('/');
    let mut id = format!("/providers/{}", parts.next()?);
    let parts: Vec<&str> = parts.collect();
    if parts.len() != names.len() {
        return None;
    }
    for (part, name) in parts.iter().zip(names) {
        let _ = write!(id, "/{part}/{name}");
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_give_text() {
        let value = |name: &str, arguments: &[&str]| {
            let arguments: Vec<Node> = arguments
                .iter()
                .map(|a| text(*a, Span::default()))
                .collect();
            let value = call(name, &arguments, Span::default()).ok()?;
            as_text(&value).map(str::to_owned)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(value("concat", &["a", "b"]), some("ab"));
        assert_eq!(value("format", &["{0}-{1}{{}}", "a", "b"]), some("a-b{}"));
        assert_eq!(value("format", &["{2}", "a", "b"]), None);
        assert_eq!(value("format", &["{", "a"]), None);
        assert_eq!(
            value("resourceId", &["rg", "A.B/lbs/probes", "x", "y"]),
            some("/providers/A.B/lbs/x/probes/y")
        );
        assert_eq!(value("resourceId", &["A.B/lbs/probes", "x"]), None);
        assert_eq!(value("toUpper", &["a", "b"]), None);
        assert_eq!(value("substring", &["abcd", "1", "2"]), some("bc"));
        assert_eq!(value("substring", &["abcd", "1"]), some("bcd"));
        assert_eq!(value("substring", &["abcd", "3", "2"]), None);
        assert_eq!(value("replace", &["a-b-c", "-", ""]), some("abc"));
        assert_eq!(value("replace", &["a", "", "x"]), None);
    }
}
