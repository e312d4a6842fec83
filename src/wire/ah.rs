//! The IP authentication header (RFC 2402 §2) as VRRPv2 uses it: HMAC-MD5-96 (RFC 2403), the SPI is the source address.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------+---------------+-------------------------------+
//! |  next header  | payload length|            reserved           |
//! +---------------+---------------+-------------------------------+
//! |               security parameters index                       |
//! |               sequence number                                 |
//! |               integrity check value, twelve octets            |
//! +---------------------------------------------------------------+
//! ```

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use super::ipv4;

/// IP protocol number.
pub const PROTOCOL: u8 = 51;
/// Octets of the header.
pub const HEADER_LEN: usize = 24;

/// HEADER_LEN in words of four octets, less two (RFC 2402 §2.2).
const PAYLOAD_LENGTH: u8 = 4;
const ICV_AT: usize = 12;
const ICV_LEN: usize = 12;

/// The key: the password, padded with zeroes.
pub type Key = [u8; 8];

/// A received packet behind its IPv4 header, whose authentication header is whole.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'a> {
    /// What the header protects.
    pub next_header: u8,
    /// Security parameters index.
    pub spi: u32,
    pub sequence: u32,
    /// What follows.
    pub payload: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// `None` where the header is cut off, or claims a length of its own.
    pub fn parse(ip_payload: &'a [u8]) -> Option<Self> {
        let (header, payload) = ip_payload.split_first_chunk::<HEADER_LEN>()?;
        (header[1] == PAYLOAD_LENGTH).then_some(Self {
            next_header: header[0],
            spi: word(header, 4),
            sequence: word(header, 8),
            payload,
        })
    }
}

/// The whole packet: `header` with the authentication header and `payload` behind it. The header's protocol goes into
/// the authentication header.
pub fn seal(header: &ipv4::Header, payload: &[u8], key: &Key, sequence: u32) -> Vec<u8> {
    let mut sealed = vec![header.protocol, PAYLOAD_LENGTH, 0, 0];
    sealed.extend_from_slice(&header.source.octets());
    sealed.extend_from_slice(&sequence.to_be_bytes());
    sealed.extend_from_slice(&[0; ICV_LEN]);
    sealed.extend_from_slice(payload);
    let header = ipv4::Header {
        protocol: PROTOCOL,
        ..*header
    };
    let mut packet = header.emit(&sealed);
    if let Some(mac) = authenticate(&packet, ipv4::HEADER_LEN, key) {
        let icv = mac.finalize().into_bytes();
        let at = ipv4::HEADER_LEN + ICV_AT;
        packet[at..at + ICV_LEN].copy_from_slice(&icv[..ICV_LEN]);
    }
    packet
}

/// Whether a whole packet, as it was received, carries the right integrity check value.
pub fn is_authentic(packet: &[u8], key: &Key) -> bool {
    let Some(header_length) = packet.first().map(|octet| usize::from(octet & 0x0f) * 4) else {
        return false;
    };
    let icv = packet.get(header_length + ICV_AT..header_length + ICV_AT + ICV_LEN);
    let mac = authenticate(packet, header_length, key);
    match (icv, mac) {
        (Some(icv), Some(mac)) => mac.verify_truncated_left(icv).is_ok(),
        _ => false,
    }
}

/// RFC 2402 §3.3.3.1.1: over the packet with its mutable fields and the check value taken for zero. keepalived:
/// the TTL of a multicast packet counts, because it must arrive as it was sent.
fn authenticate(packet: &[u8], header_length: usize, key: &Key) -> Option<Hmac<Md5>> {
    const TOS: usize = 1;
    const FLAGS_OFFSET: usize = 6;
    const TTL: usize = 8;
    const CHECKSUM: usize = 10;
    const DESTINATION: usize = 16;

    let mut ip = packet.get(..header_length)?.to_vec();
    let ah = packet.get(header_length..header_length + HEADER_LEN)?;
    if header_length < ipv4::HEADER_LEN {
        return None;
    }
    ip[TOS] = 0;
    ip[FLAGS_OFFSET..FLAGS_OFFSET + 2].fill(0);
    ip.get_mut(CHECKSUM..CHECKSUM + 2)?.fill(0);
    let is_multicast = ip.get(DESTINATION)? & 0xf0 == 0xe0;
    if !is_multicast {
        ip[TTL] = 0;
    }
    let mut mac = Hmac::<Md5>::new_from_slice(key).ok()?;
    mac.update(&ip);
    mac.update(&ah[..ICV_AT]);
    mac.update(&[0; ICV_LEN]);
    mac.update(&packet[header_length + HEADER_LEN..]);
    Some(mac)
}

fn word(bytes: &[u8; HEADER_LEN], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const KEY: Key = *b"secret\0\0";
    /// A capture between two keepaliveds: VRID 5, 10.9.0.103, password "secret".
    const ADVERT: &str = "2105ff01 0201d387 0a090067 0000000000000000";

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex"))
            .collect()
    }

    fn header(destination: Ipv4Addr) -> ipv4::Header {
        ipv4::Header {
            tos: 0xc0,
            id: 1,
            dont_fragment: false,
            ttl: 255,
            protocol: 112,
            source: Ipv4Addr::new(10, 9, 0, 1),
            destination,
        }
    }

    #[test]
    fn the_check_value_is_keepalived_s() {
        let packet = seal(&header(Ipv4Addr::new(224, 0, 0, 18)), &hex(ADVERT), &KEY, 1);
        assert_eq!(packet[9], 51);
        let sealed = "70040000 0a090001 00000001 86b7306e70c260a1ab9b3068";
        assert_eq!(packet[20..44], hex(sealed));
        assert_eq!(packet[44..], hex(ADVERT));
        assert!(is_authentic(&packet, &KEY));

        let read = Sealed::parse(&packet[20..]).expect("whole");
        assert_eq!(
            (read.next_header, read.spi, read.sequence),
            (112, 0x0a09_0001, 1)
        );
        assert_eq!(read.payload, hex(ADVERT));
    }

    #[test]
    fn a_router_on_the_way_may_lower_the_ttl_of_unicast_only() {
        for (destination, want) in [([10, 9, 0, 2], true), ([224, 0, 0, 18], false)] {
            let mut packet = seal(&header(destination.into()), &hex(ADVERT), &KEY, 1);
            packet[8] -= 1;
            packet[1] = 0;
            assert_eq!(is_authentic(&packet, &KEY), want, "{destination:?}");
        }
    }

    proptest! {
        #[test]
        fn one_flipped_bit_behind_the_ip_header_is_found(bit in 0usize..352) {
            let mut packet = seal(&header([224, 0, 0, 18].into()), &hex(ADVERT), &KEY, 7);
            packet[20 + bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!is_authentic(&packet, &KEY));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(!is_authentic(&bytes, &KEY));
            let _ = Sealed::parse(&bytes);
        }
    }
}
