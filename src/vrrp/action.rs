//! What the virtual routers want done, in order.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Announcement, Event};
use crate::types::{
    AdvertPriority, InterfaceName, OwnedAddress, RouterIdentity, Routing, ScriptCommand,
    VirtualAddress,
};

/// Whole packets, and where each goes.
pub type AdvertPackets = Vec<(IpAddr, Vec<u8>)>;

/// To be carried out from first to last.
pub type Actions = Vec<Action>;

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send `packet` (whole, with its IP header) on the router's interface to each destination in turn; the destination
    /// in its header is that of the same position. Multicast goes out with MSG_DONTROUTE.
    SendAdvert {
        instance: Arc<str>,
        router: RouterIdentity,
        priority: AdvertPriority,
        /// The router keeps them for its next advert.
        packets: Arc<AdvertPackets>,
    },
    /// Until then no peer takes over, `term` after the advert that it follows. One that could not be sent renews
    /// nothing.
    RenewLease {
        instance: Arc<str>,
        router: RouterIdentity,
        term: Duration,
        until: Instant,
    },
    /// No longer MASTER and every address taken away.
    EndLease {
        instance: String,
        router: RouterIdentity,
    },
    /// Put the addresses on their interfaces; one that is there already is adopted.
    AddAddresses {
        instance: String,
        addresses: Vec<(OwnedAddress, VirtualAddress)>,
    },
    /// Take them away; one that is not there is no error.
    RemoveAddresses {
        instance: String,
        addresses: Vec<OwnedAddress>,
    },
    /// Add routes and rules, which need the addresses.
    AddRouting {
        instance: String,
        routing: Routing,
    },
    /// Take them away; what is not there is no error.
    RemoveRouting {
        instance: String,
        routing: Routing,
    },
    /// `repeat` rounds over all addresses; an unsolicited neighbour advertisement where one is IPv6.
    SendGratuitousArp {
        instance: String,
        addresses: Vec<(InterfaceName, IpAddr)>,
        repeat: u32,
    },
    /// Start a run of this track script; `Input::ScriptExited` tells how it ended.
    RunScript {
        script: String,
        command: ScriptCommand,
    },
    /// Signal the running script's process group: SIGTERM first, SIGKILL when `force`.
    KillScript {
        script: String,
        force: bool,
    },
    Notify(Notification),
    /// For the FIFOs, and for mail.
    Announce(Announcement),
    Log(Event),
}

/// A notification script to be run. Those of one `subject` run one after the other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notification {
    /// Name of the instance or group.
    pub subject: String,
    pub command: ScriptCommand,
    /// Appended to the command's own: type, name, state, priority for `notify`, nothing else.
    pub arguments: Vec<String>,
}
