//! What the integration tests share: a card and a driver in virtual time, packets, an oracle that
//! reads the configuration, rows of packets, twins of the pipeline, and a lab of network namespaces.

pub mod differ;
pub mod entries;
pub mod frame;
pub mod generate;
pub mod lab;
pub mod oracle;
pub mod rig;
pub mod rows;
pub mod samples;
pub mod switch;
pub mod twin;
