//! Sends gratuitous ARP and unsolicited neighbour advertisements through one AF_PACKET socket for all interfaces.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use crate::netlink::Link;
use crate::sys::link_layer::interface_address;
use crate::wire::{arp, ndp};

/// `linux/if_ether.h`.
const ETH_P_ARP: u16 = 0x0806;
const ETH_P_IPV6: u16 = 0x86dd;
/// keepalived: how long an interface's forwarding is believed.
const ROLE_LASTS: Duration = Duration::from_secs(5);
/// The kernel counts at least 768 bytes for each frame that has not left yet.
const SEND_BUFFER: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct GarpSocket {
    socket: Socket,
    /// Of the interface of an index, with the time it was looked at.
    roles: HashMap<u32, (ndp::Role, Instant)>,
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
        // A set for a thousand addresses at once must not find it full.
        if setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
            let _ = socket.set_send_buffer_size(SEND_BUFFER);
        }
        Ok(Self {
            socket,
            roles: HashMap::new(),
        })
    }

    /// Tells the segment behind `link` that `address` is here now.
    pub(super) fn announce(&mut self, link: &Link, address: IpAddr) -> io::Result<Announced> {
        let Some(mac) = link.mac.filter(|_| !link.is_noarp) else {
            return Ok(Announced::NoArp);
        };
        match address {
            IpAddr::V4(address) => {
                let frame = arp::gratuitous(mac, address);
                let interface = interface_address(link.index, ETH_P_ARP)?;
                self.socket.send_to(&frame, &interface)?;
            }
            IpAddr::V6(address) => self.advertise(link, mac, address)?,
        }
        Ok(Announced::Sent)
    }

    fn advertise(&mut self, link: &Link, mac: [u8; 6], address: Ipv6Addr) -> io::Result<()> {
        let frame = ndp::unsolicited_advertisement(mac, address, self.role(link));
        let interface = interface_address(link.index, ETH_P_IPV6)?;
        self.socket.send_to(&frame, &interface).map(drop)
    }

    /// RFC 4861 §4.4: neighbours take a default route away that leads to one who says that it is no router.
    fn role(&mut self, link: &Link) -> ndp::Role {
        let now = Instant::now();
        if let Some((role, looked_at)) = self.roles.get(&link.index)
            && now.duration_since(*looked_at) < ROLE_LASTS
        {
            return *role;
        }
        let setting = format!("/proc/sys/net/ipv6/conf/{}/forwarding", link.name);
        let role = match fs::read_to_string(setting) {
            Ok(text) if text.trim() != "0" => ndp::Role::Router,
            Ok(_) | Err(_) => ndp::Role::Host,
        };
        self.roles.insert(link.index, (role, now));
        role
    }
}
