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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataplane::checksum::{transport, whole};
    use crate::dataplane::flow::{Flow, parse};
    use crate::dataplane::packet::DATAGRAM;

    proptest! {
        /// Whatever is replaced: a finished checksum equals the one made anew, an unfinished one the sum of the
        /// new pseudo header.
        #[test]
        fn rewritten_checksums_equal_those_made_anew(
            addresses: [[u8; 4]; 3],
            ports: [u16; 3],
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            source_side: bool,
            is_udp: bool,
            partial: bool,
        ) {
            let [from, to, new] = addresses.map(Ipv4Addr::from);
            let number = if is_udp { 17 } else { 6 };
            let header_length = if is_udp { 8 } else { 20 };
            let mut segment = vec![0; header_length];
            segment[..2].copy_from_slice(&ports[0].to_be_bytes());
            segment[2..4].copy_from_slice(&ports[1].to_be_bytes());
            if !is_udp {
                segment[tcp::DATA_OFFSET] = 0x50;
            }
            segment.extend_from_slice(&payload);
            let protocol = if is_udp { Protocol::Udp } else { Protocol::Tcp };
            let field = checksum_field(protocol, 0);
            let made = |from, to, segment: &[u8]| {
                if partial {
                    !transport(from, to, number, &vec![0; segment.len()])
                } else {
                    match transport(from, to, number, segment) {
                        0 if is_udp => 0xffff,
                        sum => sum,
                    }
                }
            };
            let sum = made(from, to, &segment);
            write(&mut segment, field.clone(), sum);

            let mut frame = vec![0; DATAGRAM + 20];
            if partial {
                frame[0] = 1;
                frame[6..8].copy_from_slice(&34u16.to_ne_bytes());
            }
            frame[22..24].copy_from_slice(&[8, 0]);
            let ip = &mut frame[DATAGRAM..];
            ip[0] = 0x45;
            let length = u16::try_from(20 + segment.len()).expect("short");
            ip[2..4].copy_from_slice(&length.to_be_bytes());
            ip[8] = 64;
            ip[9] = number;
            ip[12..16].copy_from_slice(&from.octets());
            ip[16..20].copy_from_slice(&to.octets());
            let header_sum = whole(ip);
            write(ip, ipv4::CHECKSUM, header_sum);
            frame.extend_from_slice(&segment);

            let Ok(Flow::Segment(parsed)) = parse(&frame[DATAGRAM..]) else {
                panic!("a segment");
            };
            let mut packet = Packet::new(&mut frame, 1).expect("a packet");
            let (side, from, to) = if source_side {
                (Side::Source, new, to)
            } else {
                (Side::Destination, from, new)
            };
            rewrite(&mut packet, &parsed, side, SocketAddrV4::new(new, ports[2])).expect("ours");

            let mut after = packet.datagram().to_vec();
            prop_assert_eq!(after[ipv4::TTL], 63);
            prop_assert_eq!(whole(&after[..20]), 0);
            let segment = &mut after[20..];
            let found = read(segment, field.clone()).expect("a checksum");
            write(segment, field, 0);
            let expected = made(from, to, segment);
            // Both are zero in one's complement.
            let zero = |sum: u16| if sum == 0xffff { 0 } else { sum };
            prop_assert_eq!(zero(found), zero(expected));
            prop_assert!(!is_udp || partial || found != 0);
        }
    }
}
