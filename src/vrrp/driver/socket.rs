//! Raw IPv4 sockets of protocol 112: one pair, for receiving and for sending, per interface.
//!
//! Each packet that comes in through an interface is read once, whatever group or address it was sent to; the
//! routers tell their instances apart. Each packet that goes out brings its own IPv4 header, so the socket needs no
//! source address, and `unicast_src_ip` need not be on the interface yet (keepalived: IP_FREEBIND).

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddrV4};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};
use tracing::warn;

use crate::config::Config;
use crate::netlink::Interfaces;
use crate::sys::poll_set::PollSet;
use crate::types::InterfaceName;
use crate::wire::vrrp::{MULTICAST_GROUP, PROTOCOL};

/// Holds what comes in during a stall: more than a thousand adverts. The kernel counts at least 768 bytes for each.
const RECEIVE_BUFFER: usize = 1 << 20;
/// TC_PRIO_CONTROL (`linux/pkt_sched.h`): adverts leave before bulk data.
const PRIORITY_CONTROL: u32 = 7;

/// The sockets of all interfaces that an instance runs on, for as long as those interfaces exist.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    wanted: BTreeMap<InterfaceName, Reception>,
    open: HashMap<InterfaceName, Pair>,
    /// Whose receiving socket a key of the poll set, an interface index, means.
    by_index: HashMap<u32, InterfaceName>,
}

/// What an interface's socket is to receive beside what is sent to the node's own addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reception {
    UnicastOnly,
    Multicast,
}

#[derive(Debug)]
struct Pair {
    index: u32,
    reception: Reception,
    receiver: Socket,
    sender: Socket,
}

impl Sockets {
    /// Wants the sockets that `config` needs and no others. Takes effect with the next [`Sockets::follow`].
    pub(super) fn want(&mut self, config: &Config) {
        self.wanted = wanted(config);
    }

    /// Wants what `config` needs in addition.
    pub(super) fn want_also(&mut self, config: &Config) {
        for (interface, reception) in wanted(config) {
            let known = self.wanted.entry(interface).or_insert(reception);
            *known = known.with(reception);
        }
    }

    /// Opens what is missing, closes what nobody wants, and opens anew where an interface has come back as another
    /// one. An error concerns one interface, is logged and tried again with the next change.
    pub(super) fn follow(&mut self, interfaces: &Interfaces, set: &PollSet) {
        let index_of = |name: &InterfaceName| interfaces.link(name).map(|link| link.index);
        self.open.retain(|name, pair| {
            self.wanted.contains_key(name) && index_of(name) == Some(pair.index)
        });
        for (name, &reception) in &self.wanted {
            let Some(index) = index_of(name) else {
                continue;
            };
            let result = match self.open.get_mut(name) {
                Some(pair) => pair.receive(reception),
                None => Pair::open(name, index, reception, set).map(|pair| {
                    self.open.insert(name.clone(), pair);
                }),
            };
            if let Err(error) = result {
                warn!("Unable to open the VRRP sockets on {name}: {error}");
            }
        }
        let index_and_name = |(name, pair): (&InterfaceName, &Pair)| (pair.index, name.clone());
        self.by_index = self.open.iter().map(index_and_name).collect();
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// The next packet that has come in on the interface of that index, with its IPv4 header, cut off at the end of
    /// `buffer`. `None` when there is no more.
    pub(super) fn receive<'a>(
        &self,
        index: u32,
        buffer: &'a mut [u8],
    ) -> Option<(&InterfaceName, &'a [u8])> {
        let name = self.by_index.get(&index)?;
        let mut receiver = &self.open.get(name)?.receiver;
        // An error other than "nothing there" is that of an earlier packet, and has been taken off the socket now.
        let length = receiver.read(buffer).or_else(|_| receiver.read(buffer));
        Some((name, buffer.get(..length.ok()?)?))
    }

    /// Sends a whole IPv4 packet.
    pub(super) fn send(
        &self,
        interface: &InterfaceName,
        destination: Ipv4Addr,
        packet: &[u8],
    ) -> io::Result<()> {
        let pair = self
            .open
            .get(interface)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))?;
        let flags = if destination.is_multicast() {
            libc::MSG_DONTROUTE
        } else {
            0
        };
        let destination = SockAddr::from(SocketAddrV4::new(destination, 0));
        pair.sender
            .send_to_with_flags(packet, &destination, flags)
            .map(drop)
    }
}

fn wanted(config: &Config) -> BTreeMap<InterfaceName, Reception> {
    let mut wanted: BTreeMap<InterfaceName, Reception> = BTreeMap::new();
    for instance in &config.vrrp_instances {
        let reception = if instance.unicast_peer.is_empty() {
            Reception::Multicast
        } else {
            Reception::UnicastOnly
        };
        let known = wanted
            .entry(instance.interface.clone())
            .or_insert(reception);
        *known = known.with(reception);
    }
    wanted
}

impl Reception {
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::UnicastOnly, Self::UnicastOnly) => Self::UnicastOnly,
            (Self::Multicast, _) | (_, Self::Multicast) => Self::Multicast,
        }
    }
}

impl Pair {
    fn open(
        name: &InterfaceName,
        index: u32,
        reception: Reception,
        set: &PollSet,
    ) -> io::Result<Self> {
        let mut pair = Self {
            index,
            reception: Reception::UnicastOnly,
            receiver: receiver(name)?,
            sender: sender(name)?,
        };
        pair.receive(reception)?;
        set.add(&pair.receiver, u64::from(index))?;
        Ok(pair)
    }

    /// Joins or leaves the multicast group where necessary.
    fn receive(&mut self, reception: Reception) -> io::Result<()> {
        let interface = InterfaceIndexOrAddress::Index(self.index);
        match (self.reception, reception) {
            (Reception::UnicastOnly, Reception::UnicastOnly)
            | (Reception::Multicast, Reception::Multicast) => {}
            (Reception::UnicastOnly, Reception::Multicast) => self
                .receiver
                .join_multicast_v4_n(&MULTICAST_GROUP, &interface)?,
            (Reception::Multicast, Reception::UnicastOnly) => self
                .receiver
                .leave_multicast_v4_n(&MULTICAST_GROUP, &interface)?,
        }
        self.reception = reception;
        Ok(())
    }
}

fn receiver(interface: &InterfaceName) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::IPV4,
        Type::RAW,
        Some(Protocol::from(i32::from(PROTOCOL))),
    )?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(interface.as_str().as_bytes()))?;
    // Only what this socket has joined, not what any other program on the node has.
    socket.set_multicast_all_v4(false)?;
    // Beyond net.core.rmem_max where CAP_NET_ADMIN allows it; a smaller one only shortens the stall that is survived.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    }
    // Until it was bound, the socket heard every interface.
    while (&socket).read(&mut [0; 1]).is_ok() {}
    Ok(socket)
}

fn sender(interface: &InterfaceName) -> io::Result<Socket> {
    // IPPROTO_RAW: sends any protocol and receives none, so nothing piles up in it; raw(7).
    let socket = Socket::new(
        Domain::IPV4,
        Type::RAW,
        Some(Protocol::from(libc::IPPROTO_RAW)),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_header_included_v4(true)?;
    socket.bind_device(Some(interface.as_str().as_bytes()))?;
    socket.set_multicast_loop_v4(false)?;
    let _ = socket.set_priority(PRIORITY_CONTROL);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::config::VrrpInstance;
    use crate::types::Vrid;

    fn instance(interface: &str, unicast: bool) -> VrrpInstance {
        let interface = InterfaceName::new(interface).expect("a name");
        let mut instance = VrrpInstance::new("VI", interface, Vrid::new(1).expect("in range"));
        if unicast {
            instance.unicast_peer = vec![IpAddr::from([192, 0, 2, 2])];
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
            .map(|(name, reception)| (name.to_string(), reception))
            .collect();
        assert_eq!(
            wanted,
            [
                ("eth0".to_owned(), Reception::Multicast),
                ("eth1".to_owned(), Reception::UnicastOnly)
            ]
        );
    }
}
