//! Whether a received packet is an advert for this virtual router (RFC 3768 §7.1, RFC 5798 §7.1).
//!
//! The checks are made in keepalived's order (vrrp_check_packet), because the first that fails decides
//! which counter moves and which line is logged. A refused packet is dropped; a [`Remark`] is
//! counted and logged, and the advert counts all the same.

use std::fmt;
use std::mem::{Discriminant, discriminant};
use std::net::{IpAddr, Ipv4Addr};

use super::snapshot::Counters;
use crate::config::{Authentication, VrrpInstance};
use crate::types::{AddressFamily, AdvertInterval, AdvertPriority, Vrid, VrrpVersion};
use crate::wire::datagram::Datagram;
use crate::wire::{ipv4, vrrp};

/// An advert that has passed all checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Heard {
    pub(super) source: IpAddr,
    pub(super) priority: AdvertPriority,
    /// The sender's interval.
    pub(super) interval: AdvertInterval,
}

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub source: IpAddr,
    pub reason: RefusalReason,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusalReason {
    Malformed(vrrp::ParseError),
    Ttl { received: u8 },
    InvalidAuthType { received: u8 },
    AuthTypeMismatch { received: u8, expected: u8 },
    InvalidPassword,
    AdvertInterval { ours: u16, received: u16 },
    IpTotalLength { total: usize, received: usize },
    UnicastExpected,
    MulticastExpected,
    UnknownPeer,
}

/// What is wrong with an advert that counts all the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Remark {
    AddressCount {
        expected: usize,
        received: u8,
    },
    AddressList {
        virtual_router_id: Vrid,
        source: IpAddr,
        missing: Vec<IpAddr>,
    },
    /// Centiseconds; version 3 learns the sender's.
    AdvertInterval {
        ours: u16,
        received: u16,
    },
}

/// Which lines have been logged since the state or the master last changed.
#[derive(Clone, Debug, Default)]
pub(super) struct LoggedOnce {
    refusals: Vec<Discriminant<RefusalReason>>,
    parse_errors: Vec<Discriminant<vrrp::ParseError>>,
    remarks: Vec<Discriminant<Remark>>,
}

/// Picks the virtual router out of a packet, for finding who is to check it. `None` where the
/// packet does not reach that far.
pub(super) fn addressee(bytes: &[u8]) -> Option<(AddressFamily, Vrid)> {
    let packet = Datagram::parse(bytes)?;
    if packet.protocol != vrrp::PROTOCOL {
        return None;
    }
    let vrid = Vrid::new(*packet.payload.get(1)?).ok()?;
    Some((AddressFamily::of(packet.source), vrid))
}

/// Checks a whole IP packet that was sent to `config`'s virtual router. `addresses` are those that
/// it advertises itself; `same_master`: the sender of the last accepted advert.
pub(super) fn check(
    config: &VrrpInstance,
    addresses: &[IpAddr],
    same_master: Option<IpAddr>,
    bytes: &[u8],
    counters: &mut Counters,
) -> Result<(Heard, Vec<Remark>), Refusal> {
    let Some(ip) = Datagram::parse(bytes) else {
        // Such a packet has no virtual router either, so this is never reached through `addressee`.
        return Err(Refusal {
            source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            reason: too_short(bytes.len(), ipv4::HEADER_LEN),
        });
    };
    let source = ip.source;
    check_packet(config, &ip, counters)
        .map(|(packet, interval)| {
            let heard = Heard {
                source,
                priority: packet.priority(),
                interval,
            };
            let skip = config.skip_check_adv_addr && same_master == Some(source);
            let mut remarks = Vec::new();
            remarks.extend(interval_remark(config, interval));
            if !skip {
                remarks.extend(address_remark(config, addresses, source, &packet));
            }
            heard_with(heard, remarks, counters)
        })
        .map_err(|reason| {
            count(reason, counters);
            Refusal { source, reason }
        })
}

fn heard_with(heard: Heard, remarks: Vec<Remark>, counters: &mut Counters) -> (Heard, Vec<Remark>) {
    let list_error = |remark: &&Remark| !matches!(remark, Remark::AdvertInterval { .. });
    counters.addr_list_err += remarks.iter().filter(list_error).count() as u64;
    (heard, remarks)
}

fn check_packet<'a>(
    config: &VrrpInstance,
    ip: &Datagram<'a>,
    counters: &mut Counters,
) -> Result<(vrrp::Packet<'a>, AdvertInterval), RefusalReason> {
    let is_unicast = !config.unicast_peer.is_empty();
    let packet = vrrp::Packet::parse(ip.payload).map_err(RefusalReason::Malformed)?;
    let family = AddressFamily::of(ip.source);
    if !ip.is_truncated() {
        packet
            .check_length(config.version, family)
            .map_err(RefusalReason::Malformed)?;
    }
    if !is_unicast && ip.hop_limit != vrrp::TTL {
        return Err(RefusalReason::Ttl {
            received: ip.hop_limit,
        });
    }
    packet
        .check_version(config.version)
        .map_err(RefusalReason::Malformed)?;
    let interval = match config.version {
        VrrpVersion::V2 => {
            check_authentication(config.authentication, &packet)?;
            check_interval_v2(config.advert_int, &packet)?
        }
        VrrpVersion::V3 => interval_v3(config.advert_int, &packet)?,
    };
    packet.check_type().map_err(RefusalReason::Malformed)?;
    // keepalived: correct type, version and length make it a VRRP advertisement.
    counters.advert_rcvd += 1;
    if ip.is_truncated() {
        return Err(RefusalReason::IpTotalLength {
            total: ip.total_length,
            received: ip.received_length,
        });
    }
    packet
        .check_checksum(config.version, ip.source, ip.destination)
        .map_err(RefusalReason::Malformed)?;
    match (is_unicast, ip.destination.is_multicast()) {
        (true, true) => return Err(RefusalReason::UnicastExpected),
        (false, false) => return Err(RefusalReason::MulticastExpected),
        (true, false) | (false, true) => {}
    }
    let from_peer = config.unicast_peer.contains(&ip.source);
    if is_unicast && config.check_unicast_src && !from_peer {
        return Err(RefusalReason::UnknownPeer);
    }
    Ok((packet, interval))
}

/// RFC 2338 §5.3.6; RFC 3768 has only type 0.
fn check_authentication(
    authentication: Authentication,
    packet: &vrrp::Packet<'_>,
) -> Result<(), RefusalReason> {
    let received = packet.auth_type();
    if received > 2 {
        return Err(RefusalReason::InvalidAuthType { received });
    }
    match (authentication, received) {
        (Authentication::None, 0) => Ok(()),
        (Authentication::Pass(pass), 1) => {
            if packet.auth_data().is_some_and(|data| equal(data, pass)) {
                Ok(())
            } else {
                Err(RefusalReason::InvalidPassword)
            }
        }
        (Authentication::None, _) => Err(RefusalReason::AuthTypeMismatch {
            received,
            expected: 0,
        }),
        (Authentication::Pass(_), _) => Err(RefusalReason::AuthTypeMismatch {
            received,
            expected: 1,
        }),
    }
}

/// In a time that does not tell where they differ.
fn equal(a: [u8; 8], b: [u8; 8]) -> bool {
    u64::from_ne_bytes(a) ^ u64::from_ne_bytes(b) == 0
}

/// RFC 3768 §7.1: a different interval is a misconfiguration, and the packet is discarded.
fn check_interval_v2(
    ours: AdvertInterval,
    packet: &vrrp::Packet<'_>,
) -> Result<AdvertInterval, RefusalReason> {
    let received = packet.advert_int_secs();
    let mine = ours.as_secs_v2();
    if received == mine {
        Ok(ours)
    } else {
        Err(RefusalReason::AdvertInterval {
            ours: u16::from(mine) * 100,
            received: u16::from(received) * 100,
        })
    }
}

/// RFC 5798 §6.4.2 (450): a backup adopts the master's interval. None at all cannot be adopted.
fn interval_v3(
    ours: AdvertInterval,
    packet: &vrrp::Packet<'_>,
) -> Result<AdvertInterval, RefusalReason> {
    let received = packet.advert_int_centis();
    let error = |_| RefusalReason::AdvertInterval {
        ours: ours.as_centis_v3(),
        received,
    };
    AdvertInterval::from_centis(u32::from(received)).map_err(error)
}

fn interval_remark(config: &VrrpInstance, received: AdvertInterval) -> Option<Remark> {
    let (ours, received) = (config.advert_int.as_centis_v3(), received.as_centis_v3());
    (config.version == VrrpVersion::V3 && ours != received)
        .then_some(Remark::AdvertInterval { ours, received })
}

fn address_remark(
    config: &VrrpInstance,
    addresses: &[IpAddr],
    source: IpAddr,
    packet: &vrrp::Packet<'_>,
) -> Option<Remark> {
    if usize::from(packet.address_count()) != addresses.len() {
        return Some(Remark::AddressCount {
            expected: addresses.len(),
            received: packet.address_count(),
        });
    }
    // Nearly always the lists are the same, in the same order.
    let family = AddressFamily::of(source);
    if packet.addresses(family).eq(addresses.iter().copied()) {
        return None;
    }
    let received: std::collections::HashSet<_> = packet.addresses(family).collect();
    let absent = |address: &&IpAddr| !received.contains(*address);
    let missing: Vec<_> = addresses.iter().filter(absent).copied().collect();
    (!missing.is_empty()).then_some(Remark::AddressList {
        virtual_router_id: config.virtual_router_id,
        source,
        missing,
    })
}

fn count(reason: RefusalReason, counters: &mut Counters) {
    use vrrp::ParseError::{Checksum, Length, Type, Version};

    let counter = match reason {
        RefusalReason::Malformed(Length { .. }) | RefusalReason::IpTotalLength { .. } => {
            &mut counters.packet_len_err
        }
        RefusalReason::Malformed(Version { .. }) => &mut counters.version_err,
        RefusalReason::Malformed(Type { .. }) => &mut counters.invalid_type_rcvd,
        RefusalReason::Malformed(Checksum { .. }) => &mut counters.checksum_err,
        RefusalReason::Ttl { .. } => &mut counters.ip_ttl_err,
        RefusalReason::InvalidAuthType { .. } => &mut counters.invalid_authtype,
        RefusalReason::AuthTypeMismatch { .. } => &mut counters.authtype_mismatch,
        RefusalReason::InvalidPassword => &mut counters.auth_failure,
        RefusalReason::AdvertInterval { .. } => &mut counters.advert_interval_err,
        RefusalReason::UnicastExpected
        | RefusalReason::MulticastExpected
        | RefusalReason::UnknownPeer => &mut counters.unexpected_peer,
    };
    *counter += 1;
}

fn too_short(length: usize, expected: usize) -> RefusalReason {
    RefusalReason::Malformed(vrrp::ParseError::Length { length, expected })
}

impl LoggedOnce {
    /// True the first time for this kind of refusal.
    pub(super) fn refusal(&mut self, refusal: &Refusal) -> bool {
        if let RefusalReason::Malformed(error) = &refusal.reason {
            first_time(&mut self.parse_errors, discriminant(error))
        } else {
            first_time(&mut self.refusals, discriminant(&refusal.reason))
        }
    }

    /// True the first time for this kind of remark.
    pub(super) fn remark(&mut self, remark: &Remark) -> bool {
        first_time(&mut self.remarks, discriminant(remark))
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn first_time<T>(seen: &mut Vec<Discriminant<T>>, kind: Discriminant<T>) -> bool {
    let is_new = !seen.contains(&kind);
    if is_new {
        seen.push(kind);
    }
    is_new
}

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
            Self::AdvertInterval { ours, received } => write!(
                f,
                "advertisement interval mismatch ours = {ours} centi-sec rcv'd={received} centi-sec"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
