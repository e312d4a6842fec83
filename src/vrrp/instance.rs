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

mod changes;
mod hearing;
mod sending;
mod transitions;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::authentication::Authenticator;
use super::receive::{self, Expectation, Heard, LoggedOnce};
use super::snapshot::{Counters, InstanceSnapshot};
use super::timers::{self, Timer, TimerTable};
use super::tracking::Assessment;
use super::{Action, Actions, Event, State, WallClock, addresses, identity};
use crate::config::{Authentication, VrrpInstance};
use crate::types::{AdvertInterval, AdvertPriority, OwnedAddress, Priority, RouterIdentity};
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
    /// A packet that is no advert for it.
    Refused,
    /// A router of lower priority is sending as MASTER: neighbours may have believed it.
    NeighboursMisled,
}

/// The last master that was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct KnownMaster {
    address: IpAddr,
    priority: AdvertPriority,
}

#[derive(Clone, Debug)]
pub(super) struct Instance {
    config: VrrpInstance,
    /// The configuration's, for what is done each interval.
    name: Arc<str>,
    identity: RouterIdentity,
    state: State,
    /// BACKUP whose timer ran out while its sync group was not ready.
    is_waiting_for_group: bool,
    assessment: Assessment,
    /// Another member of its sync group has a reason for FAULT.
    is_group_faulty: bool,
    effective_priority: Priority,
    /// Source of its adverts, the last one where there is none now.
    source: Option<IpAddr>,
    /// What its adverts carry.
    advertised: Vec<IpAddr>,
    master: Option<KnownMaster>,
    master_adver_interval: AdvertInterval,
    /// When a master of lower priority is no longer accepted.
    preempt_at: Option<Instant>,
    /// When a master of lower priority was last heard.
    weaker_heard: Option<Instant>,
    /// When the advert went out that tells such a master to yield.
    announced_at: Option<Instant>,
    /// When an advert of lower priority or a release was last answered or logged.
    answered_at: Option<Instant>,
    /// The last advert could not be sent: nobody knows of this master.
    is_unheard: bool,
    timers: TimerTable,
    logged: LoggedOnce,
    counters: Counters,
    /// Identification of the last IPv4 packet sent.
    ip_id: u16,
    last_advert: Option<sending::LastAdvert>,
    authenticator: Authenticator,
    clock: Option<WallClock>,
    /// A peer makes its checksums as keepalived did up to 1.3.6.
    has_old_peer: bool,
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
            weaker_heard: None,
            announced_at: None,
            answered_at: None,
            is_unheard: false,
            timers: TimerTable::default(),
            logged: LoggedOnce::default(),
            counters: Counters::default(),
            ip_id: 0,
            last_advert: None,
            authenticator: Authenticator::default(),
            clock: None,
            has_old_peer: false,
            last_transition: None,
            name: config.name.as_str().into(),
            identity: identity::of(&config),
            config,
        }
    }

    /// Knows the time of day from now on.
    pub(super) fn set_clock(&mut self, clock: Option<WallClock>) {
        self.clock = clock;
    }

    /// Its packets carry the time of day.
    pub(super) fn needs_clock(&self) -> bool {
        let is_ah = matches!(self.config.authentication, Authentication::Ah(_));
        is_ah || self.config.auth_hmac.is_some()
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn config(&self) -> &VrrpInstance {
        &self.config
    }

    pub(super) fn identity(&self) -> &RouterIdentity {
        &self.identity
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

    /// How long ago its next advert was due.
    pub(super) fn advert_is_late_by(&self, now: Instant) -> Option<Duration> {
        let deadline = self.timers.deadline(Timer::Adver)?;
        now.checked_duration_since(deadline)
    }

    /// When its next advert is due.
    pub(super) fn next_advert(&self) -> Option<Instant> {
        self.timers.deadline(Timer::Adver)
    }

    /// By how much an advert of it may be early.
    pub(super) fn company(&self) -> Duration {
        timers::company(self.config.advert_int)
    }

    /// Sends its next advert that part of an interval sooner, and keeps that beat.
    pub(super) fn advance_beat(&mut self, part: usize, parts: usize) {
        let (Ok(part), Ok(parts)) = (u32::try_from(part), u32::try_from(parts)) else {
            return;
        };
        let by = self.config.advert_int.as_duration() * part / parts.max(1);
        if let Some(deadline) = self.timers.deadline(Timer::Adver)
            && let Some(sooner) = deadline.checked_sub(by)
        {
            self.timers.set(Timer::Adver, sooner);
        }
    }

    /// Its next advert is due so soon that it may go out now, with those of others.
    pub(super) fn may_send_with_others(&self, now: Instant) -> bool {
        let by = now + self.company();
        self.timers
            .deadline(Timer::Adver)
            .is_some_and(|deadline| deadline <= by)
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
                if self.announced_at.is_none() {
                    let instance = self.name().to_owned();
                    log(Event::AdvertTimedOut { instance }, actions);
                }
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
            (State::Master, Trigger::AdverTimer { deadline }) if self.is_overdue(deadline, now) => {
                let late = now.saturating_duration_since(deadline);
                let instance = self.name().to_owned();
                log(Event::TimerExpired { instance, late }, actions);
                self.leave_master_for_backup(now, actions);
                return Consequence::SteppedDown;
            }
            (State::Master, Trigger::AdverTimer { deadline }) => {
                self.send_advert(now, actions);
                let interval = self.config.advert_int.as_duration();
                // One that went out with others, early, keeps their beat from now on.
                let next = timers::next_beat(deadline.min(now), interval, now);
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
        let expectation = Expectation {
            config: &self.config,
            addresses: &self.advertised,
            same_master: master,
            unix: self.clock.map(|clock| clock.unix(now)),
        };
        let (authenticator, counters) = (&mut self.authenticator, &mut self.counters);
        let checked = receive::check(&expectation, bytes, authenticator, counters);
        match checked {
            Ok((heard, remarks)) => {
                for remark in remarks {
                    if self.logged.remark(&remark) {
                        let instance = self.name().to_owned();
                        log(Event::AdvertRemarked { instance, remark }, actions);
                    }
                }
                self.has_old_peer |= heard.checksum == vrrp::Checksum::OldUnicast;
                self.handle(Trigger::Advert(heard), now, actions)
            }
            Err(refusal) => {
                if self.logged.refusal(&refusal) {
                    let instance = self.name().to_owned();
                    log(Event::PacketRefused { instance, refusal }, actions);
                }
                Consequence::Refused
            }
        }
    }

    /// [`Self::timeout`] has something to do.
    pub(super) fn may_expire(&self, timer: Timer, now: Instant) -> bool {
        let deadline = self.timers.deadline(timer);
        deadline.is_some_and(|deadline| deadline <= self.expires_by(timer, now))
    }

    fn expires_by(&self, timer: Timer, now: Instant) -> Instant {
        match timer {
            Timer::Adver => now + self.company(),
            Timer::MasterDown
            | Timer::GarpDelay
            | Timer::GarpRefresh
            | Timer::GarpLowerPrio
            | Timer::GarpExtraIf => now,
        }
    }

    /// Acts upon `timer` if it has expired.
    pub(super) fn timeout(
        &mut self,
        timer: Timer,
        now: Instant,
        actions: &mut Actions,
    ) -> Consequence {
        let by = self.expires_by(timer, now);
        let Some(deadline) = self.timers.take_expired(timer, by) else {
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
            Timer::GarpExtraIf => {
                self.send_garp_extra_if(actions);
                let next = timers::next_beat(deadline, garp.garp_extra_if.interval, now);
                self.timers.set(Timer::GarpExtraIf, next);
            }
        }
        Consequence::None
    }

    /// Its sync group is not ready: ask again after another Master_Down_Interval.
    pub(super) fn wait_for_group(&mut self, now: Instant) {
        self.is_waiting_for_group = true;
        self.announced_at = None;
        self.restart_master_down_timer(now);
    }

    pub(super) fn owned_addresses(&self) -> Vec<OwnedAddress> {
        match self.state {
            State::Master => addresses::all_owned(&self.config),
            State::Init | State::Backup | State::Fault => Vec::new(),
        }
    }

    pub(super) fn clear_counters(&mut self) {
        self.counters = Counters::default();
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
            next_timeout: self.timers.next_timeout(),
            master_down_interval: self.master_down_interval(),
            counters: self.counters,
        }
    }
}

fn log(event: Event, actions: &mut Actions) {
    actions.push(Action::Log(event));
}
