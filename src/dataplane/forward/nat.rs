//! NAT: the destination of what comes from the client, the source of what comes from the real server.
//!
//! Checksums follow by the difference (RFC 1624). One that the device completes covers the pseudo header only
//! so far, so it gets the difference of the addresses and never that of the ports.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

use crate::dataplane::checksum::{Difference, read, write};
use crate::dataplane::flow::{LaterFragment, Segment, ipv4, tcp, udp};
use crate::dataplane::packet::{Packet, PartialChecksum};
use crate::types::Protocol;

/// Which of the two addresses is replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::dataplane) enum Side {
    Source,
    Destination,
}

/// The checksum that is to be completed is not that of the segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::dataplane) struct ForeignPartialChecksum;

/// Replaces one address and port of a segment and takes one from its time to live.
pub(in crate::dataplane) fn rewrite(
    packet: &mut Packet<'_>,
    segment: &Segment,
    side: Side,
    new: SocketAddrV4,
) -> Result<(), ForeignPartialChecksum> {
    let partial = match packet.partial_checksum() {
        None => false,
        Some(PartialChecksum::At(start)) if start == segment.offset => true,
        Some(PartialChecksum::At(_) | PartialChecksum::Outside) => {
            return Err(ForeignPartialChecksum);
        }
    };
    let (old, port) = match side {
        Side::Source => (segment.source, segment.offset..segment.offset + 2),
        Side::Destination => (segment.destination, segment.offset + 2..segment.offset + 4),
    };
    let datagram = packet.datagram_mut();
    rewrite_header(datagram, side, *old.ip(), *new.ip());
    write(datagram, port, new.port());
    let addresses = Difference::default().address(*old.ip(), *new.ip());
    let both = addresses.word(old.port(), new.port());
    let field = checksum_field(segment.protocol, segment.offset);
    let Some(checksum) = read(datagram, field.clone()) else {
        return Ok(());
    };
    let updated = match (segment.protocol, partial) {
        (_, true) => addresses.on_partial(checksum),
        // RFC 768: 0 means that the sender made none.
        (Protocol::Udp, false) if checksum == 0 => 0,
        (Protocol::Udp, false) => match both.on_finished(checksum) {
            0 => 0xffff,
            other => other,
        },
        (Protocol::Tcp | Protocol::Sctp, false) => both.on_finished(checksum),
    };
    write(datagram, field, updated);
    Ok(())
}

/// Replaces one address of a fragment without ports. The transport checksum is in the first one.
pub(in crate::dataplane) fn rewrite_fragment(
    packet: &mut Packet<'_>,
    fragment: &LaterFragment,
    side: Side,
    new: Ipv4Addr,
) {
    let old = match side {
        Side::Source => fragment.key.source,
        Side::Destination => fragment.key.destination,
    };
    rewrite_header(packet.datagram_mut(), side, old, new);
}

/// Replaces the address and takes one from the time to live, with the header's checksum.
pub(in crate::dataplane) fn rewrite_header(
    datagram: &mut [u8],
    side: Side,
    old: Ipv4Addr,
    new: Ipv4Addr,
) {
    let field = match side {
        Side::Source => ipv4::SOURCE,
        Side::Destination => ipv4::DESTINATION,
    };
    if let Some(place) = datagram.get_mut(field) {
        place.copy_from_slice(&new.octets());
    }
    let word = read(datagram, ipv4::TTL_AND_PROTOCOL).unwrap_or(0);
    let lower = word.saturating_sub(0x0100);
    write(datagram, ipv4::TTL_AND_PROTOCOL, lower);
    Difference::default()
        .address(old, new)
        .word(word, lower)
        .apply(datagram, ipv4::CHECKSUM);
}

/// Where the checksum of a segment at `offset` is.
pub(in crate::dataplane) fn checksum_field(protocol: Protocol, offset: usize) -> Range<usize> {
    let field = match protocol {
        Protocol::Tcp | Protocol::Sctp => tcp::CHECKSUM,
        Protocol::Udp => udp::CHECKSUM,
    };
    offset + field.start..offset + field.end
}
