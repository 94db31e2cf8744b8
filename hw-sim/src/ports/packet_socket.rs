//! Ports as network interfaces.
