//! What is logged about packets.

use std::fmt;

use super::{Refusal, RefusalReason, Remark};
use crate::wire::vrrp;

/// keepalived's words.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use vrrp::ParseError::{Checksum, Length, Type, Version};

        let source = self.source;
        match self.reason {
            RefusalReason::Malformed(Length { length, expected }) => {
                let how = if length < expected { "short" } else { "long" };
                write!(
                    f,
                    "vrrp packet from {source} too {how}, length {length} and expect {expected}"
                )
            }
            RefusalReason::Malformed(Version { version, expected }) => write!(
                f,
                "wrong VRRP version from {source}. Received {version} and expect {expected}"
            ),
            RefusalReason::Malformed(Type { packet_type }) => write!(
                f,
                "Invalid packet type from {source}. {packet_type} and expect {}",
                vrrp::TYPE_ADVERTISEMENT
            ),
            RefusalReason::Malformed(Checksum { version }) => {
                write!(
                    f,
                    "Invalid VRRPv{} checksum from {source}",
                    version.number()
                )
            }
            RefusalReason::Ttl { received } => write!(
                f,
                "invalid TTL/HL from {source}. Received {received} and expect {}",
                vrrp::TTL
            ),
            RefusalReason::InvalidAuthType { received } => {
                write!(f, "Invalid auth type from {source}: {received}")
            }
            RefusalReason::AuthTypeMismatch { received, expected } => write!(
                f,
                "received a {received} auth from {source}, expecting {expected}!"
            ),
            RefusalReason::InvalidPassword => {
                write!(f, "received an invalid passwd from {source}!")
            }
            RefusalReason::AdvertInterval { ours, received } => write!(
                f,
                "advertisement interval mismatch with {source} mine={} sec rcv'd={} sec",
                ours / 100,
                received / 100
            ),
            RefusalReason::IpTotalLength { total, received } => write!(
                f,
                "ip_tot_len mismatch against received length from {source}. {total} and received {received}"
            ),
            RefusalReason::UnicastExpected => write!(
                f,
                "Expected unicast packet but received multicast packet from {source}"
            ),
            RefusalReason::MulticastExpected => write!(
                f,
                "Expected multicast packet but received unicast packet from {source}"
            ),
            RefusalReason::UnknownPeer => {
                write!(f, "unicast source address {source} not a unicast peer")
            }
            RefusalReason::UnicastTtl { received, min, max } => write!(
                f,
                "TTL/HL {received} from {source} not in range [{min}, {max}]"
            ),
            RefusalReason::AddressOwner => write!(
                f,
                "Dropping packet(s) from {source} since we are address owner"
            ),
            RefusalReason::AhUnexpected => {
                write!(f, "Received AH header but auth type not AH from {source}")
            }
            RefusalReason::AhMissing => {
                write!(f, "No AH header but auth type is AH from {source}")
            }
            RefusalReason::AhIcv => write!(
                f,
                "IPSEC-AH : invalid IPSEC HMAC-MD5 value from {source}. Due to fields mutation or bad password !"
            ),
            RefusalReason::AhSpi { received } => write!(
                f,
                "IPSEC AH : invalid IPSEC SPI value from {source}. {received} and expect {source}"
            ),
            RefusalReason::AhSequence { received, local } => write!(
                f,
                "IPSEC-AH : sequence number {received} from {source} already processed. Packet dropped. Local({local})"
            ),
            RefusalReason::HmacMissing => {
                write!(f, "missing authentication trailer from {source}")
            }
            RefusalReason::HmacMalformed => {
                write!(f, "malformed authentication trailer from {source}")
            }
            RefusalReason::HmacStale { seconds, window } => write!(
                f,
                "stale authentication trailer from {source}: clock skew of {seconds} s exceeds window of {window} s"
            ),
            RefusalReason::HmacReplayed => {
                write!(f, "replayed authentication trailer from {source}")
            }
            RefusalReason::HmacUnknownKey { id } => {
                write!(f, "unknown authentication key id {id} from {source}")
            }
            RefusalReason::HmacInvalid => {
                write!(f, "invalid authentication HMAC from {source}")
            }
        }
    }
}

/// keepalived's words.
impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressCount { expected, received } => {
                write!(f, "expected {expected} VIPs but received {received}")
            }
            Self::AddressList {
                virtual_router_id,
                source,
                missing,
            } => {
                write!(
                    f,
                    "ip address associated with VRID {virtual_router_id} not present in advert from {source}:"
                )?;
                missing
                    .iter()
                    .try_for_each(|address| write!(f, " {address}"))
            }
            Self::ClockSkew {
                source,
                seconds,
                window,
            } => write!(
                f,
                "authentication clock skew of {seconds} s from {source} is approaching window of {window} s"
            ),
            Self::AdvertInterval { ours, received } => write!(
                f,
                "advertisement interval mismatch ours = {ours} centi-sec rcv'd={received} centi-sec"
            ),
        }
    }
}
