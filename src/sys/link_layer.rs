//! Where an AF_PACKET socket sends a frame to: `struct sockaddr_ll`, packet(7).

use std::io;

use socket2::SockAddr;

/// The address that makes an AF_PACKET socket send a whole frame of `ethertype` through the interface of that
/// index. The destination in the frame itself decides who gets it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "AF_PACKET is 17 and a sockaddr_ll has 20 bytes; libc's types are wider"
)]
pub fn interface_address(index: u32, ethertype: u16) -> io::Result<SockAddr> {
    let index = i32::try_from(index).map_err(io::Error::other)?;
    // SAFETY: the storage is zeroed, aligned for and larger than any socket address, so a `sockaddr_ll` fits at
    // its start; all its fields are integers, and the length is set to its size.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let address = storage.cast::<libc::sockaddr_ll>();
            (*address).sll_family = libc::AF_PACKET as libc::sa_family_t;
            (*address).sll_protocol = ethertype.to_be();
            (*address).sll_ifindex = index;
            *length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            Ok(())
        })?
    };
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_of_the_packet_family() {
        let address = interface_address(3, 0x0806).expect("an address");
        assert_eq!(i32::from(address.family()), libc::AF_PACKET);
        assert_eq!(address.len() as usize, size_of::<libc::sockaddr_ll>());
        assert!(interface_address(u32::MAX, 0x0806).is_err());
    }
}
