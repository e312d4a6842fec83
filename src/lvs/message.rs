//! What the checker child and the data-plane child say to each other over `lvs.sock`.
//!
//! Each message is one frame of `sys::frame` (a length and JSON). The checker asks, the data plane answers
//! each request in turn. The end of the connection changes nothing in the data plane.

use serde::{Deserialize, Serialize};

use super::{Command, Table};

/// Name of the data plane's socket in the run directory.
pub const SOCKET_NAME: &str = "lvs.sock";

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Request {
    /// Carry out all commands, in order, between two packets.
    Apply(Vec<Command>),
    Dump,
    Statistics,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Reply {
    /// One entry per command: `None` where it was carried out, else the reason.
    Applied(Vec<Option<String>>),
    Dump(Table),
    Statistics(Vec<RealServerStatistics>),
}

/// Counters of one real server in one service.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RealServerStatistics {
    pub key: super::ServiceKey,
    pub address: crate::types::ServerAddress,
    pub active_connections: u64,
    pub inactive_connections: u64,
    pub connections: u64,
    pub packets_in: u64,
    pub packets_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
}
