//! The userspace LVS director, packet by packet.
//!
//! Everything outside `driver` is pure: a packet and the time come in, a verdict goes out. Begin with `director`;
//! `conn` holds what it remembers, `servers` what it was told, `forward` what it does to packets.

mod checksum;
mod conn;
pub mod director;
pub mod driver;
pub mod flow;
mod forward;
mod fragments;
pub mod packet;
mod scheduler;
mod servers;
mod tcp_state;
pub mod verdict;

pub use conn::Limits;
pub use forward::{ClientReset, Datagram};
pub use servers::{Endpoint, Refused, Steering};

#[cfg(test)]
mod steps;
