//! TCP resets in the name of a virtual or real server.

use std::net::SocketAddrV4;

use super::Datagram;
use crate::dataplane::checksum::{transport, write};
use crate::dataplane::flow::{Segment, tcp};

const TCP: u8 = 6;

/// The answer to a segment that belongs to no connection (RFC 9293 §3.10.7.1); none to a reset.
pub(in crate::dataplane) fn answer(segment: &Segment) -> Option<Datagram> {
    let fields = segment.tcp.filter(|fields| !fields.resets())?;
    Some(if fields.flags & tcp::ACK != 0 {
        bare(
            segment.destination,
            segment.source,
            tcp::RST,
            fields.acknowledgment,
            0,
        )
    } else {
        let acknowledged = fields.sequence.wrapping_add(fields.sequence_length);
        bare(
            segment.destination,
            segment.source,
            tcp::RST | tcp::ACK,
            0,
            acknowledged,
        )
    })
}

/// What ends a connection at its client, when all that is known of it is one segment of the real server.
///
/// NAT leaves sequence numbers alone, so the segment's own one belongs to the connection, but the client may have got
/// further, or not as far. A receiver takes only a reset with exactly the number that it expects (RFC 5961 §3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientReset {
    /// Right if the segment is the one that the client expects; within its window, the client asks back.
    pub reset: Datagram,
    /// The form of a keep-alive: a client that got as far or farther acknowledges what it has (RFC 9293
    /// §3.8.4), and the answer to that is a reset with the right number.
    pub keep_alive: Datagram,
}

/// Ends the connection of `segment` at its receiver, in the name of `source`; not for one that ends it itself.
pub(in crate::dataplane) fn client_reset(
    segment: &Segment,
    source: SocketAddrV4,
) -> Option<ClientReset> {
    let fields = segment.tcp.filter(|fields| !fields.resets())?;
    let to_client = |flags, sequence| {
        bare(
            source,
            segment.destination,
            flags,
            sequence,
            fields.acknowledgment,
        )
    };
    Some(ClientReset {
        reset: to_client(tcp::RST | (fields.flags & tcp::ACK), fields.sequence),
        keep_alive: to_client(tcp::ACK, fields.sequence.wrapping_sub(1)),
    })
}

/// A segment without payload.
fn bare(
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
