//! Imports load balancers that are described elsewhere: ARM (`arm`) and classic service
//! definitions (`csdef`).
//!
//! ```text
//! files ─► tree with places ─► the tree of a configuration, with the places it comes from
//!                                 ├─► the checks that every configuration passes
//!                                 └─► YAML
//! ```
//! What is wrong is reported at its place in the imported file. Nothing is left out silently:
//! what has no equivalent is a warning, what is missing is an error and a placeholder.

mod arm;
mod csdef;
mod emit;
mod instances;
mod json;
mod make;
mod notes;
mod places;

use std::collections::{BTreeMap, HashMap};

use crate::config::{self, tree::Node};
use crate::diagnostic::{Diagnostic, Report, summary};
use crate::resolve;
use crate::source::Source;
use notes::Notes;

/// What the command line knows and the files do not.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Values of template parameters, as text or JSON.
    pub parameters: BTreeMap<String, String>,
    /// Addresses of things by name; IPv4 and IPv6 of an instance with a comma between.
    pub addresses: BTreeMap<String, String>,
    /// How many instances a role of a service definition has.
    pub instances: BTreeMap<String, u32>,
}

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The configuration, with all that is to be told at its top; none when nothing was found.
    pub yaml: Option<String>,
    /// What is wrong or left out, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Names given to [`Options::addresses`] that nothing has.
    pub unused: Vec<String>,
}

impl Imported {
    /// Whether the configuration is complete.
    pub fn is_complete(&self) -> bool {
        let is_error = |d: &Diagnostic| d.severity() == crate::diagnostic::Severity::Error;
        self.yaml.is_some() && !self.diagnostics.iter().any(is_error)
    }
}

/// Imports the load balancers of ARM files. The last `parameter_files` sources hold values of
/// template parameters.
pub fn arm(sources: &[Source], parameter_files: usize, options: &Options) -> Imported {
    let notes = Notes::new(options);
    let read =
        |(file, source): (usize, &Source)| json::read(&source.text, file as u32, &notes.report);
    let split = sources.len().saturating_sub(parameter_files);
    let given: Vec<Node> = sources
        .iter()
        .enumerate()
        .skip(split)
        .filter_map(read)
        .collect();
    let mut parameters = arm::parameters(&given, &notes);
    parameters.extend(parameters_of(options));
    let files: Vec<Option<Node>> = sources.iter().enumerate().take(split).map(read).collect();
    // A file that cannot be read leaves a gap that only confuses what refers to it.
    let files: Option<Vec<Node>> = files.into_iter().collect();
    let root = files.and_then(|files| arm::import(&files, parameters, &notes));
    finish("arm", sources, root, notes)
}

/// Imports classic service definitions.
pub fn csdef(sources: &[Source], options: &Options) -> Imported {
    let notes = Notes::new(options);
    let root = csdef::import(sources, &notes);
    finish("csdef", sources, root, notes)
}

/// The values of the command line: JSON where it is JSON, otherwise text.
fn parameters_of(options: &Options) -> HashMap<String, Node> {
    let value = |text: &String| {
        let report = Report::default();
        let parsed = json::read(text, u32::MAX, &report);
        parsed.unwrap_or_else(|| make::text(text, crate::diagnostic::Span::default()))
    };
    let parameters = options.parameters.iter();
    parameters
        .map(|(name, text)| (name.to_ascii_lowercase(), value(text)))
        .collect()
}

/// Checks what was imported and writes it out.
fn finish(command: &str, sources: &[Source], root: Option<Node>, notes: Notes<'_>) -> Imported {
    let checks = Report::default();
    if let Some(config) = root.as_ref().and_then(|root| config::read(root, &checks)) {
        resolve::resolve(&config, &checks);
    }
    let unused = notes.unused_addresses();
    let report = notes.into_report();
    report.absorb(checks);
    let name = |file: u32| {
        let source = sources.get(file as usize);
        source.map_or_else(|| "command line".to_owned(), |source| source.name.clone())
    };
    let diagnostics = report.into_located(name);
    let yaml = root.map(|root| emit::to_yaml(&root, &comments(command, sources, &diagnostics)));
    Imported {
        yaml,
        diagnostics,
        unused,
    }
}

/// Where the configuration comes from, and all that was found.
fn comments(command: &str, sources: &[Source], diagnostics: &[Diagnostic]) -> Vec<String> {
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let mut lines = vec![format!(
        "Imported by `flow-compiler import {command}` from {}.",
        names.join(", ")
    )];
    if !diagnostics.is_empty() {
        lines.push(format!("To be looked at: {}.", summary(diagnostics)));
    }
    for diagnostic in diagnostics {
        let (code, severity) = (diagnostic.code, diagnostic.severity().name());
        let (location, message) = (&diagnostic.location, &diagnostic.message);
        lines.push(format!("  {location}: {severity}[{code}]: {message}"));
        lines.extend(
            diagnostic
                .hint
                .as_ref()
                .map(|hint| format!("    hint: {hint}")),
        );
    }
    lines.push("The card's own addresses and its next hop are not known: add `uplink`.".to_owned());
    lines
}
