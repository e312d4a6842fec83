//! Who answers for an address? Asked from the client's side of the wire with frames of our own, so
//! neither the kernel's neighbour cache nor its patience is involved.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};
use std::os::fd::AsFd;

use super::{LabError, Result};

/// An ARP frame that says "this address is at this hardware address".
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    pub at: Instant,
    pub mac: [u8; 6],
    /// A gratuitous announcement rather than an answer to us.
    pub gratuitous: bool,
}

/// Every Ethernet frame of one interface, in and out.
pub struct PacketSocket {
    fd: OwnedFd,
    interface: LinkAddr,
}

impl PacketSocket {
    /// To be called inside the namespace.
    pub fn open(interface: &str) -> Result<Self> {
        let address = getifaddrs()?
            .filter(|entry| entry.interface_name == interface)
            .find_map(|entry| entry.address?.as_link_addr().copied())
            .ok_or_else(|| LabError::Failed(format!("no hardware address on {interface}")))?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(
            AddressFamily::Packet,
            SockType::Raw,
            flags,
            Some(SockProtocol::EthAll),
        )?;
        Ok(Self {
            fd,
            interface: address,
        })
    }

    pub fn mac(&self) -> [u8; 6] {
        self.interface.addr().unwrap_or_default()
    }

    pub fn send(&self, frame: &[u8]) -> Result<()> {
        sendto(
            self.fd.as_raw_fd(),
            frame,
            &self.interface,
            MsgFlags::empty(),
        )?;
        Ok(())
    }

    /// The next frame, or nothing within `bound`.
    pub fn receive<'a>(&self, buffer: &'a mut [u8], bound: Duration) -> Result<Option<&'a [u8]>> {
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        let bound = PollTimeout::try_from(bound).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, bound) {
            Ok(0) | Err(Errno::EINTR) => return Ok(None),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        match recv(self.fd.as_raw_fd(), buffer, MsgFlags::empty()) {
            Ok(length) => Ok(Some(&buffer[..length])),
            Err(Errno::EAGAIN | Errno::ENETDOWN) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Asks for `target` every `every` until told to stop and reports each claim.
pub fn ask_for(
    target: Ipv4Addr,
    source: Ipv4Addr,
    every: Duration,
    stop: &Arc<AtomicBool>,
    mut claimed: impl FnMut(Claim),
) -> Result<()> {
    let socket = PacketSocket::open("eth0")?;
    let request = request(socket.mac(), source, target);
    let mut buffer = [0; 2048];
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now >= next {
            socket.send(&request)?;
            next = now + every;
        }
        let wait = next
            .saturating_duration_since(now)
            .max(Duration::from_millis(1));
        let Some(frame) = socket.receive(&mut buffer, wait)? else {
            continue;
        };
        if let Some((mac, gratuitous)) = claim(frame, target) {
            claimed(Claim {
                at: Instant::now(),
                mac,
                gratuitous,
            });
        }
    }
    Ok(())
}

/// RFC 826 request, broadcast.
fn request(mac: [u8; 6], source: Ipv4Addr, target: Ipv4Addr) -> [u8; 42] {
    let mut frame = [0; 42];
    frame[0..6].fill(0xff);
    frame[6..12].copy_from_slice(&mac);
    // Ethertype ARP; Ethernet, IPv4, lengths 6 and 4, operation 1.
    frame[12..22].copy_from_slice(&[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]);
    frame[22..28].copy_from_slice(&mac);
    frame[28..32].copy_from_slice(&source.octets());
    frame[38..42].copy_from_slice(&target.octets());
    frame
}

/// Sender hardware address of an ARP frame whose sender protocol address is `target`, and whether
/// it announces itself (sender and target address are the same).
fn claim(frame: &[u8], target: Ipv4Addr) -> Option<([u8; 6], bool)> {
    let is_arp = frame.get(12..14)? == [0x08, 0x06];
    let sender = frame.get(28..32)?;
    if !is_arp || sender != target.octets() {
        return None;
    }
    let mac = frame.get(22..28)?.try_into().ok()?;
    Some((mac, frame.get(38..42)? == sender))
}
