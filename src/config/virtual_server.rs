//! `virtual_server ADDRESS PORT { }`: a balanced service.

use std::time::Duration;

use serde::{Deserialize, Serialize};

mod keywords;
mod resolve;

pub(crate) use keywords::{ANY_NUMBER, BLOCK, Draft, KEYWORDS, METHODS, PORT, method, target};

use super::{RealServer, SorryServer};
use crate::types::{ForwardingMethod, Protocol, Scheduler, ScriptCommand, ServerAddress};

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VirtualServer {
    pub address: ServerAddress,
    pub protocol: Protocol,
    pub lvs_sched: Scheduler,
    /// Default of its real servers, which have it resolved already.
    pub lvs_method: ForwardingMethod,
    pub persistence_timeout: Option<Duration>,
    /// Sum of weights that must be alive, default 1.
    pub quorum: u32,
    /// Less than the quorum.
    pub hysteresis: u32,
    pub quorum_up: Option<ScriptCommand>,
    pub quorum_down: Option<ScriptCommand>,
    /// Down scripts run at the stop too.
    pub omega: bool,
    pub sorry_server: Option<SorryServer>,
    /// At least one.
    pub real_servers: Vec<RealServer>,
}

impl VirtualServer {
    /// Keepalived's name of the service in logs: `[ip]:proto:port`.
    pub fn log_name(&self) -> String {
        self.address.log_name(self.protocol)
    }
}
