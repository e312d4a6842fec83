//! `startup_script` and `shutdown_script`: run by the parent while it has no children.

use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use crate::sys::script::{Script, kill_group, spawn};
use crate::types::ScriptCommand;

/// Runs the script and waits for its end, at most `limit`: then it is killed with all that it has started. What goes
/// wrong is said and holds up nothing.
pub(super) async fn run(keyword: &str, command: Option<&ScriptCommand>, limit: Duration) {
    let Some(command) = command else { return };
    let script = Script {
        argv: &command.argv,
        program: command.program.as_deref(),
        user: command.user.map(|user| (user.uid, user.gid)),
        groups: &command.groups,
    };
    info!("Running {keyword} {command}");
    let mut child = match spawn(&script, &[]) {
        Ok(child) => child,
        Err(error) => return warn!("Unable to run {keyword} {command}: {error}"),
    };
    match timeout(limit, child.wait()).await {
        Ok(Ok(status)) if status.success() => {}
        Ok(Ok(status)) => warn!("{keyword} {command} has failed ({status})"),
        Ok(Err(error)) => warn!("Unable to wait for {keyword} {command}: {error}"),
        Err(_) => {
            let seconds = limit.as_secs();
            warn!("{keyword} {command} has not ended within {seconds} s: killing it");
            if let Some(pid) = child.id() {
                let _ = kill_group(pid, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn command(line: &str) -> ScriptCommand {
        ScriptCommand {
            argv: ["/bin/sh", "-c", line].map(ToOwned::to_owned).into(),
            ..ScriptCommand::default()
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_script_is_waited_for_and_killed_at_its_timeout() {
        let dir = tempfile::tempdir().expect("directory");
        let mark = dir.path().join("mark");
        let touch = command(&format!("sleep 0.1; touch {}", mark.display()));
        run("startup_script", Some(&touch), Duration::from_secs(10)).await;
        assert!(mark.exists());
        let begun = Instant::now();
        let hangs = command("sleep 60 & sleep 60");
        run("startup_script", Some(&hangs), Duration::from_millis(200)).await;
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
