//! What makes a virtual router the same one.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{AddressFamily, InterfaceName, Vrid};

/// Which virtual router an instance is, whatever its name (keepalived: VRID, address family, interface, and
/// multicast or unicast from the same address).
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct RouterIdentity {
    pub interface: InterfaceName,
    pub virtual_router_id: Vrid,
    pub family: AddressFamily,
    pub transport: Transport,
}

/// How its adverts travel.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Transport {
    Multicast,
    /// From the configured address, the interface's own where there is none.
    Unicast {
        source: Option<IpAddr>,
    },
}

impl fmt::Display for RouterIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} VRID {}", self.interface, self.virtual_router_id)
    }
}
