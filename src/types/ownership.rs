//! What the VRRP child owns in the kernel and the parent must be able to take away.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{InterfaceName, Route, Rule};

/// An address that this program has put on an interface.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct OwnedAddress {
    pub interface: InterfaceName,
    pub address: IpAddr,
    pub prefix_len: u8,
    /// The other end of a point-to-point link, which is part of what the address is known by.
    #[serde(default)]
    pub peer: Option<IpAddr>,
}

/// How long something is ours.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Tenure {
    /// As long as a virtual router is MASTER: it goes with the lease.
    Master,
    /// As long as the program runs; a child that dies leaves it for the next one.
    Program,
}

/// Something that this program has put into the kernel. In the order in which it is to be taken
/// away.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum OwnedObject {
    Rule(Box<Rule>),
    Route(Box<Route>),
    Address(OwnedAddress),
    /// An interface that was made for a virtual router.
    Interface(InterfaceName),
    /// A table of nftables, of the inet family.
    Table(String),
    /// A setting below `/proc/sys/net` that is not as it was.
    Setting {
        key: String,
        earlier: String,
    },
}

/// Something of ours and for how long.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Owned {
    pub object: OwnedObject,
    pub tenure: Tenure,
}

impl From<OwnedAddress> for OwnedObject {
    fn from(address: OwnedAddress) -> Self {
        Self::Address(address)
    }
}
