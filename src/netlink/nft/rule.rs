//! The expressions of a rule. Each method appends what one word of an `nft` rule does.

use std::net::IpAddr;

use super::filter::End;
use super::message::{Attributes, DATA_VALUE, DATA_VERDICT, LIST_ELEMENT};

const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;

/// NFT_REG_VERDICT; NFT_REG32_00 and those after it hold four bytes each.
const VERDICT_REGISTER: u32 = 0;
const FIRST_REGISTER: u32 = 8;

const META_L4PROTO: u32 = 16;
const META_PKTTYPE: u32 = 19;

const LINK_LAYER: u32 = 0;
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;

const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;

const NF_DROP: i32 = 0;
const NF_ACCEPT: i32 = 1;
const META_NFPROTO: u32 = 15;
const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;
const IPPROTO_ICMPV6: u8 = 58;
/// Router solicitation to redirect (RFC 4861 §4), one after the other.
const NEIGHBOUR_DISCOVERY: [u8; 2] = [133, 137];
const RANGE_EQUAL: u32 = 0;
const NFT_GOTO: i32 = -4;

const PACKET_HOST: u8 = 0;
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const FIB_RESULT_ADDRESS_TYPE: u32 = 3;
const FIB_DESTINATION_ADDRESS: u32 = 2;
const RTN_LOCAL: u32 = 2;

/// A part of a packet that a rule looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field {
    /// `ip saddr`
    SourceAddress,
    /// `ip daddr`
    DestinationAddress,
    /// `meta l4proto`
    Protocol,
    /// `th sport`
    SourcePort,
    /// `th dport`
    DestinationPort,
    /// `icmp type`
    IcmpType,
    /// `ip daddr` of the packet that an ICMP error quotes
    QuotedDestinationAddress,
}

/// A rule of the netdev family.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    expressions: Vec<u8>,
}

impl Rule {
    pub fn new() -> Self {
        Self::default()
    }

    /// `meta pkttype != host`
    #[must_use]
    pub fn not_for_this_host(self) -> Self {
        self.meta(META_PKTTYPE, FIRST_REGISTER)
            .compare(NOT_EQUAL, &[PACKET_HOST])
    }

    /// `ether type ip`, or `ether type != ip`: unlike `meta protocol`, which looks behind a VLAN tag that the device
    /// has taken off, a tagged frame is not IPv4
    #[must_use]
    pub fn ipv4(self, is: bool) -> Self {
        let operator = if is { EQUAL } else { NOT_EQUAL };
        self.payload(LINK_LAYER, 12, 2, FIRST_REGISTER)
            .compare(operator, &ETHERTYPE_IPV4)
    }

    /// `meta l4proto <number>`
    #[must_use]
    pub fn protocol(self, number: u8) -> Self {
        self.meta(META_L4PROTO, FIRST_REGISTER)
            .compare(EQUAL, &[number])
    }

    /// `<field> . <field> … @set`
    #[must_use]
    pub fn in_set(mut self, fields: &[Field], set: &str) -> Self {
        for (register, field) in (FIRST_REGISTER..).zip(fields) {
            self = self.load(*field, register);
        }
        self.expression("lookup", |data| {
            data.text(1, set);
            data.number(2, FIRST_REGISTER);
        })
    }

    /// `ip frag-off & 0x1fff != 0`: a fragment without ports
    #[must_use]
    pub fn later_fragment(self) -> Self {
        self.payload(NETWORK, 6, 2, FIRST_REGISTER)
            .expression("bitwise", |data| {
                data.number(1, FIRST_REGISTER);
                data.number(2, FIRST_REGISTER);
                data.number(3, 2);
                data.nested(4, |mask| mask.bytes(DATA_VALUE, &[0x1f, 0xff]));
                data.nested(5, |xor| xor.bytes(DATA_VALUE, &[0, 0]));
            })
            .compare(NOT_EQUAL, &[0, 0])
    }

    /// `fib daddr type local`, or `fib daddr type != local`
    #[must_use]
    pub fn to_local_address(self, is: bool) -> Self {
        let operator = if is { EQUAL } else { NOT_EQUAL };
        self.expression("fib", |data| {
            data.number(1, FIRST_REGISTER);
            data.number(2, FIB_RESULT_ADDRESS_TYPE);
            data.number(3, FIB_DESTINATION_ADDRESS);
        })
        .compare(operator, &RTN_LOCAL.to_ne_bytes())
    }

    /// `ip saddr <address>` and the like, in a table of both families
    #[must_use]
    pub(super) fn address(self, address: IpAddr, end: End) -> Self {
        let (family, offset) = match (address, end) {
            (IpAddr::V4(_), End::Source) => (NFPROTO_IPV4, 12),
            (IpAddr::V4(_), End::Destination) => (NFPROTO_IPV4, 16),
            (IpAddr::V6(_), End::Source) => (NFPROTO_IPV6, 8),
            (IpAddr::V6(_), End::Destination) => (NFPROTO_IPV6, 24),
        };
        let rule = self
            .meta(META_NFPROTO, FIRST_REGISTER)
            .compare(EQUAL, &[family]);
        match address {
            IpAddr::V4(address) => rule
                .payload(NETWORK, offset, 4, FIRST_REGISTER)
                .compare(EQUAL, &address.octets()),
            IpAddr::V6(address) => rule
                .payload(NETWORK, offset, 16, FIRST_REGISTER)
                .compare(EQUAL, &address.octets()),
        }
    }

    /// `icmpv6 type nd-router-solicit-nd-redirect`
    #[must_use]
    pub(super) fn neighbour_discovery(self) -> Self {
        let [first, last] = NEIGHBOUR_DISCOVERY;
        self.meta(META_NFPROTO, FIRST_REGISTER)
            .compare(EQUAL, &[NFPROTO_IPV6])
            .protocol(IPPROTO_ICMPV6)
            .payload(TRANSPORT, 0, 1, FIRST_REGISTER)
            .expression("range", |data| {
                data.number(1, FIRST_REGISTER);
                data.number(2, RANGE_EQUAL);
                data.nested(3, |from| from.bytes(DATA_VALUE, &[first]));
                data.nested(4, |to| to.bytes(DATA_VALUE, &[last]));
            })
    }

    /// `counter`
    #[must_use]
    pub(super) fn counter(self) -> Self {
        self.expression("counter", |_| {})
    }

    /// `drop`
    #[must_use]
    pub(super) fn drop(self) -> Self {
        self.verdict(NF_DROP, None)
    }

    /// `accept`
    #[must_use]
    pub fn accept(self) -> Self {
        self.verdict(NF_ACCEPT, None)
    }

    /// `goto chain`
    #[must_use]
    pub fn goto(self, chain: &str) -> Self {
        self.verdict(NFT_GOTO, Some(chain))
    }

    /// `ether daddr set …`
    #[must_use]
    pub fn set_destination_mac(self, mac: [u8; 6]) -> Self {
        self.immediate(&mac).expression("payload", |data| {
            data.number(2, LINK_LAYER);
            data.number(3, 0);
            data.number(4, 6);
            data.number(5, FIRST_REGISTER);
        })
    }

    /// `fwd to <device>`
    #[must_use]
    pub fn forward_to(self, interface: u32) -> Self {
        self.immediate(&interface.to_ne_bytes())
            .expression("fwd", |data| data.number(1, FIRST_REGISTER))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.expressions
    }

    fn load(self, field: Field, register: u32) -> Self {
        match field {
            Field::SourceAddress => self.payload(NETWORK, 12, 4, register),
            Field::DestinationAddress => self.payload(NETWORK, 16, 4, register),
            Field::Protocol => self.meta(META_L4PROTO, register),
            Field::SourcePort => self.payload(TRANSPORT, 0, 2, register),
            Field::DestinationPort => self.payload(TRANSPORT, 2, 2, register),
            Field::IcmpType => self.payload(TRANSPORT, 0, 1, register),
            // Behind the ICMP header of eight bytes.
            Field::QuotedDestinationAddress => self.payload(TRANSPORT, 8 + 16, 4, register),
        }
    }

    fn meta(self, key: u32, register: u32) -> Self {
        self.expression("meta", |data| {
            data.number(1, register);
            data.number(2, key);
        })
    }

    fn payload(self, base: u32, offset: u32, length: u32, register: u32) -> Self {
        self.expression("payload", |data| {
            data.number(1, register);
            data.number(2, base);
            data.number(3, offset);
            data.number(4, length);
        })
    }

    fn compare(self, operator: u32, value: &[u8]) -> Self {
        self.expression("cmp", |data| {
            data.number(1, FIRST_REGISTER);
            data.number(2, operator);
            data.nested(3, |nested| nested.bytes(DATA_VALUE, value));
        })
    }

    fn immediate(self, value: &[u8]) -> Self {
        self.expression("immediate", |data| {
            data.number(1, FIRST_REGISTER);
            data.nested(2, |nested| nested.bytes(DATA_VALUE, value));
        })
    }

    fn verdict(self, code: i32, chain: Option<&str>) -> Self {
        self.expression("immediate", |data| {
            data.number(1, VERDICT_REGISTER);
            data.nested(2, |nested| {
                nested.nested(DATA_VERDICT, |verdict| {
                    verdict.number(1, code.cast_unsigned());
                    if let Some(chain) = chain {
                        verdict.text(2, chain);
                    }
                });
            });
        })
    }

    fn expression(
        mut self,
        name: &str,
        fill: impl FnOnce(&mut super::message::Nested<'_>),
    ) -> Self {
        self.expressions.nested(LIST_ELEMENT, |expression| {
            expression.text(EXPRESSION_NAME, name);
            expression.nested(EXPRESSION_DATA, fill);
        });
        self
    }
}
