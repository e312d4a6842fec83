//! ICMP errors: those of others, carried through the NAT both ways, and the director's own (RFC 792, RFC 5508).

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Datagram;
use super::nat::{Side, checksum_field, rewrite_header};
use crate::dataplane::checksum::{Difference, read, whole, write};
use crate::dataplane::flow::{IcmpError, icmp, ipv4};
use crate::dataplane::packet::Packet;

/// Rewrites an error: its own address on `side`, and on the other side of the packet it complains about, which
/// travelled in the opposite direction, that address and port.
pub(in crate::dataplane) fn rewrite(
    packet: &mut Packet<'_>,
    error: &IcmpError,
    side: Side,
    new: SocketAddrV4,
) {
    let datagram = packet.datagram_mut();
    let outer = match side {
        Side::Source => error.source,
        Side::Destination => error.destination,
    };
    rewrite_header(datagram, side, outer, *new.ip());
    rewrite_embedded(datagram, error, side, new);
    let Some(message) = datagram.get_mut(error.offset..error.length) else {
        return;
    };
    write(message, icmp::CHECKSUM, 0);
    let checksum = whole(message);
    write(message, icmp::CHECKSUM, checksum);
}

fn rewrite_embedded(datagram: &mut [u8], error: &IcmpError, side: Side, new: SocketAddrV4) {
    // What came from the client to the virtual address went on to the real server: an error of the real
    // server's about it names the destination that the client knows.
    let (old, address_field, port) = match side {
        Side::Source => (error.embedded_destination, ipv4::DESTINATION, 2),
        Side::Destination => (error.embedded_source, ipv4::SOURCE, 0),
    };
    let port = error.embedded_ports + port;
    write(datagram, port..port + 2, new.port());
    let checksum = checksum_field(error.protocol, error.embedded_ports);
    let both = Difference::default()
        .address(*old.ip(), *new.ip())
        .word(old.port(), new.port());
    // Often cut off; a UDP checksum of 0 is none. Beyond the end of the message it is not there.
    let there = checksum.end <= error.length;
    if there && read(datagram, checksum.clone()).is_some_and(|old| old != 0) {
        both.apply(datagram, checksum);
    }
    let Some(embedded) = datagram.get_mut(error.embedded..) else {
        return;
    };
    if let Some(place) = embedded.get_mut(address_field) {
        place.copy_from_slice(&new.ip().octets());
    }
    Difference::default()
        .address(*old.ip(), *new.ip())
        .apply(embedded, ipv4::CHECKSUM);
}

/// Which error the director sends itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::dataplane) enum Error {
    /// RFC 1191: the MTU of the next hop.
    FragmentationNeeded(u16),
    PortUnreachable,
    TimeExceeded,
}

/// An error from `source` to the sender of `datagram`: its IPv4 header and eight bytes come back.
pub(in crate::dataplane) fn answer(
    error: Error,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    datagram: &[u8],
) -> Datagram {
    let (icmp_type, code, mtu) = match error {
        Error::FragmentationNeeded(mtu) => (icmp::DESTINATION_UNREACHABLE, 4, mtu),
        Error::PortUnreachable => (icmp::DESTINATION_UNREACHABLE, 3, 0),
        Error::TimeExceeded => (icmp::TIME_EXCEEDED, 0, 0),
    };
    let header_length = datagram
        .first()
        .map_or(0, |first| usize::from(first & 0x0f) * 4);
    let quoted = datagram.get(..header_length + 8).unwrap_or(datagram);
    let mut message = [0; icmp::HEADER + 60 + 8];
    let length = icmp::HEADER + quoted.len().min(60 + 8);
    message[0] = icmp_type;
    message[1] = code;
    write(&mut message, 6..8, mtu);
    message[icmp::HEADER..length].copy_from_slice(&quoted[..length - icmp::HEADER]);
    let checksum = whole(&message[..length]);
    write(&mut message, icmp::CHECKSUM, checksum);
    Datagram::new(source, destination, icmp::PROTOCOL, &message[..length])
}
