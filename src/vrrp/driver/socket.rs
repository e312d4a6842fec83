//! Raw sockets of protocol 112, and of 51 for `auth_type AH`: one pair, for receiving and for sending, per interface and
//! version of IP.
//!
//! Each packet that comes in through an interface is read once, whatever group or address it was
//! sent to; the routers tell their instances apart. Each packet that goes out brings its own IP
//! header, so the socket needs no source address, and `unicast_src_ip` need not be on the interface
//! yet (keepalived: IP_FREEBIND).

mod outgoing;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, IoSliceMut, Read};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tracing::warn;

pub(super) use self::outgoing::Outgoing;
use super::filter::{self, Expected, Strictness};
use super::transport::Transport;
use crate::config::Config;
use crate::netlink::Interfaces;
use crate::sys::poll_set::PollSet;
use crate::types::{InterfaceName, Vrid};
use crate::wire::ipv6;
use crate::wire::vrrp::PROTOCOL;

/// Holds what comes in during a stall: more than a thousand adverts. The kernel counts at least 768
/// bytes for each.
const RECEIVE_BUFFER: u32 = 1 << 20;
/// Half of what the kernel can count, because it doubles it.
const MAX_RECEIVE_BUFFER: u32 = 1 << 30;
/// Takes an advert of each virtual router that an interface can have, all at once.
const SEND_BUFFER: usize = 1 << 20;
/// No interface has it: the kernel asks its routes.
const ANY_INDEX: u32 = 0;
/// TC_PRIO_CONTROL (`linux/pkt_sched.h`): adverts leave before bulk data.
const PRIORITY_CONTROL: u32 = 7;

/// The sockets of all interfaces that an instance runs on, for as long as those interfaces exist.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    wanted: BTreeMap<Place, Wanted>,
    strictness: Strictness,
    open: HashMap<Place, Pair>,
    /// The interface that a virtual MAC interface stands for.
    bases: HashMap<InterfaceName, InterfaceName>,
    /// Whose receiving socket a key of the poll set means.
    by_key: HashMap<u64, Place>,
}

/// Where adverts are exchanged.
type Place = (InterfaceName, Transport);

/// What is to come in at a place.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Wanted {
    groups: Groups,
    /// Octets.
    receive_buffer: u32,
    expected: Expected,
}

/// What an interface's socket is to receive beside what is sent to the node's own addresses.
type Groups = BTreeSet<IpAddr>;

#[derive(Debug)]
struct Pair {
    index: u32,
    transport: Transport,
    groups: Groups,
    receive_buffer: u32,
    /// What the filter of the receiving socket was made for.
    filtered: Option<(Expected, Strictness)>,
    receiver: Socket,
    sender: Socket,
}

impl Sockets {
    /// Wants the sockets that `config` needs and no others. Takes effect with the next
    /// [`Sockets::follow`].
    pub(super) fn want(&mut self, config: &Config) {
        self.wanted = wanted(config);
        self.bases = bases(config).collect();
    }

    /// Wants what `config` needs in addition.
    pub(super) fn want_also(&mut self, config: &Config) {
        for (place, more) in wanted(config) {
            self.wanted.entry(place).or_default().extend(more);
        }
        self.bases.extend(bases(config));
    }

    /// How much is dropped unseen from now on. What cannot be changed is logged.
    pub(super) fn filter(&mut self, strictness: Strictness) {
        self.strictness = strictness;
        for (place, wanted) in &self.wanted {
            if let Some(pair) = self.open.get_mut(place)
                && let Err(error) = pair.filter(&wanted.expected, strictness)
            {
                warn!("Unable to filter packets on {}: {error}", place.0);
            }
        }
    }

    /// Opens what is missing, closes what nobody wants, and opens anew where an interface has come
    /// back as another one. An error concerns one interface, is logged and tried again with the
    /// next change.
    pub(super) fn follow(&mut self, interfaces: &Interfaces, set: &PollSet) {
        let index_of = |name: &InterfaceName| match name.is_any() {
            true => Some(ANY_INDEX),
            false => interfaces.link(name).map(|link| link.index),
        };
        self.open.retain(|place, pair| {
            self.wanted.contains_key(place) && index_of(&place.0) == Some(pair.index)
        });
        let strictness = self.strictness;
        for (place, wanted) in &self.wanted {
            let name = &place.0;
            let Some(index) = index_of(name) else {
                continue;
            };
            let result = match self.open.get_mut(place) {
                Some(pair) => pair.follow(wanted, strictness),
                None => Pair::open(place, index, wanted, strictness, set).map(|pair| {
                    self.open.insert(place.clone(), pair);
                }),
            };
            if let Err(error) = result {
                warn!("Unable to open the VRRP sockets on {name}: {error}");
            }
        }
        let key_and_place = |(place, pair): (&Place, &Pair)| (pair.key(), place.clone());
        self.by_key = self.open.iter().map(key_and_place).collect();
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// The next packet that has come in on the socket of that key, with its IP header, cut
    /// off at the end of `buffer`. `None` when there is no more.
    pub(super) fn receive<'a>(
        &self,
        key: u64,
        buffer: &'a mut [u8],
    ) -> Option<(&InterfaceName, &'a [u8])> {
        let place = self.by_key.get(&key)?;
        let mut receiver = &self.open.get(place)?.receiver;
        let mut receive = || match place.1 {
            Transport::Ipv4 | Transport::Ipv4Ah => receiver.read(buffer),
            Transport::Ipv6 => receive_ipv6(receiver, buffer),
        };
        // An error other than "nothing there" is that of an earlier packet, and has been taken off
        // the socket now.
        let length = receive().or_else(|_| receive()).ok()?;
        let interface = self.bases.get(&place.0).unwrap_or(&place.0);
        Some((interface, buffer.get(..length)?))
    }
}

fn wanted(config: &Config) -> BTreeMap<Place, Wanted> {
    let mut wanted: BTreeMap<Place, Wanted> = BTreeMap::new();
    let logs_unknown = config.global_defs.vrrp.log_unknown_vrids;
    let of_policy = config.global_defs.vrrp.rx_buffer();
    for instance in &config.vrrp_instances {
        let is_unicast = !instance.unicast_peer.is_empty();
        let place = (instance.interface.clone(), Transport::of(instance));
        let vrids: BTreeSet<Vrid> = if logs_unknown {
            (1..=u8::MAX)
                .filter_map(|vrid| Vrid::new(vrid).ok())
                .collect()
        } else {
            [instance.virtual_router_id].into()
        };
        let more = || Wanted {
            groups: (!is_unicast)
                .then(|| instance.multicast_group())
                .into_iter()
                .collect(),
            receive_buffer: RECEIVE_BUFFER
                .max(of_policy)
                .max(instance.kernel_rx_buf_size),
            expected: Expected {
                vrids: vrids.clone(),
                versions: [instance.version].into(),
                any_ttl: is_unicast,
            },
        };
        // The kernel hands a macvlan in private mode what has its own MAC address as its source, and nobody else: the
        // adverts of a peer with the same virtual MAC address.
        // An ipvlan gets what its base gets too, and hearing it once is enough: it is for sending.
        if let (Some(own), false) = (instance.own_interface(), is_unicast) {
            let place = (own.clone(), Transport::of(instance));
            let mut more = more();
            if instance.use_ipvlan.is_some() {
                more.groups.clear();
            }
            wanted.entry(place).or_default().extend(more);
        }
        wanted.entry(place).or_default().extend(more());
    }
    wanted
}

impl Wanted {
    fn extend(&mut self, more: Self) {
        self.groups.extend(more.groups);
        self.receive_buffer = self.receive_buffer.max(more.receive_buffer);
        self.expected.vrids.extend(more.expected.vrids);
        self.expected.versions.extend(more.expected.versions);
        self.expected.any_ttl |= more.expected.any_ttl;
    }
}

fn bases(config: &Config) -> impl Iterator<Item = (InterfaceName, InterfaceName)> {
    config.vrrp_instances.iter().filter_map(|instance| {
        let vmac = instance.own_interface()?;
        Some((vmac.clone(), instance.interface.clone()))
    })
}

impl Pair {
    fn open(
        (name, transport): &Place,
        index: u32,
        wanted: &Wanted,
        strictness: Strictness,
        set: &PollSet,
    ) -> io::Result<Self> {
        let mut pair = Self {
            index,
            transport: *transport,
            groups: Groups::new(),
            receive_buffer: 0,
            filtered: None,
            receiver: receiver(name, *transport)?,
            sender: sender(name, *transport)?,
        };
        pair.follow(wanted, strictness)?;
        set.add(&pair.receiver, pair.key())?;
        Ok(pair)
    }

    fn follow(&mut self, wanted: &Wanted, strictness: Strictness) -> io::Result<()> {
        self.filter(&wanted.expected, strictness)?;
        self.buffer(wanted.receive_buffer);
        self.receive(&wanted.groups)
    }

    fn filter(&mut self, expected: &Expected, strictness: Strictness) -> io::Result<()> {
        let is_in_place =
            |(known, how): &(Expected, Strictness)| known == expected && *how == strictness;
        if !self.filtered.as_ref().is_some_and(is_in_place) {
            let program = filter::program(self.transport, expected, strictness);
            self.receiver.attach_filter(&program)?;
            self.filtered = Some((expected.clone(), strictness));
        }
        Ok(())
    }

    /// Beyond net.core.rmem_max where CAP_NET_ADMIN allows it; a smaller one only shortens the stall that is survived.
    fn buffer(&mut self, octets: u32) {
        if self.receive_buffer == octets {
            return;
        }
        self.receive_buffer = octets;
        // The kernel's own type for it is signed.
        let octets = usize::try_from(octets.min(MAX_RECEIVE_BUFFER)).unwrap_or_default();
        if setsockopt(&self.receiver, sockopt::RcvBufForce, &octets).is_err() {
            let _ = self.receiver.set_recv_buffer_size(octets);
        }
    }

    /// In the poll set.
    fn key(&self) -> u64 {
        let index = u64::from(self.index);
        match self.transport {
            Transport::Ipv4 => index,
            Transport::Ipv6 => 1 << 32 | index,
            Transport::Ipv4Ah => 2 << 32 | index,
        }
    }

    /// Joins and leaves multicast groups where necessary.
    fn receive(&mut self, groups: &Groups) -> io::Result<()> {
        let interface = InterfaceIndexOrAddress::Index(self.index);
        let receiver = &self.receiver;
        for group in groups.difference(&self.groups) {
            match group {
                IpAddr::V4(group) => receiver.join_multicast_v4_n(group, &interface)?,
                IpAddr::V6(group) => receiver.join_multicast_v6(group, self.index)?,
            }
        }
        for group in self.groups.difference(groups) {
            match group {
                IpAddr::V4(group) => receiver.leave_multicast_v4_n(group, &interface)?,
                IpAddr::V6(group) => receiver.leave_multicast_v6(group, self.index)?,
            }
        }
        self.groups.clone_from(groups);
        Ok(())
    }
}

fn domain(transport: Transport) -> Domain {
    match transport {
        Transport::Ipv4 | Transport::Ipv4Ah => Domain::IPV4,
        Transport::Ipv6 => Domain::IPV6,
    }
}

fn receiver(interface: &InterfaceName, transport: Transport) -> io::Result<Socket> {
    let socket = Socket::new(
        domain(transport),
        Type::RAW,
        Some(Protocol::from(i32::from(transport.protocol()))),
    )?;
    socket.set_nonblocking(true)?;
    if !interface.is_any() {
        socket.bind_device(Some(interface.as_str().as_bytes()))?;
    }
    // Only what this socket has joined, not what any other program on the node has.
    match transport {
        Transport::Ipv4 | Transport::Ipv4Ah => socket.set_multicast_all_v4(false)?,
        Transport::Ipv6 => {
            socket.set_multicast_all_v6(false)?;
            // A raw IPv6 socket delivers no header.
            socket.set_recv_hoplimit_v6(true)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
    }
    // Until it was bound, the socket heard every interface.
    while (&socket).read(&mut [0; 1]).is_ok() {}
    Ok(socket)
}

/// Reads a packet and writes the header before it that the kernel has taken off.
fn receive_ipv6(receiver: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    let Some((header, payload)) = buffer.split_first_chunk_mut::<{ ipv6::HEADER_LEN }>() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut ancillary = nix::cmsg_space!(libc::in6_pktinfo, libc::c_int);
    let mut slices = [IoSliceMut::new(payload)];
    let received = recvmsg::<SockaddrIn6>(
        receiver.as_raw_fd(),
        &mut slices,
        Some(&mut ancillary),
        MsgFlags::empty(),
    )?;
    let mut read = ipv6::Header {
        traffic_class: 0,
        next_header: PROTOCOL,
        hop_limit: 0,
        source: received.address.map_or(Ipv6Addr::UNSPECIFIED, |it| it.ip()),
        destination: Ipv6Addr::UNSPECIFIED,
    };
    for message in received.cmsgs()? {
        match message {
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                read.destination = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            }
            ControlMessageOwned::Ipv6HopLimit(hops) => {
                read.hop_limit = u8::try_from(hops).unwrap_or(0);
            }
            _ => {}
        }
    }
    let length = received.bytes;
    *header = read.emit_header(u16::try_from(length).unwrap_or(u16::MAX));
    Ok(ipv6::HEADER_LEN + length)
}

fn sender(interface: &InterfaceName, transport: Transport) -> io::Result<Socket> {
    // IPPROTO_RAW: sends any protocol and receives none, so nothing piles up in it; raw(7). Over IPv6 it
    // means that the packet brings its header.
    let socket = Socket::new(
        domain(transport),
        Type::RAW,
        Some(Protocol::from(libc::IPPROTO_RAW)),
    )?;
    socket.set_nonblocking(true)?;
    if !interface.is_any() {
        socket.bind_device(Some(interface.as_str().as_bytes()))?;
    }
    match transport {
        Transport::Ipv4 | Transport::Ipv4Ah => {
            socket.set_header_included_v4(true)?;
            socket.set_multicast_loop_v4(false)?;
        }
        Transport::Ipv6 => {
            socket.set_multicast_loop_v6(false)?;
            socket.set_freebind_v6(true)?;
        }
    }
    if setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
        let _ = socket.set_send_buffer_size(SEND_BUFFER);
    }
    let _ = socket.set_priority(PRIORITY_CONTROL);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::VrrpInstance;
    use crate::types::Vrid;

    fn instance(interface: &str, unicast: bool) -> VrrpInstance {
        let interface = InterfaceName::new(interface).expect("a name");
        let mut instance = VrrpInstance::new("VI", interface, Vrid::new(1).expect("in range"));
        if unicast {
            instance.unicast_peer = vec![IpAddr::from([192, 0, 2, 2]).into()];
        }
        instance
    }

    #[test]
    fn one_multicast_instance_makes_the_interface_join_the_group() {
        let config = Config {
            vrrp_instances: vec![
                instance("eth0", true),
                instance("eth0", false),
                instance("eth0", true),
                instance("eth1", true),
            ],
            ..Config::default()
        };
        let wanted: Vec<_> = wanted(&config)
            .into_iter()
            .map(|((name, _), wanted)| (name.to_string(), wanted.groups.into_iter().collect()))
            .collect();
        assert_eq!(
            wanted,
            [
                ("eth0".to_owned(), vec![IpAddr::from([224, 0, 0, 18])]),
                ("eth1".to_owned(), Vec::new())
            ]
        );
    }
}
