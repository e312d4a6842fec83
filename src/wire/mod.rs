//! Packet layouts: parse what is untrusted, emit whole packets. No sockets, no clock.

pub mod ah;
pub mod arp;
pub mod auth_hmac;
pub mod datagram;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod ipv4;
pub mod ipv6;
pub mod ndp;
pub mod vrrp;
