//! Frames that the driver makes itself, and the few messages it reads to make them.
//!
//! Every `emit` replaces the contents of the caller's buffer by one whole frame; a buffer that is
//! used again stops allocating. Frames are not padded to 60 bytes: the MAC of a port does that.
//! Whatever is read here comes from strangers, so that every reading function answers `None`
//! instead of panicking, for any bytes.

pub mod arp;
pub mod echo;
pub mod ethernet;
pub mod icmp_error;
pub mod ip;
pub mod ndp;
pub mod opening;
pub mod reset;

#[cfg(test)]
pub(crate) mod tests;

/// The `N` bytes at `at`, if the data reaches that far.
fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at.checked_add(N)?)?.try_into().ok()
}
