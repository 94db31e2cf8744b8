//! What a configuration may hold: as JSON Schema for editors, and as a page for people.
//!
//! Which fields there are, what they hold and which of them must be there comes from the code that
//! reads them ([`crate::config::outline`]); what they mean stands beside, in [`texts`].

mod json;
mod markdown;
mod texts;

pub use json::schema;
pub use markdown::page;

use crate::config::outline::{Field, Kind, Object};
use texts::{FieldText, SectionText};

/// A mapping with what it means, and where it stands: `loadBalancers[].probes[]`.
struct Section<'o> {
    path: String,
    object: &'o Object,
    text: &'static SectionText,
}

impl<'o> Section<'o> {
    fn root(object: &'o Object) -> Self {
        Self::new(String::new(), object)
    }

    fn new(path: String, object: &'o Object) -> Self {
        let text = texts::section(&path);
        Self { path, object, text }
    }

    /// The fields with what they mean.
    fn fields(&self) -> impl Iterator<Item = (&'o Field, &'static FieldText)> {
        let text = self.text;
        let fields = self.object.fields.iter();
        fields.map(move |field| (field, text.field(field.name)))
    }

    /// The mapping that a field holds, or a list of.
    fn inner(&self, field: &'o Field) -> Option<Self> {
        let (path, name) = (&self.path, field.name);
        let dot = if path.is_empty() { "" } else { "." };
        match &field.kind {
            Kind::Section(object) => Some(Self::new(format!("{path}{dot}{name}"), object)),
            Kind::List(item) => match &**item {
                Kind::Section(object) => Some(Self::new(format!("{path}{dot}{name}[]"), object)),
                _ => None,
            },
            _ => None,
        }
    }

    fn is_required(&self, field: &Field) -> bool {
        self.object.required.contains(&field.name)
    }

    /// What it is called, without the article.
    fn title(&self) -> &'static str {
        let what = self.object.what;
        what.split_once(' ').map_or(what, |(_, noun)| noun)
    }
}

/// The place of a scalar's words in texts: `` `Tcp`, `Udp` ``.
fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests;
