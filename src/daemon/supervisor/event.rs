//! What the parent logs, in keepalived's wording where keepalived has the line.

use std::fmt;
use std::time::Duration;

use crate::daemon::exit_status::ExitStatus;
use crate::daemon::message::ChildKind;
use crate::types::RouterIdentity;

/// How a process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    Exited(i32),
    Signaled(i32),
    /// It could not even be started.
    NotStarted,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::Signaled(signal) => write!(f, "exited due to signal {signal}"),
            Self::NotStarted => f.write_str("could not be started"),
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    Died {
        kind: ChildKind,
        pid: u32,
        ended: Ended,
    },
    /// As before, where children are not started again (`-R`).
    DiedForGood {
        kind: ChildKind,
        pid: u32,
        ended: Ended,
    },
    RestartDelayed {
        kind: ChildKind,
        delay: Duration,
    },
    Permanent {
        kind: ChildKind,
        status: ExitStatus,
    },
    NoHello {
        kind: ChildKind,
        unanswered: u32,
    },
    /// Of that virtual router and of so many others.
    LeaseEnded {
        router: RouterIdentity,
        others: usize,
    },
    Fenced {
        addresses: usize,
    },
    /// The first of them, and so many others.
    NotTakenAway {
        error: String,
        others: usize,
    },
    TakenAwayAtLast {
        objects: usize,
    },
    StartupComplete,
    Reloading,
    ReloadQueued,
    ReloadRejected,
    ReloadComplete,
    NothingToRun,
    Stopping,
    ForcedTermination {
        kind: ChildKind,
    },
}

impl Event {
    /// Somebody should look at it.
    pub(crate) fn is_alert(&self) -> bool {
        match self {
            Self::Died { .. }
            | Self::DiedForGood { .. }
            | Self::Permanent { .. }
            | Self::NoHello { .. }
            | Self::LeaseEnded { .. }
            | Self::Fenced { .. }
            | Self::NotTakenAway { .. }
            | Self::TakenAwayAtLast { .. }
            | Self::ReloadRejected
            | Self::ForcedTermination { .. } => true,
            Self::RestartDelayed { .. }
            | Self::StartupComplete
            | Self::Reloading
            | Self::ReloadQueued
            | Self::ReloadComplete
            | Self::NothingToRun
            | Self::Stopping => false,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Died { kind, pid, ended } => {
                write!(f, "{kind} child process({pid}) died: Respawning ({ended})")
            }
            Self::DiedForGood { kind, pid, ended } => {
                write!(f, "{kind} child process({pid}) died: Exiting ({ended})")
            }
            Self::RestartDelayed { kind, delay } => write!(
                f,
                "Restart of {kind} process delayed {} seconds to limit respawn rate",
                delay.as_secs()
            ),
            Self::Permanent { kind, status } => write!(
                f,
                "{} exited with permanent error {}. Terminating",
                kind.ident(),
                status.words()
            ),
            Self::NoHello { kind, unanswered } => {
                write!(
                    f,
                    "{kind} child did not answer {unanswered} hellos: killing it"
                )
            }
            Self::LeaseEnded { router, others } => {
                write!(f, "({router}")?;
                if *others > 0 {
                    write!(f, " and {others} more")?;
                }
                f.write_str(
                    ") VRRP child has sent no advert for the time its peers wait: killing it",
                )
            }
            Self::Fenced { addresses } => {
                write!(
                    f,
                    "Taking away {addresses} addresses that the VRRP child owned"
                )
            }
            Self::NotTakenAway { error, others } => {
                f.write_str(error)?;
                if *others > 0 {
                    write!(f, " (and {others} more)")?;
                }
                f.write_str(": it is still there, and tried again every second")
            }
            Self::TakenAwayAtLast { objects } => write!(
                f,
                "Nothing is left of {objects} objects that could not be taken away at once"
            ),
            Self::StartupComplete => f.write_str("Startup complete"),
            Self::Reloading => f.write_str("Reloading ..."),
            Self::ReloadQueued => f.write_str("Reload already in progress, request queued"),
            Self::ReloadRejected => {
                f.write_str("Reload rejected: the old configuration stays in force")
            }
            Self::ReloadComplete => f.write_str("Reload complete"),
            Self::NothingToRun => f.write_str("Warning - Holdfast has no configuration to run"),
            Self::Stopping => f.write_str("Stopping"),
            Self::ForcedTermination { kind } => {
                write!(f, "{kind} process failed to die - forcing termination")
            }
        }
    }
}
