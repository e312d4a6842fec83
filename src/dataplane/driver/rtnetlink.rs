//! Requests to the kernel's routing netlink and its announcements, without a runtime.
//!
//! `rtnetlink` would bring tokio into a loop that has none; these are the few messages that the data plane needs.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourExtFlags, NeighbourFlags, NeighbourMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteType,
};
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

/// linux/rtnetlink.h: RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE.
const GROUPS: [u32; 4] = [1, 3, 5, 7];
const RECEIVE_BUFFER: usize = 4 << 20;
const LARGEST_MESSAGE: usize = 1 << 17;
const ANSWER_SECONDS: i64 = 5;

/// "IPv4 dummy address" of IANA's special-purpose registry (RFC 7600): never anybody's.
const DUMMY_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);

/// How the kernel would send to an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct KernelRoute {
    pub(super) interface: u32,
    /// The gateway, or the address itself.
    pub(super) next_hop: Ipv4Addr,
    /// Where the route says so.
    pub(super) mtu: Option<u32>,
}

/// A socket for requests; each waits for its answer.
pub(super) struct Requests {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Requests {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        let wait = TimeVal::seconds(ANSWER_SECONDS);
        setsockopt(&socket, sockopt::ReceiveTimeout, &wait)?;
        Ok(Self {
            socket,
            sequence: 0,
            buffer: Vec::with_capacity(LARGEST_MESSAGE),
        })
    }

    pub(super) fn links(&mut self) -> io::Result<Vec<RouteNetlinkMessage>> {
        let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
        self.request(request, NLM_F_DUMP)
    }

    pub(super) fn has_link(&mut self, name: &str) -> io::Result<bool> {
        let named =
            |attribute: &LinkAttribute| matches!(attribute, LinkAttribute::IfName(n) if n == name);
        let is_it = |message: &RouteNetlinkMessage| match message {
            RouteNetlinkMessage::NewLink(link) => link.attributes.iter().any(named),
            _ => false,
        };
        Ok(self.links()?.iter().any(is_it))
    }

    pub(super) fn addresses(&mut self) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut request = AddressMessage::default();
        request.header.family = AddressFamily::Inet;
        self.request(RouteNetlinkMessage::GetAddress(request), NLM_F_DUMP)
    }

    pub(super) fn neighbours(&mut self) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut request = NeighbourMessage::default();
        request.header.family = AddressFamily::Inet;
        self.request(RouteNetlinkMessage::GetNeighbour(request), NLM_F_DUMP)
    }

    /// The kernel's way to `address`; `None` where that is the host itself, nowhere or everywhere.
    pub(super) fn route(&mut self, address: Ipv4Addr) -> io::Result<Option<KernelRoute>> {
        let mut request = RouteMessage::default();
        request.header.address_family = AddressFamily::Inet;
        request.header.destination_prefix_length = 32;
        request
            .attributes
            .push(RouteAttribute::Destination(RouteAddress::Inet(address)));
        let answers = self.request(RouteNetlinkMessage::GetRoute(request), 0)?;
        Ok(answers.into_iter().find_map(|answer| match answer {
            RouteNetlinkMessage::NewRoute(route) => kernel_route(&route, address),
            _ => None,
        }))
    }

    /// Has the kernel find out the link-layer address, and keep it up to date where it can (Linux 5.16).
    pub(super) fn resolve(&mut self, interface: u32, address: Ipv4Addr) -> io::Result<()> {
        let mut managed = neighbour(interface, address);
        managed.header.flags = NeighbourFlags::Use;
        let mut once = managed.clone();
        managed
            .attributes
            .push(NeighbourAttribute::ExtFlags(NeighbourExtFlags::Managed));
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.change(RouteNetlinkMessage::NewNeighbour(managed), flags)
            .or_else(|_| {
                once.header.flags = NeighbourFlags::Use;
                self.change(RouteNetlinkMessage::NewNeighbour(once), flags)
            })
    }

    /// Takes back what [`Requests::resolve`] has made.
    pub(super) fn release(&mut self, interface: u32, address: Ipv4Addr) -> io::Result<()> {
        let request = RouteNetlinkMessage::DelNeighbour(neighbour(interface, address));
        self.change(request, 0)
    }

    /// Up, without ARP, with a queue of `length` frames, no queueing discipline and the IPv4 dummy address: the
    /// loose reverse path filter lets nothing in by an interface without any.
    pub(super) fn set_up_tap(&mut self, interface: u32, length: u32) -> io::Result<()> {
        let index = i32::try_from(interface).map_err(io::Error::other)?;
        let mut queueing = TcMessage::with_index(index);
        queueing.header.parent = TcHandle::ROOT;
        queueing
            .attributes
            .push(TcAttribute::Kind("noqueue".to_owned()));
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.change(RouteNetlinkMessage::NewQueueDiscipline(queueing), flags)?;
        let mut link = LinkMessage::default();
        link.header.index = interface;
        link.header.flags = LinkFlags::Up | LinkFlags::Noarp;
        link.header.change_mask = link.header.flags;
        link.attributes.push(LinkAttribute::TxQueueLen(length));
        self.change(RouteNetlinkMessage::SetLink(link), 0)?;
        let mut address = AddressMessage::default();
        address.header.family = AddressFamily::Inet;
        address.header.prefix_len = 32;
        address.header.scope = AddressScope::Host;
        address.header.index = interface;
        let dummy = IpAddr::V4(DUMMY_ADDRESS);
        address.attributes = vec![
            AddressAttribute::Local(dummy),
            AddressAttribute::Address(dummy),
        ];
        self.change(RouteNetlinkMessage::NewAddress(address), flags)
    }

    fn change(&mut self, request: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.request(request, flags | NLM_F_ACK).map(drop)
    }

    fn request(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::new(
            NetlinkHeader::default(),
            NetlinkPayload::InnerMessage(request),
        );
        message.header.flags = flags | NLM_F_REQUEST;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
        self.answers(flags & (NLM_F_ACK | NLM_F_DUMP) != 0)
    }

    /// Reads until the kernel says that it is done, or, for a question with one answer, until that has come.
    fn answers(&mut self, until_done: bool) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut answers = Vec::new();
        loop {
            self.buffer.clear();
            self.socket.recv(&mut self.buffer, 0)?;
            for message in messages(&self.buffer) {
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    NetlinkPayload::Error(error) if error.code.is_none() => return Ok(answers),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::Done(_) => return Ok(answers),
                    _ => {}
                }
            }
            if !until_done && !answers.is_empty() {
                return Ok(answers);
            }
        }
    }
}

/// What the kernel announces by itself.
pub(super) struct Announcements {
    socket: Socket,
    buffer: Vec<u8>,
}

/// What became of reading.
pub(super) enum Announced {
    Messages(Vec<RouteNetlinkMessage>),
    /// Some were lost: everything has to be asked for again.
    Lost,
    Nothing,
}

impl Announcements {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        for group in GROUPS {
            socket.add_membership(group)?;
        }
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)?;
        socket.set_non_blocking(true)?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(LARGEST_MESSAGE),
        })
    }

    pub(super) fn read(&mut self) -> io::Result<Announced> {
        self.buffer.clear();
        match self.socket.recv(&mut self.buffer, 0) {
            Ok(_) => {
                let announced = messages(&self.buffer).filter_map(|message| {
                    let NetlinkPayload::InnerMessage(message) = message.payload else {
                        return None;
                    };
                    Some(message)
                });
                Ok(Announced::Messages(announced.collect()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Announced::Nothing),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(Announced::Lost),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Announcements {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The messages in what was received; one that cannot be read is passed over.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = NetlinkMessage<RouteNetlinkMessage>> {
    std::iter::from_fn(move || {
        loop {
            let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
            let message = bytes.get(..length).filter(|_| length >= 16)?;
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
            if let Ok(message) = NetlinkMessage::deserialize(message) {
                return Some(message);
            }
        }
    })
}

fn neighbour(interface: u32, address: Ipv4Addr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = interface;
    message
        .attributes
        .push(NeighbourAttribute::Destination(NeighbourAddress::Inet(
            address,
        )));
    message
}

fn kernel_route(route: &RouteMessage, address: Ipv4Addr) -> Option<KernelRoute> {
    if route.header.kind != RouteType::Unicast {
        return None;
    }
    let mut found = KernelRoute {
        interface: 0,
        next_hop: address,
        mtu: None,
    };
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(index) => found.interface = *index,
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => found.next_hop = *gateway,
            RouteAttribute::Metrics(metrics) => {
                found.mtu = metrics.iter().find_map(|metric| match metric {
                    RouteMetric::Mtu(mtu) => Some(*mtu),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    (found.interface != 0).then_some(found)
}
