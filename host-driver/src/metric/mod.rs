//! Metrics: what there is, and its text for Prometheus.
//!
//! Pure. [`Family`] is the closed set of metrics, [`Exposition`] writes them in the text format 0.0.4,
//! [`Availability`] is what a minute of evaluations comes to. The engine fills them in.

mod availability;
mod exposition;
mod family;

pub use availability::Availability;
pub use exposition::Exposition;
pub use family::{Family, FamilyKind};

/// The content type of [`Exposition`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
