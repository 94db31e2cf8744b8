//! Walks the fields of one mapping: what is asked for is known, what is left over is unknown.
//!
//! The same calls, without a mapping, write the mapping's [`Object`] instead: see [`outline`].

use std::ops::RangeInclusive;

use firmware_api::Family;

use super::outline::{Field, Form, Kind, Object};
use super::tree::{Node, Value};
use super::{Address, Name, scalar, suggestion};
use crate::diagnostic::{Code, Report, Span, Spanned};
use crate::ir::family_of;
use crate::mac::MacAddr;

/// A mapping of the format.
pub(super) trait Section: Sized {
    /// What messages call it, with its article.
    const WHAT: &'static str;

    /// Reads its fields. Which fields are asked for must not depend on what they hold.
    fn read(fields: &mut Fields<'_>) -> Self;
}

/// Reads a mapping; `None` when the node is none.
pub(super) fn read<T: Section>(node: &Node, report: &Report) -> Option<T> {
    let mut fields = Fields::open(node, T::WHAT, report)?;
    let section = T::read(&mut fields);
    fields.finish();
    Some(section)
}

/// What a mapping may hold.
pub(super) fn outline<T: Section>() -> Object {
    let report = Report::default();
    let mut fields = Fields {
        span: Span::default(),
        what: T::WHAT,
        entries: &[],
        known: Vec::new(),
        report: &report,
        outline: Some(Object::new(T::WHAT)),
    };
    T::read(&mut fields);
    fields.outline.unwrap_or_else(|| Object::new(T::WHAT))
}

/// The fields of a mapping.
pub(super) struct Fields<'a> {
    span: Span,
    what: &'static str,
    entries: &'a [(Spanned<String>, Node)],
    known: Vec<&'static str>,
    report: &'a Report,
    /// Instead of a mapping: every field is absent, and what is asked for is written down.
    outline: Option<Object>,
}

impl<'a> Fields<'a> {
    /// The fields of a node that has to be a mapping. `what` names it in messages.
    fn open(node: &'a Node, what: &'static str, report: &'a Report) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let message = format!("{what} must be a mapping of fields");
            report.add(
                Code::WrongType,
                node.span,
                message,
                "write `field: value` lines",
            );
            return None;
        };
        Some(Self {
            span: node.span,
            what,
            entries,
            known: Vec::new(),
            report,
            outline: None,
        })
    }

    /// Where findings go.
    pub(super) fn report(&self) -> &'a Report {
        self.report
    }

    /// Where the mapping begins.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// The field's node, unless it is absent or null. `kind` is what it holds.
    pub(super) fn take(
        &mut self,
        name: &'static str,
        kind: impl FnOnce() -> Kind,
    ) -> Option<&'a Node> {
        self.know(name);
        if let Some(outline) = &mut self.outline {
            let kind = kind();
            outline.fields.push(Field { name, kind });
        }
        self.find(name)
    }

    fn know(&mut self, name: &'static str) {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
    }

    fn find(&self, name: &str) -> Option<&'a Node> {
        let (_, node) = self.entries.iter().find(|(key, _)| key.value == name)?;
        Some(node).filter(|node| !node.is_null())
    }

    /// Reports the field when it is absent.
    pub(super) fn expect(&mut self, name: &'static str) {
        self.know(name);
        if let Some(outline) = &mut self.outline {
            outline.required.push(name);
        } else {
            self.expect_found(name);
        }
    }

    /// Reports the fields that the chosen one of several forms lacks.
    pub(super) fn expect_form(&mut self, forms: &'static [Form], chosen: usize) {
        if let Some(outline) = &mut self.outline {
            outline.forms = forms;
        } else {
            forms[chosen].required().for_each(|f| self.expect_found(f));
        }
    }

    fn expect_found(&self, name: &str) {
        if self.find(name).is_none() {
            let message = format!("{} has no `{name}`", self.what);
            let hint = format!("add `{name}`");
            self.report
                .add(Code::MissingField, self.span, message, hint);
        }
    }

    /// Reports every field that nobody asked for.
    fn finish(self) {
        for (key, _) in self.entries {
            if !self.known.contains(&key.value.as_str()) {
                let message = format!("{} has no field `{}`", self.what, key.value);
                let hint = suggestion(&key.value, self.known.iter().copied());
                self.report.add(Code::UnknownField, key.span, message, hint);
            }
        }
    }

    /// A name that must be there.
    pub(super) fn name(&mut self) -> Name {
        self.expect("name");
        let name = self.take("name", || Kind::Name)?;
        scalar::name(name, self.report)
    }

    /// A name of something that is written nowhere else.
    pub(super) fn label(&mut self, field: &'static str) -> Name {
        let name = self.take(field, || Kind::Name)?;
        scalar::name(name, self.report)
    }

    /// A reference to a name.
    pub(super) fn reference(&mut self, field: &'static str) -> Name {
        let node = self.take(field, || Kind::Reference)?;
        scalar::text(node, field, self.report)
    }

    /// A reference that must be there.
    pub(super) fn required_reference(&mut self, field: &'static str) -> Name {
        self.expect(field);
        self.reference(field)
    }

    /// Text.
    pub(super) fn text(&mut self, field: &'static str) -> Option<Spanned<String>> {
        let node = self.take(field, || Kind::Text)?;
        scalar::text(node, field, self.report)
    }

    /// A whole number of a range.
    pub(super) fn number(
        &mut self,
        field: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<Spanned<u32>> {
        let node = self.take(field, || Kind::Number(range.clone()))?;
        scalar::number(node, field, range, self.report)
    }

    /// A port of a range.
    pub(super) fn port(
        &mut self,
        field: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<Spanned<u16>> {
        let Spanned { value, span } = self.number(field, range)?;
        u16::try_from(value)
            .ok()
            .map(|value| Spanned { value, span })
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, field: &'static str) -> Option<Spanned<bool>> {
        let node = self.take(field, || Kind::Flag)?;
        scalar::flag(node, field, self.report)
    }

    /// One of several words, in upper or lower case.
    pub(super) fn choice<T: Copy>(
        &mut self,
        field: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<Spanned<T>> {
        let words = || Kind::Choice(choices.iter().map(|(word, _)| *word).collect());
        let node = self.take(field, words)?;
        scalar::choice(node, field, choices, self.report)
    }

    /// An IP address.
    pub(super) fn address(&mut self, field: &'static str) -> Address {
        let node = self.take(field, || Kind::Address(None))?;
        scalar::address(node, field, self.report)
    }

    /// An IP address of a family.
    pub(super) fn address_of(&mut self, field: &'static str, family: Family) -> Address {
        let node = self.take(field, || Kind::Address(Some(family)))?;
        let found = scalar::address(node, field, self.report)?;
        if family_of(found.value) == family {
            return Some(found);
        }
        let family = match family {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        };
        let message = format!("`{field}` must be an {family} address, not {}", found.value);
        let hint =
            format!("fields whose names end in V6 are for IPv6; give `{field}` an {family} one");
        self.report.add(Code::BadAddress, found.span, message, hint);
        None
    }

    /// An Ethernet address.
    pub(super) fn mac(&mut self, field: &'static str) -> Option<Spanned<MacAddr>> {
        let node = self.take(field, || Kind::Mac)?;
        scalar::mac(node, field, self.report)
    }

    /// A mapping.
    pub(super) fn section<T: Section>(&mut self, field: &'static str) -> Option<T> {
        let node = self.take(field, || Kind::Section(outline::<T>()))?;
        read(node, self.report)
    }

    /// The mappings of a list; an absent list is empty.
    pub(super) fn items<T: Section>(&mut self, field: &'static str) -> Vec<T> {
        let nodes = self.list(field, || Kind::Section(outline::<T>()));
        let read = |node| read(node, self.report);
        nodes.iter().filter_map(read).collect()
    }

    /// The IP addresses of a list; `None` for each that cannot be read.
    pub(super) fn addresses(&mut self, field: &'static str) -> Vec<Address> {
        let nodes = self.list(field, || Kind::Address(None));
        let read = |node| scalar::address(node, field, self.report);
        nodes.iter().map(read).collect()
    }

    /// The references of a list.
    pub(super) fn references(&mut self, field: &'static str) -> Vec<Spanned<String>> {
        let nodes = self.list(field, || Kind::Reference);
        let read = |node| scalar::text(node, field, self.report);
        nodes.iter().filter_map(read).collect()
    }

    fn list(&mut self, field: &'static str, item: impl FnOnce() -> Kind) -> &'a [Node] {
        let Some(node) = self.take(field, || Kind::List(Box::new(item()))) else {
            return &[];
        };
        if let Value::List(items) = &node.value {
            return items;
        }
        let message = format!("`{field}` must be a list");
        self.report.add(
            Code::WrongType,
            node.span,
            message,
            "write `[ … ]` or `- …` lines",
        );
        &[]
    }
}
