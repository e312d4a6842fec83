//! Sending frames with virtio headers through a packet socket, many in one call (packet(7), PACKET_VNET_HDR).
//!
//! The queueing discipline is not bypassed: without it a device that cannot segment drops super-packets.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Frames sent in one call at most.
pub const BATCH: usize = 64;

const SOL_PACKET: libc::c_int = 263;
const PACKET_VNET_HDR: libc::c_int = 15;
const SEND_BUFFER: libc::c_int = 32 << 20;

#[expect(clippy::cast_possible_truncation, reason = "it is 17")]
const ADDRESS_FAMILY: u16 = libc::AF_PACKET as u16;
#[expect(clippy::cast_possible_truncation, reason = "it is 0x0800")]
const ETHERTYPE_IPV4: u16 = libc::ETH_P_IP as u16;
#[expect(clippy::cast_possible_truncation, reason = "it is 20")]
const ADDRESS_LENGTH: libc::socklen_t = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
#[expect(clippy::cast_possible_truncation, reason = "it is 4")]
const INT_LENGTH: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;

/// A frame to send: virtio header, Ethernet header and what follows.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub bytes: &'a [u8],
    /// Index of the interface it leaves by.
    pub interface: u32,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Sent {
    pub frames: usize,
    pub failed: usize,
    /// Why the last of the failed ones failed.
    pub error: Option<io::Error>,
}

/// A packet socket that sends by any interface and receives nothing.
pub struct PacketSocket {
    fd: OwnedFd,
    addresses: Box<[libc::sockaddr_ll; BATCH]>,
    slices: Box<[libc::iovec; BATCH]>,
    headers: Box<[libc::mmsghdr; BATCH]>,
}

impl PacketSocket {
    pub fn open() -> io::Result<Self> {
        // SAFETY: plain system call; the descriptor is checked before it is owned.
        let fd = unsafe {
            let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
            let fd = libc::socket(libc::AF_PACKET, kind, 0);
            if fd == -1 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        set(&fd, SOL_PACKET, PACKET_VNET_HDR, 1)?;
        // With CAP_NET_ADMIN; without it the default must do.
        let _ = set(&fd, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, SEND_BUFFER);
        // SAFETY: all three are plain C structures for which zeroes are valid.
        unsafe {
            Ok(Self {
                fd,
                addresses: Box::new(std::mem::zeroed()),
                slices: Box::new(std::mem::zeroed()),
                headers: Box::new(std::mem::zeroed()),
            })
        }
    }

    /// Sends at most [`BATCH`] frames. One that cannot be sent does not keep the others back.
    pub fn send<'a>(&mut self, frames: impl Iterator<Item = Outgoing<'a>>) -> Sent {
        let mut count = 0;
        for (place, frame) in frames.take(BATCH).enumerate() {
            self.prepare(place, frame);
            count = place + 1;
        }
        let mut sent = Sent::default();
        let mut next = 0;
        while next < count {
            let left = libc::c_uint::try_from(count - next).unwrap_or(0);
            // SAFETY: headers[next..count] were written above; each points at one slice and one address of
            // this socket, the slices at frames that are borrowed for longer than this call.
            let result = unsafe {
                libc::sendmmsg(
                    self.fd.as_raw_fd(),
                    self.headers[next..].as_mut_ptr(),
                    left,
                    libc::MSG_DONTWAIT,
                )
            };
            match usize::try_from(result) {
                Ok(some) => {
                    sent.frames += some;
                    next += some.max(1);
                }
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        sent.failed += 1;
                        sent.error = Some(error);
                        next += 1;
                    }
                }
            }
        }
        sent
    }

    fn prepare(&mut self, place: usize, frame: Outgoing<'_>) {
        let address = &mut self.addresses[place];
        address.sll_family = ADDRESS_FAMILY;
        address.sll_protocol = ETHERTYPE_IPV4.to_be();
        address.sll_ifindex = libc::c_int::try_from(frame.interface).unwrap_or(0);
        address.sll_halen = 6;
        let slice = &mut self.slices[place];
        slice.iov_base = frame.bytes.as_ptr().cast_mut().cast();
        slice.iov_len = frame.bytes.len();
        let header = &mut self.headers[place].msg_hdr;
        header.msg_name = (&raw mut self.addresses[place]).cast();
        header.msg_namelen = ADDRESS_LENGTH;
        header.msg_iov = &raw mut self.slices[place];
        header.msg_iovlen = 1;
    }
}

fn set(
    fd: &OwnedFd,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the value is an int that outlives the call, and its size is given.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            INT_LENGTH,
        )
    };
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
