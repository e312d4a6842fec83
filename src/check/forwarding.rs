//! What the forwarding plane is believed to hold, and the commands that make it what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Actions};
use crate::lvs::{Command, RealServer, Service, ServiceKey, Table, plan};
use crate::types::ServerAddress;

/// A service with its real servers, as it should be programmed.
pub(super) type Wanted = (Service, BTreeMap<ServerAddress, RealServer>);

/// Whose the services of a plane are that no configuration of this process has had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ownership {
    /// Nobody else programs it. All that it holds is ours: what is not configured is left from an earlier process
    /// that could not take it away, and goes.
    Exclusive,
    /// Others program it too, and nothing in it says who made a service. What is not configured when this process
    /// starts is taken for theirs and never touched, even if an earlier process has left it.
    Shared,
}

/// The plane as far as the checkers know it. Every change of theirs goes through here, so that nothing is
/// sent that the plane has already.
#[derive(Debug)]
pub(super) struct Forwarding {
    programmed: Table,
    /// What was programmed before this process, until somebody goes on with it.
    inherited: Table,
    ownership: Ownership,
    /// Services that we may remove.
    ours: BTreeSet<ServiceKey>,
    /// What the plane holds is being read back: it will be planned as a whole when that is known.
    pub(super) uncertain: bool,
}

impl Forwarding {
    pub(super) fn new(programmed: Table, ownership: Ownership) -> Self {
        Self {
            inherited: programmed.clone(),
            programmed,
            ownership,
            ours: BTreeSet::new(),
            uncertain: false,
        }
    }

    /// What an earlier process has left of this service; once.
    pub(super) fn inherit(&mut self, key: ServiceKey) -> Option<Wanted> {
        self.inherited.services.remove(&key)
    }

    /// What nobody has asked for is no inheritance any more.
    pub(super) fn disclaim(&mut self) -> impl Iterator<Item = ServiceKey> + use<> {
        std::mem::take(&mut self.inherited).services.into_keys()
    }

    /// Makes one service what is wanted, or removes it.
    pub(super) fn program(
        &mut self,
        key: ServiceKey,
        wanted: Option<Wanted>,
        actions: &mut Actions,
    ) {
        self.ours.insert(key);
        if self.uncertain {
            return;
        }
        let actual = only(key, self.programmed.services.get(&key).cloned());
        self.send(
            plan(&actual, &only(key, wanted), &BTreeSet::from([key])),
            actions,
        );
    }

    /// Makes everything what is wanted, starting from what was read back.
    pub(super) fn program_all(&mut self, actual: Table, wanted: &Table, actions: &mut Actions) {
        self.uncertain = false;
        if self.ownership == Ownership::Exclusive {
            self.ours.extend(actual.services.keys());
        }
        self.ours
            .retain(|key| actual.services.contains_key(key) || wanted.services.contains_key(key));
        self.programmed = actual;
        self.send(plan(&self.programmed, wanted, &self.ours), actions);
    }

    fn send(&mut self, commands: Vec<Command>, actions: &mut Actions) {
        for command in &commands {
            self.programmed.apply(command);
        }
        if commands.is_empty() {
            return;
        }
        // What follows directly goes out together, so that one request carries a whole start.
        if let Some(Action::Program(earlier)) = actions.last_mut() {
            earlier.extend(commands);
        } else {
            actions.push(Action::Program(commands));
        }
    }
}

fn only(key: ServiceKey, entry: Option<Wanted>) -> Table {
    Table {
        services: entry.into_iter().map(|entry| (key, entry)).collect(),
    }
}
