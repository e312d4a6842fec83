//! An IP packet of either version, as far as VRRP needs to know it.

use std::net::IpAddr;

use super::{ipv4, ipv6};

/// A received packet whose IP header is whole.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// TTL or hop limit, as it arrived.
    pub hop_limit: u8,
    /// What the payload is; no IPv6 extension headers are skipped.
    pub protocol: u8,
    /// Length that the header claims for the whole packet, in octets.
    pub total_length: usize,
    /// Length that was received, in octets.
    pub received_length: usize,
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// `None` where the bytes are no IP packet.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => ipv4::Packet::parse(bytes).ok().map(Self::from),
            6 => ipv6::Packet::parse(bytes)
                .ok()
                .map(|packet| Self::from_ipv6(&packet, bytes.len())),
            _ => None,
        }
    }

    fn from_ipv6(packet: &ipv6::Packet<'a>, received_length: usize) -> Self {
        Self {
            source: packet.header.source.into(),
            destination: packet.header.destination.into(),
            hop_limit: packet.header.hop_limit,
            protocol: packet.header.next_header,
            total_length: ipv6::HEADER_LEN + usize::from(packet.payload_length),
            received_length,
            payload: packet.payload,
        }
    }

    /// The header claims more than has arrived.
    pub fn is_truncated(&self) -> bool {
        self.total_length > self.received_length
    }
}

impl<'a> From<ipv4::Packet<'a>> for Datagram<'a> {
    fn from(packet: ipv4::Packet<'a>) -> Self {
        Self {
            source: packet.header.source.into(),
            destination: packet.header.destination.into(),
            hop_limit: packet.header.ttl,
            protocol: packet.header.protocol,
            total_length: packet.total_length.into(),
            received_length: packet.received_length,
            payload: packet.payload,
        }
    }
}
