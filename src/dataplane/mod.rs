//! The userspace LVS director, packet by packet.
//!
//! Everything outside `driver` is pure: a packet and the time come in, a verdict goes out.

pub mod driver;
