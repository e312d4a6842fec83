use proptest::prelude::*;

use super::*;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));
const GROUP: IpAddr = IpAddr::V4(MULTICAST_GROUP);

fn advert(version: VrrpVersion, vrid: u8, addresses: &[IpAddr]) -> Advert<'_> {
    Advert {
        version,
        vrid: Vrid::new(vrid).expect("in range"),
        priority: AdvertPriority::from_wire(255),
        advert_int: AdvertInterval::DEFAULT,
        authentication: Authentication::None,
        checksum: Checksum::PseudoHeader,
        addresses,
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex"))
        .collect()
}

/// Emits `advert`, compares with what keepalived put on the wire, and reads that again.
fn same_on_the_wire(advert: &Advert<'_>, destination: IpAddr, captured: &str) {
    same_from(SOURCE, advert, destination, captured);
}

fn same_from(source: IpAddr, advert: &Advert<'_>, destination: IpAddr, captured: &str) {
    let family = AddressFamily::of(source);
    let captured = hex(captured);
    assert_eq!(advert.emit(source, destination), captured);

    let packet = Packet::parse(&captured).expect("whole");
    assert_eq!(packet.check_length(advert.version, family), Ok(()));
    assert_eq!(packet.check_version(advert.version), Ok(()));
    assert_eq!(packet.check_type(), Ok(()));
    let checked = packet.check_checksum(advert.version, advert.checksum, source, destination);
    assert_eq!(checked, Ok(()));
    assert_eq!(packet.vrid(), Some(advert.vrid));
    assert_eq!(packet.priority(), advert.priority);
    assert!(
        packet
            .addresses(family)
            .eq(advert.addresses.iter().copied())
    );
    match advert.version {
        VrrpVersion::V2 => {
            assert_eq!(packet.advert_int_secs(), advert.advert_int.as_secs_v2());
            assert_eq!(packet.auth_type(), advert.authentication.auth_type());
            assert_eq!(packet.auth_data(), Some(advert.authentication.data()));
        }
        VrrpVersion::V3 => {
            assert_eq!(packet.advert_int_centis(), advert.advert_int.as_centis_v3());
        }
    }
}

// The captures were taken with tcpdump between two keepaliveds.

#[test]
fn version_2_with_a_password_is_keepalived_s() {
    let addresses = [IpAddr::from([10, 9, 0, 100])];
    let advert = Advert {
        authentication: Authentication::Pass(*b"secret\0\0"),
        ..advert(VrrpVersion::V2, 1, &addresses)
    };
    let captured = "2101ff01 01019842 0a090064 7365637265740000";
    same_on_the_wire(&advert, GROUP, captured);
}

#[test]
fn version_2_unicast_without_authentication_still_has_eight_octets_of_it() {
    let addresses = [IpAddr::from([10, 9, 0, 102])];
    let advert = advert(VrrpVersion::V2, 4, &addresses);
    same_on_the_wire(&advert, PEER, "2104ff01 0001d589 0a090066 0000000000000000");
}

#[test]
fn version_3_has_the_pseudo_header_in_its_checksum() {
    let addresses = [IpAddr::from([10, 9, 0, 101])];
    let advert = advert(VrrpVersion::V3, 2, &addresses);
    same_on_the_wire(&advert, GROUP, "3102ff01 0064da90 0a090065");

    let captured = hex("3102ff01 0064da90 0a090065");
    let packet = Packet::parse(&captured).expect("whole");
    let version = VrrpVersion::V3;
    let wrong = packet.check_checksum(version, Checksum::PseudoHeader, PEER, GROUP);
    assert_eq!(wrong, Err(ParseError::Checksum { version }));
}

#[test]
fn version_2_in_an_authentication_header_says_so_and_has_eight_zeroes() {
    let addresses = [IpAddr::from([10, 9, 0, 103])];
    let advert = Advert {
        authentication: Authentication::Ah,
        ..advert(VrrpVersion::V2, 5, &addresses)
    };
    same_on_the_wire(
        &advert,
        GROUP,
        "2105ff01 0201d387 0a090067 0000000000000000",
    );
}

#[test]
fn each_form_of_a_version_3_checksum_is_told_from_the_others() {
    let addresses = [IpAddr::from([10, 9, 0, 101])];
    let forms = [
        Checksum::PseudoHeader,
        Checksum::AsVersion2,
        Checksum::OldUnicast,
    ];
    for made in forms {
        let mut advert = advert(VrrpVersion::V3, 2, &addresses);
        advert.checksum = made;
        let bytes = advert.emit(SOURCE, PEER);
        let packet = Packet::parse(&bytes).expect("whole");
        for form in forms {
            let checked = packet.check_checksum(VrrpVersion::V3, form, SOURCE, PEER);
            assert_eq!(checked.is_ok(), form == made, "{made:?} taken for {form:?}");
        }
    }
}

#[test]
fn version_3_over_ipv6_has_the_pseudo_header_in_its_checksum() {
    let source = "fe80::e8f3:67ff:fe7c:8bcb".parse().expect("an address");
    let addresses = ["fe80::1".parse().expect("an address")];
    let advert = advert(VrrpVersion::V3, 3, &addresses);
    let captured = "3103ff01 0064f7ba fe800000 00000000 00000000 00000001";
    same_from(source, &advert, MULTICAST_GROUP_V6.into(), captured);
}

#[test]
fn the_ipv6_header_has_hop_limit_255_and_the_class_of_network_control() {
    let source = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 9]);
    let bytes = advert(VrrpVersion::V3, 3, &[]).emit_packet(1, source, MULTICAST_GROUP_V6.into());
    assert_eq!(bytes[..8], hex("6c000000 000870ff"));
    assert_eq!(bytes.len(), 48);
    assert!(
        advert(VrrpVersion::V3, 3, &[])
            .emit_packet(1, source, GROUP)
            .is_empty()
    );
}

#[test]
fn the_ip_header_is_keepalived_s() {
    let addresses = [IpAddr::from([10, 9, 0, 100])];
    let bytes = advert(VrrpVersion::V2, 1, &addresses).emit_packet(1, SOURCE, GROUP);
    assert_eq!(bytes[..10], hex("45c00028 00010000 ff70"));
    let packet = ipv4::Packet::parse(&bytes).expect("whole");
    assert_eq!(packet.header.tos, TOS);
    assert_eq!(packet.header.ttl, 255);
    assert_eq!(packet.header.protocol, 112);
    assert!(!packet.header.dont_fragment);
}

#[test]
fn the_length_must_be_what_the_address_count_says() {
    let bytes = hex("2101ff02 01019842 0a090064 7365637265740000");
    let packet = Packet::parse(&bytes).expect("header");
    let error = packet
        .check_length(VrrpVersion::V2, AddressFamily::Inet)
        .expect_err("short");
    let expected = 24;
    assert_eq!(
        error,
        ParseError::Length {
            length: 20,
            expected
        }
    );
    assert_eq!(
        error.to_string(),
        "vrrp packet too short, length 20 and expect 24"
    );
    assert_eq!(packet.auth_data(), None);
}

#[test]
fn three_hundred_addresses_are_cut_to_what_the_count_can_say() {
    let addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST); 300];
    let bytes = advert(VrrpVersion::V3, 1, &addresses).emit(SOURCE, PEER);
    let packet = Packet::parse(&bytes).expect("header");
    assert_eq!(packet.address_count(), 255);
    assert_eq!(
        packet.check_length(VrrpVersion::V3, AddressFamily::Inet),
        Ok(())
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(packet) = Packet::parse(&bytes) {
            for version in [VrrpVersion::V2, VrrpVersion::V3] {
                for family in [AddressFamily::Inet, AddressFamily::Inet6] {
                    let _ = packet.check_length(version, family);
                    prop_assert!(packet.addresses(family).count() <= bytes.len() / family.octets());
                }
                let _ = packet.check_version(version);
                let _ = packet.check_checksum(version, Checksum::PseudoHeader, SOURCE, PEER);
            }
            let _ = packet.check_type();
            let _ = (packet.vrid(), packet.priority(), packet.auth_data());
        }
    }

    #[test]
    fn one_flipped_bit_breaks_the_checksum(bit in 0usize..160) {
        let mut bytes = hex("2101ff01 01019842 0a090064 7365637265740000");
        bytes[bit / 8] ^= 1 << (bit % 8);
        let packet = Packet::parse(&bytes).expect("header");
        prop_assert!(packet.check_checksum(VrrpVersion::V2, Checksum::PseudoHeader, SOURCE, PEER).is_err());
    }
}
