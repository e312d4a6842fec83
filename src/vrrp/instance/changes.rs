//! What comes from outside the protocol: tracking, other programs' hands, a new configuration.

use std::collections::BTreeSet;
use std::time::Instant;

use super::transitions::routing;
use super::{Instance, log};
use crate::config::VrrpInstance;
use crate::types::{OwnedAddress, Priority, VrrpVersion};
use crate::vrrp::notification::Notice;
use crate::vrrp::timers::{self, Timer};
use crate::vrrp::tracking::Assessment;
use crate::vrrp::{Action, Actions, Event, State, addresses};

impl Instance {
    /// Takes what tracking says. Priority and timers follow at once (keepalived:
    /// vrrp_set_effective_priority); states are left to the caller, who knows the sync group.
    pub(in crate::vrrp) fn assess(&mut self, assessment: Assessment, actions: &mut Actions) {
        if assessment.source.is_some() {
            self.source = assessment.source;
        }
        self.assessment = assessment;
        let from = self.effective_priority;
        let to = self.config.priority.with_weights(self.assessment.weight);
        if from == to {
            return;
        }
        self.set_effective_priority(to);
        let instance = self.name().to_owned();
        log(Event::PriorityChanged { instance, from, to }, actions);
        match (self.state, self.config.notify_priority_changes) {
            (State::Master, true) => self.tell_fifos(Notice::MasterPriority, actions),
            (State::Backup, true) => self.tell_fifos(Notice::BackupPriority, actions),
            (State::Init | State::Fault, true) | (_, false) => {}
        }
    }

    fn set_effective_priority(&mut self, to: Priority) {
        let skew =
            |priority| timers::skew_time(self.config.version, priority, self.master_adver_interval);
        let (old, new) = (skew(self.effective_priority), skew(to));
        if let Some(deadline) = self.timers.deadline(Timer::MasterDown) {
            let deadline = (deadline + new).checked_sub(old).unwrap_or(deadline);
            self.timers.set(Timer::MasterDown, deadline);
        }
        self.effective_priority = to;
    }

    /// Somebody else took `address` away. keepalived gives up and comes back; we put it back at once.
    pub(in crate::vrrp) fn address_removed(
        &mut self,
        address: &OwnedAddress,
        actions: &mut Actions,
    ) {
        if self.state != State::Master {
            return;
        }
        let restored: Vec<_> = addresses::all(&self.config)
            .into_iter()
            .filter(|(owned, options)| owned == address && !options.no_track)
            .collect();
        if restored.is_empty() {
            return;
        }
        self.counters.address_restored += 1;
        let taken = address.clone();
        log(Event::AddressTaken { address: taken }, actions);
        let event = Event::AddressRestored {
            instance: self.name().to_owned(),
            address: address.clone(),
        };
        log(event, actions);
        self.add_addresses(restored, actions);
        // A route goes with the address that it prefers as its source.
        self.add_routing(routing(&self.config), actions);
        let repeat = self.config.garp.garp_master_repeat;
        addresses::send_gratuitous_arp(self.name(), std::iter::once(address), repeat, actions);
    }

    /// One of its routes or rules had gone and is there again.
    pub(in crate::vrrp) fn routing_restored(&mut self) {
        self.counters.routing_restored += 1;
    }

    /// Takes a new configuration without doing anything yet, and returns the earlier one.
    pub(in crate::vrrp) fn reconfigure(&mut self, config: VrrpInstance) -> VrrpInstance {
        self.advertised = addresses::advertised(&config);
        self.last_advert = None;
        self.name = config.name.as_str().into();
        self.effective_priority = config.priority.with_weights(self.assessment.weight);
        std::mem::replace(&mut self.config, config)
    }

    /// What a new configuration means for adverts and timers.
    pub(in crate::vrrp) fn announce_change(
        &mut self,
        old: &VrrpInstance,
        now: Instant,
        actions: &mut Actions,
    ) {
        if *old == self.config {
            return;
        }
        self.logged.forget();
        match self.state {
            State::Init | State::Fault => self.master_adver_interval = self.config.advert_int,
            State::Backup => {
                if old.preempt_delay != self.config.preempt_delay {
                    self.preempt_at = None;
                }
                if self.config.version == VrrpVersion::V2 || self.master.is_none() {
                    self.master_adver_interval = self.config.advert_int;
                }
                self.restart_master_down_timer(now);
            }
            State::Master => {
                self.master_adver_interval = self.config.advert_int;
                self.send_advert_now(now, actions);
                if old.garp != self.config.garp {
                    self.timers.stop(Timer::GarpRefresh);
                    self.timers.stop(Timer::GarpExtraIf);
                    self.set_garp_timers(now);
                }
            }
        }
    }

    /// Takes away what a new configuration no longer has. `kept`: what another instance has from now on.
    pub(in crate::vrrp) fn withdraw(
        &self,
        old: &VrrpInstance,
        kept: &BTreeSet<OwnedAddress>,
        actions: &mut Actions,
    ) {
        if self.state != State::Master {
            return;
        }
        let routing_gone = routing(old).without(&routing(&self.config));
        self.remove_routing(routing_gone, actions);
        let wanted = addresses::all(&self.config);
        let mut gone = addresses::all(old);
        gone.retain(|address| !wanted.contains(address) && !kept.contains(&address.0));
        if !gone.is_empty() {
            let excluded = false;
            let instance = self.name().to_owned();
            log(Event::RemovedAddresses { instance, excluded }, actions);
            actions.push(Action::RemoveAddresses {
                instance: self.name().to_owned(),
                addresses: gone.into_iter().map(|(owned, _)| owned).collect(),
            });
        }
    }

    /// Adds and announces what is new in a new configuration.
    pub(in crate::vrrp) fn extend(&self, old: &VrrpInstance, actions: &mut Actions) {
        if self.state != State::Master {
            return;
        }
        let earlier = addresses::all(old);
        let mut new = addresses::all(&self.config);
        new.retain(|address| !earlier.contains(address));
        let new_routing = routing(&self.config).without(&routing(old));
        if new.is_empty() {
            self.add_routing(new_routing, actions);
            return;
        }
        self.log_addresses(true, actions);
        let owned: Vec<_> = new.iter().map(|(owned, _)| owned.clone()).collect();
        self.add_addresses(new, actions);
        self.add_routing(new_routing, actions);
        let repeat = self.config.garp.garp_master_repeat;
        addresses::send_gratuitous_arp(self.name(), owned.iter(), repeat, actions);
    }
}
