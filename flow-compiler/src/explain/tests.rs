//! Walks by hand.
