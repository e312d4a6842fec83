//! Sending many packets at once: those that leave through one socket go to the kernel together.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

use super::{Pair, Place, Sockets};
use crate::types::InterfaceName;
use crate::vrrp::driver::transport::Transport;

/// Most packets in one call: what is allocated for it stays small.
const AT_ONCE: usize = 64;

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
        for of_socket in order.chunk_by(|a, b| (&a.0, a.1) == (&b.0, b.1)) {
            let [(place, is_multicast, _), ..] = of_socket else {
                continue;
            };
            let pair = self.open.get(place);
            for some in of_socket.chunks(AT_ONCE) {
                let indices: Vec<usize> = some.iter().map(|(_, _, index)| *index).collect();
                match pair {
                    Some(pair) => pair.send_all(*is_multicast, packets, &indices, &mut failures),
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
            let mut headers = MultiHeaders::preallocate(indices.len() - sent, None);
            let result = sendmmsg(
                self.sender.as_raw_fd(),
                &mut headers,
                &slices[sent..],
                &addresses[sent..],
                [],
                flags,
            );
            match result.map(Iterator::count) {
                Ok(count @ 1..) => sent += count,
                Ok(0) => return fail(&indices[sent..], failures, libc::EAGAIN),
                Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => {
                    fail(&indices[sent..=sent], failures, errno as i32);
                    sent += 1;
                }
            }
        }
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
