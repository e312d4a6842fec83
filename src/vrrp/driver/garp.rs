//! Sends gratuitous ARP through one AF_PACKET socket for all interfaces.

use std::io;
use std::net::Ipv4Addr;

use socket2::{Domain, Socket, Type};

use crate::netlink::Link;
use crate::sys::link_layer::interface_address;
use crate::wire::arp;

/// `linux/if_ether.h`.
const ETH_P_ARP: u16 = 0x0806;

#[derive(Debug)]
pub(super) struct GarpSocket {
    socket: Socket,
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Announced {
    Sent,
    /// Nobody listens to ARP there (IFF_NOARP), or its hardware addresses are not Ethernet's.
    NoArp,
}

impl GarpSocket {
    pub(super) fn open() -> io::Result<Self> {
        // Protocol 0: it never receives.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// Tells the segment behind `link` that `address` is here now.
    pub(super) fn announce(&self, link: &Link, address: Ipv4Addr) -> io::Result<Announced> {
        let Some(mac) = link.mac.filter(|_| !link.is_noarp) else {
            return Ok(Announced::NoArp);
        };
        let frame = arp::gratuitous(mac, address);
        let interface = interface_address(link.index, ETH_P_ARP)?;
        self.socket.send_to(&frame, &interface)?;
        Ok(Announced::Sent)
    }
}
