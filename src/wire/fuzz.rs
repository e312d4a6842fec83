//! What any bytes may be done with where an advert is expected. The fuzz target `advert` of `integration/fuzz` and the
//! test below call this; a broken promise is a panic.

use std::hint::black_box;

use super::auth_hmac::{self, TRAILER_LEN, Trailer};
use super::datagram::Datagram;
use super::vrrp::{Advert, Checksum, Packet};
use super::{ah, vrrp};
use crate::types::{AddressFamily, VrrpVersion};

const KEY: [u8; 8] = *b"secret\0\0";

/// Reads a whole IP packet. One whose checksum and length are right and that this program could have sent is emitted
/// again as it came.
pub fn read_packet(bytes: &[u8]) {
    black_box(ah::is_authentic(bytes, &KEY));
    let Some(ip) = Datagram::parse(bytes) else {
        return;
    };
    let inner = ah::Sealed::parse(ip.payload).map_or(ip.payload, |sealed| sealed.payload);
    for payload in [ip.payload, inner] {
        if let Some((packet, trailer)) = payload.split_last_chunk::<TRAILER_LEN>() {
            black_box(Trailer::parse(trailer).ok());
            black_box(auth_hmac::is_authentic(packet, trailer, ip.source, &KEY));
        }
        if let Ok(packet) = Packet::parse(payload) {
            read_advert(&ip, &packet, payload);
        }
    }
}

fn read_advert(ip: &Datagram<'_>, packet: &Packet<'_>, payload: &[u8]) {
    black_box((packet.auth_data(), packet.advert_int_secs()));
    let family = AddressFamily::of(ip.source);
    for version in [VrrpVersion::V2, VrrpVersion::V3] {
        let addresses: Vec<_> = packet.addresses(family).collect();
        let is_whole = packet.check_length(version, family).is_ok();
        let is_intact = packet
            .check_checksum(version, Checksum::PseudoHeader, ip.source, ip.destination)
            .is_ok();
        if !is_whole {
            continue;
        }
        assert_eq!(addresses.len(), usize::from(packet.address_count()));
        if let Some(vrid) = packet.vrid()
            && is_intact
            && packet.check_version(version).is_ok()
            && packet.check_type().is_ok()
        {
            let advert = Advert {
                priority: packet.priority(),
                ..Advert::new(version, vrid, &addresses)
            };
            let emitted = advert.emit(ip.source, ip.destination);
            assert_eq!(emitted.len(), payload.len());
            // Behind them are the interval and its reserved bits, authentication and the checksum.
            assert_eq!(emitted[..4], payload[..4]);
            let end = vrrp::HEADER_LEN + addresses.len() * family.octets();
            assert_eq!(
                emitted[vrrp::HEADER_LEN..end],
                payload[vrrp::HEADER_LEN..end]
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_advert_with_any_bytes_changed_keeps_the_promises(
            is_v3: bool,
            changes in prop::collection::vec((0_usize..60, any::<u8>()), 0..4),
            more in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let version = if is_v3 { VrrpVersion::V3 } else { VrrpVersion::V2 };
            let vrid = crate::types::Vrid::new(51).expect("in range");
            let addresses = ["10.9.0.100".parse().expect("an address")];
            let source = "10.9.0.1".parse().expect("an address");
            let advert = Advert::new(version, vrid, &addresses);
            let mut bytes = advert.emit_packet(1, source, vrrp::MULTICAST_GROUP.into());
            bytes.extend(more);
            for (at, byte) in changes {
                if let Some(old) = bytes.get_mut(at) {
                    *old = byte;
                }
            }
            read_packet(&bytes);
        }
    }
}
