//! A TAP device with virtio headers (linux/if_tun.h).
//!
//! What is sent to the device is read here and what is written here comes in by the device. Super-packets
//! and unfinished checksums pass both ways. The device outlives the process when it is persistent.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

/// TUN_F_CSUM, TSO4, TSO6, TSO_ECN, USO4, USO6.
const OFFLOADS: libc::c_ulong = 0x6f;
/// The same without USO, which kernels before 6.2 do not know.
const OFFLOADS_WITHOUT_USO: libc::c_ulong = 0x0f;

/// One queue of a TAP device; does not block.
#[derive(Debug)]
pub struct Tap {
    file: File,
}

impl Tap {
    /// Creates the device `name` or takes over the one that a predecessor left.
    pub fn open(name: &str) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")?;
        let mut request = interface_request(name)?;
        let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
        // SAFETY: the request is a whole ifreq that outlives the call, the descriptor is open.
        cerr(unsafe {
            libc::ioctl(
                file.as_raw_fd(),
                libc::TUNSETIFF as libc::Ioctl,
                &raw mut request,
            )
        })?;
        let tap = Self { file };
        tap.set(libc::TUNSETOFFLOAD as libc::Ioctl, OFFLOADS)
            .or_else(|_| tap.set(libc::TUNSETOFFLOAD as libc::Ioctl, OFFLOADS_WITHOUT_USO))?;
        Ok(tap)
    }

    /// Whether the device stays when its last descriptor is closed.
    pub fn set_persistent(&self, persistent: bool) -> io::Result<()> {
        self.set(
            libc::TUNSETPERSIST as libc::Ioctl,
            libc::c_ulong::from(persistent),
        )
    }

    /// One frame with its virtio header; `WouldBlock` when there is none.
    pub fn read(&self, frame: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(frame)
    }

    /// One frame with its virtio header.
    pub fn write(&self, frame: &[u8]) -> io::Result<()> {
        (&self.file).write(frame).map(drop)
    }

    fn set(&self, request: libc::Ioctl, value: libc::c_ulong) -> io::Result<()> {
        // SAFETY: both requests take an integer by value.
        cerr(unsafe { libc::ioctl(self.file.as_raw_fd(), request, value) })
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

pub(super) fn interface_request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: all zeroes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.is_empty() || name.len() >= request.ifr_name.len() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a name of 1 to 15 bytes is expected",
        ));
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    Ok(request)
}

pub(super) fn cerr(result: libc::c_int) -> io::Result<()> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
