//! The IPv4 header (RFC 791 §3.1), as a raw socket with IP_HDRINCL takes and delivers it.
//!
//! Not for forwarding: options are skipped and never emitted, fragments are not put together.

use std::net::Ipv4Addr;

/// Length of a header without options.
pub const HEADER_LEN: usize = 20;

const DONT_FRAGMENT: u16 = 0x4000;

/// Offsets in the header.
mod field {
    use std::ops::Range;

    pub(super) const VERSION_IHL: usize = 0;
    pub(super) const TOS: usize = 1;
    pub(super) const TOTAL_LENGTH: Range<usize> = 2..4;
    pub(super) const ID: Range<usize> = 4..6;
    pub(super) const FLAGS_OFFSET: Range<usize> = 6..8;
    pub(super) const TTL: usize = 8;
    pub(super) const PROTOCOL: usize = 9;
    pub(super) const CHECKSUM: Range<usize> = 10..12;
    pub(super) const SOURCE: Range<usize> = 12..16;
    pub(super) const DESTINATION: Range<usize> = 16..20;
}

/// What is said about a packet by its header, lengths and checksum apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    pub tos: u8,
    pub id: u16,
    pub dont_fragment: bool,
    pub ttl: u8,
    pub protocol: u8,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
}

/// A packet whose header is whole.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    pub header: Header,
    /// Length that the header claims for the whole packet, in octets.
    pub total_length: u16,
    /// Length that was received, in octets.
    pub received_length: usize,
    /// What follows the header, padding beyond `total_length` cut off.
    pub payload: &'a [u8],
}

/// Why the bytes are no IPv4 packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    #[error("{received} octets are too short for an IPv4 header")]
    Truncated { received: usize },
    #[error("IP version {version} where 4 was expected")]
    Version { version: u8 },
    #[error("IPv4 header length of {length} octets")]
    HeaderLength { length: usize },
}

impl<'a> Packet<'a> {
    /// Reads the header. The kernel has verified its checksum before a raw socket sees it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let received = bytes.len();
        let fixed: &[u8; HEADER_LEN] = bytes
            .first_chunk()
            .ok_or(ParseError::Truncated { received })?;
        let version = fixed[field::VERSION_IHL] >> 4;
        if version != 4 {
            return Err(ParseError::Version { version });
        }
        let header_length = usize::from(fixed[field::VERSION_IHL] & 0x0f) * 4;
        if header_length < HEADER_LEN {
            return Err(ParseError::HeaderLength {
                length: header_length,
            });
        }
        let total_length = word(fixed, field::TOTAL_LENGTH.start);
        let end = received.min(usize::from(total_length).max(header_length));
        let payload = bytes
            .get(header_length..end)
            .ok_or(ParseError::Truncated { received })?;
        Ok(Self {
            header: Header {
                tos: fixed[field::TOS],
                id: word(fixed, field::ID.start),
                dont_fragment: word(fixed, field::FLAGS_OFFSET.start) & DONT_FRAGMENT != 0,
                ttl: fixed[field::TTL],
                protocol: fixed[field::PROTOCOL],
                source: address(fixed, field::SOURCE.start),
                destination: address(fixed, field::DESTINATION.start),
            },
            total_length,
            received_length: received,
            payload,
        })
    }
}

impl Header {
    /// The whole packet with header checksum. A payload beyond 65 515 octets is cut off; no
    /// caller has one.
    pub fn emit(&self, payload: &[u8]) -> Vec<u8> {
        let payload = &payload[..payload.len().min(usize::from(u16::MAX) - HEADER_LEN)];
        let total_length = u16::try_from(HEADER_LEN + payload.len()).unwrap_or(u16::MAX);
        let flags = if self.dont_fragment { DONT_FRAGMENT } else { 0 };
        let mut bytes = Vec::with_capacity(HEADER_LEN + payload.len());
        bytes.resize(HEADER_LEN, 0);
        bytes[field::VERSION_IHL] = 0x45;
        bytes[field::TOS] = self.tos;
        bytes[field::TOTAL_LENGTH].copy_from_slice(&total_length.to_be_bytes());
        bytes[field::ID].copy_from_slice(&self.id.to_be_bytes());
        bytes[field::FLAGS_OFFSET].copy_from_slice(&flags.to_be_bytes());
        bytes[field::TTL] = self.ttl;
        bytes[field::PROTOCOL] = self.protocol;
        bytes[field::SOURCE].copy_from_slice(&self.source.octets());
        bytes[field::DESTINATION].copy_from_slice(&self.destination.octets());
        let checksum = internet_checksum(&[&bytes]);
        bytes[field::CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }
}

/// Gives a packet that [`Header::emit`] made another identification. Leaves alone what is no IPv4 packet.
pub fn renumber(packet: &mut [u8], id: u16) {
    let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() else {
        return;
    };
    if header[field::VERSION_IHL] != 0x45 {
        return;
    }
    header[field::ID].copy_from_slice(&id.to_be_bytes());
    header[field::CHECKSUM].fill(0);
    let checksum = internet_checksum(&[header]);
    header[field::CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
}

/// The internet checksum (RFC 1071) over `parts` in turn; every part but the last has an even
/// length. Over data that contains its own correct checksum the result is 0.
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        let mut pairs = part.chunks_exact(2);
        for pair in &mut pairs {
            sum += u64::from(u16::from_be_bytes([pair[0], pair[1]]));
        }
        if let [last] = pairs.remainder() {
            sum += u64::from(*last) << 8;
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

fn word(bytes: &[u8; HEADER_LEN], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn address(bytes: &[u8; HEADER_LEN], at: usize) -> Ipv4Addr {
    Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header {
            tos: 0xc0,
            id: 1,
            dont_fragment: false,
            ttl: 255,
            protocol: 112,
            source: Ipv4Addr::new(10, 9, 0, 1),
            destination: Ipv4Addr::new(224, 0, 0, 18),
        }
    }

    #[test]
    fn what_is_emitted_is_parsed_and_its_checksum_holds() {
        let bytes = header().emit(b"payload");
        assert_eq!(internet_checksum(&[&bytes[..HEADER_LEN]]), 0);
        let packet = Packet::parse(&bytes).expect("whole");
        assert_eq!(packet.header, header());
        assert_eq!(packet.payload, b"payload");
        assert_eq!(usize::from(packet.total_length), packet.received_length);
    }

    #[test]
    fn another_identification_is_all_that_changes() {
        let mut packet = header().emit(b"payload");
        renumber(&mut packet, 0xfffe);
        let other = Header {
            id: 0xfffe,
            ..header()
        };
        assert_eq!(packet, other.emit(b"payload"));
        let mut ipv6 = [0x60; 48];
        renumber(&mut ipv6, 1);
        assert_eq!(ipv6, [0x60; 48]);
    }

    #[test]
    fn padding_behind_the_packet_is_no_payload() {
        let mut bytes = header().emit(b"payload");
        bytes.resize(60, 0);
        let packet = Packet::parse(&bytes).expect("whole");
        assert_eq!(packet.payload, b"payload");
        assert_eq!(packet.received_length, 60);
    }

    #[test]
    fn options_are_skipped() {
        let mut bytes = header().emit(b"optsdata");
        bytes[0] = 0x46;
        assert_eq!(Packet::parse(&bytes).expect("whole").payload, b"data");
    }

    #[test]
    fn what_is_no_ipv4_packet_is_refused_with_the_reason() {
        let parse = |bytes: &[u8]| Packet::parse(bytes).map(|p| p.payload.len());
        assert_eq!(parse(&[]), Err(ParseError::Truncated { received: 0 }));
        assert_eq!(parse(&[0x65; 40]), Err(ParseError::Version { version: 6 }));
        let short_header = Err(ParseError::HeaderLength { length: 16 });
        assert_eq!(parse(&[0x44; 40]), short_header);
        assert_eq!(
            parse(&[0x4f; 20]),
            Err(ParseError::Truncated { received: 20 })
        );
    }

    #[test]
    fn the_checksum_of_rfc_1071_s_example() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(internet_checksum(&[&data]), !0xddf2);
        assert_eq!(internet_checksum(&[&data[..4], &data[4..]]), !0xddf2);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Packet::parse(&bytes);
        }
    }
}
