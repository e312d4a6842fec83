//! Asks the driver of an interface for its carrier, three ways, and for its MTU, as netdevice(7) and linux/mii.h
//! describe them.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

use super::tun::{cerr, interface_request};

/// Registers of a transceiver, read through the driver (linux/sockios.h).
const SIOCGMIIPHY: libc::c_ulong = 0x8947;
const SIOCGMIIREG: libc::c_ulong = 0x8948;
/// Basic mode status register and its link bit (linux/mii.h).
const MII_BMSR: u16 = 1;
const BMSR_LSTATUS: u16 = 4;
/// linux/ethtool.h
const ETHTOOL_GLINK: u32 = 0x0a;
const SIOCETHTOOL: libc::c_ulong = 0x8946;

/// A way to ask. May wait for the hardware: not for a loop that must be punctual.
#[derive(Debug)]
pub struct Asker(UnixDatagram);

/// `struct mii_ioctl_data`, which lies in the union of a request.
#[derive(Clone, Copy)]
#[repr(C)]
struct MiiData {
    phy_id: u16,
    reg_num: u16,
    val_in: u16,
    val_out: u16,
}

/// `struct ethtool_value`, which a request points to.
#[repr(C)]
struct EthtoolValue {
    cmd: u32,
    data: u32,
}

impl Asker {
    /// Interface requests work on any socket.
    pub fn new() -> io::Result<Self> {
        UnixDatagram::unbound().map(Self)
    }

    /// The link bit of the transceiver. The register holds the last loss of the link until it is read, so it is read
    /// twice.
    pub fn mii(&self, interface: &str) -> io::Result<bool> {
        let mut request = interface_request(interface)?;
        self.ask(SIOCGMIIPHY, &mut request)?;
        self.status_register(&mut request)?;
        Ok(self.status_register(&mut request)? & BMSR_LSTATUS != 0)
    }

    fn status_register(&self, request: &mut libc::ifreq) -> io::Result<u16> {
        let data = (&raw mut request.ifr_ifru).cast::<MiiData>();
        // SAFETY: the union has 16 bytes or more and is aligned for pointers, so the four shorts fit; it was zeroed, and
        // any bits are a value of each.
        unsafe { (*data).reg_num = MII_BMSR };
        self.ask(SIOCGMIIREG, request)?;
        let data = (&raw const request.ifr_ifru).cast::<MiiData>();
        // SAFETY: as above.
        Ok(unsafe { (*data).val_out })
    }

    /// What the driver says to ethtool.
    pub fn ethtool(&self, interface: &str) -> io::Result<bool> {
        let mut value = EthtoolValue {
            cmd: ETHTOOL_GLINK,
            data: 0,
        };
        let mut request = interface_request(interface)?;
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        self.ask(SIOCETHTOOL, &mut request)?;
        Ok(value.data != 0)
    }

    /// IFF_RUNNING.
    pub fn running(&self, interface: &str) -> io::Result<bool> {
        let mut request = interface_request(interface)?;
        self.ask(libc::SIOCGIFFLAGS as libc::c_ulong, &mut request)?;
        // SAFETY: the kernel has written the flags, and any bits are flags.
        let flags = unsafe { request.ifr_ifru.ifru_flags };
        Ok(libc::c_int::from(flags) & libc::IFF_RUNNING != 0)
    }

    /// The longest packet that it sends, in octets.
    pub fn mtu(&self, interface: &str) -> io::Result<u32> {
        let mut request = interface_request(interface)?;
        self.ask(libc::SIOCGIFMTU as libc::c_ulong, &mut request)?;
        // SAFETY: the kernel has written the MTU, and any bits are an integer.
        let mtu = unsafe { request.ifr_ifru.ifru_mtu };
        u32::try_from(mtu).map_err(io::Error::other)
    }

    fn ask(&self, what: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
        // SAFETY: the descriptor is open, and the request is a whole ifreq that outlives the call, as does what it
        // points to.
        cerr(unsafe { libc::ioctl(self.0.as_raw_fd(), what as libc::Ioctl, request) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_flags_and_no_transceiver() {
        let asker = Asker::new().expect("a socket");
        assert!(asker.running("lo").is_ok());
        assert!(asker.mtu("lo").is_ok_and(|mtu| mtu > 1500));
        assert!(asker.mii("lo").is_err());
        assert!(asker.running("no-such-if0").is_err());
        assert!(asker.ethtool("a name that is far too long").is_err());
    }
}
