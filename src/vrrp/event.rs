//! Every line that the virtual routers log, in keepalived's wording.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::receive::{Refusal, Remark};
use super::trackers::TrackingEvent;
use super::tracking::Fault;
use super::{LinkState, ScriptOutcome, State};
use crate::types::{AdvertInterval, AdvertPriority, InterfaceName, OwnedAddress, Priority, Vrid};

/// One variant per line. `Display` gives the words, `is_detail` tells whether it needs `-D`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    EnteredMaster {
        instance: String,
    },
    /// Ours: the previous incarnation's lease has not ended.
    ResumedMaster {
        instance: String,
        remaining: Duration,
    },
    /// Ours: a weaker master is about, and the advert that tells it to yield could not be sent.
    TakeOverUnheard {
        instance: String,
    },
    /// Ours: our adverts cannot be sent, and those of a weaker master are heard.
    YieldedUnheard {
        instance: String,
        source: IpAddr,
    },
    EnteredBackup {
        instance: String,
        initial: bool,
    },
    EnteredFault {
        instance: String,
        initial: bool,
    },
    /// Why an instance starts in FAULT.
    FaultFound {
        instance: String,
        fault: Fault,
    },
    SetAddresses {
        instance: String,
        excluded: bool,
    },
    RemovedAddresses {
        instance: String,
        excluded: bool,
    },
    SentPriorityZero {
        instance: String,
    },
    AdvertTimedOut {
        instance: String,
    },
    BackupReceivedPriorityZero {
        instance: String,
    },
    MasterReceivedPriorityZero {
        instance: String,
    },
    DiscardedLowerPriority {
        instance: String,
        priority: AdvertPriority,
        source: IpAddr,
    },
    StartedPreemptDelay {
        instance: String,
        preempt_delay: Duration,
    },
    StoppedPreemptDelay {
        instance: String,
    },
    MasterSet {
        instance: String,
        master: IpAddr,
    },
    MasterChanged {
        instance: String,
        from: IpAddr,
        to: IpAddr,
    },
    /// Version 3: the master's interval is used from now on.
    IntervalLearnt {
        instance: String,
        from: AdvertInterval,
        to: AdvertInterval,
    },
    ReceivedLowerPriority {
        instance: String,
        source: IpAddr,
        priority: AdvertPriority,
        ours: Priority,
        forces_election: bool,
    },
    ReceivedHigherPriority {
        instance: String,
        source: IpAddr,
        priority: AdvertPriority,
        ours: Priority,
    },
    ReceivedHigherAddress {
        instance: String,
        source: IpAddr,
        priority: AdvertPriority,
    },
    ReceivedOwnAddress {
        instance: String,
    },
    TwoOwners {
        instance: String,
    },
    PacketRefused {
        instance: String,
        refusal: Refusal,
    },
    AdvertRemarked {
        instance: String,
        remark: Remark,
    },
    PriorityChanged {
        instance: String,
        from: Priority,
        to: Priority,
    },
    ScriptReturns {
        script: String,
        status: i32,
    },
    ScriptSucceeded {
        script: String,
    },
    /// `None`: it did not end in time.
    ScriptFailed {
        script: String,
        outcome: Option<ScriptOutcome>,
    },
    ScriptSkipped {
        script: String,
        state: &'static str,
    },
    ScriptInherited {
        script: String,
        is_good: bool,
    },
    InterfaceReported {
        interface: InterfaceName,
        link: LinkState,
    },
    AddressAssigned {
        interface: InterfaceName,
        address: IpAddr,
    },
    AddressDeassigned {
        interface: InterfaceName,
        address: IpAddr,
    },
    /// Somebody else took one of our addresses away.
    AddressTaken {
        address: OwnedAddress,
    },
    /// Ours: it has been put back.
    AddressRestored {
        instance: String,
        address: OwnedAddress,
    },
    /// Once per address and set; the driver logs each packet.
    GratuitousArpQueued {
        instance: String,
        interface: InterfaceName,
        address: IpAddr,
    },
    GroupSynced {
        group: String,
        state: State,
    },
    /// At start: a member follows the group into FAULT.
    GroupFaulted {
        group: String,
        instance: String,
    },
    StartupDelayed {
        vrrp_startup_delay: Duration,
    },
    StartupDelayEnded,
    Tracking(TrackingEvent),
    /// With `timer_expired_backup`.
    TimerExpired {
        instance: String,
        late: Duration,
    },
    /// With `log_unknown_vrids`.
    UnknownVrid {
        virtual_router_id: Vrid,
        interface: InterfaceName,
        source: IpAddr,
    },
}

impl Event {
    pub(super) fn script_timed_out(script: &str) -> Self {
        Self::ScriptFailed {
            script: script.to_owned(),
            outcome: None,
        }
    }

    /// Logged with `--log-detail` only.
    pub fn is_detail(&self) -> bool {
        match self {
            Self::SetAddresses { .. }
            | Self::RemovedAddresses { .. }
            | Self::SentPriorityZero { .. }
            | Self::AdvertTimedOut { .. }
            | Self::BackupReceivedPriorityZero { .. }
            | Self::MasterReceivedPriorityZero { .. }
            | Self::StartedPreemptDelay { .. }
            | Self::StoppedPreemptDelay { .. }
            | Self::MasterSet { .. }
            | Self::MasterChanged { .. }
            | Self::IntervalLearnt { .. }
            | Self::AddressAssigned { .. }
            | Self::AddressDeassigned { .. }
            | Self::AddressTaken { .. }
            | Self::GratuitousArpQueued { .. } => true,
            Self::EnteredMaster { .. }
            | Self::ResumedMaster { .. }
            | Self::TakeOverUnheard { .. }
            | Self::YieldedUnheard { .. }
            | Self::EnteredBackup { .. }
            | Self::EnteredFault { .. }
            | Self::FaultFound { .. }
            | Self::DiscardedLowerPriority { .. }
            | Self::ReceivedLowerPriority { .. }
            | Self::ReceivedHigherPriority { .. }
            | Self::ReceivedHigherAddress { .. }
            | Self::ReceivedOwnAddress { .. }
            | Self::TwoOwners { .. }
            | Self::PacketRefused { .. }
            | Self::AdvertRemarked { .. }
            | Self::PriorityChanged { .. }
            | Self::ScriptReturns { .. }
            | Self::ScriptSucceeded { .. }
            | Self::ScriptFailed { .. }
            | Self::ScriptSkipped { .. }
            | Self::ScriptInherited { .. }
            | Self::InterfaceReported { .. }
            | Self::AddressRestored { .. }
            | Self::GroupSynced { .. }
            | Self::GroupFaulted { .. }
            | Self::StartupDelayed { .. }
            | Self::StartupDelayEnded
            | Self::TimerExpired { .. }
            | Self::UnknownVrid { .. } => false,
            Self::Tracking(event) => event.is_detail(),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnteredMaster { instance } => write!(f, "({instance}) Entering MASTER STATE"),
            Self::ResumedMaster {
                instance,
                remaining,
            } => write!(
                f,
                "({instance}) Entering MASTER STATE (resumed, lease has {:.3} s left)",
                remaining.as_secs_f64()
            ),
            Self::TakeOverUnheard { instance } => write!(
                f,
                "({instance}) No advert can be sent: not taking over from a master of lower priority"
            ),
            Self::YieldedUnheard { instance, source } => write!(
                f,
                "({instance}) No advert can be sent and {source} is heard as MASTER: leaving it the addresses"
            ),
            Self::EnteredBackup { instance, initial } => {
                write!(f, "({instance}) Entering BACKUP STATE{}", init(*initial))
            }
            Self::EnteredFault { instance, initial } => {
                write!(f, "({instance}) Entering FAULT STATE{}", init(*initial))
            }
            Self::FaultFound { instance, fault } => write!(f, "({instance}): {fault}"),
            Self::SetAddresses { instance, excluded } => {
                write!(
                    f,
                    "({instance}) setting {}VIPs.",
                    excluded_prefix(*excluded)
                )
            }
            Self::RemovedAddresses { instance, excluded } => {
                write!(
                    f,
                    "({instance}) removing {}VIPs.",
                    excluded_prefix(*excluded)
                )
            }
            Self::SentPriorityZero { instance } => write!(f, "({instance}) sent 0 priority"),
            Self::AdvertTimedOut { instance } => {
                write!(f, "({instance}) Receive advertisement timeout")
            }
            Self::BackupReceivedPriorityZero { instance } => {
                write!(f, "({instance}) Backup received priority 0 advertisement")
            }
            Self::MasterReceivedPriorityZero { instance } => {
                write!(f, "({instance}) Master received priority 0 message")
            }
            Self::DiscardedLowerPriority {
                instance,
                priority,
                source,
            } => write!(
                f,
                "({instance}) received lower priority ({priority}) advert from {source} - discarding"
            ),
            Self::StartedPreemptDelay {
                instance,
                preempt_delay,
            } => write!(
                f,
                "({instance}) start preempt delay ({}.{:06})",
                preempt_delay.as_secs(),
                preempt_delay.subsec_micros()
            ),
            Self::StoppedPreemptDelay { instance } => {
                write!(f, "({instance}) stop preempt delay")
            }
            Self::MasterSet { instance, master } => {
                write!(f, "({instance}) master set to {master}")
            }
            Self::MasterChanged { instance, from, to } => {
                write!(f, "({instance}) master changed from {from} to {to}")
            }
            Self::IntervalLearnt { instance, from, to } => write!(
                f,
                "({instance}) advertisement interval updated from {}ms to {}ms by master",
                from.as_duration().as_millis(),
                to.as_duration().as_millis()
            ),
            Self::ReceivedLowerPriority {
                instance,
                source,
                priority,
                ours,
                forces_election,
            } => {
                let election = if *forces_election {
                    ", forcing new election"
                } else {
                    ""
                };
                write!(
                    f,
                    "({instance}) Received advert from {source} with lower priority {priority}, ours {ours}{election}"
                )
            }
            Self::ReceivedHigherPriority {
                instance,
                source,
                priority,
                ours,
            } => write!(
                f,
                "({instance}) Master received advert from {source} with higher priority {priority}, ours {ours}"
            ),
            Self::ReceivedHigherAddress {
                instance,
                source,
                priority,
            } => write!(
                f,
                "({instance}) Master received advert from {source} with same priority {priority} but higher IP address than ours"
            ),
            Self::ReceivedOwnAddress { instance } => write!(
                f,
                "({instance}) WARNING - equal priority advert received from remote host with our IP address."
            ),
            Self::TwoOwners { instance } => write!(
                f,
                "({instance}) CONFIGURATION ERROR: local instance and a remote instance are both configured as address owner, please fix"
            ),
            Self::PacketRefused { instance, refusal } => write!(f, "({instance}) {refusal}"),
            Self::AdvertRemarked { instance, remark } => write!(f, "({instance}) {remark}"),
            Self::PriorityChanged { instance, from, to } => write!(
                f,
                "({instance}) Changing effective priority from {from} to {to}"
            ),
            Self::ScriptReturns { script, status } => {
                write!(f, "Script `{script}` now returning {status}")
            }
            Self::ScriptSucceeded { script } => write!(f, "VRRP_Script({script}) succeeded"),
            Self::ScriptFailed { script, outcome } => match outcome {
                None => write!(f, "VRRP_Script({script}) timed_out"),
                Some(ScriptOutcome::Exited(status)) => write!(
                    f,
                    "VRRP_Script({script}) failed (exited with status {status})"
                ),
                Some(ScriptOutcome::Signaled(signal)) => {
                    write!(f, "VRRP_Script({script}) failed (due to signal {signal})")
                }
                Some(ScriptOutcome::NotStarted(errno)) => write!(
                    f,
                    "VRRP_Script({script}) failed (could not be started, errno {errno})"
                ),
            },
            Self::ScriptSkipped { script, state } => write!(
                f,
                "Track script {script} is {state}, expect idle - skipping run"
            ),
            Self::ScriptInherited { script, is_good } => {
                let result = if *is_good {
                    "successful"
                } else {
                    "unsuccessful"
                };
                write!(f, "VRRP_Script({script}) considered {result} on reload")
            }
            Self::InterfaceReported { interface, link } => match link {
                LinkState::Up => write!(f, "Netlink reports {interface} up"),
                LinkState::Down => write!(f, "Netlink reports {interface} down"),
                LinkState::Missing => write!(f, "Interface {interface} deleted"),
            },
            Self::AddressAssigned { interface, address } => {
                write!(f, "Assigned address {address} for interface {interface}")
            }
            Self::AddressDeassigned { interface, address } => {
                write!(f, "Deassigned address {address} from interface {interface}")
            }
            Self::AddressTaken { address } => write!(
                f,
                "Netlink reflector reports IP {} removed from {}",
                address.address, address.interface
            ),
            Self::AddressRestored { instance, address } => write!(
                f,
                "({instance}) {}/{} was removed from {} by somebody else - restoring",
                address.address, address.prefix_len, address.interface
            ),
            Self::GratuitousArpQueued {
                instance,
                interface,
                address,
            } => {
                let what = match address {
                    IpAddr::V4(_) => "gratuitous ARPs",
                    IpAddr::V6(_) => "Unsolicited Neighbour Adverts",
                };
                write!(
                    f,
                    "({instance}) Sending/queueing {what} on {interface} for {address}"
                )
            }
            Self::GroupSynced { group, state } => write!(
                f,
                "VRRP_Group({group}) Syncing instances to {} state",
                state.name()
            ),
            Self::GroupFaulted { group, instance } => {
                write!(f, "VRRP_Group({group}): Syncing {instance} to FAULT state")
            }
            Self::StartupDelayed { vrrp_startup_delay } => write!(
                f,
                "Delaying startup for {} seconds",
                vrrp_startup_delay.as_secs_f64()
            ),
            Self::StartupDelayEnded => f.write_str("Delayed start completed"),
            Self::Tracking(event) => event.fmt(f),
            Self::TimerExpired { instance, late } => write!(
                f,
                "({instance}) A thread timer expired {}.{:06} seconds ago - a peer has taken over",
                late.as_secs(),
                late.subsec_micros()
            ),
            Self::UnknownVrid {
                virtual_router_id,
                interface,
                source,
            } => write!(
                f,
                "Unknown VRID({virtual_router_id}) received on interface({interface}) from {source}. ignoring..."
            ),
        }
    }
}

fn init(initial: bool) -> &'static str {
    if initial { " (init)" } else { "" }
}

fn excluded_prefix(excluded: bool) -> &'static str {
    if excluded { "E-" } else { "" }
}
