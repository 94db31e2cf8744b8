//! The schema for editors and other programs: JSON Schema, 2020-12.

use firmware_api::Family;
use serde_json::{Map, Value, json};

use super::Section;
use super::texts::FieldText;
use crate::config::outline::{Form, Kind, Object};
use crate::config::{MAX_NAME, outline};

const ABOUT: &str = "A configuration of Headgate: what `flow-compiler check` says about one field at a time. \
     What fields say about each other only `check` knows. A field that is null is absent.";
const NUMBER: &str = r"^\+?[0-9]+$";
/// Groups around `::` are not counted.
const PREFIX_V6: &str = concat!(
    r"^(([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|([0-9A-Fa-f]{1,4}:){6}[0-9.]+|[0-9A-Fa-f:]*::[0-9A-Fa-f:.]*)",
    r"(/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))?$"
);
const PREFIX_V4: &str = concat!(
    r"^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}",
    r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(/([0-9]|[12][0-9]|3[0-2]))?$"
);
/// Of one station: the group bit is clear.
const MAC: &str = r"^[0-9A-Fa-f][02468ACEace]([:-][0-9A-Fa-f]{2}){5}$";

/// The schema of a configuration.
pub fn schema() -> Value {
    let object = outline();
    let mut schema = mapping(&Section::root(&object));
    schema.insert("$schema".to_owned(), json!(DIALECT));
    schema.insert("title".to_owned(), json!("Headgate configuration"));
    schema.insert("description".to_owned(), json!(ABOUT));
    Value::Object(schema)
}

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

fn mapping(section: &Section<'_>) -> Map<String, Value> {
    let properties = section.fields().map(|(field, text)| {
        let mut property = match (section.inner(field), &field.kind) {
            (Some(inner), Kind::List(_)) => list(mapping(&inner)),
            (Some(inner), _) => mapping(&inner),
            (None, kind) => value(kind),
        };
        describe(&mut property, &field.kind, text);
        if !section.is_required(field) {
            allow_null(&mut property);
        }
        (field.name.to_owned(), Value::Object(property))
    });
    let mut schema = object(json!({
        "type": "object",
        "title": section.title(),
        "properties": properties.collect::<Map<_, _>>(),
        "additionalProperties": false,
    }));
    if !section.object.required.is_empty() {
        schema.insert("required".to_owned(), json!(section.object.required));
    }
    if !section.object.forms.is_empty() {
        schema.insert("oneOf".to_owned(), forms(section.object));
    }
    schema
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn list(item: Map<String, Value>) -> Map<String, Value> {
    let mut list = object(json!({ "type": "array" }));
    list.insert("items".to_owned(), Value::Object(item));
    list
}

/// Each form with its fields, and without those of the others.
fn forms(object: &Object) -> Value {
    let form = |this: &Form| {
        let others = object.forms.iter().filter(|other| other.own != this.own);
        let absent = others.flat_map(|other| other.own);
        let absent = absent.map(|field| ((*field).to_owned(), json!({ "type": "null" })));
        json!({
            "required": this.required().collect::<Vec<_>>(),
            "properties": absent.collect::<Map<_, _>>(),
        })
    };
    object.forms.iter().map(form).collect()
}

fn describe(property: &mut Map<String, Value>, kind: &Kind, text: &FieldText) {
    let mut meaning = text.meaning.to_owned();
    if matches!(kind, Kind::Choice(_)) {
        meaning.push_str(" Upper and lower case are the same.");
    }
    property.insert("description".to_owned(), json!(meaning.trim_start()));
    let default = text.default.and_then(|d| serde_json::from_str(d).ok());
    property.extend(default.map(|default: Value| ("default".to_owned(), default)));
}

fn allow_null(property: &mut Map<String, Value>) {
    let Some(kinds) = property.get_mut("type") else {
        return;
    };
    let mut all = match kinds.take() {
        Value::Array(kinds) => kinds,
        kind => vec![kind],
    };
    all.push(json!("null"));
    *kinds = Value::Array(all);
}

/// What a single value or a list of them may be.
fn value(kind: &Kind) -> Map<String, Value> {
    object(match kind {
        Kind::Constant(number) => json!({ "enum": [number, number.to_string()] }),
        // Quoted ones are numbers too, as in ARM templates.
        Kind::Number(range) => json!({
            "type": ["integer", "string"],
            "minimum": range.start(),
            "maximum": range.end(),
            "pattern": NUMBER,
        }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Choice(words) => json!({
            "type": "string",
            "anyOf": [{ "enum": words }, { "pattern": in_any_case(words) }],
        }),
        Kind::Name => json!({
            "type": "string",
            "pattern": format!("^[A-Za-z0-9._-]{{1,{MAX_NAME}}}$"),
        }),
        Kind::Reference | Kind::Text => json!({ "type": "string" }),
        Kind::Address(None) => json!({
            "type": "string",
            "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }],
        }),
        Kind::Address(Some(Family::V4)) => json!({ "type": "string", "format": "ipv4" }),
        Kind::Address(Some(Family::V6)) => json!({ "type": "string", "format": "ipv6" }),
        Kind::Prefix(Family::V4) => json!({ "type": "string", "pattern": PREFIX_V4 }),
        Kind::Prefix(Family::V6) => json!({ "type": "string", "pattern": PREFIX_V6 }),
        Kind::Mac => json!({ "type": "string", "pattern": MAC }),
        Kind::List(item) => return list(value(item)),
        Kind::Section(_) => json!({ "type": "object" }),
    })
}

/// A pattern for words whose letters may be upper or lower case: JSON Schema has no flag for it.
fn in_any_case(words: &[&str]) -> String {
    let letter = |c: char| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
    let word = |word: &&str| word.chars().map(letter).collect::<String>();
    let words: Vec<String> = words.iter().map(word).collect();
    format!("^({})$", words.join("|"))
}
