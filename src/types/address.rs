//! An entry of `virtual_ipaddress`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::InterfaceName;

/// Version of IP that a virtual router speaks.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub enum AddressFamily {
    #[default]
    Inet,
    Inet6,
}

impl AddressFamily {
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Inet,
            IpAddr::V6(_) => Self::Inet6,
        }
    }

    /// Octets of an address.
    pub fn octets(self) -> usize {
        match self {
            Self::Inet => 4,
            Self::Inet6 => 16,
        }
    }

    /// As log lines call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inet => "IPv4",
            Self::Inet6 => "IPv6",
        }
    }
}

/// Scope of an IPv4 address (`linux/rtnetlink.h` rt_scope_t); keyword `scope`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum AddressScope {
    #[default]
    Global,
    Site,
    Link,
    Host,
}

/// One virtual address with the options of `virtual_ipaddress` (keepalived: vrrp_ipaddress.c).
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct VirtualAddress {
    pub address: IpAddr,
    /// Prefix length; /32 or /128 where the file says nothing.
    pub prefix_len: u8,
    /// Interface; the instance's where the file says nothing.
    pub dev: Option<InterfaceName>,
    pub scope: AddressScope,
    /// Broadcast address; `brd +` has been computed already.
    pub broadcast: Option<Ipv4Addr>,
    /// IPv4 label, at most 15 characters.
    pub label: Option<String>,
    /// Its removal by somebody else is not acted upon.
    pub no_track: bool,
}

impl VirtualAddress {
    /// An address with all options at their defaults.
    pub fn new(address: IpAddr, prefix_len: u8) -> Self {
        Self {
            address,
            prefix_len,
            dev: None,
            scope: AddressScope::Global,
            broadcast: None,
            label: None,
            no_track: false,
        }
    }
}

impl fmt::Display for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}
