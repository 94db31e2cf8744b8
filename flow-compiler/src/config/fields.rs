//! Walks the fields of one mapping: what is asked for is known, what is left over is unknown.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::tree::{Node, Value};
use super::{Address, Name, scalar, suggestion};
use crate::diagnostic::{Code, Report, Span, Spanned};
use crate::mac::MacAddr;

/// The fields of a mapping.
pub(super) struct Fields<'a> {
    span: Span,
    what: &'static str,
    entries: &'a [(Spanned<String>, Node)],
    known: Vec<&'static str>,
    report: &'a Report,
}

impl<'a> Fields<'a> {
    /// The fields of a node that has to be a mapping. `what` names it in messages.
    pub(super) fn open(node: &'a Node, what: &'static str, report: &'a Report) -> Option<Self> {
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
        })
    }

    /// Where the mapping begins.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// The field's node, unless it is absent or null.
    pub(super) fn get(&mut self, name: &'static str) -> Option<&'a Node> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        let (_, node) = self.entries.iter().find(|(key, _)| key.value == name)?;
        Some(node).filter(|node| !node.is_null())
    }

    /// Reports the field when it is absent.
    pub(super) fn expect(&mut self, name: &'static str) {
        if self.get(name).is_none() {
            let message = format!("{} has no `{name}`", self.what);
            let hint = format!("add `{name}`");
            self.report
                .add(Code::MissingField, self.span, message, hint);
        }
    }

    /// Reports every field that nobody asked for.
    pub(super) fn finish(self) {
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
        let name = self.get("name")?;
        scalar::name(name, self.report)
    }

    /// A reference to a name.
    pub(super) fn reference(&mut self, field: &'static str) -> Name {
        let node = self.get(field)?;
        scalar::text(node, field, self.report)
    }

    /// A reference that must be there.
    pub(super) fn required_reference(&mut self, field: &'static str) -> Name {
        self.expect(field);
        self.reference(field)
    }

    /// Text.
    pub(super) fn text(&mut self, field: &'static str) -> Option<Spanned<String>> {
        self.reference(field)
    }

    /// A whole number of a range.
    pub(super) fn number(
        &mut self,
        field: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<Spanned<u32>> {
        let node = self.get(field)?;
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
        let node = self.get(field)?;
        scalar::flag(node, field, self.report)
    }

    /// One of several words, in upper or lower case.
    pub(super) fn choice<T: Copy>(
        &mut self,
        field: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<Spanned<T>> {
        let node = self.get(field)?;
        scalar::choice(node, field, choices, self.report)
    }

    /// An IP address.
    pub(super) fn address(&mut self, field: &'static str) -> Address {
        let node = self.get(field)?;
        scalar::address(node, field, self.report)
    }

    /// An IP address of the family of `like`.
    pub(super) fn address_of(&mut self, field: &'static str, like: IpAddr) -> Address {
        let found = self.address(field)?;
        if found.value.is_ipv4() == like.is_ipv4() {
            return Some(found);
        }
        let family = if like.is_ipv4() { "IPv4" } else { "IPv6" };
        let message = format!("`{field}` must be an {family} address, not {}", found.value);
        let hint =
            format!("fields whose names end in V6 are for IPv6; give `{field}` an {family} one");
        self.report.add(Code::BadAddress, found.span, message, hint);
        None
    }

    /// An Ethernet address.
    pub(super) fn mac(&mut self, field: &'static str) -> Option<Spanned<MacAddr>> {
        let node = self.get(field)?;
        scalar::mac(node, field, self.report)
    }

    /// The nodes of a list; an absent one is empty.
    pub(super) fn list(&mut self, field: &'static str) -> &'a [Node] {
        let Some(node) = self.get(field) else {
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

/// The items of a list field, each read by `read`.
pub(super) fn items<T>(
    fields: &mut Fields<'_>,
    field: &'static str,
    read: fn(&Node, &Report) -> Option<T>,
) -> Vec<T> {
    let report = fields.report;
    let nodes = fields.list(field);
    nodes.iter().filter_map(|node| read(node, report)).collect()
}
