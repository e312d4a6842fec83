//! Unsolicited neighbour advertisements (RFC 4861 §4.4, §7.2.6), as keepalived sends them: to all nodes, from the address
//! that they are about.

use std::net::Ipv6Addr;

use super::ipv4::internet_checksum;
use super::ipv6;

/// Octets of the Ethernet frame.
pub const FRAME_LEN: usize = 14 + ipv6::HEADER_LEN + MESSAGE_LEN as usize;

/// Where they go.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// RFC 2464 §7.
const ALL_NODES_ETHERNET: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ETHERTYPE_IPV6: u16 = 0x86dd;
const NEXT_HEADER_ICMPV6: u8 = 58;
/// RFC 4861 §7.1.2: a router on the way would have lowered it.
const HOP_LIMIT: u8 = 255;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const FLAG_ROUTER: u8 = 0x80;
const FLAG_OVERRIDE: u8 = 0x20;
const OPTION_TARGET_LINK_LAYER_ADDRESS: u8 = 2;
/// ICMPv6 header and flags, target, link-layer option.
const MESSAGE_LEN: u16 = 8 + 16 + 8;

/// What the sender says of itself (RFC 4861 §4.4, R).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    Host,
    /// The interface forwards.
    Router,
}

/// The whole Ethernet frame that tells a segment that `address` is at `hardware_address`. Override is set,
/// Solicited is not.
pub fn unsolicited_advertisement(
    hardware_address: [u8; 6],
    address: Ipv6Addr,
    role: Role,
) -> [u8; FRAME_LEN] {
    let mut message = [0; MESSAGE_LEN as usize];
    message[0] = NEIGHBOUR_ADVERTISEMENT;
    message[4] = match role {
        Role::Host => FLAG_OVERRIDE,
        Role::Router => FLAG_OVERRIDE | FLAG_ROUTER,
    };
    message[8..24].copy_from_slice(&address.octets());
    message[24] = OPTION_TARGET_LINK_LAYER_ADDRESS;
    message[25] = 1;
    message[26..32].copy_from_slice(&hardware_address);
    // RFC 4443 §2.3: with a pseudo header.
    let [high, low] = MESSAGE_LEN.to_be_bytes();
    let trailer = [0, 0, high, low, 0, 0, 0, NEXT_HEADER_ICMPV6];
    let (source, destination) = (address.octets(), ALL_NODES.octets());
    let checksum = internet_checksum(&[&source, &destination, &trailer, &message]);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());

    let header = ipv6::Header {
        traffic_class: 0,
        next_header: NEXT_HEADER_ICMPV6,
        hop_limit: HOP_LIMIT,
        source: address,
        destination: ALL_NODES,
    };
    let mut frame = [0; FRAME_LEN];
    frame[0..6].copy_from_slice(&ALL_NODES_ETHERNET);
    frame[6..12].copy_from_slice(&hardware_address);
    frame[12..14].copy_from_slice(&ETHERTYPE_IPV6.to_be_bytes());
    frame[14..54].copy_from_slice(&header.emit_header(MESSAGE_LEN));
    frame[54..].copy_from_slice(&message);
    frame
}

#[cfg(test)]
mod tests {
    use pnet_packet::Packet;
    use pnet_packet::ethernet::{EtherTypes, EthernetPacket};
    use pnet_packet::icmpv6::ndp::{NdpOptionTypes, NeighborAdvertPacket};
    use pnet_packet::icmpv6::{Icmpv6Packet, Icmpv6Types, checksum};
    use pnet_packet::ipv6::Ipv6Packet;

    use super::*;

    fn flags(role: Role) -> u8 {
        unsolicited_advertisement([2, 0, 0, 0, 0, 1], Ipv6Addr::LOCALHOST, role)[58]
    }

    #[test]
    fn an_independent_reader_sees_an_unsolicited_advertisement_for_the_own_address() {
        let hardware_address = [0x02, 0, 0, 0, 0, 0x01];
        let address = "fd00::100".parse().expect("an address");
        let frame = unsolicited_advertisement(hardware_address, address, Role::Host);

        let ethernet = EthernetPacket::new(&frame).expect("frame");
        assert_eq!(ethernet.get_destination().octets(), ALL_NODES_ETHERNET);
        assert_eq!(ethernet.get_source().octets(), hardware_address);
        assert_eq!(ethernet.get_ethertype(), EtherTypes::Ipv6);

        let ip = Ipv6Packet::new(ethernet.payload()).expect("packet");
        assert_eq!(
            (ip.get_source(), ip.get_destination()),
            (address, ALL_NODES)
        );
        assert_eq!(ip.get_hop_limit(), 255);
        assert_eq!(usize::from(ip.get_payload_length()), ip.payload().len());

        let icmp = Icmpv6Packet::new(ip.payload()).expect("message");
        assert_eq!(icmp.get_icmpv6_type(), Icmpv6Types::NeighborAdvert);
        assert_eq!(icmp.get_checksum(), checksum(&icmp, &address, &ALL_NODES));

        let advert = NeighborAdvertPacket::new(ip.payload()).expect("advertisement");
        assert_eq!(advert.get_target_addr(), address);
        let options = advert.get_options();
        assert_eq!(options.len(), 1);
        assert_eq!(options[0].option_type, NdpOptionTypes::TargetLLAddr);
        assert_eq!(options[0].data, hardware_address);
    }

    #[test]
    fn it_overrides_is_never_solicited_and_names_a_router_where_one_is() {
        assert_eq!(flags(Role::Host), 0x20);
        assert_eq!(flags(Role::Router), 0xa0);
    }
}
