//! The socket filter: what cannot be an advert for this node is dropped by the kernel before it costs a wake-up.
//!
//! A classic BPF program, because it needs no right that the raw socket does not need. Normally it lets every
//! packet with a VRID of this interface pass, so that all errors are counted and logged. In a flood of bad
//! packets it also drops what the first checks of `receive` would refuse; those are counted nowhere.

use std::collections::BTreeSet;

use libc::{
    BPF_A, BPF_ABS, BPF_ADD, BPF_ALU, BPF_AND, BPF_B, BPF_IMM, BPF_IND, BPF_JEQ, BPF_JGE, BPF_JMP,
    BPF_K, BPF_LD, BPF_LDX, BPF_LEN, BPF_LSH, BPF_MEM, BPF_MISC, BPF_MSH, BPF_MUL, BPF_RET,
    BPF_RSH, BPF_ST, BPF_SUB, BPF_TAX, BPF_TXA, BPF_W, BPF_X,
};
use socket2::SockFilter;

use super::transport::Transport;
use crate::types::{Vrid, VrrpVersion};

/// Nothing is cut off.
const WHOLE: u32 = 0xffff;
/// SKF_NET_OFF of `linux/filter.h`: offsets from here on count from the IP header.
const NETWORK_HEADER: u32 = 0xfff0_0000;
const IPV4_TTL: u32 = 8;
const IPV6_HOP_LIMIT: u32 = NETWORK_HEADER + 7;
/// Octets of a VRRP header.
const HEADER: u32 = 8;
/// Octets of the IP authentication header.
const AUTHENTICATION_HEADER: u32 = 24;

/// What adverts for one interface look like.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Expected {
    pub(super) vrids: BTreeSet<Vrid>,
    pub(super) versions: BTreeSet<VrrpVersion>,
    /// Some come from peers that may be several hops away.
    pub(super) any_ttl: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Strictness {
    /// Whatever has one of the VRIDs passes.
    #[default]
    Counting,
    /// Only what is whole, of a version and a TTL that somebody accepts.
    Flooded,
}

/// For a raw socket of that transport.
pub(super) fn program(
    transport: Transport,
    expected: &Expected,
    strictness: Strictness,
) -> Vec<SockFilter> {
    let mut program = Vec::new();
    header_length(transport, &mut program);
    if strictness == Strictness::Flooded {
        first_checks(transport, expected, &mut program);
    }
    of_vrids(&expected.vrids, &mut program);
    program
}

/// X is the offset of the VRRP header from now on. A raw IPv6 socket delivers no IP header.
fn header_length(transport: Transport, program: &mut Vec<SockFilter>) {
    program.push(match transport {
        Transport::Ipv4 | Transport::Ipv4Ah => statement(BPF_LDX | BPF_B | BPF_MSH, 0),
        Transport::Ipv6 => statement(BPF_LDX | BPF_W | BPF_IMM, 0),
    });
    if transport == Transport::Ipv4Ah {
        program.extend([
            statement(BPF_MISC | BPF_TXA, 0),
            statement(BPF_ALU | BPF_ADD | BPF_K, AUTHENTICATION_HEADER),
            statement(BPF_MISC | BPF_TAX, 0),
        ]);
    }
}

fn first_checks(transport: Transport, expected: &Expected, program: &mut Vec<SockFilter>) {
    if !expected.any_ttl {
        let ttl = match transport {
            Transport::Ipv4 | Transport::Ipv4Ah => IPV4_TTL,
            Transport::Ipv6 => IPV6_HOP_LIMIT,
        };
        program.push(statement(BPF_LD | BPF_B | BPF_ABS, ttl));
        drop_unless(BPF_JEQ | BPF_K, 255, program);
    }
    // Version and type in one octet; the type of an advert is 1.
    program.push(statement(BPF_LD | BPF_B | BPF_IND, 0));
    let mut left = expected.versions.len();
    for version in &expected.versions {
        let octet = match version {
            VrrpVersion::V2 => 0x21,
            VrrpVersion::V3 => 0x31,
        };
        program.push(jump(BPF_JEQ | BPF_K, octet, left, 0));
        left -= 1;
    }
    program.push(statement(BPF_RET | BPF_K, 0));
    // As long as its count of addresses says.
    let shift = match transport {
        Transport::Ipv4 | Transport::Ipv4Ah => 2,
        Transport::Ipv6 => 4,
    };
    program.extend([
        statement(BPF_LD | BPF_W | BPF_LEN, 0),
        statement(BPF_ALU | BPF_SUB | BPF_X, 0),
        statement(BPF_ST, 0),
        statement(BPF_LD | BPF_B | BPF_IND, 3),
        statement(BPF_ALU | BPF_LSH | BPF_K, shift),
        statement(BPF_ALU | BPF_ADD | BPF_K, HEADER),
        statement(BPF_MISC | BPF_TAX, 0),
        statement(BPF_LD | BPF_MEM, 0),
    ]);
    drop_unless(BPF_JGE | BPF_X, 0, program);
    header_length(transport, program);
}

/// A set of 256 bits, 32 to a word.
fn of_vrids(vrids: &BTreeSet<Vrid>, program: &mut Vec<SockFilter>) {
    let mut words = [0_u32; 8];
    for vrid in vrids {
        let vrid = usize::from(vrid.get());
        words[vrid / 32] |= 1 << (vrid % 32);
    }
    program.extend([
        statement(BPF_LD | BPF_B | BPF_IND, 1),
        statement(BPF_ST, 0),
        statement(BPF_ALU | BPF_AND | BPF_K, 31),
        statement(BPF_MISC | BPF_TAX, 0),
        statement(BPF_LD | BPF_MEM, 0),
        statement(BPF_ALU | BPF_RSH | BPF_K, 5),
    ]);
    for (index, word) in (0..).zip(words).filter(|(_, word)| *word != 0) {
        program.extend([
            jump(BPF_JEQ | BPF_K, index, 0, 5),
            statement(BPF_LD | BPF_IMM, word),
            statement(BPF_ALU | BPF_RSH | BPF_X, 0),
            statement(BPF_ALU | BPF_AND | BPF_K, 1),
            statement(BPF_ALU | BPF_MUL | BPF_K, WHOLE),
            statement(BPF_RET | BPF_A, 0),
        ]);
    }
    program.push(statement(BPF_RET | BPF_K, 0));
}

fn drop_unless(test: u32, value: u32, program: &mut Vec<SockFilter>) {
    program.push(jump(test, value, 1, 0));
    program.push(statement(BPF_RET | BPF_K, 0));
}

fn statement(code: u32, k: u32) -> SockFilter {
    SockFilter::new(u16::try_from(code).unwrap_or_default(), 0, 0, k)
}

/// Skips so many instructions where the test holds, and so many where it does not.
fn jump(test: u32, k: u32, holds: usize, fails: u8) -> SockFilter {
    let code = u16::try_from(BPF_JMP | test).unwrap_or_default();
    SockFilter::new(code, u8::try_from(holds).unwrap_or_default(), fails, k)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use socket2::SockRef;

    use super::*;

    fn expected(vrids: &[u8], versions: &[VrrpVersion], any_ttl: bool) -> Expected {
        Expected {
            vrids: vrids
                .iter()
                .map(|v| Vrid::new(*v).expect("in range"))
                .collect(),
            versions: versions.iter().copied().collect(),
            any_ttl,
        }
    }

    /// Whether the kernel lets each packet pass. A UDP socket's filter sees the packet from the UDP header on, eight
    /// octets that take the place of an IPv4 header of that length: its first octet is 0x42 to 0x4f by the port.
    fn passed(program: &[SockFilter], packets: &[Vec<u8>]) -> Vec<bool> {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("bind");
        SockRef::from(&receiver)
            .attach_filter(program)
            .expect("the kernel takes the program");
        receiver
            .set_read_timeout(Some(Duration::from_millis(200)))
            .expect("timeout");
        let to = receiver.local_addr().expect("address");
        // Header length 8: IHL 2, so the source port is 0x?2??.
        let sender = (0x4200..0x4300)
            .find_map(|port: u16| UdpSocket::bind(("127.0.0.1", port)).ok())
            .expect("a port");
        let marker = |packet: &Vec<u8>, number: u8| {
            let mut packet = packet.clone();
            packet.push(number);
            packet
        };
        for (number, packet) in (0..).zip(packets) {
            sender.send_to(&marker(packet, number), to).expect("sent");
        }
        let mut buffer = [0; 512];
        let mut passed = vec![false; packets.len()];
        while let Ok(length) = receiver.recv(&mut buffer) {
            passed[usize::from(buffer[length - 1])] = true;
        }
        passed
    }

    fn packet(octet: u8, vrid: u8, count: u8, length: usize) -> Vec<u8> {
        let mut packet = vec![octet, vrid, 100, count, 0, 100, 0, 0];
        packet.resize(length, 0);
        packet
    }

    #[test]
    fn only_configured_vrids_pass() {
        let vrids = [1, 31, 32, 51, 200, 255];
        let program = program(
            Transport::Ipv4,
            &expected(&vrids, &[VrrpVersion::V2], false),
            Strictness::Counting,
        );
        let all: Vec<_> = (0..=255).map(|vrid| packet(0, vrid, 0, 8)).collect();
        // One packet for each VRID would need numbers beyond an octet: in two halves.
        for (half, packets) in all.chunks(128).enumerate() {
            for (index, passed) in passed(&program, packets).into_iter().enumerate() {
                let vrid = u8::try_from(half * 128 + index).expect("an octet");
                assert_eq!(passed, vrids.contains(&vrid), "VRID {vrid}");
            }
        }
    }

    #[test]
    fn in_a_flood_only_whole_adverts_of_a_version_in_use_pass() {
        let both = [VrrpVersion::V2, VrrpVersion::V3];
        let pass = |versions: &[VrrpVersion], packets: &[Vec<u8>]| {
            let expected = expected(&[51], versions, true);
            passed(
                &program(Transport::Ipv4, &expected, Strictness::Flooded),
                packets,
            )
        };
        let packets = [
            packet(0x21, 51, 1, 20),
            packet(0x31, 51, 1, 12),
            packet(0x31, 52, 1, 12),
            packet(0x32, 51, 1, 12),
            packet(0x41, 51, 1, 12),
            // Eight octets and the marker: shorter than an address more.
            packet(0x31, 51, 1, 8),
            packet(0x31, 51, 200, 100),
        ];
        let expected = [true, true, false, false, false, false, false];
        assert_eq!(pass(&both, &packets), expected);
        let expected = [false, true, false, false, false, false, false];
        assert_eq!(pass(&[VrrpVersion::V3], &packets), expected);
    }

    #[test]
    fn behind_an_authentication_header_the_same_is_looked_at() {
        let sealed = |inner: Vec<u8>| [vec![0; 24], inner].concat();
        let packets = [
            sealed(packet(0x21, 51, 1, 20)),
            sealed(packet(0x21, 52, 1, 20)),
            packet(0x21, 51, 1, 20),
        ];
        let expected = expected(&[51], &[VrrpVersion::V2], true);
        for strictness in [Strictness::Counting, Strictness::Flooded] {
            let program = program(Transport::Ipv4Ah, &expected, strictness);
            assert_eq!(passed(&program, &packets), [true, false, false]);
        }
    }
}
