//! What changes, as the kernel tells it to its multicast groups.
//!
//! A socket of its own and not a task of rtnetlink's: the VRRP child must be able to read
//! everything that has come *before* it acts on a timer, without first giving another task its
//! turn. For waiting, put it into a poll set.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{NetlinkBuffer, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use super::error::{Attempted, NetlinkError};
use super::message::Change;
use super::receive_buffer::ReceiveBuffer;

/// Groups of `linux/rtnetlink.h` as the bits of `nl_groups`.
const RTMGRP_LINK: u32 = 0x1;
const RTMGRP_IPV4_IFADDR: u32 = 0x10;
const RTMGRP_IPV6_IFADDR: u32 = 0x100;
/// The kernel may grant less (net.core.rmem_max).
const RECEIVE_BUFFER: usize = 1 << 20;
/// Datagrams read in one go; the caller's other inputs then get a turn.
const MAX_DATAGRAMS: usize = 256;
/// More than any receive buffer holds.
const MAX_DISCARDED: usize = 100_000;

/// How [`Monitor::drain`] ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drained {
    /// Nothing is left: the changes lead to what is true now.
    Empty,
    /// There is more to read.
    More,
    /// Something was lost, and the rest thrown away: everything must be listed again.
    Overrun,
}

/// Listens to links and addresses. Open it before listing what is there, so that nothing falls
/// between.
pub struct Monitor {
    socket: Socket,
}

impl Monitor {
    /// `buffer`: by default one of 1 MiB, which holds about a thousand messages.
    pub fn open(buffer: ReceiveBuffer) -> Result<Self, NetlinkError> {
        let open = || -> io::Result<Self> {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.set_non_blocking(true)?;
            buffer.apply(&mut socket, Some(RECEIVE_BUFFER))?;
            let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
            socket.bind(&SocketAddr::new(0, groups))?;
            Ok(Self { socket })
        };
        open().map_err(|error| NetlinkError::new(Attempted::Monitor, error))
    }

    /// Appends what has come to `changes`, in order, without waiting.
    pub fn drain(&mut self, changes: &mut Vec<Change>) -> Result<Drained, NetlinkError> {
        for _ in 0..MAX_DATAGRAMS {
            match self.receive()? {
                Received::Datagram(bytes) => {
                    if !parse(&bytes, changes) {
                        return self.discard();
                    }
                }
                Received::Nothing => return Ok(Drained::Empty),
                Received::Lost => return self.discard(),
            }
        }
        Ok(Drained::More)
    }

    /// Throws away what is queued. The kernel reports a loss *before* it hands out what it had
    /// queued before the loss, and that must not be applied to a list made after it.
    fn discard(&mut self) -> Result<Drained, NetlinkError> {
        for _ in 0..MAX_DISCARDED {
            if matches!(self.receive()?, Received::Nothing) {
                break;
            }
        }
        Ok(Drained::Overrun)
    }

    fn receive(&mut self) -> Result<Received, NetlinkError> {
        loop {
            match self.socket.recv_from_full() {
                // Only the kernel (port 0) is believed.
                Ok((bytes, sender)) if sender.port_number() == 0 => {
                    return Ok(Received::Datagram(bytes));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Received::Nothing);
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    return Ok(Received::Lost);
                }
                Err(error) => return Err(NetlinkError::new(Attempted::Monitor, error)),
            }
        }
    }
}

enum Received {
    Datagram(Vec<u8>),
    Nothing,
    /// ENOBUFS: the kernel had to drop something.
    Lost,
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").finish_non_exhaustive()
    }
}

/// The messages of one datagram; false if one of them cannot be read, which counts as lost.
fn parse(mut bytes: &[u8], changes: &mut Vec<Change>) -> bool {
    while !bytes.is_empty() {
        let Ok(length) = NetlinkBuffer::new_checked(&bytes).map(|it| it.length() as usize) else {
            return false;
        };
        let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) else {
            return false;
        };
        match message.payload {
            NetlinkPayload::InnerMessage(inner) => changes.extend(Change::from_message(&inner)),
            NetlinkPayload::Overrun(_) => return false,
            _ => {}
        }
        // Messages are aligned to four bytes (NLMSG_ALIGNTO).
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_reported_as_lost(bytes in vec(any::<u8>(), 0..200)) {
            parse(&bytes, &mut Vec::new());
        }
    }

    #[test]
    fn half_a_message_asks_for_a_new_list() {
        assert!(!parse(&[20, 0, 0, 0, 16], &mut Vec::new()));
    }
}
