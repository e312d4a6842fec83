//! The authentication trailer of keepalived 2.4.2 and later, behind the VRRP packet and outside its checksum.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------+---------------+-------------------------------+
//! |    type 1     |    key id     |          reserved 0           |
//! +---------------+---------------+-------------------------------+
//! |                seconds since 1970, modulo 2^32                |
//! +-------------------------------+-------------------------------+
//! |      1/65536 of a second      |            counter            |
//! +-------------------------------+-------------------------------+
//! |  HMAC-SHA-256 truncated to sixteen octets                     |
//! +---------------------------------------------------------------+
//! ```
//!
//! The HMAC is over a pseudo header, the packet with its checksum field taken for zero, the first twelve octets
//! of the trailer, and sixteen zeroes in the place of the HMAC.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Octets of the trailer.
pub const TRAILER_LEN: usize = 28;

const TYPE_HMAC_SHA256_128: u8 = 1;
const HMAC_AT: usize = 12;
const HMAC_LEN: usize = 16;
/// Of the checksum in the VRRP header.
const CHECKSUM: std::ops::Range<usize> = 6..8;

/// What a trailer says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trailer {
    pub key_id: u8,
    /// Seconds, fraction and counter as one growing number.
    pub sequence: u64,
}

/// Unknown type, or reserved octets that are not 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("malformed authentication trailer")]
pub struct Malformed;

impl Trailer {
    pub fn parse(bytes: &[u8; TRAILER_LEN]) -> Result<Self, Malformed> {
        if bytes[0] != TYPE_HMAC_SHA256_128 || bytes[2..4] != [0, 0] {
            return Err(Malformed);
        }
        let [.., a, b, c, d, e, f, g, h] = *bytes.first_chunk::<HMAC_AT>().ok_or(Malformed)?;
        Ok(Self {
            key_id: bytes[1],
            sequence: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        })
    }

    /// The sender's clock, modulo 2^32.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.sequence >> 32).unwrap_or(u32::MAX)
    }

    fn emit(self) -> [u8; HMAC_AT] {
        let mut bytes = [0; HMAC_AT];
        bytes[0] = TYPE_HMAC_SHA256_128;
        bytes[1] = self.key_id;
        bytes[4..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }
}

/// Appends the trailer to a whole VRRP packet that `source` sends.
pub fn sign(packet: &mut Vec<u8>, trailer: Trailer, source: IpAddr, key: &[u8]) {
    let signed = trailer.emit();
    let hmac = authenticate(packet, &signed, source, key)
        .map(|mac| mac.finalize().into_bytes())
        .unwrap_or_default();
    packet.extend_from_slice(&signed);
    packet.extend_from_slice(&hmac[..HMAC_LEN]);
}

/// Whether `trailer` was made for `packet` with `key`.
pub fn is_authentic(
    packet: &[u8],
    trailer: &[u8; TRAILER_LEN],
    source: IpAddr,
    key: &[u8],
) -> bool {
    let (signed, hmac) = trailer.split_at(HMAC_AT);
    authenticate(packet, signed, source, key)
        .is_some_and(|mac| mac.verify_truncated_left(hmac).is_ok())
}

fn authenticate(packet: &[u8], signed: &[u8], source: IpAddr, key: &[u8]) -> Option<Hmac<Sha256>> {
    let [version_type, vrid, ..] = *packet else {
        return None;
    };
    let mut pseudo_header = [0; 20];
    pseudo_header[1] = version_type >> 4;
    pseudo_header[2] = vrid;
    match source {
        IpAddr::V4(source) => {
            pseudo_header[0] = 4;
            pseudo_header[4..8].copy_from_slice(&source.octets());
        }
        IpAddr::V6(source) => {
            pseudo_header[0] = 6;
            pseudo_header[4..].copy_from_slice(&source.octets());
        }
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(&pseudo_header);
    mac.update(packet.get(..CHECKSUM.start)?);
    mac.update(&[0, 0]);
    mac.update(packet.get(CHECKSUM.end..)?);
    mac.update(signed);
    mac.update(&[0; HMAC_LEN]);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex"))
            .collect()
    }

    // Taken with tcpdump from a keepalived 2.4.3.
    #[test]
    fn the_trailer_is_keepalived_s() {
        let source = IpAddr::from([10, 9, 0, 1]);
        let pdu = hex("3106ff01 0064da90 0a090068");
        let captured = hex("01010000 6b00f1c7 1f890000 19a2e49cb8bb649146737a4217198b96");
        let trailer: [u8; TRAILER_LEN] = captured.clone().try_into().expect("28 octets");
        let read = Trailer::parse(&trailer).expect("well formed");
        assert_eq!((read.key_id, read.seconds()), (1, 0x6b00_f1c7));
        assert_eq!(read.sequence, 0x6b00_f1c7_1f89_0000);

        let mut signed = pdu.clone();
        sign(&mut signed, read, source, KEY);
        assert_eq!(signed[12..], captured);
        assert!(is_authentic(&pdu, &trailer, source, KEY));
        assert!(!is_authentic(
            &pdu,
            &trailer,
            IpAddr::from([10, 9, 0, 2]),
            KEY
        ));
        assert!(!is_authentic(&pdu, &trailer, source, &KEY[1..]));
    }

    #[test]
    fn another_type_or_something_in_reserved_is_malformed() {
        let mut bytes = [0; TRAILER_LEN];
        assert_eq!(Trailer::parse(&bytes), Err(Malformed));
        bytes[0] = 1;
        assert!(Trailer::parse(&bytes).is_ok());
        bytes[3] = 1;
        assert_eq!(Trailer::parse(&bytes), Err(Malformed));
    }

    proptest! {
        #[test]
        fn one_flipped_bit_but_in_the_checksum_is_found(bit in 0usize..320, is_v6: bool) {
            let source: IpAddr = if is_v6 {
                IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 1])
            } else {
                IpAddr::from([10, 9, 0, 1])
            };
            let mut signed = hex("3106ff01 0064da90 0a090068");
            let trailer = Trailer { key_id: 9, sequence: 1 << 40 };
            sign(&mut signed, trailer, source, KEY);
            signed[bit / 8] ^= 1 << (bit % 8);
            let (pdu, trailer) = signed.split_last_chunk::<TRAILER_LEN>().expect("long enough");
            let is_in_checksum = CHECKSUM.contains(&(bit / 8));
            prop_assert_eq!(is_authentic(pdu, trailer, source, KEY), is_in_checksum);
        }

        #[test]
        fn no_bytes_make_it_panic(pdu in proptest::collection::vec(any::<u8>(), 0..40)) {
            let trailer = [1; TRAILER_LEN];
            prop_assert!(!is_authentic(&pdu, &trailer, IpAddr::from([10, 9, 0, 1]), KEY));
        }
    }
}
