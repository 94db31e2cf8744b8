//! What the readers of this folder would accept: their calls, written down instead of answered.
//!
//! The schema is made of this, so no list of fields exists beside the code that reads them.

use std::ops::RangeInclusive;

use firmware_api::Family;

/// A mapping.
#[derive(Debug)]
pub(crate) struct Object {
    /// What messages call it, with its article.
    pub(crate) what: &'static str,
    /// Its fields, in the order of reading.
    pub(crate) fields: Vec<Field>,
    /// The fields that must be there.
    pub(crate) required: Vec<&'static str>,
    /// What it must be one of; empty when it has one form only.
    pub(crate) forms: &'static [Form],
}

/// A field of a mapping.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What a field holds.
#[derive(Debug)]
pub(crate) enum Kind {
    /// This number and no other.
    Constant(i64),
    /// A whole number of a range.
    Number(RangeInclusive<i64>),
    /// `true` or `false`.
    Flag,
    /// One of these words, in upper or lower case.
    Choice(Vec<&'static str>),
    /// What others refer to this mapping by.
    Name,
    /// A name of something else.
    Reference,
    /// Any text.
    Text,
    /// An IP address, of one family or of any.
    Address(Option<Family>),
    /// An IP address of a family with the length of its prefix.
    Prefix(Family),
    /// An Ethernet address.
    Mac,
    /// One of these or several.
    List(Box<Kind>),
    /// A mapping.
    Section(Object),
}

/// One of the forms that a mapping may have.
#[derive(Debug)]
pub(crate) struct Form {
    /// Fields that this form must have and other forms cannot have.
    pub(crate) own: &'static [&'static str],
    /// Further fields that this form must have.
    pub(crate) also: &'static [&'static str],
}

impl Form {
    /// Every field that it must have.
    pub(crate) fn required(&self) -> impl Iterator<Item = &'static str> {
        self.own.iter().chain(self.also).copied()
    }
}

impl Object {
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            fields: Vec::new(),
            required: Vec::new(),
            forms: &[],
        }
    }
}
