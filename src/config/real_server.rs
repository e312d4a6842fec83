//! `real_server ADDRESS PORT { }` and `sorry_server`.

use serde::{Deserialize, Serialize};

use super::Checker;
use crate::types::{ForwardingMethod, ScriptCommand, ServerAddress, Weight};

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RealServer {
    pub address: ServerAddress,
    pub weight: Weight,
    pub lvs_method: ForwardingMethod,
    /// Weight 0 instead of removal while it is down.
    pub inhibit_on_failure: bool,
    pub notify_up: Option<ScriptCommand>,
    pub notify_down: Option<ScriptCommand>,
    /// No checker: always up.
    pub checkers: Vec<Checker>,
}

/// Takes the traffic while the quorum is lost.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SorryServer {
    pub address: ServerAddress,
    pub lvs_method: ForwardingMethod,
    /// `sorry_server_inhibit`: stays in the table with weight 0 while the quorum is up.
    pub inhibit: bool,
}
