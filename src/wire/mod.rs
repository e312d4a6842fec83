//! Packet layouts: parse what is untrusted, emit whole packets. No sockets, no clock.

pub mod arp;
pub mod ipv4;
pub mod vrrp;
