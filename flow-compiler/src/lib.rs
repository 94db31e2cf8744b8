//! Compiles load-balancer configuration into table entries.
//!
//! ```text
//! text ─► config ─► resolve ─► Ir ─► lower ─► Tables ─► diff ─► changes in a safe order
//!         (shape)   (meaning)        (ids)       └────► explain: where would this packet go?
//! ```
//! [`import::arm`] and [`import::csdef`] write such a text from what other tools describe.
//! Pure: no clock, no threads, no device. [`compile`] takes a text to its [`ir::Ir`] or to every
//! diagnostic it deserves; [`lower::lower`] takes that to the logical entries of the card's
//! static tables; [`diff::diff`] orders what has to change; [`explain::explain`] walks one packet
//! through the tables by linear search, the slow truth that faster paths are judged by.
#![forbid(unsafe_code)]

pub mod bmv2;
mod config;
pub mod diagnostic;
pub mod diff;
pub mod dump;
pub mod explain;
pub mod ids;
pub mod import;
pub mod ir;
pub mod lower;
pub mod mac;
pub mod maglev;
pub mod names;
mod resolve;
pub mod schema;
pub mod source;
pub mod tables;

use diagnostic::{Diagnostic, Report};
use ir::Ir;
use source::Source;

/// A configuration that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// What it means.
    pub ir: Ir,
    /// What is probably not what was meant, sorted by place.
    pub warnings: Vec<Diagnostic>,
}

/// Why a configuration is refused: every error and warning, sorted by place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has {}", diagnostic::summary(.0))]
pub struct Rejected(pub Vec<Diagnostic>);

/// Parses and checks a configuration.
///
/// # Errors
/// When it is refused, with everything that is wrong.
pub fn compile(source: &Source) -> Result<Compiled, Rejected> {
    let report = Report::default();
    let config = config::parse(&source.text, &report);
    let ir = config.and_then(|config| resolve::resolve(&config, &report));
    let has_errors = report.has_errors();
    let diagnostics = report.into_diagnostics(&source.name);
    match ir {
        Some(ir) if !has_errors => Ok(Compiled {
            ir,
            warnings: diagnostics,
        }),
        _ => Err(Rejected(diagnostics)),
    }
}
