//! What the VRRP child owns in the kernel and the parent must be able to take away.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::InterfaceName;

/// An address that this program has put on an interface.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct OwnedAddress {
    pub interface: InterfaceName,
    pub address: IpAddr,
    pub prefix_len: u8,
}
