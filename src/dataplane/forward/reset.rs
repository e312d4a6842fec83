//! TCP resets in the name of a virtual or real server.

use std::net::SocketAddrV4;

use super::Datagram;
use crate::dataplane::checksum::{transport, write};
use crate::dataplane::flow::{Segment, TcpFields, tcp};

const TCP: u8 = 6;

/// The answer to a segment that belongs to no connection (RFC 9293 §3.10.7.1); none to a reset.
pub(in crate::dataplane) fn answer(segment: &Segment) -> Option<Datagram> {
    let fields = segment.tcp.filter(|fields| !fields.resets())?;
    Some(if fields.flags & tcp::ACK != 0 {
        reset(
            segment.destination,
            segment.source,
            tcp::RST,
            fields.acknowledgment,
            0,
        )
    } else {
        let acknowledged = fields.sequence.wrapping_add(fields.sequence_length);
        reset(
            segment.destination,
            segment.source,
            tcp::RST | tcp::ACK,
            0,
            acknowledged,
        )
    })
}

/// A reset to the receiver of a segment, as if its sender had sent it from `source`. NAT leaves sequence
/// numbers alone, so the segment's own one is in the receiver's window.
pub(in crate::dataplane) fn in_place_of(
    segment: &Segment,
    fields: TcpFields,
    source: SocketAddrV4,
) -> Option<Datagram> {
    let flags = tcp::RST | (fields.flags & tcp::ACK);
    (!fields.resets()).then(|| {
        reset(
            source,
            segment.destination,
            flags,
            fields.sequence,
            fields.acknowledgment,
        )
    })
}

fn reset(
    source: SocketAddrV4,
    destination: SocketAddrV4,
    flags: u8,
    sequence: u32,
    acknowledgment: u32,
) -> Datagram {
    let mut header = [0; tcp::HEADER];
    header[..2].copy_from_slice(&source.port().to_be_bytes());
    header[2..4].copy_from_slice(&destination.port().to_be_bytes());
    header[tcp::SEQUENCE].copy_from_slice(&sequence.to_be_bytes());
    header[tcp::ACKNOWLEDGMENT].copy_from_slice(&acknowledgment.to_be_bytes());
    header[tcp::DATA_OFFSET] = 0x50;
    header[tcp::FLAGS] = flags;
    let checksum = transport(*source.ip(), *destination.ip(), TCP, &header);
    write(&mut header, tcp::CHECKSUM, checksum);
    Datagram::new(*source.ip(), *destination.ip(), TCP, &header)
}
