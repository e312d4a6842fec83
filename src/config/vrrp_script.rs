//! `vrrp_script NAME { }`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::{ScriptCommand, TrackWeight};

/// A script whose result moves priorities or causes FAULT.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VrrpScript {
    pub name: String,
    pub script: ScriptCommand,
    /// Time between two runs, default 1 s.
    pub interval: Duration,
    /// A run is killed after this time; the interval where the file says nothing.
    pub timeout: Duration,
    pub weight: TrackWeight,
    /// The weight counts the other way round.
    pub reverse: bool,
    /// Successes in a row that make it good, at least 1.
    pub rise: u32,
    /// Failures in a row that make it bad, at least 1.
    pub fall: u32,
    /// Starts as failed instead of unknown.
    pub init_fail: bool,
}
