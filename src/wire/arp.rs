//! Gratuitous ARP (RFC 826, RFC 5944 §4.6), as keepalived sends it: a request, broadcast, with the
//! broadcast address also as target hardware address.

use std::net::Ipv4Addr;

/// Octets of an Ethernet frame with an ARP packet, without padding.
pub const FRAME_LEN: usize = 42;

const BROADCAST: [u8; 6] = [0xff; 6];
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV4: u16 = 0x0800;
const HARDWARE_ETHERNET: u16 = 1;
const OPERATION_REQUEST: u16 = 1;

/// The whole Ethernet frame that tells a segment that `address` is at `hardware_address`.
///
/// ```text
/// destination 6 | source 6 | type 2 || htype 2 | ptype 2 | hlen 1 | plen 1 | operation 2
/// sender hardware 6 | sender address 4 | target hardware 6 | target address 4
/// ```
pub fn gratuitous(hardware_address: [u8; 6], address: Ipv4Addr) -> [u8; FRAME_LEN] {
    let mut frame = [0; FRAME_LEN];
    frame[0..6].copy_from_slice(&BROADCAST);
    frame[6..12].copy_from_slice(&hardware_address);
    frame[12..14].copy_from_slice(&ETHERTYPE_ARP.to_be_bytes());
    frame[14..16].copy_from_slice(&HARDWARE_ETHERNET.to_be_bytes());
    frame[16..18].copy_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
    frame[18] = 6;
    frame[19] = 4;
    frame[20..22].copy_from_slice(&OPERATION_REQUEST.to_be_bytes());
    frame[22..28].copy_from_slice(&hardware_address);
    frame[28..32].copy_from_slice(&address.octets());
    frame[32..38].copy_from_slice(&BROADCAST);
    frame[38..42].copy_from_slice(&address.octets());
    frame
}

#[cfg(test)]
mod tests {
    use pnet_packet::Packet;
    use pnet_packet::arp::{ArpOperations, ArpPacket};
    use pnet_packet::ethernet::{EtherTypes, EthernetPacket};

    use super::*;

    #[test]
    fn an_independent_reader_sees_a_broadcast_request_for_the_own_address() {
        let hardware_address = [0x02, 0, 0, 0, 0, 0x01];
        let address = Ipv4Addr::new(10, 9, 0, 100);
        let frame = gratuitous(hardware_address, address);

        let ethernet = EthernetPacket::new(&frame).expect("frame");
        assert_eq!(ethernet.get_destination().octets(), BROADCAST);
        assert_eq!(ethernet.get_source().octets(), hardware_address);
        assert_eq!(ethernet.get_ethertype(), EtherTypes::Arp);

        let arp = ArpPacket::new(ethernet.payload()).expect("packet");
        assert_eq!(arp.get_operation(), ArpOperations::Request);
        assert_eq!(arp.get_sender_hw_addr().octets(), hardware_address);
        assert_eq!(arp.get_sender_proto_addr(), address);
        assert_eq!(arp.get_target_hw_addr().octets(), BROADCAST);
        assert_eq!(arp.get_target_proto_addr(), address);
    }
}
