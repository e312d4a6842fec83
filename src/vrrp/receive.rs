//! Whether a received packet is an advert for this virtual router (RFC 3768 §7.1, RFC 5798 §7.1).
//!
//! The checks are made in keepalived's order (vrrp_check_packet), because the first that fails decides
//! which counter moves and which line is logged. A refused packet is dropped; a [`Remark`] is
//! counted and logged, and the advert counts all the same.

mod words;

use std::mem::{Discriminant, discriminant};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::authentication::Authenticator;
use super::snapshot::Counters;
use crate::config::{Authentication, OldUnicastChecksum, UnicastPeer, VrrpInstance};
use crate::types::{AddressFamily, AdvertInterval, AdvertPriority, Vrid, VrrpVersion};
use crate::wire::datagram::Datagram;
use crate::wire::{ah, auth_hmac, ipv4, vrrp};

/// An advert that has passed all checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Heard {
    pub(super) source: IpAddr,
    pub(super) priority: AdvertPriority,
    /// The sender's interval.
    pub(super) interval: AdvertInterval,
    /// How the sender makes its checksum.
    pub(super) checksum: vrrp::Checksum,
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
    Ttl {
        received: u8,
    },
    InvalidAuthType {
        received: u8,
    },
    AuthTypeMismatch {
        received: u8,
        expected: u8,
    },
    InvalidPassword,
    AdvertInterval {
        ours: u16,
        received: u16,
    },
    IpTotalLength {
        total: usize,
        received: usize,
    },
    UnicastExpected,
    MulticastExpected,
    UnknownPeer,
    /// Nearer or farther than `unicast_peer` says.
    UnicastTtl {
        received: u8,
        min: u8,
        max: u8,
    },
    /// `owner_ignore_adverts`.
    AddressOwner,
    /// An authentication header where none is to be.
    AhUnexpected,
    AhMissing,
    /// Wrong integrity check value.
    AhIcv,
    /// The security parameters index is not the sender.
    AhSpi {
        received: u32,
    },
    AhSequence {
        received: u32,
        local: u32,
    },
    HmacMissing,
    HmacMalformed,
    /// The sender's clock is that many seconds off.
    HmacStale {
        seconds: u64,
        window: u64,
    },
    HmacReplayed,
    HmacUnknownKey {
        id: u8,
    },
    HmacInvalid,
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
    /// `auth_hmac`: the sender's clock is more than half of the window off.
    ClockSkew {
        source: IpAddr,
        seconds: u64,
        window: u64,
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

/// To which virtual router a packet claims to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Addressee {
    pub(super) family: AddressFamily,
    pub(super) vrid: Vrid,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
}

impl Addressee {
    /// Whether `config` is that virtual router, as far as the addresses tell.
    pub(super) fn is(&self, config: &VrrpInstance) -> bool {
        config.virtual_router_id == self.vrid
            && config.family() == self.family
            && (!self.destination.is_multicast() || self.destination == config.multicast_group())
    }
}

/// Picks the virtual router out of a packet, for finding who is to check it. `None` where the
/// packet does not reach that far.
pub(super) fn addressee(bytes: &[u8]) -> Option<Addressee> {
    let packet = Datagram::parse(bytes)?;
    let payload = match packet.protocol {
        vrrp::PROTOCOL => packet.payload,
        ah::PROTOCOL => {
            let sealed = ah::Sealed::parse(packet.payload)?;
            (sealed.next_header == vrrp::PROTOCOL).then_some(sealed.payload)?
        }
        _ => return None,
    };
    Some(Addressee {
        family: AddressFamily::of(packet.source),
        vrid: Vrid::new(*payload.get(1)?).ok()?,
        source: packet.source,
        destination: packet.destination,
    })
}

/// What a virtual router expects of a packet.
pub(super) struct Expectation<'a> {
    pub(super) config: &'a VrrpInstance,
    /// Those that it advertises itself.
    pub(super) addresses: &'a [IpAddr],
    /// The sender of the last accepted advert.
    pub(super) same_master: Option<IpAddr>,
    /// The time of day, for signatures.
    pub(super) unix: Option<Duration>,
}

/// Checks a whole IP packet that was sent to a virtual router.
pub(super) fn check(
    expectation: &Expectation<'_>,
    bytes: &[u8],
    authenticator: &mut Authenticator,
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
    let checked = check_packet(expectation, bytes, &ip, authenticator, counters);
    checked.map_err(|reason| {
        count(reason, counters);
        Refusal { source, reason }
    })
}

fn check_packet(
    expectation: &Expectation<'_>,
    bytes: &[u8],
    ip: &Datagram<'_>,
    authenticator: &mut Authenticator,
    counters: &mut Counters,
) -> Result<(Heard, Vec<Remark>), RefusalReason> {
    let config = expectation.config;
    let is_unicast = !config.unicast_peer.is_empty();
    let payload = check_ah_presence(config, ip)?;
    let (payload, trailer) = split_trailer(config, ip, payload)?;
    let packet = vrrp::Packet::parse(payload).map_err(RefusalReason::Malformed)?;
    if !is_unicast && ip.hop_limit != vrrp::TTL {
        return Err(RefusalReason::Ttl {
            received: ip.hop_limit,
        });
    }
    packet
        .check_version(config.version)
        .map_err(RefusalReason::Malformed)?;
    let mut remarks = Vec::new();
    if let Some(auth_hmac) = &config.auth_hmac {
        let unix = expectation.unix;
        let skew = authenticator.verify(config, auth_hmac, payload, trailer, ip.source, unix)?;
        remarks.extend(skew.map(|skew| Remark::ClockSkew {
            source: ip.source,
            seconds: skew.seconds,
            window: skew.window,
        }));
    }
    let interval = match config.version {
        VrrpVersion::V2 => {
            check_authentication(config.authentication, &packet)?;
            if let Authentication::Ah(key) = config.authentication {
                authenticator.open(bytes, ip.payload, ip.source, &key)?;
            }
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
    remarks.extend(interval_remark(config, interval));
    let checksum = check_checksum(config, &packet, ip)?;
    match (is_unicast, ip.destination.is_multicast()) {
        (true, true) => return Err(RefusalReason::UnicastExpected),
        (false, false) => return Err(RefusalReason::MulticastExpected),
        (true, false) | (false, true) => {}
    }
    if config.owner_ignore_adverts {
        return Err(RefusalReason::AddressOwner);
    }
    let source = ip.source;
    let skip = config.skip_check_adv_addr && expectation.same_master == Some(source);
    if let Some(remark) = address_remark(config, expectation.addresses, source, &packet)
        && !skip
    {
        counters.addr_list_err += 1;
        remarks.push(remark);
    }
    check_peer(config, ip)?;
    let heard = Heard {
        source,
        priority: packet.priority(),
        interval,
        checksum,
    };
    Ok((heard, remarks))
}

/// What the authentication header, if there is to be one, is around.
fn check_ah_presence<'a>(
    config: &VrrpInstance,
    ip: &Datagram<'a>,
) -> Result<&'a [u8], RefusalReason> {
    let is_ah = matches!(config.authentication, Authentication::Ah(_));
    match (is_ah, ip.protocol == ah::PROTOCOL) {
        (false, false) => Ok(ip.payload),
        (false, true) => Err(RefusalReason::AhUnexpected),
        (true, false) => Err(RefusalReason::AhMissing),
        (true, true) => match ah::Sealed::parse(ip.payload) {
            Some(sealed) => Ok(sealed.payload),
            None => Err(too_short(ip.payload.len(), ah::HEADER_LEN)),
        },
    }
}

/// The VRRP packet and, where there may be one, its authentication trailer.
fn split_trailer<'a>(
    config: &VrrpInstance,
    ip: &Datagram<'_>,
    payload: &'a [u8],
) -> Result<(&'a [u8], &'a [u8]), RefusalReason> {
    let packet = vrrp::Packet::parse(payload).map_err(RefusalReason::Malformed)?;
    let family = AddressFamily::of(ip.source);
    let expected = packet.expected_length(config.version, family);
    let length = payload.len();
    match (&config.auth_hmac, payload.split_at_checked(expected)) {
        (Some(_), Some((packet, trailer))) => match trailer.len() {
            0 | auth_hmac::TRAILER_LEN => Ok((packet, trailer)),
            _ => Err(RefusalReason::Malformed(vrrp::ParseError::Length {
                length,
                expected: expected + auth_hmac::TRAILER_LEN,
            })),
        },
        // A packet that was cut on its way has a line of its own.
        _ if ip.is_truncated() => Ok((payload, &[])),
        _ => {
            let checked = packet.check_length(config.version, family);
            checked.map_err(RefusalReason::Malformed)?;
            Ok((payload, &[]))
        }
    }
}

/// Which checksum the sender makes.
fn check_checksum(
    config: &VrrpInstance,
    packet: &vrrp::Packet<'_>,
    ip: &Datagram<'_>,
) -> Result<vrrp::Checksum, RefusalReason> {
    let form = if config.v3_checksum_as_v2 {
        vrrp::Checksum::AsVersion2
    } else {
        vrrp::Checksum::PseudoHeader
    };
    let check = |form| {
        let (source, destination) = (ip.source, ip.destination);
        packet.check_checksum(config.version, form, source, destination)
    };
    let may_be_old =
        config.old_unicast_checksum != OldUnicastChecksum::Never && !ip.destination.is_multicast();
    match check(form) {
        Ok(()) => Ok(form),
        Err(_) if may_be_old && check(vrrp::Checksum::OldUnicast).is_ok() => {
            Ok(vrrp::Checksum::OldUnicast)
        }
        Err(error) => Err(RefusalReason::Malformed(error)),
    }
}

/// keepalived: the peers, and how far they may be away.
fn check_peer(config: &VrrpInstance, ip: &Datagram<'_>) -> Result<(), RefusalReason> {
    if config.unicast_peer.is_empty() {
        return Ok(());
    }
    let is_source = |peer: &&UnicastPeer| peer.address == ip.source;
    let Some(peer) = config.unicast_peer.iter().find(is_source) else {
        return if config.check_unicast_src {
            Err(RefusalReason::UnknownPeer)
        } else {
            Ok(())
        };
    };
    if (peer.min_ttl..=peer.max_ttl).contains(&ip.hop_limit) {
        Ok(())
    } else {
        Err(RefusalReason::UnicastTtl {
            received: ip.hop_limit,
            min: peer.min_ttl,
            max: peer.max_ttl,
        })
    }
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
        (Authentication::Ah(_), 2) => Ok(()),
        (Authentication::Ah(_), _) => Err(RefusalReason::AuthTypeMismatch {
            received,
            expected: 2,
        }),
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
        RefusalReason::AuthTypeMismatch { .. }
        | RefusalReason::AhUnexpected
        | RefusalReason::AhMissing => &mut counters.authtype_mismatch,
        RefusalReason::InvalidPassword
        | RefusalReason::AhIcv
        | RefusalReason::AhSpi { .. }
        | RefusalReason::AhSequence { .. } => &mut counters.auth_failure,
        RefusalReason::HmacMissing => &mut counters.auth_ext_missing,
        RefusalReason::HmacMalformed => &mut counters.auth_ext_malformed,
        RefusalReason::HmacStale { .. } => &mut counters.auth_ext_stale,
        RefusalReason::HmacReplayed => &mut counters.auth_ext_replay,
        RefusalReason::HmacUnknownKey { .. } => &mut counters.auth_ext_unknown_key,
        RefusalReason::HmacInvalid => &mut counters.auth_ext_invalid_hmac,
        RefusalReason::AdvertInterval { .. } => &mut counters.advert_interval_err,
        RefusalReason::UnicastExpected
        | RefusalReason::MulticastExpected
        | RefusalReason::UnknownPeer
        | RefusalReason::UnicastTtl { .. }
        | RefusalReason::AddressOwner => &mut counters.unexpected_peer,
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

#[cfg(test)]
mod tests;
