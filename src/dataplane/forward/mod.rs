//! Rewriting packets on their way, and making the few that the director sends itself. One file a method.

pub(super) mod icmp;
pub(super) mod nat;
pub(super) mod reset;

pub use reset::ClientReset;

/// A whole IPv4 datagram with finished checksums that the director sends itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Datagram {
    bytes: [u8; Self::CAPACITY],
    length: u8,
}

impl Datagram {
    /// An ICMP error: two IPv4 headers, the longer with all options, and eight bytes behind each.
    pub const CAPACITY: usize = 20 + 8 + 60 + 8;

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }

    /// An IPv4 header in front of `payload`, which the caller has made whole.
    fn new(
        source: std::net::Ipv4Addr,
        destination: std::net::Ipv4Addr,
        protocol: u8,
        payload: &[u8],
    ) -> Self {
        use super::flow::ipv4;

        let payload = payload
            .get(..payload.len().min(Self::CAPACITY - ipv4::HEADER))
            .unwrap_or_default();
        let length = u8::try_from(ipv4::HEADER + payload.len()).unwrap_or(0);
        let mut bytes = [0; Self::CAPACITY];
        bytes[0] = 0x45;
        bytes[3] = length;
        // An atomic datagram needs no identification (RFC 6864 §4.1).
        bytes[ipv4::FRAGMENT].copy_from_slice(&ipv4::DONT_FRAGMENT.to_be_bytes());
        bytes[ipv4::TTL] = 64;
        bytes[ipv4::PROTOCOL] = protocol;
        bytes[ipv4::SOURCE].copy_from_slice(&source.octets());
        bytes[ipv4::DESTINATION].copy_from_slice(&destination.octets());
        let checksum = super::checksum::whole(&bytes[..ipv4::HEADER]);
        super::checksum::write(&mut bytes, ipv4::CHECKSUM, checksum);
        bytes[ipv4::HEADER..ipv4::HEADER + payload.len()].copy_from_slice(payload);
        Self { bytes, length }
    }
}
