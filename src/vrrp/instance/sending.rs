//! What an instance sends: adverts with their lease, gratuitous ARP, notifications.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::{Instance, log};
use crate::config::{Authentication, OldUnicastChecksum};
use crate::types::AdvertPriority;
use crate::vrrp::notification::{self, Announcement, Notice, Subject, SubjectKind};
use crate::vrrp::timers::{self, Timer};
use crate::vrrp::{Action, Actions, AdvertPackets, Event, State, addresses};
use crate::wire::{ipv4, vrrp};

/// An advert as it went out.
#[derive(Clone, Debug)]
pub(super) struct LastAdvert {
    /// Its priority, its source, whether a peer makes checksums of the old kind. The rest is the configuration's.
    made_of: (AdvertPriority, IpAddr, bool),
    packets: Arc<AdvertPackets>,
}

/// keepalived: the first is 1, each packet has its own. The kernel would put another in the place of 0.
fn next_ip_id(last: u16) -> u16 {
    last.wrapping_add(1).max(1)
}

impl Instance {
    /// With the next regular one an interval later.
    pub(super) fn send_advert_now(&mut self, now: Instant, actions: &mut Actions) {
        self.send_advert(now, actions);
        let interval = self.config.advert_int.as_duration();
        self.timers.set(Timer::Adver, now + interval);
    }

    pub(super) fn send_advert(&mut self, now: Instant, actions: &mut Actions) {
        if self.send(self.effective_priority.into(), now, actions) {
            self.renew_lease(now, actions);
        }
    }

    /// No peer takes over before the lease ends that begins with an advert.
    pub(super) fn renew_lease(&self, sent_at: Instant, actions: &mut Actions) {
        let term = timers::lease(self.config.advert_int, self.config.down_timer_adverts);
        actions.push(Action::RenewLease {
            instance: Arc::clone(&self.name),
            router: self.identity.clone(),
            term,
            until: sent_at + term,
        });
    }

    pub(super) fn send_release(&mut self, now: Instant, actions: &mut Actions) {
        if self.send(AdvertPriority::RELEASE, now, actions) {
            self.counters.pri_zero_sent += 1;
            let instance = self.name().to_owned();
            log(Event::SentPriorityZero { instance }, actions);
        }
    }

    /// False where there is no source to send from.
    pub(super) fn send(
        &mut self,
        priority: AdvertPriority,
        now: Instant,
        actions: &mut Actions,
    ) -> bool {
        let Some(source) = self.source else {
            return false;
        };
        let packets = self.packets(priority, source, now);
        self.counters.advert_sent += 1;
        self.is_unheard = false;
        actions.push(Action::SendAdvert {
            instance: Arc::clone(&self.name),
            router: self.identity.clone(),
            priority,
            packets,
        });
        true
    }

    /// Those of the last advert with new identifications, where nothing else would change.
    fn packets(
        &mut self,
        priority: AdvertPriority,
        source: IpAddr,
        now: Instant,
    ) -> Arc<AdvertPackets> {
        let made_of = (priority, source, self.has_old_peer);
        if let Some(last) = &mut self.last_advert
            && last.made_of == made_of
        {
            let earlier_id = self.ip_id;
            for (_, packet) in Arc::make_mut(&mut last.packets) {
                self.ip_id = next_ip_id(self.ip_id);
                ipv4::renumber(packet, self.ip_id);
            }
            let packets = Arc::clone(&last.packets);
            debug_assert!({
                self.ip_id = earlier_id;
                *packets == self.new_packets(priority, source, now)
            });
            return packets;
        }
        let packets = Arc::new(self.new_packets(priority, source, now));
        // What carries the time of day is never the same.
        self.last_advert = (!self.needs_clock()).then(|| LastAdvert {
            made_of,
            packets: Arc::clone(&packets),
        });
        packets
    }

    fn new_packets(
        &mut self,
        priority: AdvertPriority,
        source: IpAddr,
        now: Instant,
    ) -> AdvertPackets {
        let peers = self.config.unicast_peer.iter().map(|it| it.address);
        let mut destinations: Vec<_> = peers.collect();
        if destinations.is_empty() {
            destinations.push(self.config.multicast_group());
        }
        let to = |destination| {
            let packet = self.packet(priority, source, destination, now);
            (destination, packet)
        };
        destinations.into_iter().map(to).collect()
    }

    fn packet(
        &mut self,
        priority: AdvertPriority,
        source: IpAddr,
        destination: IpAddr,
        now: Instant,
    ) -> Vec<u8> {
        let config = &self.config;
        let mut advert =
            vrrp::Advert::new(config.version, config.virtual_router_id, &self.advertised);
        advert.priority = priority;
        advert.advert_int = config.advert_int;
        advert.authentication = match config.authentication {
            Authentication::None => vrrp::Authentication::None,
            Authentication::Pass(pass) => vrrp::Authentication::Pass(pass),
            Authentication::Ah(_) => vrrp::Authentication::Ah,
        };
        advert.checksum = self.checksum(destination);
        let unix = self.clock.map(|clock| clock.unix(now));
        let mut payload = advert.emit(source, destination);
        if let Some(auth_hmac) = &config.auth_hmac {
            self.authenticator
                .sign(auth_hmac, &mut payload, source, unix);
        }
        self.ip_id = next_ip_id(self.ip_id);
        let ttl = if destination.is_multicast() {
            vrrp::TTL
        } else {
            config.unicast_ttl
        };
        match (config.authentication, source, destination) {
            (Authentication::Ah(key), IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = vrrp::ipv4_header(self.ip_id, ttl, source, destination);
                self.authenticator.seal(&header, &payload, &key, unix)
            }
            _ => vrrp::envelope(self.ip_id, ttl, source, destination, &payload),
        }
    }

    fn checksum(&self, destination: IpAddr) -> vrrp::Checksum {
        let is_old = match self.config.old_unicast_checksum {
            OldUnicastChecksum::Always => true,
            OldUnicastChecksum::Detect => self.has_old_peer,
            OldUnicastChecksum::Never => false,
        };
        if is_old && !destination.is_multicast() {
            vrrp::Checksum::OldUnicast
        } else if self.config.v3_checksum_as_v2 {
            vrrp::Checksum::AsVersion2
        } else {
            vrrp::Checksum::PseudoHeader
        }
    }

    pub(super) fn send_gratuitous_arp(&self, repeat: u32, actions: &mut Actions) {
        let addresses = addresses::all_owned(&self.config);
        addresses::send_gratuitous_arp(self.name(), addresses.iter(), repeat, actions);
    }

    /// `garp_extra_if`: on interfaces other than its own, or on `all`.
    pub(super) fn send_garp_extra_if(&self, actions: &mut Actions) {
        let (own, all) = (&self.config.interface, self.config.garp.garp_extra_if.all);
        let addresses = addresses::all_owned(&self.config);
        let extra = addresses.iter().filter(|it| all || it.interface != *own);
        addresses::send_gratuitous_arp(self.name(), extra, 1, actions);
    }

    /// After an advert of lower priority: once now and once more later.
    pub(in crate::vrrp) fn correct_neighbours(&mut self, now: Instant, actions: &mut Actions) {
        let garp = self.config.garp;
        if self.state != State::Master || garp.garp_lower_prio_repeat == 0 {
            return;
        }
        self.send_gratuitous_arp(garp.garp_lower_prio_repeat, actions);
        if !garp.garp_lower_prio_delay.is_zero() {
            let deadline = now + garp.garp_lower_prio_delay;
            self.timers.set(Timer::GarpLowerPrio, deadline);
        }
    }

    pub(in crate::vrrp) fn notify(&self, notice: Notice, actions: &mut Actions) {
        let subject = Subject::Instance {
            name: self.name(),
            priority: self.effective_priority,
        };
        let smtp_alert = self.config.smtp_alert;
        notification::notify(subject, &self.config.notify, notice, smtp_alert, actions);
    }

    /// Says its state again, to the FIFOs alone.
    pub(in crate::vrrp) fn repeat_state(&self, actions: &mut Actions) {
        let notice = match self.state {
            State::Init => return,
            State::Backup => Notice::Backup,
            State::Master => Notice::Master,
            State::Fault => Notice::Fault,
        };
        self.tell_fifos(notice, actions);
    }

    pub(super) fn tell_fifos(&self, notice: Notice, actions: &mut Actions) {
        actions.push(Action::Announce(Announcement {
            kind: SubjectKind::Instance,
            name: self.name().to_owned(),
            notice,
            priority: self.effective_priority.get(),
            smtp_alert: false,
        }));
    }

    pub(super) fn log_addresses(&self, is_set: bool, actions: &mut Actions) {
        let lists = [
            (false, &self.config.virtual_ipaddress),
            (true, &self.config.virtual_ipaddress_excluded),
        ];
        for (excluded, list) in lists {
            let instance = self.name().to_owned();
            let event = if is_set {
                Event::SetAddresses { instance, excluded }
            } else {
                Event::RemovedAddresses { instance, excluded }
            };
            if !list.is_empty() {
                log(event, actions);
            }
        }
    }
}
