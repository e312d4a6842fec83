//! One `vrrp_script`: when it runs, when it is killed, and what its results add up to.

use std::time::{Duration, Instant};

use super::timers::next_beat;
use super::trackers::TrackingEvent;
use super::{Action, Actions, Event, ScriptOutcome};
use crate::config::VrrpScript;

/// How long a script may take to die of SIGTERM before SIGKILL follows (keepalived).
const KILL_DELAY: Duration = Duration::from_secs(2);

/// What a script says about what it checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Health {
    /// Its first run has not ended.
    Unknown,
    Good,
    Bad,
}

/// Whether a run is under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Run {
    Idle,
    Running {
        kill_at: Instant,
    },
    /// SIGTERM was sent.
    Terminating {
        force_at: Instant,
    },
    /// SIGKILL was sent; its end will be reported.
    Killed,
}

#[derive(Clone, Debug)]
pub(super) struct Script {
    config: VrrpScript,
    run: Run,
    /// When the next run is due; `None` once the script is no longer configured.
    next_run: Option<Instant>,
    /// The run under way was started for an earlier configuration: its result does not count.
    is_stale: bool,
    is_known: bool,
    /// 0 ..= rise + fall - 1; good from `rise` on.
    result: u64,
    last_status: i32,
}

impl Script {
    /// A script whose first run is due at once.
    pub(super) fn new(config: VrrpScript, now: Instant) -> Self {
        Self {
            // keepalived: `init_fail` is a result, so that all of `rise` is needed.
            is_known: config.init_fail || config.refused.is_some(),
            config,
            run: Run::Idle,
            next_run: Some(now),
            is_stale: false,
            result: 0,
            last_status: 0,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn health(&self) -> Health {
        if !self.is_known {
            Health::Unknown
        } else if self.result >= self.rise() {
            Health::Good
        } else {
            Health::Bad
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.run != Run::Idle
    }

    pub(super) fn last_status(&self) -> i32 {
        self.last_status
    }

    /// No longer configured and nothing under way.
    pub(super) fn is_gone(&self) -> bool {
        self.next_run.is_none() && !self.is_running()
    }

    pub(super) fn is_retired(&self) -> bool {
        self.next_run.is_none()
    }

    /// It may not be run, and has failed for good.
    fn is_refused(&self) -> bool {
        self.config.refused.is_some()
    }

    /// Says why nothing is going to be run, where that is so.
    pub(super) fn log_refusal(&self, actions: &mut Actions) {
        if let Some(why) = self.config.refused.clone() {
            actions.push(Action::Log(Event::Tracking(TrackingEvent::ScriptRefused {
                script: self.config.name.clone(),
                why,
            })));
        }
    }

    /// A stale run must have ended before the next one starts, so its end is waited for.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let run = match self.run {
            Run::Idle | Run::Killed => None,
            Run::Running { kill_at } => Some(kill_at),
            Run::Terminating { force_at } => Some(force_at),
        };
        let next_run = self.next_run.filter(|_| !self.is_refused());
        run.into_iter().chain(next_run).min()
    }

    /// Starts a run that is due, kills one that takes too long.
    pub(super) fn timeout(&mut self, now: Instant, actions: &mut Actions) {
        let next_run = self.next_run.filter(|_| !self.is_refused());
        if let Some(due) = next_run.filter(|due| *due <= now) {
            self.next_run = Some(next_beat(due, self.config.interval, now));
            match self.run {
                Run::Idle => self.start(now, actions),
                Run::Running { .. } => self.skip("already running", actions),
                Run::Terminating { .. } | Run::Killed => self.skip("being timed out", actions),
            }
        }
        match self.run {
            Run::Running { kill_at } if kill_at <= now => self.terminate(now, actions),
            Run::Terminating { force_at } if force_at <= now => {
                self.run = Run::Killed;
                actions.push(self.kill(true));
            }
            Run::Idle | Run::Running { .. } | Run::Terminating { .. } | Run::Killed => {}
        }
    }

    fn start(&mut self, now: Instant, actions: &mut Actions) {
        self.run = Run::Running {
            kill_at: now + self.config.timeout,
        };
        actions.push(Action::RunScript {
            script: self.config.name.clone(),
            command: self.config.script.clone(),
        });
    }

    fn skip(&self, state: &'static str, actions: &mut Actions) {
        // A stale run delays the first one of the new configuration; that is no overload.
        if !self.is_stale {
            actions.push(Action::Log(Event::ScriptSkipped {
                script: self.config.name.clone(),
                state,
            }));
        }
    }

    fn terminate(&mut self, now: Instant, actions: &mut Actions) {
        self.run = Run::Terminating {
            force_at: now + KILL_DELAY,
        };
        actions.push(self.kill(false));
    }

    fn kill(&self, force: bool) -> Action {
        Action::KillScript {
            script: self.config.name.clone(),
            force,
        }
    }

    /// The run has ended. The caller compares [`Self::health`] before and after.
    pub(super) fn exited(&mut self, outcome: ScriptOutcome, now: Instant, actions: &mut Actions) {
        let was_killed = match self.run {
            Run::Idle => return,
            Run::Running { .. } => false,
            Run::Terminating { .. } | Run::Killed => true,
        };
        self.run = Run::Idle;
        if std::mem::take(&mut self.is_stale) {
            self.next_run = self.next_run.map(|_| now);
            return;
        }
        if was_killed {
            self.result(false, Event::script_timed_out(&self.config.name), actions);
            return;
        }
        if let ScriptOutcome::Exited(status) = outcome
            && status != self.last_status
        {
            self.last_status = status;
            actions.push(Action::Log(Event::ScriptReturns {
                script: self.config.name.clone(),
                status,
            }));
        }
        let failure = Event::ScriptFailed {
            script: self.config.name.clone(),
            outcome: Some(outcome),
        };
        self.result(outcome == ScriptOutcome::Exited(0), failure, actions);
    }

    fn rise(&self) -> u64 {
        u64::from(self.config.rise.max(1))
    }

    fn best(&self) -> u64 {
        self.rise() + u64::from(self.config.fall.max(1)) - 1
    }

    /// One counter, as in keepalived: a success in good state sets it to its maximum, a failure in
    /// bad state to 0. The first result of all decides alone.
    fn result(&mut self, is_success: bool, failure: Event, actions: &mut Actions) {
        let before = self.health();
        let (rise, best) = (self.rise(), self.best());
        self.result = match (before, is_success) {
            (Health::Unknown | Health::Good, true) => best,
            (Health::Bad, true) if self.result + 1 == rise => best,
            (Health::Bad, true) => self.result + 1,
            (Health::Unknown | Health::Bad, false) => 0,
            (Health::Good, false) if self.result == rise => 0,
            (Health::Good, false) => self.result - 1,
        };
        self.is_known = true;
        match (before, self.health()) {
            (Health::Unknown | Health::Bad, Health::Good) => {
                actions.push(Action::Log(Event::ScriptSucceeded {
                    script: self.config.name.clone(),
                }));
            }
            (Health::Unknown | Health::Good, Health::Bad) => actions.push(Action::Log(failure)),
            (Health::Good, Health::Good) | (Health::Bad, Health::Bad) | (_, Health::Unknown) => {}
        }
    }

    /// Takes a new configuration. Results are inherited while name, arguments and user stay
    /// the same; otherwise the script starts anew as soon as a run under way has been killed.
    pub(super) fn reload(&mut self, config: &VrrpScript, now: Instant, actions: &mut Actions) {
        if self.config == *config && !self.is_retired() {
            return;
        }
        let is_same = self.config.script == config.script && self.config.refused == config.refused;
        if !is_same || self.is_retired() {
            let old = std::mem::replace(self, Self::new(config.clone(), now));
            self.log_refusal(actions);
            if old.is_running() {
                self.run = old.run;
                self.discard_run(now, actions);
            }
            return;
        }
        let health = self.health();
        self.config = config.clone();
        self.result = match health {
            Health::Unknown | Health::Bad => 0,
            Health::Good => self.best(),
        };
        let soonest = now + self.config.interval;
        self.next_run = self.next_run.map(|next| next.min(soonest));
        if health != Health::Unknown {
            actions.push(Action::Log(Event::ScriptInherited {
                script: self.config.name.clone(),
                is_good: health == Health::Good,
            }));
        }
    }

    /// No longer configured: a run under way is killed and its end waited for.
    pub(super) fn retire(&mut self, now: Instant, actions: &mut Actions) {
        self.next_run = None;
        if self.is_running() {
            self.discard_run(now, actions);
        }
    }

    fn discard_run(&mut self, now: Instant, actions: &mut Actions) {
        self.is_stale = true;
        if matches!(self.run, Run::Running { .. }) {
            self.terminate(now, actions);
        }
    }
}
