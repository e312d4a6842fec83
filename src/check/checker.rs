//! The schedule of one checker: when it runs, and what a result says after retries.
//!
//! ```text
//!                 first result fails, or the retries are used up
//!            ┌───────────────────────────────────────────────────┐
//!   ┌────────┴──┐                                             ┌──▼───┐
//!   │    up     │ every delay_loop; a failure: delay_before_  │ down │ every delay_loop
//!   └────────▲──┘ retry, `retry` times                        └──┬───┘
//!            └───────────────────────────────────────────────────┘
//!                 a success (several urls: a whole round of them)
//! ```
//!
//! A checker that has never had a result starts with its retries used up. `alpha` starts down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::Try;
use super::{
    Action, Actions, CheckId, CheckMethod, CheckerId, CheckerSnapshot, Event, Failure, HttpTest,
    LengthMismatch, Outcome, Passed, Subject,
};
use crate::config::{self, CheckerKind, HttpUrl};

/// The first run is at least this long after the start (keepalived: 1 s).
const FIRST_RUN_AFTER: Duration = Duration::from_secs(1);

/// The parts of a connection check that may take connect_timeout each: connecting, TLS with the request, the
/// answer. A server that trickles is given up after all of them together.
pub(super) const CONNECT_TIMEOUTS_PER_CHECK: u32 = 3;

/// A script has this long between SIGTERM and SIGKILL.
pub(super) const SCRIPT_GRACE: Duration = Duration::from_secs(2);

/// A check is bounded by whoever runs it; this much later it is taken for lost.
const OVERDUE_AFTER: Duration = Duration::from_secs(5);

/// What a result changes about the checker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Unchanged,
    /// The first result, and the state is that of the start.
    Confirmed,
    WentUp,
    WentDown,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Waiting { until: Instant },
    Running { since: Instant },
}

/// Where a checker with several urls is; one with a single thing to check always has it next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Round {
    url: usize,
    /// The url failed: only it is asked until it passes, and then all are asked again.
    failed: bool,
}

#[derive(Debug)]
pub(super) struct Checker {
    pub(super) id: CheckerId,
    config: config::Checker,
    kind: Arc<CheckerKind>,
    up: bool,
    has_run: bool,
    /// Failures in a row while up.
    retries: u32,
    phase: Phase,
    round: Round,
    run: u64,
    last_run: Option<Instant>,
    last_failure: Option<Failure>,
    /// Reported already.
    mismatch: Option<LengthMismatch>,
}

impl Checker {
    /// A checker that has never run. `warmup` is the random part of the first delay.
    pub(super) fn new(
        id: CheckerId,
        config: config::Checker,
        warmup: Duration,
        now: Instant,
    ) -> Self {
        Self {
            id,
            kind: Arc::new(config.kind.clone()),
            up: !config.alpha,
            has_run: false,
            retries: 0,
            phase: Phase::Waiting {
                until: now + FIRST_RUN_AFTER + warmup,
            },
            round: Round::default(),
            run: 0,
            last_run: None,
            last_failure: None,
            mismatch: None,
            config,
        }
    }

    /// Goes on as `up` or not. `has_run`: this was the result of a check, before a restart.
    pub(super) fn assume(&mut self, up: bool, has_run: bool) {
        self.up = up;
        self.has_run = has_run;
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    pub(super) fn config(&self) -> &config::Checker {
        &self.config
    }

    /// Takes over intervals and retries of a checker that checks the same thing.
    pub(super) fn adopt(&mut self, config: config::Checker, now: Instant) {
        self.retries = self.retries.min(config.retry);
        if let Phase::Waiting { until } = &mut self.phase {
            *until = (*until).min(now + config.delay_loop);
        }
        self.config = config;
    }

    /// When [`Checker::poll`] has something to do.
    pub(super) fn due(&self) -> Instant {
        match self.phase {
            Phase::Waiting { until } => until,
            Phase::Running { since } => since + self.longest_run() + OVERDUE_AFTER,
        }
    }

    fn longest_run(&self) -> Duration {
        match &self.config.kind {
            CheckerKind::TcpCheck(connect) => connect.connect_timeout,
            CheckerKind::HttpGet(connect, _) => {
                connect.connect_timeout * CONNECT_TIMEOUTS_PER_CHECK
            }
            CheckerKind::MiscCheck(misc) => misc.misc_timeout + 2 * SCRIPT_GRACE,
        }
    }

    pub(super) fn check_id(&self) -> CheckId {
        CheckId {
            checker: self.id,
            run: self.run,
        }
    }

    /// The run whose result is awaited.
    pub(super) fn running(&self) -> Option<CheckId> {
        match self.phase {
            Phase::Waiting { .. } => None,
            Phase::Running { .. } => Some(self.check_id()),
        }
    }

    /// Its time has come: starts a run, or gives one up that is lost.
    pub(super) fn poll(
        &mut self,
        of: Subject,
        now: Instant,
        actions: &mut Actions,
    ) -> Option<Verdict> {
        if self.due() > now {
            return None;
        }
        match self.phase {
            Phase::Waiting { .. } => {
                self.run += 1;
                self.phase = Phase::Running { since: now };
                actions.push(Action::StartCheck {
                    check: self.check_id(),
                    kind: Arc::clone(&self.kind),
                    url: self.round.url,
                });
                None
            }
            Phase::Running { .. } => {
                actions.push(Action::CancelCheck {
                    check: self.check_id(),
                });
                Some(self.finish(Outcome::Failed(Failure::Overdue), of, now, actions))
            }
        }
    }

    /// A run has ended.
    pub(super) fn finish(
        &mut self,
        outcome: Outcome,
        of: Subject,
        now: Instant,
        actions: &mut Actions,
    ) -> Verdict {
        let since = match self.phase {
            Phase::Running { since } => since,
            Phase::Waiting { .. } => now,
        };
        self.last_run = Some(now);
        let (verdict, delay) = match outcome {
            Outcome::Passed(passed) => self.passed(passed, of, actions),
            Outcome::Failed(failure) => self.failed(failure, of, actions),
            Outcome::NotChecked { reason } => {
                let method = self.method();
                actions.push(Action::Log(Event::NotChecked { of, method, reason }));
                (Verdict::Unchanged, self.config.delay_loop)
            }
        };
        self.phase = Phase::Waiting {
            // keepalived: scripts are timed from their start, the others from their end.
            until: match self.config.kind {
                CheckerKind::MiscCheck(_) => (since + delay).max(now),
                CheckerKind::TcpCheck(_) | CheckerKind::HttpGet(..) => now + delay,
            },
        };
        verdict
    }

    fn passed(
        &mut self,
        passed: Passed,
        of: Subject,
        actions: &mut Actions,
    ) -> (Verdict, Duration) {
        self.last_failure = None;
        self.retries = 0;
        if let Passed::Http { test, mismatch } = passed {
            self.url_passed(test, mismatch, of, actions);
        }
        if !self.advance_round() {
            let delay = if self.recovers_fast() {
                Duration::ZERO
            } else {
                self.config.delay_loop
            };
            return (Verdict::Unchanged, delay);
        }
        if !self.up || !self.has_run {
            actions.push(Action::Log(match &self.config.kind {
                CheckerKind::TcpCheck(_) => Event::TcpPassed { of },
                CheckerKind::HttpGet(..) => Event::HttpPassed { of },
                CheckerKind::MiscCheck(misc) => Event::MiscPassed {
                    of,
                    command: misc.misc_path.to_string(),
                },
            }));
        }
        (self.become_state(true), self.config.delay_loop)
    }

    /// True when everything there is to check has passed.
    fn advance_round(&mut self) -> bool {
        let urls = match &self.config.kind {
            CheckerKind::HttpGet(_, http) => http.urls.len(),
            CheckerKind::TcpCheck(_) | CheckerKind::MiscCheck(_) => return true,
        };
        if self.round.failed {
            self.round = Round::default();
            return false;
        }
        self.round.url += 1;
        let complete = self.round.url >= urls;
        if complete {
            self.round.url = 0;
        }
        complete
    }

    fn recovers_fast(&self) -> bool {
        let fast = matches!(&self.config.kind, CheckerKind::HttpGet(_, http) if http.fast_recovery);
        fast && (!self.has_run || !self.up)
    }

    fn url_passed(
        &mut self,
        test: HttpTest,
        mismatch: Option<LengthMismatch>,
        of: Subject,
        actions: &mut Actions,
    ) {
        let Some(url) = self.url() else { return };
        if let Some(lengths) = mismatch.filter(|_| mismatch != self.mismatch) {
            actions.push(Action::Log(Event::LengthMismatched {
                of,
                virtualhost: url.virtualhost.clone(),
                path: url.path.clone(),
                lengths,
            }));
        }
        if !self.up {
            let path = url.path.clone();
            actions.push(Action::Log(Event::UrlPassed { of, test, path }));
        }
        self.mismatch = mismatch;
    }

    fn url(&self) -> Option<&HttpUrl> {
        match &self.config.kind {
            CheckerKind::HttpGet(_, http) => http.urls.get(self.round.url),
            CheckerKind::TcpCheck(_) | CheckerKind::MiscCheck(_) => None,
        }
    }

    fn failed(
        &mut self,
        failure: Failure,
        of: Subject,
        actions: &mut Actions,
    ) -> (Verdict, Duration) {
        let tried = self.count_failure();
        self.last_failure = Some(failure.clone());
        let last = matches!(tried, Try::Last { .. });
        if last || self.config.log_all_failures {
            self.log_failure(failure, tried, of, actions);
        }
        match tried {
            Try::First { .. } | Try::Retry { .. } => {
                (Verdict::Unchanged, self.config.delay_before_retry)
            }
            Try::Last { .. } | Try::WhileDown => {
                self.round.failed = true;
                (self.become_state(false), self.delay_while_down())
            }
        }
    }

    fn count_failure(&mut self) -> Try {
        let retry = self.config.retry;
        if !self.has_run {
            // keepalived: no retries before the first success.
            return Try::Last { retries: 0 };
        }
        if !self.up {
            return Try::WhileDown;
        }
        if self.retries >= retry {
            self.retries = 0;
            return Try::Last { retries: retry };
        }
        self.retries += 1;
        match self.retries {
            1 => Try::First { retry },
            number => Try::Retry {
                number: number - 1,
                retry,
            },
        }
    }

    fn log_failure(&self, failure: Failure, tried: Try, of: Subject, actions: &mut Actions) {
        let method = self.method();
        let mut log = |event| actions.push(Action::Log(event));
        if let CheckerKind::MiscCheck(misc) = &self.config.kind {
            log(Event::MiscFailed {
                of,
                command: misc.misc_path.to_string(),
                failure,
                tried,
            });
            return;
        }
        log(Event::TryFailed {
            of,
            method,
            failure: failure.clone(),
        });
        log(Event::FailureExplained { of, failure });
        if let Try::Last { retries } = tried {
            log(Event::CheckFailed {
                of,
                method,
                retries,
            });
        }
    }

    fn delay_while_down(&self) -> Duration {
        match self.config.kind {
            // keepalived: a failed url is not asked more often than this.
            CheckerKind::HttpGet(..) => self.config.delay_loop.max(self.config.delay_before_retry),
            CheckerKind::TcpCheck(_) | CheckerKind::MiscCheck(_) => self.config.delay_loop,
        }
    }

    fn become_state(&mut self, up: bool) -> Verdict {
        let first = !self.has_run;
        self.has_run = true;
        match (self.up, up) {
            (true, false) => {
                self.up = false;
                Verdict::WentDown
            }
            (false, true) => {
                self.up = true;
                Verdict::WentUp
            }
            (true, true) | (false, false) if first => Verdict::Confirmed,
            (true, true) | (false, false) => Verdict::Unchanged,
        }
    }

    /// The last result was one; `None`: it passed.
    pub(super) fn last_failure(&self) -> Option<&Failure> {
        self.last_failure.as_ref()
    }

    pub(super) fn method(&self) -> CheckMethod {
        match &self.config.kind {
            CheckerKind::TcpCheck(_) => CheckMethod::Tcp,
            CheckerKind::HttpGet(_, http) if http.tls => CheckMethod::Ssl,
            CheckerKind::HttpGet(..) => CheckMethod::Http,
            CheckerKind::MiscCheck(_) => CheckMethod::Misc,
        }
    }

    pub(super) fn snapshot(&self, now: Instant) -> CheckerSnapshot {
        CheckerSnapshot {
            method: self.method().to_string(),
            up: self.up,
            has_run: self.has_run,
            last_run_age: self.last_run.map(|last| now.duration_since(last)),
            last_failure: self.last_failure.as_ref().map(Failure::to_string),
        }
    }
}
