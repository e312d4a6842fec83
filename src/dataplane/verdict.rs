//! What the director decides about a packet.

use std::net::Ipv4Addr;

use super::forward::{ClientReset, Datagram};
use super::packet::MacAddress;

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Send it on; it has been rewritten.
    Forward(NextHop),
    /// Send this back to where the packet came from, instead of the packet.
    Reply(Datagram),
    /// The kernel may have it, as if nothing had been steered.
    Pass,
    /// As `Pass`, and have the kernel route these two to the client.
    PassAndReset(ClientReset),
    Drop(DropReason),
}

/// Where a rewritten packet goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NextHop {
    /// By the kernel's routes and neighbours.
    RealServer(Ipv4Addr),
    /// Where the client's last packet came from.
    Client { mac: MacAddress, interface: u32 },
}

/// Why a packet was not carried on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum DropReason {
    #[error("malformed")]
    Malformed,
    #[error("unfinished checksum of something else")]
    ForeignChecksum,
    #[error("connection table full")]
    TableFull,
    #[error("tuple in use at the real server")]
    TupleInUse,
    #[error("reset without connection")]
    NoConnection,
    #[error("real server deleted")]
    RealServerDeleted,
    /// The client's next SYN goes to another real server.
    #[error("connection refused by a real server, others take it")]
    RefusedElsewhere,
    #[error("longer than the next hop takes")]
    TooLong,
    #[error("time to live over")]
    TimeToLive,
    #[error("ICMP errors sent too often")]
    RateLimit,
}

impl DropReason {
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::ForeignChecksum,
        Self::TableFull,
        Self::TupleInUse,
        Self::NoConnection,
        Self::RealServerDeleted,
        Self::RefusedElsewhere,
        Self::TooLong,
        Self::TimeToLive,
        Self::RateLimit,
    ];
}
