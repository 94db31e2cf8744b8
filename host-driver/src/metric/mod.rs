//! Metrics: what there is, and its text for Prometheus.
//!
//! Pure. [`Family`] is the closed set of metrics, [`Exposition`] writes them in the text format 0.0.4,
//! [`Availability`] is what a minute of evaluations comes to, [`ResourceHealth`] what two come to for a
//! load balancer. The engine fills them in.

mod availability;
mod exposition;
mod family;
pub mod resource_health;

pub use availability::Availability;
pub use exposition::Exposition;
pub use family::{Family, FamilyKind};
pub use resource_health::ResourceHealth;

/// The content type of [`Exposition`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
