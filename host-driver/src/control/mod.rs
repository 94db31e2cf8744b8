//! The control API: questions to a running driver over a Unix socket, and their answers as text.
//!
//! ```text
//! command line ─► client ─HTTP/1.1─► server ─► route ─Question─► engine thread
//!      text ◄──────────────── JSON of `view` ◄─────────Answer──────┘
//! ```

pub mod client;
pub mod exporter;
pub mod question;
pub mod route;
pub mod server;
pub mod socket;
pub(crate) mod stream;
pub mod text;
pub mod view;

pub use question::{Answer, Ask, Question};
