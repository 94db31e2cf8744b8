//! The sockets of the health probes.

mod clock;

pub use self::clock::Clock;
