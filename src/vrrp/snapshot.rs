//! What the virtual routers look like at one moment, for dumps and `holdfast status`.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde::Serialize;

pub use super::lateness::{BOUNDS, Lateness};
use crate::config::VrrpInstance;
use crate::types::{AdvertInterval, InterfaceName, OwnedAddress, Priority, Vrid, VrrpVersion};

/// State of a virtual router (RFC 3768 §6.3), with keepalived's FAULT. The numbers are those of
/// keepalived's JSON, SNMP and D-Bus.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[repr(u8)]
pub enum State {
    Init = 0,
    Backup = 1,
    Master = 2,
    Fault = 3,
}

impl State {
    /// As notification scripts and log lines call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Init => "INIT",
            Self::Backup => "BACKUP",
            Self::Master => "MASTER",
            Self::Fault => "FAULT",
        }
    }
}

/// What a dump shows: the virtual routers as they are, and as they are configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Dump {
    pub snapshot: Snapshot,
    /// Of each instance, in the order of the snapshot's.
    pub configs: Vec<VrrpInstance>,
}

impl Dump {
    /// Each instance with its configuration.
    pub fn instances(&self) -> impl Iterator<Item = (&InstanceSnapshot, &VrrpInstance)> {
        self.snapshot.instances.iter().zip(&self.configs)
    }
}

/// All virtual routers, groups and scripts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    pub instances: Vec<InstanceSnapshot>,
    pub groups: Vec<GroupSnapshot>,
    pub scripts: Vec<ScriptSnapshot>,
    /// How late adverts were since the process started.
    pub lateness: Lateness,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InstanceSnapshot {
    pub name: String,
    pub state: State,
    /// Would be MASTER if its sync group let it.
    pub wants_master: bool,
    pub interface: InterfaceName,
    pub virtual_router_id: Vrid,
    pub version: VrrpVersion,
    pub base_priority: Priority,
    pub effective_priority: Priority,
    pub advert_int: AdvertInterval,
    pub master_adver_interval: AdvertInterval,
    /// Source of its adverts, once known.
    pub source: Option<IpAddr>,
    /// Last master that was accepted while BACKUP, with its priority.
    pub master: Option<(IpAddr, u8)>,
    /// Why it is in FAULT, in words.
    pub faults: Vec<String>,
    /// Addresses that it believes are set.
    pub addresses: Vec<OwnedAddress>,
    /// When it entered `state`.
    #[serde(skip)]
    pub last_transition: Option<Instant>,
    /// When it takes over, or sends its next advert.
    #[serde(skip)]
    pub next_timeout: Option<Instant>,
    /// How long it waits for a master.
    pub master_down_interval: Duration,
    pub counters: Counters,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupSnapshot {
    pub name: String,
    pub state: State,
    pub members: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScriptSnapshot {
    pub name: String,
    /// `None` until the first run has ended.
    pub good: Option<bool>,
    pub running: bool,
    pub last_status: i32,
}

/// Counters of one virtual router, with the names of keepalived's JSON statistics.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Counters {
    /// Adverts of the right type, version and length.
    pub advert_rcvd: u64,
    pub advert_sent: u64,
    pub become_master: u64,
    pub release_master: u64,
    pub packet_len_err: u64,
    pub advert_interval_err: u64,
    pub ip_ttl_err: u64,
    pub invalid_type_rcvd: u64,
    pub addr_list_err: u64,
    pub invalid_authtype: u64,
    pub authtype_mismatch: u64,
    pub auth_failure: u64,
    pub auth_ext_missing: u64,
    pub auth_ext_malformed: u64,
    pub auth_ext_unknown_key: u64,
    pub auth_ext_invalid_hmac: u64,
    pub auth_ext_stale: u64,
    pub auth_ext_replay: u64,
    pub pri_zero_rcvd: u64,
    pub pri_zero_sent: u64,
    /// SNMP's vrrpRouterVersionErrors.
    pub version_err: u64,
    /// SNMP's vrrpRouterChecksumErrors.
    pub checksum_err: u64,
    /// Dropped because of sender or destination; ours.
    pub unexpected_peer: u64,
    /// Addresses put back after somebody else had taken them away; ours.
    pub address_restored: u64,
    /// Routes and rules put back after somebody else had removed them.
    pub routing_restored: u64,
}
