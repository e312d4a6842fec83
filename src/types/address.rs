//! An entry of `virtual_ipaddress` or `static_ipaddress`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::{InterfaceName, IpPrefix};

/// How far an address or a route reaches (`linux/rtnetlink.h` rt_scope_t); keyword `scope`.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct RouteScope(u8);

impl RouteScope {
    pub const GLOBAL: Self = Self(0);
    pub const LINK: Self = Self(253);
    pub const HOST: Self = Self(254);

    /// By the kernel's number.
    pub fn new(number: u8) -> Self {
        Self(number)
    }

    pub fn number(self) -> u8 {
        self.0
    }
}

/// How long an IPv6 address may be the source of new connections.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum PreferredLifetime {
    /// 0: never.
    Seconds(u32),
    Forever,
}

/// One virtual or static address with its options (keepalived: vrrp_ipaddress.c).
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct VirtualAddress {
    pub address: IpAddr,
    /// Prefix length; /32 or /128 where the file says nothing, the peer's where there is one.
    pub prefix_len: u8,
    /// The other end of a point-to-point link.
    pub peer: Option<IpPrefix>,
    /// Interface; the instance's or `default_interface` where the file says nothing.
    pub dev: Option<InterfaceName>,
    pub scope: RouteScope,
    /// Broadcast address; `brd +` has been computed already.
    pub broadcast: Option<Ipv4Addr>,
    /// IPv4 label, at most 15 characters.
    pub label: Option<String>,
    /// IPv6: the home address of Mobile IPv6 (RFC 6275).
    pub home: bool,
    /// IPv6, `-nodad`: let the kernel look for duplicates first, as it otherwise does not.
    pub dad: bool,
    /// IPv6: template of temporary addresses (RFC 8981).
    pub mngtmpaddr: bool,
    /// No route to the prefix.
    pub noprefixroute: bool,
    /// Join the multicast group of that address.
    pub autojoin: bool,
    /// `None`: forever, for IPv6 with /128 never.
    pub preferred_lft: Option<PreferredLifetime>,
    /// Its removal by somebody else is not acted upon.
    pub no_track: bool,
    /// Static addresses only: who goes to FAULT with its interface.
    pub track_group: Option<String>,
    /// Virtual addresses only: on an interface with the virtual MAC address.
    pub use_vmac: bool,
}

impl VirtualAddress {
    /// An address with all options at their defaults.
    pub fn new(address: IpAddr, prefix_len: u8) -> Self {
        Self {
            address,
            prefix_len,
            peer: None,
            dev: None,
            scope: RouteScope::GLOBAL,
            broadcast: None,
            label: None,
            home: false,
            dad: false,
            mngtmpaddr: false,
            noprefixroute: false,
            autojoin: false,
            preferred_lft: None,
            no_track: false,
            track_group: None,
            use_vmac: false,
        }
    }

    /// What the kernel is told. An IPv6 host address is never a source, so that connections from
    /// this node keep the node's own (keepalived).
    pub fn preferred_lifetime(&self) -> PreferredLifetime {
        let default = if self.address.is_ipv6() && self.prefix_len == 128 {
            PreferredLifetime::Seconds(0)
        } else {
            PreferredLifetime::Forever
        };
        self.preferred_lft.unwrap_or(default)
    }
}

impl fmt::Display for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}
