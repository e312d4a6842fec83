//! The IPv6 header (RFC 8200 §3), as a raw socket of IPPROTO_RAW takes it.
//!
//! Not for forwarding: extension headers are neither read nor emitted.

use std::net::Ipv6Addr;

/// Length of the header.
pub const HEADER_LEN: usize = 40;

/// Offsets in the header.
mod field {
    use std::ops::Range;

    pub(super) const VERSION_CLASS_FLOW: Range<usize> = 0..4;
    pub(super) const PAYLOAD_LENGTH: Range<usize> = 4..6;
    pub(super) const NEXT_HEADER: usize = 6;
    pub(super) const HOP_LIMIT: usize = 7;
    pub(super) const SOURCE: usize = 8;
    pub(super) const DESTINATION: usize = 24;
}

/// What is said about a packet by its header, the length apart. The flow label is 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    pub traffic_class: u8,
    pub next_header: u8,
    pub hop_limit: u8,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
}

/// A packet whose header is whole.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    pub header: Header,
    /// Length that the header claims for what follows it, in octets.
    pub payload_length: u16,
    /// What follows the header, padding beyond `payload_length` cut off.
    pub payload: &'a [u8],
}

/// Why the bytes are no IPv6 packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    #[error("{received} octets are too short for an IPv6 header")]
    Truncated { received: usize },
    #[error("IP version {version} where 6 was expected")]
    Version { version: u8 },
}

impl<'a> Packet<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let received = bytes.len();
        let (fixed, rest) = bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(ParseError::Truncated { received })?;
        let version = fixed[0] >> 4;
        if version != 6 {
            return Err(ParseError::Version { version });
        }
        let payload_length = u16::from_be_bytes([fixed[4], fixed[5]]);
        Ok(Self {
            header: Header {
                traffic_class: fixed[0] << 4 | fixed[1] >> 4,
                next_header: fixed[field::NEXT_HEADER],
                hop_limit: fixed[field::HOP_LIMIT],
                source: address(fixed, field::SOURCE),
                destination: address(fixed, field::DESTINATION),
            },
            payload_length,
            payload: &rest[..rest.len().min(usize::from(payload_length))],
        })
    }
}

impl Header {
    /// The header of a packet with `payload_length` octets behind it.
    pub fn emit_header(&self, payload_length: u16) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let first = 6 << 28 | u32::from(self.traffic_class) << 20;
        bytes[field::VERSION_CLASS_FLOW].copy_from_slice(&first.to_be_bytes());
        bytes[field::PAYLOAD_LENGTH].copy_from_slice(&payload_length.to_be_bytes());
        bytes[field::NEXT_HEADER] = self.next_header;
        bytes[field::HOP_LIMIT] = self.hop_limit;
        bytes[field::SOURCE..field::DESTINATION].copy_from_slice(&self.source.octets());
        bytes[field::DESTINATION..].copy_from_slice(&self.destination.octets());
        bytes
    }

    /// The whole packet. A payload beyond 65 535 octets is cut off; no caller has one.
    pub fn emit(&self, payload: &[u8]) -> Vec<u8> {
        let payload = &payload[..payload.len().min(usize::from(u16::MAX))];
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        let mut bytes = self.emit_header(length).to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }
}

fn address(bytes: &[u8; HEADER_LEN], at: usize) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&bytes[at..at + 16]);
    Ipv6Addr::from(octets)
}

#[cfg(test)]
mod tests {
    use pnet_packet::Packet as _;
    use pnet_packet::ipv6::Ipv6Packet;

    use super::*;

    fn header() -> Header {
        Header {
            traffic_class: 0xc0,
            next_header: 112,
            hop_limit: 255,
            source: "fe80::1".parse().expect("an address"),
            destination: "ff02::12".parse().expect("an address"),
        }
    }

    #[test]
    fn an_independent_reader_sees_the_same_header() {
        let bytes = header().emit(b"payload");
        let packet = Ipv6Packet::new(&bytes).expect("whole");
        assert_eq!(packet.get_version(), 6);
        assert_eq!(packet.get_traffic_class(), 0xc0);
        assert_eq!(packet.get_flow_label(), 0);
        assert_eq!(packet.get_payload_length(), 7);
        assert_eq!(packet.get_next_header().0, 112);
        assert_eq!(packet.get_hop_limit(), 255);
        assert_eq!(packet.get_source(), header().source);
        assert_eq!(packet.get_destination(), header().destination);
        assert_eq!(packet.payload(), b"payload");
    }

    #[test]
    fn what_was_emitted_is_read_back_and_padding_is_cut_off() {
        let mut bytes = header().emit(b"payload");
        bytes.extend(b"padding");
        let packet = Packet::parse(&bytes).expect("whole");
        assert_eq!(packet.header, header());
        assert_eq!(packet.payload, b"payload");
        assert_eq!(
            Packet::parse(&bytes[..39]).expect_err("cut"),
            ParseError::Truncated { received: 39 }
        );
        assert_eq!(
            Packet::parse(&[0x45; 40]).expect_err("IPv4"),
            ParseError::Version { version: 4 }
        );
    }
}
