//! What the integration tests share: a card and a driver in virtual time, packets, an oracle that
//! reads the configuration, and a lab of network namespaces.

pub mod frame;
pub mod generate;
pub mod lab;
pub mod oracle;
pub mod rig;
