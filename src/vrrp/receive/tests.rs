use proptest::prelude::*;

use super::*;
use crate::types::{InterfaceName, VirtualAddress};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 100));

fn config(version: VrrpVersion) -> VrrpInstance {
    let interface = InterfaceName::new("eth0").expect("a name");
    let mut config = VrrpInstance::new("VI_1", interface, Vrid::new(1).expect("in range"));
    config.version = version;
    config.virtual_ipaddress = vec![VirtualAddress::new(ADDRESS, 24)];
    config
}

fn advert(version: VrrpVersion) -> Vec<u8> {
    let advert = vrrp::Advert {
        version,
        vrid: Vrid::new(1).expect("in range"),
        priority: AdvertPriority::from_wire(150),
        advert_int: AdvertInterval::DEFAULT,
        authentication: vrrp::Authentication::None,
        checksum: vrrp::Checksum::PseudoHeader,
        addresses: &[ADDRESS],
    };
    advert.emit_packet(1, SOURCE, vrrp::MULTICAST_GROUP.into())
}

fn check_bytes(version: VrrpVersion, bytes: &[u8]) -> Result<Heard, Refusal> {
    check_as(&config(version), bytes)
}

fn check_as(config: &VrrpInstance, bytes: &[u8]) -> Result<Heard, Refusal> {
    let expectation = expectation(config, &[ADDRESS], None);
    let mut authenticator = Authenticator::default();
    let mut counters = Counters::default();
    let checked = check(&expectation, bytes, &mut authenticator, &mut counters);
    checked.map(|(heard, _)| heard)
}

fn expectation<'a>(
    config: &'a VrrpInstance,
    addresses: &'a [IpAddr],
    same_master: Option<IpAddr>,
) -> Expectation<'a> {
    Expectation {
        config,
        addresses,
        same_master,
        unix: None,
    }
}

#[test]
fn an_advert_of_either_version_is_heard() {
    for version in [VrrpVersion::V2, VrrpVersion::V3] {
        let heard = check_bytes(version, &advert(version)).expect("accepted");
        assert_eq!(heard.source, SOURCE);
        assert_eq!(heard.priority.get(), 150);
        assert_eq!(heard.interval, AdvertInterval::DEFAULT);
        let addressee = addressee(&advert(version)).map(|addressee| addressee.vrid);
        assert_eq!(addressee, Vrid::new(1).ok());
    }
}

#[test]
fn a_version_3_advert_without_interval_is_refused() {
    let mut bytes = advert(VrrpVersion::V3);
    bytes[24..26].fill(0);
    let refusal = check_bytes(VrrpVersion::V3, &bytes).expect_err("refused");
    let (ours, received) = (100, 0);
    assert_eq!(
        refusal.reason,
        RefusalReason::AdvertInterval { ours, received }
    );
}

#[test]
fn a_packet_that_was_cut_on_its_way_has_a_line_of_its_own() {
    let mut bytes = advert(VrrpVersion::V2);
    bytes.truncate(bytes.len() - 3);
    let refusal = check_bytes(VrrpVersion::V2, &bytes).expect_err("refused");
    let line = "ip_tot_len mismatch against received length from 10.9.0.1. 40 and received 37";
    assert_eq!(refusal.to_string(), line);
}

#[test]
fn padding_of_a_short_frame_does_not_matter() {
    let mut bytes = advert(VrrpVersion::V3);
    bytes.resize(46, 0);
    assert!(check_bytes(VrrpVersion::V3, &bytes).is_ok());
}

#[test]
fn the_address_list_is_looked_at_once_with_skip_check_adv_addr() {
    let mut config = config(VrrpVersion::V2);
    config.skip_check_adv_addr = true;
    let bytes = advert(VrrpVersion::V2);
    let mut counters = Counters::default();
    for same_master in [None, Some(SOURCE)] {
        let expectation = expectation(&config, &[], same_master);
        let mut authenticator = Authenticator::default();
        let checked = check(&expectation, &bytes, &mut authenticator, &mut counters);
        let (_, remarks) = checked.expect("accepted");
        assert_eq!(remarks.is_empty(), same_master.is_some());
    }
    assert_eq!(counters.addr_list_err, 1);
}

proptest! {
    #[test]
    fn one_flipped_bit_is_never_heard_as_an_advert(bit in 0usize..160, is_v3: bool) {
        let version = if is_v3 { VrrpVersion::V3 } else { VrrpVersion::V2 };
        let mut bytes = advert(version);
        let octet = ipv4::HEADER_LEN + bit / 8;
        prop_assume!(octet < bytes.len());
        bytes[octet] ^= 1 << (bit % 8);
        prop_assert!(check_bytes(version, &bytes).is_err());
    }

    #[test]
    fn no_payload_makes_it_panic(
        payload in proptest::collection::vec(any::<u8>(), 0..80),
        is_v3: bool,
    ) {
        let version = if is_v3 { VrrpVersion::V3 } else { VrrpVersion::V2 };
        let header = ipv4::Packet::parse(&advert(version)).expect("whole").header;
        let bytes = header.emit(&payload);
        let _ = addressee(&bytes);
        if let Err(refusal) = check_bytes(version, &bytes) {
            prop_assert!(!refusal.to_string().is_empty());
        }
    }
}
