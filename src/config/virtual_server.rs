//! `virtual_server ADDRESS PORT { }`: a balanced service.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod keywords;
mod resolve;

pub(crate) use keywords::{ANY_NUMBER, BLOCK, Draft, KEYWORDS, METHODS, PORT, method, target};
pub(crate) use resolve::Resolved;

use super::{RealServer, SorryServer};
use crate::types::{ForwardingMethod, Protocol, Scheduler, ScriptCommand, ServerAddress};

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VirtualServer {
    pub target: ServiceTarget,
    /// Unspecified, but of the family of its real servers, where the target is no address.
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
    pub options: ServiceOptions,
    /// At least one.
    pub real_servers: Vec<RealServer>,
}

/// What a virtual server listens to.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum ServiceTarget {
    /// Its `address`.
    #[default]
    Address,
    /// Packets with this mark. Such a service has no protocol, whatever `protocol` says.
    Fwmark(u32),
    /// The addresses of a `virtual_server_group`.
    Group(String),
}

/// Settings that are read and checked, but not carried out yet.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ServiceOptions {
    /// Clients that share this part of their address count as one; `None`: all of it.
    pub persistence_granularity: Option<Granularity>,
    /// Name of a module of the kernel, such as `sip`.
    pub persistence_engine: Option<String>,
    /// Each packet is scheduled for itself.
    pub ops: bool,
    /// `flag-1`, `sh-fallback` and `mh-fallback`.
    pub flag_1: bool,
    /// `flag-2`, `sh-port` and `mh-port`.
    pub flag_2: bool,
    pub flag_3: bool,
    /// Checkers rest while the address is not on this node.
    pub ha_suspend: bool,
    /// Mail when the quorum is won or lost.
    pub smtp_alert: bool,
    pub snmp_name: Option<String>,
}

/// Keyword `persistence_granularity`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Granularity {
    Netmask(Ipv4Addr),
    /// Of an IPv6 address, 1 to 128.
    PrefixLength(u8),
}

impl VirtualServer {
    /// Keepalived's name of the service in logs: `[ip]:proto:port`, `FWM mark` or `[group]:proto:0`.
    pub fn log_name(&self) -> String {
        match &self.target {
            ServiceTarget::Address => self.address.log_name(self.protocol),
            ServiceTarget::Fwmark(mark) => format!("FWM {mark}"),
            ServiceTarget::Group(name) => format!("[{name}]:{}:0", self.protocol),
        }
    }
}
