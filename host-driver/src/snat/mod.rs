//! SNAT ports: which instance owns which ports of which public address, and which flow uses which.

mod tier;

pub use tier::{
    MOST_DEFAULT_PORTS, TierError, default_ports, default_ports_on, default_ports_over,
};
