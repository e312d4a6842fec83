//! Who is told of a transition, in keepalived's order: the script for the state, then the generic one with its four
//! arguments, then the FIFOs, then mail.

use super::{Action, Actions, Notification};
use crate::config::NotifyScripts;
use crate::types::{Priority, ScriptCommand};

/// What is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notice {
    Master,
    Backup,
    Fault,
    Stop,
    /// No longer configured, and it has a script for that.
    Deleted,
    /// A MASTER heard an advert of lower priority.
    MasterRxLowerPri,
    /// The priority of a MASTER has changed.
    MasterPriority,
    /// That of a BACKUP.
    BackupPriority,
}

impl Notice {
    /// As scripts and FIFOs are told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
            Self::MasterRxLowerPri => "MASTER_RX_LOWER_PRI",
            Self::MasterPriority => "MASTER_PRIORITY",
            Self::BackupPriority => "BACKUP_PRIORITY",
        }
    }

    /// The state that it announces, as opposed to an event while in a state.
    fn is_state(self) -> bool {
        match self {
            Self::Master | Self::Backup | Self::Fault | Self::Stop | Self::Deleted => true,
            Self::MasterRxLowerPri | Self::MasterPriority | Self::BackupPriority => false,
        }
    }
}

/// Whom it is told about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    Instance { name: &'a str, priority: Priority },
    Group { name: &'a str },
}

/// The same without its name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SubjectKind {
    Instance,
    Group,
}

impl SubjectKind {
    /// As scripts and FIFOs are told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Instance => "INSTANCE",
            Self::Group => "GROUP",
        }
    }
}

/// What FIFOs and mail are told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announcement {
    pub kind: SubjectKind,
    pub name: String,
    pub notice: Notice,
    /// Effective priority; 0 of a group (keepalived: the literal 0).
    pub priority: u8,
    /// Mail is wanted too.
    pub smtp_alert: bool,
}

impl Announcement {
    /// The line for the FIFOs.
    pub fn fifo_line(&self) -> String {
        let (kind, state) = (self.kind.word(), self.notice.word());
        format!("{kind} \"{}\" {state} {}\n", self.name, self.priority)
    }

    /// Subject and body of the mail, in keepalived's words; `None` where there is none.
    pub fn mail(&self) -> Option<(String, String)> {
        let what = match self.notice {
            Notice::Master => "Entering MASTER state",
            Notice::Backup => "Entering BACKUP state",
            Notice::Fault => "Entering FAULT state",
            Notice::Stop => "Stopping",
            Notice::Deleted => "Deleted",
            Notice::MasterRxLowerPri | Notice::MasterPriority | Notice::BackupPriority => {
                return None;
            }
        };
        let (kind, body) = match (self.kind, self.notice) {
            (SubjectKind::Instance, Notice::Master) => {
                ("Instance", "VRRP Instance is now owning VRRP VIPs")
            }
            (SubjectKind::Instance, Notice::Stop) => ("Instance", "VRRP Instance stopping"),
            (SubjectKind::Instance, Notice::Deleted) => ("Instance", "VRRP Instance deleted"),
            (SubjectKind::Instance, _) => {
                ("Instance", "VRRP Instance is no longer owning VRRP VIPs")
            }
            (SubjectKind::Group, Notice::Stop) => {
                ("Group", "All VRRP group instances are now stopping")
            }
            (SubjectKind::Group, notice) => {
                let state = notice.word();
                let subject = format!("VRRP Group {} - {what}", self.name);
                let body = format!("=> All VRRP group instances are now in {state} state <=\n");
                return Some((subject, body));
            }
        };
        let subject = format!("VRRP {kind} {} - {what}", self.name);
        Some((subject, format!("=> {body} <=\n")))
    }
}

/// Adds all that is told of `notice`.
pub(super) fn notify(
    subject: Subject<'_>,
    scripts: &NotifyScripts,
    notice: Notice,
    smtp_alert: bool,
    actions: &mut Actions,
) {
    let (kind, name, priority) = match subject {
        Subject::Instance { name, priority } => (SubjectKind::Instance, name, priority.get()),
        Subject::Group { name } => (SubjectKind::Group, name, 0),
    };
    let mut run = |command: &Option<ScriptCommand>, arguments: Vec<String>| {
        if let Some(command) = command.clone() {
            actions.push(Action::Notify(Notification {
                subject: name.to_owned(),
                command,
                arguments,
            }));
        }
    };
    let for_notice = match notice {
        Notice::Master => &scripts.notify_master,
        Notice::Backup => &scripts.notify_backup,
        Notice::Fault => &scripts.notify_fault,
        Notice::Stop => &scripts.notify_stop,
        Notice::Deleted => &scripts.notify_deleted,
        Notice::MasterRxLowerPri => &scripts.notify_master_rx_lower_pri,
        Notice::MasterPriority | Notice::BackupPriority => &None,
    };
    run(for_notice, Vec::new());
    if notice.is_state() {
        let words = [kind.word(), name, notice.word(), &priority.to_string()];
        run(&scripts.notify, words.map(str::to_owned).to_vec());
    }
    actions.push(Action::Announce(Announcement {
        kind,
        name: name.to_owned(),
        notice,
        priority,
        smtp_alert: smtp_alert && notice.is_state(),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(kind: SubjectKind, notice: Notice) -> Announcement {
        Announcement {
            kind,
            name: "X 1".to_owned(),
            notice,
            priority: if kind == SubjectKind::Group { 0 } else { 150 },
            smtp_alert: true,
        }
    }

    #[test]
    fn fifo_lines_are_keepalived_s() {
        let instance = announcement(SubjectKind::Instance, Notice::MasterRxLowerPri);
        assert_eq!(
            instance.fifo_line(),
            "INSTANCE \"X 1\" MASTER_RX_LOWER_PRI 150\n"
        );
        let group = announcement(SubjectKind::Group, Notice::Backup);
        assert_eq!(group.fifo_line(), "GROUP \"X 1\" BACKUP 0\n");
    }

    #[test]
    fn mails_are_in_keepalived_s_words() {
        let mail = |kind, notice| announcement(kind, notice).mail().expect("a mail");
        assert_eq!(
            mail(SubjectKind::Instance, Notice::Master),
            (
                "VRRP Instance X 1 - Entering MASTER state".to_owned(),
                "=> VRRP Instance is now owning VRRP VIPs <=\n".to_owned()
            )
        );
        assert_eq!(
            mail(SubjectKind::Group, Notice::Fault).1,
            "=> All VRRP group instances are now in FAULT state <=\n"
        );
        let priority = announcement(SubjectKind::Instance, Notice::BackupPriority);
        assert_eq!(priority.mail(), None);
    }
}
