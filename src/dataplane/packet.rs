//! A frame as the TAP delivers it and AF_PACKET takes it.
//!
//! ```text
//! +------------------+----------+-------------------------------+---------+
//! | virtio_net_hdr 10| Ethernet | IPv4 datagram                 | padding |
//! +------------------+----------+-------------------------------+---------+
//! ```
//!
//! The virtio header (linux/virtio_net.h, native byte order) says whether the datagram is a super-packet that is
//! cut up later, and whether its transport checksum still has to be completed. Nothing here looks into the
//! datagram; that is `flow`.

/// Length of `struct virtio_net_hdr` without mergeable buffers.
pub const VIRTIO_HEADER: usize = 10;
/// Length of an Ethernet header.
pub const ETHERNET_HEADER: usize = 14;
/// Where the datagram begins.
pub const DATAGRAM: usize = VIRTIO_HEADER + ETHERNET_HEADER;

/// An Ethernet address.
pub type MacAddress = [u8; 6];

/// The first two bytes of a destination address that steering has written; the interface index follows.
pub const STEERED: [u8; 2] = [0x02, 0x68];

const FLAG_NEEDS_CHECKSUM: u8 = 1;
const GSO_NONE: u8 = 0;
/// The low bits; `VIRTIO_NET_HDR_GSO_ECN` is a flag in the same byte.
const GSO_TYPE_MASK: u8 = 0x7f;
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];

mod field {
    use std::ops::Range;

    use super::VIRTIO_HEADER;

    pub(super) const FLAGS: usize = 0;
    pub(super) const GSO_TYPE: usize = 1;
    pub(super) const GSO_SIZE: Range<usize> = 4..6;
    pub(super) const CHECKSUM_START: Range<usize> = 6..8;
    pub(super) const DESTINATION_MAC: Range<usize> = VIRTIO_HEADER..VIRTIO_HEADER + 6;
    pub(super) const SOURCE_MAC: Range<usize> = VIRTIO_HEADER + 6..VIRTIO_HEADER + 12;
    pub(super) const ETHERTYPE: Range<usize> = VIRTIO_HEADER + 12..VIRTIO_HEADER + 14;
}

/// A frame that is long enough for its headers, and the interface it came in by.
#[derive(Debug)]
pub struct Packet<'a> {
    bytes: &'a mut [u8],
    interface: u32,
}

impl<'a> Packet<'a> {
    /// A frame that came in by `interface`; `None` where it is shorter than its headers or no IPv4.
    pub fn new(bytes: &'a mut [u8], interface: u32) -> Option<Self> {
        let is_ipv4 = bytes.len() > DATAGRAM && bytes[field::ETHERTYPE] == ETHERTYPE_IPV4;
        is_ipv4.then_some(Self { bytes, interface })
    }

    /// A frame from the TAP. Steering has overwritten its destination address with the index of the interface
    /// it came in by; `None` for every other frame, such as what the kernel itself sends there.
    pub fn from_tap(bytes: &'a mut [u8]) -> Option<Self> {
        let destination = bytes.get(field::DESTINATION_MAC)?;
        let index = destination.strip_prefix(&STEERED)?.first_chunk::<4>()?;
        let interface = u32::from_be_bytes(*index);
        Self::new(bytes, interface)
    }

    /// Index of the interface the frame came in by.
    pub fn interface(&self) -> u32 {
        self.interface
    }

    pub fn source_mac(&self) -> MacAddress {
        self.bytes[field::SOURCE_MAC]
            .first_chunk()
            .copied()
            .unwrap_or_default()
    }

    pub fn set_ethernet(&mut self, destination: MacAddress, source: MacAddress) {
        self.bytes[field::DESTINATION_MAC].copy_from_slice(&destination);
        self.bytes[field::SOURCE_MAC].copy_from_slice(&source);
    }

    /// From the IPv4 header on, padding included.
    pub fn datagram(&self) -> &[u8] {
        &self.bytes[DATAGRAM..]
    }

    pub fn datagram_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[DATAGRAM..]
    }

    /// The whole frame with its virtio header.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// Where in the datagram the checksum begins that is still to be completed, if one is.
    pub fn partial_checksum(&self) -> Option<PartialChecksum> {
        let needed = self.bytes[field::FLAGS] & FLAG_NEEDS_CHECKSUM != 0;
        let start = usize::from(self.native(field::CHECKSUM_START));
        needed.then(|| match start.checked_sub(ETHERNET_HEADER) {
            Some(start) => PartialChecksum::At(start),
            None => PartialChecksum::Outside,
        })
    }

    /// Payload bytes of each segment of a super-packet; `None` for an ordinary packet.
    pub fn gso_size(&self) -> Option<u16> {
        let gso = self.bytes[field::GSO_TYPE] & GSO_TYPE_MASK != GSO_NONE;
        gso.then(|| self.native(field::GSO_SIZE))
    }

    /// Leaves only what is valid in the transmitting direction: a checksum to complete, and the segmentation.
    pub fn prepare_transmission(&mut self) {
        self.bytes[field::FLAGS] &= FLAG_NEEDS_CHECKSUM;
    }

    fn native(&self, range: std::ops::Range<usize>) -> u16 {
        let bytes = self.bytes[range].first_chunk().copied();
        u16::from_ne_bytes(bytes.unwrap_or_default())
    }
}

/// Where an unfinished checksum covers the packet from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PartialChecksum {
    /// Offset in the datagram.
    At(usize),
    /// Before the datagram: nonsense.
    Outside,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_steering_marked_comes_in() {
        let mut frame = [0; 64];
        frame[field::ETHERTYPE].copy_from_slice(&ETHERTYPE_IPV4);
        assert!(Packet::from_tap(&mut frame).is_none());
        frame[field::DESTINATION_MAC].copy_from_slice(&[0x02, 0x68, 0, 0, 1, 2]);
        assert_eq!(
            Packet::from_tap(&mut frame).map(|p| p.interface()),
            Some(258)
        );
        assert!(Packet::from_tap(&mut frame[..DATAGRAM]).is_none());
        assert!(Packet::from_tap(&mut []).is_none());
    }
}
