//! How the children run, by `vrrp_priority` and its kind.

use std::fmt::Display;
use std::io;

use tracing::{debug, warn};

use super::message::ChildKind;
use crate::config::{Process, Processes};
use crate::sys::scheduling::{self, Lock};

/// Takes the settings into force for this process; what is not permitted is said and left. The data plane has
/// no keywords.
pub(super) fn apply(kind: ChildKind, processes: &Processes) {
    let process = match kind {
        ChildKind::Vrrp => &processes.vrrp,
        ChildKind::Checker => &processes.checker,
        ChildKind::DataPlane => return,
    };
    lock(kind, process);
    if process.priority != 0 {
        said("set the nice value", scheduling::set_nice(process.priority));
    }
    if !process.cpu_affinity.is_empty() {
        said(
            "set the processors",
            scheduling::set_affinity(&process.cpu_affinity),
        );
    }
    if let Some(limit) = process.rlimit_rttime {
        said("limit real-time work", scheduling::limit_realtime(limit));
    }
    if let Some(priority) = process.rt_priority {
        said(
            "set the real-time priority",
            scheduling::set_realtime(priority),
        );
    }
}

/// The VRRP child never waits for memory that it has used before.
fn lock(kind: ChildKind, process: &Process) {
    if process.no_swap {
        said("lock memory", scheduling::lock_memory(Lock::Everything));
    } else if kind == ChildKind::Vrrp
        && let Err(error) = scheduling::lock_memory(Lock::Used)
    {
        debug!("Memory is not locked: {error}");
    }
}

fn said(attempted: impl Display, result: io::Result<()>) {
    if let Err(error) = result {
        warn!("Unable to {attempted} ({error})");
    }
}
