//! The Internet checksum: whole, and the difference that a rewritten field makes (RFC 1071, RFC 1624).

use std::net::Ipv4Addr;
use std::ops::Range;

/// One's complement sum of `bytes`, not folded. At most 64 KiB, so 32 bits hold it.
fn sum(bytes: &[u8]) -> u32 {
    let (words, odd) = bytes.as_chunks::<2>();
    let words: u32 = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    words + odd.first().map_or(0, |last| u32::from(*last) << 8)
}

fn fold(sum: u32) -> u16 {
    let once = (sum & 0xffff) + (sum >> 16);
    let twice = (once & 0xffff) + (once >> 16);
    u16::try_from(twice).unwrap_or(0xffff)
}

/// The checksum of `bytes` whose own checksum field is zero.
pub(super) fn whole(bytes: &[u8]) -> u16 {
    !fold(sum(bytes))
}

/// The checksum of a TCP or UDP segment whose own checksum field is zero, with its pseudo header.
pub(super) fn transport(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    segment: &[u8],
) -> u16 {
    let length = u32::try_from(segment.len()).unwrap_or(u32::MAX) & 0xffff;
    let pseudo = sum(&source.octets()) + sum(&destination.octets()) + u32::from(protocol) + length;
    !fold(u32::from(fold(sum(segment))) + pseudo)
}

/// What replaced fields add to a checksum: the sum of `~old + new`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Difference(u32);

impl Difference {
    pub(super) fn address(self, old: Ipv4Addr, new: Ipv4Addr) -> Self {
        let inverted = old.octets().map(|byte| !byte);
        Self(self.0 + sum(&inverted) + sum(&new.octets()))
    }

    pub(super) fn word(self, old: u16, new: u16) -> Self {
        Self(self.0 + u32::from(!old) + u32::from(new))
    }

    /// A finished checksum: RFC 1624 equation 3, `~(~HC + ~m + m')`.
    pub(super) fn on_finished(self, checksum: u16) -> u16 {
        !fold(u32::from(!checksum) + u32::from(fold(self.0)))
    }

    /// A checksum that the device completes holds the sum of the pseudo header, not complemented.
    pub(super) fn on_partial(self, checksum: u16) -> u16 {
        fold(u32::from(checksum) + u32::from(fold(self.0)))
    }

    /// Replaces a finished checksum in place; nothing where `bytes` does not reach it.
    pub(super) fn apply(self, bytes: &mut [u8], field: Range<usize>) {
        if let Some(old) = read(bytes, field.clone()) {
            write(bytes, field, self.on_finished(old));
        }
    }
}

/// The 16-bit field, if `bytes` reaches it.
pub(super) fn read(bytes: &[u8], field: Range<usize>) -> Option<u16> {
    let bytes = bytes.get(field)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

/// Writes the 16-bit field, if `bytes` reaches it.
pub(super) fn write(bytes: &mut [u8], field: Range<usize>, value: u16) {
    if let Some(place) = bytes.get_mut(field) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_rfc_1624_section_4_gives_zero_not_its_complement() {
        assert_eq!(
            Difference::default()
                .word(0x5555, 0x3285)
                .on_finished(0xdd2f),
            0x0000
        );
    }

    #[test]
    fn an_odd_byte_counts_as_the_high_one() {
        assert_eq!(whole(&[0x12, 0x34, 0x56]), !(0x1234 + 0x5600));
    }

    proptest! {
        #[test]
        fn a_difference_equals_the_sum_of_the_changed_bytes(
            mut bytes in proptest::collection::vec(any::<u8>(), 40..200),
            address: [u8; 4],
            port: u16,
        ) {
            bytes[0] |= 1;
            let old = whole(&bytes);
            let old_address: [u8; 4] = *bytes[12..].first_chunk().expect("long enough");
            let old_port = read(&bytes, 20..22).expect("long enough");
            bytes[12..16].copy_from_slice(&address);
            write(&mut bytes, 20..22, port);
            let difference = Difference::default()
                .address(old_address.into(), address.into())
                .word(old_port, port);
            prop_assert_eq!(difference.on_finished(old), whole(&bytes));
        }
    }
}
