//! What can happen to the virtual routers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use super::WallClock;
use crate::types::{InterfaceName, OwnedAddress, RouterIdentity};

/// One thing that happened. Time itself comes beside it.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<'a> {
    /// An IP packet of protocol 112, or 51 around it, with its header, as it came to `interface`.
    Packet {
        interface: &'a InterfaceName,
        bytes: &'a [u8],
    },
    /// The kernel says this of an interface; repetitions are harmless.
    Interface(InterfaceState),
    /// An address went away from an interface. Only addresses that this node set matter.
    AddressRemoved(OwnedAddress),
    /// A route or rule of that instance had gone and has been put back.
    RoutingRestored { instance: String },
    /// A run of a track script ended.
    ScriptExited {
        script: String,
        outcome: ScriptOutcome,
    },
    /// No copy of an advert of this virtual router could be sent.
    AdvertUnsent(RouterIdentity),
    /// A tracked file holds this number; 0 where there is no file.
    FileRead {
        /// Name of the `track_file`.
        file: String,
        value: i32,
    },
    /// There are so many of a tracked process.
    ProcessesCounted {
        /// Name of the `vrrp_track_process`.
        process: String,
        count: u32,
    },
    /// The time of day has been looked at; wanted before the others where an instance signs its adverts.
    Clock(WallClock),
    /// `next_timeout` has passed, or may have: an early or late call is harmless.
    Timeout,
}

/// An interface as netlink describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InterfaceState {
    pub interface: InterfaceName,
    pub link: LinkState,
    /// First primary IPv4 address that is not one of ours; the source of multicast adverts.
    pub primary_address: Option<Ipv4Addr>,
    /// First link-local address that is usable (not tentative) and not one of ours; the source of adverts over IPv6
    /// (RFC 5798 §5.1.2.1).
    pub link_local: Option<Ipv6Addr>,
    /// Of the configured sources of adverts, those that it has and that can be used.
    pub sources: BTreeSet<IpAddr>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkState {
    /// IFF_UP and IFF_RUNNING.
    Up,
    Down,
    /// There is no interface of that name.
    Missing,
}

/// How a run of a script ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ScriptOutcome {
    Exited(i32),
    Signaled(i32),
    /// It could not be started (errno); counts as a failure.
    NotStarted(i32),
}

/// A virtual router that the VRRP child's previous incarnation was MASTER of. Until the lease ends no peer can have
/// taken over, so the new incarnation goes on as MASTER at once, under whatever name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resume {
    pub router: RouterIdentity,
    pub lease_until: Instant,
}
