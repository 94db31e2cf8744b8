//! The page for people.

use std::fmt::Write as _;

use firmware_api::Family;

use super::{Section, quoted};
use crate::config::outline::{Form, Kind};
use crate::config::{MAX_NAME, outline};

const HEAD: &str = "\
# Configuration

`flow-compiler schema --format markdown` prints this page; `flow-compiler schema` prints the same as JSON Schema, for editors:

```sh
flow-compiler schema > headgate.schema.json
```

With the YAML language server, a configuration then begins with `# yaml-language-server: $schema=headgate.schema.json`.

A field that is null is absent. Numbers may be quoted. Words are the same in upper and lower case, and names of fields are not.
What fields say about each other is in [DIAGNOSTICS.md](DIAGNOSTICS.md); IDs such as `L-PRB-22` name rules of Azure's behaviour.
";

/// The reference of every field.
pub fn page() -> String {
    let object = outline();
    let mut out = HEAD.to_owned();
    write_section(&mut out, &Section::root(&object));
    out
}

fn write_section(out: &mut String, section: &Section<'_>) {
    let title = match section.path.as_str() {
        "" => "The file".to_owned(),
        path => format!("`{path}`"),
    };
    let _ = writeln!(out, "\n## {title}\n\n{}\n", section.text.meaning);
    if !section.object.forms.is_empty() {
        let forms: Vec<String> = section.object.forms.iter().map(form).collect();
        let _ = writeln!(out, "Either with {}.\n", forms.join("; or with "));
    }
    out.push_str("| field | value | absent | meaning |\n|---|---|---|---|\n");
    for (field, text) in section.fields() {
        let absent = match text.default {
            _ if section.is_required(field) => "refused".to_owned(),
            Some(default) => format!("`{}`", default.trim_matches('"')),
            None => "–".to_owned(),
        };
        let value = match section.inner(field) {
            Some(inner) => link(&inner, &field.kind),
            None => value(&field.kind),
        };
        let (name, meaning) = (field.name, text.meaning);
        let _ = writeln!(out, "| `{name}` | {value} | {absent} | {meaning} |");
    }
    for (field, _) in section.fields() {
        if let Some(inner) = section.inner(field) {
            write_section(out, &inner);
        }
    }
}

fn form(form: &Form) -> String {
    let fields: Vec<_> = form.required().collect();
    quoted(&fields)
}

/// A link to the section that a field holds.
fn link(section: &Section<'_>, kind: &Kind) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric();
    let anchor: String = section.path.chars().filter(kept).collect();
    let list = if matches!(kind, Kind::List(_)) {
        "list of "
    } else {
        ""
    };
    let (title, anchor) = (section.title(), anchor.to_ascii_lowercase());
    format!("{list}[{title}](#{anchor})")
}

fn value(kind: &Kind) -> String {
    match kind {
        Kind::Constant(number) => format!("{number}"),
        Kind::Number(range) => format!("{} to {}", range.start(), range.end()),
        Kind::Flag => "`true`, `false`".to_owned(),
        Kind::Choice(words) => quoted(words),
        Kind::Name => format!("1 to {MAX_NAME} letters, digits, `-`, `_`, `.`"),
        Kind::Reference => "name".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Address(family) => family.map_or("IP", family_name).to_owned() + " address",
        Kind::Prefix(family) => family_name(*family).to_owned() + " address/length",
        Kind::Mac => "Ethernet address of one station".to_owned(),
        Kind::List(item) => format!("list of {}", value(item)),
        Kind::Section(object) => object.what.to_owned(),
    }
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}
