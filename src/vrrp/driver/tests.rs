//! The driver against a real kernel, in a network namespace.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::garp::{Announced, GarpSocket};
use super::kernel::Kernel;
use super::namespace::{ip, with_veth};
use super::socket::{Outgoing, Sockets};
use crate::config::{Config, VrrpInstance};
use crate::netlink::{AddressAdded, AddressDeleted, Handle, IFAPROT_KEEPALIVED};
use crate::sys::link_layer::interface_address;
use crate::sys::poll_set::PollSet;
use crate::types::{InterfaceName, OwnedAddress, VirtualAddress, Vrid};
use crate::vrrp::{Input, LinkState};
use crate::wire::ipv6;
use crate::wire::vrrp::{MULTICAST_GROUP, MULTICAST_GROUP_V6};

/// A packet whose second octet is the VRID, for the filter looks at it: 0x33 is 51.
const HELLO: &[u8] = b"h3llo";
const LINK_LOCAL_VIRTUAL: [u16; 8] = [0xfe80, 0, 0, 0, 0, 0, 0, 0x100];

const NEEDS: &str = "CAP_NET_ADMIN and CAP_NET_RAW in the new namespace";

fn name(name: &str) -> InterfaceName {
    InterfaceName::new(name).expect("a name")
}

fn virtual_address() -> (OwnedAddress, VirtualAddress) {
    let address = IpAddr::from([192, 0, 2, 100]);
    let owned = OwnedAddress {
        interface: name("near"),
        address,
        prefix_len: 24,
        peer: None,
    };
    (owned, VirtualAddress::new(address, 24))
}

fn config(interface: &str) -> Config {
    let vrid = Vrid::new(51).expect("in range");
    let mut instance = VrrpInstance::new("VI_1", name(interface), vrid);
    instance.virtual_ipaddress = vec![virtual_address().1];
    Config {
        vrrp_instances: vec![instance],
        ..Config::default()
    }
}

async fn inputs(kernel: &mut Kernel) -> Vec<Input<'static>> {
    let mut inputs = Vec::new();
    loop {
        let changes = kernel.changes().await.expect("changes");
        inputs.extend(changes.inputs);
        if !changes.more {
            return inputs;
        }
    }
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn an_address_is_added_once_marked_as_ours_and_deleted_once() {
    with_veth(|| async {
        let handle = Handle::connect().expect(NEEDS);
        handle.check_permission().await.expect(NEEDS);
        let (owned, options) = virtual_address();
        let add = async || handle.add_address(&owned, &options).await.expect("add");
        assert_eq!(add().await, AddressAdded::Added);
        assert_eq!(add().await, AddressAdded::WasThere);
        let there = handle.addresses().await.expect("list");
        let ours = there.iter().find(|it| it.address == owned.address);
        let ours = ours.expect("on the interface");
        assert_eq!(ours.protocol, Some(IFAPROT_KEEPALIVED));
        assert!(ours.is_secondary);
        let delete = async |it: &OwnedAddress| handle.delete_address(it).await.expect("delete");
        let other_prefix = OwnedAddress {
            prefix_len: 32,
            ..owned.clone()
        };
        assert_eq!(delete(&other_prefix).await, AddressDeleted::WasNotThere);
        assert_eq!(delete(&owned).await, AddressDeleted::Deleted);
        assert_eq!(delete(&owned).await, AddressDeleted::WasNotThere);
        let nowhere = OwnedAddress {
            interface: name("nowhere"),
            ..owned.clone()
        };
        assert_eq!(delete(&nowhere).await, AddressDeleted::WasNotThere);
    });
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn only_somebody_else_s_removal_of_our_address_is_told() {
    with_veth(|| async {
        let mut kernel = Kernel::open(&config("near")).await.expect(NEEDS);
        let (owned, options) = virtual_address();
        let addresses = [(owned.clone(), options)];
        assert!(kernel.add(&addresses).await.iter().all(Result::is_ok));
        assert_eq!(inputs(&mut kernel).await, []);
        ip("address del 192.0.2.100/24 dev near");
        let removed = Input::AddressRemoved(owned.clone());
        assert_eq!(inputs(&mut kernel).await, [removed]);
        assert!(kernel.add(&addresses).await.iter().all(Result::is_ok));
        assert_eq!(inputs(&mut kernel).await, []);
        kernel.remove(std::slice::from_ref(&owned)).await;
        kernel.add(&addresses).await;
        kernel.remove(&[owned]).await;
        assert_eq!(inputs(&mut kernel).await, []);
    });
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn an_interface_is_followed_through_loss_of_carrier_deletion_and_return() {
    with_veth(|| async {
        let mut kernel = Kernel::open(&config("near")).await.expect(NEEDS);
        let states = kernel.watch(&config("near"));
        let own = Some(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(
            (states[0].link, states[0].primary_address),
            (LinkState::Up, own)
        );
        for (command, link, primary_address) in [
            ("link set far down", LinkState::Down, own),
            ("link set far up", LinkState::Up, own),
            ("address del 192.0.2.1/24 dev near", LinkState::Up, None),
            ("link del near", LinkState::Missing, None),
            (
                "link add near type veth peer name far",
                LinkState::Down,
                None,
            ),
        ] {
            ip(command);
            // The kernel tells of a carrier up to a second after it changed (net/core/link_watch.c).
            let late = Instant::now() + Duration::from_secs(3);
            let mut told = Vec::new();
            loop {
                told.extend(inputs(&mut kernel).await);
                if let Some(Input::Interface(state)) = told.last()
                    && (state.link, state.primary_address) == (link, primary_address)
                {
                    break;
                }
                assert!(Instant::now() < late, "{command}: {told:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn lost_monitor_messages_are_made_up_for() {
    with_veth(|| async {
        let mut kernel = Kernel::open(&config("near")).await.expect(NEEDS);
        let (owned, options) = virtual_address();
        kernel.add(&[(owned.clone(), options)]).await;
        // Far more than the monitor's buffer holds.
        let commands: String = (0..4000)
            .map(|n| format!("link set far mtu {}\n", 1000 + n % 400))
            .collect();
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), commands).expect("write");
        ip(&format!("-batch {}", file.path().display()));
        ip("address del 192.0.2.100/24 dev near");
        let mut inputs = inputs(&mut kernel).await;
        // The link-local address of a veth that is up may have become usable meanwhile.
        inputs.retain(|input| !matches!(input, Input::Interface(_)));
        assert_eq!(inputs, [Input::AddressRemoved(owned)]);
    });
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn a_multicast_packet_crosses_the_veth_and_sockets_follow_the_interface() {
    with_veth(|| async {
        let mut ends = [End::open("near").await, End::open("far").await];
        assert_eq!(exchange(&ends).await, HELLO);
        ip("link del near");
        ip("link add near type veth peer name far");
        ip("link set near up");
        ip("link set far up");
        for end in &mut ends {
            inputs(&mut end.kernel).await;
            end.sockets.follow(end.kernel.interfaces(), &end.set);
        }
        assert_eq!(exchange(&ends).await, HELLO);
    });
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn an_ipv6_packet_crosses_the_veth_and_arrives_with_its_header() {
    with_veth(|| async {
        let mut config = config("near");
        config.vrrp_instances[0].virtual_ipaddress[0].address = IpAddr::from(LINK_LOCAL_VIRTUAL);
        let near = End::of(&config).await;
        config.vrrp_instances[0].interface = name("far");
        let far = End::of(&config).await;
        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);
        let header = ipv6::Header {
            traffic_class: 0xc0,
            next_header: 112,
            hop_limit: 254,
            source,
            destination: MULTICAST_GROUP_V6,
        };
        // Not before an address can be used: the kernel wants one of its own to route by.
        let mut near = near;
        while inputs(&mut near.kernel)
            .await
            .iter()
            .all(|it| !has_link_local(it))
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        send(
            &near.sockets,
            MULTICAST_GROUP_V6.into(),
            &header.emit(HELLO),
        );
        far.set.readable().await.expect("readable");
        assert_eq!(near.set.ready().expect("ready"), [0; 0], "no loop-back");
        let key = far.set.ready().expect("ready")[0];
        let mut buffer = [0; 100];
        let (interface, bytes) = far.sockets.receive(key, &mut buffer).expect("a packet");
        assert_eq!(*interface, name("far"));
        let packet = ipv6::Packet::parse(bytes).expect("whole");
        assert_eq!((packet.header.source, packet.payload), (source, HELLO));
        assert_eq!(
            (packet.header.destination, packet.header.hop_limit),
            (MULTICAST_GROUP_V6, 254)
        );
        assert_eq!(far.sockets.receive(key, &mut buffer), None);
    });
}

fn has_link_local(input: &Input<'_>) -> bool {
    matches!(input, Input::Interface(state) if state.link_local.is_some())
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn an_ipv6_address_is_usable_at_once_and_never_a_source_by_itself() {
    with_veth(|| async {
        let mut kernel = Kernel::open(&config("near")).await.expect(NEEDS);
        let address = "2001:db8::100".parse().expect("an address");
        let owned = OwnedAddress {
            interface: name("near"),
            address,
            prefix_len: 128,
            peer: None,
        };
        let addresses = [(owned.clone(), VirtualAddress::new(address, 128))];
        assert!(kernel.add(&addresses).await.iter().all(Result::is_ok));
        let shown = Command::new("ip")
            .args([
                "-6",
                "address",
                "show",
                "dev",
                "near",
                "to",
                "2001:db8::100",
            ])
            .output()
            .expect("ip(8)");
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        for word in [
            "nodad",
            "deprecated",
            "preferred_lft 0sec",
            "valid_lft forever",
        ] {
            assert!(shown.contains(word), "no {word} in {shown}");
        }
        inputs(&mut kernel).await;
        ip("-6 address del 2001:db8::100/128 dev near");
        assert!(
            inputs(&mut kernel)
                .await
                .contains(&Input::AddressRemoved(owned))
        );
    });
}

struct End {
    kernel: Kernel,
    sockets: Sockets,
    set: PollSet,
}

impl End {
    async fn open(interface: &str) -> Self {
        Self::of(&config(interface)).await
    }

    async fn of(config: &Config) -> Self {
        let kernel = Kernel::open(config).await.expect(NEEDS);
        let set = PollSet::new().expect("epoll");
        let mut sockets = Sockets::default();
        sockets.want(config);
        sockets.follow(kernel.interfaces(), &set);
        Self {
            kernel,
            sockets,
            set,
        }
    }
}

/// From the near end. The first packet of the three has no socket and the second one no sense; the others go out.
fn send(sockets: &Sockets, destination: IpAddr, packet: &[u8]) {
    let (near, nowhere) = (name("near"), name("nowhere"));
    let to = |interface, packet| Outgoing {
        interface,
        destination,
        packet,
    };
    let nonsense = &packet[..10];
    let outgoing = [to(&nowhere, packet), to(&near, nonsense), to(&near, packet)];
    let failures = sockets.send_all(&outgoing);
    assert!(
        matches!(failures[..], [Some(_), Some(_), None]),
        "{failures:?}"
    );
}

/// Sends from one end and returns what the other reads behind the header.
async fn exchange(ends: &[End; 2]) -> Vec<u8> {
    // Version 4, 20 bytes of header, TTL 255, protocol 112; the kernel fills in length and
    // checksum.
    let mut packet = vec![0x45, 0xc0, 0, 0, 0, 1, 0, 0, 255, 112, 0, 0];
    // Not an address of this namespace, where both ends are: that would be a martian.
    packet.extend([192, 0, 2, 9]);
    packet.extend(MULTICAST_GROUP.octets());
    packet.extend(HELLO);
    let [a, b] = ends;
    send(&a.sockets, MULTICAST_GROUP.into(), &packet);
    b.set.readable().await.expect("readable");
    assert_eq!(a.set.ready().expect("ready"), [0; 0], "no loop-back");
    let ready = b.set.ready().expect("ready");
    let mut buffer = [0; 100];
    let (interface, bytes) = b.sockets.receive(ready[0], &mut buffer).expect("a packet");
    assert_eq!(*interface, name("far"));
    let payload = bytes[20..].to_vec();
    assert_eq!(b.sockets.receive(ready[0], &mut buffer), None);
    payload
}

#[test]
#[ignore = "makes a network namespace: run as root with --ignored"]
fn gratuitous_arp_reaches_the_segment_and_is_not_sent_where_nobody_has_arp() {
    with_veth(|| async {
        let kernel = Kernel::open(&config("near")).await.expect(NEEDS);
        let link = |of: &str| kernel.interfaces().link(&name(of)).expect("a link").clone();
        let listener = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)));
        let mut listener = listener.expect(NEEDS);
        listener
            .bind(&interface_address(link("far").index, 0x0806).expect("an address"))
            .expect("bind");
        listener
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("set");
        let mut garp = GarpSocket::open().expect(NEEDS);
        let address = Ipv4Addr::new(192, 0, 2, 100);
        assert_eq!(
            garp.announce(&link("near"), address.into()).expect("sent"),
            Announced::Sent
        );
        let mut frame = [0; 64];
        let length = listener.read(&mut frame).expect("a frame");
        let mac = link("near").mac.expect("Ethernet");
        assert_eq!(frame[..length], crate::wire::arp::gratuitous(mac, address));
        let mut deaf = link("near");
        deaf.is_noarp = true;
        assert_eq!(
            garp.announce(&deaf, address.into()).expect("no error"),
            Announced::NoArp
        );
    });
}
