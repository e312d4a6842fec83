//! The checkers as an operator sees them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lvs::ServiceKey;
use crate::types::{ServerAddress, Weight};

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Snapshot {
    pub virtual_servers: Vec<VirtualServerSnapshot>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VirtualServerSnapshot {
    pub key: ServiceKey,
    pub quorum_up: bool,
    /// The sorry server takes the traffic.
    pub sorry_server_active: bool,
    /// Why the plane does not carry it, if it does not.
    pub degraded: Option<String>,
    pub real_servers: Vec<RealServerSnapshot>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RealServerSnapshot {
    pub address: ServerAddress,
    pub alive: bool,
    /// Effective weight: the configured one, or what misc_dynamic says.
    pub weight: Weight,
    pub checkers: Vec<CheckerSnapshot>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CheckerSnapshot {
    /// Its keyword.
    pub method: String,
    pub up: bool,
    /// It has had a result.
    pub has_run: bool,
    /// Time since its last result: growing beyond the interval means that it is stuck.
    pub last_run_age: Option<Duration>,
    pub last_failure: Option<String>,
}
