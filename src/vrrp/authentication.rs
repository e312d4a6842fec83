//! Sequence numbers and signatures of adverts: `auth_type AH` and `auth_hmac`, sent and heard.

use std::net::IpAddr;
use std::time::Duration;

use super::receive::RefusalReason;
use crate::config::{AntiReplay, AuthHmac, HmacMode, VrrpInstance};
use crate::wire::auth_hmac::{self, TRAILER_LEN, Trailer};
use crate::wire::{ah, ipv4};

/// keepalived: senders that are remembered where peers are not named.
const MULTICAST_SENDERS: usize = 4;
/// From here on a number means "begin anew" (keepalived: 0xfffffffd).
const LAST_AH_SEQUENCE: u32 = 0xffff_fffd;

/// What one virtual router remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Authenticator {
    /// Of the authentication header. keepalived has one for both directions, so that the next master goes on where
    /// the last one stopped.
    ah_sequence: u32,
    /// Who has sent the very number that was ours too. Two masters on the same beat would count on in step, and each
    /// refuse the other's adverts for ever.
    ah_collision: Option<IpAddr>,
    /// Of the trailer last sent.
    sent: u64,
    /// Of the trailers last heard, with their senders; the last one heard is last.
    heard: Vec<(IpAddr, u64)>,
}

/// How far the clock of a sender is off, where that will soon be too far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ClockSkew {
    pub(super) seconds: u64,
    pub(super) window: u64,
}

impl Authenticator {
    /// The packet in its authentication header. `unix`: the first number of a process is the time, so that a router
    /// that has started again is not taken for one who repeats what it has heard.
    pub(super) fn seal(
        &mut self,
        header: &ipv4::Header,
        payload: &[u8],
        key: &ah::Key,
        unix: Option<Duration>,
    ) -> Vec<u8> {
        if self.ah_sequence == 0 {
            let seconds = unix.map_or(0, |unix| unix.as_secs());
            self.ah_sequence = u32::try_from(seconds).unwrap_or(0).min(LAST_AH_SEQUENCE);
        }
        let other = self.ah_collision.take();
        let steps_ahead = other.is_some_and(|other| IpAddr::V4(header.source) < other);
        self.ah_sequence = match self.ah_sequence {
            LAST_AH_SEQUENCE.. => 1,
            sequence => (sequence + 1 + u32::from(steps_ahead)).min(LAST_AH_SEQUENCE),
        };
        ah::seal(header, payload, key, self.ah_sequence)
    }

    /// Checks an authentication header; `packet` is whole.
    pub(super) fn open<'a>(
        &mut self,
        packet: &[u8],
        ip_payload: &'a [u8],
        source: IpAddr,
        key: &ah::Key,
    ) -> Result<&'a [u8], RefusalReason> {
        let sealed = ah::Sealed::parse(ip_payload).ok_or(RefusalReason::AhIcv)?;
        if !ah::is_authentic(packet, key) {
            return Err(RefusalReason::AhIcv);
        }
        if IpAddr::from(sealed.spi.to_be_bytes()) != source {
            return Err(RefusalReason::AhSpi {
                received: sealed.spi,
            });
        }
        let local = self.ah_sequence;
        let has_begun_anew = local >= LAST_AH_SEQUENCE;
        if local != 0 && sealed.sequence <= local && !has_begun_anew {
            if sealed.sequence == local {
                self.ah_collision = Some(source);
            }
            return Err(RefusalReason::AhSequence {
                received: sealed.sequence,
                local,
            });
        }
        self.ah_sequence = sealed.sequence;
        Ok(sealed.payload)
    }

    /// Appends the trailer to a VRRP packet, if the mode is one that signs.
    pub(super) fn sign(
        &mut self,
        config: &AuthHmac,
        packet: &mut Vec<u8>,
        source: IpAddr,
        unix: Option<Duration>,
    ) {
        let Some(key) = config.key_of(config.active_key) else {
            return;
        };
        if config.mode == HmacMode::ReceiveOnly {
            return;
        }
        let clock = unix.map_or(0, sequence_of);
        let next = self.sent.saturating_add(1);
        let sequence = if is_ahead(config, next, unix) {
            // The clock was ahead and has been set right: who goes on from there is not heard for as long.
            clock
        } else {
            clock.max(next)
        };
        self.sent = sequence;
        let trailer = Trailer {
            key_id: config.active_key,
            sequence,
        };
        auth_hmac::sign(packet, trailer, source, key);
    }

    /// Checks the trailer of a VRRP packet that may have none.
    pub(super) fn verify(
        &mut self,
        config: &VrrpInstance,
        auth_hmac: &AuthHmac,
        packet: &[u8],
        trailer: &[u8],
        source: IpAddr,
        unix: Option<Duration>,
    ) -> Result<Option<ClockSkew>, RefusalReason> {
        if trailer.is_empty() {
            return match auth_hmac.mode {
                HmacMode::Enforce => Err(RefusalReason::HmacMissing),
                HmacMode::Permissive | HmacMode::ReceiveOnly => Ok(None),
            };
        }
        let octets: &[u8; TRAILER_LEN] = trailer
            .try_into()
            .map_err(|_| RefusalReason::HmacMalformed)?;
        let read = Trailer::parse(octets).map_err(|_| RefusalReason::HmacMalformed)?;
        let skew = clock_skew(auth_hmac, read, unix)?;
        let key = auth_hmac
            .key_of(read.key_id)
            .ok_or(RefusalReason::HmacUnknownKey { id: read.key_id })?;
        if !auth_hmac::is_authentic(packet, octets, source, key) {
            return Err(RefusalReason::HmacInvalid);
        }
        // Both clocks were ahead and have been set right: what was heard then cannot be heard again now.
        self.heard
            .retain(|(_, last)| !is_ahead(auth_hmac, *last, unix));
        self.remember(config, source, read.sequence)?;
        Ok(skew)
    }

    /// Serial arithmetic (RFC 1982): the seconds begin anew in 2106.
    fn remember(
        &mut self,
        config: &VrrpInstance,
        source: IpAddr,
        sequence: u64,
    ) -> Result<(), RefusalReason> {
        if let Some(at) = self.heard.iter().position(|(sender, _)| *sender == source) {
            let (_, last) = self.heard[at];
            let ahead = sequence.wrapping_sub(last);
            if ahead == 0 || ahead > u64::MAX / 2 {
                return Err(RefusalReason::HmacReplayed);
            }
            self.heard.remove(at);
        } else if self.heard.len() >= MULTICAST_SENDERS.max(config.unicast_peer.len()) {
            self.heard.remove(0);
        }
        self.heard.push((source, sequence));
        Ok(())
    }
}

/// Whether the sender's clock is near enough, and a word of warning where it only just is.
fn clock_skew(
    auth_hmac: &AuthHmac,
    trailer: Trailer,
    unix: Option<Duration>,
) -> Result<Option<ClockSkew>, RefusalReason> {
    let (AntiReplay::Time, Some(unix)) = (auth_hmac.anti_replay, unix) else {
        return Ok(None);
    };
    let ours = unix.as_secs() & u64::from(u32::MAX);
    let seconds = ours.abs_diff(trailer.seconds().into());
    let seconds = seconds.min((1 << 32) - seconds);
    let window = auth_hmac.time_window.as_secs();
    if seconds > window {
        return Err(RefusalReason::HmacStale { seconds, window });
    }
    Ok((seconds * 2 > window).then_some(ClockSkew { seconds, window }))
}

/// A number of a time so far ahead that nobody whose clock is right would hear it.
fn is_ahead(auth_hmac: &AuthHmac, sequence: u64, unix: Option<Duration>) -> bool {
    let (AntiReplay::Time, Some(unix)) = (auth_hmac.anti_replay, unix) else {
        return false;
    };
    let ours = unix.as_secs() & u64::from(u32::MAX);
    // Serial arithmetic (RFC 1982).
    let ahead = (sequence >> 32).wrapping_sub(ours) & u64::from(u32::MAX);
    ahead > auth_hmac.time_window.as_secs() && ahead < 1 << 31
}

/// Seconds, 1/65536 of a second, and room for a counter.
fn sequence_of(unix: Duration) -> u64 {
    let seconds = unix.as_secs() & u64::from(u32::MAX);
    let fraction = (u64::from(unix.subsec_nanos()) << 16) / 1_000_000_000;
    seconds << 32 | fraction << 16
}

#[cfg(test)]
mod tests;
