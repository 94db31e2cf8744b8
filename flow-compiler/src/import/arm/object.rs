//! A resource or a part of one: its fields with those of `properties`, in upper or lower case.
//!
//! `az` writes the properties flat, REST responses and templates nest them; both are read alike.
//! What is asked for is known; what is left over in the end is reported.

use std::collections::HashSet;

use super::expression::is_expression;
use crate::config::tree::{Node, Value};
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::make::{Mapping, as_text};
use crate::import::notes::Notes;

/// Fields that only repeat what the file says elsewhere, or that Azure alone needs.
const REDUNDANT: [&str; 14] = [
    "name",
    "id",
    "etag",
    "type",
    "apiVersion",
    "comments",
    "condition",
    "dependsOn",
    "properties",
    "provisioningState",
    "resourceGroup",
    "resourceGuid",
    "resources",
    "systemData",
];

/// The fields of a thing.
pub(super) struct Object<'n> {
    pub(super) span: Span,
    pub(super) name: Spanned<String>,
    kind: &'static str,
    fields: Vec<(&'n Spanned<String>, &'n Node)>,
    known: HashSet<String>,
    notes: &'n Notes<'n>,
}

impl<'n> Object<'n> {
    /// The fields of a node that has to be a mapping; `kind` names it in messages.
    pub(super) fn open(node: &'n Node, kind: &'static str, notes: &'n Notes<'n>) -> Option<Self> {
        let Value::Map(fields) = &node.value else {
            if !notes.tell_problem(node.span) {
                let message = format!("{kind} must be an object");
                notes.add(
                    Code::WrongType,
                    node.span,
                    message,
                    "write `{ \"name\": …, … }`",
                );
            }
            return None;
        };
        let mut object = Self {
            span: node.span,
            name: Spanned {
                value: String::new(),
                span: node.span,
            },
            kind,
            fields: fields.iter().map(|(name, node)| (name, node)).collect(),
            known: REDUNDANT
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            notes,
        };
        match object.get("properties").map(|node| &node.value) {
            Some(Value::Map(fields)) => {
                object
                    .fields
                    .extend(fields.iter().map(|(name, node)| (name, node)));
            }
            Some(_) => notes.add(
                Code::WrongType,
                node.span,
                format!("`properties` of {kind} must be an object"),
                "write `\"properties\": { … }`",
            ),
            None => {}
        }
        if let Some(copy) = object.find("copy") {
            let message = format!("a copy loop of {kind} is not expanded");
            let hint = "import what `az … show -o json` says of the deployed resource";
            notes.add(Code::ExpressionNotStatic, copy.span, message, hint);
        }
        if let Some(name) = object.text("name") {
            let own = name.value.rsplit('/').next().unwrap_or_default().to_owned();
            object.name = Spanned {
                value: own,
                span: name.span,
            };
        }
        Some(object)
    }

    fn find(&mut self, field: &str) -> Option<&'n Node> {
        let lower = field.to_ascii_lowercase();
        let matches = |name: &str| name.eq_ignore_ascii_case(&lower);
        let found = self
            .fields
            .iter()
            .find(|(name, node)| matches(&name.value) && !node.is_null());
        let found = found.map(|(_, node)| *node);
        self.known.insert(lower);
        found
    }

    /// The field's node, unless it is absent or null. A value that is not known is reported.
    pub(super) fn get(&mut self, field: &str) -> Option<&'n Node> {
        let node = self.find(field)?;
        self.notes.tell_problem(node.span);
        Some(node)
    }

    /// A scalar's text.
    pub(super) fn text(&mut self, field: &str) -> Option<Spanned<String>> {
        let node = self.get(field)?;
        let span = node.span;
        if let Some(text) = as_text(node) {
            let value = text.to_owned();
            return Some(Spanned { value, span });
        }
        let message = format!("`{field}` of {} must be text", self.title());
        self.notes
            .add(Code::WrongType, span, message, "write it in quotes");
        None
    }

    /// Whether a flag is set.
    pub(super) fn is_true(&mut self, field: &str) -> bool {
        self.get(field)
            .and_then(as_text)
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// A whole number.
    pub(super) fn number(&mut self, field: &str) -> Option<Spanned<u32>> {
        let text = self.text(field)?;
        let span = text.span;
        if let Ok(value) = text.value.parse() {
            return Some(Spanned { value, span });
        }
        if self.notes.problem(span).is_none() {
            let message = format!("`{field}` of {} must be a whole number", self.title());
            self.notes
                .add(Code::WrongType, span, message, "write it in digits");
        }
        None
    }

    /// The items of a list.
    pub(super) fn list(&mut self, field: &str) -> &'n [Node] {
        let Some(node) = self.get(field) else {
            return &[];
        };
        if let Value::List(items) = &node.value {
            return items;
        }
        if self.notes.problem(node.span).is_none() {
            let message = format!("`{field}` of {} must be a list", self.title());
            self.notes
                .add(Code::WrongType, node.span, message, "write `[ … ]`");
        }
        &[]
    }

    /// The id in a field `{ "id": … }`.
    pub(super) fn id(&mut self, field: &str) -> Option<Spanned<String>> {
        let node = self.get(field)?;
        id_of(node, field, self.notes)
    }

    /// The ids of a list of `{ "id": … }`.
    pub(super) fn ids(&mut self, field: &str) -> Vec<Spanned<String>> {
        let items = self.list(field).iter();
        items
            .filter_map(|item| id_of(item, field, self.notes))
            .collect()
    }

    /// Carries fields over under their names, except those with the default value.
    pub(super) fn copy(&mut self, fields: &[(&str, &str)], out: &mut Mapping) {
        for (field, default) in fields {
            let Some(node) = self.get(field) else {
                continue;
            };
            let is_default = as_text(node).is_some_and(|t| t.eq_ignore_ascii_case(default));
            if !is_default || default.is_empty() {
                out.add(field, node.clone());
            }
        }
    }

    /// Fields that repeat what is read elsewhere.
    pub(super) fn ignore(&mut self, fields: &[&str]) {
        for field in fields {
            self.known.insert(field.to_ascii_lowercase());
        }
    }

    /// Fields that have no equivalent: told when they are set.
    pub(super) fn leave(&mut self, fields: &[&str], why: &'static str) {
        for field in fields {
            if let Some(node) = self.find(field).filter(|node| !is_empty(node)) {
                self.notes.leave(
                    Code::NotCarriedOver,
                    (self.kind, field),
                    node.span,
                    &self.name.value,
                    why,
                );
            }
        }
    }

    /// Reports a field without which packets would go another way.
    pub(super) fn refuse(&mut self, field: &str, message: &str, hint: &str) {
        if let Some(node) = self.find(field).filter(|node| !is_empty(node)) {
            let message = format!("{}: {message}", self.title());
            self.notes.add(Code::NoEquivalent, node.span, message, hint);
        }
    }

    /// The kind and the name.
    pub(super) fn title(&self) -> String {
        format!("{} `{}`", self.kind, self.name.value.escape_debug())
    }

    /// Reports every field that nobody asked for.
    pub(super) fn finish(self) {
        for (name, node) in &self.fields {
            if !self.known.contains(&name.value.to_ascii_lowercase()) && !is_empty(node) {
                self.notes.leave(
                    Code::UnknownProperty,
                    (self.kind, &name.value),
                    name.span,
                    &self.name.value,
                    "correct its name if it is mistyped; nothing is made of it",
                );
            }
        }
    }
}

/// Whether a value says nothing.
fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Scalar { text, plain } => {
            text.is_empty() || (*plain && text == "false") || node.is_null()
        }
        Value::List(items) => items.is_empty(),
        Value::Map(fields) => fields.iter().all(|(_, node)| is_empty(node)),
    }
}

fn id_of(node: &Node, field: &str, notes: &Notes<'_>) -> Option<Spanned<String>> {
    let id = super::template::field(node, "id");
    if let Some((id, text)) = id.and_then(|id| Some((id, as_text(id)?))) {
        notes.tell_problem(id.span);
        let (value, span) = (text.to_owned(), id.span);
        return Some(Spanned { value, span });
    }
    if notes.problem(node.span).is_none() {
        let message = format!("`{field}` has no `id`");
        notes.add(
            Code::MissingField,
            node.span,
            message,
            "write `{ \"id\": \"/subscriptions/…\" }`",
        );
    }
    None
}

/// The last name of an id; an expression without a value stays whole.
pub(super) fn last_name(id: &str) -> &str {
    if is_expression(id) {
        return id;
    }
    id.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
}
