//! JSON as a tree of nodes that know their places. Comments are allowed, as in ARM templates.

use jsonc_parser::ast::{self, ObjectPropName, Value as Json};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::places::Places;
use crate::config::tree::{Node, Value};
use crate::diagnostic::{Code, Report, Span, Spanned};

/// Deeper than any template nests.
const MAX_DEPTH: usize = 100;

const STRICT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// The tree of a text; `None` after a report.
pub(super) fn read(text: &str, file: u32, report: &Report) -> Option<Node> {
    let reader = Reader {
        places: Places::new(file, text),
        report,
    };
    match parse_to_ast(text, &CollectOptions::default(), &STRICT) {
        Ok(parsed) => match &parsed.value {
            Some(value) => reader.node(value, 0),
            None => reader.refuse(Code::EmptyFile, &(0..0), "the file is empty", EMPTY_HINT),
        },
        Err(error) => {
            let range = error.range();
            let message = error.kind().to_string().to_lowercase();
            reader.refuse(
                Code::Syntax,
                &(range.start..range.end),
                &message,
                SYNTAX_HINT,
            )
        }
    }
}

const EMPTY_HINT: &str = "save the output of `az network lb show -o json` in it";
const SYNTAX_HINT: &str = "the file must be JSON: `az … -o json`, a REST response or a template";

struct Reader<'t> {
    places: Places<'t>,
    report: &'t Report,
}

impl Reader<'_> {
    fn refuse<T>(
        &self,
        code: Code,
        range: &std::ops::Range<usize>,
        message: &str,
        hint: &str,
    ) -> Option<T> {
        self.report
            .add(code, self.places.span(range), message, hint);
        None
    }

    fn span(&self, range: jsonc_parser::common::Range) -> Span {
        self.places.span(&(range.start..range.end))
    }

    fn node(&self, json: &Json<'_>, depth: usize) -> Option<Node> {
        let range = json.range();
        if depth > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            let hint = "no template nests that deep: import the inner part by itself";
            return self.refuse(Code::TooDeep, &(range.start..range.end), &message, hint);
        }
        let span = self.span(range);
        let plain = |text: &str| Value::Scalar {
            text: text.to_owned(),
            plain: true,
        };
        let value = match json {
            Json::StringLit(literal) => Value::Scalar {
                text: literal.value.to_string(),
                plain: false,
            },
            Json::NumberLit(literal) => plain(literal.value),
            Json::BooleanLit(literal) => plain(if literal.value { "true" } else { "false" }),
            Json::NullKeyword(_) => plain("null"),
            Json::Array(array) => Value::List(
                array
                    .elements
                    .iter()
                    .map(|element| self.node(element, depth + 1))
                    .collect::<Option<_>>()?,
            ),
            Json::Object(object) => Value::Map(self.fields(object, depth)?),
        };
        Some(Node { span, value })
    }

    fn fields(
        &self,
        object: &ast::Object<'_>,
        depth: usize,
    ) -> Option<Vec<(Spanned<String>, Node)>> {
        let mut names = std::collections::HashSet::new();
        let mut fields = Vec::new();
        for property in &object.properties {
            let (name, range) = match &property.name {
                ObjectPropName::String(name) => (name.value.to_string(), name.range),
                ObjectPropName::Word(name) => (name.value.to_owned(), name.range),
            };
            let span = self.span(range);
            let node = self.node(&property.value, depth + 1)?;
            if names.insert(name.clone()) {
                fields.push((Spanned { value: name, span }, node));
            } else {
                let message = format!("field `{}` is given twice", name.escape_debug());
                self.report
                    .add(Code::DuplicateField, span, message, "keep one of them");
            }
        }
        Some(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_know_their_places() {
        let report = Report::default();
        let text = "{ // ä\n  \"ä\": [true,\n 80], \"b\": \"x\" }";
        let root = read(text, 3, &report).expect("JSON");
        let Value::Map(fields) = root.value else {
            panic!("an object")
        };
        let place = |span: Span| (span.file, span.line, span.column, span.length);
        assert_eq!(place(fields[0].0.span), (3, 2, 3, 3));
        assert_eq!(place(fields[1].0.span), (3, 3, 7, 3));
        assert_eq!(place(fields[1].1.span), (3, 3, 12, 3));
        let Value::List(items) = &fields[0].1.value else {
            panic!("an array")
        };
        assert_eq!(place(items[1].span), (3, 3, 2, 2));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let report = Report::default();
        assert!(read(&"[".repeat(100_000), 0, &report).is_none());
        let nested = "[".repeat(200) + &"]".repeat(200);
        assert!(read(&nested, 0, &report).is_none());
        assert!(report.has_errors());
    }
}
