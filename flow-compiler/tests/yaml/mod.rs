//! YAML as JSON, for schema validators.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Value};

/// The one document of a text; `None` when it is not one.
pub(crate) fn to_json(text: &str) -> Option<Value> {
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    let mut documents = Vec::new();
    while let Some(event) = parser.next_event() {
        match event.ok()?.0 {
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            event => documents.push(value(event, &mut parser)?),
        }
    }
    let one = documents.pop()?;
    documents.is_empty().then_some(one)
}

fn value(event: Event<'_>, parser: &mut Parser<'_, StrInput<'_>>) -> Option<Value> {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => Some(plain(&text)),
        Event::Scalar(text, ..) => Some(Value::String(text.into_owned())),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match parser.next_event()?.ok()?.0 {
                    Event::SequenceEnd => return Some(Value::Array(items)),
                    event => items.push(value(event, parser)?),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut fields = Map::new();
            loop {
                match parser.next_event()?.ok()?.0 {
                    Event::MappingEnd => return Some(Value::Object(fields)),
                    Event::Scalar(key, ..) => {
                        let event = parser.next_event()?.ok()?.0;
                        fields.insert(key.into_owned(), value(event, parser)?);
                    }
                    _ => return None,
                }
            }
        }
        _ => None,
    }
}

/// What a text without quotes is in YAML's core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => true.into(),
        "false" => false.into(),
        text => text
            .parse::<i64>()
            .map_or_else(|_| text.into(), Value::from),
    }
}
