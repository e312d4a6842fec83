//! What an advert means to a backup and to a master (RFC 3768 §6.4.2, §6.4.3).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use super::{Consequence, Instance, KnownMaster, log};
use crate::types::VrrpVersion;
use crate::vrrp::election::{BackupHears, Candidate, MasterHears};
use crate::vrrp::receive::Heard;
use crate::vrrp::timers::{self, Timer};
use crate::vrrp::{Action, Actions, Event, State};

impl Instance {
    // RFC 5798 §6.4.2 (420)
    pub(super) fn backup_hears(&mut self, heard: Heard, now: Instant, actions: &mut Actions) {
        match self.candidate().as_backup(heard.priority) {
            BackupHears::Release => {
                self.counters.pri_zero_rcvd += 1;
                self.weaker_heard = None;
                self.announced_at = None;
                let instance = self.name().to_owned();
                log(Event::BackupReceivedPriorityZero { instance }, actions);
                let skew_time = timers::skew_time(
                    self.config.version,
                    self.effective_priority,
                    self.master_adver_interval,
                );
                self.timers.set(Timer::MasterDown, now + skew_time);
            }
            BackupHears::AtLeastAsGood => {
                if self.preempt_at.take().is_some() {
                    let instance = self.name().to_owned();
                    log(Event::StoppedPreemptDelay { instance }, actions);
                }
                self.accept_master(heard, now, actions);
            }
            BackupHears::Weaker if !self.config.preempt => {
                self.accept_master(heard, now, actions);
            }
            BackupHears::Weaker if self.is_preemption_delayed(now, actions) => {
                self.accept_master(heard, now, actions);
            }
            // The timer runs on, so that this node takes over when it expires.
            BackupHears::Weaker => {
                self.weaker_heard = Some(now);
                let discarded = Event::DiscardedLowerPriority {
                    instance: self.name().to_owned(),
                    priority: heard.priority,
                    source: heard.source,
                };
                if self.may_answer(now) {
                    log(discarded, actions);
                }
            }
        }
    }

    /// keepalived: the first advert of lower priority starts `preempt_delay`.
    fn is_preemption_delayed(&mut self, now: Instant, actions: &mut Actions) -> bool {
        let preempt_delay = self.config.preempt_delay;
        if preempt_delay.is_zero() {
            return false;
        }
        let preempt_at = *self.preempt_at.get_or_insert_with(|| {
            actions.push(Action::Log(Event::StartedPreemptDelay {
                instance: self.config.name.clone(),
                preempt_delay,
            }));
            now + preempt_delay
        });
        now < preempt_at
    }

    fn accept_master(&mut self, heard: Heard, now: Instant, actions: &mut Actions) {
        self.is_waiting_for_group = false;
        self.announced_at = None;
        self.follow_master(heard, actions);
        self.restart_master_down_timer(now);
    }

    fn follow_master(&mut self, heard: Heard, actions: &mut Actions) {
        let instance = self.name().to_owned();
        let to = heard.source;
        match self.master {
            None => log(
                Event::MasterSet {
                    instance,
                    master: to,
                },
                actions,
            ),
            Some(known) if known.address != to => {
                let from = known.address;
                log(Event::MasterChanged { instance, from, to }, actions);
                self.logged.forget();
            }
            Some(_) => {}
        }
        self.master = Some(KnownMaster {
            address: heard.source,
            priority: heard.priority,
        });
        // RFC 5798 §6.4.2 (450)
        if self.config.version == VrrpVersion::V3 && self.master_adver_interval != heard.interval {
            log(
                Event::IntervalLearnt {
                    instance: self.name().to_owned(),
                    from: self.master_adver_interval,
                    to: heard.interval,
                },
                actions,
            );
            self.master_adver_interval = heard.interval;
        }
    }

    /// Nobody hears this node. It ends the lease, which says that no peer takes over, and leaves the addresses to a
    /// master that it hears itself; where there is none, it keeps them.
    pub(in crate::vrrp) fn advert_unsent(&mut self, now: Instant, actions: &mut Actions) {
        match self.state {
            State::Master => self.is_unheard = true,
            // A weaker master was to be told to yield and knows nothing of it.
            State::Backup => {
                if self.announced_at.take().is_some() {
                    self.is_waiting_for_group = false;
                    self.restart_master_down_timer(now);
                    let instance = self.name().to_owned();
                    log(Event::TakeOverUnheard { instance }, actions);
                }
            }
            State::Init | State::Fault => {}
        }
    }

    // RFC 5798 §6.4.3 (700)
    pub(super) fn master_hears(
        &mut self,
        heard: Heard,
        now: Instant,
        actions: &mut Actions,
    ) -> Consequence {
        let instance = self.name().to_owned();
        let (source, priority) = (heard.source, heard.priority);
        let ours = self.effective_priority;
        let hears = self.candidate().as_master(priority, source);
        if ours.is_owner() && priority.get() == ours.get() && hears != MasterHears::OwnAddress {
            let instance = instance.clone();
            log(Event::TwoOwners { instance }, actions);
        }
        match hears {
            MasterHears::Release => {
                self.counters.pri_zero_rcvd += 1;
                if self.may_answer(now) {
                    log(Event::MasterReceivedPriorityZero { instance }, actions);
                    self.send_advert_now(now, actions);
                }
                Consequence::None
            }
            MasterHears::Weaker if self.is_unheard => {
                log(Event::YieldedUnheard { instance, source }, actions);
                self.yield_to(heard, now, actions)
            }
            MasterHears::Weaker if !self.may_answer(now) => Consequence::None,
            MasterHears::Weaker => {
                let forces_election = !self.config.lower_prio_no_advert;
                let received = Event::ReceivedLowerPriority {
                    instance,
                    source,
                    priority,
                    ours,
                    forces_election,
                };
                log(received, actions);
                if forces_election {
                    self.send_advert_now(now, actions);
                }
                Consequence::NeighboursMisled
            }
            MasterHears::HigherPriority => {
                let received = Event::ReceivedHigherPriority {
                    instance,
                    source,
                    priority,
                    ours,
                };
                log(received, actions);
                self.yield_to(heard, now, actions)
            }
            MasterHears::HigherAddress => {
                let received = Event::ReceivedHigherAddress {
                    instance,
                    source,
                    priority,
                };
                log(received, actions);
                self.yield_to(heard, now, actions)
            }
            MasterHears::OwnAddress => {
                if self.may_answer(now) {
                    log(Event::ReceivedOwnAddress { instance }, actions);
                }
                Consequence::None
            }
        }
    }

    /// Twice in an interval: who repeats other routers' adverts makes this one neither send nor log more. keepalived
    /// answers each.
    fn may_answer(&mut self, now: Instant) -> bool {
        let pause = self.config.advert_int.as_duration() / 2;
        let may = self.answered_at.is_none_or(|at| now >= at + pause);
        if may {
            self.answered_at = Some(now);
        }
        may
    }

    fn yield_to(&mut self, heard: Heard, now: Instant, actions: &mut Actions) -> Consequence {
        if self.config.higher_prio_send_advert {
            self.send_advert(now, actions);
        }
        self.leave_master_for_backup(now, actions);
        self.follow_master(heard, actions);
        self.restart_master_down_timer(now);
        Consequence::SteppedDown
    }

    fn candidate(&self) -> Candidate {
        Candidate {
            priority: self.effective_priority,
            address: self.source.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        }
    }
}
