use proptest::prelude::*;

use super::*;
use crate::dataplane::packet::DATAGRAM;
use crate::lvs::{RealServer, Service, ServiceKey};
use crate::types::{ForwardingMethod, Protocol, Scheduler, ServerAddress, Weight};

const VIRTUAL: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

fn director(now: Instant) -> Director {
    let settings = Settings {
        limits: Limits {
            connections: 32,
            embryonic: 16,
            udp: 16,
        },
        hash: RandomState::with_seeds(1, 2, 3, 4),
        orphans: OrphanPolicy::ResetUntil(now + Duration::from_secs(100)),
    };
    let mut director = Director::new(settings, now);
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let key = ServiceKey {
            address: ServerAddress::new(VIRTUAL.into(), 80),
            protocol,
        };
        let service = Service {
            scheduler: Scheduler::Lc,
            persistence_timeout: None,
        };
        director
            .apply(&Command::AddService { key, service })
            .expect("added");
        for host in [1, 2] {
            let real_server = RealServer {
                address: ServerAddress::new(Ipv4Addr::new(10, 2, host, 2).into(), 80),
                weight: Weight::ONE,
                method: ForwardingMethod::Nat,
            };
            director
                .apply(&Command::AddRealServer { key, real_server })
                .expect("added");
        }
    }
    director
}

/// A datagram that is plausible enough to get far: small address and port spaces, everything else random.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let address = prop_oneof![
        Just(VIRTUAL),
        Just(Ipv4Addr::new(10, 2, 1, 2)),
        Just(Ipv4Addr::new(10, 2, 2, 2)),
        (0u8..8).prop_map(|host| Ipv4Addr::new(10, 1, 0, host)),
    ];
    let port = prop_oneof![Just(80u16), 1000u16..1008];
    let protocol = prop_oneof![4 => Just(6u8), 2 => Just(17u8), 2 => Just(1u8), 1 => any::<u8>()];
    let fragment = prop_oneof![6 => Just(0u16), 1 => any::<u16>()];
    let rest = proptest::collection::vec(any::<u8>(), 0..100);
    (
        [address.clone(), address],
        [port.clone(), port],
        protocol,
        fragment,
        rest,
        0x45u8..0x48,
    )
        .prop_map(
            |([source, destination], ports, protocol, fragment, rest, first)| {
                let mut bytes = vec![0; 20];
                bytes[0] = first;
                bytes[6..8].copy_from_slice(&fragment.to_be_bytes());
                bytes[8] = 64;
                bytes[9] = protocol;
                bytes[12..16].copy_from_slice(&source.octets());
                bytes[16..20].copy_from_slice(&destination.octets());
                bytes.resize(usize::from(first & 15) * 4, 1);
                if protocol == 1 {
                    // An error about a packet the other way.
                    bytes.extend_from_slice(&[
                        3, 4, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 80, 0, 0, 0, 0, 64, 6, 0, 0,
                    ]);
                    bytes.extend_from_slice(&destination.octets());
                    bytes.extend_from_slice(&source.octets());
                }
                for port in ports {
                    bytes.extend_from_slice(&port.to_be_bytes());
                }
                bytes.extend_from_slice(&rest);
                let length = u16::try_from(bytes.len()).expect("short");
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
                bytes
            },
        )
}

proptest! {
    #[test]
    fn no_packet_makes_the_director_panic_or_lose_count(
        packets in proptest::collection::vec((datagram(), any::<[u8; 10]>(), 0u64..40, any::<bool>()), 1..120),
    ) {
        let start = Instant::now();
        let mut now = start;
        let mut director = director(start);
        for (datagram, virtio, seconds, sane) in packets {
            let mut frame = vec![0; DATAGRAM];
            if !sane {
                frame[..10].copy_from_slice(&virtio);
            }
            frame[22..24].copy_from_slice(&[8, 0]);
            frame.extend_from_slice(&datagram);
            if let Some(mut packet) = Packet::new(&mut frame, 2) {
                director.handle(&mut packet, now);
            }
            now += Duration::from_secs(seconds);
            while director.expire(now) {}
            let statistics = director.statistics();
            let counted: u64 =
                statistics.iter().map(|s| s.active_connections + s.inactive_connections).sum();
            prop_assert_eq!(counted, u64::from(director.connections()));
            prop_assert!(director.connections() <= 32);
        }
    }
}

#[test]
fn icmp_errors_are_limited_to_so_many_in_a_second() {
    let now = Instant::now();
    let mut director = director(now);
    let syn = [
        &[0; 22][..],
        &[
            8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 1, 6, 0, 0, 10, 1, 0, 2, 10, 9, 0, 1,
        ],
        &[
            4, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0,
        ],
    ]
    .concat();
    let mut send = |now| {
        let mut frame = syn.clone();
        let mut packet = Packet::new(&mut frame, 2).expect("a packet");
        director.handle(&mut packet, now)
    };
    for _ in 0..ICMP_ERRORS_PER_SECOND {
        assert!(matches!(send(now), Verdict::Reply(_)));
    }
    assert_eq!(send(now), Verdict::Drop(DropReason::RateLimit));
    assert!(matches!(
        send(now + Duration::from_secs(1)),
        Verdict::Reply(_)
    ));
}
