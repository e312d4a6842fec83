//! VRRP advertisements: version 2 (RFC 3768 §5.3) and version 3 (RFC 5798 §5.2) over IPv4 and IPv6.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+-------+---------------+---------------+---------------+
//! |version| type  |     vrid      |   priority    | address count |
//! +-------+-------+---------------+---------------+---------------+
//! | v2: authentication type | advert_int in seconds|   checksum   |
//! | v3: 4 bits 0 | 12 bits advert_int in centis    |              |
//! +-----------------------------------------------+---------------+
//! | addresses, four octets each, sixteen over IPv6                |
//! +---------------------------------------------------------------+
//! | v2 over IPv4: eight octets of authentication data, always     |
//! +---------------------------------------------------------------+
//! ```
//!
//! [`Packet`] gives access to the fields; which of them are wrong is asked one by one, because the
//! order of the questions decides which counter moves (`vrrp/receive.rs`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ipv4::{self, internet_checksum};
use super::ipv6;
use crate::types::{AddressFamily, AdvertInterval, AdvertPriority, Vrid, VrrpVersion};

/// IP protocol number (RFC 3768 §5.2.4).
pub const PROTOCOL: u8 = 112;
/// Where multicast advertisements go over IPv4 (RFC 3768 §5.2.2).
pub const MULTICAST_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Where they go over IPv6 (RFC 5798 §5.1.2.2).
pub const MULTICAST_GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// The only TTL or hop limit that a multicast advertisement may arrive with (RFC 3768 §5.2.3).
pub const TTL: u8 = 255;
/// Internetwork control; keepalived: IP_TOS of every advertisement.
pub const TOS: u8 = 0xc0;
/// The only packet type (RFC 3768 §5.3.2).
pub const TYPE_ADVERTISEMENT: u8 = 1;

/// The group that everybody listens to unless the file names another.
pub fn multicast_group(family: AddressFamily) -> IpAddr {
    match family {
        AddressFamily::Inet => MULTICAST_GROUP.into(),
        AddressFamily::Inet6 => MULTICAST_GROUP_V6.into(),
    }
}

pub(super) const HEADER_LEN: usize = 8;
const AUTHENTICATION_LEN: usize = 8;

/// Offsets in the header.
mod field {
    use std::ops::Range;

    pub(super) const VERSION_TYPE: usize = 0;
    pub(super) const VRID: usize = 1;
    pub(super) const PRIORITY: usize = 2;
    pub(super) const ADDRESS_COUNT: usize = 3;
    pub(super) const AUTH_TYPE: usize = 4;
    pub(super) const ADVERT_INT_SECS: usize = 5;
    pub(super) const ADVERT_INT_CENTIS: Range<usize> = 4..6;
    pub(super) const CHECKSUM: Range<usize> = 6..8;
}

/// An advertisement to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Advert<'a> {
    pub version: VrrpVersion,
    pub vrid: Vrid,
    pub priority: AdvertPriority,
    pub advert_int: AdvertInterval,
    /// Version 2 over IPv4 only.
    pub authentication: Authentication,
    pub checksum: Checksum,
    /// At most 255, of the family of source and destination; further ones are not advertised.
    pub addresses: &'a [IpAddr],
}

/// What a version 2 advert says of its authentication (RFC 2338 §5.3.6).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Authentication {
    #[default]
    None,
    /// Eight octets behind the addresses.
    Pass([u8; 8]),
    /// The packet is in an IP authentication header.
    Ah,
}

impl Authentication {
    fn auth_type(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Pass(_) => 1,
            Self::Ah => 2,
        }
    }

    fn data(self) -> [u8; AUTHENTICATION_LEN] {
        match self {
            Self::Pass(data) => data,
            Self::None | Self::Ah => [0; AUTHENTICATION_LEN],
        }
    }
}

/// What a version 3 checksum over IPv4 is made of. Version 2 and IPv6 know one way only.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Checksum {
    /// RFC 5798 §5.2.8.
    #[default]
    PseudoHeader,
    /// keepalived: `v3_checksum_as_v2`.
    AsVersion2,
    /// keepalived up to 1.3.6: the multicast group in the pseudo header of unicast.
    OldUnicast,
}

impl<'a> Advert<'a> {
    /// Priority 100 each second, without authentication.
    pub fn new(version: VrrpVersion, vrid: Vrid, addresses: &'a [IpAddr]) -> Self {
        Self {
            version,
            vrid,
            priority: AdvertPriority::from_wire(100),
            advert_int: AdvertInterval::DEFAULT,
            authentication: Authentication::None,
            checksum: Checksum::PseudoHeader,
            addresses,
        }
    }
}

impl Advert<'_> {
    /// The VRRP packet without IP header. Source and destination, which are of one family, go into version 3's
    /// checksum.
    pub fn emit(&self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len()).unwrap_or(u8::MAX);
        let octets = if source.is_ipv4() { 4 } else { 16 };
        let most = HEADER_LEN + octets * usize::from(count) + AUTHENTICATION_LEN;
        let mut bytes = Vec::with_capacity(most);
        bytes.resize(HEADER_LEN, 0);
        bytes[field::VERSION_TYPE] = self.version.number() << 4 | TYPE_ADVERTISEMENT;
        bytes[field::VRID] = self.vrid.get();
        bytes[field::PRIORITY] = self.priority.get();
        bytes[field::ADDRESS_COUNT] = count;
        for address in self.addresses.iter().take(usize::from(count)) {
            match address {
                IpAddr::V4(address) => bytes.extend_from_slice(&address.octets()),
                IpAddr::V6(address) => bytes.extend_from_slice(&address.octets()),
            }
        }
        match self.version {
            VrrpVersion::V2 => {
                bytes[field::AUTH_TYPE] = self.authentication.auth_type();
                bytes[field::ADVERT_INT_SECS] = self.advert_int.as_secs_v2();
                if source.is_ipv4() {
                    bytes.extend_from_slice(&self.authentication.data());
                }
            }
            VrrpVersion::V3 => bytes[field::ADVERT_INT_CENTIS]
                .copy_from_slice(&self.advert_int.as_centis_v3().to_be_bytes()),
        }
        let checksum = checksum(&bytes, self.version, self.checksum, source, destination);
        bytes[field::CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// The whole IP packet, with TTL 255.
    pub fn emit_packet(&self, id: u16, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let payload = self.emit(source, destination);
        envelope(id, TTL, source, destination, &payload)
    }
}

/// A VRRP packet with its IP header, or nothing where source and destination are of two families. IPv6 has no `id`.
pub fn envelope(id: u16, ttl: u8, source: IpAddr, destination: IpAddr, payload: &[u8]) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ipv4_header(id, ttl, source, destination).emit(payload)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => ipv6::Header {
            traffic_class: TOS,
            next_header: PROTOCOL,
            hop_limit: ttl,
            source,
            destination,
        }
        .emit(payload),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => Vec::new(),
    }
}

/// keepalived: own header, DF not set, `id` counted by the instance.
pub fn ipv4_header(id: u16, ttl: u8, source: Ipv4Addr, destination: Ipv4Addr) -> ipv4::Header {
    ipv4::Header {
        tos: TOS,
        id,
        dont_fragment: false,
        ttl,
        protocol: PROTOCOL,
        source,
        destination,
    }
}

/// A received VRRP packet whose fixed header is whole; nothing else is known to be right.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    header: &'a [u8; HEADER_LEN],
}

/// What is wrong with a received packet, whoever receives it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// Shorter than its fixed header or than the addresses that it announces, or longer.
    #[error("vrrp packet too {}, length {length} and expect {expected}", if length < expected { "short" } else { "long" })]
    Length { length: usize, expected: usize },
    #[error("wrong VRRP version. Received {version} and expect {expected}")]
    Version { version: u8, expected: u8 },
    #[error("Invalid packet type. {packet_type} and expect {TYPE_ADVERTISEMENT}")]
    Type { packet_type: u8 },
    #[error("Invalid VRRPv{} checksum", version.number())]
    Checksum { version: VrrpVersion },
}

impl<'a> Packet<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header = bytes.first_chunk().ok_or(ParseError::Length {
            length: bytes.len(),
            expected: HEADER_LEN,
        })?;
        Ok(Self { bytes, header })
    }

    pub fn version(&self) -> u8 {
        self.header[field::VERSION_TYPE] >> 4
    }

    pub fn packet_type(&self) -> u8 {
        self.header[field::VERSION_TYPE] & 0x0f
    }

    /// `None`: 0, which no virtual router has.
    pub fn vrid(&self) -> Option<Vrid> {
        Vrid::new(self.header[field::VRID]).ok()
    }

    pub fn priority(&self) -> AdvertPriority {
        AdvertPriority::from_wire(self.header[field::PRIORITY])
    }

    pub fn address_count(&self) -> u8 {
        self.header[field::ADDRESS_COUNT]
    }

    /// Version 2: 0 none, 1 simple text password, 2 IP authentication header.
    pub fn auth_type(&self) -> u8 {
        self.header[field::AUTH_TYPE]
    }

    /// Version 2.
    pub fn advert_int_secs(&self) -> u8 {
        self.header[field::ADVERT_INT_SECS]
    }

    /// Version 3.
    pub fn advert_int_centis(&self) -> u16 {
        let [high, low] = [self.header[4], self.header[5]];
        u16::from_be_bytes([high & 0x0f, low])
    }

    /// Announced addresses, as far as the packet reaches.
    pub fn addresses(&self, family: AddressFamily) -> impl Iterator<Item = IpAddr> + use<'a> {
        self.bytes[HEADER_LEN..]
            .chunks_exact(family.octets())
            .take(usize::from(self.header[field::ADDRESS_COUNT]))
            .filter_map(move |octets| match family {
                AddressFamily::Inet => Some(IpAddr::from(*octets.first_chunk::<4>()?)),
                AddressFamily::Inet6 => Some(IpAddr::from(*octets.first_chunk::<16>()?)),
            })
    }

    /// Version 2 over IPv4: the eight octets behind the addresses.
    pub fn auth_data(&self) -> Option<[u8; AUTHENTICATION_LEN]> {
        let start = HEADER_LEN + 4 * usize::from(self.address_count());
        self.bytes.get(start..)?.first_chunk().copied()
    }

    /// How long the packet is, if its address count is right.
    pub fn expected_length(&self, version: VrrpVersion, family: AddressFamily) -> usize {
        let authentication = match (version, family) {
            (VrrpVersion::V2, AddressFamily::Inet) => AUTHENTICATION_LEN,
            (VrrpVersion::V2, AddressFamily::Inet6) | (VrrpVersion::V3, _) => 0,
        };
        HEADER_LEN + family.octets() * usize::from(self.address_count()) + authentication
    }

    /// The packet is as long as its address count says.
    pub fn check_length(
        &self,
        version: VrrpVersion,
        family: AddressFamily,
    ) -> Result<(), ParseError> {
        let expected = self.expected_length(version, family);
        let length = self.bytes.len();
        if length == expected {
            Ok(())
        } else {
            Err(ParseError::Length { length, expected })
        }
    }

    pub fn check_version(&self, expected: VrrpVersion) -> Result<(), ParseError> {
        let (version, expected) = (self.version(), expected.number());
        if version == expected {
            Ok(())
        } else {
            Err(ParseError::Version { version, expected })
        }
    }

    pub fn check_type(&self) -> Result<(), ParseError> {
        match self.packet_type() {
            TYPE_ADVERTISEMENT => Ok(()),
            packet_type => Err(ParseError::Type { packet_type }),
        }
    }

    pub fn check_checksum(
        &self,
        version: VrrpVersion,
        form: Checksum,
        source: IpAddr,
        destination: IpAddr,
    ) -> Result<(), ParseError> {
        if checksum(self.bytes, version, form, source, destination) == 0 {
            Ok(())
        } else {
            Err(ParseError::Checksum { version })
        }
    }
}

/// Over `bytes` with whatever its checksum field holds: the field's value where it holds 0, 0
/// where it holds the right one.
fn checksum(
    bytes: &[u8],
    version: VrrpVersion,
    form: Checksum,
    source: IpAddr,
    destination: IpAddr,
) -> u16 {
    // Both pseudo headers end in 0, the protocol and the length; IPv6's wider fields add zeroes only.
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    let protocol = [0, PROTOCOL, length[0], length[1]];
    match (source, destination) {
        // RFC 5798 §5.2.8: with a pseudo header as in RFC 2460 §8.1.
        (IpAddr::V4(source), IpAddr::V4(destination)) => match (version, form) {
            (VrrpVersion::V2, _) | (VrrpVersion::V3, Checksum::AsVersion2) => {
                internet_checksum(&[bytes])
            }
            (VrrpVersion::V3, Checksum::PseudoHeader) => {
                internet_checksum(&[&source.octets(), &destination.octets(), &protocol, bytes])
            }
            (VrrpVersion::V3, Checksum::OldUnicast) => {
                let group = MULTICAST_GROUP.octets();
                internet_checksum(&[&source.octets(), &group, &protocol, bytes])
            }
        },
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            internet_checksum(&[&source.octets(), &destination.octets(), &protocol, bytes])
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            internet_checksum(&[bytes])
        }
    }
}

#[cfg(test)]
mod tests;
