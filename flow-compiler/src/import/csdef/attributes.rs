//! The attributes of an element: what is asked for is known, what is left over is reported.

use std::ops::RangeInclusive;

use roxmltree::Node as Element;

use crate::config::suggestion;
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::notes::Notes;
use crate::import::places::Places;

/// The place of an element's tag.
pub(super) fn place(element: Element<'_, '_>, places: &Places<'_>) -> Span {
    let start = element.range().start;
    let tag = element.document().input_text()[start..].split([' ', '>', '/', '\n', '\r', '\t']);
    places.span(&(start..start + tag.into_iter().next().map_or(1, str::len)))
}

/// The attributes of an element.
pub(super) struct Attributes<'d> {
    element: Element<'d, 'd>,
    kind: &'static str,
    known: Vec<&'static str>,
    places: &'d Places<'d>,
    notes: &'d Notes<'d>,
    pub(super) span: Span,
}

impl<'d> Attributes<'d> {
    pub(super) fn of(
        element: Element<'d, 'd>,
        kind: &'static str,
        places: &'d Places<'d>,
        notes: &'d Notes<'d>,
    ) -> Self {
        Self {
            element,
            kind,
            known: Vec::new(),
            places,
            notes,
            span: place(element, places),
        }
    }

    /// An attribute's value.
    pub(super) fn get(&mut self, name: &'static str) -> Option<Spanned<String>> {
        self.known.push(name);
        let mut attributes = self.element.attributes();
        let attribute = attributes.find(|a| a.name().eq_ignore_ascii_case(name))?;
        Some(Spanned {
            value: attribute.value().to_owned(),
            span: self.places.span(&attribute.range_value()),
        })
    }

    /// An attribute that must be there.
    pub(super) fn required(&mut self, name: &'static str) -> Option<Spanned<String>> {
        let value = self.get(name);
        if value.is_none() {
            let message = format!("{} has no `{name}`", self.title());
            self.notes.add(
                Code::MissingField,
                self.span,
                message,
                &format!("add `{name}`"),
            );
        }
        value
    }

    /// The name; empty after a report.
    pub(super) fn name(&mut self) -> Spanned<String> {
        let span = self.span;
        self.required("name").unwrap_or(Spanned {
            value: String::new(),
            span,
        })
    }

    /// A whole number; one outside the range stays as it is after a report.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<Spanned<u32>> {
        let text = self.get(name)?;
        let span = text.span;
        let value = text.value.parse().ok();
        if value.is_some_and(|number| range.contains(&number)) {
            return value.map(|value| Spanned { value, span });
        }
        let message = format!(
            "`{name}` of {} cannot be `{}`",
            self.title(),
            text.value.escape_debug()
        );
        let hint = match *range.end() {
            u32::MAX => format!("use {} or more", range.start()),
            end => format!("use {} to {end}", range.start()),
        };
        self.notes.add(Code::OutOfRange, span, message, &hint);
        value.map(|value| Spanned { value, span })
    }

    /// A word of several, in upper or lower case, as what stands for it; another one stays as it is
    /// after a report.
    pub(super) fn choice(
        &mut self,
        name: &'static str,
        choices: &[(&str, &'static str)],
    ) -> Option<Spanned<String>> {
        let text = self.get(name)?;
        let found = choices
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(&text.value));
        if let Some((_, value)) = found {
            return Some(Spanned {
                value: (*value).to_owned(),
                span: text.span,
            });
        }
        let word = text.value.escape_debug();
        let message = format!("`{name}` of {} cannot be `{word}`", self.title());
        let hint = suggestion(&text.value, choices.iter().map(|(word, _)| *word));
        self.notes
            .add(Code::UnknownChoice, text.span, message, &hint);
        Some(text)
    }

    /// An attribute that has no equivalent.
    pub(super) fn leave(&mut self, name: &'static str, why: &'static str) {
        if let Some(value) = self.get(name) {
            let own = self.element.attribute("name").unwrap_or_default();
            self.notes.leave(
                Code::NotCarriedOver,
                (self.kind, name),
                value.span,
                own,
                why,
            );
        }
    }

    /// Attributes that nothing depends on.
    pub(super) fn ignore(&mut self, names: &[&'static str]) {
        self.known.extend(names);
    }

    /// The kind and the name.
    pub(super) fn title(&self) -> String {
        let name = self.element.attribute("name").unwrap_or("?");
        format!("{} `{}`", self.kind, name.escape_debug())
    }

    /// Reports every attribute that nobody asked for.
    pub(super) fn finish(self) {
        let name = self.element.attribute("name").unwrap_or_default();
        for attribute in self.element.attributes() {
            if !self
                .known
                .iter()
                .any(|known| known.eq_ignore_ascii_case(attribute.name()))
            {
                let span = self.places.span(&attribute.range_qname());
                let why = "correct its name if it is mistyped; nothing is made of it";
                let property = (self.kind, attribute.name());
                self.notes
                    .leave(Code::UnknownProperty, property, span, name, why);
            }
        }
    }
}
