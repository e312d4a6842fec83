//! One virtual router: the state machine of RFC 3768 §6.4 and RFC 5798 §6.4, with keepalived's FAULT.
//!
//! ```text
//!                 +--------+  reasons for FAULT gone  +-------+
//!        +------->|        |<-------------------------|       |
//!  +------+       | BACKUP |------------------------->| FAULT |
//!  | INIT |       |        |   a reason for FAULT     |       |
//!  +------+       +--------+                          +-------+
//!     |  |   no advert | ^ a better advert                ^
//!     |  |             v |                                |
//!     |  |          +--------+                            |
//!     |  +--------->| MASTER |----------------------------+
//!     |  lease left +--------+                            |
//!     +---------------------------------------------------+
//! ```
//!
//! What concerns several instances (sync groups, whose interfaces and scripts are shared) is in
//! `routers.rs`, which feeds [`Trigger`]s and acts upon [`Consequence`]s.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use super::election::{BackupHears, Candidate, MasterHears};
use super::notification::{Notice, Subject, notify};
use super::receive::{self, Heard, LoggedOnce};
use super::snapshot::{Counters, InstanceSnapshot};
use super::timers::{self, Timer, TimerTable};
use super::tracking::Assessment;
use super::{Action, Actions, Event, State, addresses};
use crate::config::{Authentication, InitialState, VrrpInstance};
use crate::types::{
    AdvertInterval, AdvertPriority, OwnedAddress, Priority, VirtualAddress, VrrpVersion,
};
use crate::wire::vrrp;

/// What happens to one instance.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trigger {
    /// It may take part from now on. `initial`: the program starts, as opposed to a start that
    /// had to wait for scripts.
    Startup {
        initial: bool,
    },
    /// It may go on as MASTER, because no peer takes over before `lease_until`.
    Resume {
        lease_until: Instant,
    },
    /// An advert that passed all checks.
    Advert(Heard),
    MasterDownTimer,
    AdverTimer {
        deadline: Instant,
    },
    /// There is a reason for FAULT.
    Fault,
    /// No reason for FAULT is left.
    Recovery,
    /// It is to be MASTER: nobody else is, and its sync group agrees.
    TakeOver,
    /// Its sync group is to be BACKUP.
    StepDown,
}

/// What an instance leaves to those who know the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Consequence {
    None,
    /// It would take over: ask its sync group.
    WantsMaster,
    /// It has left MASTER for BACKUP: its sync group follows.
    SteppedDown,
    /// A router of lower priority is sending as MASTER: neighbours may have believed it.
    NeighboursMisled,
}

/// The last master that was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct KnownMaster {
    address: Ipv4Addr,
    priority: AdvertPriority,
}

#[derive(Clone, Debug)]
pub(super) struct Instance {
    config: VrrpInstance,
    state: State,
    /// BACKUP whose timer ran out while its sync group was not ready.
    is_waiting_for_group: bool,
    assessment: Assessment,
    /// Another member of its sync group has a reason for FAULT.
    is_group_faulty: bool,
    effective_priority: Priority,
    /// Source of its adverts, the last one where there is none now.
    source: Option<Ipv4Addr>,
    /// What its adverts carry.
    advertised: Vec<Ipv4Addr>,
    master: Option<KnownMaster>,
    master_adver_interval: AdvertInterval,
    /// When a master of lower priority is no longer accepted.
    preempt_at: Option<Instant>,
    timers: TimerTable,
    logged: LoggedOnce,
    counters: Counters,
    /// Identification of the last IPv4 packet sent.
    ip_id: u16,
    last_transition: Option<Instant>,
}

impl Instance {
    /// In INIT; nothing happens until [`Trigger::Startup`] or [`Trigger::Resume`].
    pub(super) fn new(config: VrrpInstance) -> Self {
        Self {
            state: State::Init,
            is_waiting_for_group: false,
            assessment: Assessment::default(),
            is_group_faulty: false,
            effective_priority: config.priority,
            source: None,
            advertised: addresses::advertised(&config),
            master: None,
            master_adver_interval: config.advert_int,
            preempt_at: None,
            timers: TimerTable::default(),
            logged: LoggedOnce::default(),
            counters: Counters::default(),
            ip_id: 0,
            last_transition: None,
            config,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn config(&self) -> &VrrpInstance {
        &self.config
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn wants_master(&self) -> bool {
        self.state == State::Master || self.is_waiting_for_group
    }

    pub(super) fn is_owner(&self) -> bool {
        self.config.priority.is_owner()
    }

    pub(super) fn is_pending(&self) -> bool {
        self.assessment.is_pending
    }

    /// It has a reason of its own for FAULT.
    pub(super) fn has_fault(&self) -> bool {
        !self.assessment.faults.is_empty()
    }

    /// It or another member of its sync group has one.
    pub(super) fn is_faulty(&self) -> bool {
        self.has_fault() || self.is_group_faulty
    }

    pub(super) fn set_group_faulty(&mut self, is_group_faulty: bool) {
        self.is_group_faulty = is_group_faulty;
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }

    /// The state machine. Every pair of state and trigger is written out.
    pub(super) fn handle(
        &mut self,
        trigger: Trigger,
        now: Instant,
        actions: &mut Actions,
    ) -> Consequence {
        match (self.state, trigger) {
            // RFC 5798 §6.4.1 Initialize
            (State::Init, Trigger::Startup { initial }) => self.start_up(initial, now, actions),
            (State::Init, Trigger::Resume { lease_until }) => {
                self.resume(lease_until, now, actions);
            }
            // It takes no part before it has started up, and then looks at everything anew.
            (
                State::Init,
                Trigger::Advert(_)
                | Trigger::MasterDownTimer
                | Trigger::AdverTimer { .. }
                | Trigger::Fault
                | Trigger::Recovery
                | Trigger::TakeOver
                | Trigger::StepDown,
            ) => {}

            // RFC 5798 §6.4.2 Backup
            (State::Backup, Trigger::Advert(heard)) => self.backup_hears(heard, now, actions),
            (State::Backup, Trigger::MasterDownTimer) => {
                log(
                    Event::AdvertTimedOut {
                        instance: self.name().to_owned(),
                    },
                    actions,
                );
                return Consequence::WantsMaster;
            }
            (State::Backup, Trigger::TakeOver) => self.become_master(now, actions),
            (State::Backup, Trigger::Fault) => self.enter_fault(false, now, actions),
            (
                State::Backup,
                Trigger::Startup { .. }
                | Trigger::Resume { .. }
                | Trigger::AdverTimer { .. }
                | Trigger::Recovery
                | Trigger::StepDown,
            ) => {}

            // RFC 5798 §6.4.3 Master
            (State::Master, Trigger::Advert(heard)) => {
                return self.master_hears(heard, now, actions);
            }
            (State::Master, Trigger::AdverTimer { deadline }) => {
                self.send_advert(now, actions);
                let interval = self.config.advert_int.as_duration();
                let next = timers::next_beat(deadline, interval, now);
                self.timers.set(Timer::Adver, next);
            }
            (State::Master, Trigger::Fault) => self.leave_master_for_fault(now, actions),
            (State::Master, Trigger::StepDown) => self.leave_master_for_backup(now, actions),
            (
                State::Master,
                Trigger::Startup { .. }
                | Trigger::Resume { .. }
                | Trigger::MasterDownTimer
                | Trigger::Recovery
                | Trigger::TakeOver,
            ) => {}

            // keepalived: FAULT takes no part, as Initialize does.
            (State::Fault, Trigger::Recovery) => self.enter_backup(false, now, actions),
            (
                State::Fault,
                Trigger::Startup { .. }
                | Trigger::Resume { .. }
                | Trigger::Advert(_)
                | Trigger::MasterDownTimer
                | Trigger::AdverTimer { .. }
                | Trigger::Fault
                | Trigger::TakeOver
                | Trigger::StepDown,
            ) => {}
        }
        Consequence::None
    }

    /// Checks a packet for this virtual router and acts upon it.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        now: Instant,
        actions: &mut Actions,
    ) -> Consequence {
        match self.state {
            // keepalived: discarded unseen.
            State::Init | State::Fault => return Consequence::None,
            State::Backup | State::Master => {}
        }
        let master = self.master.map(|master| master.address);
        let checked = receive::check(
            &self.config,
            &self.advertised,
            master,
            bytes,
            &mut self.counters,
        );
        match checked {
            Ok((heard, remarks)) => {
                for remark in remarks {
                    if self.logged.remark(&remark) {
                        let instance = self.name().to_owned();
                        log(Event::AdvertRemarked { instance, remark }, actions);
                    }
                }
                self.handle(Trigger::Advert(heard), now, actions)
            }
            Err(refusal) => {
                if self.logged.refusal(&refusal) {
                    let instance = self.name().to_owned();
                    log(Event::PacketRefused { instance, refusal }, actions);
                }
                Consequence::None
            }
        }
    }

    /// Acts upon `timer` if it has expired.
    pub(super) fn timeout(
        &mut self,
        timer: Timer,
        now: Instant,
        actions: &mut Actions,
    ) -> Consequence {
        let Some(deadline) = self.timers.take_expired(timer, now) else {
            return Consequence::None;
        };
        let garp = self.config.garp;
        match timer {
            Timer::MasterDown => return self.handle(Trigger::MasterDownTimer, now, actions),
            Timer::Adver => return self.handle(Trigger::AdverTimer { deadline }, now, actions),
            Timer::GarpDelay => self.send_gratuitous_arp(garp.garp_master_repeat, actions),
            Timer::GarpLowerPrio => {
                self.send_gratuitous_arp(garp.garp_lower_prio_repeat, actions);
            }
            Timer::GarpRefresh => {
                self.send_gratuitous_arp(garp.garp_master_refresh_repeat, actions);
                let next = timers::next_beat(deadline, garp.garp_master_refresh, now);
                self.timers.set(Timer::GarpRefresh, next);
            }
        }
        Consequence::None
    }

    /// Its sync group is not ready: ask again after another Master_Down_Interval.
    pub(super) fn wait_for_group(&mut self, now: Instant) {
        self.is_waiting_for_group = true;
        self.restart_master_down_timer(now);
    }

    fn start_up(&mut self, initial: bool, now: Instant, actions: &mut Actions) {
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
    fn resume(&mut self, lease_until: Instant, now: Instant, actions: &mut Actions) {
        self.begin_master(now, actions);
        let resumed = Event::ResumedMaster {
            instance: self.name().to_owned(),
            remaining: lease_until.saturating_duration_since(now),
        };
        log(resumed, actions);
        self.finish_becoming_master(now, actions);
    }

    // RFC 5798 §6.4.2 (420)
    fn backup_hears(&mut self, heard: Heard, now: Instant, actions: &mut Actions) {
        match self.candidate().as_backup(heard.priority) {
            BackupHears::Release => {
                self.counters.pri_zero_rcvd += 1;
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
            BackupHears::Weaker => log(
                Event::DiscardedLowerPriority {
                    instance: self.name().to_owned(),
                    priority: heard.priority,
                    source: heard.source,
                },
                actions,
            ),
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

    // RFC 5798 §6.4.3 (700)
    fn master_hears(&mut self, heard: Heard, now: Instant, actions: &mut Actions) -> Consequence {
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
                log(Event::MasterReceivedPriorityZero { instance }, actions);
                self.send_advert_now(now, actions);
                Consequence::None
            }
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
                log(Event::ReceivedOwnAddress { instance }, actions);
                Consequence::None
            }
        }
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
            address: self.source.unwrap_or(Ipv4Addr::UNSPECIFIED),
        }
    }
}

/// Transitions. The order of the actions is keepalived's.
impl Instance {
    fn become_master(&mut self, now: Instant, actions: &mut Actions) {
        self.begin_master(now, actions);
        let instance = self.name().to_owned();
        log(Event::EnteredMaster { instance }, actions);
        self.finish_becoming_master(now, actions);
    }

    /// The advert goes out before anything else: it keeps the others from taking over too.
    fn begin_master(&mut self, now: Instant, actions: &mut Actions) {
        self.change_state(State::Master, now);
        self.counters.become_master += 1;
        self.master_adver_interval = self.config.advert_int;
        self.send_advert(now, actions);
    }

    fn finish_becoming_master(&mut self, now: Instant, actions: &mut Actions) {
        let addresses = addresses::all(&self.config);
        if !addresses.is_empty() {
            self.log_addresses(true, actions);
            self.add_addresses(addresses, actions);
        }
        let garp = self.config.garp;
        self.send_gratuitous_arp(garp.garp_master_repeat, actions);
        let interval = self.config.advert_int.as_duration();
        self.timers.set(Timer::Adver, now + interval);
        self.set_garp_timers(now);
        self.notify(Notice::Master, actions);
    }

    fn set_garp_timers(&mut self, now: Instant) {
        let garp = self.config.garp;
        if !garp.garp_master_delay.is_zero() {
            let deadline = now + garp.garp_master_delay;
            self.timers.set(Timer::GarpDelay, deadline);
        }
        if !garp.garp_master_refresh.is_zero() {
            let deadline = now + garp.garp_master_delay + garp.garp_master_refresh;
            self.timers.set(Timer::GarpRefresh, deadline);
        }
    }

    fn enter_backup(&mut self, initial: bool, now: Instant, actions: &mut Actions) {
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

    fn enter_fault(&mut self, initial: bool, now: Instant, actions: &mut Actions) {
        self.change_state(State::Fault, now);
        let instance = self.name().to_owned();
        log(Event::EnteredFault { instance, initial }, actions);
        self.notify(Notice::Fault, actions);
    }

    /// keepalived: no priority 0 here, the others know already.
    fn leave_master_for_backup(&mut self, now: Instant, actions: &mut Actions) {
        self.change_state(State::Backup, now);
        let instance = self.name().to_owned();
        let initial = false;
        log(Event::EnteredBackup { instance, initial }, actions);
        self.give_up_addresses(actions);
        self.restart_master_down_timer(now);
        self.notify(Notice::Backup, actions);
    }

    fn leave_master_for_fault(&mut self, now: Instant, actions: &mut Actions) {
        self.change_state(State::Fault, now);
        let instance = self.name().to_owned();
        let initial = false;
        log(Event::EnteredFault { instance, initial }, actions);
        self.send_release(actions);
        self.give_up_addresses(actions);
        self.notify(Notice::Fault, actions);
    }

    /// The program ends, or the instance is no longer configured.
    pub(super) fn stop(&mut self, notice: Notice, now: Instant, actions: &mut Actions) {
        if self.state == State::Master {
            self.change_state(State::Init, now);
            self.send_release(actions);
            self.give_up_addresses(actions);
        }
        self.change_state(State::Init, now);
        self.notify(notice, actions);
    }

    /// The owner does not wait for anybody (RFC 5798 §6.4.1 (110)). keepalived: only with `state MASTER`.
    pub(super) fn takes_over_at_once(&self) -> bool {
        self.is_owner() && self.config.state == InitialState::Master && !self.is_faulty()
    }

    /// Takes away what an earlier incarnation may have left.
    pub(super) fn remove_leftovers(&self, actions: &mut Actions) {
        let addresses = addresses::all_owned(&self.config);
        if !addresses.is_empty() {
            self.log_addresses(false, actions);
            actions.push(Action::RemoveAddresses {
                instance: self.name().to_owned(),
                addresses,
            });
        }
    }

    fn change_state(&mut self, state: State, now: Instant) {
        if self.state == State::Master && state != State::Master {
            self.counters.release_master += 1;
        }
        self.state = state;
        self.is_waiting_for_group = false;
        self.preempt_at = None;
        self.master = None;
        self.timers.stop_all();
        self.logged.forget();
        self.last_transition = Some(now);
    }

    fn give_up_addresses(&self, actions: &mut Actions) {
        self.remove_leftovers(actions);
        actions.push(Action::EndLease {
            instance: self.name().to_owned(),
        });
    }

    fn add_addresses(&self, addresses: Vec<(OwnedAddress, VirtualAddress)>, actions: &mut Actions) {
        actions.push(Action::AddAddresses {
            instance: self.name().to_owned(),
            addresses,
        });
    }

    fn restart_master_down_timer(&mut self, now: Instant) {
        let interval = timers::master_down_interval(
            self.config.version,
            self.effective_priority,
            self.master_adver_interval,
            self.config.down_timer_adverts,
        );
        self.timers.set(Timer::MasterDown, now + interval);
    }
}

/// What goes out.
impl Instance {
    /// With the next regular one an interval later.
    fn send_advert_now(&mut self, now: Instant, actions: &mut Actions) {
        self.send_advert(now, actions);
        let interval = self.config.advert_int.as_duration();
        self.timers.set(Timer::Adver, now + interval);
    }

    fn send_advert(&mut self, now: Instant, actions: &mut Actions) {
        if self.send(self.effective_priority.into(), actions) {
            let lease = timers::lease(self.config.advert_int, self.config.down_timer_adverts);
            actions.push(Action::RenewLease {
                instance: self.name().to_owned(),
                until: now + lease,
            });
        }
    }

    fn send_release(&mut self, actions: &mut Actions) {
        if self.send(AdvertPriority::RELEASE, actions) {
            self.counters.pri_zero_sent += 1;
            let instance = self.name().to_owned();
            log(Event::SentPriorityZero { instance }, actions);
        }
    }

    /// False where there is no source to send from.
    fn send(&mut self, priority: AdvertPriority, actions: &mut Actions) -> bool {
        let Some(source) = self.source else {
            return false;
        };
        let advert = vrrp::Advert {
            version: self.config.version,
            vrid: self.config.virtual_router_id,
            priority,
            advert_int: self.config.advert_int,
            auth_pass: match self.config.authentication {
                Authentication::None => None,
                Authentication::Pass(pass) => Some(pass),
            },
            addresses: &self.advertised,
        };
        let mut packets = Vec::with_capacity(self.config.unicast_peer.len().max(1));
        for destination in destinations(&self.config) {
            // keepalived: the first is 1, each packet has its own.
            self.ip_id = self.ip_id.wrapping_add(1);
            packets.push((
                destination,
                advert.emit_ipv4(self.ip_id, source, destination),
            ));
        }
        self.counters.advert_sent += 1;
        actions.push(Action::SendAdvert {
            instance: self.name().to_owned(),
            interface: self.config.interface.clone(),
            priority,
            packets,
        });
        true
    }

    fn send_gratuitous_arp(&self, repeat: u32, actions: &mut Actions) {
        let addresses = addresses::all_owned(&self.config);
        addresses::send_gratuitous_arp(self.name(), addresses.iter(), repeat, actions);
    }

    /// After an advert of lower priority: once now and once more later.
    pub(super) fn correct_neighbours(&mut self, now: Instant, actions: &mut Actions) {
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

    fn notify(&self, notice: Notice, actions: &mut Actions) {
        let subject = Subject::Instance {
            name: self.name(),
            priority: self.effective_priority,
        };
        notify(subject, &self.config.notify, notice, actions);
    }

    fn log_addresses(&self, is_set: bool, actions: &mut Actions) {
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

/// Changes from outside.
impl Instance {
    /// Takes what tracking says. Priority and timers follow at once (keepalived:
    /// vrrp_set_effective_priority); states are left to the caller, who knows the sync group.
    pub(super) fn assess(&mut self, assessment: Assessment, actions: &mut Actions) {
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
    pub(super) fn address_removed(&mut self, address: &OwnedAddress, actions: &mut Actions) {
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
        let repeat = self.config.garp.garp_master_repeat;
        addresses::send_gratuitous_arp(self.name(), std::iter::once(address), repeat, actions);
    }

    /// Takes a new configuration without doing anything yet, and returns the earlier one.
    pub(super) fn reconfigure(&mut self, config: VrrpInstance) -> VrrpInstance {
        self.advertised = addresses::advertised(&config);
        self.effective_priority = config.priority.with_weights(self.assessment.weight);
        std::mem::replace(&mut self.config, config)
    }

    /// What a new configuration means for adverts and timers.
    pub(super) fn announce_change(
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
            State::Init | State::Fault => {}
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
                if old.name != self.config.name {
                    self.rename(old, actions);
                }
                if old.garp != self.config.garp {
                    self.timers.stop(Timer::GarpRefresh);
                    self.set_garp_timers(now);
                }
            }
        }
    }

    /// Addresses and lease pass to the new name before the old one's lease is given up.
    fn rename(&self, old: &VrrpInstance, actions: &mut Actions) {
        let earlier = addresses::all(old);
        let mut kept = addresses::all(&self.config);
        kept.retain(|address| earlier.contains(address));
        if !kept.is_empty() {
            self.add_addresses(kept, actions);
        }
        actions.push(Action::EndLease {
            instance: old.name.clone(),
        });
    }

    /// Takes away what a new configuration no longer has.
    pub(super) fn withdraw(&self, old: &VrrpInstance, actions: &mut Actions) {
        if self.state != State::Master {
            return;
        }
        let wanted = addresses::all(&self.config);
        let mut gone = addresses::all(old);
        gone.retain(|address| !wanted.contains(address));
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
    pub(super) fn extend(&self, old: &VrrpInstance, actions: &mut Actions) {
        if self.state != State::Master {
            return;
        }
        let earlier = addresses::all(old);
        let mut new = addresses::all(&self.config);
        new.retain(|address| !earlier.contains(address));
        if new.is_empty() {
            return;
        }
        self.log_addresses(true, actions);
        let owned: Vec<_> = new.iter().map(|(owned, _)| owned.clone()).collect();
        self.add_addresses(new, actions);
        let repeat = self.config.garp.garp_master_repeat;
        addresses::send_gratuitous_arp(self.name(), owned.iter(), repeat, actions);
    }

    pub(super) fn owned_addresses(&self) -> Vec<OwnedAddress> {
        match self.state {
            State::Master => addresses::all_owned(&self.config),
            State::Init | State::Backup | State::Fault => Vec::new(),
        }
    }

    pub(super) fn snapshot(&self) -> InstanceSnapshot {
        InstanceSnapshot {
            name: self.config.name.clone(),
            state: self.state,
            wants_master: self.wants_master(),
            interface: self.config.interface.clone(),
            virtual_router_id: self.config.virtual_router_id,
            version: self.config.version,
            base_priority: self.config.priority,
            effective_priority: self.effective_priority,
            advert_int: self.config.advert_int,
            master_adver_interval: self.master_adver_interval,
            source: self.source,
            master: self.master.map(|m| (m.address, m.priority.get())),
            faults: self
                .assessment
                .faults
                .iter()
                .map(ToString::to_string)
                .collect(),
            addresses: self.owned_addresses(),
            last_transition: self.last_transition,
            counters: self.counters,
        }
    }
}

/// Where adverts go: to the group, or to each peer.
fn destinations(config: &VrrpInstance) -> impl Iterator<Item = Ipv4Addr> + '_ {
    let multicast = config
        .unicast_peer
        .is_empty()
        .then_some(vrrp::MULTICAST_GROUP);
    let peers = config.unicast_peer.iter().filter_map(|peer| match peer {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    });
    multicast.into_iter().chain(peers)
}

fn log(event: Event, actions: &mut Actions) {
    actions.push(Action::Log(event));
}
