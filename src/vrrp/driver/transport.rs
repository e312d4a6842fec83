//! What carries VRRP packets: one raw socket hears one of these.

use crate::config::{Authentication, VrrpInstance};
use crate::types::AddressFamily;
use crate::wire::ah;
use crate::wire::vrrp::PROTOCOL;

/// Offset in the IPv4 header.
const IPV4_PROTOCOL: usize = 9;

/// What carries VRRP.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Transport {
    Ipv4,
    /// In an IP authentication header.
    Ipv4Ah,
    Ipv6,
}

impl Transport {
    pub(super) fn of(instance: &VrrpInstance) -> Self {
        match (instance.family(), instance.authentication) {
            (AddressFamily::Inet6, _) => Self::Ipv6,
            (AddressFamily::Inet, Authentication::Ah(_)) => Self::Ipv4Ah,
            (AddressFamily::Inet, Authentication::None | Authentication::Pass(_)) => Self::Ipv4,
        }
    }

    pub(super) fn of_packet(packet: &[u8]) -> Self {
        match (
            packet.first().map(|octet| octet >> 4),
            packet.get(IPV4_PROTOCOL),
        ) {
            (Some(6), _) => Self::Ipv6,
            (_, Some(&ah::PROTOCOL)) => Self::Ipv4Ah,
            _ => Self::Ipv4,
        }
    }

    pub(super) fn protocol(self) -> u8 {
        match self {
            Self::Ipv4 | Self::Ipv6 => PROTOCOL,
            Self::Ipv4Ah => ah::PROTOCOL,
        }
    }
}
