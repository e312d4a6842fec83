//! Entering and leaving states. The order of the actions is keepalived's.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Instance, log};
use crate::config::{InitialState, VrrpInstance};
use crate::types::{OwnedAddress, Priority, Routing, VirtualAddress};
use crate::vrrp::notification::Notice;
use crate::vrrp::timers::{self, Timer};
use crate::vrrp::{Action, Actions, Event, State, addresses};

impl Instance {
    pub(super) fn start_up(&mut self, initial: bool, now: Instant, actions: &mut Actions) {
        if self.is_faulty() {
            if initial {
                for fault in self.assessment.faults.clone() {
                    let instance = self.name().to_owned();
                    log(Event::FaultFound { instance, fault }, actions);
                }
            }
            self.enter_fault(initial, now, actions);
        } else {
            self.enter_backup(initial, now, actions);
        }
    }

    /// The previous incarnation was MASTER and no peer can have noticed that it is gone.
    pub(super) fn resume(&mut self, lease_until: Instant, now: Instant, actions: &mut Actions) {
        self.begin_master(now, actions);
        let resumed = Event::ResumedMaster {
            instance: self.name().to_owned(),
            remaining: lease_until.saturating_duration_since(now),
        };
        log(resumed, actions);
        self.finish_becoming_master(now, actions);
    }

    /// A master of lower priority is about and has not been told to yield.
    pub(in crate::vrrp) fn must_announce(&self, now: Instant) -> bool {
        let is_live =
            |heard: Instant| now.saturating_duration_since(heard) < self.master_down_interval();
        self.state == State::Backup
            && self.announced(now).is_none()
            && self.weaker_heard.is_some_and(is_live)
    }

    /// When the advert of a hand-over was sent, as long as it counts. One that is as old as an interval says nothing
    /// any more about what the weaker master does, and the lease that began with it is soon over.
    fn announced(&self, now: Instant) -> Option<Instant> {
        let interval = self.config.advert_int.as_duration();
        self.announced_at
            .filter(|sent_at| now < *sent_at + interval)
    }

    /// Sends the advert that makes a master of lower priority yield, and takes the addresses only when that one has
    /// had time to take its own away: an address is never on two machines. keepalived takes them at once.
    pub(in crate::vrrp) fn announce(&mut self, now: Instant, actions: &mut Actions) {
        if !self.send(self.effective_priority.into(), now, actions) {
            // No source, which is a reason for FAULT: not reached as long as that comes first.
            self.announced_at = Some(now);
            self.advert_unsent(now, actions);
            return;
        }
        self.announced_at = Some(now);
        self.is_waiting_for_group = true;
        let hand_over = timers::hand_over(self.config.advert_int);
        self.timers.set(Timer::MasterDown, now + hand_over);
    }

    pub(super) fn become_master(&mut self, now: Instant, actions: &mut Actions) {
        self.begin_master(now, actions);
        let instance = self.name().to_owned();
        log(Event::EnteredMaster { instance }, actions);
        self.finish_becoming_master(now, actions);
    }

    /// The advert goes out before anything else: it keeps the others from taking over too.
    fn begin_master(&mut self, now: Instant, actions: &mut Actions) {
        let announced_at = self.announced(now);
        self.change_state(State::Master, now);
        self.counters.become_master += 1;
        match announced_at {
            Some(announced_at) => self.renew_lease(announced_at, actions),
            None => self.send_advert(now, actions),
        }
    }

    fn finish_becoming_master(&mut self, now: Instant, actions: &mut Actions) {
        let addresses = addresses::all(&self.config);
        if !addresses.is_empty() {
            self.log_addresses(true, actions);
            self.add_addresses(addresses, actions);
        }
        self.add_routing(routing(&self.config), actions);
        let garp = self.config.garp;
        self.send_gratuitous_arp(garp.garp_master_repeat, actions);
        let interval = self.config.advert_int.as_duration();
        self.timers.set(Timer::Adver, now + interval);
        self.set_garp_timers(now);
        self.notify(Notice::Master, actions);
    }

    pub(super) fn set_garp_timers(&mut self, now: Instant) {
        let garp = self.config.garp;
        if !garp.garp_master_delay.is_zero() {
            let deadline = now + garp.garp_master_delay;
            self.timers.set(Timer::GarpDelay, deadline);
        }
        if !garp.garp_master_refresh.is_zero() {
            let deadline = now + garp.garp_master_delay + garp.garp_master_refresh;
            self.timers.set(Timer::GarpRefresh, deadline);
        }
        let interval = garp.garp_extra_if.interval;
        if !interval.is_zero() {
            self.timers.set(Timer::GarpExtraIf, now + interval);
        }
    }

    pub(super) fn enter_backup(&mut self, initial: bool, now: Instant, actions: &mut Actions) {
        self.change_state(State::Backup, now);
        if self.takes_over_at_once() {
            // keepalived: nobody is told of a BACKUP that lasts no time.
            self.timers.set(Timer::MasterDown, now);
            return;
        }
        let instance = self.name().to_owned();
        log(Event::EnteredBackup { instance, initial }, actions);
        self.restart_master_down_timer(now);
        self.notify(Notice::Backup, actions);
    }

    pub(super) fn enter_fault(&mut self, initial: bool, now: Instant, actions: &mut Actions) {
        self.change_state(State::Fault, now);
        let instance = self.name().to_owned();
        log(Event::EnteredFault { instance, initial }, actions);
        self.notify(Notice::Fault, actions);
    }

    /// keepalived: no priority 0 here, the others know already.
    pub(super) fn leave_master_for_backup(&mut self, now: Instant, actions: &mut Actions) {
        self.change_state(State::Backup, now);
        let instance = self.name().to_owned();
        let initial = false;
        log(Event::EnteredBackup { instance, initial }, actions);
        self.give_up_addresses(actions);
        self.restart_master_down_timer(now);
        self.notify(Notice::Backup, actions);
    }

    pub(super) fn leave_master_for_fault(&mut self, now: Instant, actions: &mut Actions) {
        self.change_state(State::Fault, now);
        let instance = self.name().to_owned();
        let initial = false;
        log(Event::EnteredFault { instance, initial }, actions);
        self.send_release(now, actions);
        self.give_up_addresses(actions);
        self.notify(Notice::Fault, actions);
    }

    /// The program ends.
    pub(in crate::vrrp) fn stop(&mut self, notice: Notice, now: Instant, actions: &mut Actions) {
        let was_master = self.state == State::Master;
        self.change_state(State::Init, now);
        if was_master {
            self.send_release(now, actions);
            self.give_up_addresses(actions);
        }
        self.notify(notice, actions);
    }

    /// The instance is no longer configured; `kept` has passed to others.
    pub(in crate::vrrp) fn vanish(
        &mut self,
        notice: Notice,
        kept: &BTreeSet<OwnedAddress>,
        now: Instant,
        actions: &mut Actions,
    ) {
        let passes_on = |it: &VirtualAddress| kept.contains(&addresses::owned(&self.config, it));
        let (virtual_ipaddress, excluded) = (
            self.config.virtual_ipaddress.iter(),
            self.config.virtual_ipaddress_excluded.iter(),
        );
        let keeps = |it: &&VirtualAddress| !passes_on(it);
        let virtual_ipaddress = virtual_ipaddress.filter(keeps).cloned().collect();
        let excluded = excluded.filter(keeps).cloned().collect();
        self.config.virtual_ipaddress = virtual_ipaddress;
        self.config.virtual_ipaddress_excluded = excluded;
        self.stop(notice, now, actions);
    }

    /// The owner does not wait for anybody (RFC 5798 §6.4.1 (110)). keepalived: only with `state MASTER`.
    pub(in crate::vrrp) fn takes_over_at_once(&self) -> bool {
        self.is_owner() && self.config.state == InitialState::Master && !self.is_faulty()
    }

    /// Takes away what an earlier incarnation may have left.
    pub(in crate::vrrp) fn remove_leftovers(&self, actions: &mut Actions) {
        self.remove_routing(routing(&self.config), actions);
        let addresses = addresses::all_owned(&self.config);
        if !addresses.is_empty() {
            self.log_addresses(false, actions);
            actions.push(Action::RemoveAddresses {
                instance: self.name().to_owned(),
                addresses,
            });
        }
    }

    /// `timer_expired_backup`: since its last advert the peer of that priority has taken over.
    pub(super) fn is_overdue(&self, deadline: Instant, now: Instant) -> bool {
        let Ok(peer) = Priority::new(self.config.timer_expired_backup) else {
            return false;
        };
        let interval = self.config.advert_int;
        let silence = now.saturating_duration_since(deadline) + interval.as_duration();
        let wait = timers::master_down_interval(
            self.config.version,
            peer,
            interval,
            self.config.down_timer_adverts,
        );
        silence >= wait
    }

    fn change_state(&mut self, state: State, now: Instant) {
        if self.state == State::Master && state != State::Master {
            self.counters.release_master += 1;
        }
        self.state = state;
        self.is_waiting_for_group = false;
        self.preempt_at = None;
        self.weaker_heard = None;
        self.announced_at = None;
        self.is_unheard = false;
        self.answered_at = None;
        self.master = None;
        // RFC 5798 §6.4.1 (155): what was learnt from a master goes with it.
        self.master_adver_interval = self.config.advert_int;
        self.timers.stop_all();
        self.logged.forget();
        self.last_transition = Some(now);
    }

    fn give_up_addresses(&self, actions: &mut Actions) {
        self.remove_leftovers(actions);
        actions.push(Action::EndLease {
            instance: self.name().to_owned(),
            router: self.identity.clone(),
        });
    }

    pub(super) fn add_addresses(
        &self,
        addresses: Vec<(OwnedAddress, VirtualAddress)>,
        actions: &mut Actions,
    ) {
        actions.push(Action::AddAddresses {
            instance: self.name().to_owned(),
            addresses,
        });
    }

    pub(super) fn add_routing(&self, routing: Routing, actions: &mut Actions) {
        if !routing.is_empty() {
            actions.push(Action::AddRouting {
                instance: self.name().to_owned(),
                routing,
            });
        }
    }

    pub(super) fn remove_routing(&self, routing: Routing, actions: &mut Actions) {
        if !routing.is_empty() {
            actions.push(Action::RemoveRouting {
                instance: self.name().to_owned(),
                routing,
            });
        }
    }

    pub(super) fn restart_master_down_timer(&mut self, now: Instant) {
        let interval = self.master_down_interval();
        self.timers.set(Timer::MasterDown, now + interval);
    }

    pub(super) fn master_down_interval(&self) -> Duration {
        timers::master_down_interval(
            self.config.version,
            self.effective_priority,
            self.master_adver_interval,
            self.config.down_timer_adverts,
        )
    }
}

/// What an instance has as MASTER beside its addresses.
pub(super) fn routing(config: &VrrpInstance) -> Routing {
    Routing {
        routes: config.virtual_routes.clone(),
        rules: config.virtual_rules.clone(),
    }
}
