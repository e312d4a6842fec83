//! What a datagram is, as far as the director cares. Nothing in it is trusted.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+-------+---------------+-------------------------------+
//! |Version|  IHL  |Type of Service|          Total Length         |
//! +-------------------------------+-----+-------------------------+
//! |         Identification        |Flags|     Fragment Offset     |
//! +---------------+---------------+-----+-------------------------+
//! |  Time to Live |    Protocol   |        Header Checksum        |
//! +---------------+---------------+-------------------------------+
//! |                        Source Address                         |
//! +---------------------------------------------------------------+
//! |                      Destination Address                      |
//! +---------------------------------------------------------------+
//! ```
//! RFC 791 §3.1. Checksums are not verified here: they are changed by differences only, so that a wrong one stays
//! wrong and the receiver notices.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::checksum::read;
use crate::types::Protocol;

/// Offsets in the IPv4 header.
pub(super) mod ipv4 {
    use std::ops::Range;

    pub(in crate::dataplane) const TOTAL_LENGTH: Range<usize> = 2..4;
    pub(in crate::dataplane) const IDENTIFICATION: Range<usize> = 4..6;
    pub(in crate::dataplane) const FRAGMENT: Range<usize> = 6..8;
    pub(in crate::dataplane) const TTL: usize = 8;
    pub(in crate::dataplane) const TTL_AND_PROTOCOL: Range<usize> = 8..10;
    pub(in crate::dataplane) const PROTOCOL: usize = 9;
    pub(in crate::dataplane) const CHECKSUM: Range<usize> = 10..12;
    pub(in crate::dataplane) const SOURCE: Range<usize> = 12..16;
    pub(in crate::dataplane) const DESTINATION: Range<usize> = 16..20;
    pub(in crate::dataplane) const HEADER: usize = 20;
    pub(in crate::dataplane) const DONT_FRAGMENT: u16 = 0x4000;
    pub(in crate::dataplane) const MORE_FRAGMENTS: u16 = 0x2000;
    pub(in crate::dataplane) const OFFSET_MASK: u16 = 0x1fff;
}

/// Offsets in the TCP header, and its flags (RFC 9293 §3.1).
pub(super) mod tcp {
    use std::ops::Range;

    pub(in crate::dataplane) const SEQUENCE: Range<usize> = 4..8;
    pub(in crate::dataplane) const ACKNOWLEDGMENT: Range<usize> = 8..12;
    pub(in crate::dataplane) const DATA_OFFSET: usize = 12;
    pub(in crate::dataplane) const FLAGS: usize = 13;
    pub(in crate::dataplane) const CHECKSUM: Range<usize> = 16..18;
    pub(in crate::dataplane) const HEADER: usize = 20;
    pub(in crate::dataplane) const FIN: u8 = 0x01;
    pub(in crate::dataplane) const SYN: u8 = 0x02;
    pub(in crate::dataplane) const RST: u8 = 0x04;
    pub(in crate::dataplane) const ACK: u8 = 0x10;
}

/// Offsets in the UDP header (RFC 768).
pub(super) mod udp {
    use std::ops::Range;

    pub(in crate::dataplane) const CHECKSUM: Range<usize> = 6..8;
    pub(in crate::dataplane) const HEADER: usize = 8;
}

/// Offsets in an ICMP error (RFC 792), and the types that carry the packet they complain about.
pub(super) mod icmp {
    use std::ops::Range;

    pub(in crate::dataplane) const PROTOCOL: u8 = 1;
    pub(in crate::dataplane) const CHECKSUM: Range<usize> = 2..4;
    pub(in crate::dataplane) const HEADER: usize = 8;
    pub(in crate::dataplane) const DESTINATION_UNREACHABLE: u8 = 3;
    /// Codes of an unreachable network, host, protocol and port (RFC 792), and of those that are prohibited
    /// (RFC 1812 §5.2.7.1): none of too long a packet or a source route.
    pub(in crate::dataplane) const NOT_THERE: [u8; 7] = [0, 1, 2, 3, 9, 10, 13];
    pub(in crate::dataplane) const TIME_EXCEEDED: u8 = 11;
    pub(in crate::dataplane) const PARAMETER_PROBLEM: u8 = 12;
    pub(in crate::dataplane) const ERRORS: [u8; 3] =
        [DESTINATION_UNREACHABLE, TIME_EXCEEDED, PARAMETER_PROBLEM];
}

/// What a datagram is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flow {
    Segment(Segment),
    IcmpError(IcmpError),
    /// A fragment without ports.
    LaterFragment(LaterFragment),
    /// Well formed, and nothing for a director: an echo request, another protocol.
    Other,
}

/// TCP or UDP, with ports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment {
    pub protocol: Protocol,
    pub source: SocketAddrV4,
    pub destination: SocketAddrV4,
    /// Where in the datagram the TCP or UDP header begins.
    pub offset: usize,
    /// Length of the datagram in bytes, without padding.
    pub length: usize,
    /// Length of the IPv4 and transport headers in bytes.
    pub headers: usize,
    pub ttl: u8,
    pub dont_fragment: bool,
    /// It is the first of several fragments.
    pub fragment: Option<FragmentKey>,
    /// What only TCP has.
    pub tcp: Option<TcpFields>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpFields {
    pub flags: u8,
    pub sequence: u32,
    pub acknowledgment: u32,
    /// Sequence numbers it takes up: payload, SYN and FIN.
    pub sequence_length: u32,
}

impl TcpFields {
    /// Asks for a new connection: SYN, and neither ACK, RST nor FIN.
    pub fn opens(self) -> bool {
        self.flags & (tcp::SYN | tcp::ACK | tcp::RST | tcp::FIN) == tcp::SYN
    }

    /// Takes a connection that was asked for: SYN and ACK.
    pub fn accepts(self) -> bool {
        self.flags & (tcp::SYN | tcp::ACK | tcp::RST | tcp::FIN) == tcp::SYN | tcp::ACK
    }

    /// The reset that answers a SYN: it has no sequence number to go by, so it bears 0 and acknowledges the SYN
    /// (RFC 9293 §3.5.2). Every later reset is within the sequence of its sender, or has no ACK.
    pub fn refuses(self) -> bool {
        let flags = self.flags & (tcp::SYN | tcp::ACK | tcp::RST | tcp::FIN);
        flags == tcp::RST | tcp::ACK && self.sequence == 0
    }

    pub fn resets(self) -> bool {
        self.flags & tcp::RST != 0
    }
}

/// What the fragments of one datagram share (RFC 791 §3.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FragmentKey {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub protocol: u8,
    pub identification: u16,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LaterFragment {
    pub key: FragmentKey,
    pub length: usize,
    pub ttl: u8,
    pub dont_fragment: bool,
}

/// An ICMP error about a TCP or UDP packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IcmpError {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub ttl: u8,
    pub length: usize,
    /// Where in the datagram the ICMP header begins.
    pub offset: usize,
    /// Where in the datagram the embedded IPv4 header begins.
    pub embedded: usize,
    /// Where in the datagram the embedded ports begin.
    pub embedded_ports: usize,
    pub protocol: Protocol,
    /// It says that the destination cannot be reached at all, now or by this sender.
    pub unreachable: bool,
    /// Source and destination of the packet it complains about.
    pub embedded_source: SocketAddrV4,
    pub embedded_destination: SocketAddrV4,
}

/// Why a datagram cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    #[error("no whole IPv4 header")]
    Header,
    #[error("a total length that the frame does not have")]
    Length,
    #[error("no whole transport header")]
    Transport,
}

/// Reads a datagram, from the IPv4 header on.
pub fn parse(datagram: &[u8]) -> Result<Flow, Malformed> {
    let ip = Header::parse(datagram)?;
    let datagram = datagram.get(..ip.length).ok_or(Malformed::Length)?;
    let protocol = match ip.protocol {
        icmp::PROTOCOL if ip.fragment & (ipv4::OFFSET_MASK | ipv4::MORE_FRAGMENTS) == 0 => {
            return parse_icmp(datagram, &ip);
        }
        6 => Protocol::Tcp,
        17 => Protocol::Udp,
        _ => return Ok(Flow::Other),
    };
    if ip.fragment & ipv4::OFFSET_MASK != 0 {
        return Ok(Flow::LaterFragment(LaterFragment {
            key: ip.fragment_key(),
            length: ip.length,
            ttl: ip.ttl,
            dont_fragment: ip.dont_fragment(),
        }));
    }
    let (source, destination) =
        ports(datagram, ip.header_length, &ip).ok_or(Malformed::Transport)?;
    let (tcp, headers) = match protocol {
        Protocol::Tcp => parse_tcp(datagram, &ip).map(|(tcp, headers)| (Some(tcp), headers))?,
        Protocol::Udp | Protocol::Sctp => {
            let headers = ip.header_length + udp::HEADER;
            let whole = datagram.len() >= headers;
            (None, whole.then_some(headers).ok_or(Malformed::Transport)?)
        }
    };
    Ok(Flow::Segment(Segment {
        protocol,
        source,
        destination,
        offset: ip.header_length,
        length: ip.length,
        headers,
        ttl: ip.ttl,
        dont_fragment: ip.dont_fragment(),
        fragment: (ip.fragment & ipv4::MORE_FRAGMENTS != 0).then(|| ip.fragment_key()),
        tcp,
    }))
}

/// The fields, and where the payload begins in the datagram.
fn parse_tcp(datagram: &[u8], ip: &Header) -> Result<(TcpFields, usize), Malformed> {
    let header = datagram
        .get(ip.header_length..)
        .filter(|rest| rest.len() >= tcp::HEADER)
        .ok_or(Malformed::Transport)?;
    let data_offset = usize::from(header[tcp::DATA_OFFSET] >> 4) * 4;
    let payload = header
        .len()
        .checked_sub(data_offset)
        .filter(|_| data_offset >= tcp::HEADER)
        .ok_or(Malformed::Transport)?;
    let flags = header[tcp::FLAGS];
    let phantom = u32::from(flags & tcp::SYN != 0) + u32::from(flags & tcp::FIN != 0);
    let fields = TcpFields {
        flags,
        sequence: word(header, tcp::SEQUENCE),
        acknowledgment: word(header, tcp::ACKNOWLEDGMENT),
        sequence_length: u32::try_from(payload).unwrap_or(0) + phantom,
    };
    Ok((fields, ip.header_length + data_offset))
}

fn parse_icmp(datagram: &[u8], ip: &Header) -> Result<Flow, Malformed> {
    let offset = ip.header_length;
    let Some(header) = datagram.get(offset..offset + icmp::HEADER) else {
        return Err(Malformed::Transport);
    };
    if !icmp::ERRORS.contains(&header[0]) {
        return Ok(Flow::Other);
    }
    let embedded = offset + icmp::HEADER;
    let rest = datagram.get(embedded..).unwrap_or_default();
    // The embedded packet is cut off: its total length says more than there is.
    let Ok(inner) = Header::parse(rest) else {
        return Ok(Flow::Other);
    };
    let protocol = match inner.protocol {
        6 => Protocol::Tcp,
        17 => Protocol::Udp,
        _ => return Ok(Flow::Other),
    };
    if inner.fragment & ipv4::OFFSET_MASK != 0 {
        return Ok(Flow::Other);
    }
    let Some((embedded_source, embedded_destination)) = ports(rest, inner.header_length, &inner)
    else {
        return Ok(Flow::Other);
    };
    Ok(Flow::IcmpError(IcmpError {
        source: ip.source,
        destination: ip.destination,
        ttl: ip.ttl,
        length: ip.length,
        offset,
        embedded,
        embedded_ports: embedded + inner.header_length,
        protocol,
        unreachable: header[0] == icmp::DESTINATION_UNREACHABLE
            && icmp::NOT_THERE.contains(&header[1]),
        embedded_source,
        embedded_destination,
    }))
}

struct Header {
    header_length: usize,
    length: usize,
    identification: u16,
    fragment: u16,
    ttl: u8,
    protocol: u8,
    source: Ipv4Addr,
    destination: Ipv4Addr,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let header = bytes
            .first_chunk::<{ ipv4::HEADER }>()
            .ok_or(Malformed::Header)?;
        let header_length = usize::from(header[0] & 0x0f) * 4;
        let length = usize::from(read(header, ipv4::TOTAL_LENGTH).unwrap_or(0));
        if header[0] >> 4 != 4 || header_length < ipv4::HEADER || bytes.len() < header_length {
            return Err(Malformed::Header);
        }
        if length < header_length {
            return Err(Malformed::Length);
        }
        Ok(Self {
            header_length,
            length,
            identification: read(header, ipv4::IDENTIFICATION).unwrap_or(0),
            fragment: read(header, ipv4::FRAGMENT).unwrap_or(0),
            ttl: header[ipv4::TTL],
            protocol: header[ipv4::PROTOCOL],
            source: address(header, ipv4::SOURCE),
            destination: address(header, ipv4::DESTINATION),
        })
    }

    fn dont_fragment(&self) -> bool {
        self.fragment & ipv4::DONT_FRAGMENT != 0
    }

    fn fragment_key(&self) -> FragmentKey {
        FragmentKey {
            source: self.source,
            destination: self.destination,
            protocol: self.protocol,
            identification: self.identification,
        }
    }
}

fn ports(bytes: &[u8], offset: usize, ip: &Header) -> Option<(SocketAddrV4, SocketAddrV4)> {
    let source = read(bytes, offset..offset + 2)?;
    let destination = read(bytes, offset + 2..offset + 4)?;
    Some((
        SocketAddrV4::new(ip.source, source),
        SocketAddrV4::new(ip.destination, destination),
    ))
}

fn address(header: &[u8], field: std::ops::Range<usize>) -> Ipv4Addr {
    Ipv4Addr::from_bits(word(header, field))
}

fn word(bytes: &[u8], field: std::ops::Range<usize>) -> u32 {
    let bytes = bytes.get(field).and_then(|bytes| bytes.first_chunk());
    u32::from_be_bytes(bytes.copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn random_bytes_behind_a_plausible_header_never_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 20..120),
            protocol in prop_oneof![Just(1u8), Just(6), Just(17)],
            ihl in 0x45u8..0x4f,
            icmp_type in prop_oneof![Just(3u8), Just(11), Just(12)],
        ) {
            bytes[0] = ihl;
            let length = u16::try_from(bytes.len()).expect("short");
            bytes[ipv4::TOTAL_LENGTH].copy_from_slice(&length.to_be_bytes());
            bytes[ipv4::PROTOCOL] = protocol;
            if protocol == 1 && bytes.len() > 29 {
                bytes[6] = 0;
                bytes[7] = 0;
                bytes[20] = icmp_type;
                bytes[28] = 0x45;
            }
            let _ = parse(&bytes);
        }
    }
}
