//! Fixtures are of kernel 6.1 and ipvsadm 1.31, seen through an nlmon interface
//! (`ip link add nlmon0 type nlmon`) while `ipvsadm -A`, `-a`, `-Ln`, `-d` ran.

use proptest::prelude::*;

use super::*;

/// Bytes after the generic netlink header.
fn parse(command: IpvsCommand, bytes: &[u8]) -> Result<IpvsMessage, DecodeError> {
    IpvsMessage::parse_with_param(
        bytes,
        GenlHeader {
            cmd: command.number(),
            version: VERSION,
        },
    )
}

fn emit(message: &IpvsMessage) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: String = digits.split_whitespace().collect();
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).expect("hex"))
        .collect()
}

fn at(protocol: u16, address: &str, port: u16) -> ServiceIdentity {
    let address = address.parse().expect("address");
    ServiceIdentity::Address {
        protocol,
        address,
        port,
    }
}

fn service(identity: ServiceIdentity, scheduler: &str, rest: (u32, u32, u32)) -> VirtualService {
    let (flags, timeout, netmask) = rest;
    let scheduler = scheduler.to_owned();
    let settings = Some(ServiceSettings {
        scheduler,
        flags,
        timeout,
        netmask,
    });
    VirtualService { identity, settings }
}

fn destination(address: &str, port: u16, forward: Forward, weight: u32) -> Destination {
    let address = address.parse().expect("address");
    let settings = Some(DestinationSettings {
        forward,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    });
    Destination {
        address,
        port,
        settings,
        counters: None,
    }
}

#[test]
#[cfg(target_endian = "little")]
fn a_persistent_service_is_added_with_the_bytes_of_ipvsadm() {
    // ipvsadm -A -t 192.0.2.1:80 -s wrr -p 360
    let bytes = hex(
        "54000180 0600010002000000 0600020006000000 14000300c0000201000000000000000000000000
         0600040000500000 0800060077727200 0c00070001000000ffffffff 0800080068010000 08000900ffffffff",
    );
    let service = service(
        at(6, "192.0.2.1", 80),
        "wrr",
        (SVC_F_PERSISTENT, 360, u32::MAX),
    );
    let message = IpvsMessage::about_service(IpvsCommand::NewService, service);
    assert_eq!(emit(&message), bytes);
    assert_eq!(
        parse(IpvsCommand::NewService, &bytes).expect("well formed"),
        message
    );
}

#[test]
#[cfg(target_endian = "little")]
fn the_netmask_of_an_ipv6_service_is_a_prefix_length_in_host_order() {
    // ipvsadm -A -u [2001:db8::1]:53 -s mh
    let bytes = hex(
        "54000180 060001000a000000 0600020011000000 1400030020010db8000000000000000000000001
         0600040000350000 070006006d680000 0c00070000000000ffffffff 0800080000000000 0800090080000000",
    );
    let service = service(at(17, "2001:db8::1", 53), "mh", (0, 0, 128));
    let message = IpvsMessage::about_service(IpvsCommand::NewService, service);
    assert_eq!(emit(&message), bytes);
    assert_eq!(
        parse(IpvsCommand::NewService, &bytes).expect("well formed"),
        message
    );
}

#[test]
#[cfg(target_endian = "little")]
fn the_destinations_of_a_service_are_asked_for_with_the_bytes_of_ipvsadm() {
    let bytes = hex(
        "30000180 0600010002000000 0600020006000000 14000300c0000201000000000000000000000000
         0600040000500000",
    );
    let identity = VirtualService {
        identity: at(6, "192.0.2.1", 80),
        settings: None,
    };
    let message = IpvsMessage::about_service(IpvsCommand::GetDestination, identity);
    assert_eq!(emit(&message), bytes);
    assert_eq!(
        parse(IpvsCommand::GetDestination, &bytes).expect("well formed"),
        message
    );
}

#[test]
#[cfg(target_endian = "little")]
fn a_dumped_service_with_a_firewall_mark_keeps_its_mark_and_flags() {
    // ipvsadm -A -f 7 -s sh -b sh-port; the kernel has added IP_VS_SVC_F_HASHED.
    let bytes = hex(
        "3c010100 0600010002000000 0800050007000000 0700060073680000 0c00070012000000ffffffff
         0800080000000000 08000900ffffffff
         64000a00 0800010000000000 0800020000000000 0800030000000000 04000b00
         0c0004000000000000000000 04000b00 0c0005000000000000000000
         0800060000000000 0800070000000000 0800080000000000 0800090000000000 08000a0000000000
         a0000c00 0c0001000000000000000000 04000b00 0c0002000000000000000000 04000b00
         0c0003000000000000000000 04000b00 0c0004000000000000000000 04000b00
         0c0005000000000000000000 04000b00 0c0006000000000000000000 04000b00
         0c0007000000000000000000 04000b00 0c0008000000000000000000 04000b00
         0c0009000000000000000000 04000b00 0c000a000000000000000000",
    );
    let mark = ServiceIdentity::FirewallMark {
        family: Family::Inet,
        mark: 7,
    };
    let expected = service(mark, "sh", (0x12, 0, u32::MAX));
    let message = parse(IpvsCommand::NewService, &bytes).expect("well formed");
    assert_eq!(
        message,
        IpvsMessage::about_service(IpvsCommand::NewService, expected)
    );
}

#[test]
#[cfg(target_endian = "little")]
fn a_destination_is_added_with_what_the_kernel_asks_for_and_no_more() {
    let bytes = hex(
        "30000180 0600010002000000 0600020006000000 14000300c0000201000000000000000000000000
         0600040000500000
         48000280 06000b0002000000 140001000a000002000000000000000000000000 060002001f900000
         0800030000000000 0800040003000000 0800050000000000 0800060000000000",
    );
    let destination = destination("10.0.0.2", 8080, Forward::Masquerade, 3);
    let message = IpvsMessage::about_destination(
        IpvsCommand::NewDestination,
        at(6, "192.0.2.1", 80),
        destination,
    );
    assert_eq!(emit(&message), bytes);
    assert_eq!(
        parse(IpvsCommand::NewDestination, &bytes).expect("well formed"),
        message
    );
}

#[test]
#[cfg(target_endian = "little")]
fn a_destination_of_ipvsadm_behind_a_tunnel_is_understood() {
    // ipvsadm -a -u [2001:db8::1]:53 -r [2001:db8::a]:53 -i --tun-type gue --tun-port 6080 -w 1
    let bytes = hex(
        "54000180 060001000a000000 0600020011000000 1400030020010db8000000000000000000000001
         0600040000350000 0500060000000000 0c00070000000000ffffffff 0800080000000000 0800090080000000
         60000280 06000b000a000000 1400010020010db800000000000000000000000a 0600020000350000
         0800030002000000 0800040001000000 05000d0001000000 06000e0017c00000 06000f0000000000
         0800050000000000 0800060000000000",
    );
    let message = parse(IpvsCommand::NewDestination, &bytes).expect("well formed");
    let tunnel = Forward::TunnelGue { port: 6080 };
    assert_eq!(
        message.destination,
        Some(destination("2001:db8::a", 53, tunnel, 1))
    );
}

#[test]
#[cfg(target_endian = "little")]
fn a_dumped_destination_brings_its_counters() {
    // The answer of the kernel, with numbers put into the empty counters.
    let bytes = hex(
        "7c010200 140001000a000002000000000000000000000000 060002001f900000 0800030000000000
         0800040003000000 05000d0000000000 06000e0000000000 06000f0000000000
         0800050000000000 0800060000000000 0800070001000000 0800080002000000 0800090003000000
         06000b0002000000
         64000a00 0800010009000000 0800020009000000 0800030009000000 04000b00
         0c0004000900000000000000 04000b00 0c0005000900000000000000
         0800060000000000 0800070000000000 0800080000000000 0800090000000000 08000a0000000000
         a0000c00 0c0001000400000000000000 04000b00 0c0002000500000000000000 04000b00
         0c0003000600000000000000 04000b00 0c0004000700000000000000 04000b00
         0c0005000800000000000000 04000b00 0c0006000000000000000000 04000b00
         0c0007000000000000000000 04000b00 0c0008000000000000000000 04000b00
         0c0009000000000000000000 04000b00 0c000a000000000000000000",
    );
    let counters = Counters {
        active_connections: 1,
        inactive_connections: 2,
        persistent_connections: 3,
        connections: 4,
        packets_in: 5,
        packets_out: 6,
        bytes_in: 7,
        bytes_out: 8,
    };
    let expected = Destination {
        counters: Some(counters),
        ..destination("10.0.0.2", 8080, Forward::Masquerade, 3)
    };
    let message = parse(IpvsCommand::NewDestination, &bytes).expect("well formed");
    assert_eq!(message.destination, Some(expected));
}

#[test]
#[cfg(target_endian = "little")]
fn the_answer_about_the_kernel_s_version_is_read_by_numbers_of_its_own() {
    let bytes = hex("0800010001020100 0800020000100000");
    let message = parse(IpvsCommand::SetInfo, &bytes).expect("well formed");
    let info = Info {
        version: 0x01_02_01,
        connection_table_size: 4096,
    };
    assert_eq!(message.info, Some(info));
    assert_eq!(emit(&message), bytes);
}

#[test]
fn every_command_has_a_number_of_its_own() {
    use IpvsCommand::*;
    for command in [
        NewService,
        SetService,
        DelService,
        GetService,
        NewDestination,
        SetDestination,
        DelDestination,
        GetDestination,
        SetInfo,
        GetInfo,
        Flush,
    ] {
        assert_ne!(command.number(), 0);
        assert_eq!(
            IpvsCommand::from_number(command.number()).expect("known"),
            command
        );
    }
    assert!(IpvsCommand::from_number(9).is_err());
}

#[test]
fn what_a_message_must_have_is_missed() {
    let error = |command, digits| {
        parse(command, &hex(digits))
            .expect_err("incomplete")
            .to_string()
    };
    let service = error(IpvsCommand::NewService, "0c000100 06000100 02000000");
    assert!(service.contains("a service's address"), "{service}");
    let family = error(IpvsCommand::NewService, "04000100");
    assert!(family.contains("an address family"), "{family}");
    let destination = error(IpvsCommand::NewDestination, "0c000200 06000b00 0a000000");
    assert!(
        destination.contains("a destination's address"),
        "{destination}"
    );
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ]
}

fn any_identity() -> impl Strategy<Value = ServiceIdentity> {
    prop_oneof![
        (any::<u16>(), any_ip(), any::<u16>()).prop_map(|(protocol, address, port)| {
            ServiceIdentity::Address {
                protocol,
                address,
                port,
            }
        }),
        (any::<bool>(), any::<u32>()).prop_map(|(six, mark)| {
            let family = if six { Family::Inet6 } else { Family::Inet };
            ServiceIdentity::FirewallMark { family, mark }
        }),
    ]
}

fn any_service() -> impl Strategy<Value = VirtualService> {
    let settings = ("[a-z]{1,12}", any::<[u32; 3]>()).prop_map(|(scheduler, numbers)| {
        let [flags, timeout, netmask] = numbers;
        ServiceSettings {
            scheduler,
            flags,
            timeout,
            netmask,
        }
    });
    (any_identity(), proptest::option::of(settings))
        .prop_map(|(identity, settings)| VirtualService { identity, settings })
}

fn any_destination() -> impl Strategy<Value = Destination> {
    let forward = prop_oneof![
        Just(Forward::Masquerade),
        Just(Forward::DirectRoute),
        Just(Forward::TunnelIpip),
        Just(Forward::TunnelGre),
        any::<u16>().prop_map(|port| Forward::TunnelGue { port }),
        any::<u8>().prop_map(|tunnel| Forward::Other { method: 4, tunnel }),
    ];
    let settings = (forward, any::<[u32; 3]>()).prop_map(|(forward, numbers)| {
        let [weight, upper_threshold, lower_threshold] = numbers;
        DestinationSettings {
            forward,
            weight,
            upper_threshold,
            lower_threshold,
        }
    });
    let counters = (any::<[u32; 3]>(), any::<[u64; 5]>()).prop_map(|(now, totals)| {
        let [
            active_connections,
            inactive_connections,
            persistent_connections,
        ] = now;
        let [connections, packets_in, packets_out, bytes_in, bytes_out] = totals;
        Counters {
            active_connections,
            inactive_connections,
            persistent_connections,
            connections,
            packets_in,
            packets_out,
            bytes_in,
            bytes_out,
        }
    });
    let options = (
        proptest::option::of(settings),
        proptest::option::of(counters),
    );
    (any_ip(), any::<u16>(), options).prop_map(|(address, port, (settings, counters))| {
        Destination {
            address,
            port,
            settings,
            counters,
        }
    })
}

proptest! {
    #[test]
    fn what_is_emitted_is_parsed(
        service in proptest::option::of(any_service()),
        destination in proptest::option::of(any_destination()),
    ) {
        let message = IpvsMessage { service, destination, ..IpvsMessage::plain(IpvsCommand::NewDestination) };
        let parsed = parse(IpvsCommand::NewDestination, &emit(&message));
        prop_assert_eq!(parsed.expect("well formed"), message);
    }

    #[test]
    fn malformed_bytes_are_an_error_and_nothing_worse(
        command in 0..20_u8,
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let header = GenlHeader { cmd: command, version: VERSION };
        drop(IpvsMessage::parse_with_param(bytes.as_slice(), header));
    }

    #[test]
    fn a_damaged_message_is_an_error_and_nothing_worse(
        service in any_service(),
        destination in any_destination(),
        place in any::<proptest::sample::Index>(),
        damage in any::<u8>(),
        length in any::<proptest::sample::Index>(),
    ) {
        let (service, destination) = (Some(service), Some(destination));
        let message = IpvsMessage { service, destination, ..IpvsMessage::plain(IpvsCommand::NewDestination) };
        let mut bytes = emit(&message);
        let place = place.index(bytes.len());
        bytes[place] = damage;
        bytes.truncate(length.index(bytes.len()) + 1);
        drop(parse(IpvsCommand::NewDestination, &bytes));
    }
}
