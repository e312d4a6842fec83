//! Sending many packets at once: those that leave through one socket go to the kernel together.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg, sendmsg,
};

use super::{Pair, Place, Sockets};
use crate::types::InterfaceName;
use crate::vrrp::driver::transport::Transport;

/// Most packets in one call: what is allocated for it stays small.
const AT_ONCE: usize = 128;

/// Where the source stands in an IPv6 header (RFC 8200 §3).
const SOURCE: std::ops::Range<usize> = 8..24;

/// A whole IP packet and where it goes.
#[derive(Clone, Copy, Debug)]
pub(in crate::vrrp::driver) struct Outgoing<'a> {
    pub(in crate::vrrp::driver) interface: &'a InterfaceName,
    pub(in crate::vrrp::driver) destination: IpAddr,
    pub(in crate::vrrp::driver) packet: &'a [u8],
}

/// Why each packet was not sent.
pub(in crate::vrrp::driver) type Failures = Vec<Option<io::Error>>;

impl Sockets {
    /// Sends all of them, those of one socket in their order. The result has a place for each.
    pub(in crate::vrrp::driver) fn send_all(&self, packets: &[Outgoing<'_>]) -> Failures {
        let mut failures: Failures = packets.iter().map(|_| None).collect();
        let mut order: Vec<(Place, bool, usize)> = packets
            .iter()
            .enumerate()
            .map(|(index, it)| {
                let place = (it.interface.clone(), Transport::of_packet(it.packet));
                (place, it.destination.is_multicast(), index)
            })
            .collect();
        order.sort_unstable();
        let mut headers = MultiHeaders::preallocate(order.len().min(AT_ONCE), None);
        for of_socket in order.chunk_by(|a, b| (&a.0, a.1) == (&b.0, b.1)) {
            let [(place, is_multicast, _), ..] = of_socket else {
                continue;
            };
            let pair = self.open.get(place);
            for some in of_socket.chunks(AT_ONCE) {
                let indices: Vec<usize> = some.iter().map(|(_, _, index)| *index).collect();
                match pair {
                    Some(pair) => {
                        pair.send_all(
                            *is_multicast,
                            packets,
                            &indices,
                            &mut headers,
                            &mut failures,
                        );
                    }
                    None => fail(&indices, &mut failures, libc::ENODEV),
                }
            }
        }
        failures
    }
}

impl Pair {
    /// The kernel stops at the first packet that it does not take; the others are tried nevertheless.
    fn send_all(
        &self,
        is_multicast: bool,
        packets: &[Outgoing<'_>],
        indices: &[usize],
        headers: &mut MultiHeaders<SockaddrStorage>,
        failures: &mut Failures,
    ) {
        let flags = if is_multicast {
            MsgFlags::from_bits_retain(libc::MSG_DONTROUTE)
        } else {
            MsgFlags::empty()
        };
        let outgoing = || indices.iter().filter_map(|&index| packets.get(index));
        let slices: Vec<[IoSlice<'_>; 1]> =
            outgoing().map(|it| [IoSlice::new(it.packet)]).collect();
        let addresses: Vec<Option<SockaddrStorage>> = outgoing()
            .map(|it| Some(self.address(it.destination)))
            .collect();
        let mut sent = 0;
        while sent < indices.len() {
            let result = sendmmsg(
                self.sender.as_raw_fd(),
                headers,
                &slices[sent..],
                &addresses[sent..],
                [],
                flags,
            );
            match result.map(Iterator::count) {
                Ok(count @ 1..) => sent += count,
                Ok(0) => return fail(&indices[sent..], failures, libc::EAGAIN),
                Err(nix::errno::Errno::EINTR) => {}
                Err(nix::errno::Errno::EADDRNOTAVAIL)
                    if outgoing()
                        .nth(sent)
                        .is_some_and(|it| self.send_from_its_source(it, flags).is_ok()) =>
                {
                    sent += 1;
                }
                Err(errno) => {
                    fail(&indices[sent..=sent], failures, errno as i32);
                    sent += 1;
                }
            }
        }
    }

    /// On an interface without an IPv6 address, as a virtual MAC interface is until its router is MASTER, the kernel
    /// misses a source, although the packet has one. So it is told that one, which need not be there (IPV6_FREEBIND).
    fn send_from_its_source(&self, it: &Outgoing<'_>, flags: MsgFlags) -> nix::Result<()> {
        let source = it.packet.get(SOURCE).and_then(|it| it.try_into().ok());
        let info = libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr {
                s6_addr: source.ok_or(nix::errno::Errno::EADDRNOTAVAIL)?,
            },
            ipi6_ifindex: self.index,
        };
        sendmsg(
            self.sender.as_raw_fd(),
            &[IoSlice::new(it.packet)],
            &[ControlMessage::Ipv6PacketInfo(&info)],
            flags,
            Some(&self.address(it.destination)),
        )
        .map(drop)
    }

    fn address(&self, destination: IpAddr) -> SockaddrStorage {
        match destination {
            IpAddr::V4(address) => SocketAddrV4::new(address, 0).into(),
            IpAddr::V6(address) => SocketAddrV6::new(address, 0, 0, self.index).into(),
        }
    }
}

fn fail(indices: &[usize], failures: &mut Failures, errno: i32) {
    for &index in indices {
        if let Some(failure) = failures.get_mut(index) {
            *failure = Some(io::Error::from_raw_os_error(errno));
        }
    }
}
