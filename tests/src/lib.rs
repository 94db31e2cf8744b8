//! What the integration tests share: a card and a driver in virtual time, packets, and an oracle
//! that reads the configuration.

pub mod frame;
pub mod oracle;
pub mod rig;
