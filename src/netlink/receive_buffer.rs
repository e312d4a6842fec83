//! How much a netlink socket holds that has not been read yet.

use std::io;

use netlink_sys::Socket;
use nix::sys::socket::{setsockopt, sockopt};

/// Size of a receive buffer, as `vrrp_netlink_monitor_rcv_bufs` and its kind give it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReceiveBuffer {
    /// In octets; `None`: what suits the socket.
    pub octets: Option<u32>,
    /// It may exceed the limit of the system (`net.core.rmem_max`), which takes CAP_NET_ADMIN.
    pub force: bool,
}

impl ReceiveBuffer {
    /// Gives `socket` this size, or `default` octets; with neither it stays as the kernel made it.
    pub(super) fn apply(self, socket: &mut Socket, default: Option<usize>) -> io::Result<()> {
        let configured = self.octets.and_then(|octets| usize::try_from(octets).ok());
        let Some(octets) = configured.or(default) else {
            return Ok(());
        };
        if self.force && setsockopt(socket, sockopt::RcvBufForce, &octets).is_ok() {
            return Ok(());
        }
        socket.set_rx_buf_sz(octets)
    }
}
