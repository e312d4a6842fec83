//! One real server of a virtual server: alive while all its checkers are up.

use std::time::{Duration, Instant};

use super::checker::Checker;
use super::{Action, Actions, CheckerId, Event, RealServerSnapshot, Subject};
use crate::config::{self, CheckerKind};
use crate::lvs;
use crate::types::Weight;

/// What new checkers get.
pub(super) struct Registrar<'a> {
    pub(super) next_id: &'a mut u64,
    /// Chooses a part of the configured warmup.
    pub(super) warmup: &'a mut dyn FnMut(Duration) -> Duration,
    pub(super) now: Instant,
}

impl Registrar<'_> {
    fn register(
        &mut self,
        config: &config::Checker,
        of: Subject,
        actions: &mut Actions,
    ) -> Checker {
        let id = CheckerId(*self.next_id);
        *self.next_id += 1;
        let warmup = (self.warmup)(config.warmup);
        actions.push(Action::Log(Event::CheckerActivated { of }));
        Checker::new(id, config.clone(), warmup, self.now)
    }
}

#[derive(Debug)]
pub(super) struct RealServer {
    pub(super) config: config::RealServer,
    /// The configured weight, or what misc_dynamic made of it.
    pub(super) weight: Weight,
    pub(super) alive: bool,
    pub(super) checkers: Vec<Checker>,
}

impl RealServer {
    /// Starts as its checkers do: alive unless one of them is `alpha`.
    pub(super) fn new(config: config::RealServer) -> Self {
        Self {
            weight: config.weight,
            alive: !config.checkers.iter().any(|checker| checker.alpha),
            config,
            checkers: Vec::new(),
        }
    }

    /// Goes on as it is programmed, whatever state that was.
    pub(super) fn resume(&mut self, programmed: Option<&lvs::RealServer>) {
        let in_service = self.config.checkers.is_empty()
            || programmed.is_some_and(|programmed| {
                let inhibited = self.config.inhibit_on_failure
                    && programmed.weight == Weight::ZERO
                    && self.config.weight != Weight::ZERO;
                !inhibited
            });
        self.alive = in_service;
        if let Some(programmed) = programmed.filter(|_| in_service && self.has_dynamic_weight()) {
            self.weight = programmed.weight;
        }
    }

    fn has_dynamic_weight(&self) -> bool {
        self.config.checkers.iter().any(
            |checker| matches!(&checker.kind, CheckerKind::MiscCheck(misc) if misc.misc_dynamic),
        )
    }

    /// Makes its checkers. `resumed`: they have run in an earlier life, with the result that it is alive or not.
    pub(super) fn register(
        &mut self,
        resumed: bool,
        of: Subject,
        registrar: &mut Registrar<'_>,
        actions: &mut Actions,
    ) {
        self.checkers = (self.config.checkers.iter())
            .map(|config| registrar.register(config, of, actions))
            .collect();
        if resumed {
            let alive = self.alive;
            (self.checkers.iter_mut()).for_each(|checker| checker.assume(alive, true));
        }
    }

    /// All its checkers are up.
    pub(super) fn passes(&self) -> bool {
        self.checkers.iter().all(Checker::is_up)
    }

    /// Takes the new configuration: what is checked as before keeps its state and its schedule. A new check of a
    /// server that is down has to pass before the server is up again.
    pub(super) fn reload(
        &mut self,
        config: &config::RealServer,
        of: Subject,
        registrar: &mut Registrar<'_>,
        actions: &mut Actions,
    ) {
        let mut kept = std::mem::take(&mut self.checkers);
        for wanted in &config.checkers {
            let same = (kept.iter().position(|old| old.config() == wanted))
                .or_else(|| kept.iter().position(|old| old.config().kind == wanted.kind));
            let checker = if let Some(position) = same {
                let mut checker = kept.remove(position);
                if checker.config() != wanted {
                    checker.adopt(wanted.clone(), registrar.now);
                }
                checker
            } else {
                let mut checker = registrar.register(wanted, of, actions);
                checker.assume(self.alive, false);
                checker
            };
            self.checkers.push(checker);
        }
        cancel(&kept, actions);
        let reweighted = self.config.weight != config.weight;
        self.config = config.clone();
        // What a script has said holds only as long as one is asked.
        if reweighted || !self.has_dynamic_weight() {
            self.set_weight(config.weight, of, actions);
        }
    }

    /// Cancels what runs.
    pub(super) fn cancel_checks(&self, actions: &mut Actions) {
        cancel(&self.checkers, actions);
    }

    pub(super) fn set_weight(&mut self, to: Weight, of: Subject, actions: &mut Actions) {
        let from = std::mem::replace(&mut self.weight, to);
        if from != to {
            actions.push(Action::Log(Event::WeightChanged {
                of,
                from,
                to,
                alive: self.alive,
            }));
        }
    }

    /// Down, and left in the plane with weight 0.
    pub(super) fn is_inhibited(&self) -> bool {
        self.config.inhibit_on_failure && !self.alive
    }

    /// What counts for the quorum.
    pub(super) fn live_weight(&self) -> u64 {
        if self.alive {
            u64::from(self.weight.get())
        } else {
            0
        }
    }

    /// The entry that the plane should have. While a sorry server takes the traffic nobody else does.
    pub(super) fn wanted(&self, sorry_server_active: bool) -> Option<lvs::RealServer> {
        let in_service = self.alive && !sorry_server_active;
        (in_service || self.config.inhibit_on_failure).then_some(lvs::RealServer {
            address: self.config.address,
            weight: if in_service {
                self.weight
            } else {
                Weight::ZERO
            },
            method: self.config.lvs_method,
        })
    }

    pub(super) fn snapshot(&self, now: Instant) -> RealServerSnapshot {
        RealServerSnapshot {
            address: self.config.address,
            alive: self.alive,
            weight: self.weight,
            checkers: (self.checkers.iter())
                .map(|checker| checker.snapshot(now))
                .collect(),
        }
    }
}

fn cancel(checkers: &[Checker], actions: &mut Actions) {
    let running = checkers.iter().filter_map(Checker::running);
    actions.extend(running.map(|check| Action::CancelCheck { check }));
}
