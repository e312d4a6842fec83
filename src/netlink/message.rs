//! Links and addresses as the kernel describes them, out of rtnetlink messages.

use std::net::IpAddr;

use netlink_packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol,
};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::types::InterfaceName;

/// An interface (`struct ifinfomsg`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    pub index: u32,
    pub name: InterfaceName,
    /// IFF_UP: the operator wants it up.
    pub is_up: bool,
    /// IFF_RUNNING: the kernel holds it for usable; on Ethernet, there is a carrier.
    pub is_running: bool,
    /// IFF_NOARP: nobody there listens to ARP.
    pub is_noarp: bool,
    /// Link-layer address; `None` where it does not have six bytes.
    pub mac: Option<[u8; 6]>,
}

/// An address of an interface (`struct ifaddrmsg`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    /// Index of its interface.
    pub index: u32,
    pub address: IpAddr,
    pub prefix_len: u8,
    /// The kernel's number, 0 for global to 255 for nowhere.
    pub scope: u8,
    /// IFA_F_SECONDARY: not the first of its network, never a source by default.
    pub is_secondary: bool,
    /// IFA_F_TENTATIVE or IFA_F_DADFAILED: nothing can be sent from it (RFC 4862 §5.4).
    pub is_tentative: bool,
    /// IFA_PROTO: who set it; since Linux 5.18.
    pub protocol: Option<u8>,
}

/// One thing that the kernel said has changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// New, or changed in whatever way.
    Link(Link),
    LinkGone {
        index: u32,
    },
    Address(Address),
    AddressGone(Address),
}

impl Change {
    /// `None` for a message that does not concern us.
    pub(super) fn from_message(message: &RouteNetlinkMessage) -> Option<Self> {
        match message {
            RouteNetlinkMessage::NewLink(link) => Link::from_message(link).map(Self::Link),
            // A port that leaves its bridge is a DelLink too, of the family AF_BRIDGE.
            RouteNetlinkMessage::DelLink(link) => {
                (link.header.interface_family == AddressFamily::Unspec).then_some(Self::LinkGone {
                    index: link.header.index,
                })
            }
            RouteNetlinkMessage::NewAddress(address) => {
                Address::from_message(address).map(Self::Address)
            }
            RouteNetlinkMessage::DelAddress(address) => {
                Address::from_message(address).map(Self::AddressGone)
            }
            _ => None,
        }
    }
}

impl Link {
    pub(super) fn from_message(message: &LinkMessage) -> Option<Self> {
        let header = &message.header;
        if header.interface_family != AddressFamily::Unspec {
            return None;
        }
        let name = message.attributes.iter().find_map(|it| match it {
            LinkAttribute::IfName(name) => InterfaceName::new(name).ok(),
            _ => None,
        })?;
        let mac = message.attributes.iter().find_map(|it| match it {
            LinkAttribute::Address(bytes) => <[u8; 6]>::try_from(bytes.as_slice()).ok(),
            _ => None,
        });
        Some(Self {
            index: header.index,
            name,
            is_up: header.flags.contains(LinkFlags::Up),
            is_running: header.flags.contains(LinkFlags::Running),
            is_noarp: header.flags.contains(LinkFlags::Noarp),
            mac,
        })
    }
}

impl Address {
    pub(super) fn from_message(message: &AddressMessage) -> Option<Self> {
        let header = &message.header;
        // On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL ours; IPv6 has IFA_ADDRESS
        // only.
        let local = message.attributes.iter().find_map(|it| match it {
            AddressAttribute::Local(address) => Some(*address),
            _ => None,
        });
        let address = local.or_else(|| {
            message.attributes.iter().find_map(|it| match it {
                AddressAttribute::Address(address) => Some(*address),
                _ => None,
            })
        })?;
        let protocol = message.attributes.iter().find_map(|it| match it {
            AddressAttribute::Protocol(protocol) => Some(protocol_number(*protocol)),
            _ => None,
        });
        Some(Self {
            index: header.index,
            address,
            prefix_len: header.prefix_len,
            scope: header.scope.into(),
            is_secondary: header.flags.contains(AddressHeaderFlags::Secondary),
            is_tentative: header
                .flags
                .intersects(AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed),
            protocol,
        })
    }
}

fn protocol_number(protocol: AddressProtocol) -> u8 {
    protocol.into()
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::Parseable;
    use netlink_packet_route::address::AddressMessage;

    use super::*;

    fn link_message(family: AddressFamily) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.interface_family = family;
        message.header.index = 7;
        message.header.flags = LinkFlags::Up | LinkFlags::Running;
        message.attributes = vec![
            LinkAttribute::IfName("eth0".to_owned()),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
        ];
        message
    }

    #[test]
    fn a_port_that_leaves_its_bridge_is_not_an_interface_that_goes_away() {
        let gone = |family| RouteNetlinkMessage::DelLink(link_message(family));
        assert_eq!(Change::from_message(&gone(AddressFamily::Bridge)), None);
        assert_eq!(
            Change::from_message(&gone(AddressFamily::Unspec)),
            Some(Change::LinkGone { index: 7 })
        );
    }

    #[test]
    fn a_link_has_its_flags_and_its_hardware_address() {
        let link = Link::from_message(&link_message(AddressFamily::Unspec)).expect("a link");
        assert_eq!((link.index, link.name.as_str()), (7, "eth0"));
        assert!(link.is_up && link.is_running && !link.is_noarp);
        assert_eq!(link.mac, Some([2, 0, 0, 0, 0, 1]));
    }

    // An RTM_NEWADDR with a peer's address, written out by hand after rtnetlink(7).
    #[test]
    fn an_address_is_the_local_one_and_carries_its_protocol() {
        let bytes = [
            0x02, 0x18, 0x80, 0x00, 0x01, 0x00, 0x00, 0x00, // ifaddrmsg
            0x08, 0x00, 0x01, 0x00, 0x0a, 0x00, 0x00,
            0x63, // IFA_ADDRESS 10.0.0.99 (a peer's)
            0x08, 0x00, 0x02, 0x00, 0x0a, 0x00, 0x00, 0x64, // IFA_LOCAL 10.0.0.100
            0x05, 0x00, 0x0b, 0x00, 0x12, 0x00, 0x00, 0x00, // IFA_PROTO 18
        ];
        let message = AddressMessage::parse(bytes.as_slice()).expect("well formed");
        let address = Address::from_message(&message).expect("an address");
        assert_eq!(address.address, IpAddr::from([10, 0, 0, 100]));
        assert_eq!((address.index, address.prefix_len), (1, 24));
        assert_eq!(address.protocol, Some(18));
        assert!(!address.is_secondary);
    }
}
