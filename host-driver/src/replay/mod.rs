//! Replays a capture through an embedded card: one thread, virtual time, the same output for the
//! same input.
//!
//! ```text
//! capture ─► ingress port by source MAC ─► card ◄─► engine ─► frames that left ─► output capture
//!            clock by timestamp, in steps of at most 100 ms
//! ```
//! A frame from an instance's MAC comes in on its vport, any other on the uplink. Members whose
//! MAC sends frames in the capture are taken for healthy; no socket is opened.

mod capture;
mod clock;
mod error;
mod ingress;
mod output;
mod progress;
mod run;
mod summary;
mod text;

pub use capture::{Capture, CaptureError};
pub use error::ReplayError;
pub use run::{Replayed, Settings, replay};
pub use summary::{AccessCount, Accesses, PacketCounts, Summary};
pub use text::render;
