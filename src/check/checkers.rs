//! All virtual servers together: the timetable, restart, reload, stop, and trouble with the plane.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::forwarding::{Forwarding, Ownership};
use super::real_server::Registrar;
use super::timetable::Timetable;
use super::virtual_server::{Step, VirtualServer, key_of};
use super::{Action, Actions, CheckId, CheckerId, Event, Input, Outcome, Snapshot};
use crate::config::{self, Config};
use crate::lvs::{ServiceKey, Table};

/// After a command failed, what the plane holds is read back this much later, then twice as late each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// A lost plane is tried again this soon, then twice as late each time: its child is restarting.
const FIRST_RECONNECT: Duration = Duration::from_millis(50);
const LONGEST_RECONNECT: Duration = Duration::from_secs(5);

/// Where a checker is: virtual server, real server, checker.
type Place = (usize, usize, usize);

/// The checkers of a configuration, what they have found, and what follows for the plane.
///
/// A virtual server is known by address, port and protocol, a real server by address and port.
#[derive(Debug)]
pub struct Checkers {
    virtual_servers: Vec<VirtualServer>,
    places: BTreeMap<CheckerId, Place>,
    timetable: Timetable,
    next_id: u64,
    forwarding: Forwarding,
    trouble: Trouble,
}

/// What is wrong with the plane and when it is tried again.
#[derive(Debug, Default)]
struct Trouble {
    retry_at: Option<Instant>,
    /// How long to wait the next time; none while all is well.
    wait: Option<Duration>,
    /// Said already, and not again while it lasts.
    reported: BTreeSet<String>,
}

impl Checkers {
    /// Starts with what the plane holds. A service that it holds already goes on as it is, real servers that are
    /// missing or inhibited stay out until their checks pass; a service that is new gets all its real servers at
    /// once, except those with an `alpha` checker. A service that it holds and that is not configured goes if the
    /// plane is exclusive, or with `lvs_flush`.
    ///
    /// `cannot_carry`: what the plane cannot do, for the virtual servers that it cannot carry. `warmup` chooses a
    /// part of the time it is given.
    pub fn new(
        config: &Config,
        programmed: &Table,
        ownership: Ownership,
        cannot_carry: &BTreeMap<ServiceKey, String>,
        warmup: &mut dyn FnMut(Duration) -> Duration,
        now: Instant,
    ) -> (Self, Actions) {
        let mut checkers = Self {
            virtual_servers: Vec::new(),
            places: BTreeMap::new(),
            timetable: Timetable::default(),
            next_id: 1,
            forwarding: Forwarding::new(programmed.clone(), ownership),
            trouble: Trouble::default(),
        };
        let mut actions = Actions::new();
        let before = BTreeMap::new();
        checkers.configure(config, before, cannot_carry, warmup, now, &mut actions);
        let unclaimed = checkers.forwarding.disclaim();
        if ownership == Ownership::Exclusive || config.global_defs.lvs.lvs_flush {
            checkers.flush(unclaimed, &mut actions);
        }
        (checkers, actions)
    }

    /// Services that are not configured go.
    fn flush(&mut self, unclaimed: impl Iterator<Item = ServiceKey>, actions: &mut Actions) {
        let configured: BTreeSet<ServiceKey> =
            self.virtual_servers.iter().map(|vs| vs.key).collect();
        // One that the plane cannot carry is configured, claims nothing, and has seen to its service already.
        for virtual_server in unclaimed.filter(|key| !configured.contains(key)) {
            actions.push(Action::Log(Event::VirtualServerRemoved { virtual_server }));
            self.forwarding.program(virtual_server, None, actions);
        }
    }

    /// One thing has happened.
    pub fn handle(&mut self, input: Input, now: Instant) -> Actions {
        let mut actions = Actions::new();
        match input {
            Input::CheckFinished { check, outcome } => {
                self.check_finished(check, outcome, now, &mut actions);
            }
            Input::Applied { failures } => self.applied(failures, now, &mut actions),
            Input::ReadBack(table) => self.read_back(table, &mut actions),
            Input::ReadBackFailed { reason } => self.read_back_failed(reason, now, &mut actions),
            Input::PlaneLost { reason } => {
                self.report_lost(reason, &mut actions);
                self.start_reading_back(&mut actions);
            }
            Input::Timeout => {}
        }
        self.act_on_time(now, &mut actions);
        actions
    }

    /// When [`Input::Timeout`] is wanted at the latest.
    pub fn next_timeout(&self) -> Option<Instant> {
        [self.timetable.next(), self.trouble.retry_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Goes over to another configuration and touches what differs, nothing else. What is kept keeps its state,
    /// and a checker that is equal its schedule.
    pub fn reload(
        &mut self,
        config: &Config,
        cannot_carry: &BTreeMap<ServiceKey, String>,
        warmup: &mut dyn FnMut(Duration) -> Duration,
        now: Instant,
    ) -> Actions {
        let mut actions = Actions::new();
        let configured: BTreeSet<ServiceKey> = config.virtual_servers.iter().map(key_of).collect();
        let mut before = BTreeMap::new();
        for mut virtual_server in std::mem::take(&mut self.virtual_servers) {
            if configured.contains(&virtual_server.key) {
                before.insert(virtual_server.key, virtual_server);
            } else {
                actions.push(Action::Log(Event::VirtualServerRemoved {
                    virtual_server: virtual_server.key,
                }));
                virtual_server.remove(&mut Step {
                    forwarding: &mut self.forwarding,
                    actions: &mut actions,
                });
            }
        }
        self.configure(config, before, cannot_carry, warmup, now, &mut actions);
        actions
    }

    fn configure(
        &mut self,
        config: &Config,
        mut before: BTreeMap<ServiceKey, VirtualServer>,
        cannot_carry: &BTreeMap<ServiceKey, String>,
        warmup: &mut dyn FnMut(Duration) -> Duration,
        now: Instant,
        actions: &mut Actions,
    ) {
        let mut registrar = Registrar {
            next_id: &mut self.next_id,
            warmup,
            now,
        };
        let mut step = Step {
            forwarding: &mut self.forwarding,
            actions,
        };
        let mut seen = BTreeSet::new();
        // The configuration has each virtual server once; two would fight over one service.
        let configured = config.virtual_servers.iter();
        for config in configured.filter(|config| seen.insert(key_of(config))) {
            let key = key_of(config);
            let virtual_server = next_virtual_server(
                before.remove(&key),
                config.clone(),
                cannot_carry.get(&key),
                &mut registrar,
                &mut step,
            );
            self.virtual_servers.push(virtual_server);
        }
        self.index();
    }

    /// Finds out anew where each checker is and when its time comes.
    fn index(&mut self) {
        self.places.clear();
        self.timetable = Timetable::default();
        for (vs_index, virtual_server) in self.virtual_servers.iter().enumerate() {
            for (rs_index, real_server) in virtual_server.real_servers.iter().enumerate() {
                for (index, checker) in real_server.checkers.iter().enumerate() {
                    self.places.insert(checker.id, (vs_index, rs_index, index));
                    self.timetable.set(checker.id, checker.due());
                }
            }
        }
    }

    fn check_finished(
        &mut self,
        check: CheckId,
        outcome: Outcome,
        now: Instant,
        actions: &mut Actions,
    ) {
        let Some(&(vs, rs, checker)) = self.places.get(&check.checker) else {
            return;
        };
        let running = (self.virtual_servers.get(vs))
            .and_then(|vs| vs.real_servers.get(rs)?.checkers.get(checker)?.running());
        if running != Some(check) {
            return;
        }
        if let Some(virtual_server) = self.virtual_servers.get_mut(vs) {
            let mut step = Step {
                forwarding: &mut self.forwarding,
                actions,
            };
            virtual_server.check_finished((rs, checker), outcome, now, &mut step);
        }
        self.reschedule(check.checker);
    }

    fn act_on_time(&mut self, now: Instant, actions: &mut Actions) {
        while let Some(id) = self.timetable.pop_due(now) {
            let Some(&(vs, rs, checker)) = self.places.get(&id) else {
                continue;
            };
            if let Some(virtual_server) = self.virtual_servers.get_mut(vs) {
                let mut step = Step {
                    forwarding: &mut self.forwarding,
                    actions,
                };
                virtual_server.poll((rs, checker), now, &mut step);
            }
            self.reschedule(id);
        }
        if self.trouble.retry_at.is_some_and(|at| at <= now) {
            self.start_reading_back(actions);
        }
    }

    fn reschedule(&mut self, id: CheckerId) {
        let due = (self.places.get(&id)).and_then(|&(vs, rs, checker)| {
            let real_server = self.virtual_servers.get(vs)?.real_servers.get(rs)?;
            Some(real_server.checkers.get(checker)?.due())
        });
        if let Some(due) = due {
            self.timetable.set(id, due);
        }
    }

    fn applied(&mut self, failures: Vec<String>, now: Instant, actions: &mut Actions) {
        if failures.is_empty() {
            // While what the plane holds is unknown, a command that worked says little.
            if !self.forwarding.uncertain && self.trouble.retry_at.is_none() {
                self.recovered(actions);
            }
            return;
        }
        self.report(failures, actions);
        if !self.forwarding.uncertain {
            self.retry_later(FIRST_RETRY, LONGEST_RETRY, now);
        }
    }

    fn report(&mut self, failures: Vec<String>, actions: &mut Actions) {
        for failure in failures {
            if self.trouble.reported.insert(failure.clone()) {
                actions.push(Action::Log(Event::NotProgrammed { failure }));
            }
        }
    }

    fn read_back(&mut self, table: Table, actions: &mut Actions) {
        let wanted = Table {
            services: (self.virtual_servers.iter())
                .filter_map(|vs| Some((vs.key, vs.wanted()?)))
                .collect(),
        };
        let before = actions.len();
        self.forwarding.program_all(table, &wanted, actions);
        self.trouble.retry_at = None;
        if actions.len() == before {
            self.recovered(actions);
        }
    }

    fn read_back_failed(&mut self, reason: String, now: Instant, actions: &mut Actions) {
        self.report_lost(reason, actions);
        self.retry_later(FIRST_RECONNECT, LONGEST_RECONNECT, now);
    }

    fn report_lost(&mut self, reason: String, actions: &mut Actions) {
        if self.trouble.reported.insert(reason.clone()) {
            actions.push(Action::Log(Event::PlaneLost { reason }));
        }
    }

    fn retry_later(&mut self, first: Duration, longest: Duration, now: Instant) {
        let wait = self.trouble.wait.unwrap_or(first).min(longest);
        self.trouble.wait = Some((wait * 2).min(longest));
        self.trouble.retry_at = Some(now + wait);
    }

    fn start_reading_back(&mut self, actions: &mut Actions) {
        self.trouble.retry_at = None;
        self.forwarding.uncertain = true;
        actions.push(Action::ReadBack);
    }

    fn recovered(&mut self, actions: &mut Actions) {
        let trouble = std::mem::take(&mut self.trouble);
        if !trouble.reported.is_empty() {
            actions.push(Action::Log(Event::PlaneRestored));
        }
    }

    /// The program ends: takes away everything that is programmed and is ours. Scripts run only with `omega`.
    /// Nothing happens afterwards.
    pub fn stop(&mut self) -> Actions {
        let mut actions = Actions::new();
        self.forwarding.uncertain = false;
        for virtual_server in &mut self.virtual_servers {
            virtual_server.stop(&mut Step {
                forwarding: &mut self.forwarding,
                actions: &mut actions,
            });
        }
        self.virtual_servers.clear();
        self.index();
        self.trouble = Trouble::default();
        actions
    }

    pub fn snapshot(&self, now: Instant) -> Snapshot {
        Snapshot {
            virtual_servers: (self.virtual_servers.iter())
                .map(|virtual_server| virtual_server.snapshot(now))
                .collect(),
        }
    }
}

/// What becomes of a configured virtual server: kept, new, or not carried.
fn next_virtual_server(
    before: Option<VirtualServer>,
    config: config::VirtualServer,
    cannot_carry: Option<&String>,
    registrar: &mut Registrar<'_>,
    step: &mut Step<'_>,
) -> VirtualServer {
    match (before, cannot_carry) {
        (Some(mut kept), None) if kept.degraded_reason().is_none() => {
            kept.reload(config, registrar, step);
            kept
        }
        (Some(kept), Some(reason)) if kept.degraded_reason() == Some(reason) => kept,
        (Some(mut kept), Some(reason)) => {
            kept.remove(step);
            VirtualServer::degraded(config, reason.clone(), step)
        }
        (None, Some(reason)) => VirtualServer::degraded(config, reason.clone(), step),
        (Some(_) | None, None) => VirtualServer::new(config, registrar, step),
    }
}

#[cfg(test)]
mod tests;
