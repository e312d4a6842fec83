//! A `vrrp_sync_group`: instances that change state together (keepalived: vrrp_sync.c).
//!
//! This is the group's own state and who is in it; the walk over its members is in `routers.rs`.

use super::notification::{Announcement, Notice, Subject, SubjectKind, notify};
use super::{Action, Actions, Event, State};
use crate::config::VrrpSyncGroup;

#[derive(Clone, Debug)]
pub(super) struct SyncGroup {
    config: VrrpSyncGroup,
    /// Indices into the instances.
    members: Vec<usize>,
    state: State,
}

impl SyncGroup {
    pub(super) fn new(config: VrrpSyncGroup, members: Vec<usize>, state: State) -> Self {
        Self {
            config,
            members,
            state,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn config(&self) -> &VrrpSyncGroup {
        &self.config
    }

    pub(super) fn members(&self) -> &[usize] {
        &self.members
    }

    pub(super) fn contains(&self, member: usize) -> bool {
        self.members.contains(&member)
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Says that the members are about to follow.
    pub(super) fn log_syncing(&self, state: State, actions: &mut Actions) {
        actions.push(Action::Log(Event::GroupSynced {
            group: self.name().to_owned(),
            state,
        }));
    }

    /// Takes the new state and runs the group's scripts for it.
    pub(super) fn enter(&mut self, state: State, actions: &mut Actions) {
        if self.state == state {
            return;
        }
        self.state = state;
        match state {
            State::Master => self.notify(Notice::Master, actions),
            State::Backup => self.notify(Notice::Backup, actions),
            State::Fault => self.notify(Notice::Fault, actions),
            State::Init => {}
        }
    }

    pub(super) fn notify(&self, notice: Notice, actions: &mut Actions) {
        let subject = Subject::Group { name: self.name() };
        let smtp_alert = self.config.smtp_alert;
        notify(subject, &self.config.notify, notice, smtp_alert, actions);
    }

    /// Says its state again, to the FIFOs alone.
    pub(super) fn repeat_state(&self, actions: &mut Actions) {
        let notice = match self.state {
            State::Init => return,
            State::Backup => Notice::Backup,
            State::Master => Notice::Master,
            State::Fault => Notice::Fault,
        };
        actions.push(Action::Announce(Announcement {
            kind: SubjectKind::Group,
            name: self.name().to_owned(),
            notice,
            priority: 0,
            smtp_alert: false,
        }));
    }
}
