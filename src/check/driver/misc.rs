//! Runs MISC_CHECK.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Child;
use tokio::time::timeout;

use crate::check::{Outcome, SCRIPT_GRACE, ScriptEnd, misc};
use crate::config::MiscCheck;
use crate::notify::driver::spawn;
use crate::sys::script;

/// Runs the script to its end, or ends it and its descendants after misc_timeout.
pub(super) async fn check(check: &MiscCheck) -> Outcome {
    misc::outcome(run(check).await, check.misc_dynamic)
}

async fn run(check: &MiscCheck) -> ScriptEnd {
    let mut child = match spawn(&check.misc_path, &[]) {
        Ok(child) => child,
        Err(error) => {
            return ScriptEnd::NotStarted {
                reason: error.to_string(),
            };
        }
    };
    let mut group = Group(child.id());
    match timeout(check.misc_timeout, child.wait()).await {
        Ok(Ok(status)) => {
            group.disarm();
            end_of(status)
        }
        Ok(Err(error)) => ScriptEnd::NotStarted {
            reason: error.to_string(),
        },
        Err(_) => {
            end_group(&mut child, &mut group).await;
            ScriptEnd::TimedOut
        }
    }
}

fn end_of(status: ExitStatus) -> ScriptEnd {
    match (status.code(), status.signal()) {
        (Some(code), _) => ScriptEnd::Exited(code),
        (None, signal) => ScriptEnd::Signaled(signal.unwrap_or_default()),
    }
}

/// SIGTERM, SIGKILL a little later. The group is killed even if its leader went at SIGTERM: what it has started
/// may not have.
async fn end_group(child: &mut Child, group: &mut Group) {
    group.signal(false);
    let left = timeout(SCRIPT_GRACE, child.wait()).await.is_ok();
    group.signal(true);
    group.disarm();
    if !left {
        // Not for ever: a process may hang in the kernel.
        let _ = timeout(Duration::from_secs(1), child.wait()).await;
    }
}

/// The process group of a running script; killed when the check is cancelled.
struct Group(Option<u32>);

impl Group {
    fn disarm(&mut self) {
        self.0 = None;
    }

    fn signal(&self, force: bool) {
        if let Some(leader) = self.0 {
            // Gone already, or not ours to kill: neither can be helped.
            let _ = script::kill_group(leader, force);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(true);
    }
}
