//! One supervised child: its life between two deaths, the hellos, the growing delays.

use std::time::{Duration, Instant};

/// A child that has been up this long starts again at once (keepalived: 60 s).
const STABLE: Duration = Duration::from_secs(60);
/// Seconds to wait before the n-th restart in a row (keepalived: 0, 1, 2, 4 … 60).
const DELAYS: [u64; 8] = [0, 1, 2, 4, 8, 16, 32, 60];
/// This many hellos in a row without an answer, and the child is killed.
pub(super) const UNANSWERED_LIMIT: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Child {
    pub(super) state: State,
    /// Deaths in a row without a stable life between them.
    deaths: usize,
    /// It has died at least once since the program started.
    pub(super) restarted: bool,
}

#[derive(Debug, Default)]
pub(super) enum State {
    /// Not wanted.
    #[default]
    Off,
    /// Waiting for its delay.
    Delayed {
        until: Instant,
    },
    Up(Up),
}

#[derive(Debug)]
pub(super) struct Up {
    since: Instant,
    pub(super) ready: bool,
    pub(super) reloading: bool,
    /// Asked to stop: its exit is no death, and it is killed if it has not ended by then.
    pub(super) stopping: Option<Instant>,
    pub(super) killed: bool,
    /// Killed because its lease ended: the machine did not let it run in time.
    pub(super) stalled: bool,
    hello: Hello,
}

/// The hellos of one life.
#[derive(Debug)]
struct Hello {
    number: u64,
    answered: u64,
    unanswered: u32,
    next: Instant,
}

/// What is due with a running child.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Due {
    Nothing,
    Hello(u64),
    Kill {
        unanswered: u32,
    },
    /// It was asked to stop and has not.
    ForcedTermination,
}

impl Child {
    pub(super) fn started(&mut self, hello_interval: Duration, now: Instant) {
        self.state = State::Up(Up {
            since: now,
            ready: false,
            reloading: false,
            stopping: None,
            killed: false,
            stalled: false,
            hello: Hello {
                number: 0,
                answered: 0,
                unanswered: 0,
                next: now + hello_interval,
            },
        });
    }

    pub(super) fn up(&self) -> Option<&Up> {
        match &self.state {
            State::Up(up) => Some(up),
            State::Off | State::Delayed { .. } => None,
        }
    }

    pub(super) fn up_mut(&mut self) -> Option<&mut Up> {
        match &mut self.state {
            State::Up(up) => Some(up),
            State::Off | State::Delayed { .. } => None,
        }
    }

    pub(super) fn is_off(&self) -> bool {
        matches!(self.state, State::Off)
    }

    /// It died and is to be started again after the returned delay.
    ///
    /// One whose lease ended was MASTER, so it had lived for its Master_Down_Interval and had no defect that shows at
    /// the start. A pause would not heal a machine that stalls, and where its peer stalls too, nobody would be MASTER.
    pub(super) fn died(&mut self, now: Instant) -> Duration {
        self.restarted = true;
        if self.up().is_some_and(|up| up.stalled) {
            self.state = State::Delayed { until: now };
            return Duration::ZERO;
        }
        let stable = self
            .up()
            .is_some_and(|up| now.duration_since(up.since) >= STABLE);
        if stable {
            self.deaths = 0;
        }
        let delay = Duration::from_secs(DELAYS[self.deaths.min(DELAYS.len() - 1)]);
        self.deaths += 1;
        self.state = State::Delayed { until: now + delay };
        delay
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Off => None,
            State::Delayed { until } => Some(*until),
            State::Up(up) if up.killed => None,
            State::Up(up) => Some(up.stopping.unwrap_or(up.hello.next)),
        }
    }
}

impl Up {
    /// The child can answer now; returns the number of its first hello.
    pub(super) fn became_ready(&mut self, hello_interval: Duration, now: Instant) -> u64 {
        self.ready = true;
        self.hello.number += 1;
        self.hello.next = now + hello_interval;
        self.hello.number
    }

    pub(super) fn hello_answered(&mut self, number: u64) {
        if number == self.hello.number {
            self.hello.answered = number;
            self.hello.unanswered = 0;
        }
    }

    pub(super) fn due(&mut self, hello_interval: Duration, now: Instant) -> Due {
        match self.stopping {
            _ if self.killed => return Due::Nothing,
            Some(until) if now >= until => return Due::ForcedTermination,
            Some(_) => return Due::Nothing,
            None if now < self.hello.next => return Due::Nothing,
            None => {}
        }
        self.hello.next = now + hello_interval;
        if !self.ready || self.hello.answered != self.hello.number {
            self.hello.unanswered += 1;
            if self.hello.unanswered >= UNANSWERED_LIMIT {
                return Due::Kill {
                    unanswered: self.hello.unanswered,
                };
            }
        }
        if !self.ready {
            return Due::Nothing;
        }
        self.hello.number += 1;
        Due::Hello(self.hello.number)
    }
}
