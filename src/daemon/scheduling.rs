//! How the children run, by `vrrp_priority` and its kind.

use std::ffi::CString;
use std::fmt::Display;
use std::io;
use std::time::Duration;

use tracing::{debug, warn};

use super::message::ChildKind;
use crate::config::{Process, Processes};
use crate::sys::process;
use crate::sys::scheduling::{self, Lock};

/// Shorter than that of others (1.4 ms on two processors), so that adverts, leases and their ends do not wait for the end
/// of theirs, and longer than a burst of adverts takes, so that none is interrupted.
const SLICE: Duration = Duration::from_micros(700);

/// Nice value of who must be in time and needs little, where the file says nothing. With the slice it makes the
/// kernel let them interrupt others at nearly every wake-up.
const PUNCTUAL: i8 = -20;

/// The parent's: it ends leases in time.
pub(super) fn of_parent(processes: &Processes) {
    if let Some(name) = &processes.process_name {
        be_called(name);
    }
    be_punctual();
}

/// What `ps` and `top` show, cut off at 15 bytes.
fn be_called(name: &str) {
    if let Ok(name) = CString::new(name) {
        process::set_name(&name);
    }
}

/// `None`: as the program is called.
fn name(kind: ChildKind, processes: &Processes) -> Option<&str> {
    let (own, standard) = match kind {
        ChildKind::Vrrp => (&processes.vrrp.process_name, "holdfast_vrrp"),
        ChildKind::Checker => (&processes.checker.process_name, "holdfast_check"),
        ChildKind::DataPlane => (&None, "holdfast_lvs"),
    };
    let standard = processes.process_names.then_some(standard);
    own.as_deref()
        .or(standard)
        .or(processes.process_name.as_deref())
}

/// Where a right is missing, it runs as any other.
fn be_punctual() {
    if let Err(error) = scheduling::set_nice(PUNCTUAL) {
        debug!("Unable to set the nice value ({error})");
    }
    shorten_slice();
}

fn shorten_slice() {
    if let Err(error) = scheduling::set_slice(SLICE) {
        debug!("Unable to ask for a short slice ({error})");
    }
}

/// Takes the settings into force for this process; what is not permitted is said and left. The data plane has
/// no keywords.
pub(super) fn apply(kind: ChildKind, processes: &Processes) {
    if let Some(name) = name(kind, processes) {
        be_called(name);
    }
    let process = match kind {
        ChildKind::Vrrp => &processes.vrrp,
        ChildKind::Checker => &processes.checker,
        ChildKind::DataPlane => return,
    };
    lock(kind, process);
    if let Some(priority) = process.priority {
        said("set the nice value", scheduling::set_nice(priority));
    }
    match (kind, process.priority) {
        (ChildKind::Vrrp, None) => be_punctual(),
        (ChildKind::Vrrp, Some(_)) => shorten_slice(),
        (ChildKind::Checker | ChildKind::DataPlane, _) => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_called_by_its_own_name_then_by_its_kind_then_as_all() {
        let mut processes = Processes::default();
        assert_eq!(name(ChildKind::Vrrp, &processes), None);
        processes.process_name = Some("ha".to_owned());
        assert_eq!(name(ChildKind::Vrrp, &processes), Some("ha"));
        processes.process_names = true;
        assert_eq!(name(ChildKind::Vrrp, &processes), Some("holdfast_vrrp"));
        processes.vrrp.process_name = Some("mine".to_owned());
        assert_eq!(name(ChildKind::Vrrp, &processes), Some("mine"));
        assert_eq!(name(ChildKind::Checker, &processes), Some("holdfast_check"));
    }
}
