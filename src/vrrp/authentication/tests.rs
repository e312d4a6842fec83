use super::*;
use crate::config::HmacKey;
use crate::types::{InterfaceName, Vrid};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const OTHER_KEY: &[u8] = b"fedcba9876543210fedcba9876543210";
const NOON: Duration = Duration::from_secs(1_795_500_000);
const PACKET: [u8; 12] = [0x31, 6, 255, 1, 0, 100, 0xda, 0x90, 10, 9, 0, 104];

fn source() -> IpAddr {
    IpAddr::from([10, 9, 0, 1])
}

fn instance() -> VrrpInstance {
    let interface = InterfaceName::new("eth0").expect("a name");
    VrrpInstance::new("VI_1", interface, Vrid::new(6).expect("in range"))
}

fn config() -> AuthHmac {
    let key = |octets: &[u8]| HmacKey::new(octets.to_vec()).expect("long enough");
    AuthHmac {
        key: vec![(1, key(KEY)), (2, key(OTHER_KEY))],
        active_key: 1,
        time_window: Duration::from_secs(5),
        anti_replay: AntiReplay::Time,
        mode: HmacMode::Enforce,
    }
}

/// The trailer that a fresh router with that configuration puts behind the packet.
fn trailer(config: &AuthHmac, unix: Duration) -> Vec<u8> {
    let mut packet = PACKET.to_vec();
    Authenticator::default().sign(config, &mut packet, source(), Some(unix));
    packet.split_off(PACKET.len())
}

fn verify(
    authenticator: &mut Authenticator,
    config: &AuthHmac,
    trailer: &[u8],
    unix: Duration,
) -> Result<Option<ClockSkew>, RefusalReason> {
    let unix = Some(unix);
    authenticator.verify(&instance(), config, &PACKET, trailer, source(), unix)
}

fn verify_fresh(config: &AuthHmac, trailer: &[u8], unix: Duration) -> Result<(), RefusalReason> {
    verify(&mut Authenticator::default(), config, trailer, unix).map(drop)
}

#[test]
fn a_trailer_is_taken_once() {
    let mut authenticator = Authenticator::default();
    let first = trailer(&config(), NOON);
    assert_eq!(
        verify(&mut authenticator, &config(), &first, NOON),
        Ok(None)
    );
    let again = verify(&mut authenticator, &config(), &first, NOON);
    assert_eq!(again, Err(RefusalReason::HmacReplayed));
    let earlier = trailer(&config(), NOON - Duration::from_secs(1));
    let earlier = verify(&mut authenticator, &config(), &earlier, NOON);
    assert_eq!(earlier, Err(RefusalReason::HmacReplayed));
    let later = trailer(&config(), NOON + Duration::from_millis(10));
    assert_eq!(
        verify(&mut authenticator, &config(), &later, NOON),
        Ok(None)
    );
}

#[test]
fn the_sequence_grows_although_the_clock_stands_still_or_is_set_back() {
    let mut sender = Authenticator::default();
    let mut receiver = Authenticator::default();
    for unix in [NOON, NOON, NOON - Duration::from_secs(3), NOON] {
        let mut packet = PACKET.to_vec();
        sender.sign(&config(), &mut packet, source(), Some(unix));
        let trailer = packet.split_off(PACKET.len());
        assert!(verify(&mut receiver, &config(), &trailer, NOON).is_ok());
    }
}

#[test]
fn a_clock_that_was_ahead_and_is_right_again_is_heard_at_once() {
    let hour = Duration::from_secs(3600);
    let second = Duration::from_secs(1);
    let say = |sender: &mut Authenticator, unix| {
        let mut packet = PACKET.to_vec();
        sender.sign(&config(), &mut packet, source(), Some(unix));
        packet.split_off(PACKET.len())
    };
    let mut sender = Authenticator::default();
    let mut receiver = Authenticator::default();
    let ahead = say(&mut sender, NOON + hour);
    // First the sender's clock alone is ahead, then both are.
    let heard = verify(&mut receiver, &config(), &ahead, NOON);
    assert!(matches!(heard, Err(RefusalReason::HmacStale { .. })));
    let heard = verify(&mut receiver, &config(), &ahead, NOON + hour);
    assert_eq!(heard, Ok(None));
    let right = say(&mut sender, NOON + second);
    let heard = verify(&mut receiver, &config(), &right, NOON + second);
    assert_eq!(heard, Ok(None));
    // By less than the window: the numbers go on.
    let set_back = say(&mut sender, NOON - second);
    let heard = verify(&mut receiver, &config(), &set_back, NOON);
    assert_eq!(heard, Ok(None));
}

#[test]
fn clocks_may_differ_by_the_window_and_half_of_it_is_said() {
    let skewed = |seconds| {
        let trailer = trailer(&config(), NOON + Duration::from_secs(seconds));
        verify(&mut Authenticator::default(), &config(), &trailer, NOON)
    };
    assert_eq!(skewed(2), Ok(None));
    let (seconds, window) = (5, 5);
    assert_eq!(skewed(5), Ok(Some(ClockSkew { seconds, window })));
    let (seconds, window) = (6, 5);
    assert_eq!(skewed(6), Err(RefusalReason::HmacStale { seconds, window }));
    let mut monotonic = config();
    monotonic.anti_replay = AntiReplay::Monotonic;
    let old = trailer(&config(), NOON - Duration::from_secs(100_000));
    assert_eq!(verify_fresh(&monotonic, &old, NOON), Ok(()));
}

#[test]
fn keys_are_changed_one_router_at_a_time() {
    let mut changed = config();
    changed.active_key = 2;
    let trailer = trailer(&changed, NOON);
    assert_eq!(trailer[1], 2);
    assert_eq!(verify_fresh(&config(), &trailer, NOON), Ok(()));
    let mut without = config();
    without.key.pop();
    let unknown = Err(RefusalReason::HmacUnknownKey { id: 2 });
    assert_eq!(verify_fresh(&without, &trailer, NOON), unknown);
}

#[test]
fn a_wrong_trailer_has_its_reason() {
    let right = trailer(&config(), NOON);
    for (octet, reason) in [
        (0, RefusalReason::HmacMalformed),
        (2, RefusalReason::HmacMalformed),
        (10, RefusalReason::HmacInvalid),
        (27, RefusalReason::HmacInvalid),
    ] {
        let mut wrong = right.clone();
        wrong[octet] ^= 0x40;
        assert_eq!(
            verify_fresh(&config(), &wrong, NOON),
            Err(reason),
            "octet {octet}"
        );
    }
    let cut = verify_fresh(&config(), &right[..27], NOON);
    assert_eq!(cut, Err(RefusalReason::HmacMalformed));
}

#[test]
fn modes_lead_from_unsigned_to_signed_adverts() {
    for (mode, signs, unsigned) in [
        (HmacMode::Enforce, true, Err(RefusalReason::HmacMissing)),
        (HmacMode::Permissive, true, Ok(())),
        (HmacMode::ReceiveOnly, false, Ok(())),
    ] {
        let config = AuthHmac { mode, ..config() };
        assert_eq!(!trailer(&config, NOON).is_empty(), signs, "{mode:?}");
        assert_eq!(verify_fresh(&config, &[], NOON), unsigned, "{mode:?}");
        let mut wrong = trailer(&self::config(), NOON);
        wrong[27] ^= 1;
        let refused = verify_fresh(&config, &wrong, NOON);
        assert_eq!(refused, Err(RefusalReason::HmacInvalid), "{mode:?}");
    }
}

#[test]
fn no_more_senders_are_remembered_than_there_may_be() {
    let mut authenticator = Authenticator::default();
    for host in 1..=9 {
        let source = IpAddr::from([10, 9, 0, host]);
        authenticator.remember(&instance(), source, 7).expect("new");
    }
    assert_eq!(authenticator.heard.len(), MULTICAST_SENDERS);
    let newest = IpAddr::from([10, 9, 0, 9]);
    let replayed = authenticator.remember(&instance(), newest, 7);
    assert_eq!(replayed, Err(RefusalReason::HmacReplayed));
}

#[test]
fn the_next_master_goes_on_where_the_last_one_stopped() {
    const AH_KEY: ah::Key = *b"secret\0\0";
    let header = |last| {
        let source = [10, 9, 0, last].into();
        crate::wire::vrrp::ipv4_header(1, 255, source, [224, 0, 0, 18].into())
    };
    let mut first = Authenticator::default();
    let mut second = Authenticator::default();
    let open = |receiver: &mut Authenticator, packet: &[u8], last| {
        let source = IpAddr::from([10, 9, 0, last]);
        let opened = receiver.open(packet, &packet[ipv4::HEADER_LEN..], source, &AH_KEY);
        opened.map(<[u8]>::len)
    };
    let packet = first.seal(&header(1), &PACKET, &AH_KEY, Some(NOON));
    assert_eq!(open(&mut second, &packet, 1), Ok(PACKET.len()));
    let received = u32::try_from(NOON.as_secs()).expect("before 2106") + 1;
    let local = received;
    let replayed = Err(RefusalReason::AhSequence { received, local });
    assert_eq!(open(&mut second, &packet, 1), replayed);
    // It goes two numbers on, because of the packet that it has heard twice: so two masters do not count in step.
    let packet = second.seal(&header(0), &PACKET, &AH_KEY, None);
    assert_eq!(second.ah_sequence, local + 2);
    assert_eq!(open(&mut first, &packet, 0), Ok(PACKET.len()));
    let packet = second.seal(&header(2), &PACKET, &AH_KEY, None);
    assert_eq!(open(&mut first, &packet, 2), Ok(PACKET.len()));
    let packet = first.seal(&header(9), &PACKET, &AH_KEY, None);
    let spi = Err(RefusalReason::AhSpi {
        received: 0x0a09_0009,
    });
    assert_eq!(open(&mut second, &packet, 1), spi);
}
