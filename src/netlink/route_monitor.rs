//! What goes away among routes and rules, as the kernel tells it.
//!
//! A socket of its own, which is not opened where nothing is to be watched: a router with a million routes sends a
//! message for each that changes. A filter in the kernel lets through routes of our protocol and rules, which are few.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use socket2::{SockFilter, SockRef};

use super::error::{Attempted, NetlinkError};
use crate::types::RTPROT_KEEPALIVED;

/// Groups of `linux/rtnetlink.h` as the bits of `nl_groups`.
const RTMGRP_IPV4_ROUTE: u32 = 0x40;
const RTMGRP_IPV4_RULE: u32 = 0x80;
const RTMGRP_IPV6_ROUTE: u32 = 0x400;
const RTMGRP_IPV6_RULE: u32 = 0x4_0000;
/// RTM_DELROUTE and RTM_DELRULE in `linux/rtnetlink.h`.
const RTM_DELROUTE: u32 = 25;
const RTM_DELRULE: u32 = 33;
/// Low byte of `nlmsg_type` in `struct nlmsghdr`, on a machine that has it first.
const TYPE_OFFSET: u32 = if cfg!(target_endian = "little") { 4 } else { 5 };
/// `rtm_protocol` behind `struct nlmsghdr`.
const PROTOCOL_OFFSET: u32 = 16 + 5;
/// Datagrams read in one go.
const MAX_DATAGRAMS: usize = 10_000;

/// Listens to routes of ours and rules that go away.
pub struct RouteMonitor {
    socket: Socket,
}

impl RouteMonitor {
    pub fn open() -> Result<Self, NetlinkError> {
        let open = || -> io::Result<Self> {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.set_non_blocking(true)?;
            SockRef::from(&socket).attach_filter(&filter())?;
            let groups =
                RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV6_RULE;
            socket.bind(&SocketAddr::new(0, groups))?;
            Ok(Self { socket })
        };
        open().map_err(|error| NetlinkError::new(Attempted::Monitor, error))
    }

    /// Whether anything has gone away since the last call, or may have.
    pub fn has_changed(&self) -> bool {
        let mut has_changed = false;
        for _ in 0..MAX_DATAGRAMS {
            match self.socket.recv_from_full() {
                Ok(_) => has_changed = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // ENOBUFS: messages were lost.
                Err(_) => return true,
            }
        }
        has_changed
    }
}

/// Classic BPF over the netlink message: DELRULE, and DELROUTE of our protocol.
fn filter() -> [SockFilter; 7] {
    const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
    const JUMP_IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    let statement = |code: u32, jt: u8, jf: u8, k: u32| {
        SockFilter::new(u16::try_from(code).unwrap_or(0), jt, jf, k)
    };
    [
        statement(LOAD_BYTE, 0, 0, TYPE_OFFSET),
        statement(JUMP_IF_EQUAL, 3, 0, RTM_DELRULE),
        statement(JUMP_IF_EQUAL, 0, 3, RTM_DELROUTE),
        statement(LOAD_BYTE, 0, 0, PROTOCOL_OFFSET),
        statement(JUMP_IF_EQUAL, 0, 1, RTPROT_KEEPALIVED as u32),
        statement(RETURN, 0, 0, u32::MAX),
        statement(RETURN, 0, 0, 0),
    ]
}

impl AsFd for RouteMonitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for RouteMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteMonitor").finish_non_exhaustive()
    }
}
