//! The watchdog's decisions: start, hello, kill, fence, restart, reload, stop. Pure: the parent carries out.
//!
//! ```text
//!            Start                 died, delay over
//!   Off ───────────────> Up ─────────────────────────> Delayed ──> Up ...
//!    ^                   │ stop asked, exited             │
//!    └───────────────────┴────────────────────────────────┘
//! ```
//! It never ends by itself except at a stop or when a child says that starting it again is useless.

mod child;
mod event;
mod leases;
mod left;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub(crate) use event::{Ended, Event};

use self::child::{Child, Due, State, Up};
use self::leases::Leases;
use self::left::Left;
use super::exit_status::ExitStatus;
use super::message::ChildKind;
use crate::types::{Owned, OwnedObject, RouterIdentity, Tenure};

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Input {
    /// A configuration is in force that needs these children; at the start and after each accepted reload.
    Configured {
        wanted: BTreeSet<ChildKind>,
        hello_interval: Duration,
        /// Children get this long to end when asked.
        child_wait_time: Duration,
    },
    /// The loader refused the new file.
    LoadRejected,
    ChildExited {
        kind: ChildKind,
        pid: u32,
        ended: Ended,
    },
    Ready(ChildKind),
    Reloaded(ChildKind),
    HelloAnswered {
        kind: ChildKind,
        number: u64,
    },
    /// The VRRP child is about to put it on its interface.
    Own(Owned),
    Disown(Owned),
    /// The VRRP child could not take them away.
    NotRemoved(Vec<Owned>),
    LeaseBegun {
        router: RouterIdentity,
        term: Duration,
        until: Instant,
    },
    /// All leases of that term.
    LeasesRenewed {
        term: Duration,
        until: Instant,
    },
    LeaseEnded(RouterIdentity),
    /// What came of an [`Action::Fence`], or of taking away what an earlier run left.
    Fenced {
        asked: Vec<Owned>,
        /// What is still there, and why.
        failed: Vec<(Owned, String)>,
    },
    /// SIGHUP.
    ReloadAsked,
    /// SIGTERM or SIGINT.
    StopAsked,
    Timeout,
}

/// What is to be done, in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    Start {
        kind: ChildKind,
        restarted: bool,
        resume: Vec<(RouterIdentity, Instant)>,
    },
    SendHello {
        kind: ChildKind,
        number: u64,
    },
    SendReload(ChildKind),
    AskToStop(ChildKind),
    Kill(ChildKind),
    /// Take these away; what is not there is no error. Answered by [`Input::Fenced`].
    Fence(Vec<Owned>),
    /// [`Supervisor::owned`] has changed. A burst of changes may be written at once.
    WriteJournal,
    Load,
    Tell(ServiceState),
    Log(Event),
    Exit(ExitStatus),
}

/// For the service manager.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ServiceState {
    Ready,
    Reloading,
    ReloadFailed,
    Stopping,
}

#[derive(Debug, Default)]
enum Loading {
    #[default]
    Idle,
    /// The loader runs, or children take over what it read.
    Busy,
    /// As before, and asked again meanwhile: requests are merged.
    BusyAndAgain,
}

#[derive(Debug)]
pub(crate) struct Supervisor {
    hello_interval: Duration,
    child_wait_time: Duration,
    children: BTreeMap<ChildKind, Child>,
    wanted: BTreeSet<ChildKind>,
    /// Whichever instance has them: an address can pass from one to another, and an instance can be renamed.
    owned: BTreeSet<Owned>,
    /// Of those, the ones that no child wants and that could not be taken away.
    left: Left,
    leases: Leases,
    loading: Loading,
    started: bool,
    /// The program is ending, with this status.
    stopping: Option<ExitStatus>,
    respawn: Respawn,
}

/// What the death of a child means.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Respawn {
    #[default]
    Always,
    /// The program ends (`-R`).
    Never,
}

impl Supervisor {
    pub(crate) fn new(respawn: Respawn) -> Self {
        Self {
            hello_interval: Duration::from_secs(5),
            child_wait_time: Duration::from_secs(5),
            children: ChildKind::ALL
                .into_iter()
                .map(|kind| (kind, Child::default()))
                .collect(),
            wanted: BTreeSet::new(),
            owned: BTreeSet::new(),
            left: Left::default(),
            leases: Leases::default(),
            loading: Loading::Idle,
            started: false,
            stopping: None,
            respawn,
        }
    }

    pub(crate) fn handle(&mut self, input: Input, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Configured {
                wanted,
                hello_interval,
                child_wait_time,
            } => {
                self.hello_interval = hello_interval;
                self.child_wait_time = child_wait_time;
                self.wanted = wanted;
                self.configured(now, &mut actions);
            }
            Input::LoadRejected => {
                actions.push(Action::Log(Event::ReloadRejected));
                actions.push(Action::Tell(ServiceState::ReloadFailed));
                self.loaded(&mut actions);
            }
            Input::ChildExited { kind, pid, ended } => {
                self.child_exited(kind, pid, ended, now, &mut actions);
            }
            Input::Ready(kind) => self.ready(kind, now, &mut actions),
            Input::Reloaded(kind) => {
                if let Some(up) = self.child(kind).up_mut() {
                    up.reloading = false;
                }
                self.all_reloaded(&mut actions);
            }
            Input::HelloAnswered { kind, number } => {
                if let Some(up) = self.child(kind).up_mut() {
                    up.hello_answered(number);
                }
            }
            Input::Own(owned) => {
                self.left.forget(&owned);
                if self.owned.insert(owned) {
                    actions.push(Action::WriteJournal);
                }
            }
            Input::Disown(owned) => {
                self.left.forget(&owned);
                if self.owned.remove(&owned) {
                    actions.push(Action::WriteJournal);
                }
            }
            Input::NotRemoved(owned) => {
                let before = self.owned.len();
                self.owned.extend(owned.iter().cloned());
                if self.owned.len() > before {
                    actions.push(Action::WriteJournal);
                }
                actions.push(Action::Fence(owned));
            }
            // What a killed child had sent before it died must not revive its lease.
            Input::LeaseBegun {
                router,
                term,
                until,
            } if self.has_lessee() => self.leases.begin(router, term, until),
            Input::LeasesRenewed { term, until } if self.has_lessee() => {
                self.leases.renew(term, until);
            }
            Input::LeaseBegun { .. } | Input::LeasesRenewed { .. } => {}
            Input::LeaseEnded(router) => self.leases.end(&router),
            Input::Fenced { asked, failed } => self.fenced(&asked, failed, now, &mut actions),
            Input::ReloadAsked => self.reload_asked(&mut actions),
            Input::StopAsked => self.stop(ExitStatus::Ok, now, &mut actions),
            Input::Timeout => self.timeout(now, &mut actions),
        }
        actions
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let children = self.children.values().filter_map(Child::next_timeout);
        children
            .chain(self.leases.next_end())
            .chain(self.left.next_retry())
            .min()
    }

    /// What the VRRP child has put on interfaces or is about to, and what could not be taken away after its death.
    pub(crate) fn owned(&self) -> &BTreeSet<Owned> {
        &self.owned
    }

    fn child(&mut self, kind: ChildKind) -> &mut Child {
        self.children.entry(kind).or_default()
    }

    fn configured(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.stopping.is_some() {
            return;
        }
        if self.wanted.is_empty() {
            actions.push(Action::Log(Event::NothingToRun));
        }
        for kind in ChildKind::ALL {
            let wanted = self.wanted.contains(&kind);
            let child_wait_time = self.child_wait_time;
            let child = self.child(kind);
            match (&mut child.state, wanted) {
                (State::Off, true) => self.start(kind, now, actions),
                (State::Off, false) => {}
                // A delayed start, or the one that follows a stop, will get the new configuration.
                (State::Delayed { .. }, true)
                | (
                    State::Up(Up {
                        stopping: Some(_), ..
                    }),
                    _,
                ) => {}
                (State::Delayed { .. }, false) => child.state = State::Off,
                (State::Up(up), true) => {
                    // The data plane has no configuration: the checker child commands it.
                    if kind != ChildKind::DataPlane {
                        up.reloading = true;
                        actions.push(Action::SendReload(kind));
                    }
                }
                (State::Up(up), false) => {
                    up.stopping = Some(now + child_wait_time);
                    actions.push(Action::AskToStop(kind));
                }
            }
        }
        self.startup_complete(actions);
        self.all_reloaded(actions);
    }

    fn start(&mut self, kind: ChildKind, now: Instant, actions: &mut Vec<Action>) {
        let hello_interval = self.hello_interval;
        let resume = match kind {
            ChildKind::Vrrp => {
                self.left.inherited();
                self.leases.take(now)
            }
            ChildKind::Checker | ChildKind::DataPlane => Vec::new(),
        };
        let child = self.child(kind);
        child.started(hello_interval, now);
        let restarted = child.restarted;
        actions.push(Action::Start {
            kind,
            restarted,
            resume,
        });
    }

    fn ready(&mut self, kind: ChildKind, now: Instant, actions: &mut Vec<Action>) {
        let hello_interval = self.hello_interval;
        if let Some(up) = self.child(kind).up_mut() {
            let number = up.became_ready(hello_interval, now);
            actions.push(Action::SendHello { kind, number });
        }
        self.startup_complete(actions);
    }

    fn startup_complete(&mut self, actions: &mut Vec<Action>) {
        let waiting = self
            .children
            .values()
            .any(|child| child.up().is_some_and(|up| !up.ready));
        if !self.started && !waiting {
            self.started = true;
            actions.push(Action::Log(Event::StartupComplete));
            actions.push(Action::Tell(ServiceState::Ready));
        }
    }

    fn reload_asked(&mut self, actions: &mut Vec<Action>) {
        if self.stopping.is_some() {
            return;
        }
        match self.loading {
            Loading::Idle => {
                self.loading = Loading::Busy;
                actions.push(Action::Log(Event::Reloading));
                actions.push(Action::Tell(ServiceState::Reloading));
                actions.push(Action::Load);
            }
            Loading::Busy => {
                self.loading = Loading::BusyAndAgain;
                actions.push(Action::Log(Event::ReloadQueued));
            }
            Loading::BusyAndAgain => {}
        }
    }

    fn all_reloaded(&mut self, actions: &mut Vec<Action>) {
        let busy = matches!(self.loading, Loading::Busy | Loading::BusyAndAgain);
        let waiting = self
            .children
            .values()
            .any(|child| child.up().is_some_and(|up| up.reloading));
        if busy && !waiting {
            actions.push(Action::Log(Event::ReloadComplete));
            actions.push(Action::Tell(ServiceState::Ready));
            self.loaded(actions);
        }
    }

    /// A reload has come to its end, well or not; starts the one that was asked for meanwhile.
    fn loaded(&mut self, actions: &mut Vec<Action>) {
        if let Loading::BusyAndAgain = std::mem::take(&mut self.loading) {
            self.reload_asked(actions);
        }
    }

    fn child_exited(
        &mut self,
        kind: ChildKind,
        pid: u32,
        ended: Ended,
        now: Instant,
        actions: &mut Vec<Action>,
    ) {
        if kind == ChildKind::Vrrp {
            let said = self.child(kind).up().is_some_and(|up| up.killed);
            self.fence(!said, actions);
            // The next child takes over what the node has as long as the program runs.
            self.owned.retain(|owned| owned.tenure == Tenure::Program);
            actions.push(Action::WriteJournal);
        }
        if self.stopping.is_some()
            || self
                .child(kind)
                .up()
                .is_some_and(|up| up.stopping.is_some())
        {
            self.child(kind).state = State::Off;
            if self.stopping.is_none() && self.wanted.contains(&kind) {
                self.start(kind, now, actions);
            }
            self.stop_next(now, actions);
            return;
        }
        if let Ended::Exited(code) = ended
            && let Some(status) = ExitStatus::is_final(code)
        {
            actions.push(Action::Log(Event::Permanent { kind, status }));
            self.child(kind).state = State::Off;
            self.stop(status, now, actions);
            return;
        }
        if self.respawn == Respawn::Never {
            actions.push(Action::Log(Event::DiedForGood { kind, pid, ended }));
            self.child(kind).state = State::Off;
            self.stop(ExitStatus::Ok, now, actions);
            return;
        }
        actions.push(Action::Log(Event::Died { kind, pid, ended }));
        let delay = self.child(kind).died(now);
        if delay.is_zero() {
            self.start(kind, now, actions);
        } else {
            actions.push(Action::Log(Event::RestartDelayed { kind, delay }));
        }
        self.all_reloaded(actions);
    }

    /// Takes away everything the VRRP child owned. It stays listed until the child is gone, so that what a
    /// dying child had under way is taken away too.
    fn fence(&mut self, say: bool, actions: &mut Vec<Action>) {
        let owned: Vec<_> = self
            .owned
            .iter()
            .filter(|owned| owned.tenure == Tenure::Master)
            .cloned()
            .collect();
        if !owned.is_empty() {
            if say {
                let is_address = |it: &&Owned| matches!(it.object, OwnedObject::Address(_));
                let addresses = owned.iter().filter(is_address).count();
                actions.push(Action::Log(Event::Fenced { addresses }));
            }
            actions.push(Action::Fence(owned));
        }
    }

    /// What is still there stays ours.
    fn fenced(
        &mut self,
        asked: &[Owned],
        failed: Vec<(Owned, String)>,
        now: Instant,
        actions: &mut Vec<Action>,
    ) {
        let said = self.left.fenced(asked, &failed, now);
        actions.extend(said.map(Action::Log));
        let mut has_changed = false;
        // What a killed child had stays listed until it is gone.
        if !self.has_killed_lessee() {
            let failed: BTreeSet<_> = failed.iter().map(|(it, _)| it).collect();
            let is_gone = |it: &&Owned| !failed.contains(it);
            for gone in asked.iter().filter(is_gone) {
                has_changed |= self.owned.remove(gone);
            }
        }
        for (owned, _) in failed {
            has_changed |= self.owned.insert(owned);
        }
        if has_changed {
            actions.push(Action::WriteJournal);
        }
    }

    fn has_killed_lessee(&self) -> bool {
        let child = self.children.get(&ChildKind::Vrrp).and_then(Child::up);
        child.is_some_and(|up| up.killed)
    }

    /// There is a VRRP child, and it has not been killed.
    fn has_lessee(&self) -> bool {
        let child = self.children.get(&ChildKind::Vrrp).and_then(Child::up);
        child.is_some_and(|up| !up.killed)
    }

    fn timeout(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.expire_leases(now, actions);
        let left = self.left.due(now);
        if !left.is_empty() {
            actions.push(Action::Fence(left));
        }
        for kind in ChildKind::ALL {
            self.child_timeout(kind, now, actions);
        }
    }

    fn child_timeout(&mut self, kind: ChildKind, now: Instant, actions: &mut Vec<Action>) {
        let hello_interval = self.hello_interval;
        match &mut self.child(kind).state {
            State::Delayed { until } if *until <= now => self.start(kind, now, actions),
            State::Delayed { .. } | State::Off => {}
            State::Up(up) => match up.due(hello_interval, now) {
                Due::Nothing => {}
                Due::Hello(number) => actions.push(Action::SendHello { kind, number }),
                Due::Kill { unanswered } => {
                    actions.push(Action::Log(Event::NoHello { kind, unanswered }));
                    self.kill(kind, actions);
                }
                Due::ForcedTermination => {
                    actions.push(Action::Log(Event::ForcedTermination { kind }));
                    self.kill(kind, actions);
                }
            },
        }
    }

    fn expire_leases(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let mut expired = self.leases.expire(now).into_iter();
        if let Some(router) = expired.next()
            && self.has_lessee()
        {
            let others = expired.len();
            actions.push(Action::Log(Event::LeaseEnded { router, others }));
            if let Some(up) = self.child(ChildKind::Vrrp).up_mut() {
                up.stalled = true;
            }
            self.kill(ChildKind::Vrrp, actions);
        }
    }

    /// SIGKILL, so that no SIGCONT revives it, and only then the addresses.
    fn kill(&mut self, kind: ChildKind, actions: &mut Vec<Action>) {
        if let Some(up) = self.child(kind).up_mut() {
            up.killed = true;
            actions.push(Action::Kill(kind));
            if kind == ChildKind::Vrrp {
                self.fence(true, actions);
            }
        }
    }

    fn stop(&mut self, status: ExitStatus, now: Instant, actions: &mut Vec<Action>) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(status);
        actions.push(Action::Log(Event::Stopping));
        actions.push(Action::Tell(ServiceState::Stopping));
        // The goodbye of the master comes first; the data plane goes when the checker has emptied it.
        for kind in [ChildKind::Vrrp, ChildKind::Checker] {
            self.ask_to_stop(kind, now, actions);
        }
        self.stop_next(now, actions);
    }

    fn ask_to_stop(&mut self, kind: ChildKind, now: Instant, actions: &mut Vec<Action>) {
        let child_wait_time = self.child_wait_time;
        let child = self.child(kind);
        match &mut child.state {
            State::Off => {}
            State::Delayed { .. } => child.state = State::Off,
            State::Up(up) => {
                if up.stopping.is_none() {
                    up.stopping = Some(now + child_wait_time);
                    actions.push(Action::AskToStop(kind));
                }
            }
        }
    }

    fn stop_next(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.stopping.is_none() {
            self.all_reloaded(actions);
            return;
        }
        if self.child(ChildKind::Checker).is_off() {
            self.ask_to_stop(ChildKind::DataPlane, now, actions);
        }
        let all_off = self.children.values().all(Child::is_off);
        if let Some(status) = self.stopping
            && all_off
        {
            actions.push(Action::Exit(status));
        }
    }
}
