//! Rows: packet fixtures that people read and programs write.
//!
//! ```text
//! config: web.yaml
//!
//! row: a SYN to a frontend goes to a backend; its source stays
//! spec: GEN-01 FWD-02
//! in: 0 tcp 198.51.100.7:40000 > 203.0.113.10:80 flags S
//! out: 1 dst 10.0.0.4:8080
//! copy: learn rule web/http backend a
//! ```
//! `tests/rows/README.md` describes the format.

mod ask;
pub mod describe;
mod entry;
mod judge;
mod packet;
mod parse;
mod row;
mod state;
mod value;

pub use entry::{Entry, Pattern};
pub(crate) use judge::headers_len;
pub use judge::{Prepared, facts};
pub use packet::{Fact, Head, Packet, Value};
pub use parse::{file, rows};
pub use row::{Change, Configuration, Edit, Fate, Flow, Row, Step, Told, When};
pub use state::{Link, State, compiled, lowered};
