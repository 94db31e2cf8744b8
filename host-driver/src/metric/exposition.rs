//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write};

use super::Family;

/// Metrics as text, one family after the other.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a family: its help and type, then its samples.
    pub fn family(&mut self, family: Family) -> Samples<'_> {
        let name = family.name();
        let _ = writeln!(self.text, "# HELP {name} {}", family.help());
        let _ = writeln!(self.text, "# TYPE {name} {}", family.kind().name());
        Samples {
            text: &mut self.text,
            name,
        }
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, family: Family, value: impl Display) {
        self.family(family).add(&[], value);
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// The samples of one family.
#[derive(Debug)]
pub struct Samples<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Samples<'_> {
    /// Adds a sample; labels without a value are left out.
    pub fn add(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        let mut before = '{';
        for (name, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
            self.text.push(before);
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(self.text, value);
            self.text.push('"');
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_empty_ones_left_out() {
        let mut out = Exposition::default();
        let mut samples = out.family(Family::DriverInfo);
        samples.add(&[("a", "x\\y\"z\nü"), ("b", ""), ("c", "1")], 7);
        samples.add(&[("b", "")], 0.25);
        let text = out.into_text();
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "headgate_driver_info{a=\"x\\\\y\\\"z\\nü\",c=\"1\"} 7",
                "headgate_driver_info 0.25"
            ]
        );
    }
}
