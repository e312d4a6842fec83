//! Which notification scripts run at a transition, in keepalived's order: the script for the state,
//! then the generic one with its four arguments.

use super::{Action, Actions, Notification};
use crate::config::NotifyScripts;
use crate::types::Priority;

/// What a script is told about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Notice {
    Master,
    Backup,
    Fault,
    Stop,
}

/// Whom it is told about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    Instance { name: &'a str, priority: Priority },
    Group { name: &'a str },
}

/// Adds the scripts that are configured for `notice`.
pub(super) fn notify(
    subject: Subject<'_>,
    scripts: &NotifyScripts,
    notice: Notice,
    actions: &mut Actions,
) {
    let (kind, name, priority) = match subject {
        Subject::Instance { name, priority } => ("INSTANCE", name, priority.get()),
        // keepalived: the literal 0.
        Subject::Group { name } => ("GROUP", name, 0),
    };
    let (for_state, state) = match notice {
        Notice::Master => (&scripts.notify_master, "MASTER"),
        Notice::Backup => (&scripts.notify_backup, "BACKUP"),
        Notice::Fault => (&scripts.notify_fault, "FAULT"),
        Notice::Stop => (&scripts.notify_stop, "STOP"),
    };
    let mut run = |command: &Option<_>, arguments: Vec<String>| {
        if let Some(command) = command.clone() {
            actions.push(Action::Notify(Notification {
                subject: name.to_owned(),
                command,
                arguments,
            }));
        }
    };
    run(for_state, Vec::new());
    let priority = priority.to_string();
    run(
        &scripts.notify,
        [kind, name, state, &priority].map(str::to_owned).to_vec(),
    );
}
